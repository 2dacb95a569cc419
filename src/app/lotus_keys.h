/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The secret that tokens of a Lotus API are signed with, as it lies in a repository's keystore.
 * source: reference/lotus-worker 1.4, 2 */
#ifndef SLK_APP_LOTUS_KEYS_H
#define SLK_APP_LOTUS_KEYS_H

#include "base/err.h"
#include "net/jwt.h"

#include <stdint.h>

/* Reads the secret of the repository, or makes it (folder 0700, file 0600, on disk when this returns).
 * SLK_E_AUTH when others than its owner may read it; SLK_E_CORRUPT. The caller wipes it. */
SLK_MUST_CHECK slk_err slk_lotus_secret(uint8_t out32[SLK_JWT_SECRET_BYTES], const char *folder,
                                        slk_error *error);

/* A token without an end that allows these words (at most SLK_JWT_ALLOW_MAX, NULL ends them). Heap; the
 * caller wipes and frees. */
SLK_MUST_CHECK slk_err slk_lotus_token(char **ret_token,
                                       const uint8_t secret32[SLK_JWT_SECRET_BYTES],
                                       const char *const *words, slk_error *error);

#endif
