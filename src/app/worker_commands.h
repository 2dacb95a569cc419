/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the commands of a worker share. */
#ifndef SLK_APP_WORKER_COMMANDS_H
#define SLK_APP_WORKER_COMMANDS_H

#include "app/command.h"

extern const slk_command slk_commands_worker[]; /* worker info, storage …, tasks …, … */
extern const slk_command slk_commands_worker_end[]; /* worker stop, worker drain */
extern const slk_command slk_commands_worker_run[]; /* worker run */

/* Where a worker keeps what it must not lose. */
#define SLK_WORKER_REPO_ENV "SELKIE_WORKER_PATH,LOTUS_WORKER_PATH,WORKER_PATH"
#define SLK_OPTION_WORKER_REPO                                                       \
    {                                                                                \
        .name = "worker-repo", .type = SLK_OPTION_TEXT, .env = SLK_WORKER_REPO_ENV,  \
        .fallback = "~/.selkieworker", .value = "DIR", .help = "the worker's folder" \
    }

#endif
