/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a machine can seal, computed from how fast it does each kind of work: the formulas of `selkie
 * plan`. Pure arithmetic; docs/performance.md explains it. Sectors of 32 and 64 GiB. */
#ifndef SLK_APP_PLAN_MODEL_H
#define SLK_APP_PLAN_MODEL_H

#include "fil/sector.h"

#include <stdbool.h>
#include <stdint.h>

enum { SLK_PLAN_KERNELS = 8 };

/* One machine as measured. Times are nanoseconds of one core; rates are of the whole machine. */
typedef struct slk_plan_machine {
    unsigned cores;
    uint64_t memory_bytes;
    uint64_t parameters_bytes; /* of the Groth16 file of this sector size */
    uint64_t snark_memory_bytes; /* of its proof: proofs/groth16 accounts for it */
    double label_one_ns; /* a node of one sector alone */
    /* Kernels that label several sectors side by side: how many, and the time of a node and sector of a
     * full group. */
    struct slk_plan_kernel {
        unsigned lanes;
        double ns;
    } kernel[SLK_PLAN_KERNELS];
    unsigned n_kernels;
    double pair_ns; /* node of TreeD */
    double column_ns, node_ns; /* Poseidon of arity 11, 8 */
    double butterfly_ns; /* of a transform */
    double scalar_point_ns, one_point_ns; /* point of a sum in G1, full scalar or one */
    double disk_write_bps, disk_read_bps; /* bytes a second, in order */
    double disk_iops; /* random reads of 4 KiB a second */
} slk_plan_machine;

typedef enum slk_plan_bound {
    SLK_PLAN_PROCESSOR,
    SLK_PLAN_DISK_WRITE,
    SLK_PLAN_DISK_READ,
    SLK_PLAN_DISK_IOPS,
    SLK_PLAN_MEMORY,
    SLK_PLAN_BOUNDS
} slk_plan_bound;
const char *slk_plan_bound_name(slk_plan_bound bound); /* "processor", "disk writes", … */

/* One stage of one sector; of a batch, divided by its sectors, but for seconds and memory. */
typedef struct slk_plan_stage {
    const char *name;
    double core_seconds;
    double seconds; /* from start to end when the machine does nothing else */
    uint64_t memory_bytes; /* that the stage needs, with the page cache it lives on */
    uint64_t disk_bytes; /* it leaves on the disk until the sector is finalised */
    uint64_t read_bytes, write_bytes;
    double random_reads;
    double sectors_a_day; /* when the machine does nothing else */
    slk_plan_bound bound;
} slk_plan_stage;

enum { SLK_PLAN_STAGES = 5 }; /* tree-d, labels, pc2, c1, c2 */

typedef struct slk_plan {
    slk_plan_stage stage[SLK_PLAN_STAGES];
    unsigned lanes; /* sectors of a group, which one core labels; 1: one by one */
    unsigned groups; /* at once */
    bool labels_in_memory;
    uint64_t group_bytes; /* what the labels of one group need in memory */
    double core_seconds; /* of all stages */
    double sectors_a_day; /* of all stages together, the machine never idle */
    slk_plan_bound bound;
    uint64_t disk_bytes; /* of a sector at its largest */
    uint64_t network_bytes; /* to the customer, per sector */
    double network_bps; /* bits a second at that many sectors a day */
} slk_plan;

/* batch: sectors may wait for each other, and of the machine's kernels the one is taken that labels most
 * with this memory; else each is labelled as soon as it is there. shape: 32 or 64
 * GiB (an assertion). All rates of the machine
 * more than 0; n_kernels 0 makes a batch as good as none. */
void slk_plan_make(slk_plan *ret_plan, const slk_sector_shape *shape,
                   const slk_plan_machine *machine, bool batch);

#endif
