/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tar of a finished cache: p_aux, t_aux and the tree-r-last files.
 * source: reference/remote-seal-wire, cache-data. */
#ifndef SLK_TRANSFER_CACHE_TAR_H
#define SLK_TRANSFER_CACHE_TAR_H

#include "base/err.h"
#include "fil/sector.h"
#include "transfer/flat_tar.h"

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

/* The same as members of an archive; returns how many there are. */
size_t slk_cache_members(slk_flat_member ret_members[SLK_FLAT_TAR_MEMBERS_MAX],
                         const slk_sector_shape *shape);

/* The archive of all of them: slk_flat_tar_* reads it. SLK_E_NOTFOUND or SLK_E_CORRUPT when a file is
 * missing or of a wrong size. *ret_bytes: size of the whole archive. */
SLK_MUST_CHECK slk_err slk_cache_tar_new(slk_flat_tar **ret_tar, uint64_t *ret_bytes,
                                         const char *cache, const slk_sector_shape *shape,
                                         slk_error *error);

#endif
