/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Child processes of `selkie demo`: this same program with other arguments, each writing into its
 * own log, ended when we end (also by kill -9), started again when somebody kills them. */
#ifndef SLK_APP_CHILDREN_H
#define SLK_APP_CHILDREN_H

#include "base/err.h"

#include <sys/types.h>

#define SLK_CHILD_ARGS_MAX 16u

typedef struct slk_child {
    const char *name; /* for people */
    const char *argv[SLK_CHILD_ARGS_MAX]; /* ends with NULL; argv[0] "selkie"; borrowed */
    const char *log; /* appended to; borrowed */
    pid_t pid; /* 0: not running */
    unsigned killed; /* times it was started again */
} slk_child;

SLK_MUST_CHECK slk_err slk_child_start(slk_child *child, slk_error *error);

/* Looks whether it runs. Killed by SIGKILL: starts it again and counts. Ended any other way:
 * SLK_E_INTERNAL with the last line of its log. */
SLK_MUST_CHECK slk_err slk_child_check(slk_child *child, slk_error *error);

/* SIGTERM to all, SIGKILL to those left after wait_ms, and waits for them. */
void slk_children_stop(slk_child *children, unsigned n, int64_t wait_ms);

/* A TCP port of 127.0.0.1 nobody listens on now. */
SLK_MUST_CHECK slk_err slk_free_port(uint16_t *ret_port, slk_error *error);

#endif
