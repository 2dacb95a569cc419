/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie bench`: what its stages share. */
#ifndef SLK_APP_BENCH_H
#define SLK_APP_BENCH_H

#include "app/tool.h"
#include "proofs/vanilla/seal.h"

/* One run of the command. A stage measures, then reports one row or more. */
typedef struct slk_bench {
    slk_tool *tool;
    const slk_sector_shape *shape; /* --size */
    const char *params; /* --params, NULL when not given */
    char *folder; /* scratch; removed at the end */
    json_t *rows;
    bool quiet; /* rows are only collected */
    unsigned threads;
    unsigned batch; /* sectors labelled side by side; below 2 none */
    /* What the stages of one sector hand on to each other, and which are done. */
    slk_seal_env env;
    slk_sector_identity sector;
    char *unsealed, *sealed, *cache, *proof_params;
    bool has_pc1, has_pc2, has_c1, has_c2;
    slk_pc1_result pc1;
    slk_pc2_result pc2;
    uint8_t seed[32];
    slk_c1 c1;
    uint8_t proof[192 * 16];
} slk_bench;

/* What was measured: `units` of work in `seconds` on `threads` cores. limit_cycles: what performance.md
 * has as the least cycles of one core per unit on this class of machine; 0 none. digest: of the results,
 * to be compared with another program's; NULL none. */
typedef struct slk_bench_row {
    const char *stage, *work, *unit;
    double units, seconds;
    unsigned threads;
    double limit_cycles;
    const uint8_t *digest;
} slk_bench_row;

/* Adds a row, and prints it at once when the answer is not JSON: rate, cycles of one core per unit,
 * percent of the limit, anonymous memory now. */
void slk_bench_report(slk_bench *bench, const slk_bench_row *row);

/* Nanoseconds of one core per unit in the collected row of that stage and work; 0 when there is none. */
double slk_bench_core_ns(const slk_bench *bench, const char *stage, const char *work);

/* The stages. Each is called once, in the order of the table in bench_command.c. */
slk_err slk_bench_sha256(slk_bench *bench);
slk_err slk_bench_poseidon(slk_bench *bench);
slk_err slk_bench_ntt(slk_bench *bench);
slk_err slk_bench_msm(slk_bench *bench);
slk_err slk_bench_pc1(slk_bench *bench); /* also "tree-d" and "labels" */
/* Labels of bench->batch sectors over the data of pc1. */
slk_err slk_bench_pc1_batch(slk_bench *bench);
slk_err slk_bench_pc2(slk_bench *bench);
slk_err slk_bench_c1(slk_bench *bench);
slk_err slk_bench_check_replica(slk_bench *bench);
slk_err slk_bench_c2(slk_bench *bench);
slk_err slk_bench_verify(slk_bench *bench);
slk_err slk_bench_params(slk_bench *bench);
void slk_bench_sector_done(slk_bench *bench); /* frees what they handed on */

#endif
