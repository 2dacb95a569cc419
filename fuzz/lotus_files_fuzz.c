/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sectorstore.json and storage.json: what is read is written and read again. */
#include "fuzz.h"

#include "base/mem.h"
#include "lotus/storage.h"

#include <string.h>

static void try_meta(const char *text, size_t n)
{
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, 4 * SLK_LOTUS_META_MAX_BYTES);
    slk_error error = {0};
    slk_lotus_meta meta, again;
    if (slk_lotus_meta_parse(&meta, text, n, &error) != SLK_OK)
        return;
    slk_assert(slk_lotus_meta_print(&out, &meta) == SLK_OK);
    if (out.len <= SLK_LOTUS_META_MAX_BYTES) {
        slk_assert(slk_lotus_meta_parse(&again, out.data, out.len, &error) == SLK_OK);
        slk_assert(strcmp(again.id, meta.id) == 0 && again.weight == meta.weight);
        slk_assert(again.filter.groups.n == meta.filter.groups.n);
        slk_lotus_meta_done(&again);
    }
    for (unsigned i = 0; i < SLK_LOTUS_TYPES; i++)
        (void)slk_lotus_filter_takes_type(&meta.filter, 1u << i);
    (void)slk_lotus_filter_takes_miner(&meta.filter, 1000);
    slk_lotus_meta_done(&meta);
}

static void try_paths(const char *text, size_t n)
{
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, 4 * SLK_LOTUS_STORAGE_MAX_BYTES);
    slk_error error = {0};
    slk_lotus_strings paths;
    if (slk_lotus_storage_parse(&paths, text, n, &error) != SLK_OK)
        return;
    for (size_t i = 0; i < paths.n; i++)
        slk_assert(paths.item[i][0] == '/');
    slk_assert(slk_lotus_storage_print(&out, &paths) == SLK_OK);
    slk_lotus_strings_done(&paths);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    try_meta(text, n);
    try_paths(text, n);
    return 0;
}
