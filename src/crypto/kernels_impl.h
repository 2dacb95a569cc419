/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One row per primitive: its kernels, best first, and how to test and time the one in use. crypto.c
 * chooses by these rows. Internal to crypto/.
 *
 * A new kernel is one more entry in its primitive's list in kernels.c; a new primitive is a member of
 * slk_crypto (crypto_impl.h) and a row with its three functions. */
#ifndef SLK_CRYPTO_KERNELS_IMPL_H
#define SLK_CRYPTO_KERNELS_IMPL_H

#include "crypto/crypto_impl.h"

typedef struct slk_primitive {
    const char *name, *unit; /* "poseidon", "hash of 8" */
    /* Puts kernel `index` in use and tells its name and SLK_CPU_ bits; false past the last. The last
     * is the plain one, which needs nothing. */
    bool (*use)(slk_crypto *crypto, size_t index, const char **ret_name, uint64_t *ret_needs);
    /* Known answers and the plain twin, through the public functions. */
    bool (*works)(const slk_crypto *crypto);
    /* Work of `units` units, 10 us to 1 ms: what is timed. */
    void (*work)(const slk_crypto *crypto);
    size_t units;
} slk_primitive;

extern const slk_primitive slk_primitives[SLK_PRIMITIVES];

/* The arities of Poseidon in the order of slk_crypto's tables. */
extern const unsigned slk_poseidon_arities[SLK_POSEIDON_ARITIES];

#endif
