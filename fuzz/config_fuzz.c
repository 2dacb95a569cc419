/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* config.toml of a node as a file. */
#include "fuzz.h"

#include "app/config.h"
#include "base/file.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_config_done) slk_config config = {0};
    slk_error error = {0};
    fuzz_write("config.toml", data, n);
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(fuzz_folder(), "config.toml");
    slk_assert(path);
    if (slk_config_read(&config, path, &error) != SLK_OK) {
        slk_assert(error.message[0]);
        return 0;
    }
    slk_assert(config.log_level && config.listen && config.chain_api_info);
    slk_assert(config.seal_proofs.n <= SLK_CONFIG_NUMBERS_MAX);
    return 0;
}
