/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The endpoints a client serves to its providers: complete and ticket; and what the reference does not
 * know: called-back, by which a provider shows that it reaches us (seal/client.h).
 * source: reference/remote-seal-wire, "Served by the client" */
#ifndef SLK_REMOTE_CLIENT_API_H
#define SLK_REMOTE_CLIENT_API_H

#include "base/err.h"
#include "net/server.h"
#include "seal/seal.h"

#define SLK_REMOTE_CLIENT_ROUTES 3u
/* `ticket` and `called-back` need no token and ask our chain node or database: so many at once per address, then one every two
 * seconds, 429 beyond. A provider asks once per sector. */
#define SLK_REMOTE_TICKET_BURST 60u
#define SLK_REMOTE_TICKET_INTERVAL_MS 2000

typedef struct slk_remote_client slk_remote_client;

SLK_MUST_CHECK slk_err slk_remote_client_new(slk_remote_client **ret_client, slk_seal *seal,
                                             slk_error *error);
void slk_remote_client_free(slk_remote_client *client); /* server gone; NULL allowed */

void slk_remote_client_routes(slk_http_route out[SLK_REMOTE_CLIENT_ROUTES],
                              slk_remote_client *client);

#endif
