/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Recorded proofs of the official prover under the recorded verifying key. */
#include "base/mem.h"
#include "proofs/porep.h"
#include "support/slk_sector_case.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

typedef struct fixture {
    slk_crypto *crypto;
    slk_params_key key;
    slk_porep_statement statement;
    uint8_t fixed[192], random[192];
} fixture;

static void load_statement(slk_porep_statement *out, const slk_c1 *c1, const json_t *record)
{
    *out = (slk_porep_statement){.proof = c1->proof};
    out->miner_id = (uint64_t)slk_test_get_int(record, "miner_actor_id");
    out->sector_number = (uint64_t)slk_test_get_int(record, "sector_number");
    memcpy(out->ticket, c1->ticket, 32);
    memcpy(out->seed, c1->seed, 32);
    memcpy(out->comm_r, c1->comm_r, 32);
    memcpy(out->comm_d, c1->comm_d, 32);
}

static void load_case(fixture *f, const char *name)
{
    slk_c1 c1;
    json_t *record;
    slk_case_load(&c1, &record, name);
    load_statement(&f->statement, &c1, record);
    slk_test_get_hex(f->fixed, 192, slk_test_get(record, "proof_partition0"), "proof");
    slk_test_get_hex(f->random, 192, record, "proof_random");
    json_decref(record);
    slk_c1_done(&c1);
}

static int setup(void **state)
{
    fixture *f = slk_calloc(1, sizeof(*f));
    size_t n, used;
    uint8_t *bytes = slk_test_vectors_bytes("params-2k.vk", &n);
    assert_non_null(f);
    assert_int_equal(slk_crypto_new(&f->crypto, NULL, NULL), SLK_OK);
    f->key.shape = slk_sector_shape_parse("2KiB");
    assert_int_equal(slk_groth16_key_read(&f->key.key, &used, f->crypto, bytes, n, 40, NULL),
                     SLK_OK);
    assert_int_equal(used, n);
    free(bytes);
    load_case(f, "s-2k-data");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    slk_groth16_key_done(&f->key.key);
    slk_crypto_free(f->crypto);
    slk_free(f);
    return 0;
}

static bool valid(const fixture *f, const slk_porep_statement *statement, const uint8_t *proof,
                  size_t n)
{
    bool answer = false;
    assert_int_equal(slk_porep_verify(&answer, f->crypto, NULL, &f->key, statement, proof, n, NULL),
                     SLK_OK);
    return answer;
}

static void test_recorded_proofs(void **state)
{
    fixture *f = *state;
    static const char *const cases[] = {"s-2k-synth", "s-2k-data"};
    for (size_t i = 0; i < 2; i++) {
        load_case(f, cases[i]);
        assert_true(valid(f, &f->statement, f->fixed, 192));
        assert_true(valid(f, &f->statement, f->random, 192));
    }
}

static void test_public_inputs(void **state)
{
    fixture *f = *state;
    json_t *record = slk_test_vectors_json("s-2k-data/record.json.gz");
    json_t *list = json_array_get(json_object_get(record, "public_inputs_le_hex"), 0);
    slk_fr inputs[39];
    size_t n = slk_porep_public_input_count(f->key.shape);
    assert_int_equal(n, 39);
    assert_int_equal(slk_porep_public_inputs(inputs, f->crypto, &f->statement, 0, NULL), SLK_OK);
    assert_int_equal(json_array_size(list), n);
    for (size_t i = 0; i < n; i++) {
        uint8_t want[32], got[32];
        slk_test_hex(want, 32, json_string_value(json_array_get(list, i)));
        slk_fr_to_node(got, &inputs[i]);
        assert_memory_equal(got, want, 32);
    }
    assert_int_equal(slk_porep_public_inputs(inputs, f->crypto, &f->statement, 1, NULL),
                     SLK_E_INVAL);
    json_decref(record);
}

