/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tokens of Lotus: JWT signed by HMAC-SHA-256 with a secret of 32 bytes, payload {"Allow":[…]}.
 *
 * Ours may say when they end ("exp"), which one they are ("jti"), what alone they are good for ("sub") and by
 * which key the server for which they are is known ("pin", net/certificate.h), all of which Lotus passes
 * over. No other algorithm is taken, whatever the token's header says. Safe from many threads.
 * source: reference/lotus-worker 2; RFC 7519; RFC 8725 3.1 */
#ifndef SLK_NET_JWT_H
#define SLK_NET_JWT_H

#include "base/err.h"

#include <stdint.h>

#define SLK_JWT_SECRET_BYTES 32u
#define SLK_JWT_MAX_CHARS 4096u /* of a token; a longer one is none of ours */
#define SLK_JWT_ALLOW_MAX 16u

typedef struct slk_jwt_claims {
    char allow[SLK_JWT_ALLOW_MAX][16]; /* "read", "admin"; names of other lengths are left out */
    unsigned n_allow;
    int64_t expires_s; /* Unix time from which it is void; 0 never */
    char id[64]; /* "jti", printable; "" none */
    char subject[64]; /* "sub", printable; "" none */
    char pin[64]; /* of the server's key; "" none */
} slk_jwt_claims;

/* The token's text, heap. Members that are 0 or "" are not in it. SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_jwt_make(char **ret_token, const slk_jwt_claims *claims,
                                    const uint8_t secret32[32], slk_error *error);

/* SLK_E_AUTH, with a reason that does not repeat the token: not three parts of it, another algorithm,
 * another secret (compared in constant time), over at now_s, or a claim that is not what it must be.
 * Claims that are not known are passed over. */
SLK_MUST_CHECK slk_err slk_jwt_read(slk_jwt_claims *ret_claims, const char *token,
                                    const uint8_t secret32[32], int64_t now_s, slk_error *error);

/* What a token says that somebody gave us for a server, unchecked: only that server has the secret. Of what
 * is none nothing. */
void slk_jwt_peek(slk_jwt_claims *ret_claims, const char *token);

#endif
