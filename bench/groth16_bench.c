/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a Groth16 proof and its parameters are made of, as one JSON object per line: processor time
 * per element on the calling thread's pool, and wall time. Takes about 20 s of processor time.
 * Usage: groth16_bench [threads] */
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "crypto/msm/fixed_base.h"
#include "crypto/msm/msm.h"
#include "crypto/ntt/ntt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOG2_NTT 22u
#define G1_POINTS ((size_t)1 << 18)
#define G2_POINTS ((size_t)1 << 16)

typedef struct watch {
    uint64_t wall_ns;
    struct timespec cpu;
} watch;

static watch watch_start(void)
{
    watch w = {.wall_ns = slk_clock_monotonic_ns()};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &w.cpu);
    return w;
}

static void report(const char *name, const watch *since, uint64_t elements)
{
    watch now = watch_start();
    double cpu = (double)(now.cpu.tv_sec - since->cpu.tv_sec) +
                 1e-9 * (double)(now.cpu.tv_nsec - since->cpu.tv_nsec);
    double wall = 1e-9 * (double)(now.wall_ns - since->wall_ns);
    printf("{\"name\":\"%s\",\"elements\":%llu,\"cpu_ns_each\":%.1f,\"cpu_s\":%.3f,"
           "\"wall_s\":%.3f}\n",
           name, (unsigned long long)elements, 1e9 * cpu / (double)elements, cpu, wall);
    (void)fflush(stdout);
}

static void must(slk_err err, const slk_error *error)
{
    if (err != SLK_OK)
        (void)fprintf(stderr, "%s\n", slk_error_text(error, err));
    slk_assert(err == SLK_OK);
}

/* Additions in full batches whose points stay in the second-level cache. */
static void bench_additions(const slk_group *group, const uint8_t *points)
{
    enum { ROUNDS = 200 };
    char name[64];
    slk_point_pair *pairs = slk_alloc(SLK_PAIRS_MAX, sizeof(*pairs));
    uint8_t *acc = slk_alloc(SLK_PAIRS_MAX, group->affine_bytes);
    void *scratch = slk_alloc(1, group->pair_scratch_bytes);
    slk_assert(pairs != NULL && acc != NULL && scratch != NULL);
    memcpy(acc, points, SLK_PAIRS_MAX * group->affine_bytes);
    for (size_t i = 0; i < SLK_PAIRS_MAX; i++) {
        size_t at = i * group->affine_bytes;
        const uint8_t *addend = points + SLK_PAIRS_MAX * group->affine_bytes + at;
        pairs[i] = (slk_point_pair){acc + at, addend, i % 2 == 1};
    }
    watch start = watch_start();
    for (int round = 0; round < ROUNDS; round++)
        group->add_pairs(pairs, SLK_PAIRS_MAX, scratch);
    (void)snprintf(name, sizeof name, "additions %s %s", group->name, group->kernel);
    report(name, &start, (uint64_t)ROUNDS * SLK_PAIRS_MAX);
    slk_free(pairs);
    slk_free(acc);
    slk_free(scratch);
}

static void bench_group(const slk_group *group, slk_pool *pool, const slk_fr *scalars, size_t n)
{
    slk_error error = {0};
    char name[64];
    _Alignas(64) uint8_t base[SLK_AFFINE_BYTES_MAX], sum[SLK_JACOBIAN_BYTES_MAX];
    slk_fixed_base *table = NULL;
    slk_msm *msm = NULL;
    uint8_t *points = slk_alloc(n, group->affine_bytes);
    uint8_t *encoded = slk_alloc(n, group->encoded_bytes);
    slk_assert(points != NULL && encoded != NULL);
    group->generator(base);
    must(slk_fixed_base_new(&table, group, base, 15, &error), &error);
    watch start = watch_start();
    must(slk_fixed_base_mul(table, pool, points, scalars, n, &error), &error);
    (void)snprintf(name, sizeof name, "fixed base %s", group->name);
    report(name, &start, n);
    group->encode(encoded, points, n);
    bench_additions(group, points);
    /* The window of a large sum, so that the cost per point is that of 2^22 points. */
    must(slk_msm_new(&msm, group, pool, UINT64_C(1) << LOG2_NTT, &error), &error);
    start = watch_start();
    must(slk_msm_add(msm, encoded, NULL, scalars, n, &error), &error);
    (void)snprintf(name, sizeof name, "msm scalars %s", group->name);
    report(name, &start, n);
    start = watch_start();
    must(slk_msm_add_ones(msm, encoded, NULL, n, &error), &error);
    (void)snprintf(name, sizeof name, "msm ones %s", group->name);
    report(name, &start, n);
    start = watch_start();
    slk_msm_finish(msm, sum);
    (void)snprintf(name, sizeof name, "msm finish %s", group->name);
    report(name, &start, 1);
    slk_msm_free(msm);
    slk_fixed_base_free(table);
    slk_free(points);
    slk_free(encoded);
}

/* The vectors of a quotient; what they hold does not matter. */
static void bench_ntt(const slk_crypto *crypto, slk_pool *pool, slk_fr *a)
{
    slk_error error = {0};
    slk_ntt *ntt = NULL;
    slk_region region = {0};
    const uint64_t n = UINT64_C(1) << LOG2_NTT;
    must(slk_ntt_new(&ntt, crypto, LOG2_NTT, pool, &error), &error);
    must(slk_region_init(&region, sizeof(slk_fr) << LOG2_NTT, "bench", &error), &error);
    slk_fr *b = (slk_fr *)(void *)region.data;
    memcpy(b, a, sizeof(slk_fr) << LOG2_NTT);
    watch start = watch_start();
    slk_ntt_interpolate(ntt, a);
    report("ntt interpolate", &start, n);
    start = watch_start();
    slk_ntt_evaluate(ntt, a);
    report("ntt evaluate", &start, n);
    start = watch_start();
    slk_ntt_reorder(ntt, a);
    report("ntt reorder", &start, n);
    start = watch_start();
    must(slk_ntt_quotient_product(ntt, a, b, NULL, &error), &error);
    report("quotient product", &start, n);
    start = watch_start();
    must(slk_ntt_quotient_finish(ntt, a, b, NULL, &error), &error);
    report("quotient finish", &start, n);
    slk_region_done(&region);
    slk_ntt_free(ntt);
}

int main(int argc, char **argv)
{
    slk_error error = {0};
    slk_pool *pool = NULL;
    slk_region region = {0};
    slk_crypto *crypto = NULL;
    uint64_t threads = 0;
    if (argc > 1)
        must(slk_parse_u64(&threads, argv[1]), NULL);
    must(slk_crypto_new(&crypto, getenv("SELKIE_CPU"), &error), &error);
    must(slk_pool_new(&pool, slk_u32(threads), &error), &error);
    must(slk_region_init(&region, sizeof(slk_fr) << LOG2_NTT, "bench", &error), &error);
    slk_fr *values = (slk_fr *)(void *)region.data, x;
    slk_fr_inv(&x, &slk_fr_generator);
    for (size_t i = 0; i < (size_t)1 << LOG2_NTT; i++) {
        slk_fr_sqr(&x, &x);
        slk_fr_add(&x, &x, &slk_fr_one);
        values[i] = x;
    }
    bench_group(slk_group_of(crypto, SLK_G1), pool, values, G1_POINTS);
    bench_group(slk_group_of(crypto, SLK_G2), pool, values, G2_POINTS);
    bench_ntt(crypto, pool, values);
    slk_crypto_free(crypto);
    slk_region_done(&region);
    slk_pool_free(pool);
    return 0;
}
