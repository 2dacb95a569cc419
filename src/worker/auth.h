/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who calls a worker: whoever has a token signed with its own secret, or one of its node's, which the
 * node is asked about, at most once a minute for each. source: reference/lotus-worker 2 */
#ifndef SLK_WORKER_AUTH_H
#define SLK_WORKER_AUTH_H

#include "base/err.h"
#include "lotus/name.h"
#include "rpc/server.h"
#include "worker/miner.h"

#include <stdbool.h>
#include <stdint.h>

#define SLK_AUTH_CACHE_MS 60000
#define SLK_AUTH_CACHE_MAX 64u

typedef struct slk_auth slk_auth;

/* Both borrowed until _free. */
SLK_MUST_CHECK slk_err slk_auth_new(slk_auth **ret_auth, const uint8_t secret32[32],
                                    const slk_miner *node, slk_error *error);
void slk_auth_free(slk_auth *auth); /* wipes; NULL allowed */

typedef struct slk_auth_may {
    slk_rpc_grant grant; /* until the node is asked again */
    char sector[SLK_LOTUS_NAME_CHARS]; /* whose files alone it is good for; "" any */
} slk_auth_may;

/* What a token allows; known_only: the node is not asked now. SLK_E_AUTH: it is nobody's.
 * SLK_E_UNREACHABLE …: the node could not be asked. Any thread. */
SLK_MUST_CHECK slk_err slk_auth_look(slk_auth *auth, slk_auth_may *ret_may, const char *token,
                                     bool known_only, slk_error *error);

#endif
