/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transfer/cache_tar.h"

#include <string.h>

static size_t list_members(slk_flat_member members[SLK_FLAT_TAR_MEMBERS_MAX],
                           const slk_sector_shape *shape)
{
    const size_t n = slk_cache_file_count(shape);
    slk_assert(n <= SLK_FLAT_TAR_MEMBERS_MAX);
    for (size_t i = 0; i < n; i++) {
        slk_cache_file file;
        slk_cache_file_at(&file, shape, i);
        members[i] = (slk_flat_member){.min_bytes = file.bytes ? file.bytes : 1,
                                       .max_bytes = file.max_bytes};
        memcpy(members[i].name, file.name, strlen(file.name) + 1);
    }
    return n;
}

slk_err slk_cache_tar_new(slk_flat_tar **ret_tar, uint64_t *ret_bytes, const char *cache,
                          const slk_sector_shape *shape, slk_error *error)
{
    slk_flat_member members[SLK_FLAT_TAR_MEMBERS_MAX];
    const size_t n = list_members(members, shape);
    return slk_flat_tar_new(ret_tar, ret_bytes, cache, members, n, error);
}

slk_err slk_cache_untar_new(slk_flat_untar **ret_untar, const char *folder,
                            const slk_sector_shape *shape, slk_error *error)
{
    slk_flat_member members[SLK_FLAT_TAR_MEMBERS_MAX];
    const slk_flat_untar_options options = {.folder = folder,
                                            .members = members,
                                            .n = list_members(members, shape),
                                            .what = "the peer's cache archive"};
    return slk_flat_untar_new(ret_untar, &options, error);
}

slk_err slk_cache_untar_finish(slk_flat_untar *untar, const slk_sector_shape *shape,
                               slk_error *error)
{
    SLK_TRY(slk_flat_untar_finish(untar, error));
    for (size_t i = 0; i < slk_cache_file_count(shape); i++) {
        slk_cache_file file;
        slk_cache_file_at(&file, shape, i);
        if (!slk_flat_untar_has(untar, i))
            return slk_fail(error, SLK_E_PROTO, "the peer's cache archive lacks %s", file.name);
    }
    return SLK_OK;
}
