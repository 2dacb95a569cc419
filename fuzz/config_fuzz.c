/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* config.toml of a node as a file. */
#include "fuzz.h"

#include "app/config.h"
#include "base/file.h"
#include "base/mem.h"

/* A file that is accepted says the same when it is written anew. */
static void check_updated(const slk_config *config, const char *path)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    SLK_CLEANUP(slk_config_done) slk_config again = {0};
    slk_buf_init(&text, (size_t)4 << 20);
    slk_assert(slk_config_print_updated(&text, path, false, NULL) == SLK_OK);
    fuzz_write("config.toml", text.data, text.len);
    slk_assert(slk_config_read(&again, path, NULL) == SLK_OK);
    json_t *changed = NULL;
    slk_assert(slk_config_changed(&changed, config, &again, NULL) == SLK_OK);
    slk_assert(json_array_size(changed) == 0);
    json_decref(changed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_config_done) slk_config config = {0};
    slk_error error = {0};
    fuzz_write("config.toml", data, n);
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(fuzz_folder(), "config.toml");
    slk_assert(path);
    json_t *mistakes = NULL;
    slk_assert(slk_config_check(&mistakes, path, NULL) == SLK_OK);
    const bool valid = json_array_size(mistakes) == 0;
    json_decref(mistakes);
    const slk_err code = slk_config_read(&config, path, &error);
    slk_assert(valid == (code == SLK_OK));
    if (code != SLK_OK) {
        slk_assert(error.message[0]);
        return 0;
    }
    slk_assert(config.log_level && config.listen && config.chain_api_info);
    slk_assert(config.seal_proofs.n <= SLK_CONFIG_NUMBERS_MAX);
    check_updated(&config, path);
    return 0;
}
