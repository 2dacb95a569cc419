/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The client's side of remote seal: whom we order from, our sectors, and what our endpoints do. */
#ifndef SLK_SEAL_CLIENT_H
#define SLK_SEAL_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "seal/ops.h"
#include "seal/seal.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- for the operator ---- */

/* Adds a provider for a miner, or gives the one with the same url a new token and name. The token
 * is 64 hex characters and is kept wrapped. The caller has tested the connection if it wants to. */
SLK_MUST_CHECK slk_err slk_client_provider_add(int64_t *ret_id, slk_seal *seal, uint64_t sp_id,
                                               const char *url, const char *token, const char *name,
                                               slk_error *error);
/* What `provider set` changes: NULL leaves as it is. price: attoFIL per sector, decimal digits; "" is
 * unknown and counts as nothing. SLK_E_EXISTS when another provider of the miner has the url. */
typedef struct slk_client_provider_change {
    const char *url;
    const char *name;
    const char *price;
} slk_client_provider_change;
SLK_MUST_CHECK slk_err slk_client_provider_set(slk_seal *seal, int64_t id,
                                               const slk_client_provider_change *change,
                                               slk_error *error);
/* Its url (at least 512 chars) and its token in clear, appended to ret_token: for a test of the
 * connection; the caller wipes it. */
SLK_MUST_CHECK slk_err slk_client_provider_secret(char *ret_url, slk_buf *ret_token, slk_seal *seal,
                                                  int64_t id, slk_error *error);
/* Disabled: no new orders go there, what it has is finished. Enabling also lets a provider back that
 * was found lying. */
SLK_MUST_CHECK slk_err slk_client_provider_enable(slk_seal *seal, int64_t id, bool enabled,
                                                  slk_error *error);
/* Disables it, and what it has not sealed yet goes to other providers where there are some. */
SLK_MUST_CHECK slk_err slk_client_provider_leave(slk_seal *seal, int64_t id, slk_error *error);
/* SLK_E_CONFLICT while sectors of it are not released. Its record goes with it. */
SLK_MUST_CHECK slk_err slk_client_provider_remove(slk_seal *seal, int64_t id, slk_error *error);

/* A sector to be had. */
typedef struct slk_client_wish {
    uint64_t sp_id;
    int64_t seal_proof;
    int64_t duration_epochs; /* 0: the longest */
    uint64_t most_under_way; /* of that miner, this one not counted; 0: any number */
    int64_t only_provider_id; /* nobody else is asked for it; 0: whoever is best */
    bool held; /* nobody is asked before slk_client_let_begin */
    const char *actor; /* who wants it, for the timeline */
} slk_client_wish;

/* Orders one sector: asks the chain whether the miner can have it, takes the lowest number that is free
 * on chain and was never given out here, and leaves the rest to the steps. *ret_full: nothing was
 * ordered, so many are under way already; that is counted in the transaction which takes the number,
 * so that any number of nodes may call this at once. SLK_E_NOTFOUND when the miner has no enabled
 * provider. */
SLK_MUST_CHECK slk_err slk_client_allocate(bool *ret_full, uint64_t *ret_number, slk_seal *seal,
                                           const slk_client_wish *wish, slk_error *error);
/* A held sector may begin; again is fine. SLK_E_NOTFOUND. In a transaction or outside one; call slk_seal_wake
 * after it. One that is not wanted after all is canceled as any other. */
SLK_MUST_CHECK slk_err slk_client_let_begin(slk_db *db, uint64_t sp_id, uint64_t number,
                                            slk_error *error);
/* slk_client_allocate for an operator, without a limit. */
SLK_MUST_CHECK slk_err slk_client_order(uint64_t *ret_number, slk_seal *seal, uint64_t sp_id,
                                        int64_t seal_proof, int64_t duration_epochs,
                                        slk_error *error);
/* Sectors of the miner that are neither proving nor canceled; failed ones count until somebody has
 * retried or canceled them. */
SLK_MUST_CHECK slk_err slk_client_under_way(uint64_t *ret_n, slk_db *db, uint64_t sp_id,
                                            slk_error *error);

/* Lets go of a failed sector's brake; a message that the chain refused is followed by another, and
 * messages are counted anew. SLK_E_CONFLICT when it has not failed. */
SLK_MUST_CHECK slk_err slk_client_retry(slk_seal *seal, uint64_t sp_id, uint64_t number,
                                        slk_error *error);
/* Goes back to the state before a stage, failed or not: "order" (another provider seals it; the former
 * one is told to clean up), "fetch", "verify", "seed", "c1", "porep". SLK_E_INVAL no such stage;
 * SLK_E_CONFLICT when the sector is not that far, or when going back could lead to two pre-commits
 * under one number. dry_run: only says whether it could be done. */
SLK_MUST_CHECK slk_err slk_client_retry_from(slk_seal *seal, uint64_t sp_id, uint64_t number,
                                             const char *stage, bool dry_run, slk_error *error);
const char *slk_client_stage_name(size_t i); /* of the i-th stage; NULL past the last */
/* Gives a sector up: the provider is told to clean up, our files of it are removed unless the chain
 * has a pre-commit or the sector, or may yet get one from a message. Idempotent. SLK_E_CONFLICT, with
 * what would be lost, when money may be on chain, failed or not; really does it nevertheless. */
