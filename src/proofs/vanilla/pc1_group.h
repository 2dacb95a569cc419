/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Labelling of one group of a batch by one thread. Internal to the batch. */
#ifndef SLK_PROOFS_VANILLA_PC1_GROUP_H
#define SLK_PROOFS_VANILLA_PC1_GROUP_H

#include "crypto/sha256/sha256_label.h"
#include "proofs/graph/parents.h"
#include "proofs/vanilla/label_store.h"
#include "proofs/vanilla/pc1_lane.h"

typedef struct slk_pc1_group {
    const slk_label_kernel *kernel;
    const slk_parents *parents;
    slk_job *job; /* of the batch; advanced by nodes of the layers this group makes */
    slk_label_store_plan plan;
    slk_pc1_lane *const *lanes; /* at least one, at most kernel->lanes, of one shape */
    unsigned n;
    /* Left by the run. */
    uint64_t labels;
    double cpu_seconds;
} slk_pc1_group;

/* Layers this group has to make, by what its lanes have finished. */
unsigned slk_pc1_group_layers(const slk_pc1_group *group);

/* Makes them; ends every lane that is not ended, well or with its failure. */
void slk_pc1_group_run(slk_pc1_group *group);

#endif
