/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/tool.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

slk_err slk_tool_init(slk_tool *tool, const slk_command *command, const slk_options *options)
{
    *tool = (slk_tool){.command = command, .options = options};
    slk_job_init(&tool->job);
    tool->answer = json_object();
    if (!tool->answer)
        return slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_crypto_new(&tool->crypto, getenv("SELKIE_CPU"), &tool->error));
    /* First of all threads: the others inherit that SIGINT and SIGTERM are not for them. */
    SLK_TRY(slk_progress_start(&tool->progress, &tool->job, false, &tool->error));
    SLK_TRY(slk_pool_new(&tool->pool, 0, &tool->error));
    return slk_pinning_apply(&tool->pinning, tool->pool, getenv("SELKIE_PIN"), &tool->error);
}

slk_err slk_tool_misuse(slk_tool *tool, slk_err code)
{
    tool->misused = tool->misused || code == SLK_E_INVAL || code == SLK_E_LIMIT;
    return code;
}

void slk_tool_json(slk_tool *tool, const char *key, json_t *value)
{
    if (!value || json_object_set_new(tool->answer, key, value) != 0)
        tool->answer_lost = true;
}

void slk_tool_text(slk_tool *tool, const char *key, const char *value)
{
    SLK_CLEANUP(slk_freep) char *clean = slk_text_printable(value);
    slk_tool_json(tool, key, clean ? json_string(clean) : NULL);
}

void slk_tool_hex(slk_tool *tool, const char *key, const uint8_t *bytes, size_t n)
{
    char text[2 * 64 + 1];
    slk_assert(n <= 64);
    slk_hex_encode(text, bytes, n);
    slk_tool_text(tool, key, text);
}

void slk_tool_number(slk_tool *tool, const char *key, uint64_t value)
{
    slk_tool_json(tool, key, json_integer((json_int_t)value));
}

void slk_tool_bool(slk_tool *tool, const char *key, bool value)
{
    slk_tool_json(tool, key, json_boolean(value));
}

/* A number or text as it is; what is in a list or an object behind one another on the line. */
static void print_value(const json_t *value)
{
    const char *key;
    json_t *part;
    size_t i;
    if (json_is_string(value)) {
        (void)fputs(json_string_value(value), stdout);
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, part)
        {
            (void)fputs(i > 0 ? " " : "", stdout);
            print_value(part);
        }
    } else if (json_is_object(value)) {
        i = 0;
        json_object_foreach((json_t *)(uintptr_t)value, key, part)
        {
            (void)printf("%s%s ", i++ > 0 ? ", " : "", key);
            print_value(part);
        }
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        (void)fputs(text ? text : "?", stdout);
        free(text); /* allocated by jansson */
    }
}

/* One member a line; those of an object each on a line of its own, below its name. */
static void print_lines(const json_t *answer, int indent)
{
    const char *key;
    json_t *value;
    size_t widest = 0;
    json_object_foreach((json_t *)(uintptr_t)answer, key, value) widest =
        strlen(key) > widest ? strlen(key) : widest;
    json_object_foreach((json_t *)(uintptr_t)answer, key, value)
    {
        if (json_is_object(value) && indent == 0) {
            (void)printf("%s\n", key);
            print_lines(value, 2);
            continue;
        }
        (void)printf("%*s%-*s  ", indent, "", (int)widest, key);
        print_value(value);
        (void)fputc('\n', stdout);
    }
}

/* Where the time went, of commands that have more than one stage. */
static void add_stages(slk_tool *tool)
{
    const char *stage;
    double seconds;
    json_t *stages = json_object();
    for (size_t i = 0; slk_job_stage_seconds(&tool->job, i, &stage, &seconds); i++)
        (void)json_object_set_new(stages, stage, json_real(seconds));
    if (json_object_size(stages) > 0)
        slk_tool_json(tool, "stages", stages);
    else
        json_decref(stages);
}

int slk_tool_done(slk_tool *tool, slk_err code, int status_ok)
{
    const slk_progress_summary summary = slk_progress_stop(tool->progress);
    int status = status_ok;
    add_stages(tool);
    slk_tool_json(tool, "seconds", json_real(summary.seconds));
    slk_tool_number(tool, "peak_memory_bytes", summary.peak_anon_bytes);
    if (code == SLK_OK && tool->answer_lost)
        code = slk_fail(&tool->error, SLK_E_NOMEM, "out of memory");
    if (code == SLK_OK) {
        if (tool->options->json) {
            (void)json_dumpf(tool->answer, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
            (void)fputc('\n', stdout);
        } else {
            print_lines(tool->answer, 0);
        }
    } else {
        status = slk_command_fail(tool->command, tool->options, code, &tool->error);
        if (tool->misused)
            status = SLK_EXIT_USAGE;
    }
    json_decref(tool->answer);
    slk_pool_free(tool->pool);
    slk_crypto_free(tool->crypto);
    return status;
}
