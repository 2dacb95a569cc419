/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie: picks the command and runs it. */
#include "app/commands.h"
#include "app/compute_serve.h"

#include "base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OVERVIEW_BYTES_MAX (64u << 10)

/* What most people need most of the time. */
static const char *const common[] = {"demo",         "init",  "run",   "partner add",
                                     "provider add", "order", "watch", "sector show"};

static int print_common(void)
{
    (void)fputs("selkie: Filecoin sectors sealed for other people\n\n"
                "usage: selkie <command> [options]\n\n",
                stderr);
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) {
        char name[32];
        char *words[2] = {name, NULL};
        (void)snprintf(name, sizeof name, "%s", common[i]);
        char *space = strchr(name, ' ');
        if (space)
            *space = 0;
        words[1] = space ? space + 1 : NULL;
        size_t n = 0;
        const slk_command *row = slk_command_find(&n, slk_command_tables, space ? 2 : 1, words);
        slk_assert(row);
        (void)fprintf(stderr, "  %-15s %s\n", row->name, row->help);
    }
    const char *repo = getenv("SELKIE_PATH");
    (void)fputs("\n`selkie help` lists every command, `selkie <command> --help` explains one.\n",
                stderr);
    if (repo && *repo)
        (void)fprintf(stderr, "next: selkie info   (the node in %s)\n", repo);
    else
        (void)fputs("next: selkie demo   (seals a sector on this machine)\n", stderr);
    return SLK_EXIT_USAGE;
}

/* All commands, or those of one group; SLK_EXIT_USAGE when the group has none. */
static int print_overview(const char *group)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, OVERVIEW_BYTES_MAX);
    if (slk_command_overview(&text, slk_command_tables, group) != SLK_OK)
        return SLK_EXIT_FAILED;
    if (text.len == 0)
        return SLK_EXIT_USAGE;
    (void)printf("selkie: Filecoin sectors sealed for other people\n\n"
                 "usage: selkie <command> [options]\n\n%s\n"
                 "`selkie <command> --help` explains one command.\n",
                 slk_buf_str(&text));
    return SLK_EXIT_DONE;
}

static int unknown(int argc, char *const *argv)
{
    const char *nearest = slk_command_nearest(slk_command_tables, argc, argv);
    (void)fprintf(stderr, "selkie: no command `%.40s%s%.40s`; ", argv[0], argc > 1 ? " " : "",
                  argc > 1 ? argv[1] : "");
    if (nearest)
        (void)fprintf(stderr, "did you mean `selkie %s`?\n", nearest);
    else
        (void)fprintf(stderr, "`selkie help` lists them\n");
    return SLK_EXIT_USAGE;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* `selkie help`, `selkie help partner`, `selkie help partner add`. */
static int help(int argc, char *const *argv)
{
    char option[] = "--help";
    char *asked[] = {option};
    size_t words = 0;
    if (argc == 0)
        return print_overview(NULL);
    const slk_command *command = slk_command_find(&words, slk_command_tables, argc, argv);
    if (command)
        return slk_command_run(command, 1, asked);
    return print_overview(argv[0]) == SLK_EXIT_DONE ? SLK_EXIT_DONE : unknown(argc, argv);
}

int main(int argc, char **argv)
{
    /* A peer or pipe that went away is an error code where it happens, not the end of us. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* likewise a file over the limit of `ulimit -f` */
    if (argc < 2)
        return print_common();
    if (argc == 3 && strcmp(argv[1], SLK_COMPUTE_WORD) == 0)
        slk_compute_main(argv[2]);
    if (is_help(argv[1]))
        return help(argc - 2, argv + 2);
    char version[] = "version";
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        argv[1] = version;
    size_t words = 0;
    const slk_command *command = slk_command_find(&words, slk_command_tables, argc - 1, argv + 1);
    if (command)
        return slk_command_run(command, argc - 1 - (int)words, argv + 1 + words);
    if (argc == 2 || is_help(argv[2])) /* the name of a group alone */
        if (print_overview(argv[1]) == SLK_EXIT_DONE)
            return SLK_EXIT_DONE;
    return unknown(argc - 1, argv + 1);
}
