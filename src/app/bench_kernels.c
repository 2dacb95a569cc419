/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Stages of `selkie bench` that need no files: one core for hashes, all for transforms and sums. */
#include "app/bench.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/curve/group.h"
#include "crypto/msm/fixed_base.h"
#include "crypto/msm/msm.h"
#include "crypto/ntt/ntt.h"
#include "crypto/poseidon/poseidon.h"
#include "crypto/sha256/sha256.h"

#include <string.h>

enum {
    REPEATS = 20, /* the shortest counts */
    SHA_BYTES = 64 << 10,
    POSEIDON_HASHES = 2048, /* as many as bench/peer is asked for */
    LOG2_NTT = 20,
    LOG2_MSM = 16,
};

static double seconds_since(uint64_t start_ns)
{
    return 1e-9 * (double)(slk_clock_monotonic_ns() - start_ns);
}

slk_err slk_bench_sha256(slk_bench *bench)
{
    slk_tool *tool = bench->tool;
    SLK_CLEANUP(slk_freep) uint8_t *in = slk_calloc(1, SHA_BYTES);
    SLK_CLEANUP(slk_freep) uint8_t *out = slk_alloc(1, SHA_BYTES);
    if (!in || !out)
        return slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    double one = 1e9, pairs = 1e9;
    slk_job_stage(&tool->job, "sha256", REPEATS);
    for (int i = 0; i < REPEATS; i++) {
        uint32_t state[8];
        memcpy(state, slk_sha256_iv, sizeof state);
        uint64_t start = slk_clock_monotonic_ns();
        slk_sha256_compress(tool->crypto, state, in, SHA_BYTES / 64);
        double s = seconds_since(start);
        one = s < one ? s : one;
        start = slk_clock_monotonic_ns();
        slk_sha254_pairs(tool->crypto, out, in, SHA_BYTES / 64);
        s = seconds_since(start);
        pairs = s < pairs ? s : pairs;
        slk_job_advance(&tool->job, 1);
    }
    /* Limits: 32 sha256rnds2 of 4 cycles; sixteen lanes with a constant second block. */
    slk_bench_report(bench, &(slk_bench_row){.stage = "sha256",
                                             .work = "one stream",
                                             .unit = "block",
                                             .units = SHA_BYTES / 64.0,
                                             .seconds = one,
                                             .threads = 1,
                                             .limit_cycles = 128});
    slk_bench_report(bench, &(slk_bench_row){.stage = "sha256",
                                             .work = "pairs of TreeD",
                                             .unit = "pair",
                                             .units = SHA_BYTES / 64.0,
                                             .seconds = pairs,
                                             .threads = 1,
                                             .limit_cycles = 90});
    return SLK_OK;
}

/* Hash i is over i * arity, i * arity + 1, …: the same numbers as in bench/peer. */
static void count_up(uint8_t *nodes, size_t n)
{
    memset(nodes, 0, 32 * n);
    for (size_t i = 0; i < n; i++)
        slk_store_le64(nodes + 32 * i, i);
}

slk_err slk_bench_poseidon(slk_bench *bench)
{
    static const struct {
        unsigned arity;
        const char *work;
        double limit_cycles;
    } rows[] = {{2, "arity 2", 4500}, {8, "arity 8", 11000}, {11, "arity 11", 15000}};
    slk_tool *tool = bench->tool;
    SLK_CLEANUP(slk_freep) uint8_t *in = slk_alloc(POSEIDON_HASHES, (size_t)11 * 32);
    SLK_CLEANUP(slk_freep) uint8_t *out = slk_alloc(POSEIDON_HASHES, 32);
    if (!in || !out)
        return slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    slk_job_stage(&tool->job, "poseidon", 3);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        double best = 1e9;
        uint8_t digest[32];
        count_up(in, (size_t)POSEIDON_HASHES * rows[k].arity);
        for (int i = 0; i < REPEATS / 4; i++) {
            uint64_t start = slk_clock_monotonic_ns();
            slk_poseidon_batch(tool->crypto, rows[k].arity, out, in, POSEIDON_HASHES);
            double s = seconds_since(start);
            best = s < best ? s : best;
        }
        slk_sha256_of(tool->crypto, digest, out, (size_t)POSEIDON_HASHES * 32);
        slk_bench_report(bench, &(slk_bench_row){.stage = "poseidon",
                                                 .work = rows[k].work,
                                                 .unit = "hash",
                                                 .units = POSEIDON_HASHES,
                                                 .seconds = best,
                                                 .threads = 1,
                                                 .limit_cycles = rows[k].limit_cycles,
                                                 .digest = digest});
        slk_job_advance(&tool->job, 1);
    }
    return SLK_OK;
}

static void fill_scalars(slk_fr *values, size_t n)
{
    slk_fr x;
    slk_fr_inv(&x, &slk_fr_generator);
    for (size_t i = 0; i < n; i++) {
        slk_fr_sqr(&x, &x);
        slk_fr_add(&x, &x, &slk_fr_one);
        values[i] = x;
    }
}

