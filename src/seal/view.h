/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What people see: JSON text appended to out, from one read of the database, never a lock of the
 * scheduler. No token, hash or wrapped token is ever in it. Times are "…_ms", wall clock. */
#ifndef SLK_SEAL_VIEW_H
#define SLK_SEAL_VIEW_H

#include "base/buf.h"
#include "base/err.h"
#include "seal/seal.h"
#include "seal/state.h"

#include <stddef.h>
#include <stdint.h>

/* [{"id","name","url","allowance_remaining","allowance_total","active","live_slots","failed","proofs",
 *   "weight","expires_ms" or null,"miners":[{"sp_id","max_sectors","active"}],"created_ms"}] */
SLK_MUST_CHECK slk_err slk_view_partners(slk_buf *out, slk_seal *seal, slk_error *error);

/* [{"id","sp_id","url","name","enabled","active","done","failed","disabled_reason","price" (attoFIL, ""
 * unknown),"orders_move","verified","failures","lies","releases_owed","usual_ms"}] */
SLK_MUST_CHECK slk_err slk_view_providers(slk_buf *out, slk_seal *seal, slk_error *error);

/* Miners that have providers, with what was set for the constant flow (null: not set) and what it waits
 * for: [{"sp_id","providers","providers_enabled","keep_in_flight","seal_proof","duration_epochs",
 * "reserve","note","under_way","proving","failed"}] */
SLK_MUST_CHECK slk_err slk_view_miners(slk_buf *out, slk_seal *seal, slk_error *error);

/* Sectors of both roles, newest first, at most limit (0: 1000):
 * [{"role","sp_id","number","seal_proof","state","failed","reason","message","since_ms",
 *   "peer","comm_d","comm_r","precommit_cid","commit_cid",
 *   "deposit","pledge"    attoFIL as the chain has them, null before
 *   "task":{"step","owner","running","stage","done","total","eta_ms","attempts","not_before_ms",
 *           "last_error"} or null,
 *   "next"}]    what happens next, or with failed what a person should do */
SLK_MUST_CHECK slk_err slk_view_sectors(slk_buf *out, slk_seal *seal, uint64_t limit,
                                        slk_error *error);

/* Which sectors of one side. */
typedef struct slk_view_filter {
    slk_pipeline pipeline;
    int64_t sp_id; /* -1 any */
    const char *states; /* "sealed" or "verified,precommit_sent"; "" any */
    int64_t failed; /* 0 or 1; -1 either */
    int64_t peer_id; /* of the partner (provider side) or the provider (client side); -1 any */
    const char *text; /* in number, peer, CommR, reason or message, any case; "" any */
    uint64_t limit; /* 1..1000 */
    uint64_t offset;
} slk_view_filter;

/* The nodes of this database:
 * [{"name","roles","alive","starts","started_ms","seen_ms","provider_folder","client_folder",
 *   "runs":[{"step","sp_id","number","stage","since_ms"}]}]. alive: seen within the last seconds (in
 * a file: minutes), and not stopped. */
SLK_MUST_CHECK slk_err slk_view_nodes(slk_buf *out, slk_seal *seal, slk_error *error);

/* {"total","rows":[as slk_view_sectors]}, newest first. */
SLK_MUST_CHECK slk_err slk_view_sector_page(slk_buf *out, slk_seal *seal,
                                            const slk_view_filter *filter, slk_error *error);

/* One sector with everything known: {"roles":[as above], "timeline":[{"at_ms","role","node","actor",
 * "event","from","to","detail","lasted_ms"}], "placements":[{"provider","url","ordered_ms",
 * "sealed_ms","verified_ms","ended_ms","outcome","detail","release_owed"}]}. The timeline is oldest
 * first; lasted_ms: until the role's next entry, null for the last. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_view_sector(slk_buf *out, slk_seal *seal, uint64_t sp_id,
                                       uint64_t number, slk_error *error);

/* Messages to the chain, newest first, at most limit (0 or more than 1000: 1000): [{"uuid","kind","sp_id","sectors",
 * "numbers":[] (of the sectors, null when not known),"state","cid","value","max_fee","node","tries",
 * "created_ms","sent_ms","landed_height","exit_code","gas_used"}]. value and max_fee in attoFIL: what
 * the message carries, and the most that its gas can cost. */
SLK_MUST_CHECK slk_err slk_view_messages(slk_buf *out, slk_seal *seal, uint64_t limit,
                                         slk_error *error);

/* Miners that have a sector of that number here, in either role: *ret_n of them, at most max. */
SLK_MUST_CHECK slk_err slk_view_miners_of(uint64_t *ret_sp_ids, size_t *ret_n, size_t max,
                                          slk_seal *seal, uint64_t number, slk_error *error);

#endif
