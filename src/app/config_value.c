/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/config_impl.h"

#include "app/options.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SECRET_MAX_BYTES (16u << 10)
#define AMOUNT_DIGITS_MAX 40u

static const char *const type_words[KEY_TYPE_COUNT] = {
    [KEY_TEXT] = "text",
    [KEY_SECRET] = "text, secret",
    [KEY_LEVEL] = "debug, info, warn or error",
    [KEY_URL] = "URL: https://…",
    [KEY_AMOUNT] = "amount in quotes: \"2000\"",
    [KEY_BOOL] = "true or false",
    [KEY_NUMBER] = "number",
    [KEY_TIME] = "time: 500ms, 30s, 5m, 72h",
    [KEY_NUMBERS] = "list of numbers",
    [KEY_ADDRESSES] = "list of addresses: [\"f01234\", \"f3…\"]",
};

const char *slk_config_type_words(slk_config_type type)
{
    return type_words[type];
}

bool slk_config_is_text(slk_config_type type)
{
    return type <= KEY_AMOUNT;
}

bool slk_config_is_quoted(slk_config_type type)
{
    return slk_config_is_text(type) || type == KEY_TIME;
}

bool slk_config_is_list(slk_config_type type)
{
    return type == KEY_NUMBERS || type == KEY_ADDRESSES;
}

void slk_config_dotted(char *out, const slk_config_key *key, const char *suffix)
{
    (void)snprintf(out, SLK_CONFIG_NAME_CHARS, "%s.%s%s", key->section, key->name, suffix);
}

void slk_config_env(char *out, const slk_config_key *key, const char *suffix)
{
    (void)snprintf(out, SLK_CONFIG_NAME_CHARS, "SELKIE_%s_%s%s", key->section, key->name, suffix);
    for (; *out; out++)
        *out = *out == '.' ? '_' : (char)toupper((unsigned char)*out);
}

/* ---- setting ---- */

static void *member(slk_config *config, const slk_config_key *key)
{
    return (char *)config + key->offset;
}

static bool form_is_right(slk_config_type type, const char *text)
{
    const char *words[] = {"debug", "info", "warn", "error"};
    switch (type) {
    case KEY_LEVEL:
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (strcmp(text, words[i]) == 0)
                return true;
        return false;
    case KEY_URL:
        return !*text || strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
    case KEY_AMOUNT:
        return *text && strlen(text) <= AMOUNT_DIGITS_MAX &&
               strspn(text, "0123456789") == strlen(text);
    case KEY_TEXT:
    case KEY_SECRET:
    case KEY_BOOL:
    case KEY_NUMBER:
    case KEY_TIME:
    case KEY_NUMBERS:
    case KEY_ADDRESSES:
    case KEY_TYPE_COUNT:
        break;
    }
    return true;
}

static slk_err set_text(slk_config *config, const slk_config_key *key, const char *text,
                        const char *where, slk_error *error)
{
    char **at = (char **)member(config, key);
    if (!form_is_right(key->type, text))
        return slk_fail(error, SLK_E_INVAL, "%s: want %s", where, type_words[key->type]);
    char *copy = slk_strdup(text);
    if (!copy)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the configuration");
    slk_free(*at);
    *at = copy;
    return SLK_OK;
}

static slk_err set_number(slk_config *config, const slk_config_key *key, int64_t value,
                          const char *where, slk_error *error)
{
    if (value < key->least || value > key->most)
        return slk_fail(error, SLK_E_INVAL, "%s: want a number from %" PRId64 " to %" PRId64, where,
                        key->least, key->most);
    *(int64_t *)member(config, key) = value;
    return SLK_OK;
}

static slk_err add_number(slk_config *config, const slk_config_key *key, int64_t value,
                          const char *where, slk_error *error)
{
    slk_config_numbers *list = member(config, key);
    if (value < key->least || value > key->most)
        return slk_fail(error, SLK_E_INVAL, "%s: want numbers from %" PRId64 " to %" PRId64, where,
                        key->least, key->most);
    if (list->n == SLK_CONFIG_NUMBERS_MAX)
        return slk_fail(error, SLK_E_INVAL, "%s: more than %u numbers", where,
                        SLK_CONFIG_NUMBERS_MAX);
    list->value[list->n++] = value;
    return SLK_OK;
}

