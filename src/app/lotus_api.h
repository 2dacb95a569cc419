/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where the API of a lotus-miner, a worker or a node of ours is, and the token for it: out of the
 * environment, or out of the files `api` and `token` of a repository.
 * source: reference/lotus-worker 1.3, 1.4 */
#ifndef SLK_APP_LOTUS_API_H
#define SLK_APP_LOTUS_API_H

#include "base/err.h"
#include "codec/apiinfo.h"
#include "net/jwt.h"

#include <stdint.h>

/* Zeroed or filled; _done wipes the token, is idempotent. */
typedef struct slk_lotus_api {
    slk_apiinfo info;
    char *url; /* of the RPC: info.url and "/rpc/v0" */
    char pin[64]; /* of the key of an https server there, out of the token; "" none */
    char *from; /* for people: "environment variable MINER_API_INFO", "files api and token in …" */
} slk_lotus_api;

void slk_lotus_api_done(slk_lotus_api *api);

/* The first of these environment variables that is set: NULL ends the list. SLK_E_NOTFOUND: none is. Of
 * several entries the first counts. */
SLK_MUST_CHECK slk_err slk_lotus_api_env(slk_lotus_api *ret_api, const char *const *names,
                                         slk_error *error);
/* The files of the repository. SLK_E_NOTFOUND names the missing one. */
SLK_MUST_CHECK slk_err slk_lotus_api_repo(slk_lotus_api *ret_api, const char *folder,
                                          slk_error *error);

/* Those files for who talks to a server of ours on its machine: a token that may all that an
 * administrator of Lotus may, mode 0600, and the address it serves at. pin: of the server's key, "" none. */
SLK_MUST_CHECK slk_err slk_lotus_api_note_token(const char *folder,
                                                const uint8_t secret32[SLK_JWT_SECRET_BYTES],
                                                const char *pin, slk_error *error);
SLK_MUST_CHECK slk_err slk_lotus_api_note_address(const char *folder, const char *address,
                                                  slk_error *error);
/* Nobody shall call where nobody is. The token stays. */
void slk_lotus_api_forget(const char *folder);

/* The node a worker works for: MINER_API_INFO, STORAGE_API_INFO; else the repository named by `repo`
 * (NULL: none was), SELKIE_PATH, ~/.lotusminer: the first of them that is set. SLK_E_NOTFOUND says what is
 * missing there, or without any what there is to do. */
SLK_MUST_CHECK slk_err slk_lotus_api_miner(slk_lotus_api *ret_api, const char *repo,
                                           slk_error *error);

/* A path that may begin with ~/ for the user's home folder. Heap. */
SLK_MUST_CHECK slk_err slk_home_path(char **ret_path, const char *path, slk_error *error);

#endif
