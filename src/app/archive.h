/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writing a .tar.gz of texts: private (0600), and under its name only when it is complete. */
#ifndef SLK_APP_ARCHIVE_H
#define SLK_APP_ARCHIVE_H

#include "base/err.h"

#include <stddef.h>

typedef struct slk_archive slk_archive;

/* Begins <path>.tmp, a file of its own. SLK_E_EXISTS when path or <path>.tmp is there already. */
SLK_MUST_CHECK slk_err slk_archive_new(slk_archive **ret_archive, const char *path,
                                       slk_error *error);
/* name: "folder/member", at most 99 characters. */
SLK_MUST_CHECK slk_err slk_archive_add(slk_archive *archive, const char *name, const void *bytes,
                                       size_t n, slk_error *error);
/* Ends it, on disk and under its name. */
SLK_MUST_CHECK slk_err slk_archive_finish(slk_archive *archive, slk_error *error);
/* What is not finished is removed. NULL allowed. */
void slk_archive_free(slk_archive *archive);
void slk_archive_freep(slk_archive **archive);

#endif
