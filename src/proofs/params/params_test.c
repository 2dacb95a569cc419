/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names, folders, keys, fetching: everything that needs no large file. */
#include "proofs/params/params.h"

#include "base/file.h"
#include "base/mem.h"
#include "proofs/params/internal.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct fixture {
    slk_crypto *crypto;
    const slk_sector_shape *shape;
    char folder[32];
} fixture;

static int setup(void **state)
{
    fixture *f = slk_calloc(1, sizeof(*f));
    assert_non_null(f);
    strcpy(f->folder, "/tmp/slk-params-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(slk_crypto_new(&f->crypto, NULL, NULL), SLK_OK);
    f->shape = slk_sector_shape_parse("2KiB");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    assert_int_equal(slk_remove_tree(f->folder, NULL), SLK_OK);
    slk_crypto_free(f->crypto);
    slk_free(f);
    return 0;
}

static void put(const fixture *f, const slk_sector_shape *shape, slk_params_file file,
                const void *bytes, size_t n)
{
    char *path = NULL;
    assert_int_equal(slk_params_path(&path, f->crypto, f->folder, shape, file, NULL), SLK_OK);
    assert_int_equal(slk_file_write_atomic(path, bytes, n, 0644, NULL), SLK_OK);
    slk_free(path);
}

static void remove_file(const fixture *f, const slk_sector_shape *shape, slk_params_file file)
{
    char *path = NULL;
    assert_int_equal(slk_params_path(&path, f->crypto, f->folder, shape, file, NULL), SLK_OK);
    assert_int_equal(slk_remove_tree(path, NULL), SLK_OK);
    slk_free(path);
}

/* source: reference/proofs 9.2 */
static const char *const names[][3] = {
    {"2KiB", "8-0-0", "032d3138d22506ec0082ed72b2dcba18df18477904e35bafee82b3793b06832f"},
    {"4KiB", "8-2-0", "71fadf776fff80d5977d027cdf5b4af941c75de6aafee6530ff15997f7173b9b"},
    {"16KiB", "8-8-0", "5d6414be6742cfc2d41b04c9f12eacd8f78775cf01c1f5cdcf5b370808fe5b74"},
    {"32KiB", "8-8-2", "2a21b24b412f71b8441648d2cd849229afd278d96964baf1a0f2712f4afbadfd"},
    {"8MiB", "8-0-0", "ecd683648512ab1765faa2a5f14bab48f676e633467f0aa8aad4b55dcb0652bb"},
    {"16MiB", "8-2-0", "86c715b389cbfdcb1c84b73e4bf276474652288a6aefcaa9f9600c21b0cff44e"},
    {"512MiB", "8-0-0", "6babf46ce344ae495d558e7770a585b2382d54f225af8ed0397b8be7c3fcd472"},
    {"1GiB", "8-2-0", "002b03e3cbccd5d23c5f673a39ec4127ae31a1820be2faa32f72fdc75cf262c2"},
    {"32GiB", "8-8-0", "82a357d2f2ca81dc61bb45f4a762807aedee1b0a53fd6c4e77b46a01bfef7820"},
    {"64GiB", "8-8-2", "96f1b4a04c5c51e4759bbf224bbc2ef5a42c7100f16ec0637123f16a845ddfb2"},
};

static void test_names(void **state)
{
    const fixture *f = *state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char want[256], got[SLK_PARAMS_NAME_MAX];
        (void)snprintf(want, sizeof(want),
                       "v28-stacked-proof-of-replication-merkletree-poseidon_hasher-%s-"
                       "sha256_hasher-%s.params",
                       names[i][1], names[i][2]);
        slk_params_name(got, f->crypto, slk_sector_shape_parse(names[i][0]),
                        SLK_PARAMS_FILE_PARAMS);
        assert_string_equal(got, want);
    }
}

