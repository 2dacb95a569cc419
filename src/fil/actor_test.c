/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/mem.h"
#include "fil/actor.h"
#include "fil/commcid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void assert_hex(const slk_buf *buf, const char *hex)
{
    SLK_CLEANUP(slk_freep) char *text = slk_alloc(buf->len * 2 + 1, 1);
    assert_non_null(text);
    slk_hex_encode(text, buf->data, buf->len);
    assert_string_equal(text, hex);
}

static slk_precommit example(void)
{
    slk_precommit s = {
        .seal_proof = 5, .sector_number = 7, .seal_rand_epoch = 100, .expiration = 700000};
    uint8_t comm_r[32];
    memset(comm_r, 0x11, 31);
    comm_r[31] = 1;
    slk_comm_r_cid(&s.sealed_cid, comm_r);
    return s;
}

/* source: reference/chain 1.4 */
#define PRE_COMMIT_HEX                                                 \
    "8181870507d82a5829000182e20381e80220"                             \
    "1111111111111111111111111111111111111111111111111111111111111101" \
    "1864801a000aae60f6"

static void precommit_params_match_the_vector(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_buf_done) slk_buf buf;
    slk_buf_init(&buf, 1000);
    slk_precommit s = example();
    assert_int_equal(slk_precommit_params_encode(&buf, &s, 1), SLK_OK);
    assert_hex(&buf, PRE_COMMIT_HEX);
    assert_int_equal(buf.len, 59);
    slk_buf_reset(&buf);
    uint8_t comm_d[32] = {1};
    slk_comm_d_cid(&s.unsealed_cid, comm_d);
    s.seal_rand_epoch = -800;
    assert_int_equal(slk_precommit_params_encode(&buf, &s, 1), SLK_OK);
    assert_int_equal(buf.len, 103);
    slk_precommit *back = NULL;
    size_t n = 0;
    assert_int_equal(slk_precommit_params_decode(&back, &n, buf.data, buf.len, NULL), SLK_OK);
    assert_int_equal(n, 1);
    assert_int_equal(back[0].seal_rand_epoch, -800);
    assert_true(slk_cid_equal(&back[0].unsealed_cid, &s.unsealed_cid));
    assert_true(slk_cid_equal(&back[0].sealed_cid, &s.sealed_cid));
    slk_free(back);
}

