/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/fr32/fr32.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* The rule itself, one bit at a time. */
static void pad_slowly(uint8_t *out, const uint8_t *in, size_t n)
{
    memset(out, 0, slk_fr32_pad_out_bytes(n));
    for (size_t bit = 0; bit < n * 8; bit++) {
        size_t to = bit / 254 * 256 + bit % 254;
        out[to / 8] |= (uint8_t)((in[bit / 8] >> (bit % 8) & 1) << (to % 8));
    }
}

static void fill(uint8_t *out, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (uint8_t)(seed >> 24);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    assert_int_equal(slk_fr32_pad_out_bytes(0), 0);
    assert_int_equal(slk_fr32_pad_out_bytes(30), 32);
    assert_int_equal(slk_fr32_pad_out_bytes(32), 64);
    assert_int_equal(slk_fr32_padded_bytes(127), 128);
    assert_int_equal(slk_fr32_padded_bytes(30), 30);
    assert_int_equal(slk_fr32_padded_bytes(254), 256);
    for (unsigned k = 7; k <= 36; k++) {
        uint64_t padded = UINT64_C(1) << k, raw = padded / 128 * 127;
        assert_int_equal(slk_fr32_raw_bytes(padded), raw);
        assert_int_equal(slk_fr32_padded_bytes(raw), padded);
    }
}

static void test_every_length(void **state)
{
    (void)state;
    uint8_t raw[600], want[1024], got[1024], back[600];
    for (size_t n = 0; n <= sizeof raw; n++) {
        fill(raw, n, (uint32_t)n);
        if (n % 5 == 0)
            memset(raw, 0xff, n);
        size_t padded = slk_fr32_pad_out_bytes(n);
        pad_slowly(want, raw, n);
        memset(got, 0xaa, sizeof got);
        slk_fr32_pad(got, raw, n);
        assert_memory_equal(got, want, padded);
        assert_int_equal(got[padded], 0xaa);
        for (size_t i = 31; i < padded; i += 32)
            got[i] |= 0xc0; /* must be ignored */
        memset(back, 0xaa, sizeof back);
        slk_fr32_unpad(back, n, got);
        assert_memory_equal(back, raw, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
