/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A running node's workers: the farm, the prover made of it, and the API that workers and Lotus's tools
 * call, on an address of its own.
 *
 * The repository gets the files that a worker looks for: `api` (where), `token` (a JWT with all four
 * permissions, 0600) and `keystore/` (what tokens are signed with). source: reference/lotus-worker 1.4 */
#ifndef SLK_APP_FARM_SERVICE_H
#define SLK_APP_FARM_SERVICE_H

#include "app/repo.h"
#include "base/err.h"
#include "db/db.h"
#include "seal/ops.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Threads that wait for workers, of each class: many more than compute at this node. */
#define SLK_FARM_COMPUTE_THREADS 64u
#define SLK_FARM_SNARK_THREADS 32u

typedef struct slk_farm_service slk_farm_service;

typedef struct slk_farm_service_options {
    const slk_repo *repo; /* borrowed */
    slk_db *db; /* borrowed */
    const slk_seal_prover *prover; /* this node's own; copied */
    int64_t usual_proof; /* the first that is offered */
    void (*room_changed)(void *context); /* as in farm/farm.h */
    void *room_context;
} slk_farm_service_options;

SLK_MUST_CHECK slk_err slk_farm_service_new(slk_farm_service **ret_service,
                                            const slk_farm_service_options *options,
                                            slk_error *error);
/* The prover to give to the heart. */
void slk_farm_service_prover(slk_seal_prover *ret_ops, slk_farm_service *service);
/* Takes workers from now on; the database has its tables. block_delay_s: of the network. */
SLK_MUST_CHECK slk_err slk_farm_service_start(slk_farm_service *service, int64_t block_delay_s,
                                              slk_error *error);
/* Takes none any more, and ends what waits for them; before the heart is stopped, so that the calls go
 * on. Idempotent, NULL allowed. */
void slk_farm_service_stop(slk_farm_service *service);
void slk_farm_service_free(slk_farm_service *service); /* after the heart; NULL allowed */

/* The node's workers as farm/farm.h, slk_farm_board; a new reference, NULL no memory. Context of
 * slk_workers_source: the service. */
json_t *slk_farm_service_board(void *service);
/* slk_farm_set_open by an operator's will. */
SLK_MUST_CHECK slk_err slk_farm_service_open(slk_farm_service *service, const char *session,
                                             bool open, slk_error *error);

/* Where it serves, as a multiaddr; "" it does not. */
const char *slk_farm_service_address(const slk_farm_service *service);

#endif
