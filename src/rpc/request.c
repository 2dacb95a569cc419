/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A body as values. Strings too long to be values are cut out before the JSON reader sees it: in their
 * place stands a mark, a control character and a number. */
#include "rpc/server_impl.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/outfile.h"
#include "codec/base64.h"
#include "codec/json.h"

#include <stdio.h>
#include <string.h>

#define REST_MAX_BYTES ((size_t)4 << 20)
#define TEXTS_MAX ((size_t)1024)
#define MARK '\x01'
#define PIECE_CHARS ((size_t)1 << 18) /* of base64, a multiple of 4 */

/* ---- reading ---- */

/* The quote that ends the string begun before at; NULL when none does. */
static const char *end_of_string(const char *at, const char *end)
{
    const char *begin = at;
    while ((at = memchr(at, '"', (size_t)(end - at)))) {
        const char *slash = at;
        while (slash > begin && slash[-1] == '\\')
            slash--;
        if ((at - slash) % 2 == 0)
            return at;
        at++;
    }
    return NULL;
}

static slk_err keep_text(slk_rpc_request *request, const char *text, size_t n, slk_error *error)
{
    if (request->n_texts == TEXTS_MAX)
        return slk_fail(error, SLK_E_LIMIT, "more than %zu long strings", TEXTS_MAX);
    rpc_text *more = slk_realloc(request->texts, request->n_texts + 1, sizeof *more);
    if (!more)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a request");
    request->texts = more;
    more[request->n_texts++] = (rpc_text){text, n};
    return SLK_OK;
}

static slk_err append_rest(slk_buf *rest, const char *text, size_t n, slk_error *error)
{
    const slk_err code = slk_buf_append(rest, text, n);
    if (code == SLK_E_LIMIT)
        return slk_fail(error, code, "JSON of more than %zu bytes beside long strings", rest->max);
    return code == SLK_OK ? code : slk_fail(error, code, "out of memory for a request");
}

/* rest: the body with marks. */
static slk_err cut_out(slk_rpc_request *request, slk_buf *rest, const char *body, size_t n,
                       size_t text_bytes, slk_error *error)
{
    const char *end = body + n, *at = body, *copied = body;
    while (at < end && (at = memchr(at, '"', (size_t)(end - at)))) {
        const char *text = at + 1, *close = end_of_string(text, end);
        if (!close)
            break; /* the JSON reader says what is wrong */
        at = close + 1;
        if ((size_t)(close - text) <= text_bytes)
            continue;
        char mark[32];
        (void)snprintf(mark, sizeof mark, "\\u%04x%zu", (unsigned)MARK, request->n_texts);
        SLK_TRY(keep_text(request, text, (size_t)(close - text), error));
        SLK_TRY(append_rest(rest, copied, (size_t)(text - copied), error));
        SLK_TRY(append_rest(rest, mark, strlen(mark), error));
        copied = close;
    }
    if (request->n_texts == 0)
        return SLK_OK;
    return append_rest(rest, copied, (size_t)(end - copied), error);
}

slk_err slk_rpc_request_read(slk_rpc_request *request, const char *body, size_t n,
                             size_t text_bytes, bool stranger, slk_error *error)
{
    *request = (slk_rpc_request){0};
    if (stranger)
        return slk_json_parse_request(&request->root, body, n, STRANGER_BODY_MAX_BYTES, error);
    if (text_bytes == SIZE_MAX)
        return slk_json_parse(&request->root, body, n, SLK_RPC_BODY_MAX_BYTES, error);
    SLK_CLEANUP(slk_buf_done) slk_buf rest;
    slk_buf_init(&rest, REST_MAX_BYTES);
    SLK_TRY(cut_out(request, &rest, body, n, text_bytes, error));
    if (request->n_texts == 0)
        return slk_json_parse(&request->root, body, n, REST_MAX_BYTES, error);
    return slk_json_parse(&request->root, rest.data, rest.len, REST_MAX_BYTES, error);
}

