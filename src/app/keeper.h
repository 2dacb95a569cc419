/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tokens at rest: the key that wraps them lies beside the database, not in it, so that a copy of
 * the database alone lets nobody act as us.
 *
 * Wrapped text: base64 of nonce (12), token XOR ChaCha20, HMAC-SHA-256 over both (32). */
#ifndef SLK_APP_KEEPER_H
#define SLK_APP_KEEPER_H

#include "base/err.h"
#include "crypto/crypto.h"
#include "seal/ops.h"

typedef struct slk_keeper {
    const slk_crypto *crypto; /* borrowed */
    uint8_t cipher_key[32];
    uint8_t mac_key[32];
} slk_keeper;

/* Reads the key file (64 hex digits), or makes it (0600) when absent. */
SLK_MUST_CHECK slk_err slk_keeper_open(slk_keeper *ret_keeper, const slk_crypto *crypto,
                                       const char *key_file, slk_error *error);
void slk_keeper_done(slk_keeper *keeper); /* wipes; idempotent */

/* 64 hex digits that tell keys apart and tell nothing about them. */
void slk_keeper_fingerprint(const slk_keeper *keeper, char out65[65]);

/* The functions for slk_seal_ops; they borrow keeper. */
void slk_keeper_ops(slk_seal_keeper *ret_ops, slk_keeper *keeper);

#endif
