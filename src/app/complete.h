/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What can be typed next on a command line: commands, options and values, from the tables of
 * commands, and names from a repository. */
#ifndef SLK_APP_COMPLETE_H
#define SLK_APP_COMPLETE_H

#include "app/command.h"
#include "base/buf.h"
#include "base/err.h"

/* Where names come from: partners, providers, miners, sectors; a running node's workers and what they do. */
typedef enum slk_complete_kind {
    SLK_COMPLETE_NOTHING, /* the shell's own: files */
    SLK_COMPLETE_PARTNER,
    SLK_COMPLETE_PROVIDER,
    SLK_COMPLETE_MINER,
    SLK_COMPLETE_SECTOR,
    SLK_COMPLETE_WORKER,
    SLK_COMPLETE_CALL,
} slk_complete_kind;

/* Prints the names of that kind that begin with `begin` as slk_complete does. repo: --repo of the
 * line, or NULL. */
typedef slk_err slk_complete_names(void *context, slk_buf *out, slk_complete_kind kind,
                                   const char *repo, const char *begin);

/* Appends a line "word<tab>what it is" for each word that could stand in place of the last of `words`,
 * of which the others are typed whole. No line: nothing is known, or a file is wanted. A word "=" of
 * its own is what bash makes of `--option=`. */
SLK_MUST_CHECK slk_err slk_complete(slk_buf *out, const slk_command *const *tables, int argc,
                                    char *const *words, slk_complete_names *names, void *context);

/* One such line, when word begins with begin. */
SLK_MUST_CHECK slk_err slk_complete_line(slk_buf *out, const char *word, const char *text,
                                         const char *begin);

#endif
