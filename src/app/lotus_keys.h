/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The secret that tokens of a Lotus API are signed with, as it lies in a repository's keystore.
 * source: reference/lotus-worker 1.4, 2 */
#ifndef SLK_APP_LOTUS_KEYS_H
#define SLK_APP_LOTUS_KEYS_H

#include "base/err.h"
#include "net/jwt.h"

#include <stdbool.h>
#include <stdint.h>

/* Reads the secret of the repository, or makes it (folder 0700, file 0600, on disk when this returns).
 * SLK_E_AUTH when others than its owner may read it; SLK_E_CORRUPT. The caller wipes it. */
SLK_MUST_CHECK slk_err slk_lotus_secret(uint8_t out32[SLK_JWT_SECRET_BYTES], const char *folder,
                                        slk_error *error);

/* What a token says beside what it allows. */
typedef struct slk_lotus_grant {
    bool own; /* it has an id of its own, by which its bearer is told from others */
    int64_t expires_s; /* Unix time; 0 never */
    const char *pin; /* of the key of the server that it is for; NULL or "": none */
} slk_lotus_grant;

/* A token that allows this set of rpc/permission.h; grant NULL: and nothing else, so that it is the same
 * each time. Heap; the caller wipes and frees. */
SLK_MUST_CHECK slk_err slk_lotus_token(char **ret_token,
                                       const uint8_t secret32[SLK_JWT_SECRET_BYTES],
                                       unsigned permissions, const slk_lotus_grant *grant,
                                       slk_error *error);

#endif