typedef struct slk_client_cancel_options {
    bool really;
    bool dry_run; /* only says whether it could be done */
} slk_client_cancel_options;
SLK_MUST_CHECK slk_err slk_client_cancel(slk_seal *seal, uint64_t sp_id, uint64_t number,
                                         const slk_client_cancel_options *options,
                                         slk_error *error);

typedef struct slk_client_remove_options {
    bool really; /* also when the chain has the sector */
    bool keep_files;
    bool dry_run;
} slk_client_remove_options;
/* Takes a finished or canceled sector's rows and files out of here; its timeline stays, its number is
 * not used again. SLK_E_CONFLICT while a provider keeps it or the chain counts on it. */
SLK_MUST_CHECK slk_err slk_client_remove(slk_seal *seal, uint64_t sp_id, uint64_t number,
                                         const slk_client_remove_options *options,
                                         slk_error *error);

/* ---- the way back ---- */

#define SLK_NONCE_CHARS 65u /* 64 hex and NUL */
/* A nonce is good for so long. */
#define SLK_CLIENT_CALL_BACK_MS 300000

/* Whether a provider reaches us is tried by a secret: it is made here, the provider is asked to bring it
 * to the address it has of us, the node that gets it there notes it in the database, and whoever made it
 * asks whether it was seen. */
SLK_MUST_CHECK slk_err slk_client_nonce_make(char ret_nonce[SLK_NONCE_CHARS], slk_seal *seal,
                                             slk_error *error);
/* It came. SLK_E_NOTFOUND when none of ours, or too old (any text may come in). */
SLK_MUST_CHECK slk_err slk_client_nonce_take(slk_seal *seal, const char *nonce, slk_error *error);
SLK_MUST_CHECK slk_err slk_client_nonce_seen(bool *ret_seen, slk_seal *seal, const char *nonce,
                                             slk_error *error);

/* ---- the constant flow ---- */

#define SLK_CLIENT_KEEP_MAX 10000

/* What the flow keeps to for one miner; what is not set here is the options'. */
typedef struct slk_client_miner {
    int64_t keep_in_flight; /* < 0: the options'; 0: none are ordered */
    int64_t seal_proof; /* < 0: the options' */
    int64_t duration_epochs; /* < 0: the longest */
    char reserve[SLK_SEAL_ATTO_CHARS]; /* attoFIL that are left alone; "": the options' */
} slk_client_miner;

/* All unset when nothing was set for the miner. */
SLK_MUST_CHECK slk_err slk_client_miner_get(slk_client_miner *ret, slk_seal *seal, uint64_t sp_id,
                                            slk_error *error);
/* SLK_E_INVAL where _set would refuse. */
SLK_MUST_CHECK slk_err slk_client_miner_check(slk_seal *seal, uint64_t sp_id,
                                              const slk_client_miner *miner, slk_error *error);
SLK_MUST_CHECK slk_err slk_client_miner_set(slk_seal *seal, uint64_t sp_id,
                                            const slk_client_miner *miner, slk_error *error);
/* Do the miner's balances suffice for count more sectors beside those under way, with reserve (attoFIL,
 * NULL or "" none) left over? A sector takes the larger of deposit and pledge. SLK_E_LIMIT with both
 * amounts when not. Without a chain that tells: yes. */
SLK_MUST_CHECK slk_err slk_client_check_funds(slk_seal *seal, uint64_t sp_id, int64_t seal_proof,
                                              uint64_t count, const char *reserve,
                                              slk_error *error);
/* One look at all miners with an enabled provider: orders what is missing of their number in flight,
 * as far as the money goes; *ret_ordered of them. What keeps one miner from more is noted with it and
 * is not an error. A started node does this by itself, every quarter of a minute. */
SLK_MUST_CHECK slk_err slk_client_flow(uint64_t *ret_ordered, slk_seal *seal, slk_error *error);

/* ---- for the endpoints ---- */

/* SLK_E_AUTH when no provider of ours has that token (any text may come in). */
SLK_MUST_CHECK slk_err slk_client_authorize(slk_seal *seal, const char *token, slk_error *error);
/* A provider tells that it is done. Converges with the poll; idempotent. SLK_E_AUTH: no provider
 * of ours has that token; SLK_E_NOTFOUND: not a sector delegated to a provider with that token. */
SLK_MUST_CHECK slk_err slk_client_complete(slk_seal *seal, const char *token, uint64_t sp_id,
                                           uint64_t number, const slk_seal_completion *completion,
                                           slk_error *error);
/* A fresh ticket for a miner of ours. SLK_E_NOTFOUND: no provider is configured for it;
 * SLK_E_UNREACHABLE: no chain. */
SLK_MUST_CHECK slk_err slk_client_ticket(uint8_t ret_ticket[32], int64_t *ret_epoch, slk_seal *seal,
                                         uint64_t sp_id, slk_error *error);

/* Absolute paths of a sector's files in the storage folder (heap, the caller frees). */
SLK_MUST_CHECK slk_err slk_client_paths(char **ret_sealed, char **ret_cache, slk_seal *seal,
                                        uint64_t sp_id, uint64_t number, slk_error *error);

#endif
