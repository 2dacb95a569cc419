/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The cache archive a peer sends. The first byte says in which pieces it comes and, when odd, that
 * the checksums of what looks like headers are put right first, to get past them. What is accepted packs
 * again and unpacks to the same. */
#include "fuzz.h"

#include "base/file.h"
#include "base/mem.h"
#include "transfer/cache_tar.h"
#include "transfer/tar_impl.h"

#include <stdio.h>
#include <string.h>

#define ARCHIVE_MAX ((size_t)64 << 10)

static void set_checksums(uint8_t *bytes, size_t n)
{
    for (size_t at = 0; at + TAR_BLOCK <= n; at += TAR_BLOCK) {
        tar_header h;
        memcpy(&h, bytes + at, sizeof h);
        if (memcmp(h.magic, "ustar", 5) != 0)
            continue;
        (void)snprintf(h.checksum, 7, "%06o", tar_checksum(&h));
        h.checksum[7] = ' ';
        memcpy(bytes + at, &h, sizeof h);
    }
}

static char *fresh_folder(const char *name)
{
    char *folder = slk_path_join(fuzz_folder(), name);
    slk_assert(folder && slk_remove_tree(folder, NULL) == SLK_OK);
    slk_assert(slk_folder_make(folder, 0755, NULL) == SLK_OK);
    return folder;
}

static slk_err unpack(const char *folder, const slk_sector_shape *shape, const uint8_t *bytes,
                      size_t n, size_t piece)
{
    slk_error error = {0};
    slk_flat_member members[SLK_FLAT_TAR_MEMBERS_MAX];
    const slk_flat_untar_options options = {.folder = folder,
                                            .members = members,
                                            .n = slk_cache_members(members, shape),
                                            .what = "the archive",
                                            .complete = true};
    slk_flat_untar *untar = NULL;
    slk_assert(slk_flat_untar_new(&untar, &options, NULL) == SLK_OK);
    slk_err code = SLK_OK;
    for (size_t at = 0; at < n && code == SLK_OK; at += piece)
        code = slk_flat_untar_take(untar, bytes + at, piece < n - at ? piece : n - at, &error);
    slk_err end = slk_flat_untar_finish(untar, &error);
    slk_assert(code == SLK_OK || end != SLK_OK); /* a refusal stays one */
    slk_flat_untar_free(untar);
    return end;
}

/* As from Lotus: sizes may come in extended headers, the end may be open. */
static void unpack_open(const uint8_t *bytes, size_t n, size_t piece)
{
    static const slk_flat_member members[] = {{"p_aux", 64, 64, false},
                                              {"sc-02-data-layer-1.dat", 1, 65536, false},
                                              {"sc-02-data-tree-r-last.dat", 1, 65536, true},
                                              {"t_aux", 1, 10240, false}};
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *folder = fresh_folder("open");
    slk_flat_untar_options options = {
        .folder = folder, .members = members, .n = 4, .what = "the archive", .open_end = true};
    slk_flat_untar *untar = NULL;
    slk_assert(slk_flat_untar_new(&untar, &options, NULL) == SLK_OK);
    slk_err code = SLK_OK;
    for (size_t at = 0; at < n && code == SLK_OK; at += piece)
        code = slk_flat_untar_take(untar, bytes + at, piece < n - at ? piece : n - at, &error);
    slk_err end = slk_flat_untar_finish(untar, &error);
    slk_assert(code == SLK_OK || end != SLK_OK);
    slk_flat_untar_free(untar);
    for (size_t i = 0; i < 4; i++) {
        SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, members[i].name);
        uint64_t there = 0;
        if (slk_file_size(&there, path, NULL) == SLK_OK)
            slk_assert(!members[i].skip && there <= members[i].max_bytes);
    }
}

static void check_again(const char *folder, const slk_sector_shape *shape)
{
    SLK_CLEANUP(slk_freep) char *second = fresh_folder("second");
    SLK_CLEANUP(slk_freep) uint8_t *bytes = slk_alloc(ARCHIVE_MAX, 1);
    slk_flat_tar *tar = NULL;
    uint64_t said = 0;
    size_t n = 0, more = 1;
    slk_assert(bytes && slk_cache_tar_new(&tar, &said, folder, shape, NULL) == SLK_OK);
    while (more > 0) {
        slk_assert(slk_flat_tar_produce(tar, bytes + n, ARCHIVE_MAX - n, &more, NULL) == SLK_OK);
        n += more;
    }
    slk_flat_tar_free(tar);
    slk_assert(n == said);
    slk_assert(unpack(second, shape, bytes, n, 511) == SLK_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const slk_sector_shape *shape = slk_sector_shape_of(2048);
    if (n < 1 || n > ARCHIVE_MAX)
        return 0;
    SLK_CLEANUP(slk_freep) char *folder = fresh_folder("first");
    SLK_CLEANUP(slk_freep) uint8_t *bytes = slk_alloc(n, 1);
    slk_assert(bytes);
    memcpy(bytes, data + 1, n - 1);
    if (data[0] & 1)
        set_checksums(bytes, n - 1);
    unpack_open(bytes, n - 1, (size_t)data[0] * 8 + 1);
    if (unpack(folder, shape, bytes, n - 1, (size_t)data[0] * 8 + 1) == SLK_OK)
        check_again(folder, shape);
    return 0;
}
