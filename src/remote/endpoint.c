/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/endpoint.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

slk_err slk_endpoint_read(void *ret_message, const slk_wire_type *type,
                          const slk_http_exchange *exchange, slk_error *error)
{
    const char *content_type = slk_http_header_value(exchange, "Content-Type");
    if (!content_type || strcmp(content_type, "application/json") != 0)
        return slk_fail(error, SLK_E_INVAL, "Content-Type must be application/json");
    size_t n = 0;
    const char *body = slk_http_body(exchange, &n);
    const slk_err code = slk_wire_read(ret_message, type, body, n, error);
    if (code == SLK_E_NOMEM)
        return code;
    if (code != SLK_OK)
        return slk_fail_context(error, SLK_E_INVAL, "invalid request body");
    return SLK_OK;
}

slk_err slk_endpoint_reply(slk_http_exchange *exchange, const slk_wire_type *type,
                           const void *message, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf json;
    slk_buf_init(&json, SLK_WIRE_BODY_MAX_BYTES);
    if (slk_wire_print(&json, type, message) != SLK_OK || slk_buf_byte(&json, '\n') != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for an answer");
    return slk_http_reply_json(exchange, 200, slk_buf_str(&json));
}

const char *slk_endpoint_token(const slk_http_exchange *exchange, const char *in_body)
{
    if (in_body && *in_body)
        return in_body;
    const char *token = slk_http_bearer(exchange);
    if (!token)
        token = slk_http_query(exchange, "token");
    return token ? token : "";
}

slk_err slk_endpoint_sector(uint64_t *ret_sp_id, uint64_t *ret_number, int64_t sp_id,
                            int64_t number, slk_error *error)
{
    if (sp_id < 0 || number < 0)
        return slk_fail(error, SLK_E_INVAL, "sp_id and sector_number must not be negative");
    *ret_sp_id = (uint64_t)sp_id;
    *ret_number = (uint64_t)number;
    return SLK_OK;
}

slk_err slk_endpoint_hide_sector(slk_err code, slk_error *error)
{
    return code == SLK_E_NOTFOUND ? slk_fail(error, code, "sector not found") : code;
}

void slk_endpoint_log(const slk_http_exchange *exchange, slk_err code, const slk_error *error)
{
    if (code == SLK_E_AUTH || code == SLK_E_INVAL || code == SLK_E_NOTFOUND || code == SLK_E_BUSY)
        return;
    slk_log(SLK_LOG_WARN, "remote.refused", "path=%s peer=%s code=%s why=\"%s\"",
            slk_http_path(exchange), slk_http_peer(exchange), slk_err_name(code),
            slk_error_text(error, code));
}
