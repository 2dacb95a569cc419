/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Number-theoretic transforms over the scalar field, in place, of 2^k <= 2^32 elements.
 *
 * Interpolation takes evaluations in natural order and leaves coefficients in bit-reversed order;
 * evaluation goes the other way. So a chain of transforms never reorders; what needs coefficients
 * in natural order calls slk_ntt_reorder once at the end. w is slk_fr_root_of_unity(k).
 *
 * Large transforms are split into two or three passes over the vector, columns and rows, each of at
 * most 2^11 points eight at a time in the cache; what comes between two transforms is done in the
 * pass that ends the first and begins the second. Memory: 0.2 MB, and 0.7 MB per thread. */
#ifndef SLK_CRYPTO_NTT_NTT_H
#define SLK_CRYPTO_NTT_NTT_H

#include "base/err.h"
#include "base/job.h"
#include "base/pool.h"
#include "crypto/crypto.h"
#include "crypto/fr/fr.h"

#include <stddef.h>
#include <stdint.h>

/* Tables and scratch of one size. Used by one thread at a time; works on the pool. */
typedef struct slk_ntt slk_ntt;

/* log2_n 0..32; crypto and the pool (NULL: this thread) are borrowed for the object's life.
 * SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_ntt_new(slk_ntt **ret_ntt, const slk_crypto *crypto, unsigned log2_n,
                                   slk_pool *pool, slk_error *error);
void slk_ntt_free(slk_ntt *ntt); /* NULL allowed */
/* Memory of one at most, for a pool of so many threads. */
size_t slk_ntt_bytes(unsigned log2_n, unsigned threads);

/* values[i] = f(w^i) becomes values[reverse(i)] = n * (coefficient i of f). */
void slk_ntt_interpolate(slk_ntt *ntt, slk_fr *values);
/* values[reverse(i)] = coefficient i of f becomes values[i] = f(w^i). */
void slk_ntt_evaluate(slk_ntt *ntt, slk_fr *values);
/* Exchanges natural and bit-reversed order. */
void slk_ntt_reorder(slk_ntt *ntt, slk_fr *values);

/* The polynomial H = (A * B - C) / (X^n - 1) from the values of A, B and C on the domain, where
 * A * B = C, in six transforms and with two vectors at a time. With g the coset's shift,
 *   D = A * B modulo X^n - g^n (interpolated from the coset), and A * B = H * (X^n - 1) + C, so
 *   D = H * (g^n - 1) + C, hence H = (D - C) / (g^n - 1)
 * with C interpolated from the plain domain.
 *
 * First slk_ntt_quotient_product: values a, b of A and B; afterwards a holds something and b is
 * free. Then slk_ntt_quotient_finish with that a, and c values of C, which may lie where b was:
 * a becomes H's coefficients in natural order, c is spoilt. log2_n >= 6.
 *
 * job (may be NULL) advances by slk_ntt_quotient_work(log2_n) units in all, most of it in the first;
 * SLK_E_CANCELED within a pass over the vector (2^27 elements: a second), the vectors are then spoilt. */
uint64_t slk_ntt_quotient_work(unsigned log2_n);
SLK_MUST_CHECK slk_err slk_ntt_quotient_product(slk_ntt *ntt, slk_fr *a, slk_fr *b, slk_job *job,
                                                slk_error *error);
SLK_MUST_CHECK slk_err slk_ntt_quotient_finish(slk_ntt *ntt, slk_fr *a, slk_fr *c, slk_job *job,
                                               slk_error *error);

#endif
