/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How much is here, of whom and where, without counting all rows: the sectors that are not cleaned up, the
 * bytes reserved for those that wait (ordered, ticketed) and for those that were begun, failed ones left
 * out. The view rseal_provider_load (schema.c) has it by partner_id, sp_id and folder_id, several rows of
 * each, to be summed.
 *
 * It is exact whatever changes a row and by which statement: rseal_provider_sum holds the sums as of when
 * each row was last settled, the row (counted_*) what they hold of it, an index finds the rows that have
 * changed since, and the view adds these. Settling only keeps them few. */
#ifndef SLK_SEAL_LOAD_IMPL_H
#define SLK_SEAL_LOAD_IMPL_H

#include "seal/seal.h"

/* Of a row of rseal_provider_pipeline: what is reserved, below zero while nothing was begun. These two texts
 * are in an index: one that says anything else needs a migration of its own. */
#define SLK_LOAD_BYTES                                   \
    "CASE WHEN after_cleanup <> 0 OR failed <> 0 THEN 0" \
    " WHEN state IN ('ordered', 'ticketed') THEN 0 - reserved_bytes ELSE reserved_bytes END"
#define SLK_LOAD_UNSETTLED                                                                \
    "CASE WHEN counted_sectors = 1 - after_cleanup AND counted_folder_id = folder_id AND" \
    " counted_bytes = " SLK_LOAD_BYTES " THEN 0 ELSE 1 END"

/* Settles all rows, in a transaction of its own, if at least so many are not. That others are at them now
 * (SLK_E_BUSY, SLK_E_CONFLICT) is no failure. */
SLK_MUST_CHECK slk_err slk_load_settle(slk_seal *seal, int64_t at_least, slk_error *error);

/* So many may lie unsettled: each costs every reader a few microseconds. */
#define SLK_LOAD_UNSETTLED_MAX 16

#endif
