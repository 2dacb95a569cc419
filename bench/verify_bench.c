/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the verification of a Groth16 proof is made of, as one JSON object per line: the shortest of
 * some repetitions, in cycles of the time stamp counter and microseconds. Takes about two seconds.
 * Usage: verify_bench [threads] (reads tests/vectors; run it from the root of the sources) */
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "proofs/groth16/key.h"
#include "proofs/porep.h"
#include "support/slk_sector_case.h"
#include "support/slk_test_vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

enum { BATCH = 100, INPUTS = 39, REPETITIONS = 30 };

typedef struct bench {
    slk_crypto *crypto;
    slk_pool *pool;
    slk_groth16_key key;
    uint8_t *key_bytes;
    size_t key_len;
    uint8_t proofs[BATCH][SLK_GROTH16_PROOF_BYTES];
    slk_fr inputs[BATCH][INPUTS];
    slk_g1_affine g1;
    slk_g2_affine g2;
    slk_g2_lines lines;
    slk_gt product;
} bench;

static void must(slk_err err, const slk_error *error)
{
    if (err != SLK_OK)
        (void)fprintf(stderr, "%s\n", slk_error_text(error, err));
    slk_assert(err == SLK_OK);
}

/* --- what is measured ------------------------------------------------------------------------- */

static void read_g1(bench *b)
{
    slk_assert(slk_g1_read_compressed(&b->g1, b->proofs[0]));
}

static void read_g2(bench *b)
{
    slk_assert(slk_g2_read_compressed(&b->g2, b->proofs[0] + 48));
}

static void read_g1_8(bench *b)
{
    slk_g1_affine points[8];
    slk_assert(slk_g1_read_compressed_all(b->crypto, points, b->proofs[0], sizeof b->proofs[0], 8));
}

static void read_g2_8(bench *b)
{
    slk_g2_affine points[8];
    slk_assert(
        slk_g2_read_compressed_all(b->crypto, points, b->proofs[0] + 48, sizeof b->proofs[0], 8));
}

static void in_g1_40(bench *b)
{
    slk_g1_affine points[INPUTS + 1];
    slk_assert(slk_g1_read_all(b->crypto, points, b->key_bytes + SLK_GROTH16_KEY_BYTES(0),
                               SLK_G1_BYTES, INPUTS + 1));
}

static void lines(bench *b)
{
    slk_g2_lines_of(&b->lines, &b->g2);
}

static void miller_lines(bench *b)
{
    const slk_pairing_term term = {&b->g1, &b->lines};
    slk_pairing_miller_lines(&b->product, &term, 1);
}

static void miller(bench *b)
{
    slk_pairing_miller(b->crypto, &b->product, &b->g1, &b->g2, 1);
}

static void final_exponentiation(bench *b)
{
    slk_assert(!slk_pairing_is_one(&b->product));
}

static void combine_inputs(bench *b)
{
    slk_g1 sum;
    for (size_t i = 0; i < INPUTS; i += SLK_COMBINE_MAX)
        slk_g1_combine(&sum, b->key.ic + 1 + i, b->inputs[0] + i,
                       INPUTS - i < SLK_COMBINE_MAX ? INPUTS - i : SLK_COMBINE_MAX);
}

static void read_key(bench *b)
{
    slk_error error = {0};
    slk_groth16_key key;
    size_t used;
    must(slk_groth16_key_read(&key, &used, b->crypto, b->key_bytes, b->key_len, INPUTS + 1, &error),
         &error);
    slk_groth16_key_done(&key);
}

static void one(const bench *b, slk_pool *pool)
{
    slk_error error = {0};
    bool valid = false;
    must(slk_groth16_verify(&valid, b->crypto, &b->key, pool, b->proofs[0], b->inputs[0], INPUTS,
                            &error),
         &error);
    slk_assert(valid);
}

static void one_alone(bench *b)
{
    one(b, NULL);
}

static void one_on_pool(bench *b)
{
    one(b, b->pool);
}