static void test_changed_proofs_are_refused(void **state)
{
    fixture *f = *state;
    uint8_t proof[193];
    for (size_t i = 0; i < 192; i++) {
        memcpy(proof, f->random, 192);
        proof[i] ^= (uint8_t)(1u << (i % 8));
        assert_false(valid(f, &f->statement, proof, 192));
    }
    /* -A: a good point, but another proof */
    memcpy(proof, f->random, 192);
    proof[0] ^= 0x20;
    assert_false(valid(f, &f->statement, proof, 192));
    memset(proof, 0, sizeof(proof));
    assert_false(valid(f, &f->statement, proof, 192));
    proof[0] = proof[48] = proof[144] = 0xc0; /* three points at infinity */
    assert_false(valid(f, &f->statement, proof, 192));
    memcpy(proof, f->random, 192);
    assert_false(valid(f, &f->statement, proof, 191));
    assert_false(valid(f, &f->statement, proof, 193));
    assert_false(valid(f, &f->statement, proof, 0));
}

static void test_other_statements_are_refused(void **state)
{
    fixture *f = *state;
    slk_porep_statement s = f->statement;
    s.miner_id++;
    assert_false(valid(f, &s, f->random, 192));
    s = f->statement;
    s.sector_number++;
    assert_false(valid(f, &s, f->random, 192));
    s = f->statement;
    s.seed[5] ^= 1;
    assert_false(valid(f, &s, f->random, 192));
    s = f->statement;
    s.ticket[31] ^= 1;
    assert_false(valid(f, &s, f->random, 192));
    s = f->statement;
    s.comm_r[0] ^= 1;
    assert_false(valid(f, &s, f->random, 192));
    s = f->statement;
    s.comm_d[0] ^= 1;
    assert_false(valid(f, &s, f->random, 192));
    s = f->statement;
    assert_int_equal(slk_seal_proof_registered(&s.proof, 0, NULL), SLK_OK);
    assert_false(valid(f, &s, f->random, 192));
}

static void test_impossible_statements(void **state)
{
    fixture *f = *state;
    slk_porep_statement s = f->statement;
    bool answer;
    memset(s.comm_r, 0, 32);
    assert_int_equal(slk_porep_verify(&answer, f->crypto, NULL, &f->key, &s, f->random, 192, NULL),
                     SLK_E_INVAL);
    s = f->statement;
    memset(s.comm_d, 0xff, 32);
    assert_int_equal(slk_porep_verify(&answer, f->crypto, NULL, &f->key, &s, f->random, 192, NULL),
                     SLK_E_INVAL);
    s = f->statement;
    s.sector_number = SLK_SECTOR_NUMBER_MAX + 1;
    assert_int_equal(slk_porep_verify(&answer, f->crypto, NULL, &f->key, &s, f->random, 192, NULL),
                     SLK_E_INVAL);
    s = f->statement;
    s.proof.shape = slk_sector_shape_parse("8MiB");
    assert_int_equal(slk_porep_verify(&answer, f->crypto, NULL, &f->key, &s, f->random, 192, NULL),
                     SLK_E_INVAL);
}

static void test_batch(void **state)
{
    fixture *f = *state;
    slk_porep_statement statements[9];
    uint8_t bytes[9][192];
    const uint8_t *proofs[9];
    size_t lengths[9];
    slk_pool *pool = NULL;
    bool answer;
    assert_int_equal(slk_pool_new(&pool, 3, NULL), SLK_OK);
    for (size_t i = 0; i < 9; i++) {
        if (i == 4)
            load_case(f, "s-2k-synth");
        statements[i] = f->statement;
        memcpy(bytes[i], i % 2 == 0 ? f->fixed : f->random, 192);
        proofs[i] = bytes[i];
        lengths[i] = 192;
    }
    load_case(f, "s-2k-data");
    for (size_t n = 1; n <= 9; n++) {
        answer = false;
        assert_int_equal(slk_porep_verify_batch(&answer, f->crypto, pool, &f->key, statements,
                                                proofs, lengths, n, NULL),
                         SLK_OK);
        assert_true(answer);
    }
    for (size_t bad = 0; bad < 9; bad += 2) {
        bytes[bad][0] ^= 0x20;
        answer = true;
        assert_int_equal(slk_porep_verify_batch(&answer, f->crypto, pool, &f->key, statements,
                                                proofs, lengths, 9, NULL),
                         SLK_OK);
        assert_false(answer);
        bytes[bad][0] ^= 0x20;
    }
    /* Two good proofs at each other's place. */
    proofs[0] = bytes[8];
    proofs[8] = bytes[0];
    assert_int_equal(slk_porep_verify_batch(&answer, f->crypto, pool, &f->key, statements, proofs,
                                            lengths, 9, NULL),
                     SLK_OK);
    assert_false(answer);
    slk_pool_free(pool);
}

