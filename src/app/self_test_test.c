/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which offers survive the self-test, with a prover that seals, lies or fails as told. */
#include "app/self_test.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMM_R_5 "77424390b36f74acd595c40d0e341f4fbff18623feaf8ad72fe73d7490d0d65c"
#define COMM_R_10 "03acc211b1e9078fa5eaca2ec2c9f9556b2ff66b20bb67ad11b50e1d50313e37"

typedef struct stub {
    int64_t liar; /* of this proof CommR is wrong */
    int64_t broken; /* of this one PC1 fails */
    int64_t unsound; /* of this one C1 does not verify */
    unsigned sealed;
} stub;

static slk_err stub_pc1(void *ctx, const slk_seal_sector *sector, const uint8_t ticket[32],
                        const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    (void)job;
    const stub *s = ctx;
    assert_int_equal(ticket[31], 1);
    assert_true(slk_file_exists(paths->cache));
    return sector->seal_proof == s->broken ? slk_fail(error, SLK_E_IO, "no label") : SLK_OK;
}

static slk_err stub_pc2(void *ctx, slk_seal_commitments *ret, const slk_seal_sector *sector,
                        const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    (void)paths;
    (void)job;
    (void)error;
    stub *s = ctx;
    s->sealed++;
    assert_true(slk_hex_decode(ret->comm_r, 32, sector->seal_proof == 5 ? COMM_R_5 : COMM_R_10));
    if (sector->seal_proof == s->liar)
        ret->comm_r[0] ^= 1;
    return SLK_OK;
}

static slk_err stub_c1(void *ctx, const slk_seal_sector *sector, const slk_seal_commitments *comm,
                       const uint8_t ticket[32], const uint8_t seed[32],
                       const slk_seal_paths *paths, const char *out_path, slk_job *job,
                       slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)comm;
    (void)ticket;
    (void)seed;
    (void)paths;
    (void)job;
    return slk_file_write_atomic(out_path, "{}", 2, 0600, error);
}

static slk_err stub_verify(void *ctx, bool *ret_valid, char *why, const slk_seal_sector *sector,
                           const slk_seal_commitments *comm, const uint8_t ticket[32],
                           const uint8_t seed[32], const char *c1_path, slk_job *job,
                           slk_error *error)
{
    (void)why;
    (void)comm;
    (void)ticket;
    (void)seed;
    (void)job;
    (void)error;
    const stub *s = ctx;
    assert_true(slk_file_exists(c1_path));
    *ret_valid = sector->seal_proof != s->unsound;
    return SLK_OK;
}

typedef struct fixture {
    char folder[64];
    slk_repo repo;
    slk_crypto *crypto;
} fixture;

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/slk_self_test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->repo.folder = f->folder;
    assert_int_equal(slk_crypto_new(&f->crypto, "plain", NULL), SLK_OK);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    slk_crypto_free(f->crypto);
    assert_int_equal(slk_remove_tree(f->folder, NULL), SLK_OK);
    free(f);
    return 0;
}

static slk_err run(const fixture *f, stub *s, int64_t *proofs, size_t *n)
{
    const slk_seal_prover prover = {
        .ctx = s, .pc1 = stub_pc1, .pc2 = stub_pc2, .c1 = stub_c1, .verify_c1 = stub_verify};
    slk_error error = {0};
    return slk_self_test(proofs, n, &prover, &f->repo, f->crypto, &error);
}

static void what_fails_is_not_offered(void **state)
{
    const fixture *f = *state;
    const stub stubs[] = {{.liar = 10, .broken = -1, .unsound = -1},
                          {.liar = -1, .broken = 10, .unsound = -1},
                          {.liar = -1, .broken = -1, .unsound = 10}};
    for (size_t i = 0; i < 3; i++) {
        stub s = stubs[i];
        int64_t proofs[] = {13, 8, 5, 19};
        size_t n = 4;
        assert_int_equal(run(f, &s, proofs, &n), SLK_OK);
        assert_int_equal(n, 2);
        assert_int_equal(proofs[0], 8);
        assert_int_equal(proofs[1], 5);
        int64_t only[] = {14};
        n = 1;
        assert_int_equal(run(f, &s, only, &n), SLK_E_UNSUPPORTED);
    }
}

static void what_passed_is_not_repeated(void **state)
{
    const fixture *f = *state;
    stub s = {.liar = -1, .broken = -1, .unsound = -1};
    int64_t proofs[] = {5, 6, 12};
    size_t n = 3;
    assert_int_equal(run(f, &s, proofs, &n), SLK_OK);
    assert_int_equal(n, 3);
    assert_int_equal(s.sealed, 2); /* one per feature set */
    char path[96], note[4096] = "";
    (void)snprintf(path, sizeof path, "%s/" SLK_SELF_TEST_FILE, f->folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t length = fread(note, 1, sizeof note - 1, file);
    (void)fclose(file);
    assert_non_null(strstr(note, "passed=6\n"));
    const bool has_revision = !strstr(note, "revision= ");
    assert_int_equal(run(f, &s, proofs, &n), SLK_OK);
    assert_int_equal(s.sealed, has_revision ? 2 : 4);
    /* The note of another program, and one that was damaged, count for nothing. */
    note[12] ^= 1;
    assert_int_equal(slk_file_write_atomic(path, note, length, 0600, NULL), SLK_OK);
    const unsigned before = s.sealed;
    assert_int_equal(run(f, &s, proofs, &n), SLK_OK);
    assert_int_equal(s.sealed, before + 2);
    assert_int_equal(n, 3);
    (void)snprintf(path, sizeof path, "%s/" SLK_SELF_TEST_FILE ".tmp", f->folder);
    assert_false(slk_file_exists(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_fails_is_not_offered, make, unmake),
        cmocka_unit_test_setup_teardown(what_passed_is_not_repeated, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
