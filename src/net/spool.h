/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes that come piece by piece and are wanted as one text: in memory up to SLK_HTTP_SPOOL_BYTES,
 * beyond that in a file without a name, mapped. Confined to one thread at a time. */
#ifndef SLK_NET_SPOOL_H
#define SLK_NET_SPOOL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"

#include <stddef.h>
#include <stdint.h>

#define SLK_SPOOL_BYTES ((size_t)1048576) /* more than this lies in a file */

typedef struct slk_spool {
    const char *folder; /* of the file; NULL: all in memory */
    size_t max;
    size_t len; /* bytes so far */
    int fd; /* -1: all in memory */
    slk_buf memory; /* empty once there is a file */
    slk_file_map map; /* made by slk_spool_view */
} slk_spool;

/* folder is borrowed for the spool's life. */
void slk_spool_init(slk_spool *spool, size_t max_bytes, const char *folder);
void slk_spool_done(slk_spool *spool); /* idempotent after _init */
/* Moves what is in from to *ret_spool; from is as new. */
void slk_spool_move(slk_spool *ret_spool, slk_spool *from);

/* SLK_E_LIMIT past the maximum, SLK_E_NOMEM, or the disk's errors; what was there before stays. Not
 * after slk_spool_view. */
SLK_MUST_CHECK slk_err slk_spool_append(slk_spool *spool, const void *bytes, size_t n,
                                        slk_error *error);

/* All of it, with a NUL behind; lives as long as the spool. Never NULL. */
SLK_MUST_CHECK slk_err slk_spool_view(slk_spool *spool, const char **ret_bytes, size_t *ret_n,
                                      slk_error *error);

#endif
