/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Passes over vectors: what the transforms are made of. Internal to crypto/ntt.
 *
 * A block of N = R * M elements is seen as R rows of M. Interpolation transforms the columns (length
 * R), multiplies row p, column j by w_N^(-j * reverse(p)), and transforms each row the same way;
 * evaluation does the opposite. With three levels the rows are blocks themselves. So a transform
 * is a pass of outer columns and a pass of outer rows, and two transforms in succession share one
 * of rows, or one of columns. */
#ifndef SLK_CRYPTO_NTT_PASSES_H
#define SLK_CRYPTO_NTT_PASSES_H

#include "base/job.h"
#include "base/mem.h"
#include "base/pool.h"
#include "crypto/ntt/ntt.h"
#include "crypto/ntt/ntt_impl.h"

enum { SLK_NTT_DEPTH_MAX = 3, SLK_NTT_LOG2_MIN = 6 };

struct slk_ntt {
    const slk_ntt_impl *impl;
    unsigned log2_n;
    slk_pool *pool;
    /* log2 of the column lengths from outside, the last the rows': depth of them. 0: too small. */
    unsigned depth, bits[SLK_NTT_DEPTH_MAX];
    slk_region memory;
    uint8_t *roots[2]; /* split (inverse roots), join; in the kernel's form */
    uint8_t *scales; /* [1 << last bits] factors of slk_ntt_leg.base */
    uint8_t *scratch; /* per worker */
    size_t scratch_bytes;
};

/* One vector of a pass. Interpolation multiplies coefficient i by factor * base^i. */
typedef struct slk_ntt_leg {
    slk_fr *values; /* NULL: no second vector */
    slk_fr factor, base;
    bool scaled; /* base is not 1 */
} slk_ntt_leg;

typedef enum slk_ntt_columns {
    SLK_NTT_COLUMNS_SPLIT,
    SLK_NTT_COLUMNS_JOIN,
    SLK_NTT_COLUMNS_PRODUCT /* join both, multiply, split: into the first vector */
} slk_ntt_columns;

typedef enum slk_ntt_rows {
    SLK_NTT_ROWS_SPLIT,
    SLK_NTT_ROWS_JOIN,
    SLK_NTT_ROWS_COSET, /* split, then join */
    SLK_NTT_ROWS_DIFFERENCE /* split both, subtract: into the first vector */
} slk_ntt_rows;

/* Both go over the whole vectors on the pool, advance the job by n and leave out work once it is
 * canceled. log2_n >= SLK_NTT_LOG2_MIN. */
void slk_ntt_columns_pass(slk_ntt *ntt, slk_ntt_columns what, slk_fr *a, slk_fr *b, slk_job *job);
void slk_ntt_rows_pass(slk_ntt *ntt, slk_ntt_rows what, const slk_ntt_leg *a, const slk_ntt_leg *b,
                       slk_job *job);

uint64_t slk_ntt_reverse(uint64_t v, unsigned bits);

#endif
