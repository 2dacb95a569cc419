/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/slk_seal_case.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "crypto/sha256/sha256.h"
#include "proofs/fr32/fr32.h"
#include "proofs/vanilla/cache.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void ok(slk_err code, const slk_error *error)
{
    if (code != SLK_OK)
        fail_msg("%s: %s", slk_err_name(code), slk_error_text(error, code));
}

/* First n bytes of SHA-256(name || LE64 0) || SHA-256(name || LE64 1) || …, padded, into a file. */
static void write_piece(const slk_crypto *crypto, int fd, uint64_t offset, const char *name,
                        uint64_t n, bool zero)
{
    enum { RAW = 127 * 32 * 8 };
    static uint8_t raw[RAW], padded[RAW / 127 * 128];
    uint64_t counter = 0;
    for (uint64_t done = 0; done < n;) {
        const size_t step = n - done < RAW ? (size_t)(n - done) : RAW;
        for (size_t i = 0; i < step; i += 32) {
            uint8_t message[80], digest[32];
            size_t length = strlen(name);
            memcpy(message, name, length);
            slk_store_le64(message + length, counter++);
            slk_sha256_of(crypto, digest, message, length + 8);
            memcpy(raw + i, digest, step - i < 32 ? step - i : 32);
        }
        if (zero)
            memset(raw, 0, step);
        slk_fr32_pad(padded, raw, step);
        const size_t bytes = slk_fr32_pad_out_bytes(step);
        assert_int_equal(slk_file_write_at(fd, padded, bytes, offset, "unsealed", NULL), SLK_OK);
        offset += bytes;
        done += step;
    }
}

static void load_pieces(slk_seal_case *c)
{
    size_t i;
    json_t *piece;
    c->zero = true;
    json_array_foreach(slk_test_get(c->record, "pieces"), i, piece)
    {
        assert_true(i < 3);
        c->pieces[i].padded_bytes =
            slk_fr32_padded_bytes((uint64_t)slk_test_get_int(piece, "unpadded_bytes"));
        slk_test_get_hex(c->pieces[i].commitment, 32, piece, "comm_p");
        if (strcmp(slk_test_get_text(piece, "content"), "zeros") != 0)
            c->zero = false;
    }
    c->n_pieces = i;
}

static void check_sha256(const slk_seal_case *c, const char *path, const char *want_hex)
{
    uint64_t bytes = 0;
    uint8_t got[32], want[32];
    assert_int_equal(slk_file_size(&bytes, path, NULL), SLK_OK);
    slk_test_hex(want, 32, want_hex);
    assert_int_equal(slk_file_digest(got, c->env.crypto, path, bytes, NULL, NULL), SLK_OK);
    if (memcmp(got, want, 32) != 0)
        fail_msg("%s of %s has a wrong digest", path, c->name);
}

static void write_unsealed(const slk_seal_case *c)
{
    int fd;
    uint64_t offset = 0;
    assert_int_equal(slk_file_create(&fd, "unsealed", 0644, NULL), SLK_OK);
    for (size_t i = 0; i < c->n_pieces; i++) {
        const json_t *piece = json_array_get(slk_test_get(c->record, "pieces"), i);
        bool zero = strcmp(slk_test_get_text(piece, "content"), "zeros") == 0;
        char name[64];
        (void)snprintf(name, sizeof name, "%s/piece%zu/", c->name, i);
        write_piece(c->env.crypto, fd, offset, name, slk_fr32_raw_bytes(c->pieces[i].padded_bytes),
                    zero);
        offset += c->pieces[i].padded_bytes;
    }
    slk_closep(&fd);
    check_sha256(c, "unsealed", slk_test_get_text(c->record, "unsealed_sha256"));
}

static void load_proof(slk_seal_case *c)
{
    slk_seal_proof *proof = &c->sector.proof;
    const int64_t number = slk_test_get_int(c->record, "porep_id_number");
    uint8_t porep_id[32];
    slk_test_get_hex(porep_id, 32, c->record, "porep_id");
    const slk_sector_shape *shape =
        slk_sector_shape_of((uint64_t)slk_test_get_int(c->record, "sector_size"));
    assert_non_null(shape);
    const char *feature = slk_test_get_text(c->record, "feature");
    const char *version = slk_test_get_text(c->record, "api_version");
    slk_porep_feature f = feature[0] == 's'                        ? SLK_FEATURE_SYNTHETIC
                          : feature[0] == 'n' && feature[1] == 'i' ? SLK_FEATURE_NON_INTERACTIVE
                                                                   : SLK_FEATURE_NONE;
    slk_api_version api = version[2] == '0'   ? SLK_API_1_0
                          : version[2] == '1' ? SLK_API_1_1
                                              : SLK_API_1_2;
    if (number < 20) {
        assert_int_equal(slk_seal_proof_registered(proof, number, NULL), SLK_OK);
        assert_ptr_equal(proof->shape, shape);
        assert_int_equal(proof->feature, f);
        assert_int_equal(proof->api, api);
        assert_memory_equal(proof->porep_id, porep_id, 32);
    } else {
        slk_seal_proof_custom(proof, shape, porep_id, api, f);
    }
}

