/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The commands of the program, as data.
 *
 * Each group of commands is one const table ending in a row without a name; main.c lists the
 * tables, picks the row, parses the options by its table and runs it. Usage and --help texts are
 * printed from the rows.
 *
 * Exit status: 0 done; 1 failed; 2 the command line is wrong; 3 the answer is "no" (an invalid
 * proof). Results go to standard output, everything else to standard error. With --json standard
 * output holds exactly one JSON document, on failure {"error":{"code","message"}}. */
#ifndef SLK_APP_COMMAND_H
#define SLK_APP_COMMAND_H

#include "app/options.h"

#include <stddef.h>

#define SLK_EXIT_DONE 0
#define SLK_EXIT_FAILED 1
#define SLK_EXIT_USAGE 2
#define SLK_EXIT_NO 3

/* What a command does on an opened repository (service.h). */
struct slk_node;
typedef slk_err slk_service_action(struct slk_node *node, const slk_options *options,
                                   slk_error *error);

typedef struct slk_command slk_command;
struct slk_command {
    const char *name; /* one or two words: "run", "proof pc1"; NULL ends a table */
    const char *args; /* positional arguments for the usage line: "FILE"; NULL none */
    unsigned args_min, args_max;
    const char *help; /* one sentence with its full stop */
    const char *example; /* a whole line that works; NULL none */
    const slk_option *options; /* NULL none */
    int (*run)(const slk_command *command, const slk_options *options); /* the exit status */
    slk_service_action *action; /* for slk_service_run alone */
};

/* The row argv (argv[0] is the first word after the program) names, and in *ret_words how many
 * words its name took; NULL if none does. tables ends with NULL. */
const slk_command *slk_command_find(size_t *ret_words, const slk_command *const *tables, int argc,
                                    char *const *argv);

/* The name of the row argv was probably meant to be, by its first one or two words; NULL when none
 * is near. */
const char *slk_command_nearest(const slk_command *const *tables, int argc, char *const *argv);

/* Parses the rest of the line by the row and runs it, or prints help or the mistake.
 * argv[0] is the first word after the command's name. Returns the exit status. */
int slk_command_run(const slk_command *command, int argc, char *const *argv);

/* Reports a failure once (standard error, or the JSON error object) and returns
 * SLK_EXIT_FAILED. error may be NULL. */
int slk_command_fail(const slk_command *command, const slk_options *options, slk_err code,
                     const slk_error *error);

/* One line per command of the tables, in order, into out. group NULL: of all; else of those whose
 * first word it is. */
SLK_MUST_CHECK slk_err slk_command_overview(slk_buf *out, const slk_command *const *tables,
                                            const char *group);
/* Usage, help, options and example of one command. */
SLK_MUST_CHECK slk_err slk_command_help(slk_buf *out, const slk_command *command);

#endif
