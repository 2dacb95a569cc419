/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Questions of commands to a running node's API for workers, and tokens for it. */
#ifndef SLK_APP_FARM_ASK_H
#define SLK_APP_FARM_ASK_H

#include "base/err.h"

#include <jansson.h>
#include <stdint.h>

/* Calls a method of the node that runs on the repository, by its files `api` and `token`. params (stolen,
 * NULL: out of memory) as slk_rpc_invoke; timeout_ms 0: 30 000. *ret is a new reference.
 * SLK_E_NOTFOUND: no node serves workers there now, and why (slk_repo_no_node). */
SLK_MUST_CHECK slk_err slk_farm_ask(json_t **ret, const char *folder, const char *method,
                                    json_t *params, int64_t timeout_ms, slk_error *error);

/* A JWT of the repository's secret, which is made if need be: perm is read, write, sign or admin, each of
 * which includes those before it, or worker. Each has an id of its own, and the pin of the node's key where
 * it serves TLS. lasts_ms: how long it is good; 0
 * for ever. Heap; the caller wipes and frees. SLK_E_INVAL; SLK_E_NOTFOUND: no repository. */
SLK_MUST_CHECK slk_err slk_farm_make_token(char **ret_token, const char *folder, const char *perm,
                                           int64_t lasts_ms, slk_error *error);

#endif
