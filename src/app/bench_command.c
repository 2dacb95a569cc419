/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie bench: how fast each stage is on this machine. */
#include "app/bench.h"

#include "base/bytes.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "proofs/vanilla/pc1_batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In order of dependence: a stage that needs an earlier one's files runs it first, unreported rows of
 * its own included. */
static const struct stage {
    const char *name;
    slk_err (*run)(slk_bench *bench);
    bool by_default;
} stages[] = {
    {"sha256", slk_bench_sha256, true},  {"poseidon", slk_bench_poseidon, true},
    {"ntt", slk_bench_ntt, true},        {"msm", slk_bench_msm, true},
    {"pc1", slk_bench_pc1, true},        {"pc2", slk_bench_pc2, true},
    {"c1", slk_bench_c1, true},          {"check-replica", slk_bench_check_replica, true},
    {"c2", slk_bench_c2, false},         {"verify", slk_bench_verify, false},
    {"params", slk_bench_params, false},
};
#define STAGES (sizeof stages / sizeof *stages)

static void print_row(const json_t *row)
{
    const json_t *percent = json_object_get(row, "percent_of_limit");
    char share[16] = "-";
    if (percent)
        (void)snprintf(share, sizeof share, "%.0f%%", json_real_value(percent));
    (void)printf("%-14s %-22s %12.3f s %14.4g %s/s %12.0f cycles each %6s of the limit %8.1f MiB\n",
                 json_string_value(json_object_get(row, "stage")),
                 json_string_value(json_object_get(row, "work")),
                 json_real_value(json_object_get(row, "seconds")),
                 json_real_value(json_object_get(row, "per_second")),
                 json_string_value(json_object_get(row, "unit")),
                 json_real_value(json_object_get(row, "cycles_each")), share,
                 (double)json_integer_value(json_object_get(row, "memory_bytes")) / 0x1p20);
    (void)fflush(stdout);
}

void slk_bench_report(slk_bench *bench, const slk_bench_row *row)
{
    const double each = row->units > 0 ? row->seconds / row->units : 0;
    const double cycles = each * slk_cpu_clock_hz() * row->threads;
    json_t *json =
        json_pack("{s:s,s:s,s:s,s:f,s:f,s:f,s:f,s:i,s:I}", "stage", row->stage, "work", row->work,
                  "unit", row->unit, "units", row->units, "seconds", row->seconds, "per_second",
                  each > 0 ? 1 / each : 0.0, "cycles_each", cycles, "threads", (int)row->threads,
                  "memory_bytes", (json_int_t)slk_mem_usage_now().rss_anon_bytes);
    if (row->limit_cycles > 0 && cycles > 0)
        (void)json_object_set_new(json, "percent_of_limit",
                                  json_real(100 * row->limit_cycles / cycles));
    if (row->digest) {
        char text[65];
        slk_hex_encode(text, row->digest, 32);
        (void)json_object_set_new(json, "digest", json_string(text));
    }
    if (!bench->tool->options->json && !bench->quiet)
        print_row(json);
    if (!json || json_array_append_new(bench->rows, json) != 0)
        bench->tool->answer_lost = true;
}

double slk_bench_core_ns(const slk_bench *bench, const char *stage, const char *work)
{
    size_t i;
    const json_t *row;
    json_array_foreach(bench->rows, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "stage")), stage) != 0 ||
            strcmp(json_string_value(json_object_get(row, "work")), work) != 0)
            continue;
        const double rate = json_real_value(json_object_get(row, "per_second"));
        const double threads = (double)json_integer_value(json_object_get(row, "threads"));
        return rate > 0 ? 1e9 * threads / rate : 0;
    }
    return 0;
}

static slk_err wanted(bool ret_wanted[STAGES], slk_tool *tool)
{
    const slk_options *o = tool->options;
    for (size_t i = 0; i < STAGES; i++)
        ret_wanted[i] = o->n_args == 0 && stages[i].by_default;
    for (size_t a = 0; a < o->n_args; a++) {
        size_t i = 0;
        while (i < STAGES && strcmp(stages[i].name, o->args[a]) != 0)
            i++;
        if (i == STAGES)
            return slk_fail(&tool->error, SLK_E_INVAL,
                            "no stage is called \"%.32s\": sha256, poseidon, ntt, msm, pc1, pc2, "
                            "c1, check-replica, c2, verify, params",
                            o->args[a]);
        ret_wanted[i] = true;
    }
    return SLK_OK;
}

