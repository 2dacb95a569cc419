/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/complete.h"

#include "base/mem.h"

#include <string.h>

/* Values that are always the same, of options and of arguments by their command. */
static const struct {
    const char *command; /* NULL: the option of every command */
    const char *option; /* NULL: an argument */
    const char *words; /* separated by spaces */
} fixed[] = {
    {"run", "role", "provider client both"},
    {NULL, "level", "debug info warn error"},
    {"auth create-token", "perm", "read write admin sign worker"},
    {"auth api-info", "perm", "worker read write sign admin"},
    {NULL, "seal-proof", "5 6 7 8 9"},
    {NULL, "sector-size", "2KiB 8MiB 512MiB 32GiB 64GiB"},
    {"log set-level", NULL, "debug info warn error"},
    {"completion", NULL, "bash zsh fish"},
    {"worker tasks enable", NULL, "UNS C2 PC2 PC1 AP DC"},
    {"worker tasks disable", NULL, "UNS C2 PC2 PC1 AP DC"},
    {"sector retry", "from", "order fetch verify seed c1 porep"},
};

/* Options and arguments whose values are names of the repository. */
static const struct {
    const char *command; /* beginning of the command's name, "" any */
    const char *word; /* the option, or what the usage calls the argument */
    slk_complete_kind kind;
} named[] = {
    {"partner add", "NAME", SLK_COMPLETE_NOTHING}, /* a new one */
    {"partner ", "NAME", SLK_COMPLETE_PARTNER},
    {"provider add", "CONNECT", SLK_COMPLETE_NOTHING},
    {"provider ", "ID", SLK_COMPLETE_PROVIDER},
    {"provider ", "NAME", SLK_COMPLETE_PROVIDER},
    {"provider ", "PROVIDER", SLK_COMPLETE_PROVIDER},
    {"", "SECTOR", SLK_COMPLETE_SECTOR},
    {"", "sector", SLK_COMPLETE_SECTOR},
    {"", "miner", SLK_COMPLETE_MINER},
    {"miner ", "MINER", SLK_COMPLETE_MINER},
    {"", "partner", SLK_COMPLETE_PARTNER},
    {"worker ", "SESSION", SLK_COMPLETE_WORKER},
    {"sealing abort", "ID", SLK_COMPLETE_CALL},
};

/* The line so far. */
struct line {
    slk_buf *out;
    const slk_command *const *tables;
    int argc; /* words before the last */
    char *const *words;
    const char *last;
    const slk_command *command; /* NULL: not whole yet */
    const char *repo;
    slk_complete_names *names;
    void *context;
};

slk_err slk_complete_line(slk_buf *out, const char *word, const char *text, const char *begin)
{
    if (strncmp(word, begin, strlen(begin)) != 0)
        return SLK_OK;
    return slk_buf_printf(out, "%s\t%s\n", word, text);
}

/* ---- commands ---- */

/* The word of name that follows the words typed; NULL when they are not its beginning. */
static const char *next_word(const char *name, int argc, char *const *words)
{
    for (int i = 0; i < argc; i++) {
        const size_t n = strcspn(name, " ");
        if (strlen(words[i]) != n || strncmp(words[i], name, n) != 0 || name[n] == 0)
            return NULL;
        name += n + 1;
    }
    return name;
}

/* Whether the word was offered already, by an earlier command of its group. */
static bool is_offered(const slk_buf *out, const char *word)
{
    SLK_CLEANUP(slk_freep) char *line = slk_strf("\n%s\t", word);
    const char *all = slk_buf_str(out);
    return line && (strstr(all, line) || strncmp(all, line + 1, strlen(line) - 1) == 0);
}

static slk_err add_commands(const struct line *line)
{
    for (const slk_command *const *table = line->tables; *table; table++) {
        for (const slk_command *row = *table; row->name; row++) {
            const char *next = next_word(row->name, line->argc, line->words);
            if (!next || strncmp(row->name, "__", 2) == 0)
                continue;
            const size_t n = strcspn(next, " ");
            SLK_CLEANUP(slk_freep) char *word = slk_strf("%.*s", (int)n, next);
            if (!word)
                return SLK_E_NOMEM;
            if (!is_offered(line->out, word))
                SLK_TRY(slk_complete_line(line->out, word, next[n] ? "commands" : row->help,
                                          line->last));
        }
    }
    if (line->argc == 0)
        return slk_complete_line(line->out, "help", "List the commands, or explain one.",
                                 line->last);
    return SLK_OK;
}

/* ---- values ---- */

