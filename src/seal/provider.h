/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The provider's side of remote seal: partners, admission, and what its endpoints answer from.
 *
 * Endpoints first turn the token into a slk_partner (slk_provider_authorize), then call one of the
 * functions below with its id. A partner sees only its own sectors: another's is SLK_E_NOTFOUND
 * (or "gone"), exactly as one that does not exist.
 *
 * Admission keeps, over any interleaving of callers and processes (I2):
 *   allowance_remaining = granted - distinct accepted orders, never below 0
 *   uncleaned sectors + live slots <= allowance_total, per partner
 *   uncleaned sectors + live slots of all partners <= capacity_sectors
 * each decision and its counting being one transaction. An order is also refused when the scratch
 * disk has no room for the whole sector beside those under way (disk.h).
 *
 * A sealed or failed sector is kept here under a lease (rseal_provider_pipeline.cleanup_timeout): from
 * the moment it is sealed, whether the client could be told or not, for cleanup_timeout_ms of lived time
 * (times.h). Asking for C1 and renewing start it anew. 12 h and 1 h before its end the timeline notes
 * "lease_ending" and the log warns; at its end the files go as if the client had asked. Both sides see the
 * end in the status. */
#ifndef SLK_SEAL_PROVIDER_H
#define SLK_SEAL_PROVIDER_H

#include "base/err.h"
#include "seal/member.h"
#include "seal/ops.h"
#include "seal/partner.h"
#include "seal/seal.h"

#include <stdbool.h>
#include <stdint.h>

#define SLK_SLOT_CHARS 33u /* 32 hex and NUL */

/* ---- for the operator ---- */

/* Lets go of a failed row's brake: its step is tried again from fresh. SLK_E_CONFLICT when it has
 * not failed. */
SLK_MUST_CHECK slk_err slk_provider_retry(slk_seal *seal, uint64_t sp_id, uint64_t number,
                                          slk_error *error);

/* Stops the work on an accepted sector and removes its files; the client is told "gone" and why.
 * SLK_E_CONFLICT when it is cleaned up already, and unless `really` when it is sealed, for the client
 * may have money on chain. dry_run: only says so. */
SLK_MUST_CHECK slk_err slk_provider_operator_cancel(slk_seal *seal, uint64_t sp_id, uint64_t number,
                                                    bool really, bool dry_run, slk_error *error);
/* As slk_provider_renew, for any partner's sector; for_ms 0: as long as a new lease. dry_run: only
 * says until when. */
SLK_MUST_CHECK slk_err slk_provider_operator_renew(int64_t *ret_until_ms, slk_seal *seal,
                                                   uint64_t sp_id, uint64_t number, int64_t for_ms,
                                                   bool dry_run, slk_error *error);

/* Scratch disk that the largest sector takes which some partner may order now; 0: nobody may order. */
SLK_MUST_CHECK slk_err slk_provider_largest_order(uint64_t *ret_bytes, slk_seal *seal,
                                                  slk_error *error);

/* ---- for the endpoints ---- */

SLK_MUST_CHECK slk_err slk_provider_available(bool *ret_available,
                                              char ret_slot_token[SLK_SLOT_CHARS], slk_seal *seal,
                                              int64_t partner_id, slk_error *error);
/* slot_token "" is allowed: room is then looked for as by available. Refusal is an answer
 * (*ret_accepted false, reason set, SLK_OK), as on the wire. A second order by the same partner is
 * accepted and changes nothing. */
SLK_MUST_CHECK slk_err slk_provider_order(bool *ret_accepted, char reason[SLK_SEAL_REASON_CHARS],
                                          slk_seal *seal, int64_t partner_id,
                                          const char *slot_token, const slk_seal_sector *sector,
                                          slk_error *error);
/* Unknown: SLK_OK and state gone. */
SLK_MUST_CHECK slk_err slk_provider_status(slk_seal_status *ret_status, slk_seal *seal,
                                           int64_t partner_id, uint64_t sp_id, uint64_t number,
                                           slk_error *error);
/* The sector's files, while sealed or finalized. SLK_E_NOTFOUND else. Heap strings, the caller
 * frees both. */
typedef struct slk_provider_files {
    char *sealed_path;
    char *cache_path;
    uint64_t sector_bytes;
    int64_t seal_proof;
    slk_seal_commitments comm;
} slk_provider_files;
void slk_provider_files_done(slk_provider_files *files);
SLK_MUST_CHECK slk_err slk_provider_get_files(slk_provider_files *ret_files, slk_seal *seal,
                                              int64_t partner_id, uint64_t sp_id, uint64_t number,
                                              slk_error *error);
/* *ret_elsewhere: the sector has files and they are not here. Then the other nodes that can answer for
 * them: *ret_n of nodes, 0 when none of them lives. A sector that is not the partner's: false. */
SLK_MUST_CHECK slk_err slk_provider_holders(bool *ret_elsewhere,
                                            slk_member_address nodes[SLK_MEMBER_HOLDERS_MAX],
                                            size_t *ret_n, slk_seal *seal, int64_t partner_id,
                                            uint64_t sp_id, uint64_t number, slk_error *error);
/* The C1 JSON for the seed, as an open read-only file of *ret_bytes (the caller closes it). Made
 * once per seed and kept (the last four seeds) until cleanup; computes on this thread, one per
 * sector at a time; starts the clean-up time-out anew.
 * seed_epoch is only noted; INT64_MIN when not given. SLK_E_BUSY (412) before the trees are done;
 * SLK_E_CONFLICT (409) after finalize unless that seed's C1 is kept; SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_provider_commit1(int *ret_fd, uint64_t *ret_bytes, slk_seal *seal,
                                            int64_t partner_id, uint64_t sp_id, uint64_t number,
                                            int64_t seed_epoch, const uint8_t seed[32],
                                            slk_job *job, slk_error *error);
/* Both idempotent. Finalize before the trees are done: SLK_E_BUSY. Cleanup stops the work. */
SLK_MUST_CHECK slk_err slk_provider_finalize(slk_seal *seal, int64_t partner_id, uint64_t sp_id,
                                             uint64_t number, slk_error *error);
SLK_MUST_CHECK slk_err slk_provider_cleanup(slk_seal *seal, int64_t partner_id, uint64_t sp_id,
                                            uint64_t number, slk_error *error);
/* Cleanup by another name: the client does not want the sector any more. */
SLK_MUST_CHECK slk_err slk_provider_cancel(slk_seal *seal, int64_t partner_id, uint64_t sp_id,
                                           uint64_t number, slk_error *error);
/* The lease begins anew; *ret_until_ms is its end (it never comes nearer). SLK_E_CONFLICT before the
 * sector is sealed and once it is being cleaned up; SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_provider_renew(int64_t *ret_until_ms, slk_seal *seal, int64_t partner_id,
                                          uint64_t sp_id, uint64_t number, slk_error *error);

#endif
