/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/toml.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/toml_impl.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX_BYTES ((size_t)1 << 20)
#define ENTRIES_MAX ((size_t)4096)
#define KEY_MAX ((size_t)200) /* longer ones cannot be near any known key */

struct slk_toml {
    char *name;
    slk_toml_entry *entries; /* key and text of each are heap */
    size_t n;
};

/* ---- building ---- */

typedef struct builder {
    slk_toml *toml;
    slk_err code;
    slk_error *error;
} builder;

static slk_err fail_at(const slk_toml *toml, unsigned line, unsigned column, slk_error *error,
                       const char *text)
{
    return slk_fail(error, SLK_E_INVAL, "%s:%u:%u: %s", toml->name, line, column, text);
}

/* key and text are not ours yet when this runs. */
static slk_err check_value(const builder *b, const toml_shim_value *v)
{
    if (b->toml->n == ENTRIES_MAX)
        return slk_fail(b->error, SLK_E_LIMIT, "%s has more than %zu settings", b->toml->name,
                        ENTRIES_MAX);
    if (v->kind == TOML_SHIM_OTHER)
        return fail_at(b->toml, v->line, v->column, b->error, "dates and times are not used here");
    if (v->kind == TOML_SHIM_STRING && memchr(v->text, 0, v->text_n))
        return fail_at(b->toml, v->line, v->column, b->error, "a text may not hold a NUL");
    if (strlen(v->key) > KEY_MAX)
        return fail_at(b->toml, v->line, v->column, b->error, "the key is too long");
    return SLK_OK;
}

static slk_toml_kind kind_of(toml_shim_kind kind)
{
    return kind == TOML_SHIM_STRING    ? SLK_TOML_STRING
           : kind == TOML_SHIM_INTEGER ? SLK_TOML_INTEGER
           : kind == TOML_SHIM_BOOLEAN ? SLK_TOML_BOOLEAN
                                       : SLK_TOML_FLOAT;
}

static slk_err add_value(builder *b, const toml_shim_value *v)
{
    SLK_TRY(check_value(b, v));
    slk_toml *toml = b->toml;
    slk_toml_entry *grown = slk_realloc(toml->entries, toml->n + 1, sizeof *grown);
    if (!grown)
        return SLK_E_NOMEM;
    toml->entries = grown;
    char *key = slk_strdup(v->key);
    char *text = v->kind == TOML_SHIM_STRING ? slk_strf("%.*s", (int)v->text_n, v->text) : NULL;
    grown[toml->n++] = (slk_toml_entry){key,  kind_of(v->kind), v->line, v->column,
                                        text, v->integer,       v->real, v->boolean};
    return key && (text || v->kind != TOML_SHIM_STRING) ? SLK_OK : SLK_E_NOMEM;
}

static bool on_value(void *context, const toml_shim_value *v)
{
    builder *b = context;
    b->code = add_value(b, v);
    return b->code == SLK_OK;
}

static int by_place(const void *a, const void *b)
{
    const slk_toml_entry *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->column < y->column ? -1 : x->column > y->column;
}

static slk_err fill(slk_toml *toml, const char *text, size_t n, slk_error *error)
{
    if (n > TEXT_MAX_BYTES)
        return slk_fail(error, SLK_E_LIMIT, "%s is larger than 1 MiB", toml->name);
    builder b = {toml, SLK_OK, error};
    toml_shim_fault fault;
    switch (slk_toml_shim_parse(n ? text : "", n, on_value, &b, &fault)) {
    case TOML_SHIM_OK:
        break;
    case TOML_SHIM_SYNTAX:
        return fail_at(toml, fault.line, fault.column, error, fault.message);
    case TOML_SHIM_KEY:
        return fail_at(toml, fault.line, fault.column, error,
                       "keys are made of letters, digits, - and _");
    case TOML_SHIM_STOPPED:
        return b.code == SLK_E_NOMEM ? slk_fail(error, b.code, "out of memory") : b.code;
    case TOML_SHIM_NOMEM:
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
    if (toml->n)
        qsort(toml->entries, toml->n, sizeof *toml->entries, by_place);
    return SLK_OK;
}

slk_err slk_toml_parse(slk_toml **ret_toml, const char *text, size_t n, const char *name,
                       slk_error *error)
{
    SLK_CLEANUP(slk_toml_freep) slk_toml *toml = slk_calloc(1, sizeof *toml);
    if (!toml || !(toml->name = slk_strdup(name)))
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(fill(toml, text, n, error));
    *ret_toml = toml;
    toml = NULL;
    return SLK_OK;
}

slk_err slk_toml_read(slk_toml **ret_toml, const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, TEXT_MAX_BYTES);
    SLK_TRY(slk_file_read_all(&text, path, error));
    return slk_toml_parse(ret_toml, slk_buf_str(&text), text.len, path, error);
}

