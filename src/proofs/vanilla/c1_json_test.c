/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The reader under damage: what it accepts is, byte for byte, what the writer makes of the result. */
#include "proofs/vanilla/c1.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

struct compare {
    const uint8_t *want;
    size_t n, at;
};

/* A sink that only compares; any difference ends the writer. */
static slk_err compare_sink(void *context, const void *bytes, size_t n, slk_error *error)
{
    struct compare *c = context;
    if (c->n - c->at < n || memcmp(c->want + c->at, bytes, n) != 0)
        return slk_fail(error, SLK_E_CORRUPT, "differs");
    c->at += n;
    return SLK_OK;
}

static bool writes_back(const slk_c1 *c1, bool bare, const uint8_t *json, size_t n)
{
    struct compare c = {.want = json, .n = n};
    return slk_c1_write_json(c1, bare, compare_sink, &c, NULL) == SLK_OK && c.at == n;
}

/* Reads; true when accepted, and then the text must be canonical. */
static bool accepted(const uint8_t *json, size_t n, const slk_seal_proof *expected, bool bare)
{
    slk_c1 c1 = {0};
    slk_error error = {0};
    slk_err code = slk_c1_read_json(&c1, json, n, expected, &error);
    if (code != SLK_OK) {
        assert_true(error.message[0] != 0);
        assert_null(c1.records);
        return false;
    }
    assert_true(writes_back(&c1, bare, json, n));
    slk_c1_done(&c1);
    return true;
}

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* A copy whose end is the end of its memory, for the sanitizers. */
static void try_damaged(const uint8_t *json, size_t n, uint32_t *seed)
{
    size_t length = n;
    const uint32_t kind = draw(seed) % 4;
    if (kind == 0)
        length = draw(seed) % n;
    uint8_t *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, json, length);
    const size_t at = length ? draw(seed) % length : 0;
    if (kind == 1)
        copy[at] = (uint8_t)(copy[at] ^ 1u << draw(seed) % 8);
    if (kind == 2)
        copy[at] = (uint8_t) "0123456789,[]{}\":_null -+.eE\\"[draw(seed) % 29];
    if (kind == 3) {
        size_t from = draw(seed) % n, run = draw(seed) % 200;
        run = run < n - from ? run : n - from;
        run = run < length - at ? run : length - at;
        memcpy(copy + at, json + from, run);
    }
    (void)accepted(copy, length, NULL, false);
    free(copy);
}

static void test_damage(void **state)
{
    (void)state;
    static const char *const names[] = {"s-2k-data/c1.json.gz", "s-2k-ni/c1.json.gz",
                                        "s-8m-data/c1.json.gz"};
    uint32_t seed = 2026;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n;
        uint8_t *json = slk_test_vectors_bytes(names[i], &n);
        assert_true(accepted(json, n, NULL, false));
        for (unsigned round = 0; round < 400; round++)
            try_damaged(json, n, &seed);
        for (size_t length = 0; length < 300; length++)
            assert_false(accepted(json, length, NULL, false));
        assert_false(accepted(json, n - 1, NULL, false));
        json[n] = '\n'; /* the loader leaves room for one byte */
        assert_false(accepted(json, n + 1, NULL, false));
        free(json);
    }
}

static void test_expected(void **state)
{
    (void)state;
    size_t n;
    uint8_t *json = slk_test_vectors_bytes("s-2k-data/c1.json.gz", &n);
    slk_seal_proof proof;
    assert_int_equal(slk_seal_proof_registered(&proof, 5, NULL), SLK_OK);
    assert_true(accepted(json, n, &proof, false));
    assert_int_equal(slk_seal_proof_registered(&proof, 0, NULL), SLK_OK);
    assert_false(accepted(json, n, &proof, false));
    free(json);
    json = slk_test_vectors_bytes("s-32k-data/c1-vanilla.json.gz", &n);
    assert_false(accepted(json, n, NULL, true)); /* does not say what it is */
    const uint8_t porep_id[32] = {100};
    slk_seal_proof_custom(&proof, slk_sector_shape_parse("32KiB"), porep_id, SLK_API_1_1,
                          SLK_FEATURE_NONE);
    assert_true(accepted(json, n, &proof, true));
    slk_seal_proof_custom(&proof, slk_sector_shape_parse("16KiB"), porep_id, SLK_API_1_1,
                          SLK_FEATURE_NONE);
    assert_false(accepted(json, n, &proof, true));
    free(json);
}

/* Replaces the first occurrence of `from` after the mark by `to` of the same length. */
static void replace(uint8_t *json, const char *mark, const char *from, const char *to)
{
    char *at = strstr((char *)json, mark);
    assert_non_null(at);
    at = strstr(at, from);
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
}

/* Each a single lie in text that is otherwise well formed. */
static void test_lies(void **state)
{
    (void)state;
    static const char *const lies[][3] = {
        {"\"comm_d_proofs\"", "\"index\":0", "\"index\":1"}, /* another challenge */
        {"\"comm_r_last_proof\"", "\"index\":6", "\"index\":7"},
        {"\"labeling_proofs\"", "\"layer_index\":1", "\"layer_index\":2"},
        {"\"encoding_proof\"", "\"node\":38", "\"node\":39"},
        {"\"drg_parents\"", "\"index\":37", "\"index\":36"},
        {"\"c_x\"", "\"index\":38", "\"index\":37"},
        {"\"_h\"", "null", "nul1"},
        {"\"replica_id\"", "replica_id", "replica_iD"},
        {"\"registered_proof\"", "V1_1", "V1_2"},
        {"\"comm_d\":", "[106", "[107"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        size_t n;
        uint8_t *json = slk_test_vectors_bytes("s-2k-data/c1.json.gz", &n);
        replace(json, lies[i][0], lies[i][1], lies[i][2]);
        if (accepted(json, n, NULL, false))
            fail_msg("accepted %s for %s", lies[i][2], lies[i][1]);
        free(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_expected),
        cmocka_unit_test(test_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
