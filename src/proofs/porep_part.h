/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Some partitions of one proof on their way from the worker that made them to whoever joins them:
 * a file that says what is proved, and the proofs. Everything in it is public.
 *
 *   {"selkie_proof_part":1,"seal_proof":8,"miner":1000,"sector":7,"ticket":"<hex>","seed":"<hex>",
 *    "comm_r":"<hex>","comm_d":"<hex>","first":0,"proofs":"<hex, 192 bytes per partition>"} */
#ifndef SLK_PROOFS_POREP_PART_H
#define SLK_PROOFS_POREP_PART_H

#include "base/buf.h"
#include "proofs/porep.h"

/* Text of a part at most: 126 partitions in hex, and the statement. */
#define SLK_POREP_PART_BYTES_MAX 65536u

typedef struct slk_porep_part {
    slk_porep_statement statement;
    unsigned first, n;
    uint8_t *proofs; /* heap, 192 * n bytes; slk_porep_part_done */
} slk_porep_part;

void slk_porep_part_done(slk_porep_part *part); /* idempotent on a zeroed struct */

/* Appends the text. SLK_E_UNSUPPORTED for a seal proof without a registered number; SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_porep_part_write(slk_buf *out, const slk_porep_part *part,
                                            slk_error *error);
/* SLK_E_CORRUPT with the field when the text is no such part. The proofs are not looked at. */
SLK_MUST_CHECK slk_err slk_porep_part_read(slk_porep_part *ret_part, const void *text, size_t n,
                                           slk_error *error);

/* The whole proof from n >= 1 parts in any order: ret_proof holds slk_seal_proof_bytes of the first
 * part's. SLK_E_INVAL: parts of different statements, a partition missing or there twice.
 * SLK_E_CORRUPT: the joined proof does not verify under key. Untouched on failure. */
SLK_MUST_CHECK slk_err slk_porep_join(uint8_t *ret_proof, const slk_crypto *crypto, slk_pool *pool,
                                      const slk_params_key *key, const slk_porep_part *parts,
                                      size_t n, slk_error *error);

#endif
