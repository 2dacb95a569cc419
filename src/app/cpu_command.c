/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie cpu: what this processor has and which kernel does each job. */
#include "app/tool.h"

#include "base/cpu.h"

#include <stdlib.h>

static slk_err fill(slk_tool *tool)
{
    const uint64_t found = slk_cpu_features(NULL);
    json_t *features = json_array();
    const char *name;
    for (size_t i = 0; (name = slk_cpu_feature_name(i)) != NULL; i++)
        if (found >> i & 1)
            (void)json_array_append_new(features, json_string(name));
    slk_tool_json(tool, "features", features);
    const char *level = getenv("SELKIE_CPU");
    slk_tool_text(tool, "level", level && *level ? level : "native");
    slk_tool_number(tool, "threads", slk_pool_threads(tool->pool));
    json_t *kernels = json_object();
    const char *primitive, *kernel;
    for (size_t i = 0; slk_crypto_choice(tool->crypto, i, &primitive, &kernel); i++)
        (void)json_object_set_new(kernels, primitive, json_string(kernel));
    slk_tool_json(tool, "kernels", kernels);
    return SLK_OK;
}

static int run_cpu(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    slk_err code = slk_tool_init(&tool, command, options);
    if (code == SLK_OK)
        code = fill(&tool);
    return slk_tool_done(&tool, code, SLK_EXIT_DONE);
}

const slk_command slk_commands_cpu[] = {
    {.name = "cpu",
     .help = "Shows the processor's features and the kernel chosen for each primitive.",
     .example = "SELKIE_CPU=ref selkie cpu",
     .run = run_cpu},
    {0},
};
