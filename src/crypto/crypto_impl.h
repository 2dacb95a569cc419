/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What slk_crypto holds. Internal to crypto/. */
#ifndef SLK_CRYPTO_CRYPTO_IMPL_H
#define SLK_CRYPTO_CRYPTO_IMPL_H

#include "crypto/blake2b/blake2b_impl.h"
#include "crypto/crypto.h"
#include "crypto/curve/curve_impl.h"
#include "crypto/curve/group.h"
#include "crypto/curve/miller_impl.h"
#include "crypto/ntt/ntt_impl.h"
#include "crypto/poseidon/poseidon_impl.h"
#include "crypto/sha256/sha256_impl.h"
#include "crypto/sha256/sha256_label_impl.h"

enum {
    SLK_POSEIDON_ARITIES = 4, /* 2, 4, 8, 11 */
    SLK_PRIMITIVES = 10, /* rows of kernels.c */
};

struct slk_crypto {
    uint64_t features; /* allowed to the kernels, SLK_CPU_ bits */
    uint8_t chosen[SLK_PRIMITIVES]; /* index of the kernel in use */
    const slk_sha256_impl *sha256; /* compress, and pairs of any number */
    const slk_sha256_impl *sha256_pairs; /* pairs in multiples of its step */
    uint32_t sha256_pad_wk[64];
    const slk_label_kernel *label; /* the best for many sectors; see slk_label_choose */
    const slk_blake2b_impl *blake2b;
    const slk_poseidon_impl *poseidon;
    const slk_group *groups[2]; /* by slk_group_id */
    const slk_ntt_impl *ntt;
    const slk_curve_impl *curve;
    const slk_miller_impl *miller;
    slk_poseidon_table poseidon_tables[SLK_POSEIDON_ARITIES];
};

#endif
