/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The prover's cheap answers, and CommD of a sector from pieces as the devnet asks it. */
#include "app/prover.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static slk_crypto *crypto;
static slk_prover *prover;
static slk_seal_prover ops;
static slk_devnet_verifier verifier;

static int open_prover(void **state)
{
    (void)state;
    if (slk_crypto_new(&crypto, NULL, NULL) != SLK_OK)
        return -1;
    const slk_prover_options options = {
        .crypto = crypto, .threads = 1, .parameters_folder = "/nonexistent/parameters"};
    if (slk_prover_new(&prover, &options, NULL) != SLK_OK)
        return -1;
    slk_prover_fill(&ops, prover);
    slk_prover_fill_devnet(&verifier, prover);
    return 0;
}

static int close_prover(void **state)
{
    (void)state;
    slk_prover_free(prover);
    slk_crypto_free(crypto);
    return 0;
}

static void is_hex(const uint8_t got32[32], const char *hex)
{
    char text[65];
    slk_hex_encode(text, got32, 32);
    assert_string_equal(text, hex);
}

/* source: reference/chain 6 */
static void empty_sectors_have_the_known_comm_d(void **state)
{
    (void)state;
    static const struct {
        int64_t proof;
        uint64_t bytes;
        const char *comm_d;
    } cases[] = {
        {5, 2048, "fc7e928296e516faade986b28f92d44a4f24b935485223376a799027bc18f833"},
        {6, 8 << 20, "65f29e5d98d246c38b388cfc06db1f6b021303c5a289000bdce832a9c3ec421c"},
        {7, 512 << 20, "39560e7b13a93b07a243fd2720ffa7cb3e1d2e505ab3629e79f46313512cda06"},
        {8, UINT64_C(32) << 30, "077e5fde35c50a9303a55009e3498a4ebedff39c42b710b730d8ec7ac7afa63e"},
        {14, UINT64_C(64) << 30,
         "e64005a6bfe3777953b8ad6ef93f0fca1049b2041654f2a411f7702799cece02"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t out[32];
        uint64_t bytes = 0;
        slk_error error = {0};
        assert_int_equal(ops.sector_bytes(ops.ctx, &bytes, cases[i].proof, &error), SLK_OK);
        assert_int_equal(bytes, cases[i].bytes);
        assert_int_equal(ops.zero_comm_d(ops.ctx, out, cases[i].proof, &error), SLK_OK);
        is_hex(out, cases[i].comm_d);
        assert_int_equal(verifier.comm_d(verifier.context, out, cases[i].proof, NULL, 0, &error),
                         SLK_OK);
        is_hex(out, cases[i].comm_d);
    }
}

static void other_seal_proofs_are_unsupported(void **state)
{
    (void)state;
    static const int64_t others[] = {-1, 15, 19, 20, INT64_MAX};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        uint64_t bytes;
        slk_error error = {0};
        assert_int_equal(ops.sector_bytes(ops.ctx, &bytes, others[i], &error), SLK_E_UNSUPPORTED);
    }
}

/* source: reference/chain 1.6 (CommD of two pieces) and 5 (the 1 KiB piece) */
static void comm_d_follows_from_pieces(void **state)
{
    (void)state;
    slk_devnet_piece pieces[2] = {{.size_bytes = 256}, {.size_bytes = 1024}};
    memset(pieces[0].comm_p32, 1, 31);
    assert_true(slk_hex_decode(pieces[1].comm_p32, 32,
                               "2968e4440b10ad04dbf48e0035eb2aa4315ba21c4edc7fa2db26ec4e2e314a1c"));
    uint8_t out[32];
    slk_error error = {0};
    assert_int_equal(verifier.comm_d(verifier.context, out, 5, pieces, 2, &error), SLK_OK);
    is_hex(out, "757cc3340be9a884d1854b90d22f41f5d6f272c781c3859b72d00c9f19c9353d");
    assert_int_equal(verifier.comm_d(verifier.context, out, 5, pieces + 1, 1, &error), SLK_OK);
    is_hex(out, "34f6c23dc551cbfabe9c3395fc73327af961e8f14069370beb2f01db2ec03f35");
    static const uint64_t bad[] = {0, 64, 192, 4096, UINT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pieces[1].size_bytes = bad[i];
        assert_int_equal(verifier.comm_d(verifier.context, out, 5, pieces, 2, &error), SLK_E_INVAL);
    }
    pieces[1].size_bytes = 2048;
    assert_int_equal(verifier.comm_d(verifier.context, out, 5, pieces, 2, &error), SLK_E_INVAL);
}

static void missing_parameters_make_the_sector_wait(void **state)
{
    (void)state;
    const slk_seal_sector sector = {.sp_id = 1000, .number = 1, .seal_proof = 5};
    slk_seal_commitments comm = {0};
    const uint8_t zero[32] = {0};
    const uint8_t proof[192] = {0};
    bool valid = false;
    slk_error error = {0};
    comm.comm_r[0] = 1;
    comm.comm_d[0] = 1;
    assert_int_equal(
        ops.verify_proof(ops.ctx, &valid, &sector, &comm, zero, zero, proof, 192, &error),
        SLK_E_BUSY);
    assert_non_null(strstr(error.message, "selkie params"));
}

static void a_foreign_comm_d_is_refused_before_reading(void **state)
{
    (void)state;
    const slk_seal_sector sector = {.sp_id = 1000, .number = 1, .seal_proof = 5};
    const slk_seal_paths paths = {.sealed = "/nonexistent/sealed", .cache = "/nonexistent/cache"};
    slk_seal_commitments comm = {0};
    static const uint8_t zero[32];
    bool valid = true;
    char why[SLK_SEAL_REASON_CHARS] = "";
    slk_error error = {0};
    assert_int_equal(
        ops.check_replica(ops.ctx, &valid, why, &sector, &comm, zero, &paths, NULL, NULL, &error),
        SLK_OK);
    assert_false(valid);
    assert_string_equal(why, "CommD is not that of an empty sector");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_sectors_have_the_known_comm_d),
        cmocka_unit_test(other_seal_proofs_are_unsupported),
        cmocka_unit_test(comm_d_follows_from_pieces),
        cmocka_unit_test(missing_parameters_make_the_sector_wait),
        cmocka_unit_test(a_foreign_comm_d_is_refused_before_reading),
    };
    return cmocka_run_group_tests_name("prover", tests, open_prover, close_prover);
}