void slk_rpc_request_done(slk_rpc_request *request)
{
    json_decref(request->root);
    slk_free(request->texts);
    *request = (slk_rpc_request){0};
}

/* ---- for handlers ---- */

/* The long string that a mark stands for; NULL: the value is what it is. */
static const rpc_text *find_text(const slk_rpc_request *request, const char *value)
{
    uint64_t index = 0;
    if (value[0] != MARK || slk_parse_u64(&index, value + 1) != SLK_OK || index >= request->n_texts)
        return NULL;
    return &request->texts[index];
}

slk_err slk_rpc_give(json_t **ret_result, json_t *value, slk_error *error)
{
    if (!value)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for an answer");
    *ret_result = value;
    return SLK_OK;
}

slk_err slk_rpc_flag(bool *ret, const slk_rpc_call *call, size_t index, slk_error *error)
{
    const json_t *value = json_array_get(call->params, index);
    if (!json_is_boolean(value))
        return slk_rpc_bad_param(call, index, "true or false", error);
    *ret = json_is_true(value);
    return SLK_OK;
}

bool slk_rpc_text(const slk_rpc_call *call, const json_t *value, const char **ret_text,
                  size_t *ret_n)
{
    const char *text = json_string_value(value);
    if (!text)
        return false;
    const rpc_text *found = find_text(call->request, text);
    *ret_text = found ? found->text : text;
    *ret_n = found ? found->n : json_string_length(value);
    return true;
}

static slk_err no_base64(slk_error *error)
{
    return slk_fail(error, SLK_E_INVAL, "a string of base64 is expected");
}

static slk_err write_pieces(const slk_outfile *file, slk_buf *piece, const char *text, size_t n,
                            slk_error *error)
{
    uint64_t offset = 0;
    for (size_t at = 0; at < n; at += PIECE_CHARS) {
        const bool last = n - at <= PIECE_CHARS;
        slk_buf_reset(piece);
        const slk_err code = slk_base64_decode(piece, text + at, last ? n - at : PIECE_CHARS);
        /* Padding belongs at the end of all. */
        if (code == SLK_E_INVAL || (!last && piece->len != PIECE_CHARS / 4 * 3))
            return no_base64(error);
        if (code != SLK_OK)
            return slk_fail(error, code, "out of memory");
        SLK_TRY(slk_outfile_write(file, piece->data, piece->len, offset, error));
        offset += piece->len;
    }
    return SLK_OK;
}

slk_err slk_rpc_bytes_to_file(const slk_rpc_call *call, const json_t *value, const char *path,
                              slk_error *error)
{
    SLK_CLEANUP(slk_outfile_done) slk_outfile file = SLK_OUTFILE_NONE;
    SLK_CLEANUP(slk_buf_done) slk_buf piece;
    const char *text = "";
    size_t n = 0;
    slk_buf_init(&piece, PIECE_CHARS);
    if (!json_is_null(value) && !slk_rpc_text(call, value, &text, &n))
        return no_base64(error);
    SLK_TRY(slk_outfile_open(&file, path, NULL, 0, error));
    SLK_TRY(write_pieces(&file, &piece, text, n, error));
    return slk_outfile_commit(&file, error);
}

slk_err slk_rpc_fault(const slk_rpc_call *call, int code, slk_error *error, const char *format, ...)
{
    char text[sizeof error->message];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    call->request->fault = code;
    return slk_fail(error, SLK_E_INVAL, "%s", text);
}

slk_err slk_rpc_bad_param(const slk_rpc_call *call, size_t index, const char *wanted,
                          slk_error *error)
{
    return slk_rpc_fault(call, CODE_PARSE, error,
                         "unmarshaling params for '%s': parameter %zu: %s expected", call->method,
                         index, wanted);
}

slk_err slk_rpc_bad_param_error(const slk_rpc_call *call, size_t index, slk_error *error)
{
    call->request->fault = CODE_PARSE;
    return slk_fail_context(error, SLK_E_INVAL, "unmarshaling params for '%s': parameter %zu",
                            call->method, index);
}
