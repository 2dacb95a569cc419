/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* BLAKE2b (RFC 7693), any output of 1..64 bytes, optional key of up to 64 bytes. */
#ifndef SLK_CRYPTO_BLAKE2B_H
#define SLK_CRYPTO_BLAKE2B_H

#include "crypto/crypto.h"

#include <stddef.h>
#include <stdint.h>

typedef struct slk_blake2b {
    uint64_t state[8];
    uint64_t bytes; /* compressed so far */
    uint8_t block[128];
    size_t used; /* of block */
    size_t out_bytes;
} slk_blake2b;

/* out_bytes 1..64; key may be NULL with key_bytes 0, at most 64. */
void slk_blake2b_init(slk_blake2b *hash, size_t out_bytes, const void *key, size_t key_bytes);
void slk_blake2b_update(slk_blake2b *hash, const void *in, size_t n);
void slk_blake2b_final(slk_blake2b *hash, uint8_t *out); /* out_bytes bytes */

/* Unkeyed digest in one call. */
void slk_blake2b_of(uint8_t *out, size_t out_bytes, const void *in, size_t n);

/* out[i] = the first 8 bytes, read big-endian, of BLAKE2b-512 over BE64(in[i]) || BE64(key), for
 * i < n: the round function of the graph's Feistel network. out == in is allowed. Messages run side by
 * side where the processor has vectors. */
void slk_blake2b_words(const slk_crypto *crypto, uint64_t *out, const uint64_t *in, uint64_t key,
                       size_t n);

#endif
