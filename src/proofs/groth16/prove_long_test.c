/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Generates the 2 KiB development parameters, proves the recorded sectors with the recorded
 * blinding and compares with the bytes of the official prover.
 *
 * The parameters (1.1 GB) are made once and kept in $SELKIE_TEST_PARAMS, or in test-params under
 * the working folder. */
#include "base/file.h"
#include "base/mem.h"
#include "crypto/sha256/sha256.h"
#include "proofs/porep_part.h"
#include "support/slk_sector_case.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct fixture {
    slk_crypto *crypto;
    slk_pool *pool;
    const slk_sector_shape *shape;
    const char *folder;
} fixture;

static void make_params(const fixture *f)
{
    slk_error error = {0};
    char name[SLK_PARAMS_NAME_MAX];
    uint8_t got[32], want[32];
    json_t *known = slk_test_vectors_json("params-2k.json");
    slk_test_get_hex(want, 32, known, "params_sha256");
    slk_params_name(name, f->crypto, f->shape, SLK_PARAMS_FILE_PARAMS);
    slk_err err = slk_params_generate(got, f->crypto, f->pool, f->folder, f->shape,
                                      SLK_PARAMS_DEVELOPMENT_LABEL, NULL, &error);
    if (err == SLK_OK)
        assert_memory_equal(got, want, 32);
    else if (err != SLK_E_EXISTS)
        fail_msg("%s", error.message);
    json_decref(known);
}

