/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The configuration language: entries in the order of the file, found again under their key. */
#include "fuzz.h"

#include "base/mem.h"
#include "codec/toml.h"

#include <string.h>

static void check_entry(const slk_toml *toml, const slk_toml_entry *entry)
{
    const char *text = NULL;
    int64_t number = 0;
    bool flag = false;
    slk_error error = {0};
    slk_assert(slk_toml_find(toml, entry->key) == entry);
    slk_assert((slk_toml_text(toml, entry->key, &text, &error) == SLK_OK) ==
               (entry->kind == SLK_TOML_STRING));
    slk_assert((slk_toml_i64(toml, entry->key, INT64_MIN, INT64_MAX, &number, &error) == SLK_OK) ==
               (entry->kind == SLK_TOML_INTEGER));
    slk_assert((slk_toml_bool(toml, entry->key, &flag, &error) == SLK_OK) ==
               (entry->kind == SLK_TOML_BOOLEAN));
    slk_assert(!text || strlen(text) <= (size_t)1 << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const known[] = {"Provider.Listen", "partner[].name", "names[]"};
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    SLK_CLEANUP(slk_toml_freep) slk_toml *toml = NULL;
    slk_error error = {0};
    if (slk_toml_parse(&toml, text, n, "config.toml", &error) != SLK_OK) {
        slk_assert(toml == NULL && error.message[0]);
        return 0;
    }
    unsigned line = 1;
    for (size_t i = 0; i < slk_toml_count(toml); i++) {
        const slk_toml_entry *entry = slk_toml_at(toml, i);
        slk_assert(entry->line >= line);
        line = entry->line;
        check_entry(toml, entry);
    }
    (void)!slk_toml_check_keys(toml, known, sizeof known / sizeof *known, &error);
    return 0;
}
