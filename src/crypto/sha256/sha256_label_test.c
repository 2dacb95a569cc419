/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/sha256/sha256_label.h"

#include "base/bytes.h"
#include "crypto/sha256/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static const char *const levels[] = {"plain", "sse", "avx2", "native"};
#define LEVELS (sizeof levels / sizeof *levels)

enum { PARENTS = 14, NODES = 19, RECORD = 32 * SLK_LABEL_MAX_LANES };

static slk_crypto *make(const char *level)
{
    slk_crypto *crypto = NULL;
    slk_error error;
    if (slk_crypto_new(&crypto, level, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return crypto;
}

static void fill(uint8_t *out, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (uint8_t)(seed >> 56);
    }
}

/* The message written out as the format has it. */
static void plain_label(const slk_crypto *ref, uint8_t out32[32], const uint8_t id[32],
                        unsigned layer, uint64_t node, const uint8_t *parents, unsigned n)
{
    uint8_t message[64 + 37 * 32] = {0};
    memcpy(message, id, 32);
    slk_store_be32(message + 32, layer);
    slk_store_be64(message + 36, node);
    for (size_t i = 0; i < 37 && n > 0; i++)
        memcpy(message + 64 + 32 * i, parents + i % n * 32, 32);
    slk_sha256_of(ref, out32, message, n > 0 ? sizeof message : 64);
    slk_sha254_trim(out32);
}

/* Labels of every lane, for `lanes` sectors of different ids and data. */
static void check_kernel(const slk_crypto *ref, const slk_label_kernel *kernel, unsigned lanes,
                         unsigned n, uint64_t node, size_t shift)
{
    uint8_t id[SLK_LABEL_MAX_LANES][32], data[SLK_LABEL_MAX_LANES][PARENTS * 32];
    static uint8_t records[PARENTS * RECORD + 64];
    const uint8_t *ids[SLK_LABEL_MAX_LANES], *nodes[SLK_LABEL_MAX_LANES];
    const void *parents[PARENTS];
    fill(id[0], sizeof id, node + n);
    fill(data[0], sizeof data, node + lanes);
    for (unsigned i = 0; i < SLK_LABEL_MAX_LANES; i++) {
        ids[i] = i < lanes ? id[i] : NULL;
        nodes[i] = i < lanes ? data[i] : NULL;
    }
    const size_t bytes = 32 * (size_t)kernel->lanes;
    memset(records, 0xee, sizeof records);
    slk_label_pack(kernel, records + shift, nodes, PARENTS);
    /* Parents come in any order and more than once. */
    uint8_t *out = NULL;
    for (size_t i = 0; i < PARENTS; i++) {
        out = records + shift + bytes * (i * 5 % PARENTS);
        parents[i] = i == 11 ? parents[2] : out;
    }
    slk_label_key key;
    slk_label_key_init(&key, kernel, ids, lanes, 3);
    slk_label_record(kernel, out, &key, node, parents, n);
    uint8_t got[SLK_LABEL_MAX_LANES][32], *to[SLK_LABEL_MAX_LANES];
    memset(got, 0xee, sizeof got);
    for (unsigned i = 0; i < SLK_LABEL_MAX_LANES; i++)
        to[i] = i < lanes ? got[i] : NULL;
    slk_label_unpack(kernel, to, out, 1);
    for (unsigned i = 0; i < lanes; i++) {
        uint8_t row[PARENTS * 32], want[32];
        for (size_t k = 0; k < PARENTS; k++)
            memcpy(row + 32 * k, data[i] + 32 * ((k == 11 ? 2 : k) * 5 % PARENTS), 32);
        plain_label(ref, want, id[i], 3, node, row, n);
        assert_memory_equal(got[i], want, 32);
    }
}

static void all_kernels_agree(void **state)
{
    (void)state;
    slk_crypto *ref = make("plain");
    for (size_t l = 0; l < LEVELS; l++) {
        slk_crypto *crypto = make(levels[l]);
        for (size_t i = 0; slk_label_kernel_at(crypto, i); i++) {
            const slk_label_kernel *kernel = slk_label_kernel_at(crypto, i);
            for (unsigned lanes = 1; lanes <= kernel->lanes; lanes++) {
                check_kernel(ref, kernel, lanes, 6, lanes, lanes % 3);
                check_kernel(ref, kernel, lanes, 14, UINT64_C(0xfedcba98765432f0) + lanes, 0);
                check_kernel(ref, kernel, lanes, 0, 0, 4);
            }
        }
        slk_crypto_free(crypto);
    }
    slk_crypto_free(ref);
}

/* Official nodes to records and back, any number of them, with lanes left out. */
static void packing(void **state)
{
    (void)state;
    slk_crypto *crypto = make(NULL);
    static uint8_t records[NODES * RECORD], in[SLK_LABEL_MAX_LANES][NODES * 32],
        out[SLK_LABEL_MAX_LANES][NODES * 32 + 1];
    fill(in[0], sizeof in, 5);
    for (size_t i = 0; slk_label_kernel_at(crypto, i); i++) {
        const slk_label_kernel *kernel = slk_label_kernel_at(crypto, i);
        for (size_t n = 0; n <= NODES; n++) {
            const uint8_t *from[SLK_LABEL_MAX_LANES];
            uint8_t *to[SLK_LABEL_MAX_LANES];
            for (unsigned lane = 0; lane < SLK_LABEL_MAX_LANES; lane++) {
                from[lane] = in[lane];
                to[lane] = lane % 5 == 3 ? NULL : out[lane] + lane % 2;
            }
            memset(out, 0xee, sizeof out);
            memset(records, 0, sizeof records);
            slk_label_pack(kernel, records, from, n);
            slk_label_unpack(kernel, to, records, n);
            for (unsigned lane = 0; lane < kernel->lanes; lane++) {
                const uint8_t *here = out[lane] + lane % 2;
                if (to[lane])
                    assert_memory_equal(here, in[lane], 32 * n);
                for (size_t k = to[lane] ? 32 * n : 0; k < sizeof out[lane] - lane % 2; k++)
                    assert_int_equal(here[k], 0xee);
            }
        }
    }
    slk_crypto_free(crypto);
}

/* A chain of nodes with parents anywhere below, the newest at place `newest`, against single labels. */
static void check_run(const slk_crypto *ref, const slk_crypto *crypto, bool upper, size_t newest)
{
    enum { CHAIN = 150, CUT = 77 };
    static uint8_t layer[CHAIN * 32], previous[CHAIN * 32];
    static uint32_t rows[CHAIN * PARENTS];
    uint8_t draws[CHAIN * PARENTS], id[32];
    const uint8_t *const ids[1] = {id};
    fill(draws, sizeof draws, newest);
    fill(id, sizeof id, 9);
    fill(previous, sizeof previous, 10);
    memset(rows, 0, sizeof rows);
    for (size_t node = 1; node < CHAIN; node++)
        for (size_t i = 0; i < PARENTS; i++)
            rows[node * PARENTS + i] =
                i == newest ? (uint32_t)node - 1
                            : draws[node * PARENTS + i] % (uint32_t)(i < 6 ? node : CHAIN);
    const slk_label_kernel *kernel = slk_label_run_kernel(crypto);
    slk_label_key key;
    slk_label_key_init(&key, kernel, ids, 1, upper ? 2 : 1);
    memset(layer, 0xee, sizeof layer);
    slk_label_chain chain = {layer, upper ? previous : NULL, rows, 0, CUT, CHAIN};
    slk_label_run(kernel, &chain, &key);
    assert_int_equal(layer[32 * CUT], 0xee);
    chain = (slk_label_chain){layer, chain.previous, rows + CUT * PARENTS, CUT, CHAIN, CHAIN};
    slk_label_run(kernel, &chain, &key);
    for (size_t node = 0; node < CHAIN; node++) {
        uint8_t row[PARENTS * 32], want[32];
        const unsigned n = node == 0 ? 0 : upper ? 14 : 6;
        for (size_t i = 0; i < n; i++)
            memcpy(row + 32 * i, (i < 6 ? layer : previous) + 32 * rows[node * PARENTS + i], 32);
        plain_label(ref, want, id, upper ? 2 : 1, node, row, n);
        assert_memory_equal(layer + 32 * node, want, 32);
    }
}

static void runs_of_one_sector(void **state)
{
    (void)state;
    slk_crypto *ref = make("plain");
    for (size_t l = 0; l < LEVELS; l++) {
        slk_crypto *crypto = make(levels[l]);
        for (size_t newest = 0; newest <= 5; newest += 5) {
            check_run(ref, crypto, false, newest);
            check_run(ref, crypto, true, newest);
        }
        slk_crypto_free(crypto);
    }
    slk_crypto_free(ref);
}

static void choice(void **state)
{
    (void)state;
    slk_crypto *crypto = make("plain");
    assert_string_equal(slk_label_choose(crypto, 17)->name, "plain");
    assert_null(slk_label_kernel_at(crypto, 1));
    slk_crypto_free(crypto);
    crypto = make(NULL);
    assert_non_null(slk_label_choose(crypto, 1));
    assert_true(slk_label_measure_ns(slk_label_kernel_at(crypto, 0), 10) > 0);
    size_t i = 0;
    while (slk_label_kernel_at(crypto, i + 1))
        i++;
    assert_string_equal(slk_label_kernel_at(crypto, i)->name, "plain");
    slk_crypto_free(crypto);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kernels_agree),
        cmocka_unit_test(packing),
        cmocka_unit_test(runs_of_one_sector),
        cmocka_unit_test(choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
