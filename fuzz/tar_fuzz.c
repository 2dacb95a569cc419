/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The cache archive a peer sends. The first byte says in which pieces it comes and, when odd, that
 * the checksums of what looks like headers are put right first, to get past them. */
#include "base/file.h"
#include "base/mem.h"
#include "transfer/cache_tar.h"
#include "transfer/tar_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static slk_err feed(slk_cache_untar *untar, const uint8_t *bytes, size_t n, size_t piece)
{
    for (size_t at = 0; at < n; at += piece)
        SLK_TRY(slk_cache_untar_take(untar, bytes + at, n - at < piece ? n - at : piece, NULL));
    return slk_cache_untar_finish(untar, NULL);
}

static void repair_checksums(uint8_t *archive, size_t n)
{
    for (size_t at = 0; at + TAR_BLOCK <= n; at += TAR_BLOCK) {
        tar_header h;
        memcpy(&h, archive + at, sizeof h);
        if (memcmp(h.magic, "ustar", 5) != 0)
            continue;
        (void)snprintf(h.checksum, sizeof h.checksum, "%06o", tar_checksum(&h));
        memcpy(archive + at, &h, sizeof h);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char folder[] = "/dev/shm/slk_tar_fuzz.XXXXXX";
    if (n == 0 || !mkdtemp(folder))
        return 0;
    slk_cache_untar *untar = NULL;
    const slk_sector_shape *shape = slk_sector_shape_of(2048);
    slk_assert(slk_cache_untar_new(&untar, folder, shape, NULL) == SLK_OK);
    SLK_CLEANUP(slk_freep) uint8_t *archive = slk_alloc(n, 1);
    slk_assert(archive != NULL);
    memcpy(archive, bytes + 1, n - 1);
    if (bytes[0] & 1)
        repair_checksums(archive, n - 1);
    slk_err code = feed(untar, archive, n - 1, (size_t)bytes[0] * 8 + 1);
    slk_cache_untar_free(untar);
    SLK_CLEANUP(slk_freep) char *p_aux = slk_path_join(folder, "p_aux");
    uint64_t size = 0;
    if (code == SLK_OK)
        slk_assert(slk_file_size(&size, p_aux, NULL) == SLK_OK && size == SLK_P_AUX_BYTES);
    slk_assert(slk_remove_tree(folder, NULL) == SLK_OK);
    return 0;
}
