/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "lotus/lotus_impl.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "codec/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

slk_err slk_lotus_get_u64(uint64_t *ret, const json_t *object, const char *field, slk_error *error)
{
    *ret = 0;
    return slk_json_member(object, field) == NULL ? SLK_OK
                                                  : slk_json_u64(ret, object, field, error);
}

slk_err slk_lotus_get_i64(int64_t *ret, const json_t *object, const char *field, slk_error *error)
{
    *ret = 0;
    return slk_json_member(object, field) == NULL ? SLK_OK
                                                  : slk_json_i64(ret, object, field, error);
}

slk_err slk_lotus_get_bool(bool *ret, const json_t *object, const char *field, slk_error *error)
{
    *ret = false;
    return slk_json_member(object, field) == NULL ? SLK_OK
                                                  : slk_json_bool(ret, object, field, error);
}

#define NUMBER_MAX 1e9

slk_err slk_lotus_get_number(double *ret, const json_t *object, const char *field, slk_error *error)
{
    const json_t *member = slk_json_member(object, field);
    const double number = json_number_value(member); /* 0 of NULL */
    if (member != NULL && (!json_is_number(member) || !(number >= 0 && number <= NUMBER_MAX)))
        return slk_fail(error, SLK_E_INVAL, "%s: not a number from 0 to a thousand million", field);
    *ret = number;
    return SLK_OK;
}

static slk_err get_text(const char **ret, const json_t *object, const char *field, slk_error *error)
{
    *ret = "";
    return slk_json_member(object, field) == NULL ? SLK_OK
                                                  : slk_json_string(ret, object, field, error);
}

slk_err slk_lotus_get_text(char *out, size_t n, const json_t *object, const char *field,
                           slk_error *error)
{
    const char *text;
    SLK_TRY(get_text(&text, object, field, error));
    if (strlen(text) >= n)
        return slk_fail(error, SLK_E_INVAL, "%s: longer than %zu bytes", field, n - 1);
    (void)snprintf(out, n, "%s", text);
    return SLK_OK;
}

slk_err slk_lotus_get_sentence(char *out, size_t n, const json_t *object, const char *field,
                               slk_error *error)
{
    const char *text;
    SLK_TRY(get_text(&text, object, field, error));
    (void)snprintf(out, n, "%s", text);
    slk_text_mend(out);
    return SLK_OK;
}

slk_err slk_lotus_get_uuid(char *out, const json_t *object, const char *field, slk_error *error)
{
    const char *text;
    SLK_TRY(slk_json_string(&text, object, field, error));
    if (!slk_uuid_is(text))
        return slk_fail(error, SLK_E_INVAL, "%s: not a UUID in lower case", field);
    memcpy(out, text, SLK_UUID_CHARS);
    return SLK_OK;
}

json_t *slk_lotus_number_json(double number)
{
    return floor(number) == number && number <= NUMBER_MAX ? json_integer((json_int_t)number)
                                                           : json_real(number);
}

json_t *slk_lotus_text_json(const char *text)
{
    SLK_CLEANUP(slk_freep) char *copy = slk_strdup(text);
    if (copy == NULL)
        return NULL;
    slk_text_mend(copy);
    return json_string(copy);
}

slk_err slk_lotus_get_list(void **ret_items, size_t *ret_n, const json_t *value, size_t max,
                           size_t bytes, slk_lotus_read_one *read, slk_lotus_done_one *done,
                           slk_error *error)
{
    const size_t n = json_array_size(value);
    if (value != NULL && !json_is_null(value) && !json_is_array(value))
        return slk_fail(error, SLK_E_INVAL, "not an array");
    if (n > max)
        return slk_fail(error, SLK_E_INVAL, "%zu elements, at most %zu are accepted", n, max);
    *ret_items = NULL;
    *ret_n = n;
    if (n == 0)
        return SLK_OK;
    uint8_t *items = slk_calloc(n, bytes);
    slk_err code = items != NULL ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory");
    for (size_t i = 0; i < n && code == SLK_OK; i++) {
        code = read(items + i * bytes, json_array_get(value, i), error);
        if (code == SLK_OK)
            continue;
        code = slk_fail_context(error, code, "[%zu]", i);
        for (size_t k = 0; k < i && done != NULL; k++)
            done(items + k * bytes);
    }
    if (code == SLK_OK)
        *ret_items = items;
    else
        slk_free(items);
    return code;
}

json_t *slk_lotus_list_json(const void *items, size_t n, size_t bytes, slk_lotus_json_one *json)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n && list != NULL; i++)
        if (json_array_append_new(list, json((const uint8_t *)items + i * bytes)) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

slk_err slk_lotus_named(slk_err code, const char *what, slk_error *error)
{
    return code == SLK_OK ? SLK_OK : slk_fail_context(error, code, "%s", what);
}
