/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Kernels of slk_blake2b_words. Internal to crypto/. */
#ifndef SLK_CRYPTO_BLAKE2B_IMPL_H
#define SLK_CRYPTO_BLAKE2B_IMPL_H

#include <stddef.h>
#include <stdint.h>

#define SLK_BLAKE2B_STEP_MAX 16u

typedef struct slk_blake2b_impl {
    const char *name;
    uint64_t needs; /* SLK_CPU_ bits */
    /* slk_blake2b_words for a multiple of step; out == in is allowed. */
    void (*words)(uint64_t *out, const uint64_t *in, uint64_t key, size_t n);
    size_t step; /* at most SLK_BLAKE2B_STEP_MAX */
} slk_blake2b_impl;

extern const slk_blake2b_impl slk_blake2b_ref;
extern const slk_blake2b_impl slk_blake2b_avx2;
extern const slk_blake2b_impl slk_blake2b_avx512;

#endif