static slk_err use_threads(slk_bench *bench)
{
    slk_tool *tool = bench->tool;
    const uint64_t n = slk_options_u64(tool->options, "threads");
    if (n > 4096)
        return slk_tool_misuse(tool,
                               slk_fail(&tool->error, SLK_E_INVAL, "--threads is at most 4096"));
    if (n > 0) {
        slk_pool_free(tool->pool);
        tool->pool = NULL;
        SLK_TRY(slk_pool_new(&tool->pool, (unsigned)n, &tool->error));
        SLK_TRY(slk_pinning_apply(&tool->pinning, tool->pool, getenv("SELKIE_PIN"), &tool->error));
    }
    bench->threads = slk_pool_threads(tool->pool);
    return SLK_OK;
}

static slk_err prepare(slk_bench *bench)
{
    slk_tool *tool = bench->tool;
    const slk_options *o = tool->options;
    uint8_t name[8];
    char hex[17];
    SLK_TRY(use_threads(bench));
    bench->shape = slk_sector_shape_of(slk_options_u64(o, "size"));
    if (!bench->shape)
        return slk_tool_misuse(tool, slk_fail(&tool->error, SLK_E_INVAL,
                                              "--size: 2KiB, 4KiB, 16KiB, 32KiB, 8MiB, 16MiB, "
                                              "512MiB, 1GiB, 32GiB or 64GiB"));
    const uint64_t batch = slk_options_u64(o, "batch");
    if (batch > SLK_PC1_BATCH_MAX)
        return slk_tool_misuse(
            tool, slk_fail(&tool->error, SLK_E_INVAL, "--batch is at most %u", SLK_PC1_BATCH_MAX));
    bench->batch = (unsigned)batch;
    bench->params = slk_options_text(o, "params");
    slk_rng_fill(name, sizeof name);
    slk_hex_encode(hex, name, sizeof name);
    bench->folder = slk_strf("%s/selkie-bench-%s", slk_options_text(o, "folder"), hex);
    if (!bench->folder)
        return slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    return slk_folder_make(bench->folder, 0700, &tool->error);
}

static slk_err run_stages(slk_bench *bench)
{
    bool want[STAGES];
    SLK_TRY(slk_tool_misuse(bench->tool, wanted(want, bench->tool)));
    SLK_TRY(prepare(bench));
    for (size_t i = 0; i < STAGES; i++) {
        SLK_TRY(slk_job_check(&bench->tool->job, &bench->tool->error));
        if (want[i])
            SLK_TRY(stages[i].run(bench));
    }
    return SLK_OK;
}

static int run_bench(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    slk_error ignored = {0};
    slk_bench bench = {.tool = &tool};
    slk_err code = slk_tool_init(&tool, command, options);
    if (code == SLK_OK) {
        bench.rows = json_array();
        code = run_stages(&bench);
    }
    slk_bench_sector_done(&bench);
    if (bench.folder && slk_remove_tree(bench.folder, &ignored) != SLK_OK)
        (void)fprintf(stderr, "%s could not be removed: %s\n", bench.folder,
                      slk_error_text(&ignored, SLK_E_IO));
    slk_free(bench.folder);
    if (options->json && code == SLK_OK)
        slk_tool_json(&tool, "rows", bench.rows);
    else
        json_decref(bench.rows);
    return slk_tool_done(&tool, code, SLK_EXIT_DONE);
}

static const slk_option bench_options[] = {
    {.name = "size",
     .type = SLK_OPTION_SIZE,
     .fallback = "8MiB",
     .help = "of the sector that pc1 to c2 seal"},
    {.name = "threads", .type = SLK_OPTION_U64, .fallback = "0", .help = "0: all processors"},
    {.name = "batch",
     .type = SLK_OPTION_U64,
     .fallback = "1",
     .help = "with pc1: also labels of that many sectors side by side"},
    {.name = "folder",
     .type = SLK_OPTION_TEXT,
     .value = "DIR",
     .fallback = "/var/tmp",
     .env = "TMPDIR",
     .help = "where scratch files go: 4 to 15 times the sector, removed at the end"},
    {.name = "params",
     .type = SLK_OPTION_TEXT,
     .value = "DIR",
     .env = "FIL_PROOFS_PARAMETER_CACHE",
     .help = "parameters for c2 and verify; without it they are made first"},
    {0},
};

const slk_command slk_commands_bench[] = {
    {.name = "bench",
     .args = "[STAGE…]",
     .args_max = SLK_OPTIONS_ARGS_MAX,
     .help =
         "Measures sha256, poseidon, ntt, msm, pc1, pc2, c1, check-replica, c2, verify, params.",
     .example = "selkie bench pc1 pc2 --size 512MiB",
     .options = bench_options,
     .run = run_bench},
    {0},
};
