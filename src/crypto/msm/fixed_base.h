/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Many multiples of one point, which is what generating parameters consists of.
 *
 * A table holds all multiples digit * 2^(c*w) of the base for windows w of c bits; a product is
 * then one affine addition per window, and a block of products shares its inversions. */
#ifndef SLK_CRYPTO_MSM_FIXED_BASE_H
#define SLK_CRYPTO_MSM_FIXED_BASE_H

#include "base/err.h"
#include "base/pool.h"
#include "crypto/curve/group.h"
#include "crypto/fr/fr.h"

#include <stddef.h>

typedef struct slk_fixed_base slk_fixed_base;

/* base: an affine point of the group, not infinity. window_bits 2..18; the table takes
 * slk_digits_count(c) * 2^(c-1) affine points: 50 MB for c = 16 in G1, 101 MB in G2, and is made in
 * a tenth of a second. Immutable afterwards, shared freely between threads. */
SLK_MUST_CHECK slk_err slk_fixed_base_new(slk_fixed_base **ret_table, const slk_group *group,
                                          const void *base, unsigned window_bits, slk_error *error);
void slk_fixed_base_free(slk_fixed_base *table); /* NULL allowed */

/* out[i] = scalars[i] * base, affine (infinity for scalar 0), i < n. With IFMA about 1 us per product
 * and core in G1, 3 us in G2; five times as much without. Scratch of up to 0.8 MB per thread; SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_fixed_base_mul(const slk_fixed_base *table, slk_pool *pool, void *out,
                                          const slk_fr *scalars, size_t n, slk_error *error);

#endif
