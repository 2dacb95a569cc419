/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Configuration text. */
#include "codec/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char *const known[] = {"listen", "partner[].name", "provider.slots"};
    slk_toml *toml = NULL;
    slk_error error = {0};
    if (slk_toml_parse(&toml, (const char *)bytes, n, "config.toml", &error) != SLK_OK) {
        slk_assert(error.message[0] != 0);
        return 0;
    }
    for (size_t i = 0; i < slk_toml_count(toml); i++)
        slk_assert(slk_toml_find(toml, slk_toml_at(toml, i)->key) != NULL);
    slk_err code = slk_toml_check_keys(toml, known, sizeof known / sizeof *known, &error);
    slk_assert(code == SLK_OK || code == SLK_E_INVAL);
    slk_toml_free(toml);
    return 0;
}
