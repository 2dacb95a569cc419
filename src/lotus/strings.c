/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "lotus/strings.h"

#include "base/mem.h"
#include "codec/json.h"
#include "lotus/lotus_impl.h"

#include <string.h>

void slk_lotus_strings_done(slk_lotus_strings *list)
{
    for (size_t i = 0; i < list->n; i++)
        slk_free(list->item[i]);
    slk_free(list->item);
    *list = (slk_lotus_strings){0};
}

bool slk_lotus_strings_has(const slk_lotus_strings *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->item[i], text) == 0)
            return true;
    return false;
}

bool slk_lotus_strings_meet(const slk_lotus_strings *a, const slk_lotus_strings *b)
{
    for (size_t i = 0; i < a->n; i++)
        if (slk_lotus_strings_has(b, a->item[i]))
            return true;
    return false;
}

slk_err slk_lotus_strings_add(slk_lotus_strings *list, const char *text)
{
    if (slk_lotus_strings_has(list, text))
        return SLK_OK;
    if (list->n == SLK_LOTUS_STRINGS_MAX || strlen(text) >= SLK_LOTUS_STRING_CHARS)
        return SLK_E_LIMIT;
    char **grown = slk_realloc(list->item, list->n + 1, sizeof *list->item);
    if (grown == NULL)
        return SLK_E_NOMEM;
    list->item = grown;
    grown[list->n] = slk_strdup(text);
    if (grown[list->n] == NULL)
        return SLK_E_NOMEM;
    list->n++;
    return SLK_OK;
}

void slk_lotus_strings_remove(slk_lotus_strings *list, const char *text)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->item[i], text) == 0)
            slk_free(list->item[i]);
        else
            list->item[kept++] = list->item[i];
    list->n = kept;
}

slk_err slk_lotus_strings_copy(slk_lotus_strings *ret_copy, const slk_lotus_strings *list)
{
    slk_lotus_strings copy = {0};
    for (size_t i = 0; i < list->n; i++) {
        slk_err code = slk_lotus_strings_add(&copy, list->item[i]);
        if (code != SLK_OK) {
            slk_lotus_strings_done(&copy);
            return code;
        }
    }
    *ret_copy = copy;
    return SLK_OK;
}

static slk_err add_value(slk_lotus_strings *list, const json_t *value, slk_error *error)
{
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) != json_string_length(value))
        return slk_fail(error, SLK_E_INVAL, "not a text");
    slk_err code = slk_lotus_strings_add(list, text);
    if (code == SLK_E_LIMIT)
        return slk_fail(error, SLK_E_INVAL, "more than %u texts, or one of more than %u bytes",
                        SLK_LOTUS_STRINGS_MAX, SLK_LOTUS_STRING_CHARS - 1);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "out of memory");
}

slk_err slk_lotus_strings_read(slk_lotus_strings *ret_list, const json_t *object, const char *field,
                               slk_error *error)
{
    json_t *array;
    slk_lotus_strings list = {0};
    SLK_TRY(slk_json_array(&array, object, field, error));
    for (size_t i = 0; i < json_array_size(array); i++) {
        slk_err code = add_value(&list, json_array_get(array, i), error);
        if (code != SLK_OK) {
            slk_lotus_strings_done(&list);
            return slk_fail_context(error, code, "%s[%zu]", field, i);
        }
    }
    *ret_list = list;
    return SLK_OK;
}

static json_t *json_one(const void *one)
{
    char *const *text = one;
    return slk_lotus_text_json(*text);
}

json_t *slk_lotus_strings_json(const slk_lotus_strings *list)
{
    return list->n == 0 ? json_null()
                        : slk_lotus_list_json(list->item, list->n, sizeof *list->item, json_one);
}