enum { MANY = 100, INPUTS = 39 };

typedef struct many {
    uint8_t proofs[MANY][192];
    slk_fr inputs[MANY][INPUTS];
} many;

/* Two statements and two proofs of each, in turns. */
static many *many_new(fixture *f)
{
    many *m = slk_alloc(1, sizeof(*m));
    assert_non_null(m);
    for (size_t i = 0; i < MANY; i++) {
        if (i < 2) {
            load_case(f, i == 0 ? "s-2k-data" : "s-2k-synth");
            assert_int_equal(
                slk_porep_public_inputs(m->inputs[i], f->crypto, &f->statement, 0, NULL), SLK_OK);
            memcpy(m->proofs[i], f->fixed, 192);
            memcpy(m->proofs[i + 2], f->random, 192);
            continue;
        }
        memcpy(m->inputs[i], m->inputs[i % 2], sizeof(m->inputs[i]));
        if (i >= 4)
            memcpy(m->proofs[i], m->proofs[i % 4], 192);
    }
    load_case(f, "s-2k-data");
    return m;
}

static bool batch_valid(const fixture *f, slk_pool *pool, const many *m, size_t n)
{
    bool answer = false;
    assert_int_equal(slk_groth16_verify_batch(&answer, f->crypto, &f->key.key, pool, m->proofs[0],
                                              n, m->inputs[0], INPUTS, NULL),
                     SLK_OK);
    return answer;
}

/* Every number of proofs around the sizes of groups, for one thread and for several. */
static void test_batch_sizes(void **state)
{
    fixture *f = *state;
    slk_pool *pool = NULL;
    many *m = many_new(f);
    assert_int_equal(slk_pool_new(&pool, 3, NULL), SLK_OK);
    for (size_t n = 1; n <= 17; n++) {
        assert_true(batch_valid(f, pool, m, n));
        assert_true(batch_valid(f, NULL, m, n));
    }
    assert_true(batch_valid(f, pool, m, MANY));
    for (size_t i = 0; i < 4; i++) {
        bool answer = false;
        assert_int_equal(slk_groth16_verify(&answer, f->crypto, &f->key.key, pool, m->proofs[i],
                                            m->inputs[i], INPUTS, NULL),
                         SLK_OK);
        assert_true(answer);
    }
    slk_free(m);
    slk_pool_free(pool);
}

/* Swaps A and C's signs, damages an encoding, or changes an input of proof `at`; twice is once. */
static void spoil(many *m, size_t at, size_t how)
{
    if (how == 0)
        m->proofs[at][0] ^= 0x20;
    else if (how == 1)
        m->proofs[at][144] ^= 0x20;
    else if (how == 2)
        m->proofs[at][48] ^= 0x80;
    else
        slk_fr_neg(&m->inputs[at][at % INPUTS], &m->inputs[at][at % INPUTS]);
}

static void test_bad_proof_at_every_place(void **state)
{
    fixture *f = *state;
    slk_pool *pool = NULL;
    many *m = many_new(f);
    assert_int_equal(slk_pool_new(&pool, 2, NULL), SLK_OK);
    for (size_t at = 0; at < 17; at++) {
        spoil(m, at, at % 4);
        assert_false(batch_valid(f, pool, m, 17));
        assert_true(batch_valid(f, pool, m, at > 0 ? at : 17) == (at > 0));
        spoil(m, at, at % 4);
    }
    /* Errors that would cancel with equal coefficients: A of two proofs of one statement changed
     * places, so did C. */
    for (size_t half = 0; half < 2; half++) {
        uint8_t swap[48], *a = m->proofs[0] + 144 * half, *b = m->proofs[2] + 144 * half;
        memcpy(swap, a, 48);
        memcpy(a, b, 48);
        memcpy(b, swap, 48);
        assert_false(batch_valid(f, pool, m, 17));
    }
    slk_free(m);
    slk_pool_free(pool);
}

