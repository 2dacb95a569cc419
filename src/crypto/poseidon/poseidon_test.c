/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/poseidon/poseidon.h"

#include "crypto/poseidon/poseidon_impl.h"
#include "crypto/sha256/sha256.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static const char *const levels[] = {"plain", "sse", "avx2", "native"};
#define LEVELS (sizeof levels / sizeof *levels)

static slk_crypto *make(const char *level)
{
    slk_crypto *crypto = NULL;
    slk_error error;
    if (slk_crypto_new(&crypto, level, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return crypto;
}

/* SHA-256 over n elements, canonical little-endian. */
static void assert_digest(const slk_crypto *crypto, const slk_fr *elements, size_t n,
                          const char *want_hex)
{
    uint8_t node[32], want[32];
    slk_sha256 hash;
    slk_sha256_init(&hash, crypto);
    for (size_t i = 0; i < n; i++) {
        slk_fr_to_node(node, &elements[i]);
        slk_sha256_update(&hash, node, 32);
    }
    slk_sha256_final(&hash, node);
    slk_test_hex(want, 32, want_hex);
    assert_memory_equal(node, want, 32);
}

static void constants_have_the_published_digests(void **state)
{
    (void)state;
    /* source: reference/proofs 2.1 and 2.5; no digests of the last three are given for arity 4 */
    static const struct {
        unsigned arity;
        const char *keys, *compressed, *pre_sparse, *sparse;
    } want[] = {
        {2, "cf4dfb7448132022e22b32e3dce6b125cb06329448f9e8d8fe53a71c73cbe6d4",
         "b768b730ce5198394d948d76421ab53b08cc16ec1ac082cf503f370192253e16",
         "13d6e8e5ba45b0d2096617d055499f36adad1aab6853de143ed42b14eea9a0f6",
         "a2fe507a83bddb8d57e5a00e7e58e79800c272b0db7dd4141943f6e567e99138"},
        {4, "91e463d6553415b3901b9f26b2ad53e6298ac3e5ab0ef260d397bafe8bdde98e", NULL, NULL, NULL},
        {8, "9a4a743575f0eaf285c93d73f8adaf4e7ef4042c2445b42bddaf1a64e5face72",
         "f5a94aea73a583d080abdf7d71259fab9107f5523a4a1eddc41468f94564dd16",
         "dcfbdaea3eb7e347664c8f881c5443b1895f10c85cab0878022eb287defa8587",
         "3f823785875d8cc161c963d2a62d103a3fefab30eb4244cef877d8e624fb79f4"},
        {11, "479dc0d71d694cd50d853dec0c94aeb37df2a69929eaa23b545a52b1226aec06",
         "2d7c0e4e9b98eda82102b69f1a964ae59ccf98b0008b6d3d632d86f4fea79d1d",
         "f2a7353f0ce5ad724a7a58bf2db0e37f7c5662f064a6c97466021af83279a96e",
         "810a4d7f126f6e5fb3eb1980b57c70f90bb835219373d955726e30b3ca931556"},
    };
    slk_crypto *crypto = make(NULL);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const slk_poseidon_params *p = slk_poseidon_params_of(crypto, want[i].arity);
        unsigned t = p->width, partial = p->partial_rounds;
        assert_int_equal(p->arity, want[i].arity);
        assert_int_equal(t, want[i].arity + 1);
        assert_int_equal(p->full_rounds, 8);
        assert_digest(crypto, p->round_keys, (size_t)(8 + partial) * t, want[i].keys);
        if (!want[i].compressed)
            continue;
        assert_digest(crypto, p->compressed, 8 * (size_t)t + partial, want[i].compressed);
        assert_digest(crypto, p->pre_sparse, (size_t)t * t, want[i].pre_sparse);
        assert_digest(crypto, p->sparse, (size_t)partial * (2 * t - 1), want[i].sparse);
    }
    slk_crypto_free(crypto);
}

static void check_node(const slk_fr *got, const char *want_hex)
{
    uint8_t node[32], want[32];
    slk_fr_to_node(node, got);
    slk_test_hex(want, 32, want_hex);
    assert_memory_equal(node, want, 32);
}

static void check_constants(const slk_poseidon_params *p, const json_t *entry)
{
    assert_int_equal(p->partial_rounds, slk_test_get_int(entry, "partial_rounds"));
    check_node(&p->tag, slk_test_get_text(entry, "domain_tag"));
    size_t i;
    json_t *value;
    json_array_foreach(slk_test_get(entry, "mds_row0"), i, value)
        check_node(&p->mds[i], json_string_value(value));
    assert_int_equal(i, p->width);
    json_array_foreach(slk_test_get(entry, "first_round_constants"), i, value)
        check_node(&p->round_keys[i], json_string_value(value));
}

static void check_pair(const slk_crypto *crypto, const slk_poseidon_params *p, const json_t *pair)
{
    uint8_t in[11 * 32], out[32], want[32];
    slk_fr x[11], y;
    size_t k;
    json_t *value;
    slk_test_get_hex(want, 32, pair, "out");
    json_array_foreach(slk_test_get(pair, "in"), k, value)
    {
        slk_test_json_bytes(in + 32 * k, 32, value);
        assert_true(slk_fr_from_node(&x[k], in + 32 * k));
    }
    assert_int_equal(k, p->arity);
    slk_poseidon_plain(p, &y, x);
    check_node(&y, slk_test_get_text(pair, "out"));
    slk_poseidon_hash(crypto, p->arity, &x[0], x); /* in place */
    assert_true(slk_fr_equal(&x[0], &y));
    slk_poseidon_batch(crypto, p->arity, out, in, 1);
    assert_memory_equal(out, want, 32);
}

/* 1000 times x <- H(x, 1, 2, …) from 7. */
static void check_chain(const slk_crypto *crypto, const slk_poseidon_params *p, const char *want)
{
    slk_fr x[11];
    for (unsigned k = 0; k < p->arity; k++)
        slk_fr_from_u64(&x[k], k == 0 ? 7 : k);
    for (int i = 0; i < 1000; i++)
        slk_poseidon_hash(crypto, p->arity, &x[0], x);
    check_node(&x[0], want);
}

static void vectors_of_the_reference(void **state)
{
    (void)state;
    json_t *all = slk_test_vectors_json("poseidon.json.gz");
    for (size_t level = 0; level < LEVELS; level++) {
        slk_crypto *crypto = make(levels[level]);
        size_t i, j, used = 0;
        json_t *entry, *pair;
        json_array_foreach(all, i, entry)
        {
            unsigned arity = (unsigned)slk_test_get_int(entry, "arity");
            if (arity > 11)
                continue;
            const slk_poseidon_params *p = slk_poseidon_params_of(crypto, arity);
            check_constants(p, entry);
            json_array_foreach(slk_test_get(entry, "vectors"), j, pair) check_pair(crypto, p, pair);
            assert_int_equal(j, 40);
            check_chain(crypto, p, slk_test_get_text(entry, "chain_1000_from_7"));
            used++;
        }
        assert_int_equal(used, 4);
        slk_crypto_free(crypto);
    }
    json_decref(all);
}

enum { MANY = 43 };

/* Nodes below r: the highest byte stays under that of r. A few are 0 and r - 1. */
static void fill(uint8_t *nodes, size_t n)
{
    uint64_t seed = 29;
    for (size_t i = 0; i < n * 32; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        nodes[i] = (uint8_t)((seed >> 56) % (i % 32 == 31 ? 0x73 : 0x100));
    }
    for (size_t i = 0; i < n; i += 13)
        slk_test_hex(nodes + 32 * i, 32,
                     i % 2 ? "00000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73"
                           : "0000000000000000000000000000000000000000000000000000000000000000");
}

static void check_many(const slk_crypto *crypto, unsigned arity, size_t n)
{
    uint8_t in[MANY * 11 * 32], layers[11][MANY * 32], out[MANY * 32], want[MANY * 32];
    const uint8_t *layer[11];
    const slk_poseidon_params *p = slk_poseidon_params_of(crypto, arity);
    fill(in, n * arity);
    memset(out, 0xee, sizeof out);
    memset(want, 0xee, sizeof want);
    for (size_t i = 0; i < n; i++) {
        slk_fr x[11], y;
        for (size_t k = 0; k < arity; k++) {
            memcpy(layers[k] + 32 * i, in + 32 * (i * arity + k), 32);
            assert_true(slk_fr_from_node(&x[k], in + 32 * (i * arity + k)));
        }
        slk_poseidon_plain(p, &y, x);
        slk_fr_to_node(want + 32 * i, &y);
    }
    for (size_t k = 0; k < arity; k++)
        layer[k] = layers[k];
    slk_poseidon_batch(crypto, arity, out, in, n);
    assert_memory_equal(out, want, sizeof out);
    memset(out, 0xee, sizeof out);
    slk_poseidon_columns(crypto, arity, out, layer, n);
    assert_memory_equal(out, want, sizeof out);
    slk_poseidon_batch(crypto, arity, in, in, n);
    assert_memory_equal(in, want, n * 32);
}

static void rows_and_columns_agree_with_the_definition(void **state)
{
    (void)state;
    static const unsigned arities[] = {2, 4, 8, 11};
    for (size_t level = 0; level < LEVELS; level++) {
        slk_crypto *crypto = make(levels[level]);
        for (size_t a = 0; a < 4; a++) {
            for (size_t n = 0; n <= 17; n++)
                check_many(crypto, arities[a], n);
            check_many(crypto, arities[a], MANY);
        }
        slk_crypto_free(crypto);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_have_the_published_digests),
        cmocka_unit_test(vectors_of_the_reference),
        cmocka_unit_test(rows_and_columns_agree_with_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
