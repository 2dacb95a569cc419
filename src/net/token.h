/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bearer tokens: 32 random bytes as 64 lower-case hex characters; kept as the SHA-256 of that
 * text in hex, so that a copy of the database lets nobody in. */
#ifndef SLK_NET_TOKEN_H
#define SLK_NET_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#define SLK_NET_TOKEN_CHARS 64u

void slk_net_token_new(char out65[65]);
/* Hash of any text (also of a malformed token: it then matches nothing). */
void slk_net_token_hash(char out65[65], const char *token);
/* Whether token's hash is hash64; takes the same time wherever they differ. NULL token: false. */
bool slk_net_token_matches(const char *token, const char *hash64);
/* HMAC-SHA-256 of n bytes under the secret's text, in hex: proves to whoever shares the secret that we
 * wrote them. */
void slk_net_sign(char out65[65], const char *secret, const void *bytes, size_t n);
/* Overwrites every run of SLK_NET_TOKEN_CHARS or more hex digits, and every JWT (net/jwt.h), with '*': text
 * of a peer, which may echo the token it was sent, ends in logs and in the database. A run cut by the
 * text's end counts from half its least length on. */
void slk_net_token_hide(char *text);

#endif
