/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files that are there completely or not at all.
 *
 * A file under its final name is complete and on disk: write to a temporary name beside it, fsync,
 * rename, fsync the folder. All descriptors are close-on-exec. Errors name the path. */
#ifndef SLK_BASE_FILE_H
#define SLK_BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens for reading / for reading and writing an existing file / a fresh or truncated file with
 * the mode. The caller closes *ret_fd. Reading never waits for the writer of a pipe: with none there
 * it is empty. */
SLK_MUST_CHECK slk_err slk_file_open_read(int *ret_fd, const char *path, slk_error *error);
SLK_MUST_CHECK slk_err slk_file_open_rw(int *ret_fd, const char *path, slk_error *error);
SLK_MUST_CHECK slk_err slk_file_create(int *ret_fd, const char *path, unsigned mode,
                                       slk_error *error);

/* An empty file of the folder without a name, for reading and writing: it vanishes with its last
 * descriptor and mapping. */
SLK_MUST_CHECK slk_err slk_file_create_unnamed(int *ret_fd, const char *folder, slk_error *error);

/* Exactly n bytes at offset, or an error: a short file is SLK_E_CORRUPT. path only names it. */
SLK_MUST_CHECK slk_err slk_file_read_at(int fd, void *out, size_t n, uint64_t offset,
                                        const char *path, slk_error *error);
SLK_MUST_CHECK slk_err slk_file_write_at(int fd, const void *in, size_t n, uint64_t offset,
                                         const char *path, slk_error *error);
/* All n bytes to a pipe; false, errno set, when nobody reads from it any more. */
bool slk_pipe_write(int fd, const void *in, size_t n) SLK_MUST_CHECK;
/* Asks the kernel to begin writing what is in its cache of [offset, offset + n), so that a later sync
 * has less to wait for. Advice: nothing is reported. */
void slk_file_write_early(int fd, uint64_t offset, uint64_t n);
SLK_MUST_CHECK slk_err slk_file_sync(int fd, const char *path, slk_error *error);

/* SLK_E_NOTFOUND when absent; SLK_E_INVAL when not a regular file. */
SLK_MUST_CHECK slk_err slk_file_size(uint64_t *ret_bytes, const char *path, slk_error *error);
bool slk_file_exists(const char *path); /* any kind of entry */
/* Both are names, links followed, of one file or folder that exists. */
bool slk_file_same(const char *a, const char *b);

/* Whole file into buf (appended); SLK_E_LIMIT past buf's maximum. */
SLK_MUST_CHECK slk_err slk_file_read_all(slk_buf *buf, const char *path, slk_error *error);

/* Replaces path atomically with n bytes and the mode: <path>.tmp, fsync, rename, fsync folder.
 * Several writers of one path wait for each other. */
SLK_MUST_CHECK slk_err slk_file_write_atomic(const char *path, const void *bytes, size_t n,
                                             unsigned mode, slk_error *error);

/* fsyncs nothing itself: renames from to to, then fsyncs the folder of `to`. The caller has
 * fsynced the contents of `from`. */
SLK_MUST_CHECK slk_err slk_file_rename_durable(const char *from, const char *to, slk_error *error);
SLK_MUST_CHECK slk_err slk_file_sync_folder_of(const char *path, slk_error *error);

/* Makes the folder and its parents (mode 0755 for parents), and fsyncs what each new one lies in.
 * Existing is fine; SLK_E_INVAL for "". */
SLK_MUST_CHECK slk_err slk_folder_make(const char *path, unsigned mode, slk_error *error);

/* Removes a file, or a folder with all in it; absent is fine. Never follows links. */
SLK_MUST_CHECK slk_err slk_remove_tree(const char *path, slk_error *error);
/* The same, and what is gone stays gone after a loss of power: before anything is noted elsewhere that counts
 * on it. Syncs the folder that path lies in, also when path was absent; without that folder nothing is to do. */
SLK_MUST_CHECK slk_err slk_remove_tree_durable(const char *path, slk_error *error);

/* Disk blocks taken by a file, or a folder with all in it (to a depth of 8), in bytes. Links count as such;
 * what is not there, or not to be read, as nothing. */
uint64_t slk_path_used_bytes(const char *path);

/* Free bytes for this user on the file system of path. */
SLK_MUST_CHECK slk_err slk_folder_free_bytes(uint64_t *ret_bytes, const char *path,
                                             slk_error *error);

/* Reserves disk blocks for [0, bytes) and sets the size; SLK_E_NOSPACE when they are not there. */
SLK_MUST_CHECK slk_err slk_file_reserve(int fd, uint64_t bytes, const char *path, slk_error *error);

/* A read-only or shared writable mapping of a whole file (size > 0). */
typedef struct slk_file_map {
    uint8_t *data;
    size_t bytes;
} slk_file_map;
SLK_MUST_CHECK slk_err slk_file_map_read(slk_file_map *ret_map, const char *path, slk_error *error);
/* Shared and writable, of the first `bytes` (> 0) of an open file that is at least as long. The disk
 * blocks must have been reserved: a full disk behind a mapping kills the process. */
SLK_MUST_CHECK slk_err slk_file_map_rw(slk_file_map *ret_map, int fd, uint64_t bytes,
                                       const char *path, slk_error *error);
void slk_file_map_done(slk_file_map *map); /* idempotent */

/* "folder/name" joined with exactly one slash, heap; NULL when out of memory. */
char *slk_path_join(const char *folder, const char *name) SLK_MUST_CHECK;

#endif
