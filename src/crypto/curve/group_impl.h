/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Affine additions with a shared inversion over any field given as a table of operations. Always
 * inlined with a constant table, so the calls are direct. Only for the group files. */
#ifndef SLK_CRYPTO_CURVE_GROUP_IMPL_H
#define SLK_CRYPTO_CURVE_GROUP_IMPL_H

#include "crypto/curve/group.h"

#include <string.h>

typedef struct slk_field_ops {
    size_t bytes;
    void (*add)(void *out, const void *a, const void *b);
    void (*sub)(void *out, const void *a, const void *b);
    void (*neg)(void *out, const void *a);
    void (*mul)(void *out, const void *a, const void *b);
    void (*sqr)(void *out, const void *a);
    void (*inv)(void *out, const void *a);
    const void *one;
} slk_field_ops;

/* What a pair turns out to be. */
typedef enum slk_pair_case {
    SLK_PAIR_ADD,
    SLK_PAIR_DOUBLE,
    SLK_PAIR_KEEP, /* addend is infinity */
    SLK_PAIR_COPY, /* acc is infinity */
    SLK_PAIR_CANCEL, /* acc = -addend */
} slk_pair_case;

#define SLK_FIELD_BYTES_MAX 96u
/* Per pair: slope denominator, running product, and the case. */
#define SLK_PAIR_SCRATCH_BYTES(field_bytes) (SLK_PAIRS_MAX * (2 * (field_bytes) + 8))

static inline bool slk_field_is_zero(const uint64_t *a, size_t bytes)
{
    uint64_t any = 0;
    for (size_t i = 0; i < bytes / 8; i++)
        any |= a[i];
    return any == 0;
}

/* Classifies one pair and writes its slope denominator: x2 - x1, 2*y1, or 1 where no slope is
 * needed. y2 receives the addend's y with the pair's sign. */
static inline __attribute__((always_inline)) slk_pair_case
slk_pair_denominator(const slk_field_ops *f, uint8_t *denominator, uint8_t *y2,
                     const slk_point_pair *pair)
{
    const uint8_t *acc = pair->acc, *addend = pair->addend;
    if (slk_field_is_zero((const uint64_t *)(const void *)addend, 2 * f->bytes)) {
        memcpy(denominator, f->one, f->bytes);
        return SLK_PAIR_KEEP;
    }
    if (slk_field_is_zero((const uint64_t *)(const void *)acc, 2 * f->bytes)) {
        memcpy(denominator, f->one, f->bytes);
        return SLK_PAIR_COPY;
    }
    f->sub(denominator, addend, acc);
    if (!slk_field_is_zero((const uint64_t *)(const void *)denominator, f->bytes))
        return SLK_PAIR_ADD;
    if (pair->negate)
        f->neg(y2, addend + f->bytes);
    else
        memcpy(y2, addend + f->bytes, f->bytes);
    if (memcmp(acc + f->bytes, y2, f->bytes) != 0) {
        memcpy(denominator, f->one, f->bytes);
        return SLK_PAIR_CANCEL;
    }
    f->add(denominator, y2, y2);
    return SLK_PAIR_DOUBLE;
}

/* Finishes one pair, given the inverse of its denominator. */
static inline __attribute__((always_inline)) void slk_pair_finish(const slk_field_ops *f,
                                                                  const slk_point_pair *pair,
                                                                  slk_pair_case kind,
                                                                  const uint8_t *inverse)
{
    _Alignas(64) uint8_t slope[SLK_FIELD_BYTES_MAX], x3[SLK_FIELD_BYTES_MAX],
        t[SLK_FIELD_BYTES_MAX];
    uint8_t *x1 = pair->acc, *y1 = x1 + f->bytes;
    const uint8_t *x2 = pair->addend, *y2 = x2 + f->bytes;
    switch (kind) {
    case SLK_PAIR_KEEP:
        return;
    case SLK_PAIR_CANCEL:
        memset(x1, 0, 2 * f->bytes);
        return;
    case SLK_PAIR_COPY:
        memcpy(x1, x2, 2 * f->bytes);
        if (pair->negate)
            f->neg(y1, y1);
        return;
    case SLK_PAIR_DOUBLE:
        f->sqr(t, x1);
        f->add(slope, t, t);
        f->add(slope, slope, t);
        break;
    case SLK_PAIR_ADD:
        if (pair->negate) {
            f->add(slope, y2, y1);
            f->neg(slope, slope);
        } else {
            f->sub(slope, y2, y1);
        }
        break;
    }
    f->mul(slope, slope, inverse);
    f->sqr(x3, slope);
    f->sub(x3, x3, x1);
    f->sub(x3, x3, x2);
    f->sub(t, x1, x3);
    f->mul(t, t, slope);
    f->sub(y1, t, y1);
    memcpy(x1, x3, f->bytes);
}

static inline __attribute__((always_inline)) void
slk_add_pairs(const slk_field_ops *f, slk_point_pair *pairs, size_t n, void *scratch)
{
    uint8_t *denominators = scratch;
    uint8_t *products = denominators + SLK_PAIRS_MAX * f->bytes;
    uint8_t *kinds = products + SLK_PAIRS_MAX * f->bytes;
    _Alignas(64) uint8_t run[SLK_FIELD_BYTES_MAX], inverse[SLK_FIELD_BYTES_MAX];
    slk_assert(n <= SLK_PAIRS_MAX);
    memcpy(run, f->one, f->bytes);
    for (size_t i = 0; i < n; i++) {
        uint8_t *denominator = denominators + i * f->bytes;
        kinds[i] = (uint8_t)slk_pair_denominator(f, denominator, inverse, &pairs[i]);
        memcpy(products + i * f->bytes, run, f->bytes);
        f->mul(run, run, denominator);
    }
    f->inv(run, run);
    for (size_t i = n; i-- > 0;) {
        f->mul(inverse, run, products + i * f->bytes);
        f->mul(run, run, denominators + i * f->bytes);
        slk_pair_finish(f, &pairs[i], (slk_pair_case)kinds[i], inverse);
    }
}

#endif
