/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fil/packing.h"

#include "base/mem.h"
#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define KIB UINT64_C(1024)
#define PIECES_MAX 300u

static void test_known(void **state)
{
    (void)state;
    const uint64_t sizes[] = {128, 1024, 256, 1024, 2048, 128};
    static const slk_packed want[] = {
        {4, 0, 0, 2048},
        {1, 1, 0, 1024},
        {3, 1, 1024, 1024},
        {2, 2, 0, 256},
        {0, 2, 256, 128},
        {5, 2, 384, 128},
        {SLK_PACKING_FILLER, 2, 512, 512},
        {SLK_PACKING_FILLER, 2, 1024, 1024},
    };
    slk_packed *list = NULL;
    size_t n = 0;
    assert_int_equal(slk_pack(&list, &n, sizes, 6, 2 * KIB, NULL), SLK_OK);
    assert_int_equal(n, sizeof want / sizeof *want);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(list[i].piece, want[i].piece);
        assert_int_equal(list[i].sector, want[i].sector);
        assert_int_equal(list[i].offset_bytes, want[i].offset_bytes);
        assert_int_equal(list[i].padded_bytes, want[i].padded_bytes);
    }
    slk_free(list);
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* Every piece once, aligned, no gap, sectors full, and as few of them as the sum allows. */
static void test_random(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (unsigned round = 0; round < 2000; round++) {
        uint64_t sizes[PIECES_MAX], sum = 0;
        bool seen[PIECES_MAX] = {false};
        const size_t n = 1 + next(&seed) % PIECES_MAX;
        const uint64_t sector_bytes = UINT64_C(2048) << next(&seed) % 25;
        const unsigned levels = slk_log2(sector_bytes) - 6;
        for (size_t i = 0; i < n; i++)
            sum += sizes[i] = UINT64_C(128) << next(&seed) % levels;
        slk_packed *list = NULL;
        size_t n_packed = 0;
        assert_int_equal(slk_pack(&list, &n_packed, sizes, n, sector_bytes, NULL), SLK_OK);
        uint64_t at = 0;
        for (size_t i = 0; i < n_packed; i++) {
            const slk_packed *p = &list[i];
            assert_int_equal(p->sector * sector_bytes + p->offset_bytes, at);
            assert_int_equal(p->offset_bytes % p->padded_bytes, 0);
            assert_true(p->offset_bytes + p->padded_bytes <= sector_bytes);
            assert_true(p->padded_bytes >= 128);
            at += p->padded_bytes;
            if (p->piece == SLK_PACKING_FILLER)
                continue;
            assert_false(seen[p->piece]);
            seen[p->piece] = true;
            assert_int_equal(p->padded_bytes, sizes[p->piece]);
        }
        for (size_t i = 0; i < n; i++)
            assert_true(seen[i]);
        assert_int_equal(at, (sum + sector_bytes - 1) / sector_bytes * sector_bytes);
        slk_free(list);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const uint64_t bad[] = {0, 1, 64, 127, 129, 1000, 4096, UINT64_C(1) << 63};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const uint64_t sizes[] = {128, bad[i]};
        slk_packed *list = NULL;
        size_t n = 7;
        slk_error error = {0};
        assert_int_equal(slk_pack(&list, &n, sizes, 2, 2 * KIB, &error), SLK_E_INVAL);
        assert_non_null(strstr(error.message, "piece 1 "));
        assert_null(list);
        assert_int_equal(n, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
