/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The two files that keep storage paths. */
#include "lotus/storage.h"

#include "base/mem.h"
#include "codec/json.h"
#include "lotus/lotus_impl.h"
#include "lotus/storage_impl.h"

void slk_lotus_meta_done(slk_lotus_meta *meta)
{
    slk_lotus_filter_done(&meta->filter);
}

static slk_err read_meta(slk_lotus_meta *meta, const json_t *value, slk_error *error)
{
    SLK_TRY(slk_lotus_get_uuid(meta->id, value, "ID", error));
    SLK_TRY(slk_lotus_get_u64(&meta->weight, value, "Weight", error));
    SLK_TRY(slk_lotus_get_bool(&meta->can_seal, value, "CanSeal", error));
    SLK_TRY(slk_lotus_get_bool(&meta->can_store, value, "CanStore", error));
    SLK_TRY(slk_lotus_get_u64(&meta->max_storage, value, "MaxStorage", error));
    return slk_lotus_filter_read(&meta->filter, value, error);
}

slk_err slk_lotus_meta_parse(slk_lotus_meta *ret_meta, const void *text, size_t n, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    slk_lotus_meta meta = {0};
    slk_err code = slk_json_parse(&value, text, n, SLK_LOTUS_META_MAX_BYTES, error);
    if (code == SLK_OK)
        code = read_meta(&meta, value, error);
    if (code == SLK_OK)
        *ret_meta = meta;
    return slk_lotus_named(code, SLK_LOTUS_META_FILE, error);
}

/* Indented, as the files are looked at and changed by people. */
static slk_err print_file(slk_buf *out, const json_t *value)
{
    if (value == NULL)
        return SLK_E_NOMEM;
    char *text = json_dumps(value, JSON_INDENT(2));
    const size_t before = out->len;
    slk_err code = text == NULL ? SLK_E_NOMEM : slk_buf_text(out, text);
    if (code == SLK_OK)
        code = slk_buf_byte(out, '\n');
    if (code != SLK_OK)
        out->len = before;
    slk_free(text);
    return code;
}

slk_err slk_lotus_meta_print(slk_buf *out, const slk_lotus_meta *meta)
{
    SLK_CLEANUP(slk_json_decrefp)
    json_t *value = json_pack("{s:s, s:I, s:b, s:b, s:I}", "ID", meta->id, "Weight",
                              (json_int_t)meta->weight, "CanSeal", meta->can_seal, "CanStore",
                              meta->can_store, "MaxStorage", (json_int_t)meta->max_storage);
    if (value == NULL || !slk_lotus_filter_add_json(value, &meta->filter))
        return SLK_E_NOMEM;
    return print_file(out, value);
}

static slk_err add_path(slk_lotus_strings *paths, const json_t *entry, slk_error *error)
{
    const char *path;
    SLK_TRY(slk_json_string(&path, entry, "Path", error));
    if (path[0] != '/')
        return slk_fail(error, SLK_E_INVAL, "Path: \"%.100s\" is not absolute", path);
    if (slk_lotus_strings_has(paths, path))
        return slk_fail(error, SLK_E_INVAL, "Path: \"%.100s\" occurs twice", path);
    slk_err code = slk_lotus_strings_add(paths, path);
    if (code == SLK_E_LIMIT)
        return slk_fail(error, SLK_E_INVAL, "more than %u paths, or one of more than %u bytes",
                        SLK_LOTUS_STRINGS_MAX, SLK_LOTUS_STRING_CHARS - 1);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "out of memory");
}

slk_err slk_lotus_storage_parse(slk_lotus_strings *ret_paths, const void *text, size_t n,
                                slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    json_t *list = NULL;
    slk_lotus_strings paths = {0};
    slk_err code = slk_json_parse(&value, text, n, SLK_LOTUS_STORAGE_MAX_BYTES, error);
    if (code == SLK_OK)
        code = slk_json_array(&list, value, "StoragePaths", error);
    for (size_t i = 0; i < json_array_size(list) && code == SLK_OK; i++)
        code = add_path(&paths, json_array_get(list, i), error);
    if (code == SLK_OK)
        *ret_paths = paths;
    else
        slk_lotus_strings_done(&paths);
    return slk_lotus_named(code, SLK_LOTUS_STORAGE_FILE, error);
}

static json_t *path_json(const void *one)
{
    char *const *path = one;
    return json_pack("{s:s}", "Path", *path);
}

slk_err slk_lotus_storage_print(slk_buf *out, const slk_lotus_strings *paths)
{
    SLK_CLEANUP(slk_json_decrefp)
    json_t *value =
        json_pack("{s:o}", "StoragePaths",
                  slk_lotus_list_json(paths->item, paths->n, sizeof *paths->item, path_json));
    return print_file(out, value);
}