slk_err slk_bench_ntt(slk_bench *bench)
{
    slk_tool *tool = bench->tool;
    slk_region region = {0};
    slk_ntt *ntt = NULL;
    const double n = (double)(1u << LOG2_NTT);
    SLK_TRY(slk_region_init(&region, sizeof(slk_fr) << LOG2_NTT, "a transform", &tool->error));
    slk_err code = slk_ntt_new(&ntt, tool->crypto, LOG2_NTT, tool->pool, &tool->error);
    if (code == SLK_OK) {
        slk_fr *values = (slk_fr *)(void *)region.data;
        double best = 1e9;
        fill_scalars(values, (size_t)1 << LOG2_NTT);
        slk_job_stage(&tool->job, "ntt", 3);
        for (int i = 0; i < 3; i++) {
            uint64_t start = slk_clock_monotonic_ns();
            slk_ntt_interpolate(ntt, values);
            double s = seconds_since(start);
            best = s < best ? s : best;
            slk_ntt_evaluate(ntt, values);
            slk_job_advance(&tool->job, 1);
        }
        slk_bench_report(bench, &(slk_bench_row){.stage = "ntt",
                                                 .work = "2^20 elements",
                                                 .unit = "butterfly",
                                                 .units = n / 2 * LOG2_NTT,
                                                 .seconds = best,
                                                 .threads = bench->threads,
                                                 .limit_cycles = 11});
    }
    slk_ntt_free(ntt);
    slk_region_done(&region);
    return code;
}

/* Points k * G with known k, then one sum of them with the window of a large one. */
static slk_err sum_points(slk_bench *bench, const slk_fr *scalars, uint8_t *points, size_t n,
                          double *ret_scalars, double *ret_ones)
{
    slk_tool *tool = bench->tool;
    _Alignas(64) uint8_t sum[SLK_JACOBIAN_BYTES_MAX];
    slk_msm *msm = NULL;
    SLK_TRY(slk_msm_new(&msm, slk_group_of(tool->crypto, SLK_G1), tool->pool, UINT64_C(1) << 22,
                        &tool->error));
    uint64_t start = slk_clock_monotonic_ns();
    slk_err code = slk_msm_add(msm, points, NULL, scalars, n, &tool->error);
    *ret_scalars = seconds_since(start);
    start = slk_clock_monotonic_ns();
    if (code == SLK_OK)
        code = slk_msm_add_ones(msm, points, NULL, n, &tool->error);
    *ret_ones = seconds_since(start);
    if (code == SLK_OK)
        slk_msm_finish(msm, sum);
    slk_msm_free(msm);
    return code;
}

static slk_err make_points(slk_bench *bench, uint8_t *encoded, const slk_fr *scalars, size_t n)
{
    slk_tool *tool = bench->tool;
    const slk_group *g1 = slk_group_of(tool->crypto, SLK_G1);
    _Alignas(64) uint8_t base[SLK_AFFINE_BYTES_MAX];
    slk_fixed_base *table = NULL;
    SLK_CLEANUP(slk_freep) uint8_t *points = slk_alloc(n, g1->affine_bytes);
    if (!points)
        return slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    g1->generator(base);
    SLK_TRY(slk_fixed_base_new(&table, g1, base, 12, &tool->error));
    uint64_t start = slk_clock_monotonic_ns();
    slk_err code = slk_fixed_base_mul(table, tool->pool, points, scalars, n, &tool->error);
    slk_bench_report(bench, &(slk_bench_row){.stage = "msm",
                                             .work = "multiples of one point",
                                             .unit = "point",
                                             .units = (double)n,
                                             .seconds = seconds_since(start),
                                             .threads = bench->threads});
    if (code == SLK_OK)
        g1->encode(encoded, points, n);
    slk_fixed_base_free(table);
    return code;
}

slk_err slk_bench_msm(slk_bench *bench)
{
    slk_tool *tool = bench->tool;
    const size_t n = (size_t)1 << LOG2_MSM;
    SLK_CLEANUP(slk_freep) uint8_t *encoded = slk_alloc(n, SLK_G1_BYTES);
    SLK_CLEANUP(slk_freep) slk_fr *scalars = slk_alloc(n, sizeof *scalars);
    if (!encoded || !scalars)
        return slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    double scalar_s = 0, ones_s = 0;
    slk_job_stage(&tool->job, "msm", 0);
    fill_scalars(scalars, n);
    SLK_TRY(make_points(bench, encoded, scalars, n));
    SLK_TRY(sum_points(bench, scalars, encoded, n, &scalar_s, &ones_s));
    /* Limits: 13 batch-affine additions of 150 cycles; one of them. */
    slk_bench_report(bench, &(slk_bench_row){.stage = "msm",
                                             .work = "full scalars, G1",
                                             .unit = "point",
                                             .units = (double)n,
                                             .seconds = scalar_s,
                                             .threads = bench->threads,
                                             .limit_cycles = 13 * 150});
    slk_bench_report(bench, &(slk_bench_row){.stage = "msm",
                                             .work = "ones, G1",
                                             .unit = "point",
                                             .units = (double)n,
                                             .seconds = ones_s,
                                             .threads = bench->threads,
                                             .limit_cycles = 150});
    return SLK_OK;
}
