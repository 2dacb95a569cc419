/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Number-theoretic transforms over the scalar field, in place, of 2^k <= 2^32 elements.
 *
 * Interpolation takes evaluations in natural order and leaves coefficients in bit-reversed order;
 * evaluation goes the other way. So a chain of transforms never reorders; what needs coefficients
 * in natural order calls slk_ntt_reorder once at the end. w is slk_fr_root_of_unity(k).
 *
 * Large transforms are split into columns short enough for the cache and rows; twiddles come from
 * running products, so there is no table of n. Memory: 0.2 MB, and 0.3 MB per thread. */
#ifndef SLK_CRYPTO_NTT_NTT_H
#define SLK_CRYPTO_NTT_NTT_H

#include "base/err.h"
#include "base/pool.h"
#include "crypto/fr/fr.h"

#include <stddef.h>
#include <stdint.h>

/* Tables and scratch of one size. Used by one thread at a time; works on the pool. */
typedef struct slk_ntt slk_ntt;

/* log2_n 0..32; the pool (NULL: this thread) is borrowed for the object's life. SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_ntt_new(slk_ntt **ret_ntt, unsigned log2_n, slk_pool *pool,
                                   slk_error *error);
void slk_ntt_free(slk_ntt *ntt); /* NULL allowed */

/* values[i] = f(w^i) becomes values[reverse(i)] = n * (coefficient i of f). The factor n is left to
 * a following slk_ntt_scale. 2^22: 46 M multiplications and as many again for a quarter of it. */
void slk_ntt_interpolate(slk_ntt *ntt, slk_fr *values);
/* values[reverse(i)] = coefficient i of f becomes values[i] = f(w^i). */
void slk_ntt_evaluate(slk_ntt *ntt, slk_fr *values);
/* Coefficients in bit-reversed order: coefficient i becomes factor * base^i * coefficient i. */
void slk_ntt_scale(slk_ntt *ntt, slk_fr *values, const slk_fr *factor, const slk_fr *base);
/* Exchanges natural and bit-reversed order. */
void slk_ntt_reorder(slk_ntt *ntt, slk_fr *values);

#endif
