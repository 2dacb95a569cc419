/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The client's side of remote seal: whom we order from, our sectors, and what our endpoints do. */
#ifndef SLK_SEAL_CLIENT_H
#define SLK_SEAL_CLIENT_H

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
SLK_MUST_CHECK slk_err slk_client_provider_enable(slk_seal *seal, int64_t id, bool enabled,
                                                  slk_error *error);
/* SLK_E_CONFLICT while sectors of it are not released. */
SLK_MUST_CHECK slk_err slk_client_provider_remove(slk_seal *seal, int64_t id, slk_error *error);

/* Orders one sector: asks the chain whether the miner can have it, takes the lowest number free on
 * chain and in our own table, and leaves the rest to the steps. duration_epochs 0 = the longest.
 * SLK_E_NOTFOUND when the miner has no enabled provider. */
SLK_MUST_CHECK slk_err slk_client_order(uint64_t *ret_number, slk_seal *seal, uint64_t sp_id,
                                        int64_t seal_proof, int64_t duration_epochs,
                                        slk_error *error);
/* Lets go of a failed sector's brake; a message that the chain refused is followed by another, and
 * messages are counted anew. SLK_E_CONFLICT when it has not failed. */
SLK_MUST_CHECK slk_err slk_client_retry(slk_seal *seal, uint64_t sp_id, uint64_t number,
                                        slk_error *error);
/* Gives a sector up that has failed, or for which nothing was sent to the chain yet: the provider is
 * told to clean up, our files of it are removed unless the chain has a pre-commit or the sector.
 * Idempotent. SLK_E_CONFLICT when money may be on chain and the sector has not failed. */
SLK_MUST_CHECK slk_err slk_client_abandon(slk_seal *seal, uint64_t sp_id, uint64_t number,
                                          slk_error *error);

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
