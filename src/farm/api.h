/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a node serves to workers and to the tools of their operators: the part of Lotus's Miner API 1.5
 * that a worker needs, and what `lotus-miner sealing …` and our own commands ask.
 *
 * Permissions are Lotus's; our `worker` is enough for all that a worker asks, and for nothing else.
 * Methods of our own are called Selkie.…: FetchKey [url of a sector's file] → {"Token","Pin"},
 * WorkerToken [] → {"Token","Id","LastsS"}, WorkerLeave [session], Workers [], WorkerUse [],
 * WorkerOpen [session, bool], Ghosts [dry_run]. source: reference/lotus-worker 2, 5, 10 */
#ifndef SLK_FARM_API_H
#define SLK_FARM_API_H

#include "base/err.h"
#include "farm/farm.h"
#include "net/jwt.h"
#include "rpc/server.h"

#include <stdint.h>

typedef struct slk_farm_api slk_farm_api;

typedef struct slk_farm_api_options {
    slk_farm *farm; /* borrowed */
    const char *version; /* of this program; borrowed */
    int64_t block_delay_s;
    uint8_t secret32[SLK_JWT_SECRET_BYTES]; /* that tokens for this API are signed with */
    slk_db *db; /* with the seal's tables; borrowed */
    int64_t usual_proof; /* whose size is told of a miner that has no sectors here */
} slk_farm_api_options;

SLK_MUST_CHECK slk_err slk_farm_api_new(slk_farm_api **ret_api, const slk_farm_api_options *options,
                                        slk_error *error);
void slk_farm_api_free(slk_farm_api *api); /* no call in progress; NULL allowed */

/* For slk_rpc_server_options; context: the api. The table lives as long as the api. */
slk_rpc_table slk_farm_api_table(slk_farm_api *api);
/* For slk_rpc_server_options.missing: which command of ours does what a lotus-miner's method would. */
const char *slk_farm_api_missing(const char *method);
slk_err slk_farm_api_authorise(void *context, const char *token, bool known_only,
                               slk_rpc_grant *ret_grant, slk_error *error);

#endif
