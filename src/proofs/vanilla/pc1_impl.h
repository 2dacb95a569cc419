/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The parts of precommit 1 that one sector and a batch of sectors share: everything but the labels.
 * Internal to proofs/vanilla. */
#ifndef SLK_PROOFS_VANILLA_PC1_IMPL_H
#define SLK_PROOFS_VANILLA_PC1_IMPL_H

#include "base/outfile.h"
#include "proofs/vanilla/cache.h"

/* A sector between begin and end. */
typedef struct slk_pc1_work {
    slk_pc1_state state;
    int lock; /* of the cache folder; -1 none */
    bool fresh; /* the cache folder was made for this */
} slk_pc1_work;

#define SLK_PC1_WORK_NONE ((slk_pc1_work){.lock = -1})

/* Checks the request, locks the cache, writes TreeD and the copy of the data, and forgets layers whose
 * files are not what the state says. After a failure, too, the work must be ended. */
SLK_MUST_CHECK slk_err slk_pc1_begin(slk_pc1_work *work, const slk_pc1_request *request,
                                     slk_error *error);
/* Unlocks. A folder that was made for this and stayed empty is removed again. Idempotent. */
void slk_pc1_end(slk_pc1_work *work, const slk_pc1_request *request);

/* The first part of begin: TreeD, and the data under the sealed file's name. found: state was read from the
 * cache; then the data must be what it says. Files of an earlier precommit 2 are removed. */
SLK_MUST_CHECK slk_err slk_pc1_data(slk_pc1_state *state, bool found,
                                    const slk_pc1_request *request, slk_error *error);

/* Opens the file of a layer under its official temporary name, its disk blocks reserved. */
SLK_MUST_CHECK slk_err slk_pc1_layer_open(slk_outfile *ret_file, const slk_pc1_request *request,
                                          unsigned layer, slk_error *error);
/* The file is complete: makes it durable and notes its digest (see digest.h) in the state. */
SLK_MUST_CHECK slk_err slk_pc1_layer_commit(slk_pc1_work *work, const slk_pc1_request *request,
                                            unsigned layer, slk_outfile *file,
                                            const uint8_t digest[32], slk_error *error);

/* Makes the layers that the state of a begun work lacks. */
SLK_MUST_CHECK slk_err slk_pc1_layers(slk_pc1_work *work, const slk_pc1_request *request,
                                      slk_error *error);

#endif