/* Every prefix, and every flip of one bit, is decoded without harm; prefixes never succeed. */
typedef slk_err decode_fn(const uint8_t *in, size_t n);
static void assert_strict(decode_fn *decode, const uint8_t *in, size_t n)
{
    for (size_t cut = 0; cut < n; cut++) {
        SLK_CLEANUP(slk_freep) uint8_t *copy = slk_alloc(cut, 1);
        assert_non_null(copy);
        memcpy(copy, in, cut);
        assert_int_equal(decode(copy, cut), SLK_E_INVAL);
    }
    SLK_CLEANUP(slk_freep) uint8_t *copy = slk_alloc(n + 1, 1);
    assert_non_null(copy);
    memcpy(copy, in, n);
    copy[n] = 0;
    assert_int_equal(decode(copy, n + 1), SLK_E_INVAL);
    for (size_t bit = 0; bit < n * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        slk_err code = decode(copy, n);
        assert_true(code == SLK_OK || code == SLK_E_INVAL);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static slk_err decode_precommit(const uint8_t *in, size_t n)
{
    slk_precommit *sectors = NULL;
    size_t count;
    slk_err code = slk_precommit_params_decode(&sectors, &count, in, n, NULL);
    slk_free(sectors);
    return code;
}

static slk_err decode_prove(const uint8_t *in, size_t n)
{
    slk_prove_commit_decoded d = {0};
    slk_err code = slk_prove_commit_params_decode(&d, in, n, NULL);
    slk_prove_commit_decoded_done(&d);
    return code;
}

static slk_err decode_batch(const uint8_t *in, size_t n)
{
    slk_batch_return batch = {0};
    slk_err code = slk_batch_return_decode(&batch, in, n, NULL);
    slk_batch_return_done(&batch);
    return code;
}

static void prove_params_match_the_vectors(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_buf_done) slk_buf buf;
    slk_buf_init(&buf, 4000);
    uint8_t proof[192];
    memset(proof, 0xaa, sizeof proof);
    slk_sector_activation sector = {.sector_number = 7};
    slk_bytes_view view = {proof, sizeof proof};
    slk_prove_commit cc = {.sectors = &sector, .n_sectors = 1, .proofs = &view, .n_proofs = 1};
    assert_int_equal(slk_prove_commit_params_encode(&buf, &cc), SLK_OK);
    assert_int_equal(buf.len, 5 + 3 + 192 + 4);
    assert_memory_equal(buf.data, "\x86\x81\x82\x07\x80\x81\x58\xc0\xaa", 9);
    assert_memory_equal(buf.data + buf.len - 4, "\x40\xf6\xf4\xf4", 4);
    assert_strict(decode_prove, buf.data, buf.len);

    uint8_t comm_p[32] = {0};
    static const uint8_t payload[] = {0x18, 0x2a}, aggregate[] = {1, 2, 3};
    slk_piece_activation piece = {.size_bytes = 2048,
                                  .has_allocation = true,
                                  .client_id = 1001,
                                  .allocation_id = 42,
                                  .n_notify = 1,
                                  .notify_payload = payload,
                                  .notify_payload_bytes = 2};
    slk_comm_d_cid(&piece.cid, comm_p);
    slk_address_from_id(&piece.notify_to, 5);
    sector.pieces = &piece;
    sector.n_pieces = 1;
    slk_prove_commit deal = {.sectors = &sector,
                             .n_sectors = 1,
                             .aggregate = {aggregate, 3},
                             .has_aggregate_type = true,
                             .aggregate_type = 1,
                             .require_activation_success = true,
                             .require_notification_success = true};
    slk_buf_reset(&buf);
    assert_int_equal(slk_prove_commit_params_encode(&buf, &deal), SLK_OK);
    assert_hex(&buf, "868182078184d82a5828000181e203922020"
                     "0000000000000000000000000000000000000000000000000000000000000000"
                     "190800821903e9182a818242000542182a804301020301f5f5");
    assert_strict(decode_prove, buf.data, buf.len);
    slk_prove_commit_decoded d = {0};
    assert_int_equal(slk_prove_commit_params_decode(&d, buf.data, buf.len, NULL), SLK_OK);
    assert_int_equal(d.params.n_sectors, 1);
    assert_int_equal(d.params.n_proofs, 0);
    assert_int_equal(d.params.aggregate_type, 1);
    const slk_piece_activation *p = &d.params.sectors[0].pieces[0];
    assert_true(p->has_allocation && p->client_id == 1001 && p->allocation_id == 42);
    assert_true(slk_address_equal(&p->notify_to, &piece.notify_to));
    assert_memory_equal(p->notify_payload, payload, 2);
    slk_prove_commit_decoded_done(&d);
}

static void precommit_decoding_is_strict(void **state)
{
    (void)state;
    uint8_t bytes[59];
    assert_true(slk_hex_decode(bytes, 59, PRE_COMMIT_HEX));
    assert_int_equal(decode_precommit(bytes, 59), SLK_OK);
    assert_strict(decode_precommit, bytes, 59);
}

static void batch_returns_match_the_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        uint64_t ok;
        size_t failed;
        uint64_t index;
        int64_t exit_code;
    } cases[] = {
        {"820180", 1, 0, 0, 0}, {"820181820110", 1, 1, 1, 16}, {"820282820110820310", 2, 2, 3, 16}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[16];
        size_t n = strlen(cases[i].hex) / 2;
        slk_batch_return batch;
        assert_true(slk_hex_decode(bytes, n, cases[i].hex));
        assert_int_equal(slk_batch_return_decode(&batch, bytes, n, NULL), SLK_OK);
        assert_true(batch.success_count == cases[i].ok);
        assert_int_equal(batch.n_failures, cases[i].failed);
        assert_int_equal(slk_batch_return_exit_of(&batch, cases[i].index), cases[i].exit_code);
        SLK_CLEANUP(slk_buf_done) slk_buf buf;
        slk_buf_init(&buf, 100);
        assert_int_equal(slk_batch_return_encode(&buf, &batch), SLK_OK);
        assert_hex(&buf, cases[i].hex);
        slk_batch_return_done(&batch);
        assert_strict(decode_batch, bytes, n);
    }
    static const char *const bad[] = {"820181820210", "820181820100", "820082820110820010"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t bytes[16];
        size_t n = strlen(bad[i]) / 2;
        assert_true(slk_hex_decode(bytes, n, bad[i]));
        assert_int_equal(decode_batch(bytes, n), SLK_E_INVAL);
    }
}

static void records_are_read_from_json(void **state)
{
    (void)state;
    /* source: reference/chain 3.2 */
    const char *text =
        "{\"Info\":{\"SealProof\":5,\"SectorNumber\":7,\"SealedCID\":{\"/\":"
        "\"bagboea4b5abcaeirceirceirceirceirceirceirceirceirceirceirceirceib\"},"
        "\"SealRandEpoch\":100,\"DealIDs\":null,\"Expiration\":700000,\"UnsealedCid\":null},"
        "\"PreCommitDeposit\":\"120000000000000000\",\"PreCommitEpoch\":250}";
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    slk_error error;
    slk_precommit_info info;
    slk_precommit expected = example();
    assert_int_equal(slk_json_parse(&value, text, strlen(text), 4096, &error), SLK_OK);
    assert_int_equal(slk_precommit_info_from_json(&info, value, &error), SLK_OK);
    assert_int_equal(info.epoch, 250);
    assert_true(slk_cid_equal(&info.info.sealed_cid, &expected.sealed_cid));
    assert_false(slk_cid_defined(&info.info.unsealed_cid));
    assert_true(info.deposit.limb[0] == 120000000000000000);
    SLK_CLEANUP(slk_json_decrefp) json_t *printed = NULL;
    slk_precommit back;
    assert_int_equal(slk_precommit_to_json(&printed, &info.info), SLK_OK);
    assert_int_equal(slk_precommit_from_json(&back, printed, &error), SLK_OK);
    assert_int_equal(back.expiration, 700000);
    slk_sector_info sector;
    assert_int_equal(slk_sector_info_from_json(&sector, value, &error), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "SectorNumber"));
    char name[48];
    slk_exit_name(name, sizeof name, 16);
    assert_string_equal(name, "ErrIllegalArgument(16)");
    slk_exit_name(name, sizeof name, 1000);
    assert_string_equal(name, "1000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precommit_params_match_the_vector),
        cmocka_unit_test(precommit_decoding_is_strict),
        cmocka_unit_test(prove_params_match_the_vectors),
        cmocka_unit_test(batch_returns_match_the_vectors),
        cmocka_unit_test(records_are_read_from_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