static slk_err add_words(const struct line *line, const char *words, const char *text)
{
    while (*words) {
        const size_t n = strcspn(words, " ");
        SLK_CLEANUP(slk_freep) char *word = slk_strf("%.*s", (int)n, words);
        if (!word)
            return SLK_E_NOMEM;
        SLK_TRY(slk_complete_line(line->out, word, text, line->last));
        words += n + strspn(words + n, " ");
    }
    return SLK_OK;
}

static slk_err add_names(const struct line *line, const char *word)
{
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        if (strncmp(line->command->name, named[i].command, strlen(named[i].command)) != 0 ||
            strcmp(word, named[i].word) != 0)
            continue;
        if (named[i].kind == SLK_COMPLETE_NOTHING)
            return SLK_OK;
        return line->names(line->context, line->out, named[i].kind, line->repo, line->last);
    }
    return SLK_OK;
}

/* The values of an option, NULL: of an argument. */
static slk_err add_values(const struct line *line, const char *option)
{
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        if (fixed[i].command && strcmp(fixed[i].command, line->command->name) != 0)
            continue;
        if (option ? fixed[i].option && strcmp(option, fixed[i].option) == 0
                   : !fixed[i].option && fixed[i].command)
            return add_words(line, fixed[i].words, option ? option : line->command->args);
    }
    if (option)
        return add_names(line, option);
    return line->command->args ? add_names(line, line->command->args) : SLK_OK;
}

/* ---- options ---- */

static const slk_option *find_option(const slk_command *command, const char *name)
{
    for (const slk_option *row = command->options; row && row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

static bool is_given(const struct line *line, const char *dashed)
{
    const size_t n = strlen(dashed);
    for (int i = 0; i < line->argc; i++)
        if (strncmp(line->words[i], dashed, n) == 0 &&
            (line->words[i][n] == 0 || line->words[i][n] == '='))
            return true;
    return false;
}

static slk_err add_option(const struct line *line, const char *name, const char *help)
{
    SLK_CLEANUP(slk_freep) char *dashed = slk_strf("--%s", name);
    if (!dashed)
        return SLK_E_NOMEM;
    return !help || is_given(line, dashed) ? SLK_OK
                                           : slk_complete_line(line->out, dashed, help, line->last);
}

static slk_err add_options(const struct line *line)
{
    for (const slk_option *row = line->command->options; row && row->name; row++)
        SLK_TRY(add_option(line, row->name, row->help));
    SLK_TRY(add_option(line, "json", "answer as JSON on standard output"));
    return add_option(line, "help", "show this text");
}

/* The option whose value the last word is: the word before it, or the one before a "=". */
static const slk_option *option_before(const struct line *line)
{
    int at = line->argc - 1;
    if (at > 0 && strcmp(line->words[at], "=") == 0)
        at--;
    if (at < 0 || strncmp(line->words[at], "--", 2) != 0)
        return NULL;
    const slk_option *row = find_option(line->command, line->words[at] + 2);
    return row && row->type != SLK_OPTION_FLAG ? row : NULL;
}

/* --repo DIR as far as it is typed. */
static const char *repo_of(int argc, char *const *words)
{
    for (int i = 0; i + 1 < argc; i++) {
        const bool split = strcmp(words[i + 1], "=") == 0;
        if (strcmp(words[i], "--repo") == 0 && (!split || i + 2 < argc))
            return words[i + (split ? 2 : 1)];
    }
    return NULL;
}

slk_err slk_complete(slk_buf *out, const slk_command *const *tables, int argc, char *const *words,
                     slk_complete_names *names, void *context)
{
    size_t taken = 0;
    char nothing[] = "";
    char *const none[] = {nothing};
    if (argc == 0) {
        argc = 1;
        words = none;
    }
    struct line line = {.out = out,
                        .tables = tables,
                        .argc = argc - 1,
                        .words = words,
                        .last = words[argc - 1],
                        .repo = repo_of(argc - 1, words),
                        .names = names,
                        .context = context};
    if (line.last[0] == '=' && line.last[1] == 0)
        line.last = nothing;
    if (line.argc > 0 && strcmp(words[0], "help") == 0) {
        line.words++;
        line.argc--;
        return add_commands(&line);
    }
    line.command = slk_command_find(&taken, tables, line.argc, words);
    if (!line.command)
        return add_commands(&line);
    const slk_option *option = option_before(&line);
    if (option)
        return add_values(&line, option->name);
    if (*line.last == '-')
        return add_options(&line);
    if ((size_t)line.argc == taken) /* perhaps a longer command: log, log list */
        SLK_TRY(add_commands(&line));
    return add_values(&line, NULL);
}
