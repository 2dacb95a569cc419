/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Labels of several sectors side by side, for `selkie bench pc1 --batch N`. */
#include "app/bench.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "proofs/vanilla/pc1_batch.h"

/* The sectors of a batch: the same data, other numbers and tickets, folders of their own. */
typedef struct batch {
    size_t n;
    slk_pc1_request *requests;
    slk_pc1_outcome *outcomes;
    char **paths; /* sealed and cache of each */
} batch;

static void batch_done(batch *b)
{
    for (size_t i = 0; b->paths && i < 2 * b->n; i++)
        slk_free(b->paths[i]);
    slk_free(b->paths);
    slk_free(b->requests);
    slk_free(b->outcomes);
}

static slk_err batch_init(batch *b, const slk_bench *bench, slk_error *error)
{
    b->requests = slk_calloc(b->n, sizeof *b->requests);
    b->outcomes = slk_calloc(b->n, sizeof *b->outcomes);
    b->paths = slk_calloc(2 * b->n, sizeof *b->paths);
    if (!b->requests || !b->outcomes || !b->paths)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    for (size_t i = 0; i < b->n; i++) {
        char **paths = b->paths + 2 * i;
        paths[0] = slk_strf("%s/batch-sealed-%zu", bench->folder, i);
        paths[1] = slk_strf("%s/batch-cache-%zu", bench->folder, i);
        if (!paths[0] || !paths[1])
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        b->requests[i] = (slk_pc1_request){.sector = bench->sector,
                                           .unsealed = bench->unsealed,
                                           .sealed = paths[0],
                                           .cache = paths[1]};
        b->requests[i].sector.number += 1 + i;
        slk_rng_fill(b->requests[i].sector.ticket, 32);
        b->requests[i].sector.ticket[31] &= 0x3f;
    }
    return SLK_OK;
}

static slk_err first_failure(const batch *b, slk_error *error)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->outcomes[i].code == SLK_OK)
            continue;
        *error = b->outcomes[i].error;
        return b->outcomes[i].code;
    }
    return SLK_OK;
}

/* They are of no further use and large. */
static slk_err remove_files(const batch *b, slk_error *error)
{
    for (size_t i = 0; i < 2 * b->n; i++)
        SLK_TRY(slk_remove_tree(b->paths[i], error));
    return SLK_OK;
}

slk_err slk_bench_pc1_batch(slk_bench *bench)
{
    slk_tool *tool = bench->tool;
    batch b = {.n = bench->batch};
    slk_pc1_batch_stats stats = {0};
    const slk_pc1_batch_options options = {.env = bench->env, .threads = bench->threads};
    slk_err code = batch_init(&b, bench, &tool->error);
    if (code == SLK_OK) {
        (void)slk_pc1_batch(b.outcomes, &stats, b.requests, b.n, &options);
        code = first_failure(&b, &tool->error);
        if (code == SLK_OK)
            code = remove_files(&b, &tool->error);
    }
    if (code == SLK_OK)
        slk_bench_report(bench, &(slk_bench_row){.stage = "pc1",
                                                 .work = "labels of a batch",
                                                 .unit = "node",
                                                 .units = (double)stats.labels,
                                                 .seconds = stats.cpu_seconds,
                                                 .threads = 1,
                                                 .limit_cycles = 870});
    batch_done(&b);
    return code;
}
