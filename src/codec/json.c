/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/json.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/base64.h"

#include <string.h>

/* Set by an allocation of jansson that failed on this thread. Its scanner goes on without the character it
 * has no room for, so that a text may seem to be another one: only who allocates knows.
 * source: jansson 2.14, load.c, lex_save. */
static _Thread_local bool lacked;

static void *take(size_t n)
{
    void *p = slk_alloc(n, 1);
    lacked = lacked || p == NULL;
    return p;
}

/* Before main, as json_set_alloc_funcs is for the whole process and looks for no other thread. What jansson
 * hands out is free's to take back, as before. */
__attribute__((constructor)) static void watch_allocations(void)
{
    json_set_alloc_funcs(take, slk_free);
}

typedef struct survey {
    unsigned depth; /* greatest nesting */
    size_t values; /* no fewer than there are */
} survey;

/* jansson's own limits are compiled in and far higher than ours: look before parsing. */
static survey look_over(const char *text, size_t n)
{
    survey s = {.values = 1};
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        in_string = c == '"';
        if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && depth > 0)
            depth--;
        s.values += c == '[' || c == '{' || c == ',';
        s.depth = depth > s.depth ? depth : s.depth;
    }
    return s;
}

static slk_err parse(json_t **ret, const void *text, size_t n, size_t max_bytes, size_t max_values,
                     slk_error *error)
{
    if (n > max_bytes)
        return slk_fail(error, SLK_E_LIMIT, "JSON of %zu bytes, at most %zu are accepted", n,
                        max_bytes);
    if (n == 0)
        return slk_fail(error, SLK_E_INVAL, "JSON is empty");
    const survey found = look_over(text, n);
    if (found.values > max_values)
        return slk_fail(error, SLK_E_LIMIT, "JSON of more than %zu values", max_values);
    if (found.depth > SLK_JSON_MAX_DEPTH)
        return slk_fail(error, SLK_E_INVAL, "JSON is nested more than %u deep", SLK_JSON_MAX_DEPTH);
    json_error_t why;
    lacked = false;
    json_t *value = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (lacked) {
        json_decref(value);
        return slk_fail(error, SLK_E_NOMEM, "no memory to read JSON of %zu bytes", n);
    }
    if (value == NULL) {
        slk_text_quotable(why.text); /* it quotes what could not be read */
        return slk_fail(error, SLK_E_INVAL, "JSON line %d column %d: %s", why.line, why.column,
                        why.text);
    }
    *ret = value;
    return SLK_OK;
}

slk_err slk_json_parse(json_t **ret, const void *text, size_t n, size_t max_bytes, slk_error *error)
{
    return parse(ret, text, n, max_bytes, SIZE_MAX, error);
}

slk_err slk_json_parse_request(json_t **ret, const void *text, size_t n, size_t max_bytes,
                               slk_error *error)
{
    return parse(ret, text, n, max_bytes, SLK_JSON_REQUEST_VALUES, error);
}

struct sink {
    slk_buf *out;
    slk_err code; /* why it takes no more; jansson does not look when it writes a key */
};

static int append(const char *text, size_t n, void *context)
{
    struct sink *sink = context;
    if (sink->code == SLK_OK)
        sink->code = slk_buf_append(sink->out, text, n);
    return sink->code == SLK_OK ? 0 : -1;
}

slk_err slk_json_print(slk_buf *out, const json_t *value)
{
    if (value == NULL)
        return SLK_E_NOMEM;
    size_t before = out->len;
    struct sink sink = {.out = out};
    const bool whole =
        json_dump_callback(value, append, &sink, JSON_COMPACT | JSON_ENCODE_ANY) == 0;
    if (whole && sink.code == SLK_OK)
        return SLK_OK;
    out->len = before;
    return sink.code == SLK_OK ? SLK_E_NOMEM : sink.code;
}

void slk_json_decrefp(json_t **value)
{
    json_decref(*value);
}

json_t *slk_json_member(const json_t *object, const char *field)
{
    json_t *member = json_object_get(object, field);
    return json_is_null(member) ? NULL : member;
}

static slk_err wrong(const char *what, const json_t *value, const char *wanted, slk_error *error)
{
    if (value == NULL)
        return slk_fail(error, SLK_E_INVAL, "%s: missing, %s expected", what, wanted);
    return slk_fail(error, SLK_E_INVAL, "%s: not %s", what, wanted);
}

slk_err slk_json_string(const char **ret, const json_t *object, const char *field, slk_error *error)
{
    json_t *member = slk_json_member(object, field);
    if (!json_is_string(member) || strlen(json_string_value(member)) != json_string_length(member))
        return wrong(field, member, "a string", error);
    *ret = json_string_value(member);
    return SLK_OK;
}

slk_err slk_json_as_i64(int64_t *ret, const json_t *value, const char *what, slk_error *error)
{
    if (!json_is_integer(value))
        return wrong(what, value, "an integer of 64 bits", error);
    *ret = json_integer_value(value);
    return SLK_OK;
}

slk_err slk_json_i64(int64_t *ret, const json_t *object, const char *field, slk_error *error)
{
    return slk_json_as_i64(ret, slk_json_member(object, field), field, error);
}

