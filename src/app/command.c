/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/command.h"

#include "app/typo.h"
#include "base/bytes.h"
#include "base/mem.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define HELP_BYTES_MAX (64u << 10)

/* Words of name that argv begins with, 0 unless all of them match. */
static size_t words_matched(const char *name, int argc, char *const *argv)
{
    size_t words = 0;
    while (*name) {
        const size_t len = strcspn(name, " ");
        if ((int)words >= argc || strlen(argv[words]) != len ||
            strncmp(argv[words], name, len) != 0)
            return 0;
        words++;
        name += len;
        name += *name == ' ';
    }
    return words;
}

const slk_command *slk_command_find(size_t *ret_words, const slk_command *const *tables, int argc,
                                    char *const *argv)
{
    const slk_command *best = NULL;
    size_t best_words = 0;
    for (; *tables; tables++) {
        for (const slk_command *row = *tables; row->name; row++) {
            const size_t words = words_matched(row->name, argc, argv);
            if (words > best_words) {
                best = row;
                best_words = words;
            }
        }
    }
    if (best)
        *ret_words = best_words;
    return best;
}

/* Whether a list of the group, NULL: of all, has the command. */
static bool in_group(const char *name, const char *group)
{
    const size_t n = group ? strlen(group) : 0;
    if (strncmp(name, "__", 2) == 0)
        return false;
    return !group || (strncmp(name, group, n) == 0 && name[n] == ' ');
}

const char *slk_command_nearest(const slk_command *const *tables, int argc, char *const *argv)
{
    const char *best = NULL;
    unsigned best_distance = UINT_MAX;
    char typed[64];
    for (; *tables; tables++) {
        for (const slk_command *row = *tables; row->name; row++) {
            const bool two = strchr(row->name, ' ') && argc > 1 && argv[1][0] != '-';
            (void)snprintf(typed, sizeof typed, "%s%s%s", argv[0], two ? " " : "",
                           two ? argv[1] : "");
            const unsigned distance = slk_typo_distance(typed, row->name);
            if (in_group(row->name, NULL) && distance < best_distance &&
                slk_typo_near(typed, row->name)) {
                best = row->name;
                best_distance = distance;
            }
        }
    }
    return best;
}

slk_err slk_command_overview(slk_buf *out, const slk_command *const *tables, const char *group)
{
    for (; *tables; tables++)
        for (const slk_command *row = *tables; row->name; row++)
            if (in_group(row->name, group))
                SLK_TRY(slk_buf_printf(out, "  %-25s %s\n", row->name, row->help));
    return SLK_OK;
}

slk_err slk_command_help(slk_buf *out, const slk_command *command)
{
    SLK_TRY(slk_buf_printf(out, "usage: selkie %s%s%s [options]\n\n", command->name,
                           command->args ? " " : "", command->args ? command->args : ""));
    SLK_TRY(slk_help_text(out, command->help, 0));
    SLK_TRY(slk_buf_byte(out, '\n'));
    SLK_TRY(slk_options_help(out, command->options));
    if (command->example)
        SLK_TRY(slk_buf_printf(out, "\nexample:\n  %s\n", command->example));
    return SLK_OK;
}

static int print_help(const slk_command *command)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, HELP_BYTES_MAX);
    if (slk_command_help(&text, command) != SLK_OK)
        return SLK_EXIT_FAILED;
    (void)fputs(slk_buf_str(&text), stdout);
    return SLK_EXIT_DONE;
}

int slk_command_fail(const slk_command *command, const slk_options *options, slk_err code,
                     const slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *clean = slk_text_printable(slk_error_text(error, code));
    char plain[sizeof error->message]; /* without the memory for that, quotation marks are lost */
    (void)snprintf(plain, sizeof plain, "%s", slk_error_text(error, code));
    slk_text_quotable(plain);
    const char *text = clean ? clean : plain;
    const char *advice = code == SLK_E_NOSPACE ? "; free some and run the same command again" : "";
    (void)fprintf(stderr, "selkie %s: %s%s\n", command->name, text, advice);
    if (!options->json)
        return SLK_EXIT_FAILED;
    json_t *root = json_pack("{s:{s:s,s:s}}", "error", "code", slk_err_name(code), "message", text);
    if (root) {
        (void)json_dumpf(root, stdout, JSON_COMPACT);
        (void)fputc('\n', stdout);
    }
    json_decref(root);
    return SLK_EXIT_FAILED;
}

int slk_command_run(const slk_command *command, int argc, char *const *argv)
{
    slk_options options = {0};
    slk_error error = {0};
    const slk_err code = slk_options_parse(&options, command->options, command->args_min,
                                           command->args_max, argc, argv, &error);
    if (code != SLK_OK) {
        for (int i = 0; i < argc; i++)
            options.json = options.json || strcmp(argv[i], "--json") == 0;
        (void)slk_command_fail(command, &options, code, &error);
        return SLK_EXIT_USAGE;
    }
    if (options.help)
        return print_help(command);
    const int status = command->run(command, &options);
    if (fflush(stdout) != 0 && status == SLK_EXIT_DONE) {
        (void)fprintf(stderr, "selkie %s: cannot write the answer to standard output\n",
                      command->name);
        return SLK_EXIT_FAILED;
    }
    return status;
}