static void batch(bench *b)
{
    slk_error error = {0};
    bool valid = false;
    must(slk_groth16_verify_batch(&valid, b->crypto, &b->key, b->pool, b->proofs[0], BATCH,
                                  b->inputs[0], INPUTS, &error),
         &error);
    slk_assert(valid);
}

/* --- frame ------------------------------------------------------------------------------------ */

static void measure(const char *name, bench *b, void (*work)(bench *), unsigned elements)
{
    uint64_t cycles = UINT64_MAX, ns = UINT64_MAX;
    for (int i = 0; i < REPETITIONS; i++) {
        uint64_t ns_before = slk_clock_monotonic_ns(), before = __rdtsc();
        work(b);
        uint64_t took = __rdtsc() - before, ns_took = slk_clock_monotonic_ns() - ns_before;
        cycles = took < cycles ? took : cycles;
        ns = ns_took < ns ? ns_took : ns;
    }
    printf("{\"name\":\"%s\",\"elements\":%u,\"cycles_each\":%llu,\"us_each\":%.1f}\n", name,
           elements, (unsigned long long)(cycles / elements), 1e-3 * (double)ns / elements);
}

static void load(bench *b)
{
    slk_error error = {0};
    slk_porep_statement statement;
    slk_c1 c1;
    json_t *record;
    size_t used;
    must(slk_crypto_new(&b->crypto, getenv("SELKIE_CPU"), &error), &error);
    b->key_bytes = slk_test_vectors_bytes("params-2k.vk", &b->key_len);
    must(slk_groth16_key_read(&b->key, &used, b->crypto, b->key_bytes, b->key_len, INPUTS + 1,
                              &error),
         &error);
    slk_case_load(&c1, &record, "s-2k-data");
    statement = (slk_porep_statement){.proof = c1.proof};
    statement.miner_id = (uint64_t)slk_test_get_int(record, "miner_actor_id");
    statement.sector_number = (uint64_t)slk_test_get_int(record, "sector_number");
    memcpy(statement.ticket, c1.ticket, 32);
    memcpy(statement.seed, c1.seed, 32);
    memcpy(statement.comm_r, c1.comm_r, 32);
    memcpy(statement.comm_d, c1.comm_d, 32);
    slk_test_get_hex(b->proofs[0], SLK_GROTH16_PROOF_BYTES, record, "proof_random");
    must(slk_porep_public_inputs(b->inputs[0], b->crypto, &statement, 0, &error), &error);
    for (size_t i = 1; i < BATCH; i++) {
        memcpy(b->proofs[i], b->proofs[0], sizeof b->proofs[0]);
        memcpy(b->inputs[i], b->inputs[0], sizeof b->inputs[0]);
    }
    json_decref(record);
    slk_c1_done(&c1);
}

int main(int argc, char **argv)
{
    slk_error error = {0};
    uint64_t threads = 0;
    bench *b = slk_calloc(1, sizeof *b);
    slk_assert(b != NULL);
    if (argc > 1)
        must(slk_parse_u64(&threads, argv[1]), NULL);
    must(slk_pool_new(&b->pool, slk_u32(threads), &error), &error);
    load(b);
    slk_gt_one(&b->product);
    measure("read G1 compressed", b, read_g1, 1);
    measure("read G2 compressed", b, read_g2, 1);
    measure("read 8 of G1 compressed", b, read_g1_8, 8);
    measure("read 8 of G2 compressed", b, read_g2_8, 8);
    measure("read 40 of G1", b, in_g1_40, INPUTS + 1);
    measure("lines of G2", b, lines, 1);
    measure("miller by lines", b, miller_lines, 1);
    measure("miller", b, miller, 1);
    measure("final exponentiation", b, final_exponentiation, 1);
    measure("sum of 39 inputs", b, combine_inputs, 1);
    measure("read key", b, read_key, 1);
    measure("verify one, one thread", b, one_alone, 1);
    measure("verify one, all threads", b, one_on_pool, 1);
    measure("verify 100, all threads", b, batch, BATCH);
    slk_groth16_key_done(&b->key);
    free(b->key_bytes);
    slk_pool_free(b->pool);
    slk_crypto_free(b->crypto);
    slk_free(b);
    return 0;
}
