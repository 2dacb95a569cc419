/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Precommit 1 of many sectors at once: all their labels of a node are hashed side by side.
 *
 * Sectors may belong to different miners; each has its own ticket, data, folders and end. Those that
 * share a graph (size, porep id, API version) are labelled in groups, one group to a thread, as many
 * sectors to a group as the processor's best kernel takes. What a sector is given (files, state,
 * meaning of a repetition) is exactly what slk_pc1 gives. A sector that fails or is canceled leaves its
 * group, and the others go on. */
#ifndef SLK_PROOFS_VANILLA_PC1_BATCH_H
#define SLK_PROOFS_VANILLA_PC1_BATCH_H

#include "base/aio.h"
#include "proofs/vanilla/seal.h"

#include <stddef.h>
#include <stdint.h>

#define SLK_PC1_BATCH_MAX 1024u /* sectors of one call */

/* How a batch is run. Borrowed for the call. */
typedef struct slk_pc1_batch_options {
    slk_seal_env env; /* for all sectors; its job cancels and watches the whole batch */
    unsigned threads; /* groups labelled at the same time at most; 0: one per processor */
    unsigned lanes; /* sectors of one group at most, up to 32; 0: what is fastest here, measured */
    uint64_t memory_bytes; /* for labels, of all threads together; 0: three quarters of
                            * what the machine has to spare */
    /* Folders for labels that memory does not hold, best one per drive. None: the cache folder of a
     * group's first sector. */
    const char *const *folders;
    size_t n_folders;
    slk_aio_way way;
    /* Told the place of a sector in the list when its outcome is there, from any thread; may be NULL. */
    void (*ended)(void *context, size_t index);
    void *context;
} slk_pc1_batch_options;

typedef struct slk_pc1_outcome {
    slk_err code;
    slk_error error; /* unless code is SLK_OK */
    slk_pc1_result result; /* if code is SLK_OK */
} slk_pc1_outcome;

/* What labelling cost, over all groups. */
typedef struct slk_pc1_batch_stats {
    uint64_t labels; /* nodes * sectors * layers made in this call */
    double seconds; /* wall time of labelling, layer files included */
    double cpu_seconds; /* of the labelling threads, the kernel's work for them included */
    uint64_t memory_bytes; /* of the stores, at most at one time */
} slk_pc1_batch_stats;

/* Seals requests[0 .. n), n up to SLK_PC1_BATCH_MAX, outcomes[i] for each; returns how many failed. Of a
 * request's env only the job is used: it cancels that sector and shows its stages.
 *
 * Two sectors with the same cache folder or sealed file, by whatever names: the later is SLK_E_INVAL. A failure of
 * what a group shares (memory, files for labels) is the failure of all sectors in it. Finished layers
 * are kept as by slk_pc1: a group begins above the last layer that all its sectors have.
 *
 * Memory: options->memory_bytes for labels at most, and 2 MiB per sector of the groups at work. Two
 * layers of all these sectors are held in memory if that suffices; else on files, sized 2 * sector *
 * lanes per group at work (label_store.h). ret_stats may be NULL. */
size_t slk_pc1_batch(slk_pc1_outcome *outcomes, slk_pc1_batch_stats *ret_stats,
                     const slk_pc1_request *requests, size_t n,
                     const slk_pc1_batch_options *options);

/* What a batch of n sectors of one graph would do, without doing it. */
typedef struct slk_pc1_batch_plan {
    unsigned groups, groups_at_once;
    unsigned group_sectors; /* of the largest group */
    const char *kernel; /* of that group */
    unsigned kernel_lanes;
    double label_ns; /* of one node and sector, one thread, measured with parents in the cache */
    bool in_memory;
    uint64_t memory_bytes; /* of labels, all groups at work */
    uint64_t store_bytes; /* of files for labels, all groups at work */
    uint64_t sector_bytes; /* of all files the sectors are given by precommit 1 */
    uint64_t parents_bytes; /* of the table of parents, once for all */
} slk_pc1_batch_plan;

/* SLK_E_LIMIT: memory_bytes is too small. n from 1. Takes some milliseconds to measure kernels. */
SLK_MUST_CHECK slk_err slk_pc1_batch_make_plan(slk_pc1_batch_plan *ret_plan,
                                               const slk_sector_shape *shape, size_t n,
                                               const slk_pc1_batch_options *options,
                                               slk_error *error);

#endif
