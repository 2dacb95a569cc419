/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One SHA-256 kernel. Internal to crypto/. */
#ifndef SLK_CRYPTO_SHA256_IMPL_H
#define SLK_CRYPTO_SHA256_IMPL_H

#include "crypto/sha256/sha256.h"

#include <stddef.h>
#include <stdint.h>

typedef struct slk_sha256_impl {
    const char *name;
    uint64_t needs; /* SLK_CPU_ bits */
    /* n_blocks compressions of 64 bytes each into state. NULL: this kernel is for pairs alone. */
    void (*compress)(uint32_t state[8], const uint8_t *blocks64, size_t n_blocks);
    /* slk_sha254_pairs for a multiple of pairs_step pairs. pad_wk: see slk_sha256_pad_wk. out == in
     * is allowed: the kernel reads a group of pairs before it writes their hashes. */
    void (*pairs)(uint8_t *out, const uint8_t *in, size_t n_pairs, const uint32_t pad_wk[64]);
    size_t pairs_step;
} slk_sha256_impl;

/* The block that ends a 64-byte message is always the same, so its 64 words with the round
 * constants added are computed once. */
void slk_sha256_pad_wk(uint32_t out[64]);

/* The first n_rounds rounds of a block on a..h, without the sum at its end. wk: its words with the
 * round constants added. */
void slk_sha256_rounds(uint32_t state[8], const uint32_t *wk, size_t n_rounds);

extern const slk_sha256_impl slk_sha256_ref;
extern const slk_sha256_impl slk_sha256_shani;
extern const slk_sha256_impl slk_sha256_avx512;

#endif