void slk_seal_case_open(slk_seal_case *ret_case, const slk_seal_env *env, const char *name)
{
    slk_seal_case *c = ret_case;
    *c = (slk_seal_case){.name = name, .env = *env};
    char path[128];
    (void)snprintf(path, sizeof path, "%s/record.json.gz", name);
    c->record = slk_test_vectors_json(path);
    load_proof(c);
    c->sector.miner_id = (uint64_t)slk_test_get_int(c->record, "miner_actor_id");
    c->sector.number = (uint64_t)slk_test_get_int(c->record, "sector_number");
    slk_test_get_hex(c->sector.ticket, 32, c->record, "ticket");
    slk_test_get_hex(c->seed, 32, c->record, "seed");
    slk_test_get_hex(c->comm_d, 32, c->record, "comm_d");
    slk_test_get_hex(c->comm_r, 32, c->record, "comm_r");
    slk_test_get_hex(c->replica_id, 32, c->record, "replica_id");
    load_pieces(c);
    const json_t *config = slk_test_get(slk_test_get(c->record, "pc1_output"), "config");
    (void)snprintf(c->cache, sizeof c->cache, "%s", slk_test_get_text(config, "path"));
    (void)snprintf(c->folder, sizeof c->folder, "%s/selkie-seal-XXXXXX",
                   getenv("SELKIE_TEST_TMP") ? getenv("SELKIE_TEST_TMP") : "/tmp");
    assert_non_null(mkdtemp(c->folder));
    assert_int_equal(chdir(c->folder), 0);
    if (!c->zero)
        write_unsealed(c);
}

void slk_seal_case_close(slk_seal_case *c)
{
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(slk_remove_tree(c->folder, NULL), SLK_OK);
    json_decref(c->record);
}

slk_pc1_request slk_seal_case_pc1(const slk_seal_case *c)
{
    return (slk_pc1_request){.env = c->env,
                             .sector = c->sector,
                             .unsealed = c->zero ? NULL : "unsealed",
                             .pieces = c->pieces,
                             .n_pieces = c->n_pieces,
                             .sealed = "sealed",
                             .cache = c->cache};
}

slk_pc2_request slk_seal_case_pc2(const slk_seal_case *c)
{
    return (slk_pc2_request){
        .env = c->env, .proof = c->sector.proof, .sealed = "sealed", .cache = c->cache};
}

slk_commit1_request slk_seal_case_commit1(const slk_seal_case *c)
{
    slk_commit1_request request = {.env = c->env,
                                   .sector = c->sector,
                                   .pieces = c->pieces,
                                   .n_pieces = c->n_pieces,
                                   .sealed = "sealed",
                                   .cache = c->cache};
    memcpy(request.seed, c->seed, 32);
    memcpy(request.comm_r, c->comm_r, 32);
    memcpy(request.comm_d, c->comm_d, 32);
    return request;
}

/* All files the record lists, with size and digest, and no others but ours. */
static void check_cache(const slk_seal_case *c, const char *when, bool ours)
{
    const json_t *list = slk_test_get(c->record, when);
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        char path[256];
        uint64_t bytes = 0;
        const char *digest = slk_test_get_text(entry, "sha256");
        (void)snprintf(path, sizeof path, "%s/%s", c->cache, slk_test_get_text(entry, "name"));
        if (strlen(digest) != 64)
            continue; /* t_aux of a case whose folder was not recorded */
        assert_int_equal(slk_file_size(&bytes, path, NULL), SLK_OK);
        assert_int_equal(bytes, slk_test_get_int(entry, "bytes"));
        check_sha256(c, path, digest);
    }
    DIR *folder = opendir(c->cache);
    assert_non_null(folder);
    size_t found = 0;
    while (readdir(folder))
        found++;
    (void)closedir(folder);
    assert_int_equal(found, json_array_size(list) + 2 + (ours ? 1 : 0));
}

void slk_seal_case_run_pc1(const slk_seal_case *c)
{
    slk_pc1_request request = slk_seal_case_pc1(c);
    slk_pc1_result result;
    slk_error error = {0};
    ok(slk_pc1(&result, &request, &error), &error);
    assert_memory_equal(result.comm_d, c->comm_d, 32);
    assert_memory_equal(result.replica_id, c->replica_id, 32);
    check_cache(c, "cache_after_pc1", true);
    check_sha256(c, "sealed", slk_test_get_text(c->record, "unsealed_sha256"));
}

