/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transfer/cache_tar.h"

#include <string.h>

size_t slk_cache_members(slk_flat_member ret_members[SLK_FLAT_TAR_MEMBERS_MAX],
                         const slk_sector_shape *shape)
{
    const size_t n = slk_cache_file_count(shape);
    slk_assert(n <= SLK_FLAT_TAR_MEMBERS_MAX);
    for (size_t i = 0; i < n; i++) {
        slk_cache_file file;
        slk_cache_file_at(&file, shape, i);
        ret_members[i] = (slk_flat_member){.min_bytes = file.bytes ? file.bytes : 1,
                                           .max_bytes = file.max_bytes};
        memcpy(ret_members[i].name, file.name, strlen(file.name) + 1);
    }
    return n;
}

slk_err slk_cache_tar_new(slk_flat_tar **ret_tar, uint64_t *ret_bytes, const char *cache,
                          const slk_sector_shape *shape, slk_error *error)
{
    slk_flat_member members[SLK_FLAT_TAR_MEMBERS_MAX];
    const size_t n = slk_cache_members(members, shape);
    return slk_flat_tar_new(ret_tar, ret_bytes, cache, members, n, error);
}