void slk_toml_free(slk_toml *toml)
{
    if (!toml)
        return;
    for (size_t i = 0; i < toml->n; i++) {
        slk_free((void *)(uintptr_t)toml->entries[i].key);
        slk_free((void *)(uintptr_t)toml->entries[i].text);
    }
    slk_free(toml->entries);
    slk_free(toml->name);
    slk_free(toml);
}

void slk_toml_freep(slk_toml **toml)
{
    slk_toml_free(*toml);
}

/* ---- looking ---- */

size_t slk_toml_count(const slk_toml *toml)
{
    return toml->n;
}

const slk_toml_entry *slk_toml_at(const slk_toml *toml, size_t index)
{
    slk_assert(index < toml->n);
    return &toml->entries[index];
}

const slk_toml_entry *slk_toml_find(const slk_toml *toml, const char *key)
{
    for (size_t i = 0; i < toml->n; i++)
        if (strcmp(toml->entries[i].key, key) == 0)
            return &toml->entries[i];
    return NULL;
}

static slk_err wrong_kind(const slk_toml *toml, const slk_toml_entry *entry, const char *expected,
                          slk_error *error)
{
    return slk_fail(error, SLK_E_INVAL, "%s:%u:%u: %s must be %s", toml->name, entry->line,
                    entry->column, entry->key, expected);
}

slk_err slk_toml_text(const slk_toml *toml, const char *key, const char **ret_value,
                      slk_error *error)
{
    const slk_toml_entry *entry = slk_toml_find(toml, key);
    if (!entry)
        return SLK_OK;
    if (entry->kind != SLK_TOML_STRING)
        return wrong_kind(toml, entry, "a text in quotes", error);
    *ret_value = entry->text;
    return SLK_OK;
}

slk_err slk_toml_i64(const slk_toml *toml, const char *key, int64_t least, int64_t most,
                     int64_t *ret_value, slk_error *error)
{
    const slk_toml_entry *entry = slk_toml_find(toml, key);
    if (!entry)
        return SLK_OK;
    if (entry->kind != SLK_TOML_INTEGER)
        return wrong_kind(toml, entry, "a whole number", error);
    if (entry->integer < least || entry->integer > most)
        return slk_fail(error, SLK_E_INVAL, "%s:%u:%u: %s must be from %lld to %lld", toml->name,
                        entry->line, entry->column, key, (long long)least, (long long)most);
    *ret_value = entry->integer;
    return SLK_OK;
}

slk_err slk_toml_bool(const slk_toml *toml, const char *key, bool *ret_value, slk_error *error)
{
    const slk_toml_entry *entry = slk_toml_find(toml, key);
    if (!entry)
        return SLK_OK;
    if (entry->kind != SLK_TOML_BOOLEAN)
        return wrong_kind(toml, entry, "true or false", error);
    *ret_value = entry->boolean;
    return SLK_OK;
}

/* ---- unknown keys ---- */

/* Whether key is the known one, whose "[]" stands for any "[digits]". */
static bool key_fits(const char *known, const char *key)
{
    while (*known && *known == *key) {
        bool bracket = *known == '[';
        known++;
        key++;
        if (bracket && *known == ']')
            key += strspn(key, "0123456789");
    }
    return !*known && !*key;
}

/* Edits (insert, remove, replace) that lead from one to the other. */
static size_t distance(const char *a, const char *b)
{
    size_t row[KEY_MAX + 1];
    size_t n = strlen(b);
    if (n > KEY_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            size_t shifted = slk_min_u64(row[j], row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = slk_min_u64(replaced, shifted);
        }
    }
    return row[n];
}

static const char *nearest(const char *key, const char *const *known, size_t n_known)
{
    const char *best = NULL;
    size_t least = 1 + strlen(key) / 3; /* farther ones would only confuse */
    for (size_t i = 0; i < n_known; i++) {
        size_t d = distance(key, known[i]);
        if (d <= least) {
            least = d;
            best = known[i];
        }
    }
    return best;
}

slk_err slk_toml_check_keys(const slk_toml *toml, const char *const *known, size_t n_known,
                            slk_error *error)
{
    for (size_t i = 0; i < toml->n; i++) {
        const slk_toml_entry *entry = &toml->entries[i];
        size_t k = 0;
        while (k < n_known && !key_fits(known[k], entry->key))
            k++;
        if (k < n_known)
            continue;
        const char *near = nearest(entry->key, known, n_known);
        return slk_fail(error, SLK_E_INVAL, "%s:%u:%u: there is no setting %s%s%s%s", toml->name,
                        entry->line, entry->column, entry->key, near ? "; did you mean " : "",
                        near ? near : "", near ? "?" : "");
    }
    return SLK_OK;
}