static int setup(void **state)
{
    fixture *f = slk_calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_int_equal(slk_crypto_new(&f->crypto, NULL, NULL), SLK_OK);
    assert_int_equal(slk_pool_new(&f->pool, 0, NULL), SLK_OK);
    f->shape = slk_sector_shape_parse("2KiB");
    f->folder = getenv("SELKIE_TEST_PARAMS");
    if (f->folder == NULL || f->folder[0] == '\0')
        f->folder = "test-params";
    make_params(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    slk_pool_free(f->pool);
    slk_crypto_free(f->crypto);
    slk_free(f);
    return 0;
}

static slk_params *open_params(const fixture *f)
{
    slk_params *params = NULL;
    slk_error error = {0};
    if (slk_params_open(&params, f->crypto, f->folder, f->shape, true, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return params;
}

static void test_files(void **state)
{
    const fixture *f = *state;
    slk_params *params = NULL;
    slk_params_key *key = NULL;
    slk_buf detail;
    bool matches = false;
    slk_buf_init(&detail, 4096);
    assert_int_equal(
        slk_params_verify(&matches, &detail, f->crypto, f->folder, f->shape, NULL, NULL), SLK_OK);
    if (!matches)
        fail_msg("%s", slk_buf_str(&detail));
    slk_buf_done(&detail);
    assert_int_equal(slk_params_open(&params, f->crypto, f->folder, f->shape, false, NULL),
                     SLK_E_INVAL);
    assert_int_equal(slk_params_key_open(&key, f->crypto, f->folder, f->shape, false, NULL),
                     SLK_E_INVAL);
    assert_int_equal(slk_params_key_open(&key, f->crypto, f->folder, f->shape, true, NULL), SLK_OK);
    assert_true(key->development);
    slk_params_key_free(key);
    assert_int_equal(
        slk_params_generate(NULL, f->crypto, f->pool, f->folder, f->shape, "other", NULL, NULL),
        SLK_E_EXISTS);
}

static void label(const slk_crypto *crypto, slk_fr *out, const char *name, const char *what)
{
    char text[128];
    uint8_t node[32];
    int n = snprintf(text, sizeof(text), "%s/%s", name, what);
    slk_sha256_of(crypto, node, text, (size_t)n);
    slk_sha254_trim(node);
    assert_true(slk_fr_from_node(out, node));
}

static void check_case(const fixture *f, const slk_params *params, const char *name)
{
    slk_c1 c1;
    json_t *record;
    uint8_t want[192], got[192];
    slk_porep_blinding blinding;
    slk_error error = {0};
    slk_case_load(&c1, &record, name);
    slk_test_get_hex(want, 192, slk_test_get(record, "proof_partition0"), "proof");
    label(f->crypto, &blinding.r, name, "r");
    label(f->crypto, &blinding.s, name, "s");
    uint64_t miner = (uint64_t)slk_test_get_int(record, "miner_actor_id");
    uint64_t number = (uint64_t)slk_test_get_int(record, "sector_number");
    if (slk_porep_prove(got, f->crypto, f->pool, params, &c1, miner, number, &blinding, NULL,
                        &error) != SLK_OK)
        fail_msg("%s", error.message);
    assert_memory_equal(got, want, 192);
    json_decref(record);
    slk_c1_done(&c1);
}

static void test_recorded_proofs(void **state)
{
    const fixture *f = *state;
    slk_params *params = open_params(f);
    check_case(f, params, "s-2k-data");
    check_case(f, params, "s-2k-synth");
    slk_params_free(params);
}

/* Fresh blinding, another API version; slk_porep_prove verifies what it returns. */
static void test_random_blinding(void **state)
{
    const fixture *f = *state;
    slk_params *params = open_params(f);
    slk_c1 c1;
    json_t *record;
    uint8_t proof[192] = {0};
    slk_error error = {0};
    slk_case_load(&c1, &record, "s-2k-v1");
    uint64_t miner = (uint64_t)slk_test_get_int(record, "miner_actor_id");
    uint64_t number = (uint64_t)slk_test_get_int(record, "sector_number");
    if (slk_porep_prove(proof, f->crypto, f->pool, params, &c1, miner, number, NULL, NULL,
                        &error) != SLK_OK)
        fail_msg("%s", error.message);
    assert_true((proof[0] & 0x80) != 0);
    json_decref(record);
    slk_c1_done(&c1);
    slk_params_free(params);
}

static void test_refusals(void **state)
{
    const fixture *f = *state;
    slk_params *params = open_params(f);
    slk_c1 c1;
    json_t *record;
    slk_job job;
    uint8_t out[192];
    slk_case_load(&c1, &record, "s-2k-data");
    uint64_t miner = (uint64_t)slk_test_get_int(record, "miner_actor_id");
    uint64_t number = (uint64_t)slk_test_get_int(record, "sector_number");
    assert_int_equal(
        slk_porep_prove(out, f->crypto, NULL, params, &c1, miner + 1, number, NULL, NULL, NULL),
        SLK_E_INVAL);
    assert_int_equal(
        slk_porep_prove(out, f->crypto, NULL, params, &c1, miner, number + 1, NULL, NULL, NULL),
        SLK_E_INVAL);
    c1.seed[0] ^= 1;
    assert_int_equal(
        slk_porep_prove(out, f->crypto, NULL, params, &c1, miner, number, NULL, NULL, NULL),
        SLK_E_INVAL);
    c1.seed[0] ^= 1;
    slk_c1_record(&c1, 0, 1)[c1.layout.r_siblings] ^= 1;
    assert_int_equal(
        slk_porep_prove(out, f->crypto, NULL, params, &c1, miner, number, NULL, NULL, NULL),
        SLK_E_CORRUPT);
    slk_c1_record(&c1, 0, 1)[c1.layout.r_siblings] ^= 1;
    slk_job_init(&job);
    slk_job_cancel(&job);
    assert_int_equal(
        slk_porep_prove(out, f->crypto, f->pool, params, &c1, miner, number, NULL, &job, NULL),
        SLK_E_CANCELED);
    json_decref(record);
    slk_c1_done(&c1);
    slk_params_free(params);
}

/* Parts of a proof of 13 partitions, one pass each, joined; a partition proved alone gives the same
 * bytes as in a pass with others. */
static void test_parts(void **state)
{
    const fixture *f = *state;
    slk_params *params = open_params(f);
    const slk_params_key *key = slk_params_key_of(params);
    slk_c1 c1;
    json_t *record;
    uint8_t proofs[13 * 192], alone[192], joined[13 * 192];
    slk_porep_blinding blinding;
    slk_error error = {0};
    bool valid = false;
    slk_case_load(&c1, &record, "s-2k-ni");
    assert_int_equal(c1.partitions, 13);
    label(f->crypto, &blinding.r, "parts", "r");
    label(f->crypto, &blinding.s, "parts", "s");
    slk_porep_statement statement = {
        .proof = c1.proof,
        .miner_id = (uint64_t)slk_test_get_int(record, "miner_actor_id"),
        .sector_number = (uint64_t)slk_test_get_int(record, "sector_number")};
    memcpy(statement.ticket, c1.ticket, 32);
    memcpy(statement.seed, c1.seed, 32);
    memcpy(statement.comm_r, c1.comm_r, 32);
    memcpy(statement.comm_d, c1.comm_d, 32);
    slk_porep_part parts[2] = {{statement, 6, 7, proofs + (size_t)6 * 192},
                               {statement, 0, 6, proofs}};
    for (size_t i = 0; i < 2; i++)
        if (slk_porep_prove_partitions(parts[i].proofs, f->crypto, f->pool, params, &c1,
                                       statement.miner_id, statement.sector_number, parts[i].first,
                                       parts[i].n, &blinding, NULL, &error) != SLK_OK)
            fail_msg("%s", error.message);
    assert_int_equal(slk_porep_join(joined, f->crypto, f->pool, key, parts, 2, NULL), SLK_OK);
    assert_memory_equal(joined, proofs, sizeof joined);
    assert_int_equal(slk_porep_prove_partitions(alone, f->crypto, f->pool, params, &c1,
                                                statement.miner_id, statement.sector_number, 7, 1,
                                                &blinding, NULL, NULL),
                     SLK_OK);
    assert_memory_equal(alone, proofs + (size_t)7 * 192, 192);
    assert_int_equal(
        slk_porep_verify_partitions(&valid, f->crypto, f->pool, key, &statement, 8, 1, alone, NULL),
        SLK_OK);
    assert_false(valid);
    parts[0].first = 0;
    parts[1].first = 7; /* right in number, wrong in place */
    assert_int_equal(slk_porep_join(joined, f->crypto, f->pool, key, parts, 2, NULL),
                     SLK_E_CORRUPT);
    assert_int_equal(slk_porep_prove_partitions(alone, f->crypto, f->pool, params, &c1,
                                                statement.miner_id, statement.sector_number, 13, 1,
                                                NULL, NULL, NULL),
                     SLK_E_INVAL);
    json_decref(record);
    slk_c1_done(&c1);
    slk_params_free(params);
}

/* A copy of the files under another folder, the parameters as a private mapping would see them
 * after one changed byte: every damage ends in SLK_E_CORRUPT, never in a proof. */
static void test_damaged_parameters(void **state)
{
    const fixture *f = *state;
    char folder[] = "damaged-XXXXXX", name[SLK_PARAMS_NAME_MAX];
    assert_non_null(mkdtemp(folder));
    slk_params_name(name, f->crypto, f->shape, SLK_PARAMS_FILE_PARAMS);
    char *from = slk_path_join(f->folder, name), *to = slk_path_join(folder, name);
    int fd = -1;
    assert_int_equal(slk_file_create(&fd, to, 0600, NULL), SLK_OK);
    assert_int_equal(slk_params_fetch_local((void *)(uintptr_t)f->folder, name, fd, NULL, NULL),
                     SLK_OK);
    slk_params *params = NULL;
    uint8_t byte, flipped;
    /* inside h: on no curve any more; the proof must not verify */
    uint64_t at = 4708 + 4 + 96 * UINT64_C(1000) + 50;
    assert_int_equal(slk_file_read_at(fd, &byte, 1, at, to, NULL), SLK_OK);
    flipped = byte ^ 8;
    assert_int_equal(slk_file_write_at(fd, &flipped, 1, at, to, NULL), SLK_OK);
    assert_int_equal(slk_params_open(&params, f->crypto, folder, f->shape, false, NULL),
                     SLK_E_INVAL); /* no sidecar, but not the published key */
    assert_int_equal(slk_params_open(&params, f->crypto, folder, f->shape, true, NULL), SLK_OK);
    slk_c1 c1;
    json_t *record;
    uint8_t out[192];
    slk_case_load(&c1, &record, "s-2k-data");
    assert_int_equal(slk_porep_prove(out, f->crypto, f->pool, params, &c1,
                                     (uint64_t)slk_test_get_int(record, "miner_actor_id"),
                                     (uint64_t)slk_test_get_int(record, "sector_number"), NULL,
                                     NULL, NULL),
                     SLK_E_CORRUPT);
    json_decref(record);
    slk_c1_done(&c1);
    slk_params_free(params);
    params = NULL;
    assert_int_equal(ftruncate(fd, 1000000), 0);
    assert_int_equal(slk_params_open(&params, f->crypto, folder, f->shape, true, NULL),
                     SLK_E_CORRUPT);
    close(fd);
    assert_int_equal(slk_remove_tree(folder, NULL), SLK_OK);
    slk_free(from);
    slk_free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),           cmocka_unit_test(test_recorded_proofs),
        cmocka_unit_test(test_random_blinding), cmocka_unit_test(test_parts),
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_damaged_parameters),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