void slk_seal_case_run_pc2(const slk_seal_case *c)
{
    slk_pc2_request request = slk_seal_case_pc2(c);
    slk_pc2_result result;
    slk_error error = {0};
    ok(slk_pc2(&result, &request, &error), &error);
    assert_memory_equal(result.comm_d, c->comm_d, 32);
    assert_memory_equal(result.comm_r, c->comm_r, 32);
    uint8_t p_aux[64];
    slk_test_get_hex(p_aux, 64, c->record, "p_aux");
    assert_memory_equal(result.comm_c, p_aux, 32);
    assert_memory_equal(result.comm_r_last, p_aux + 32, 32);
    check_cache(c, "cache_after_pc2", true);
    check_sha256(c, "sealed", slk_test_get_text(c->record, "sealed_sha256"));
}

static slk_err to_buf(void *context, const void *bytes, size_t n, slk_error *error)
{
    slk_err code = slk_buf_append(context, bytes, n);
    return code == SLK_OK ? code : slk_fail(error, code, "no room");
}

static void check_challenges(const slk_seal_case *c, const slk_c1 *c1)
{
    size_t k, i;
    json_t *partition, *node;
    json_array_foreach(slk_test_get(c->record, "challenges"), k, partition)
    {
        json_array_foreach(partition, i, node)
            assert_int_equal(slk_record_challenge(slk_c1_record(c1, (unsigned)k, (unsigned)i)),
                             json_integer_value(node));
    }
    assert_int_equal(k, c1->partitions);
}

static void check_json(const slk_seal_case *c, const slk_c1 *c1)
{
    const bool bare = c->sector.proof.registered < 0;
    char name[128];
    (void)snprintf(name, sizeof name, bare ? "%s/c1-vanilla.json.gz" : "%s/c1.json.gz", c->name);
    size_t n;
    uint8_t *want = slk_test_vectors_bytes(name, &n);
    slk_buf buf;
    slk_buf_init(&buf, (size_t)256 << 20);
    slk_error error = {0};
    ok(slk_c1_write_json(c1, bare, to_buf, &buf, &error), &error);
    assert_int_equal(buf.len, n);
    assert_memory_equal(buf.data, want, n);
    slk_c1 back = {0};
    ok(slk_c1_read_json(&back, want, n, bare ? &c->sector.proof : NULL, &error), &error);
    const size_t bytes = (size_t)c1->partitions * c1->challenges * c1->layout.record_bytes;
    assert_memory_equal(back.records, c1->records, bytes);
    assert_memory_equal(back.comm_c, c1->comm_c, 32);
    assert_memory_equal(back.comm_r_last, c1->comm_r_last, 32);
    const slk_c1_expected expected = {
        .sector = &c->sector, .comm_r = c->comm_r, .comm_d = c->comm_d, .seed = c->seed};
    bool valid = false;
    ok(slk_c1_verify(&valid, &error, &back, &expected, c->env.crypto, c->env.pool, &error), &error);
    assert_true(valid);
    slk_c1_done(&back);
    slk_buf_done(&buf);
    free(want);
}

void slk_seal_case_run_commit1(const slk_seal_case *c)
{
    slk_commit1_request request = slk_seal_case_commit1(c);
    slk_c1 c1 = {0};
    slk_error error = {0};
    ok(slk_commit1(&c1, &request, &error), &error);
    check_challenges(c, &c1);
    check_json(c, &c1);
    slk_c1_done(&c1);
}

void slk_seal_case_run_finalize(const slk_seal_case *c)
{
    slk_error error = {0};
    ok(slk_finalize_cache(c->sector.proof.shape, c->cache, &error), &error);
    if (c->sector.proof.feature == SLK_FEATURE_SYNTHETIC) {
        slk_seal_case_run_commit1(c); /* from the synthetic file alone */
        ok(slk_clear_synthetic(c->cache, &error), &error);
    }
    check_cache(c, "cache_after_finalize", false);
}

void slk_seal_case_run_back(const slk_seal_case *c)
{
    slk_error error = {0};
    slk_check_replica_request check = {.env = c->env,
                                       .proof = c->sector.proof,
                                       .sealed = "sealed",
                                       .cache = c->cache,
                                       .comm_r = c->comm_r};
    ok(slk_check_replica(&check, &error), &error);
    if (!json_object_get(c->record, "unsealed_range_127_254_sha256"))
        return;
    slk_unseal_request unseal = {.env = c->env,
                                 .sector = c->sector,
                                 .sealed = "sealed",
                                 .work = "work",
                                 .out = "range",
                                 .offset = 127,
                                 .length = 254};
    memcpy(unseal.comm_d, c->comm_d, 32);
    ok(slk_unseal(&unseal, &error), &error);
    check_sha256(c, "range", slk_test_get_text(c->record, "unsealed_range_127_254_sha256"));
}

void slk_seal_case_run_all(const slk_seal_env *env, const char *name)
{
    slk_seal_case c;
    slk_seal_case_open(&c, env, name);
    slk_seal_case_run_pc1(&c);
    slk_seal_case_run_pc2(&c);
    slk_seal_case_run_commit1(&c);
    slk_seal_case_run_finalize(&c);
    slk_seal_case_run_back(&c);
    slk_seal_case_close(&c);
}
