/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Permits: the sectors that a partner may order which may order no others, and whether they are withheld
 * from it once they are sealed. Whoever sells sectors says here which were bought.
 *
 * A withheld sector is sealed like any other, but its partner is told "trees" instead of "complete",
 * gets neither its files nor C1, and is not notified, until slk_provider_hand_over; its lease does not end
 * before. */
#ifndef SLK_SEAL_PERMIT_H
#define SLK_SEAL_PERMIT_H

#include "base/err.h"
#include "db/db.h"
#include "seal/ops.h"
#include "seal/seal.h"

#include <stdbool.h>
#include <stdint.h>

/* From now on admission lets the partner order what it has a permit for and nothing else, as often as its
 * allowance lets. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_partner_permits_only(slk_db *db, int64_t partner_id, slk_error *error);

/* Adds a permit, and one sector to what the partner may still order; inside slk_db_tx (asserted).
 * SLK_E_EXISTS: somebody has one for that sector, or it is here already, whoever's it is;
 * SLK_E_CONFLICT: no such partner. */
SLK_MUST_CHECK slk_err slk_permit_add(slk_db *db, int64_t partner_id, const slk_seal_sector *sector,
                                      bool withheld, slk_error *error);
/* Takes back one that has not been used, inside slk_db_tx (asserted). *ret_unused: false when the sector
 * has been ordered, and nothing was changed. */
SLK_MUST_CHECK slk_err slk_permit_drop(bool *ret_unused, slk_db *db, int64_t partner_id,
                                       uint64_t sp_id, uint64_t number, slk_error *error);

/* Where a sector with a permit stands. */
typedef enum slk_permit_state {
    SLK_PERMIT_UNUSED, /* not ordered yet */
    SLK_PERMIT_SEALING,
    SLK_PERMIT_SEALED,
    SLK_PERMIT_FAILED, /* stopped, until the operator retries or cancels */
    SLK_PERMIT_GONE, /* cleaned up, or being */
} slk_permit_state;

typedef struct slk_permit_look {
    slk_permit_state state;
    bool was_sealed; /* at some time */
    bool withheld;
} slk_permit_look;
/* SLK_E_NOTFOUND: no such permit of that partner. */
SLK_MUST_CHECK slk_err slk_permit_look_at(slk_permit_look *ret_look, slk_db *db, int64_t partner_id,
                                          uint64_t sp_id, uint64_t number, slk_error *error);

/* The partner gets the sector from here on, and its lease begins anew, for keep_ms or as long as a new
 * lease, whichever is more; inside slk_db_tx (asserted). Call slk_seal_wake after COMMIT. SLK_E_CONFLICT when it is not sealed; handing over twice is fine. */
SLK_MUST_CHECK slk_err slk_provider_hand_over(slk_db *db, slk_seal *seal, uint64_t sp_id,
                                              uint64_t number, int64_t keep_ms, slk_error *error);

#endif
