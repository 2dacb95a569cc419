/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sector's file, or flat folder of files, copied to another file system. Only for src/store/. */
#ifndef SLK_STORE_COPY_IMPL_H
#define SLK_STORE_COPY_IMPL_H

#include "base/err.h"
#include "base/job.h"

/* Makes `to`, which must not be there, from `from`: holes stay holes, contents and the folder are synced.
 * Anything but regular files in the folder is SLK_E_CORRUPT. job (may be NULL): advanced by the bytes
 * copied. Leaves a part of `to` behind when it fails. */
SLK_MUST_CHECK slk_err slk_store_copy(const char *from, const char *to, slk_job *job,
                                      slk_error *error);

#endif
