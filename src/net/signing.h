/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Signatures that a stranger can check: Ed25519 over any bytes. source: RFC 8032 5.1
 *
 * A key is 32 secret bytes; who checks has the 32 public ones and names them by a short key id, the
 * first eight bytes of their SHA-256 in hex. The same bytes always give the same signature. */
#ifndef SLK_NET_SIGNING_H
#define SLK_NET_SIGNING_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_SIGNING_KEY_BYTES 32u /* secret and public alike */
#define SLK_SIGNATURE_BYTES 64u
#define SLK_SIGNING_ID_CHARS 17u /* 16 hex and NUL */

/* Any number of threads may sign with one. */
typedef struct slk_signing_key slk_signing_key;

/* The key with this secret; the caller wipes secret32. */
SLK_MUST_CHECK slk_err slk_signing_key_new(slk_signing_key **ret_key, const uint8_t secret32[32],
                                           slk_error *error);
void slk_signing_key_free(slk_signing_key *key); /* wipes it; NULL allowed */
void slk_signing_key_freep(slk_signing_key **key); /* for SLK_CLEANUP */

/* The key that lies in the file (64 hex characters, mode 0600); a new one is made and kept there when
 * there is none. SLK_E_CORRUPT when the file holds something else. */
SLK_MUST_CHECK slk_err slk_signing_key_load(slk_signing_key **ret_key, const char *path,
                                            slk_error *error);

void slk_signing_public(uint8_t out32[32], const slk_signing_key *key);
/* SHA-256: what is signed in place of something long. */
void slk_signing_digest(uint8_t out32[32], const void *bytes, size_t n);
void slk_signing_id(char out[SLK_SIGNING_ID_CHARS], const uint8_t public32[32]);

SLK_MUST_CHECK slk_err slk_sign(uint8_t out64[64], const slk_signing_key *key, const void *bytes,
                                size_t n, slk_error *error);
/* Whether the holder of public32 signed exactly these bytes. Any 32 and 64 bytes may come in. */
bool slk_signature_valid(const uint8_t public32[32], const void *bytes, size_t n,
                         const uint8_t signature64[64]);

#endif
