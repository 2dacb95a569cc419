/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/piece/piece.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "crypto/sha256/sha256.h"
#include "proofs/fr32/fr32.h"
#include "support/slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

/* source: reference/proofs 1.3 */
static void test_zero_commitments(void **state)
{
    static const struct {
        unsigned level;
        const char *hex;
    } want[] = {
        {1, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb0b"},
        {2, "3731bb99ac689f66eef5973e4a94da188f4ddcae580724fc6f3fd60dfd488333"},
        {6, "fc7e928296e516faade986b28f92d44a4f24b935485223376a799027bc18f833"},
        {7, "08c47b38ee13bc43f41b915c0eed9911a26086b3ed62401bf9d58b8d19dff624"},
        {9, "f9226160c8f927bfdcc418cdf203493146008eaefb7d02194d5e548189005108"},
        {10, "2c1a964bb90b59ebfe0f6da29ad65ae3e417724a8f7c11745a40cac1e5e74011"},
        {18, "65f29e5d98d246c38b388cfc06db1f6b021303c5a289000bdce832a9c3ec421c"},
        {24, "39560e7b13a93b07a243fd2720ffa7cb3e1d2e505ab3629e79f46313512cda06"},
        {30, "077e5fde35c50a9303a55009e3498a4ebedff39c42b710b730d8ec7ac7afa63e"},
        {31, "e64005a6bfe3777953b8ad6ef93f0fca1049b2041654f2a411f7702799cece02"},
    };
    slk_zero_nodes zero;
    slk_zero_nodes_init(&zero, *state);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        uint8_t node[32];
        assert_true(slk_hex_decode(node, 32, want[i].hex));
        assert_memory_equal(zero.node[want[i].level], node, 32);
    }
}

static void fill(uint8_t *out, size_t n)
{
    uint32_t seed = 1;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (uint8_t)(seed >> 24);
    }
}

/* The definition: pad, fill with zeros, hash pairs. */
static void commp_slowly(uint8_t out32[32], const slk_crypto *crypto, const uint8_t *raw, size_t n,
                         size_t padded_bytes)
{
    uint8_t *nodes = slk_calloc(1, padded_bytes + 256);
    assert_non_null(nodes);
    slk_fr32_pad(nodes, raw, n);
    for (size_t pairs = padded_bytes / 64; pairs; pairs /= 2)
        slk_sha254_pairs(crypto, nodes, nodes, pairs);
    memcpy(out32, nodes, 32);
    slk_free(nodes);
}

static void commp_in_steps(slk_piece *out, const slk_crypto *crypto, const uint8_t *raw, size_t n,
                           size_t step, uint64_t size)
{
    SLK_CLEANUP(slk_commp_freep) slk_commp *commp = NULL;
    assert_int_equal(slk_commp_new(&commp, crypto, NULL), SLK_OK);
    for (size_t i = 0; i < n; i += step)
        assert_int_equal(slk_commp_update(commp, raw + i, n - i < step ? n - i : step, NULL),
                         SLK_OK);
    assert_int_equal(slk_commp_final(commp, out, size, NULL), SLK_OK);
}

static void test_streams(void **state)
{
    const slk_crypto *crypto = *state;
    static uint8_t raw[300000];
    fill(raw, sizeof raw);
    static const size_t lengths[] = {0,     1,     127,   128,    1016,   5000,
                                     65024, 65025, 65536, 130048, 260096, 300000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const size_t n = lengths[i];
        slk_piece piece;
        commp_in_steps(&piece, crypto, raw, n, 1000, 0);
        uint8_t want[32];
        commp_slowly(want, crypto, raw, n, (size_t)piece.padded_bytes);
        assert_memory_equal(piece.commitment, want, 32);
        assert_true(piece.padded_bytes == 128 ||
                    piece.padded_bytes / 2 < slk_fr32_pad_out_bytes(n));
        commp_in_steps(&piece, crypto, raw, n, 70000, 1 << 20);
        commp_slowly(want, crypto, raw, n, 1 << 20);
        assert_memory_equal(piece.commitment, want, 32);
    }
}

static void check_case(const slk_crypto *crypto, const char *name)
{
    json_t *record = slk_test_vectors_json(name);
    json_t *entry;
    const json_t *list = json_object_get(record, "pieces");
    slk_piece pieces[3];
    size_t i;
    json_array_foreach(list, i, entry)
    {
        assert_true(i < 3);
        pieces[i].padded_bytes =
            slk_fr32_padded_bytes((uint64_t)slk_test_get_int(entry, "unpadded_bytes"));
        slk_test_get_hex(pieces[i].commitment, 32, entry, "comm_p");
    }
    uint8_t want[32], got[32];
    slk_test_get_hex(want, 32, record, "comm_d");
    uint64_t sector = (uint64_t)slk_test_get_int(record, "sector_size");
    assert_int_equal(slk_comm_d_of_pieces(got, crypto, sector, pieces, i, NULL), SLK_OK);
    assert_memory_equal(got, want, 32);
    json_decref(record);
}

