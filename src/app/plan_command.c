/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie plan: what this machine can seal, and what it should be told to do. */
#include "app/plan_measure.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "codec/json.h"
#include "proofs/groth16/prove.h"
#include "proofs/params/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GB 1e9

static void add(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static json_t *machine_json(const slk_plan_measures *m)
{
    const slk_plan_machine *a = &m->machine;
    json_t *json = json_object();
    add(json, "cores", json_integer(a->cores));
    add(json, "packages", json_integer(m->packages));
    add(json, "l3_groups", json_integer(m->l3_groups));
    add(json, "memory_bytes", json_integer((json_int_t)a->memory_bytes));
    add(json, "huge_pages_bytes", json_integer((json_int_t)m->huge_pages_bytes));
    add(json, "transparent_huge_pages", json_boolean(m->transparent_huge_pages));
    add(json, "memory_copy_bytes_per_second", json_real(m->copy_bps));
    add(json, "disk_free_bytes", json_integer((json_int_t)m->disk_free_bytes));
    add(json, "disk_write_bytes_per_second", json_real(a->disk_write_bps));
    add(json, "disk_read_bytes_per_second", json_real(a->disk_read_bps));
    add(json, "disk_random_reads_per_second", json_real(a->disk_iops));
    json_t *batch = json_object();
    for (unsigned i = 0; i < a->n_kernels; i++) {
        char lanes[16];
        (void)snprintf(lanes, sizeof lanes, "%u", a->kernel[i].lanes);
        const json_t *before = json_object_get(batch, lanes);
        if (!before || json_real_value(before) > a->kernel[i].ns)
            add(batch, lanes, json_real(a->kernel[i].ns));
    }
    add(json, "label_one_ns", json_real(a->label_one_ns));
    add(json, "label_batch_ns", batch);
    add(json, "pair_ns", json_real(a->pair_ns));
    add(json, "column_ns", json_real(a->column_ns));
    add(json, "node_ns", json_real(a->node_ns));
    add(json, "butterfly_ns", json_real(a->butterfly_ns));
    add(json, "scalar_point_ns", json_real(a->scalar_point_ns));
    add(json, "one_point_ns", json_real(a->one_point_ns));
    return json;
}

static json_t *stage_json(const slk_plan_stage *s)
{
    return json_pack("{s:s,s:f,s:f,s:I,s:I,s:I,s:I,s:f,s:f,s:s}", "stage", s->name, "core_seconds",
                     s->core_seconds, "seconds", s->seconds, "memory_bytes",
                     (json_int_t)s->memory_bytes, "disk_bytes", (json_int_t)s->disk_bytes,
                     "read_bytes", (json_int_t)s->read_bytes, "write_bytes",
                     (json_int_t)s->write_bytes, "random_reads", s->random_reads, "sectors_a_day",
                     s->sectors_a_day, "bound_by", slk_plan_bound_name(s->bound));
}

static json_t *mode_json(const slk_plan *p)
{
    json_t *stages = json_array();
    for (size_t i = 0; i < SLK_PLAN_STAGES; i++)
        (void)json_array_append_new(stages, stage_json(&p->stage[i]));
    return json_pack("{s:f,s:s,s:f,s:I,s:I,s:f,s:I,s:I,s:b,s:o}", "sectors_a_day", p->sectors_a_day,
                     "bound_by", slk_plan_bound_name(p->bound), "core_seconds", p->core_seconds,
                     "disk_bytes", (json_int_t)p->disk_bytes, "network_bytes",
                     (json_int_t)p->network_bytes, "network_bits_per_second", p->network_bps,
                     "sectors_at_once", (json_int_t)p->lanes * p->groups, "label_groups",
                     (json_int_t)p->groups, "labels_in_memory", p->labels_in_memory, "stages",
                     stages);
}

static void print_mode(const slk_sector_shape *shape, const char *mode, const slk_plan *p)
{
    (void)printf("\n%s, %s: %.3g sectors a day, bound by %s; %.0f GB of disk and %.1f core-hours a "
                 "sector, %.3g Mbit/s to the customers\n",
                 shape->name, mode, p->sectors_a_day, slk_plan_bound_name(p->bound),
                 (double)p->disk_bytes / GB, p->core_seconds / 3600, p->network_bps / 1e6);
    (void)printf("  %-20s %12s %12s %10s %10s %10s %10s  %s\n", "stage", "core-s", "alone, s",
                 "memory GB", "read GB", "write GB", "a day", "bound by");
    for (size_t i = 0; i < SLK_PLAN_STAGES; i++) {
        const slk_plan_stage *s = &p->stage[i];
        (void)printf("  %-20s %12.1f %12.1f %10.2f %10.1f %10.1f %10.3g  %s\n", s->name,
                     s->core_seconds, s->seconds, (double)s->memory_bytes / GB,
                     (double)s->read_bytes / GB, (double)s->write_bytes / GB, s->sectors_a_day,
                     slk_plan_bound_name(s->bound));
    }
}

static json_t *sentence(const char *format, double a, double b)
{
    char text[200];
/* The formats are the literals below. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(text, sizeof text, format, a, b);
#pragma GCC diagnostic pop
    return json_string(text);
}

/* What to do, and what would help. */
static json_t *advice_json(const slk_plan_measures *m, const slk_plan *one, const slk_plan *batch)
{
    json_t *advice = json_array();
    const bool use_batch = batch->sectors_a_day > one->sectors_a_day;
    const slk_plan *best = use_batch ? batch : one;
    if (use_batch)
        (void)json_array_append_new(
            advice, sentence("label in batches: selkie proof pc1 --batch with %.0f sectors in %.0f "
                             "groups",
                             (double)batch->lanes * batch->groups, batch->groups));
    else
        (void)json_array_append_new(
            advice,
            sentence("label one sector per core, %.0f at once (a batch would give %.3g a day)",
                     (double)one->groups, batch->sectors_a_day));
    if (!batch->labels_in_memory)
        (void)json_array_append_new(
            advice,
            sentence("memory of %.0f GB would hold the labels of one batch of %.0f sectors; "
                     "without it they live on the disk",
                     (double)batch->group_bytes / 0.9 / GB, batch->lanes));
    else if (best->bound == SLK_PLAN_MEMORY)
        (void)json_array_append_new(
            advice,
            sentence("each further %.0f GB of memory lets one more core label (%.0f do now)",
                     (double)batch->group_bytes / 0.9 / GB, best->groups));
    if (!m->transparent_huge_pages && m->huge_pages_bytes == 0)
        (void)json_array_append_new(
            advice, json_string("no huge pages: with them random reads of labels take about half "
                                "the time (40 against 100 ns where it was measured)"));
    if (best->bound == SLK_PLAN_DISK_IOPS || best->bound == SLK_PLAN_DISK_READ ||
        best->bound == SLK_PLAN_DISK_WRITE)
        (void)json_array_append_new(
            advice, sentence("the disk is the limit (%.3g random reads, %.3g GB/s written): more "
                             "NVMe drives raise it, one folder each in --labels",
                             m->machine.disk_iops, m->machine.disk_write_bps / GB));
    if ((double)m->disk_free_bytes < (double)best->disk_bytes)
        (void)json_array_append_new(
            advice, sentence("%.0f GB are free in that folder, one sector needs %.0f GB",
                             (double)m->disk_free_bytes / GB, (double)best->disk_bytes / GB));
    return advice;
}

static uint64_t parameter_bytes(const slk_tool *tool, const slk_sector_shape *shape)
{
    slk_params_status status;
    for (size_t i = 0; slk_params_status_at(&status, tool->crypto, "/", i); i++)
        if (status.shape == shape)
            return status.expected_bytes;
    return 0;
}

static slk_err plan_size(slk_tool *tool, slk_plan_measures *m, const slk_sector_shape *shape,
                         json_t *sizes)
{
    slk_plan one, batch;
    slk_groth16_memory memory;
    SLK_TRY(slk_groth16_memory_of(&memory, tool->crypto, shape, shape->partitions, m->machine.cores,
                                  &tool->error));
    m->machine.snark_memory_bytes = memory.peak;
    m->machine.parameters_bytes = parameter_bytes(tool, shape);
    slk_plan_make(&one, shape, &m->machine, false);
    slk_plan_make(&batch, shape, &m->machine, true);
    json_t *advice = advice_json(m, &one, &batch);
    if (!tool->options->json) {
        size_t i;
        const json_t *line;
        print_mode(shape, "one sector at a time per core", &one);
        print_mode(shape, "in batches", &batch);
        json_array_foreach(advice, i, line)
        {
            (void)printf("  - %s\n", json_string_value(line));
        }
    }
    (void)json_array_append_new(sizes, json_pack("{s:s,s:o,s:o,s:o}", "sector_size", shape->name,
                                                 "single", mode_json(&one), "batch",
                                                 mode_json(&batch), "advice", advice));
    return SLK_OK;
}

static slk_err make_folder(slk_bench *bench)
{
    uint8_t name[8];
    char hex[17];
    slk_rng_fill(name, sizeof name);
    slk_hex_encode(hex, name, sizeof name);
    bench->folder =
        slk_strf("%s/selkie-plan-%s", slk_options_text(bench->tool->options, "folder"), hex);
    if (!bench->folder)
        return slk_fail(&bench->tool->error, SLK_E_NOMEM, "out of memory");
    return slk_folder_make(bench->folder, 0700, &bench->tool->error);
}

static slk_err plan(slk_bench *bench)
{
    slk_tool *tool = bench->tool;
    const slk_options *o = tool->options;
    const slk_sector_shape *only = NULL;
    if (slk_options_has(o, "size")) {
        only = slk_sector_shape_of(slk_options_u64(o, "size"));
        if (!only || only->partitions != 10)
            return slk_tool_misuse(tool, slk_fail(&tool->error, SLK_E_INVAL,
                                                  "--size is 32GiB or 64GiB; smaller sectors are "
                                                  "for tests"));
    }
    slk_plan_measures m;
    SLK_TRY(make_folder(bench));
    SLK_TRY(slk_plan_measure(&m, bench, &tool->error));
    SLK_CLEANUP(slk_json_decrefp) json_t *sizes = json_array();
    SLK_CLEANUP(slk_json_decrefp) json_t *machine = machine_json(&m);
    if (!tool->options->json) {
        const char *key;
        json_t *value;
        json_object_foreach(machine, key, value)
        {
            char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(5));
            (void)printf("%-30s %s\n", key, text ? text : "?");
            free(text); /* allocated by jansson */
        }
    }
    static const char *const names[] = {"32GiB", "64GiB"};
    for (size_t i = 0; i < 2; i++) {
        const slk_sector_shape *shape = slk_sector_shape_parse(names[i]);
        if (!only || only == shape)
            SLK_TRY(plan_size(tool, &m, shape, sizes));
    }
    if (tool->options->json) {
        slk_tool_json(tool, "machine", json_incref(machine));
        slk_tool_json(tool, "sizes", json_incref(sizes));
    }
    return SLK_OK;
}

static int run_plan(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    slk_error ignored = {0};
    slk_bench bench = {.tool = &tool, .quiet = true};
    slk_err code = slk_tool_init(&tool, command, options);
    if (code == SLK_OK) {
        bench.rows = json_array();
        bench.threads = slk_pool_threads(tool.pool);
        code = plan(&bench);
    }
    if (bench.folder && slk_remove_tree(bench.folder, &ignored) != SLK_OK)
        (void)fprintf(stderr, "%s could not be removed: %s\n", bench.folder,
                      slk_error_text(&ignored, SLK_E_IO));
    slk_free(bench.folder);
    json_decref(bench.rows);
    return slk_tool_done(&tool, code, SLK_EXIT_DONE);
}

static const slk_option plan_options[] = {
    {.name = "size", .type = SLK_OPTION_SIZE, .help = "32GiB or 64GiB (default: both)"},
    {.name = "folder",
     .type = SLK_OPTION_TEXT,
     .value = "DIR",
     .fallback = "/var/tmp",
     .env = "TMPDIR",
     .help = "on the disk that will carry the sectors; 256 MiB are written there and removed"},
    {0},
};

const slk_command slk_commands_plan[] = {
    {.name = "plan",
     .help = "Measures this machine and says how many sectors a day it can seal, and how.",
     .example = "selkie plan --size 32GiB --folder /mnt/nvme0",
     .options = plan_options,
     .run = run_plan},
    {0},
};
