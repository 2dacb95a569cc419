/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SHA-256 (FIPS 180-4) by the kernel of an slk_crypto, and its 254-bit form used by Filecoin:
 * the digest with the two top bits of the last byte cleared ("S254"). */
#ifndef SLK_CRYPTO_SHA256_H
#define SLK_CRYPTO_SHA256_H

#include "crypto/crypto.h"

#include <stddef.h>
#include <stdint.h>

typedef struct slk_sha256 {
    const slk_crypto *crypto; /* borrowed */
    uint32_t state[8];
    uint64_t bytes; /* taken so far */
    uint8_t tail[64];
} slk_sha256;

void slk_sha256_init(slk_sha256 *hash, const slk_crypto *crypto);
void slk_sha256_update(slk_sha256 *hash, const void *in, size_t n);
void slk_sha256_final(slk_sha256 *hash, uint8_t out32[32]); /* hash is used up */

/* Digest of n bytes in one call; out may overlap in. */
void slk_sha256_of(const slk_crypto *crypto, uint8_t out32[32], const void *in, size_t n);

/* The initial state and the round constants of the standard. source: FIPS 180-4, 5.3.3 and 4.2.2 */
extern const uint32_t slk_sha256_iv[8];
extern const uint32_t slk_sha256_k[64];
/* n_blocks compressions of 64 bytes each into state. */
void slk_sha256_compress(const slk_crypto *crypto, uint32_t state[8], const uint8_t *blocks64,
                         size_t n_blocks);
void slk_sha256_state_bytes(uint8_t out32[32], const uint32_t state[8]); /* big-endian words */

/* out[i] = S254(in[2i] || in[2i+1]) for i < n_pairs: one row of TreeD. in: 64*n_pairs bytes,
 * out: 32*n_pairs; out == in is allowed, other overlap is not. */
void slk_sha254_pairs(const slk_crypto *crypto, uint8_t *out, const uint8_t *in, size_t n_pairs);

/* Clears the two top bits of byte 31. */
static inline void slk_sha254_trim(uint8_t node32[32])
{
    node32[31] &= 0x3f;
}

#endif