/* The embedded digests and counts against the published list and the recorded numbers. */
static void test_known_numbers(void **state)
{
    const fixture *f = *state;
    json_t *official = slk_test_vectors_json("official-parameters.json"), *entry;
    json_t *made = slk_test_vectors_json("params-2k.json");
    const char *name;
    size_t published = 0;
    json_object_foreach(official, name, entry)
    {
        const slk_sector_shape *shape =
            slk_sector_shape_of((uint64_t)slk_test_get_int(entry, "sector_size"));
        const slk_params_known *known = slk_params_known_of(shape);
        char params[SLK_PARAMS_NAME_MAX], vk[SLK_PARAMS_NAME_MAX];
        slk_params_name(params, f->crypto, shape, SLK_PARAMS_FILE_PARAMS);
        slk_params_name(vk, f->crypto, shape, SLK_PARAMS_FILE_VK);
        bool is_params = strcmp(name, params) == 0;
        assert_true(is_params || strcmp(name, vk) == 0);
        assert_string_equal(slk_test_get_text(entry, "digest"),
                            is_params ? known->params_blake2b : known->key_blake2b);
        published++;
    }
    assert_int_equal(published, 10);
    const slk_params_known *known = slk_params_known_of(f->shape);
    assert_int_equal(known->l, slk_test_get_int(made, "l"));
    assert_int_equal(known->a, slk_test_get_int(made, "a"));
    assert_int_equal(known->b, slk_test_get_int(made, "b_g1"));
    assert_int_equal(slk_params_ic_count(f->shape), slk_test_get_int(made, "ic"));
    assert_int_equal(slk_params_expected_bytes(f->shape), slk_test_get_int(made, "params_bytes"));
    assert_int_equal(slk_params_expected_bytes(slk_sector_shape_parse("64GiB")),
                     UINT64_C(47624967288));
    json_decref(official);
    json_decref(made);
}

static void test_key_refused_without_permission(void **state)
{
    const fixture *f = *state;
    slk_params_key *key = NULL;
    slk_error error;
    size_t n;
    uint8_t *bytes = slk_test_vectors_bytes("params-2k.vk", &n);
    assert_int_equal(slk_params_key_open(&key, f->crypto, f->folder, f->shape, true, &error),
                     SLK_E_NOTFOUND);
    put(f, f->shape, SLK_PARAMS_FILE_VK, bytes, n);
    assert_int_equal(slk_params_key_open(&key, f->crypto, f->folder, f->shape, false, &error),
                     SLK_E_INVAL);
    assert_non_null(strstr(error.message, "DEVELOPMENT"));
    assert_int_equal(slk_params_key_open(&key, f->crypto, f->folder, f->shape, true, NULL), SLK_OK);
    assert_true(key->development);
    assert_int_equal(key->key.n_ic, 40);
    slk_params_key_free(key);
    /* longer, shorter, damaged, of another size */
    uint8_t *longer = slk_alloc(1, n + 1);
    memcpy(longer, bytes, n);
    longer[n] = 0;
    put(f, f->shape, SLK_PARAMS_FILE_VK, longer, n + 1);
    assert_int_equal(slk_params_key_open(&key, f->crypto, f->folder, f->shape, true, NULL),
                     SLK_E_CORRUPT);
    put(f, f->shape, SLK_PARAMS_FILE_VK, bytes, n - 1);
    assert_int_equal(slk_params_key_open(&key, f->crypto, f->folder, f->shape, true, NULL),
                     SLK_E_CORRUPT);
    longer[1000] ^= 1;
    put(f, f->shape, SLK_PARAMS_FILE_VK, longer, n);
    assert_int_equal(slk_params_key_open(&key, f->crypto, f->folder, f->shape, true, NULL),
                     SLK_E_CORRUPT);
    put(f, slk_sector_shape_parse("32GiB"), SLK_PARAMS_FILE_VK, bytes, n);
    assert_int_equal(slk_params_key_open(&key, f->crypto, f->folder,
                                         slk_sector_shape_parse("32GiB"), true, NULL),
                     SLK_E_CORRUPT);
    slk_free(longer);
    free(bytes);
    remove_file(f, slk_sector_shape_parse("32GiB"), SLK_PARAMS_FILE_VK);
    remove_file(f, f->shape, SLK_PARAMS_FILE_VK);
}

/* Development parameters made from other secrets, their sidecar lost: nothing but the digest of the
 * published key tells them apart. */
static void test_unpublished_key_needs_permission(void **state)
{
    const fixture *f = *state;
    slk_params_key *key = NULL;
    slk_g1_affine other;
    size_t n;
    uint8_t *bytes = slk_test_vectors_bytes("params-2k.vk", &n);
    slk_g1_generator(&other);
    slk_g1_write(bytes, &other); /* alpha = 1 */
    put(f, f->shape, SLK_PARAMS_FILE_VK, bytes, n);
    assert_int_equal(slk_params_key_open(&key, f->crypto, f->folder, f->shape, false, NULL),
                     SLK_E_INVAL);
    assert_int_equal(slk_params_key_open(&key, f->crypto, f->folder, f->shape, true, NULL), SLK_OK);
    assert_true(key->development);
    slk_params_key_free(key);
    remove_file(f, f->shape, SLK_PARAMS_FILE_VK);
    put(f, f->shape, SLK_PARAMS_FILE_PARAMS, bytes, n); /* the same, from the head of the points */
    assert_int_equal(slk_params_key_open(&key, f->crypto, f->folder, f->shape, false, NULL),
                     SLK_E_INVAL);
    remove_file(f, f->shape, SLK_PARAMS_FILE_PARAMS);
    free(bytes);
}