slk_err slk_json_u64(uint64_t *ret, const json_t *object, const char *field, slk_error *error)
{
    int64_t v;
    SLK_TRY(slk_json_i64(&v, object, field, error));
    if (v < 0)
        return slk_fail(error, SLK_E_INVAL, "%s: negative", field);
    *ret = (uint64_t)v;
    return SLK_OK;
}

slk_err slk_json_bool(bool *ret, const json_t *object, const char *field, slk_error *error)
{
    json_t *member = slk_json_member(object, field);
    if (!json_is_boolean(member))
        return wrong(field, member, "true or false", error);
    *ret = json_is_true(member);
    return SLK_OK;
}

slk_err slk_json_object(json_t **ret, const json_t *object, const char *field, slk_error *error)
{
    json_t *member = slk_json_member(object, field);
    if (!json_is_object(member))
        return wrong(field, member, "an object", error);
    *ret = member;
    return SLK_OK;
}

slk_err slk_json_array(json_t **ret, const json_t *object, const char *field, slk_error *error)
{
    json_t *member = slk_json_member(object, field);
    if (member != NULL && !json_is_array(member))
        return wrong(field, member, "an array", error);
    *ret = member;
    return SLK_OK;
}

slk_err slk_json_as_bigint(slk_bigint *ret, const json_t *value, const char *what, slk_error *error)
{
    if (!json_is_string(value))
        return wrong(what, value, "a decimal string", error);
    slk_err code = slk_bigint_parse(ret, json_string_value(value));
    if (code != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "%s: \"%.40s\" is not an amount", what,
                        json_string_value(value));
    return SLK_OK;
}

slk_err slk_json_bigint(slk_bigint *ret, const json_t *object, const char *field, slk_error *error)
{
    return slk_json_as_bigint(ret, slk_json_member(object, field), field, error);
}

slk_err slk_json_as_bytes(slk_buf *out, const json_t *value, const char *what, slk_error *error)
{
    if (!json_is_string(value))
        return wrong(what, value, "a base64 string", error);
    slk_err code = slk_base64_decode(out, json_string_value(value), json_string_length(value));
    if (code == SLK_E_INVAL)
        return slk_fail(error, code, "%s: not standard base64 with padding", what);
    if (code == SLK_E_LIMIT)
        return slk_fail(error, code, "%s: more than %zu bytes", what, out->max);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "%s: out of memory", what);
}

slk_err slk_json_bytes(slk_buf *out, const json_t *object, const char *field, slk_error *error)
{
    json_t *member = slk_json_member(object, field);
    return member == NULL ? SLK_OK : slk_json_as_bytes(out, member, field, error);
}

slk_err slk_json_hex(uint8_t *out, size_t n, const json_t *object, const char *field,
                     slk_error *error)
{
    const char *text;
    SLK_TRY(slk_json_string(&text, object, field, error));
    if (strlen(text) != 2 * n)
        return slk_fail(error, SLK_E_INVAL, "%s: not %zu hex digits", field, 2 * n);
    SLK_CLEANUP(slk_buf_done) slk_buf decoded;
    slk_buf_init(&decoded, n + 1);
    SLK_TRY(slk_buf_reserve(&decoded, n));
    if (!slk_hex_decode(decoded.data, n, text))
        return slk_fail(error, SLK_E_INVAL, "%s: not %zu hex digits", field, 2 * n);
    memcpy(out, decoded.data, n);
    return SLK_OK;
}

slk_err slk_json_as_cid(slk_cid *ret, const json_t *value, const char *what, slk_error *error)
{
    json_t *text = json_object_get(value, "/");
    if (!json_is_string(text) || json_object_size(value) != 1)
        return wrong(what, value, "a CID {\"/\":\"…\"}", error);
    slk_err code = slk_cid_parse(ret, json_string_value(text), error);
    return code == SLK_OK ? SLK_OK : slk_fail_context(error, code, "%s", what);
}

slk_err slk_json_cid(slk_cid *ret, const json_t *object, const char *field, slk_error *error)
{
    json_t *member = slk_json_member(object, field);
    if (member != NULL)
        return slk_json_as_cid(ret, member, field, error);
    *ret = (slk_cid){0};
    return SLK_OK;
}

json_t *slk_json_new_cid(const slk_cid *cid)
{
    char text[SLK_CID_TEXT_CHARS];
    if (!slk_cid_defined(cid))
        return json_null();
    slk_cid_print(text, cid);
    return json_pack("{s:s}", "/", text);
}

json_t *slk_json_new_bigint(const slk_bigint *v)
{
    char text[SLK_BIGINT_TEXT_CHARS];
    slk_bigint_print(text, v);
    return json_string(text);
}

json_t *slk_json_new_bytes(const uint8_t *in, size_t n)
{
    slk_buf text;
    slk_buf_init(&text, n / 3 * 4 + 8);
    json_t *value = NULL;
    if (slk_base64_encode(&text, in, n) == SLK_OK)
        value = json_stringn(slk_buf_str(&text), text.len);
    slk_buf_done(&text);
    return value;
}
