/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where a worker listens, and under which address its node reaches it. */
#ifndef SLK_APP_WORKER_PLACE_H
#define SLK_APP_WORKER_PLACE_H

#include "base/err.h"

#include <stdbool.h>

#define SLK_WORKER_HOST_CHARS 280u

typedef struct slk_worker_place {
    char listen[SLK_WORKER_HOST_CHARS]; /* for the server: "0.0.0.0:3456" */
    char host[SLK_WORKER_HOST_CHARS]; /* for URLs: "10.0.0.5", "[fd00::5]", a name */
    bool from_node; /* host is our end of a connection to the node */
} slk_worker_place;

/* listen: "IP:PORT" as it was told (chosen), or the default. An address of all interfaces (0.0.0.0, [::],
 * none) says nothing to the node: then the node's address is connected to, and the host is our end of that
 * connection; when that is loopback and nothing was chosen, only loopback is listened on. node_url: of the
 * API. SLK_E_INVAL for what is no address; SLK_E_UNREACHABLE when the node does not answer. */
SLK_MUST_CHECK slk_err slk_worker_place_find(slk_worker_place *ret_place, const char *listen,
                                             bool chosen, const char *node_url, slk_error *error);

/* Whether it can be listened there: SLK_E_BUSY when another program does, with what to do. */
SLK_MUST_CHECK slk_err slk_worker_place_try(const slk_worker_place *place, slk_error *error);

#endif