static slk_err add_address(slk_config *config, const slk_config_key *key, const char *text,
                           const char *where, slk_error *error)
{
    slk_config_addresses *list = member(config, key);
    slk_address address;
    if (slk_address_parse(&address, text, NULL) != SLK_OK || !slk_address_defined(&address))
        return slk_fail(error, SLK_E_INVAL, "%s: want addresses such as f01234, f1… or f3…", where);
    if (list->n == SLK_CONFIG_ADDRESSES_MAX)
        return slk_fail(error, SLK_E_INVAL, "%s: more than %u addresses", where,
                        SLK_CONFIG_ADDRESSES_MAX);
    (void)snprintf(list->text[list->n++], sizeof *list->text, "%s", text);
    return SLK_OK;
}

void slk_config_time_text(char *out, size_t size, int64_t ms)
{
    const int64_t hour = INT64_C(3600000);
    if (ms % hour == 0)
        (void)snprintf(out, size, "%" PRId64 "h", ms / hour);
    else if (ms % 60000 == 0)
        (void)snprintf(out, size, "%" PRId64 "m", ms / 60000);
    else if (ms % 1000 == 0)
        (void)snprintf(out, size, "%" PRId64 "s", ms / 1000);
    else
        (void)snprintf(out, size, "%" PRId64 "ms", ms);
}

static slk_err set_time(slk_config *config, const slk_config_key *key, const char *text,
                        const char *where, slk_error *error)
{
    uint64_t ms = 0;
    char least[32], most[32];
    if (*text && (slk_parse_duration(&ms, text) != SLK_OK || ms > INT64_MAX / 2))
        return slk_fail(error, SLK_E_INVAL, "%s: want a time such as 500ms, 30s, 5m or 72h", where);
    const int64_t value = (int64_t)ms;
    slk_config_time_text(least, sizeof least, key->least);
    slk_config_time_text(most, sizeof most, key->most);
    if (key->most > 0 && (value < key->least || value > key->most))
        return slk_fail(error, SLK_E_INVAL, "%s: want a time from %s to %s", where, least, most);
    *(int64_t *)member(config, key) = value;
    return SLK_OK;
}

/* "[5, 6]" or "5,6", as defaults and the environment have it. */
static slk_err set_numbers(slk_config *config, const slk_config_key *key, const char *text,
                           const char *where, slk_error *error)
{
    slk_config_numbers *list = member(config, key);
    list->n = 0;
    while (*text) {
        const size_t gap = strspn(text, "[], ");
        const size_t n = strcspn(text + gap, "[], ");
        char word[24];
        if (n >= sizeof word)
            return slk_fail(error, SLK_E_INVAL, "%s: want a list of numbers", where);
        memcpy(word, text + gap, n);
        word[n] = 0;
        int64_t value;
        if (n > 0 && slk_parse_i64(&value, word) != SLK_OK)
            return slk_fail(error, SLK_E_INVAL, "%s: want a list of numbers", where);
        if (n > 0)
            SLK_TRY(add_number(config, key, value, where, error));
        text += gap + n;
    }
    return SLK_OK;
}

/* `["f01234", "f3…"]` or "f01234,f3…". */
static slk_err set_addresses(slk_config *config, const slk_config_key *key, const char *text,
                             const char *where, slk_error *error)
{
    static const char gaps[] = "[]\", ";
    slk_config_addresses *list = member(config, key);
    list->n = 0;
    for (text += strspn(text, gaps); *text; text += strspn(text, gaps)) {
        char word[SLK_ADDRESS_TEXT_CHARS];
        const size_t n = strcspn(text, gaps);
        (void)snprintf(word, sizeof word, "%.*s", (int)slk_min_u64(n, INT_MAX), text);
        SLK_TRY(add_address(config, key, n < sizeof word ? word : "", where, error));
        text += n;
    }
    return SLK_OK;
}

slk_err slk_config_set(slk_config *config, const slk_config_key *key, const char *text,
                       const char *where, slk_error *error)
{
    int64_t number = 0;
    switch (key->type) {
    case KEY_TEXT:
    case KEY_SECRET:
    case KEY_LEVEL:
    case KEY_URL:
    case KEY_AMOUNT:
        return set_text(config, key, text, where, error);
    case KEY_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return slk_fail(error, SLK_E_INVAL, "%s: want true or false", where);
        *(bool *)member(config, key) = *text == 't';
        return SLK_OK;
    case KEY_NUMBER:
        if (slk_parse_i64(&number, text) != SLK_OK)
            return slk_fail(error, SLK_E_INVAL, "%s: want a number", where);
        return set_number(config, key, number, where, error);
    case KEY_TIME:
        return set_time(config, key, text, where, error);
    case KEY_NUMBERS:
        return set_numbers(config, key, text, where, error);
    case KEY_ADDRESSES:
        return set_addresses(config, key, text, where, error);
    case KEY_TYPE_COUNT:
        break;
    }
    slk_assert(!"known type");
    return SLK_E_INTERNAL;
}

