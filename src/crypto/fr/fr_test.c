/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/fr/fr.h"

#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

/* r itself, little-endian. */
static const char modulus_hex[] =
    "01000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73";

static slk_fr element(const char *hex)
{
    uint8_t node[32];
    slk_fr out;
    slk_test_hex(node, 32, hex);
    assert_true(slk_fr_from_node(&out, node));
    return out;
}

static void assert_is(const slk_fr *a, const char *hex)
{
    uint8_t want[32], got[32];
    slk_test_hex(want, 32, hex);
    slk_fr_to_node(got, a);
    assert_memory_equal(got, want, 32);
}

/* Uniform enough, fixed sequence. */
static slk_fr next(uint64_t *seed)
{
    uint8_t wide[64];
    for (size_t i = 0; i < 64; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        wide[i] = (uint8_t)(*seed >> 56);
    }
    slk_fr out;
    slk_fr_from_wide(&out, wide);
    return out;
}

/* source: Python integers mod r: a, b, a + b, a - b, a * b, 1 / a */
static const char *const known[][6] = {
    {"457c769f39d8644199c0e5bdbcfbc85b37ce91cbde1fc1b0ea6b44f198a1b66b",
     "29fe69bd9e8ceba6a07d1dec25b1b087efe26c07ff0d21d7db0b33773b9c5263",
     "6d7ae05cd96450e83ae204aadf08bc8f21d95cc9d555a8547efad93e81961b5b",
     "1c7e0ce29a4b799af842c8d1964a18d447eb24c4df11a0d90e60117a5d056408",
     "3eac28ba9de9e93af16033eca2b7d45419f4a69608841c09d1b41e2713051c25",
     "e432af5ace19f3e6a43a58f8009842a6819b50f4783667897af253c88cecae3a"},
    {"74d37ff136eac13f553223a63841460d3b6aa1e68d682728f610fb1cbfec962f",
     "a2e81478007152dea8651f3fce59796168e9338b87fe1a1a45cfed92ac11ea1f",
     "16bc9469375b141efe9742e5069bbf6ea353d571156742423be0e8af6bfe804f",
     "d2ea6a7936796f61accc03676ae7ccabd2806d5b066a0c0eb1410d8a12dbac0f",
     "37d83328568ea5e92f1bfbf2fdaf9e981bc6e5354844194c35335221f501f704",
     "8589f93631b83a7fdfc206f6596c8c845718da2acfcab1111042ecad6928a634"},
    {"99735b0320db2ebba29a7b376c967c681d288c47b1829c2e219c95ea4ee6086f",
     "459506c4f129b2635ed2db28768b0dc357d311cc481e6a12ea4286238e34184f",
     "dd0862c71205e11e02115960df7dccd76f23fc09f2c8cc0dc3617ee48973334a",
     "54de543f2eb17c5744c89f0ef60a6fa5c5547a7b6864321c37590fc7c0b1f01f",
     "40aa244dce287efb8d7c31cf7b97acb49038f206ff066e12178d29da270eab6e",
     "01d74a4ca887c65eaa4a49a9c1dd332f5a4bfe5e1e9ada4b20d85322447f1b08"},
    {"00000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73",
     "fffffffffefffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73",
     "fefffffffefffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73",
     "0100000000000000000000000000000000000000000000000000000000000000",
     "0200000000000000000000000000000000000000000000000000000000000000",
     "00000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73"},
};

static void known_results(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        slk_fr a = element(known[i][0]), b = element(known[i][1]), out;
        slk_fr_add(&out, &a, &b);
        assert_is(&out, known[i][2]);
        slk_fr_sub(&out, &a, &b);
        assert_is(&out, known[i][3]);
        slk_fr_mul(&out, &a, &b);
        assert_is(&out, known[i][4]);
        slk_fr_inv(&out, &a);
        assert_is(&out, known[i][5]);
        slk_fr_mul(&a, &a, &b); /* in place */
        assert_is(&a, known[i][4]);
    }
    slk_fr five, out;
    slk_fr_from_u64(&five, 5);
    slk_fr_pow_u64(&out, &five, UINT64_C(0xfedcba9876543210));
    assert_is(&out, "ad9a1fa7fd853f79f26e1d62d4f1d75d00ced5d41ce7e3f723b0517259b2cb05");
}

static void constants_mean_what_they_say(void **state)
{
    (void)state;
    slk_fr a;
    slk_fr_from_u64(&a, 0);
    assert_true(slk_fr_equal(&a, &slk_fr_zero) && slk_fr_is_zero(&a));
    slk_fr_from_u64(&a, 1);
    assert_true(slk_fr_equal(&a, &slk_fr_one) && !slk_fr_is_zero(&a));
    slk_fr_from_u64(&a, 7);
    assert_true(slk_fr_equal(&a, &slk_fr_generator));
    assert_is(&slk_fr_generator,
              "0700000000000000000000000000000000000000000000000000000000000000");
    slk_fr_from_u64(&a, UINT64_MAX);
    assert_is(&a, "ffffffffffffffff000000000000000000000000000000000000000000000000");
    uint8_t r[32];
    slk_test_hex(r, 32, modulus_hex);
    assert_memory_equal(slk_fr_modulus, r, 32);
    slk_fr_root_of_unity(&a, 32);
    assert_is(&a, "2b0d9f431f972938b980228c508336b6b413c82219689bd0201fe8df9ea1a216");
    slk_fr_root_of_unity(&a, 6);
    assert_is(&a, "53eea9f032d040815551f9e24b7f962dbdfdd86471e2a1144d5e05ec4563af45");
    slk_fr_root_of_unity(&a, 0);
    assert_true(slk_fr_equal(&a, &slk_fr_one));
    slk_fr_root_of_unity(&a, 1);
    slk_fr_add(&a, &a, &slk_fr_one);
    assert_true(slk_fr_is_zero(&a));
}

