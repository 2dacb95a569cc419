/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie: picks the command and runs it. */
#include "app/command.h"
#include "app/service.h"
#include "app/tool.h"

#include "base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define OVERVIEW_BYTES_MAX (64u << 10)

static const slk_command *const tables[] = {
    slk_commands_demo,     slk_commands_run,
    slk_commands_provider, slk_commands_client,
    slk_commands_sectors,  slk_commands_devnet,
    slk_commands_proof,    slk_commands_params,
    slk_commands_cpu,      NULL,
};

static int print_overview(FILE *to, int status)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, OVERVIEW_BYTES_MAX);
    if (slk_command_overview(&text, tables) != SLK_OK)
        return SLK_EXIT_FAILED;
    (void)fprintf(to,
                  "selkie: Filecoin sectors sealed for other people\n\n"
                  "usage: selkie <command> [options]\n\n%s\n"
                  "`selkie <command> --help` explains one command.\n",
                  slk_buf_str(&text));
    return status;
}

int main(int argc, char **argv)
{
    /* A peer or pipe that went away is an error code where it happens, not the end of us. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* likewise a file over the limit of `ulimit -f` */
    if (argc < 2)
        return print_overview(stderr, SLK_EXIT_USAGE);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return print_overview(stdout, SLK_EXIT_DONE);
    size_t words = 0;
    const slk_command *command = slk_command_find(&words, tables, argc - 1, argv + 1);
    if (!command) {
        (void)fprintf(stderr, "selkie: no command `%.40s%s%.40s`; `selkie help` lists them\n",
                      argv[1], argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
        return SLK_EXIT_USAGE;
    }
    const int skip = 1 + (int)words;
    return slk_command_run(command, argc - skip, argv + skip);
}