/* Points of the curves that are not of order r, x = 4 on both, at each place of a proof. */
static void test_points_outside_the_subgroups(void **state)
{
    fixture *f = *state;
    many *m = many_new(f);
    for (size_t place = 0; place < 192; place += place == 48 ? 96 : 48) {
        many *bad = slk_alloc(1, sizeof(*bad));
        assert_non_null(bad);
        *bad = *m;
        for (size_t at = 0; at < 9; at += 4) {
            size_t bytes = place == 48 ? 96 : 48;
            memset(bad->proofs[at] + place, 0, bytes);
            bad->proofs[at][place] = 0x80;
            bad->proofs[at][place + bytes - 1] = 4;
            assert_false(batch_valid(f, NULL, bad, 9));
            memcpy(bad->proofs[at], m->proofs[at], 192);
            memset(bad->proofs[at] + place, 0, bytes);
            bad->proofs[at][place] = 0xc0; /* infinity */
            assert_false(batch_valid(f, NULL, bad, 9));
            memcpy(bad->proofs[at], m->proofs[at], 192);
            assert_true(batch_valid(f, NULL, bad, 9));
        }
        slk_free(bad);
    }
    slk_free(m);
}

/* 13 partitions in one proof: all must be there, in their order. */
static void test_many_partitions(void **state)
{
    fixture *f = *state;
    slk_c1 c1;
    json_t *record;
    slk_porep_statement statement;
    size_t n;
    uint8_t swapped[192], *proof = slk_test_vectors_bytes("made-here/s-2k-ni.proof", &n);
    slk_case_load(&c1, &record, "s-2k-ni");
    load_statement(&statement, &c1, record);
    json_decref(record);
    slk_c1_done(&c1);
    assert_int_equal(n, 13 * 192);
    assert_true(valid(f, &statement, proof, n));
    assert_false(valid(f, &statement, proof, n - 192));
    memcpy(swapped, proof, 192);
    memcpy(proof, proof + 192 * 12, 192);
    memcpy(proof + 192 * 12, swapped, 192);
    assert_false(valid(f, &statement, proof, n));
    free(proof);
}

static void test_damaged_keys(void **state)
{
    const fixture *f = *state;
    size_t n, used;
    uint8_t *bytes = slk_test_vectors_bytes("params-2k.vk", &n);
    slk_groth16_key key;
    static const size_t points[] = {0, 96, 192, 384, 576, 672, 868, 868 + 96 * 39};
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        bytes[points[i] + 50] ^= 4;
        assert_int_equal(slk_groth16_key_read(&key, &used, f->crypto, bytes, n, 40, NULL),
                         SLK_E_CORRUPT);
        bytes[points[i] + 50] ^= 4;
    }
    for (size_t cut = 0; cut < n; cut += 97)
        assert_int_equal(slk_groth16_key_read(&key, &used, f->crypto, bytes, cut, 40, NULL),
                         SLK_E_CORRUPT);
    assert_int_equal(slk_groth16_key_read(&key, &used, f->crypto, bytes, n, 39, NULL),
                     SLK_E_CORRUPT);
    memset(bytes + 864, 0, 4);
    assert_int_equal(slk_groth16_key_read(&key, &used, f->crypto, bytes, n, 40, NULL),
                     SLK_E_CORRUPT);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_proofs),
        cmocka_unit_test(test_public_inputs),
        cmocka_unit_test(test_changed_proofs_are_refused),
        cmocka_unit_test(test_other_statements_are_refused),
        cmocka_unit_test(test_impossible_statements),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_batch_sizes),
        cmocka_unit_test(test_bad_proof_at_every_place),
        cmocka_unit_test(test_points_outside_the_subgroups),
        cmocka_unit_test(test_many_partitions),
        cmocka_unit_test(test_damaged_keys),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
