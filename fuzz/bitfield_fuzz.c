/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sets of numbers: JSON runs, RLE+, and changes, single and by stretches, against a plain bitmap. */
#include "fuzz.h"

#include "base/mem.h"
#include "codec/bitfield.h"
#include "codec/json.h"

#include <string.h>

static void check_form(const slk_bitfield *set)
{
    for (size_t i = 0; i < set->n; i++) {
        slk_assert(set->ranges[i].first < set->ranges[i].end);
        slk_assert(i == 0 || set->ranges[i - 1].end < set->ranges[i].first);
    }
}

static void check_same(const slk_bitfield *a, const slk_bitfield *b)
{
    slk_assert(a->n == b->n);
    slk_assert(a->n == 0 || memcmp(a->ranges, b->ranges, a->n * sizeof *a->ranges) == 0);
}

static void check_set(const slk_bitfield *set)
{
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield from_json = {0};
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield from_rle = {0};
    SLK_CLEANUP(slk_json_decrefp) json_t *json = NULL;
    SLK_CLEANUP(slk_buf_done) slk_buf rle;
    slk_buf_init(&rle, (size_t)1 << 24);
    check_form(set);
    if (set->n > 0 && set->ranges[set->n - 1].end > INT64_MAX)
        return; /* runs that JSON integers do not hold */
    json = slk_bitfield_to_json(set);
    slk_assert(json);
    slk_assert(slk_bitfield_from_json(&from_json, json, NULL) == SLK_OK);
    check_same(set, &from_json);
    slk_assert(slk_bitfield_to_rle(&rle, set) == SLK_OK);
    slk_assert(slk_bitfield_from_rle(&from_rle, rle.data, rle.len, NULL) == SLK_OK);
    check_same(set, &from_rle);
}

/* Two bytes a step: add or remove a number below 64. */
static void check_changes(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield set = {0};
    uint64_t plain = 0;
    for (size_t i = 0; i < n && i < 256; i++) {
        uint64_t bit = data[i] & 63;
        bool add = data[i] & 64;
        slk_assert((add ? slk_bitfield_add(&set, bit)
                        : slk_bitfield_remove_range(&set, bit, bit + 1)) == SLK_OK);
        plain = add ? plain | UINT64_C(1) << bit : plain & ~(UINT64_C(1) << bit);
    }
    check_set(&set);
    for (uint64_t bit = 0; bit < 64; bit++)
        slk_assert(slk_bitfield_has(&set, bit) == (plain >> bit & 1));
    slk_assert(slk_bitfield_count(&set) == (uint64_t)__builtin_popcountll(plain));
    slk_assert(slk_bitfield_first_free(&set, 0) ==
               (plain == UINT64_MAX ? 64 : (uint64_t)__builtin_ctzll(~plain)));
}

/* Two bytes a step: add or remove a stretch of numbers below 64. */
static void check_stretches(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield set = {0};
    uint64_t plain = 0;
    for (size_t i = 0; i + 1 < n && i < 256; i += 2) {
        const uint64_t first = data[i] & 63, bits = data[i + 1] % (65 - first);
        const uint64_t mask = bits == 64 ? UINT64_MAX : ((UINT64_C(1) << bits) - 1) << first;
        const bool add = data[i] & 64;
        slk_assert((add ? slk_bitfield_add_range(&set, first, first + bits)
                        : slk_bitfield_remove_range(&set, first, first + bits)) == SLK_OK);
        plain = add ? plain | mask : plain & ~mask;
        slk_assert(slk_bitfield_has_range(&set, first, first + bits) == (add || bits == 0));
        slk_assert(slk_bitfield_count(&set) == (uint64_t)__builtin_popcountll(plain));
    }
    check_set(&set);
    for (uint64_t bit = 0; bit < 64; bit++)
        slk_assert(slk_bitfield_has(&set, bit) == (plain >> bit & 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *json = NULL;
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield runs = {0};
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield rle = {0};
    slk_error error = {0};
    check_changes(data, n);
    check_stretches(data, n);
    if (slk_bitfield_from_rle(&rle, data, n, &error) == SLK_OK)
        check_set(&rle);
    if (slk_json_parse(&json, data, n, 1 << 20, &error) != SLK_OK)
        return 0;
    if (slk_bitfield_from_json(&runs, json, &error) == SLK_OK)
        check_set(&runs);
    return 0;
}
