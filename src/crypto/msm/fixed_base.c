/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/msm/fixed_base.h"

#include "base/mem.h"

#include <string.h>

struct slk_fixed_base {
    const slk_group *group;
    unsigned window_bits, windows;
    uint32_t per_window; /* 2^(c-1): multiples 1 .. 2^(c-1) */
    slk_region table;
};

static uint8_t *entry(const slk_fixed_base *table, unsigned window, uint32_t multiple)
{
    size_t index = (size_t)window * table->per_window + (multiple - 1);
    return table->table.data + index * table->group->affine_bytes;
}

/* Multiples 1 .. 2^(c-1) of the first entry, doubling the filled part each step:
 * (k + i) * P = i * P + k * P for i = 1 .. k. */
static void fill_window(const slk_fixed_base *table, unsigned window, slk_point_pair *pairs,
                        void *scratch)
{
    const slk_group *g = table->group;
    for (uint32_t k = 1; k < table->per_window; k *= 2) {
        memcpy(entry(table, window, k + 1), entry(table, window, 1), k * g->affine_bytes);
        for (uint32_t done = 0; done < k;) {
            uint32_t n = k - done < SLK_PAIRS_MAX ? k - done : SLK_PAIRS_MAX;
            for (uint32_t i = 0; i < n; i++) {
                pairs[i] = (slk_point_pair){entry(table, window, k + done + i + 1),
                                            entry(table, window, k), false};
            }
            g->add_pairs(pairs, n, scratch);
            done += n;
        }
    }
}

static void fill_table(slk_fixed_base *table, const void *base, slk_point_pair *pairs,
                       void *scratch)
{
    const slk_group *g = table->group;
    _Alignas(64) uint8_t start[SLK_JACOBIAN_BYTES_MAX];
    g->from_affine(start, base);
    for (unsigned w = 0; w < table->windows; w++) {
        g->to_affine(entry(table, w, 1), start);
        fill_window(table, w, pairs, scratch);
        for (unsigned i = 0; i < table->window_bits; i++)
            g->dbl(start, start);
    }
}

slk_err slk_fixed_base_new(slk_fixed_base **ret_table, const slk_group *group, const void *base,
                           unsigned window_bits, slk_error *error)
{
    slk_assert(window_bits >= 2 && window_bits <= 18);
    slk_fixed_base *table = slk_calloc(1, sizeof(*table));
    SLK_CLEANUP(slk_freep) slk_point_pair *pairs = slk_alloc(SLK_PAIRS_MAX, sizeof(*pairs));
    SLK_CLEANUP(slk_freep) void *scratch = slk_alloc(1, group->pair_scratch_bytes);
    if (table == NULL || pairs == NULL || scratch == NULL) {
        slk_free(table);
        return slk_fail(error, SLK_E_NOMEM, "no memory for a fixed-base table");
    }
    table->group = group;
    table->window_bits = window_bits;
    table->windows = slk_digits_count(window_bits);
    table->per_window = UINT32_C(1) << (window_bits - 1);
    size_t bytes = (size_t)table->windows * table->per_window * group->affine_bytes;
    slk_err err = slk_region_init(&table->table, bytes, "fixed-base table", error);
    if (err != SLK_OK) {
        slk_free(table);
        return err;
    }
    fill_table(table, base, pairs, scratch);
    *ret_table = table;
    return SLK_OK;
}

void slk_fixed_base_free(slk_fixed_base *table)
{
    if (table == NULL)
        return;
    slk_region_done(&table->table);
    slk_free(table);
}

/* --- products --------------------------------------------------------------------------------- */

typedef struct mul_context {
    const slk_fixed_base *table;
    uint8_t *out;
    const slk_fr *scalars;
    uint8_t *scratch; /* per worker */
    size_t scratch_bytes;
} mul_context;

static void mul_block(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    const mul_context *m = context;
    const slk_fixed_base *table = m->table;
    const slk_group *g = table->group;
    size_t n = (size_t)(end - begin);
    uint8_t *pair_scratch = m->scratch + worker * m->scratch_bytes;
    slk_point_pair *pairs = (void *)(pair_scratch + g->pair_scratch_bytes);
    int32_t *digits = (void *)(pairs + SLK_PAIRS_MAX);
    uint8_t *out = m->out + begin * g->affine_bytes;
    memset(out, 0, n * g->affine_bytes);
    for (size_t i = 0; i < n; i++)
        slk_digits_of(digits + i, SLK_PAIRS_MAX, &m->scalars[begin + i], table->window_bits);
    for (unsigned w = 0; w < table->windows; w++) {
        size_t used = 0;
        for (size_t i = 0; i < n; i++) {
            int32_t digit = digits[w * SLK_PAIRS_MAX + i];
            if (digit == 0)
                continue;
            const uint8_t *addend = entry(table, w, (uint32_t)(digit < 0 ? -digit : digit));
            __builtin_prefetch(addend);
            __builtin_prefetch(addend + 64);
            pairs[used++] = (slk_point_pair){out + i * g->affine_bytes, addend, digit < 0};
        }
        g->add_pairs(pairs, used, pair_scratch);
    }
}

slk_err slk_fixed_base_mul(const slk_fixed_base *table, slk_pool *pool, void *out,
                           const slk_fr *scalars, size_t n, slk_error *error)
{
    mul_context m = {.table = table, .out = out, .scalars = scalars};
    m.scratch_bytes = table->group->pair_scratch_bytes + SLK_PAIRS_MAX * sizeof(slk_point_pair) +
                      (size_t)table->windows * SLK_PAIRS_MAX * sizeof(int32_t);
    SLK_CLEANUP(slk_region_done) slk_region scratch = {0};
    SLK_TRY(slk_region_init(&scratch, m.scratch_bytes * slk_pool_threads(pool),
                            "fixed-base products", error));
    m.scratch = scratch.data;
    slk_pool_for(pool, n, SLK_PAIRS_MAX, mul_block, &m);
    return SLK_OK;
}