static void test_params_that_are_none(void **state)
{
    const fixture *f = *state;
    slk_params *params = NULL;
    size_t n;
    uint8_t *bytes = slk_test_vectors_bytes("params-2k.vk", &n);
    assert_int_equal(slk_params_open(&params, f->crypto, f->folder, f->shape, true, NULL),
                     SLK_E_NOTFOUND);
    put(f, f->shape, SLK_PARAMS_FILE_PARAMS, bytes, n); /* ends after the key */
    assert_int_equal(slk_params_open(&params, f->crypto, f->folder, f->shape, true, NULL),
                     SLK_E_CORRUPT);
    /* the key can be had from there */
    slk_params_key *key = NULL;
    assert_int_equal(slk_params_key_open(&key, f->crypto, f->folder, f->shape, true, NULL), SLK_OK);
    slk_params_key_free(key);
    uint8_t *more = slk_alloc(1, n + 4);
    memcpy(more, bytes, n);
    memset(more + n, 0xff, 4);
    put(f, f->shape, SLK_PARAMS_FILE_PARAMS, more, n + 4); /* 2^32 - 1 points */
    assert_int_equal(slk_params_open(&params, f->crypto, f->folder, f->shape, true, NULL),
                     SLK_E_CORRUPT);
    put(f, f->shape, SLK_PARAMS_FILE_PARAMS, "", 0);
    assert_int_equal(slk_params_open(&params, f->crypto, f->folder, f->shape, true, NULL),
                     SLK_E_CORRUPT);
    remove_file(f, f->shape, SLK_PARAMS_FILE_PARAMS);
    slk_free(more);
    free(bytes);
}

static void test_sidecar(void **state)
{
    const fixture *f = *state;
    slk_params_sidecar sidecar;
    slk_buf text;
    uint8_t digest[32];
    memset(digest, 0xab, 32);
    slk_buf_init(&text, 4096);
    assert_int_equal(slk_params_sidecar_read(&sidecar, f->crypto, f->folder, f->shape, NULL),
                     SLK_OK);
    assert_false(sidecar.present);
    assert_int_equal(slk_params_warning(&text, f->crypto, "my label", digest, digest, 32), SLK_OK);
    assert_non_null(strstr(slk_buf_str(&text), "NEVER"));
    put(f, f->shape, SLK_PARAMS_FILE_DEVELOPMENT, text.data, text.len);
    assert_int_equal(slk_params_sidecar_read(&sidecar, f->crypto, f->folder, f->shape, NULL),
                     SLK_OK);
    assert_true(sidecar.present && sidecar.have_digests);
    assert_memory_equal(sidecar.params_sha256, digest, 32);
    put(f, f->shape, SLK_PARAMS_FILE_DEVELOPMENT, "params-sha256: 12", 17);
    assert_int_equal(slk_params_sidecar_read(&sidecar, f->crypto, f->folder, f->shape, NULL),
                     SLK_OK);
    assert_true(sidecar.present && !sidecar.have_digests);
    remove_file(f, f->shape, SLK_PARAMS_FILE_DEVELOPMENT);
    slk_buf_done(&text);
    assert_false(slk_params_label_is_plain(""));
    assert_false(slk_params_label_is_plain("two\nlines"));
}

static void test_folder(void **state)
{
    const fixture *f = *state;
    char *folder = NULL, *inner = slk_path_join(f->folder, "made/here");
    assert_int_equal(slk_params_folder(&folder, inner, "/nowhere", NULL), SLK_OK);
    assert_string_equal(folder, inner);
    assert_int_not_equal(access(inner, F_OK), 0); /* looking makes nothing */
    slk_free(folder);
    slk_free(inner);
}