slk_err slk_config_set_entry(slk_config *config, const slk_config_key *key,
                             const slk_toml_entry *entry, const char *where, slk_error *error)
{
    const bool text = slk_config_is_quoted(key->type) || key->type == KEY_ADDRESSES;
    const slk_toml_kind wanted = key->type == KEY_BOOL ? SLK_TOML_BOOLEAN
                                 : text                ? SLK_TOML_STRING
                                                       : SLK_TOML_INTEGER;
    if (entry->kind != wanted)
        return slk_fail(error, SLK_E_INVAL, "%s: want %s", where, type_words[key->type]);
    if (key->type == KEY_BOOL)
        *(bool *)member(config, key) = entry->boolean;
    else if (key->type == KEY_NUMBER)
        return set_number(config, key, entry->integer, where, error);
    else if (key->type == KEY_NUMBERS)
        return add_number(config, key, entry->integer, where, error);
    else if (key->type == KEY_ADDRESSES)
        return add_address(config, key, entry->text, where, error);
    else
        return slk_config_set(config, key, entry->text, where, error);
    return SLK_OK;
}

slk_err slk_config_set_from_file(slk_config *config, const slk_config_key *key, const char *path,
                                 const char *where, slk_error *error)
{
    struct stat info;
    if (!*path)
        return SLK_OK;
    if (stat(path, &info) == 0 && (info.st_mode & S_IROTH) != 0)
        return slk_fail(error, SLK_E_INVAL,
                        "%s: everybody may read %s, which holds a secret; `chmod 600 %s`", where,
                        path, path);
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SECRET_MAX_BYTES);
    const slk_err read = slk_file_read_all(&text, path, error);
    if (read != SLK_OK)
        return slk_fail_context(error, read, "%s", where);
    while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]))
        text.data[--text.len] = 0;
    const slk_err code = set_text(config, key, slk_buf_str(&text), where, error);
    if (text.len > 0)
        slk_bytes_wipe(text.data, text.len);
    return code;
}

/* ---- printing ---- */

slk_err slk_config_print_text(slk_buf *out, const char *text)
{
    SLK_TRY(slk_buf_byte(out, '"'));
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            SLK_TRY(slk_buf_printf(out, "\\%c", c));
        else if (c < ' ' || c == 127)
            SLK_TRY(slk_buf_printf(out, "\\u%04x", c));
        else
            SLK_TRY(slk_buf_byte(out, c));
    }
    return slk_buf_byte(out, '"');
}

static slk_err print_numbers(slk_buf *out, const slk_config_numbers *list)
{
    SLK_TRY(slk_buf_byte(out, '['));
    for (size_t i = 0; i < list->n; i++)
        SLK_TRY(slk_buf_printf(out, "%s%" PRId64, i ? ", " : "", list->value[i]));
    return slk_buf_byte(out, ']');
}

static slk_err print_addresses(slk_buf *out, const slk_config_addresses *list)
{
    SLK_TRY(slk_buf_byte(out, '['));
    for (size_t i = 0; i < list->n; i++) {
        SLK_TRY(slk_buf_text(out, i ? ", " : ""));
        SLK_TRY(slk_config_print_text(out, list->text[i]));
    }
    return slk_buf_byte(out, ']');
}

slk_err slk_config_print_value(slk_buf *out, const slk_config *config, const slk_config_key *key)
{
    const void *at = (const char *)config + key->offset;
    char time[32] = "";
    switch (key->type) {
    case KEY_TEXT:
    case KEY_SECRET:
    case KEY_LEVEL:
    case KEY_URL:
    case KEY_AMOUNT:
        return slk_config_print_text(out, *(char *const *)at);
    case KEY_BOOL:
        return slk_buf_text(out, *(const bool *)at ? "true" : "false");
    case KEY_NUMBER:
        return slk_buf_printf(out, "%" PRId64, *(const int64_t *)at);
    case KEY_TIME:
        if (*(const int64_t *)at > 0)
            slk_config_time_text(time, sizeof time, *(const int64_t *)at);
        return slk_config_print_text(out, time);
    case KEY_NUMBERS:
        return print_numbers(out, at);
    case KEY_ADDRESSES:
        return print_addresses(out, at);
    case KEY_TYPE_COUNT:
        break;
    }
    slk_assert(!"known type");
    return SLK_E_INTERNAL;
}
