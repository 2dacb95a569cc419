/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What precommit 1 hands to precommit 2 in Lotus: the proofs library's phase 1 output as JSON, with the
 * ticket in the key `_lotus_SealRandomness`. source: reference/lotus-worker 4.4 */
#ifndef SLK_LOTUS_PC1_OUT_H
#define SLK_LOTUS_PC1_OUT_H

#include "base/buf.h"
#include "base/err.h"
#include "fil/sector.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_LOTUS_PC1_OUT_MAX_BYTES 65536u

typedef struct slk_lotus_pc1_out {
    slk_seal_proof
        proof; /* registered. Read: synthetic and plain may share one name, then the plain one;
                           * whoever knows the number of the proof trusts that */
    uint8_t comm_d[32];
    bool has_ticket;
    uint8_t ticket[32];
} slk_lotus_pc1_out;

/* Appends the text, keys sorted. cache: the folder of the files, as it is to stand in the text (a reader
 * takes its own). */
SLK_MUST_CHECK slk_err slk_lotus_pc1_out_print(slk_buf *out, const slk_lotus_pc1_out *pc1,
                                               const char *cache);

/* n bytes of such a text. Checked: labels and config are those of the proof's sector size, all layers of
 * it in order; CommD is in range. Folders in it are not looked at. SLK_E_INVAL names the field. */
SLK_MUST_CHECK slk_err slk_lotus_pc1_out_read(slk_lotus_pc1_out *ret_pc1, const void *text,
                                              size_t n, slk_error *error);

#endif
