/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From a command to a running worker, by its API: one of ours, or of Lotus. */
#ifndef SLK_APP_WORKER_LINK_H
#define SLK_APP_WORKER_LINK_H

#include "app/command.h"
#include "app/lotus_api.h"
#include "rpc/client.h"

#include <jansson.h>

typedef struct slk_worker_link {
    slk_lotus_api api;
    slk_rpc_client *rpc;
} slk_worker_link;

/* params stolen (NULL: out of memory). Codes as slk_rpc_invoke. */
SLK_MUST_CHECK slk_err slk_worker_ask(slk_worker_link *link, const char *method, json_t *params,
                                      json_t **ret_result, slk_error *error);
SLK_MUST_CHECK slk_err slk_worker_tell(slk_worker_link *link, const char *method, json_t *params,
                                       slk_error *error);

/* Finds the worker that WORKER_API_INFO or --worker-repo names, acts, and reports a failure. Returns the
 * exit status. */
typedef slk_err slk_worker_action(slk_worker_link *link, const slk_options *options,
                                  slk_error *error);
int slk_worker_with_link(const slk_command *command, const slk_options *options,
                         slk_worker_action *act);

#endif
