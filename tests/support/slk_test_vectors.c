/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "slk_test_vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

void slk_test_vectors_path(char *out, size_t n, const char *name)
{
    const char *folder = getenv("SLK_VECTORS");
    int length = snprintf(out, n, "%s/%s", folder ? folder : SLK_VECTORS_DEFAULT, name);
    if (length < 0 || (size_t)length >= n)
        fail_msg("the path of %s is too long", name);
}

uint8_t *slk_test_vectors_bytes(const char *name, size_t *ret_n)
{
    char path[4096];
    slk_test_vectors_path(path, sizeof path, name);
    gzFile file = gzopen(path, "rb");
    if (!file)
        fail_msg("cannot open %s", path);
    size_t n = 0, capacity = 1u << 16;
    uint8_t *data = NULL;
    for (int got = 1; got > 0;) {
        capacity = data ? capacity * 2 : capacity;
        uint8_t *grown = realloc(data, capacity);
        if (!grown)
            fail_msg("no memory for %s", path);
        data = grown;
        got = gzread(file, data + n, (unsigned)(capacity - n - 1));
        if (got < 0)
            fail_msg("%s is damaged", path);
        n += (size_t)got;
    }
    if (gzclose(file) != Z_OK)
        fail_msg("%s is cut short", path);
    data[n] = 0;
    if (ret_n)
        *ret_n = n;
    return data;
}

json_t *slk_test_vectors_json(const char *name)
{
    size_t n;
    uint8_t *data = slk_test_vectors_bytes(name, &n);
    json_error_t error;
    json_t *json = json_loadb((const char *)data, n, JSON_REJECT_DUPLICATES, &error);
    free(data);
    if (!json)
        fail_msg("%s is not JSON: %s", name, error.text);
    return json;
}

static unsigned digit(const char *text, size_t at)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = text[at] ? strchr(digits, text[at]) : NULL;
    if (!found)
        fail_msg("not hex at %zu: %s", at, text);
    return (unsigned)(found - digits);
}

void slk_test_hex(uint8_t *out, size_t n, const char *text)
{
    if (strlen(text) != 2 * n)
        fail_msg("%zu hex digits where %zu belong", strlen(text), 2 * n);
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(digit(text, 2 * i) << 4 | digit(text, 2 * i + 1));
}

json_t *slk_test_get(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!value)
        fail_msg("the vectors have no \"%s\" here", key);
    return value;
}

const char *slk_test_get_text(const json_t *object, const char *key)
{
    const json_t *value = slk_test_get(object, key);
    if (!json_is_string(value))
        fail_msg("\"%s\" is not text", key);
    return json_string_value(value);
}

int64_t slk_test_get_int(const json_t *object, const char *key)
{
    const json_t *value = slk_test_get(object, key);
    if (!json_is_integer(value))
        fail_msg("\"%s\" is not an integer", key);
    return json_integer_value(value);
}

void slk_test_get_hex(uint8_t *out, size_t n, const json_t *object, const char *key)
{
    slk_test_hex(out, n, slk_test_get_text(object, key));
}

void slk_test_json_bytes(uint8_t *out, size_t n, const json_t *value)
{
    if (json_is_string(value)) {
        slk_test_hex(out, n, json_string_value(value));
        return;
    }
    if (json_array_size(value) != n)
        fail_msg("%zu numbers where %zu belong", json_array_size(value), n);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(value, i);
        json_int_t byte = json_integer_value(item);
        if (!json_is_integer(item) || byte < 0 || byte > 255)
            fail_msg("item %zu is not a byte", i);
        out[i] = (uint8_t)byte;
    }
}
