/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A large file while it is written: under a temporary name until it is complete and on disk.
 *
 * The temporary name is fixed, so that a killed process leaves at most one stale file, which the
 * next attempt overwrites. A lock that ends with its process keeps a second writer away. */
#ifndef SLK_BASE_OUTFILE_H
#define SLK_BASE_OUTFILE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct slk_outfile {
    int fd; /* for reading and writing; -1 when not open */
    int direct_fd; /* the same file without the page cache; -1 when not asked for or not possible */
    char *path; /* final name */
    char *temp; /* name until commit */
} slk_outfile;

/* Creates temp (NULL: path + ".tmp"), empty, mode 0644, and reserves `bytes` of disk unless 0 (then
 * the file has that size, zero filled). SLK_E_NOSPACE when they are not there, SLK_E_BUSY while
 * another process or thread is writing the same file. */
SLK_MUST_CHECK slk_err slk_outfile_open(slk_outfile *ret_file, const char *path, const char *temp,
                                        uint64_t bytes, slk_error *error);

/* From now on slk_outfile_write goes around the page cache where the file system can: for what is
 * written in large blocks and not read again soon, and does not fit into memory with others. */
void slk_outfile_direct(slk_outfile *file);

/* Writes n bytes at offset, from any number of threads for different ranges. Around the page cache if
 * that was asked for and in, n and offset are multiples of 4096 and n at least 64 KiB. */
SLK_MUST_CHECK slk_err slk_outfile_write(const slk_outfile *file, const void *in, size_t n,
                                         uint64_t offset, slk_error *error);

/* fsync, rename to path, fsync of the folder, close. On failure the file stays open. */
SLK_MUST_CHECK slk_err slk_outfile_commit(slk_outfile *file, slk_error *error);

/* Idempotent, usable with SLK_CLEANUP; without a commit before it removes the temporary file.
 * Initialise with SLK_OUTFILE_NONE when open may not be reached. */
void slk_outfile_done(slk_outfile *file);

#define SLK_OUTFILE_NONE ((slk_outfile){.fd = -1, .direct_fd = -1})

#endif
