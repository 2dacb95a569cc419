/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The lock file of a repository: held by the node that runs on it, for as long as it lives. It tells
 * others which process that is and whether it serves yet, without their touching the lock. */
#ifndef SLK_APP_LOCK_H
#define SLK_APP_LOCK_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct slk_lock_holder {
    pid_t pid; /* 0: nobody */
    bool serving; /* past its start */
} slk_lock_holder;

/* Takes the lock of the folder until the caller closes *ret_fd, or ends. SLK_E_BUSY when another
 * process has it. */
SLK_MUST_CHECK slk_err slk_lock_take(int *ret_fd, const char *folder, slk_error *error);

/* The holder serves from now on. */
SLK_MUST_CHECK slk_err slk_lock_note_serving(int fd, slk_error *error);

/* Who has it. A folder without a lock file has none. Not for the holder itself: closing the file a second
 * time would make it unseen. */
SLK_MUST_CHECK slk_err slk_lock_look(slk_lock_holder *ret_holder, const char *folder,
                                     slk_error *error);

#endif
