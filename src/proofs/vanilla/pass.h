/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One pass over the labels and the data of a sector: every byte is read once, and on its way it is
 * digested, its column is hashed into TreeC, the replica is encoded, written and hashed into TreeR. */
#ifndef SLK_PROOFS_VANILLA_PASS_H
#define SLK_PROOFS_VANILLA_PASS_H

#include "base/outfile.h"
#include "proofs/tree/base_trees.h"
#include "proofs/vanilla/digest.h"

#include <stdbool.h>
#include <stdint.h>

#define SLK_PASS_INPUTS (SLK_MAX_LAYERS + 1u)

/* Layer l is input l - 1, the data (TreeD) input shape->layers. What is NULL is not made. */
typedef struct slk_pass {
    const slk_crypto *crypto;
    const slk_sector_shape *shape;
    int fd[SLK_PASS_INPUTS]; /* owned */
    char *path[SLK_PASS_INPUTS]; /* owned */
    slk_digests digests[SLK_MAX_LAYERS]; /* owned; with .of NULL a layer is not digested */
    uint8_t *tree_d_digests; /* owned: one per chunk of TreeD and one; NULL: not digested */
    bool zero_data; /* TreeD is not there and not read: all data is zero */
    slk_base_trees *tree_c, *tree_r;
    slk_outfile *sealed; /* where the replica goes, together with tree_r */
    slk_outfile *columns; /* the labels again, node by node, together with tree_c */
} slk_pass;

/* Opens the layers and, unless zero_data, TreeD of the cache folder and checks their sizes. pass is given
 * to slk_pass_done whatever the result. */
SLK_MUST_CHECK slk_err slk_pass_open(slk_pass *ret_pass, const slk_crypto *crypto,
                                     const slk_sector_shape *shape, const char *cache,
                                     bool zero_data, slk_error *error);
void slk_pass_done(slk_pass *pass); /* idempotent, zeroed allowed */

/* Digest all inputs, which are then all read; TreeD as slk_tree_builder_digest does. Memory: 32 bytes
 * per MiB. */
SLK_MUST_CHECK slk_err slk_pass_digest(slk_pass *pass, slk_error *error);
/* After the pass. layer counts from 0; not of TreeD with zero_data. */
void slk_pass_layer_digest(const slk_pass *pass, unsigned layer, uint8_t out32[32]);
SLK_MUST_CHECK slk_err slk_pass_tree_d_digest(slk_pass *pass, uint8_t out32[32], slk_error *error);

/* The pass itself. SLK_E_CORRUPT: a node that is no field element. Advances the job by nodes. The
 * digests are complete afterwards, and until they are compared nothing made here may be trusted.
 * Memory: 2 MiB + 32 KiB * (layers + 1) per thread, and 32 KiB * layers with columns. */
SLK_MUST_CHECK slk_err slk_pass_run(slk_pass *pass, slk_pool *pool, slk_job *job, slk_error *error);

#endif