static void nodes_beyond_the_field_are_refused(void **state)
{
    (void)state;
    uint8_t r[32], high[32], below[32];
    slk_test_hex(r, 32, modulus_hex);
    memset(high, 0xff, sizeof high);
    memcpy(below, r, 32);
    below[0] = 0;
    slk_fr out = slk_fr_one;
    uint8_t sum[32] = {42}, want[32] = {42};
    assert_false(slk_fr_from_node(&out, r));
    assert_false(slk_fr_from_node(&out, high));
    assert_true(slk_fr_equal(&out, &slk_fr_one));
    assert_false(slk_fr_node_is_canonical(r));
    assert_true(slk_fr_node_is_canonical(below));
    assert_false(slk_fr_node_add(sum, r, below));
    assert_false(slk_fr_node_add(sum, below, high));
    assert_false(slk_fr_node_sub(sum, below, r));
    assert_memory_equal(sum, want, 32);
    /* (r - 1) + (r - 1) = r - 2, and back. */
    assert_true(slk_fr_node_add(sum, below, below));
    memcpy(want, r, 32);
    memset(want, 0xff, 4);
    want[4]--;
    assert_memory_equal(sum, want, 32);
    assert_true(slk_fr_node_sub(sum, sum, below));
    assert_memory_equal(sum, below, 32);
}

static void wide_values_are_reduced(void **state)
{
    (void)state;
    uint8_t in[64];
    slk_fr out;
    for (size_t i = 0; i < 64; i++)
        in[i] = (uint8_t)(i + 1);
    slk_fr_from_wide(&out, in);
    assert_is(&out, "09b5e2c62457d9a50df4e8dc2636cd101b99769ac9e96d549d4dfb1ddc71040e");
    memset(in, 0xff, 64);
    slk_fr_from_wide(&out, in);
    assert_is(&out, "6c9cf2f390e999c9235c9287cbed6c2b8f3954729614d30511ff599fd9d94807");
    memset(in, 0, 64);
    slk_fr_from_wide(&out, in);
    assert_true(slk_fr_is_zero(&out));
    slk_test_hex(in, 32, modulus_hex);
    slk_test_hex(in + 32, 32, modulus_hex);
    slk_fr_from_wide(&out, in);
    assert_true(slk_fr_is_zero(&out));
}

static void laws_hold(void **state)
{
    (void)state;
    uint64_t seed = 3;
    slk_fr many[40], copy[40], scratch[40];
    for (size_t i = 0; i < 40; i++)
        many[i] = copy[i] = next(&seed);
    slk_fr_inv_batch(many, 40, scratch);
    slk_fr_inv_batch(NULL, 0, scratch);
    for (size_t i = 0; i < 40; i++) {
        slk_fr a = copy[i], b = copy[(i + 1) % 40], c = copy[(i + 2) % 40], x, y, z;
        slk_fr_inv(&x, &a);
        assert_true(slk_fr_equal(&x, &many[i]));
        slk_fr_mul(&x, &x, &a);
        assert_true(slk_fr_equal(&x, &slk_fr_one));
        slk_fr_add(&x, &b, &c);
        slk_fr_mul(&x, &x, &a); /* a(b + c) */
        slk_fr_mul(&y, &a, &b);
        slk_fr_mul(&z, &a, &c);
        slk_fr_add(&y, &y, &z);
        assert_true(slk_fr_equal(&x, &y));
        slk_fr_sub(&x, &a, &b);
        slk_fr_neg(&y, &b);
        slk_fr_add(&y, &y, &a);
        assert_true(slk_fr_equal(&x, &y));
        slk_fr_double(&x, &a);
        slk_fr_add(&y, &a, &a);
        assert_true(slk_fr_equal(&x, &y));
        slk_fr_sqr(&x, &a);
        slk_fr_pow_u64(&y, &a, 2);
        assert_true(slk_fr_equal(&x, &y));
        uint8_t node[32];
        slk_fr_to_node(node, &a);
        assert_true(slk_fr_from_node(&x, node));
        assert_true(slk_fr_equal(&x, &a));
        uint64_t limbs[4];
        slk_fr_to_limbs(limbs, &a);
        assert_memory_equal(limbs, node, 32);
    }
    slk_fr x;
    slk_fr_inv(&x, &slk_fr_zero);
    assert_true(slk_fr_is_zero(&x));
    slk_fr_neg(&x, &slk_fr_zero);
    assert_true(slk_fr_is_zero(&x));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_results),
        cmocka_unit_test(constants_mean_what_they_say),
        cmocka_unit_test(nodes_beyond_the_field_are_refused),
        cmocka_unit_test(wide_values_are_reduced),
        cmocka_unit_test(laws_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
