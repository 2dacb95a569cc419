/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tar of a finished cache: p_aux, t_aux and the tree-r-last files, flat names, ustar.
 * Reader and writer both work piece by piece in bounded memory.
 * source: reference/remote-seal-wire, cache-data; POSIX.1-1988 ustar. */
#ifndef SLK_TRANSFER_CACHE_TAR_H
#define SLK_TRANSFER_CACHE_TAR_H

#include "base/err.h"
#include "fil/sector.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_P_AUX_BYTES 64u
#define SLK_T_AUX_MAX_BYTES 10240u

/* Files of a finished cache of this shape. index 0 p_aux, 1 t_aux, then tree-r-last in order.
 * Exact bytes, or 0 with the maximum for t_aux, which depends on the store paths' length. */
typedef struct slk_cache_file {
    char name[40];
    uint64_t bytes; /* exact; 0 when only max_bytes is known */
    uint64_t max_bytes;
} slk_cache_file;
size_t slk_cache_file_count(const slk_sector_shape *shape);
void slk_cache_file_at(slk_cache_file *ret_file, const slk_sector_shape *shape, size_t index);

/* ---- writer ---- */
typedef struct slk_cache_tar slk_cache_tar;
/* Opens the cache folder; SLK_E_NOTFOUND or SLK_E_CORRUPT when a file is missing or of a wrong
 * size. *ret_bytes: size of the whole archive. */
SLK_MUST_CHECK slk_err slk_cache_tar_new(slk_cache_tar **ret_tar, uint64_t *ret_bytes,
                                         const char *cache, const slk_sector_shape *shape,
                                         slk_error *error);
void slk_cache_tar_free(slk_cache_tar *tar); /* NULL allowed */
/* The next up to capacity bytes; *ret_n 0 at the end. Has the shape of slk_http_produce, with
 * slk_cache_tar_release as its release. */
SLK_MUST_CHECK slk_err slk_cache_tar_produce(void *tar, uint8_t *out, size_t capacity,
                                             size_t *ret_n, slk_error *error);
void slk_cache_tar_release(void *tar);

/* ---- reader ---- */
typedef struct slk_cache_untar slk_cache_untar;
/* Writes the members into `folder`, which exists and is empty. */
SLK_MUST_CHECK slk_err slk_cache_untar_new(slk_cache_untar **ret_untar, const char *folder,
                                           const slk_sector_shape *shape, slk_error *error);
void slk_cache_untar_free(slk_cache_untar *untar); /* NULL allowed; leaves what was written */
/* Takes the next bytes of the archive, in pieces of any size. Every failure is final. */
SLK_MUST_CHECK slk_err slk_cache_untar_take(slk_cache_untar *untar, const uint8_t *bytes, size_t n,
                                            slk_error *error);
/* After the last byte: all members came, the archive ended properly, all is on disk. */
SLK_MUST_CHECK slk_err slk_cache_untar_finish(slk_cache_untar *untar, slk_error *error);

#endif
