/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Parameter files of the 2 KiB size. The first byte picks the file: 0 the verifying key, 1 the
 * whole parameters, 2 the note that says they are for development; the key is the recorded one with
 * the input written over it from an offset of two bytes. */
#include "fuzz.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "proofs/params/internal.h"
#include "support/slk_test_vectors.h"

#include <stdlib.h>

static void put(slk_params_file file, const uint8_t *bytes, size_t n)
{
    char name[SLK_PARAMS_NAME_MAX];
    slk_params_name(name, fuzz_crypto(), slk_sector_shape_of(2048), file);
    fuzz_write(name, bytes, n);
}

static void remove_files(void)
{
    char name[SLK_PARAMS_NAME_MAX];
    for (int file = 0; file < SLK_PARAMS_FILE_COUNT; file++) {
        slk_params_name(name, fuzz_crypto(), slk_sector_shape_of(2048), (slk_params_file)file);
        SLK_CLEANUP(slk_freep) char *path = slk_path_join(fuzz_folder(), name);
        slk_assert(path && slk_remove_tree(path, NULL) == SLK_OK);
    }
}

static void open_all(void)
{
    const slk_sector_shape *shape = slk_sector_shape_of(2048);
    const slk_crypto *crypto = fuzz_crypto();
    slk_params_key *key = NULL;
    slk_params *params = NULL;
    slk_params_sidecar sidecar;
    slk_params_status status;
    slk_error error = {0};
    slk_assert(slk_params_status_at(&status, crypto, fuzz_folder(), 0));
    slk_assert(slk_params_sidecar_read(&sidecar, crypto, fuzz_folder(), shape, &error) == SLK_OK);
    if (slk_params_key_open(&key, crypto, fuzz_folder(), shape, true, &error) == SLK_OK)
        slk_assert(key->key.n_ic == slk_params_ic_count(shape));
    slk_params_key_free(key);
    /* Whole parameters are a gigabyte: no input is. */
    slk_assert(slk_params_open(&params, crypto, fuzz_folder(), shape, true, &error) != SLK_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const slk_params_file files[] = {SLK_PARAMS_FILE_VK, SLK_PARAMS_FILE_PARAMS,
                                            SLK_PARAMS_FILE_DEVELOPMENT};
    size_t n_key = 0;
    if (n < 3)
        return 0;
    size_t which = data[0] % 3, at = data[1] | (size_t)data[2] << 8, n_rest = n - 3;
    remove_files();
    uint8_t *key = slk_test_vectors_bytes("params-2k.vk", &n_key);
    size_t end = at % n_key + n_rest;
    SLK_CLEANUP(slk_freep) uint8_t *bytes = slk_calloc(end + n_key, 1);
    slk_assert(bytes);
    memcpy(bytes, key, n_key);
    memcpy(bytes + at % n_key, data + 3, n_rest);
    free(key);
    if (which == 2)
        put(files[2], data + 3, n_rest);
    put(which == 1 ? files[1] : files[0], bytes, which == 1 || end > n_key ? end : n_key);
    open_all();
    return 0;
}