/* Wrong bytes from a source are refused and leave nothing behind. */
static void test_fetch_refuses_other_bytes(void **state)
{
    const fixture *f = *state;
    char from[] = "/tmp/slk-source-XXXXXX", name[SLK_PARAMS_NAME_MAX];
    slk_error error;
    assert_non_null(mkdtemp(from));
    assert_int_equal(
        slk_params_fetch(f->crypto, f->folder, f->shape, slk_params_fetch_local, from, NULL, NULL),
        SLK_E_NOTFOUND);
    slk_params_name(name, f->crypto, f->shape, SLK_PARAMS_FILE_VK);
    char *path = slk_path_join(from, name);
    assert_int_equal(slk_file_write_atomic(path, "not a key", 9, 0644, NULL), SLK_OK);
    assert_int_equal(slk_params_fetch(f->crypto, f->folder, f->shape, slk_params_fetch_local, from,
                                      NULL, &error),
                     SLK_E_PROTO);
    slk_free(path);
    path = slk_path_join(f->folder, name);
    assert_false(slk_file_exists(path));
    char *temporary = slk_strf("%s.fetch.tmp", path);
    assert_false(slk_file_exists(temporary));
    slk_free(temporary);
    slk_free(path);
    assert_int_equal(slk_params_fetch(f->crypto, f->folder, slk_sector_shape_parse("4KiB"),
                                      slk_params_fetch_local, from, NULL, NULL),
                     SLK_E_UNSUPPORTED);
    assert_int_equal(slk_remove_tree(from, NULL), SLK_OK);
}

static void test_one_writer(void **state)
{
    const fixture *f = *state;
    char *path = slk_path_join(f->folder, "x.tmp"), *moved = slk_path_join(f->folder, "x");
    int first = -1, second = -1;
    assert_int_equal(slk_file_write_atomic(path, "left over", 9, 0644, NULL), SLK_OK);
    assert_int_equal(slk_params_temporary_open(&first, path, NULL), SLK_OK);
    uint64_t bytes = 1;
    assert_int_equal(slk_file_size(&bytes, path, NULL), SLK_OK);
    assert_int_equal(bytes, 0);
    assert_int_equal(slk_params_temporary_open(&second, path, NULL), SLK_E_BUSY);
    assert_int_equal(slk_file_rename_durable(path, moved, NULL), SLK_OK);
    assert_int_equal(slk_params_temporary_open(&second, path, NULL), SLK_OK); /* a new file */
    close(first);
    close(second);
    assert_int_equal(slk_remove_tree(path, NULL), SLK_OK);
    assert_int_equal(slk_remove_tree(moved, NULL), SLK_OK);
    slk_free(path);
    slk_free(moved);
}

/* Stops in the first stage and leaves no file. */
static void test_canceled_generation(void **state)
{
    const fixture *f = *state;
    slk_job job;
    slk_params_status status;
    slk_job_init(&job);
    slk_job_cancel(&job);
    assert_int_equal(
        slk_params_generate(NULL, f->crypto, NULL, f->folder, f->shape, "label", &job, NULL),
        SLK_E_CANCELED);
    assert_true(slk_params_status_at(&status, f->crypto, f->folder, 0));
    assert_false(status.have_params || status.have_vk || status.development);
    char *temporary = slk_strf("%s/%s.tmp", f->folder, status.name);
    assert_false(slk_file_exists(temporary));
    slk_free(temporary);
    assert_int_equal(
        slk_params_generate(NULL, f->crypto, NULL, f->folder, f->shape, "a\nb", NULL, NULL),
        SLK_E_INVAL);
}

static void test_status(void **state)
{
    const fixture *f = *state;
    slk_params_status status;
    size_t n = 0, official = 0;
    put(f, f->shape, SLK_PARAMS_FILE_PARAMS, "abc", 3);
    for (; slk_params_status_at(&status, f->crypto, f->folder, n); n++) {
        official += status.official;
        assert_int_equal(status.have_params, status.shape->bytes == 2048);
        assert_int_equal(status.bytes, status.have_params ? 3 : 0);
        assert_false(status.have_vk || status.development);
    }
    assert_int_equal(n, 10);
    assert_int_equal(official, 5);
    remove_file(f, f->shape, SLK_PARAMS_FILE_PARAMS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_known_numbers),
        cmocka_unit_test(test_key_refused_without_permission),
        cmocka_unit_test(test_unpublished_key_needs_permission),
        cmocka_unit_test(test_params_that_are_none),
        cmocka_unit_test(test_sidecar),
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_fetch_refuses_other_bytes),
        cmocka_unit_test(test_one_writer),
        cmocka_unit_test(test_canceled_generation),
        cmocka_unit_test(test_status),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
