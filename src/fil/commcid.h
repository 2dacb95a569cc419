/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CIDs of commitments: CommD / CommP (unsealed) and CommR (sealed). source: reference/chain 5 */
#ifndef SLK_FIL_COMMCID_H
#define SLK_FIL_COMMCID_H

#include "base/err.h"
#include "codec/cid.h"

#include <stdbool.h>
#include <stdint.h>

/* Range of the 32 little-endian bytes: CommD has its two top bits clear, CommR is below the
 * modulus of the BLS12-381 scalar field. */
bool slk_comm_d_in_range(const uint8_t comm_d32[32]);
bool slk_comm_r_in_range(const uint8_t comm_r32[32]);

/* "baga6ea4seaq…" and "bagboea4b5abca…"; the ranges are asserted. */
void slk_comm_d_cid(slk_cid *ret_cid, const uint8_t comm_d32[32]);
void slk_comm_r_cid(slk_cid *ret_cid, const uint8_t comm_r32[32]);

/* Checks codec, hash, length and range. out32 untouched on failure (SLK_E_INVAL). */
SLK_MUST_CHECK slk_err slk_comm_d_from_cid(uint8_t out32[32], const slk_cid *cid, slk_error *error);
SLK_MUST_CHECK slk_err slk_comm_r_from_cid(uint8_t out32[32], const slk_cid *cid, slk_error *error);

/* Prefix alone (the miner actor looks at nothing else at pre-commit). */
bool slk_comm_d_cid_prefix_ok(const slk_cid *cid);
bool slk_comm_r_cid_prefix_ok(const slk_cid *cid);

#endif
