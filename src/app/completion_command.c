/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie completion bash|zsh|fish`: a script for the shell, which asks `selkie __complete` what can
 * be typed next. */
#include "app/commands.h"
#include "app/complete.h"
#include "app/farm_ask.h"
#include "app/service.h"

#include "base/mem.h"
#include "codec/json.h"
#include "seal/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX_BYTES ((size_t)1 << 20)
#define SECTORS_OFFERED 200u /* the newest */
#define ASK_MS 2000 /* somebody waits at the keyboard */

static const struct {
    const char *shell, *script;
} scripts[] = {
    {"bash", "# selkie: for bash; in ~/.bashrc: source <(selkie completion bash)\n"
             "_selkie() {\n"
             "    local word text\n"
             "    COMPREPLY=()\n"
             "    while IFS=$'\\t' read -r word text; do\n"
             "        printf -v word %q \"$word\"\n" /* bash types it as it is */
             "        COMPREPLY+=(\"$word\")\n"
             "    done < <(\"${COMP_WORDS[0]}\" __complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
             "2>/dev/null)\n"
             "}\n"
             "complete -o bashdefault -o default -F _selkie selkie\n"},
    {"zsh", "#compdef selkie\n"
            "# selkie: for zsh; in ~/.zshrc, after compinit: source <(selkie completion zsh)\n"
            "_selkie() {\n"
            "    local -a offered\n"
            "    local word text\n"
            "    while IFS=$'\\t' read -r word text; do\n"
            "        offered+=(\"${word//:/\\\\:}:$text\")\n"
            "    done < <(\"${words[1]}\" __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
            "    if (( ${#offered} )); then _describe selkie offered; else _files; fi\n"
            "}\n"
            "if [[ $funcstack[1] == _selkie ]]; then _selkie \"$@\"; else compdef _selkie selkie; "
            "fi\n"},
    {"fish", "# selkie: for fish; in config.fish: selkie completion fish | source\n"
             "function __selkie_complete\n"
             "    set -l typed (commandline -opc)\n"
             "    $typed[1] __complete -- $typed[2..-1] (commandline -ct | string collect "
             "--allow-empty) 2>/dev/null\n"
             "end\n"
             "complete -c selkie -n 'test (count (__selkie_complete)) -gt 0' -f -a "
             "'(__selkie_complete)'\n"},
};

static int print_script(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        if (strcmp(options->args[0], scripts[i].shell) != 0)
            continue;
        if (options->json) {
            SLK_CLEANUP(slk_json_decrefp)
            json_t *answer = json_pack("{s:s}", "script", scripts[i].script);
            (void)json_dumpf(answer, stdout, JSON_COMPACT);
            (void)printf("\n");
        } else {
            (void)fputs(scripts[i].script, stdout);
        }
        return SLK_EXIT_DONE;
    }
    const slk_err code = slk_fail(&error, SLK_E_INVAL, "want bash, zsh or fish");
    return slk_command_fail(command, options, code, &error);
}

/* ---- names of a repository ---- */

static slk_err read_list(json_t **ret, slk_node *node, slk_complete_kind kind)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    switch (kind) {
    case SLK_COMPLETE_PARTNER:
        SLK_TRY(slk_view_partners(&text, node->seal, NULL));
        break;
    case SLK_COMPLETE_PROVIDER:
        SLK_TRY(slk_view_providers(&text, node->seal, NULL));
        break;
    case SLK_COMPLETE_MINER:
    case SLK_COMPLETE_SECTOR:
        SLK_TRY(slk_view_sectors(&text, node->seal, SECTORS_OFFERED, NULL));
        break;
    case SLK_COMPLETE_WORKER:
    case SLK_COMPLETE_CALL:
    case SLK_COMPLETE_NOTHING:
        return SLK_E_NOTFOUND;
    }
    return slk_service_json(ret, &text, NULL);
}

static slk_err print_name(slk_buf *out, slk_complete_kind kind, const json_t *row,
                          const char *begin)
{
    char word[64];
    const char *text = "";
    switch (kind) {
    case SLK_COMPLETE_PARTNER:
        return slk_complete_line(out, slk_service_text(row, "name"), "partner", begin);
    case SLK_COMPLETE_PROVIDER:
        (void)snprintf(word, sizeof word, "%" PRId64, slk_service_number(row, "id"));
        text = slk_service_text(row, "url");
        break;
    case SLK_COMPLETE_MINER:
        (void)snprintf(word, sizeof word, "f0%" PRId64, slk_service_number(row, "sp_id"));
        text = "miner";
        break;
    case SLK_COMPLETE_SECTOR:
        (void)snprintf(word, sizeof word, "f0%" PRId64 "/%" PRId64,
                       slk_service_number(row, "sp_id"), slk_service_number(row, "number"));
        text = slk_service_text(row, "state");
        break;
    case SLK_COMPLETE_WORKER:
        return slk_complete_line(out, slk_service_text(row, "Session"),
                                 slk_service_text(row, "Hostname"), begin);
    case SLK_COMPLETE_CALL:
        return slk_complete_line(out, slk_service_text(json_object_get(row, "ID"), "ID"),
                                 slk_service_text(row, "Hostname"), begin);
    case SLK_COMPLETE_NOTHING:
        return SLK_OK;
    }
    SLK_CLEANUP(slk_freep) char *line = slk_strf("%s\t", word);
    if (!line || strstr(slk_buf_str(out), line)) /* a miner, or a sector of both roles, once */
        return line ? SLK_OK : SLK_E_NOMEM;
    return slk_complete_line(out, word, text, begin);
}

/* Those of a running node. */
static slk_err farm_names(slk_buf *out, slk_complete_kind kind, const char *repo, const char *begin)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = NULL;
    const bool calls = kind == SLK_COMPLETE_CALL;
    const char *session;
    json_t *list;
    if (slk_farm_ask(&answer, repo, calls ? "Filecoin.WorkerJobs" : "Selkie.Workers", json_array(),
                     ASK_MS, NULL) != SLK_OK)
        return SLK_OK;
    for (size_t i = 0; !calls && i < json_array_size(answer); i++)
        SLK_TRY(print_name(out, kind, json_array_get(answer, i), begin));
    json_object_foreach(answer, session, list) for (size_t i = 0; i < json_array_size(list); i++)
        SLK_TRY(print_name(out, kind, json_array_get(list, i), begin));
    return SLK_OK;
}

/* Says nothing of what fails: there are no names to offer then. */
static slk_err names(void *context, slk_buf *out, slk_complete_kind kind, const char *repo,
                     const char *begin)
{
    (void)context;
    if ((kind == SLK_COMPLETE_WORKER || kind == SLK_COMPLETE_CALL) &&
        (repo || getenv("SELKIE_PATH")))
        return farm_names(out, kind, repo ? repo : getenv("SELKIE_PATH"), begin);
    SLK_CLEANUP(slk_node_closep) slk_node *node = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    const slk_node_options options = {
        .folder = repo ? repo : getenv("SELKIE_PATH"), .tool = true, .view = true};
    if (!options.folder || slk_node_open(&node, &options, NULL) != SLK_OK ||
        read_list(&list, node, kind) != SLK_OK)
        return SLK_OK;
    for (size_t i = 0; i < json_array_size(list); i++)
        SLK_TRY(print_name(out, kind, json_array_get(list, i), begin));
    return SLK_OK;
}

static int complete(const slk_command *command, const slk_options *options)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, TEXT_MAX_BYTES);
    char *words[SLK_OPTIONS_ARGS_MAX];
    SLK_CLEANUP(slk_freep) char *copy = NULL;
    size_t bytes = 1;
    for (size_t i = 0; i < options->n_args; i++)
        bytes += strlen(options->args[i]) + 1;
    copy = slk_calloc(bytes, 1);
    char *at = copy;
    for (size_t i = 0; copy && i < options->n_args; i++) {
        words[i] = at;
        at = stpcpy(at, options->args[i]) + 1;
    }
    if (!copy ||
        slk_complete(&text, slk_command_tables, (int)options->n_args, words, names, NULL) != SLK_OK)
        return slk_command_fail(command, options, SLK_E_NOMEM, NULL);
    (void)fputs(slk_buf_str(&text), stdout);
    return SLK_EXIT_DONE;
}

const slk_command slk_commands_completion[] = {
    {.name = "completion",
     .args = "SHELL",
     .args_min = 1,
     .args_max = 1,
     .help = "Print a script that completes command lines in bash, zsh or fish.",
     .example = "selkie completion bash",
     .run = print_script},
    {.name = "__complete",
     .args = "-- WORD…",
     .args_max = SLK_OPTIONS_ARGS_MAX,
     .help = "Print what could be typed in place of the last word.",
     .example = "selkie __complete -- partner rot",
     .run = complete},
    {.name = NULL},
};
