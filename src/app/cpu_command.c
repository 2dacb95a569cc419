/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie cpu: what this processor has and which kernel does each job; selkie version. */
#include "app/tool.h"

#include "base/cpu.h"

#include <stdio.h>
#include <stdlib.h>

/* made by meson: SLK_REVISION, "" when the source is no git checkout */
#include <slk_revision.h>

/* Per primitive the eligible kernels with nanoseconds per unit, as measured now. */
static slk_err fill_speeds(slk_tool *tool)
{
    json_t *all = json_object();
    slk_kernel_report r;
    for (size_t p = 0; slk_crypto_report(tool->crypto, p, 0, &r); p++) {
        json_t *speeds = json_object();
        (void)json_object_set_new(speeds, "unit", json_string(r.unit));
        for (size_t k = 0; slk_crypto_report(tool->crypto, p, k, &r); k++)
            if (r.eligible)
                (void)json_object_set_new(speeds, r.kernel, json_real(r.ns_each));
        (void)json_object_set_new(all, r.primitive, speeds);
        SLK_TRY(slk_job_check(&tool->job, &tool->error));
    }
    slk_tool_json(tool, "ns_each", all);
    return SLK_OK;
}

static slk_err fill(slk_tool *tool)
{
    const uint64_t found = slk_cpu_features(NULL);
    json_t *features = json_array();
    const char *name;
    for (size_t i = 0; (name = slk_cpu_feature_name(i)) != NULL; i++)
        if (found >> i & 1)
            (void)json_array_append_new(features, json_string(name));
    slk_tool_json(tool, "features", features);
    const char *choice = getenv("SELKIE_CPU");
    slk_tool_text(tool, "choice", choice && *choice ? choice : "by speed");
    slk_tool_number(tool, "threads", slk_pool_threads(tool->pool));
    slk_tool_number(tool, "clock_hz", (uint64_t)slk_cpu_clock_hz());
    const slk_pinning *p = &tool->pinning;
    slk_tool_json(tool, "pinning",
                  json_pack("{s:i,s:i,s:i,s:i,s:i,s:i,s:s}", "packages", (int)p->packages,
                            "l3_groups", (int)p->l3_groups, "cores", (int)p->cores, "cpus",
                            (int)p->cpus, "helpers", (int)p->threads, "bound", (int)p->bound, "why",
                            p->why));
    json_t *kernels = json_object();
    const char *primitive, *kernel;
    for (size_t i = 0; slk_crypto_choice(tool->crypto, i, &primitive, &kernel); i++)
        (void)json_object_set_new(kernels, primitive, json_string(kernel));
    slk_tool_json(tool, "kernels", kernels);
    return fill_speeds(tool);
}

static int run_cpu(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    slk_err code = slk_tool_init(&tool, command, options);
    if (code == SLK_OK)
        code = fill(&tool);
    return slk_tool_done(&tool, code, SLK_EXIT_DONE);
}

/* "sha256=shani poseidon=…", one pair per primitive. */
static void print_version(const slk_crypto *crypto)
{
    const char *primitive, *kernel;
    (void)printf("selkie %s%s%s%s\nkernels", SLK_VERSION, *SLK_REVISION ? " (" : "", SLK_REVISION,
                 *SLK_REVISION ? ")" : "");
    for (size_t i = 0; slk_crypto_choice(crypto, i, &primitive, &kernel); i++)
        (void)printf(" %s=%s", primitive, kernel);
    (void)printf("\n");
}

static int print_version_json(const slk_crypto *crypto)
{
    json_t *kernels = json_object();
    const char *primitive, *kernel;
    for (size_t i = 0; slk_crypto_choice(crypto, i, &primitive, &kernel); i++)
        (void)json_object_set_new(kernels, primitive, json_string(kernel));
    json_t *answer = json_pack("{s:s,s:s,s:o}", "version", SLK_VERSION, "revision", SLK_REVISION,
                               "kernels", kernels);
    const int failed = json_dumpf(answer, stdout, JSON_COMPACT);
    (void)printf("\n");
    json_decref(answer);
    return failed ? SLK_EXIT_FAILED : SLK_EXIT_DONE;
}

static int run_version(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    slk_crypto *crypto = NULL;
    int status = SLK_EXIT_DONE;
    const slk_err code = slk_crypto_new(&crypto, getenv("SELKIE_CPU"), &error);
    if (code != SLK_OK)
        return slk_command_fail(command, options, code, &error);
    if (options->json)
        status = print_version_json(crypto);
    else
        print_version(crypto);
    slk_crypto_free(crypto);
    return status;
}

const slk_command slk_commands_cpu[] = {
    {.name = "version",
     .help = "Shows version, source revision and the kernels in use.",
     .example = "selkie version --json",
     .run = run_version},
    {.name = "cpu",
     .help =
         "Shows the processor's features, its kernels and their speed, and how threads are pinned.",
     .example = "SELKIE_CPU=avx2,sha256=plain selkie cpu",
     .run = run_cpu},
    {0},
};
