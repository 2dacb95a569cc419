/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What follows the data of an unsealed file, as found on disk: as it is, and with its length made right.
 * What is accepted is written again and read to the same. */
#include "fuzz.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/unsealed.h"

#define SECTOR_BYTES 2048u

static void check_file(slk_unsealed *file)
{
    slk_unsealed again = SLK_UNSEALED_NONE;
    const uint64_t count = slk_bitfield_count(&file->allocated);
    slk_assert(count <= SECTOR_BYTES);
    for (size_t i = 0; i < file->allocated.n; i++) {
        const slk_bit_range range = file->allocated.ranges[i];
        slk_assert(range.end <= SECTOR_BYTES);
        slk_assert(slk_unsealed_has(file, range.first, range.end - range.first));
    }
    slk_assert(slk_unsealed_allocate(file, 100, 1, NULL) == SLK_OK);
    slk_assert(slk_unsealed_open(&again, file->path, SECTOR_BYTES, false, NULL) == SLK_OK);
    slk_assert(slk_unsealed_has(&again, 100, 1));
    slk_assert(slk_bitfield_count(&again.allocated) == slk_bitfield_count(&file->allocated));
    slk_unsealed_done(&again);
}

static void check_trailer(const uint8_t *trailer, size_t n)
{
    SLK_CLEANUP(slk_freep) uint8_t *bytes = slk_calloc(SECTOR_BYTES + n, 1);
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(fuzz_folder(), "unsealed");
    slk_unsealed file = SLK_UNSEALED_NONE;
    slk_error error = {0};
    slk_assert(bytes && path);
    if (n > 0)
        memcpy(bytes + SECTOR_BYTES, trailer, n);
    fuzz_write("unsealed", bytes, SECTOR_BYTES + n);
    const slk_err code = slk_unsealed_open(&file, path, SECTOR_BYTES, true, &error);
    slk_assert(code == SLK_OK || code == SLK_E_CORRUPT);
    if (code == SLK_OK)
        check_file(&file);
    slk_unsealed_done(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > 4096)
        return 0;
    check_trailer(data, n);
    SLK_CLEANUP(slk_freep) uint8_t *right = slk_alloc(n + 4, 1);
    slk_assert(right);
    if (n > 0)
        memcpy(right, data, n);
    slk_store_le32(right + n, (uint32_t)n);
    check_trailer(right, n + 4);
    return 0;
}