static void test_comm_d(void **state)
{
    check_case(*state, "s-2k-data/record.json.gz");
    check_case(*state, "s-32k-data/record.json.gz");
    check_case(*state, "s-512m-data/record.json.gz");
    uint8_t got[32];
    slk_zero_nodes zero;
    slk_zero_nodes_init(&zero, *state);
    assert_int_equal(slk_comm_d_of_pieces(got, *state, 2048, NULL, 0, NULL), SLK_OK);
    assert_memory_equal(got, zero.node[6], 32);
    /* 128, then 256: a zero piece goes between them; the sector's rest is not added. */
    slk_piece pieces[2] = {{.padded_bytes = 128}, {.padded_bytes = 256}};
    fill(pieces[0].commitment, 32);
    fill(pieces[1].commitment, 31);
    uint8_t tree[64];
    memcpy(tree, pieces[0].commitment, 32);
    memcpy(tree + 32, zero.node[2], 32);
    slk_sha254_pairs(*state, tree, tree, 1);
    memcpy(tree + 32, pieces[1].commitment, 32);
    slk_sha254_pairs(*state, tree, tree, 1);
    assert_int_equal(slk_comm_d_of_pieces(got, *state, 2048, pieces, 2, NULL), SLK_OK);
    assert_memory_equal(got, tree, 32);
}

static void test_comm_d_refusals(void **state)
{
    uint8_t got[32];
    slk_piece pieces[3] = {{.padded_bytes = 1024}, {.padded_bytes = 1024}, {.padded_bytes = 128}};
    for (size_t i = 0; i < 3; i++)
        fill(pieces[i].commitment, 32);
    assert_int_equal(slk_comm_d_of_pieces(got, *state, 2048, pieces, 2, NULL), SLK_OK);
    assert_int_equal(slk_comm_d_of_pieces(got, *state, 2048, pieces, 3, NULL), SLK_E_INVAL);
    /* Small before large: the sizes fit, the aligned pieces do not. */
    slk_piece uneven[2] = {pieces[2], pieces[0]};
    uneven[1].padded_bytes = 2048;
    assert_int_equal(slk_comm_d_of_pieces(got, *state, 2048, uneven, 2, NULL), SLK_E_INVAL);
    pieces[0].padded_bytes = 1000;
    assert_int_equal(slk_comm_d_of_pieces(got, *state, 2048, pieces, 1, NULL), SLK_E_INVAL);
    pieces[0].padded_bytes = 64;
    assert_int_equal(slk_comm_d_of_pieces(got, *state, 2048, pieces, 1, NULL), SLK_E_INVAL);
    pieces[0].padded_bytes = 1024;
    memset(pieces[0].commitment, 0, 32);
    assert_int_equal(slk_comm_d_of_pieces(got, *state, 2048, pieces, 1, NULL), SLK_E_INVAL);
}

static void test_add_piece(void **state)
{
    const slk_crypto *crypto = *state;
    char folder[] = "/tmp/selkie-piece-XXXXXX";
    assert_non_null(mkdtemp(folder));
    SLK_CLEANUP(slk_freep) char *raw_path = slk_path_join(folder, "raw");
    SLK_CLEANUP(slk_freep) char *unsealed_path = slk_path_join(folder, "unsealed");
    uint8_t raw[1016 + 127];
    fill(raw, sizeof raw);
    int source, target;
    assert_int_equal(slk_file_create(&source, raw_path, 0600, NULL), SLK_OK);
    assert_int_equal(slk_file_create(&target, unsealed_path, 0600, NULL), SLK_OK);
    assert_int_equal(slk_file_write_at(source, raw, sizeof raw, 0, raw_path, NULL), SLK_OK);
    slk_piece piece;
    uint64_t written, previous[] = {127};
    assert_int_equal(lseek(source, 1016, SEEK_SET), 1016);
    assert_int_equal(slk_add_piece(&piece, &written, crypto, source, target, 127, NULL, 0, NULL),
                     SLK_OK);
    assert_int_equal(written, 127);
    assert_int_equal(lseek(source, 0, SEEK_SET), 0);
    assert_int_equal(
        slk_add_piece(&piece, &written, crypto, source, target, 1016, previous, 1, NULL), SLK_OK);
    assert_int_equal(written, 2032 - 127);
    uint8_t want[2048] = {0}, got[2048], comm_p[32];
    slk_fr32_pad(want, raw + 1016, 127);
    slk_fr32_pad(want + 1024, raw, 1016);
    assert_int_equal(slk_file_read_at(target, got, 2048, 0, unsealed_path, NULL), SLK_OK);
    assert_memory_equal(got, want, 2048);
    commp_slowly(comm_p, crypto, raw, 1016, 1024);
    assert_memory_equal(piece.commitment, comm_p, 32);
    /* Source at its end: nothing stays in the file. */
    assert_int_equal(lseek(source, 0, SEEK_END), (off_t)sizeof raw);
    assert_int_equal(
        slk_add_piece(&piece, &written, crypto, source, target, 1016, previous, 1, NULL),
        SLK_E_INVAL);
    assert_int_equal(lseek(target, 0, SEEK_END), 2048);
    assert_int_equal(
        slk_add_piece(&piece, &written, crypto, source, target, 1000, previous, 1, NULL),
        SLK_E_INVAL);
    slk_closep(&source);
    slk_closep(&target);
    slk_piece whole;
    assert_int_equal(slk_commp_of_file(&whole, crypto, raw_path, NULL), SLK_OK);
    assert_int_equal(whole.padded_bytes, 2048);
    assert_int_equal(slk_remove_tree(folder, NULL), SLK_OK);
}

static int setup(void **state)
{
    slk_crypto *crypto;
    if (slk_crypto_new(&crypto, getenv("SELKIE_CPU"), NULL) != SLK_OK)
        return -1;
    *state = crypto;
    return 0;
}

static int teardown(void **state)
{
    slk_crypto_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_commitments), cmocka_unit_test(test_streams),
        cmocka_unit_test(test_comm_d),           cmocka_unit_test(test_comm_d_refusals),
        cmocka_unit_test(test_add_piece),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
