/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* config.toml as a flat list of dotted keys with line numbers.
 *
 * `[provider]` `listen = "…"` is the key "provider.listen"; array elements are "names[0]",
 * `[[partner]]` tables "partner[0].name". An empty array or table has no entry of its own.
 * Dates, times and numbers beyond int64 are refused. Keys are bare (letters, digits, - _). */
#ifndef SLK_CODEC_TOML_H
#define SLK_CODEC_TOML_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_toml slk_toml;

typedef enum slk_toml_kind {
    SLK_TOML_STRING,
    SLK_TOML_INTEGER,
    SLK_TOML_BOOLEAN,
    SLK_TOML_FLOAT,
} slk_toml_kind;

typedef struct slk_toml_entry {
    const char *key;
    slk_toml_kind kind;
    unsigned line, column; /* from 1 */
    const char *text; /* STRING: UTF-8 without NUL; else NULL */
    int64_t integer;
    double real;
    bool boolean;
} slk_toml_entry;

/* name is for messages ("config.toml"): "config.toml:3:7: …". SLK_E_INVAL for any fault of the
 * text, SLK_E_LIMIT past 1 MiB or 4096 entries. */
SLK_MUST_CHECK slk_err slk_toml_parse(slk_toml **ret_toml, const char *text, size_t n,
                                      const char *name, slk_error *error);
SLK_MUST_CHECK slk_err slk_toml_read(slk_toml **ret_toml, const char *path, slk_error *error);
void slk_toml_free(slk_toml *toml); /* NULL allowed */
void slk_toml_freep(slk_toml **toml); /* for SLK_CLEANUP */

/* In the order of the file. Entries live as long as toml. */
size_t slk_toml_count(const slk_toml *toml);
const slk_toml_entry *slk_toml_at(const slk_toml *toml, size_t index);
const slk_toml_entry *slk_toml_find(const slk_toml *toml, const char *key); /* NULL when absent */

/* Typed lookup. Absent: SLK_OK and *ret_value untouched, so set the default before.
 * Another type or out of range: SLK_E_INVAL with file, line, key and what was expected.
 * Texts live as long as toml. */
SLK_MUST_CHECK slk_err slk_toml_text(const slk_toml *toml, const char *key, const char **ret_value,
                                     slk_error *error);
SLK_MUST_CHECK slk_err slk_toml_i64(const slk_toml *toml, const char *key, int64_t least,
                                    int64_t most, int64_t *ret_value, slk_error *error);
SLK_MUST_CHECK slk_err slk_toml_bool(const slk_toml *toml, const char *key, bool *ret_value,
                                     slk_error *error);
/* Every key must be one of the known ones, where "[]" stands for any index ("partner[].name");
 * else SLK_E_INVAL with the line and the nearest known key. */
SLK_MUST_CHECK slk_err slk_toml_check_keys(const slk_toml *toml, const char *const *known,
                                           size_t n_known, slk_error *error);

#endif
