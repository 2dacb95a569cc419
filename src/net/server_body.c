/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The body of a request: who may send it, where it goes, and what is done when it is here. */
#include "net/server_impl.h"

#include "base/num.h"

#define BODY_BYTES_PER_MS 16u /* least rate of an upload beyond the first deadline */
#define STREAM_DEADLINES 6 /* what a fast sender of a stream may save up, in first deadlines */

enum MHD_Result slk_http_refuse(slk_http_exchange *exchange, int status, const char *reason)
{
    exchange->close_after = true;
    slk_err code = slk_http_reply_error(exchange, status, slk_err_name(SLK_E_INVAL), "%s", reason);
    return code == SLK_OK ? MHD_YES : MHD_NO;
}

static uint64_t announced_body(const slk_http_exchange *exchange)
{
    const char *text = slk_http_header_value(exchange, "Content-Length");
    uint64_t n = 0;
    return text && slk_parse_u64(&n, text) == SLK_OK ? n : 0;
}

bool slk_http_has_body(const slk_http_exchange *exchange)
{
    return announced_body(exchange) > 0 || slk_http_header_value(exchange, "Transfer-Encoding");
}

void slk_http_limit_body(slk_http_exchange *exchange, size_t max_bytes)
{
    if (max_bytes < exchange->body_max)
        exchange->body_max = max_bytes;
}

/* Runs one of the route's functions that may reply; a failure without a reply is replied to. */
static slk_err ask(slk_http_exchange *exchange, slk_http_handler *handler, bool must_reply)
{
    slk_error error = {0};
    slk_err code = handler(exchange->route->context, exchange, &error);
    slk_http_on_leave(exchange, NULL, NULL);
    if (exchange->replied || (code == SLK_OK && !must_reply))
        return SLK_OK;
    return slk_http_reply_failure(exchange, code == SLK_OK ? SLK_E_INTERNAL : code, &error);
}

/* Whether the body is too large, and that has been answered. */
static bool refuse_large(slk_http_exchange *exchange, enum MHD_Result *ret_result)
{
    if (announced_body(exchange) <= exchange->body_max)
        return false;
    exchange->close_after = true;
    if (exchange->route->too_large)
        *ret_result = ask(exchange, exchange->route->too_large, true) == SLK_OK ? MHD_YES : MHD_NO;
    else
        *ret_result = slk_http_refuse(exchange, 413, "the body is larger than allowed here");
    return true;
}

/* Asks who may send it. *ret_result is set when that was answered. */
static bool refuse_guest(slk_http_exchange *exchange, enum MHD_Result *ret_result)
{
    if (!exchange->route->admit)
        return false;
    slk_http_watch_deadline(exchange->server, exchange->connection, 0);
    *ret_result = ask(exchange, exchange->route->admit, false) == SLK_OK ? MHD_YES : MHD_NO;
    return exchange->replied || *ret_result == MHD_NO;
}

enum MHD_Result slk_http_body_begin(slk_http_exchange *exchange)
{
    enum MHD_Result result = MHD_YES;
    const size_t max = exchange->route->max_body_bytes;
    exchange->body_max = max ? max : SLK_HTTP_JSON_MAX_BYTES;
    /* Without a body there is nothing to keep out, and MHD closes after a reply this early. */
    if (slk_http_has_body(exchange)) {
        exchange->close_after = true;
        if (refuse_guest(exchange, &result) || refuse_large(exchange, &result))
            return result;
        exchange->close_after = false;
        exchange->admitted = true;
    }
    slk_spool_init(&exchange->body, exchange->route->take ? 0 : exchange->body_max,
                   exchange->server->options.spool_folder);
    slk_http_watch_deadline(exchange->server, exchange->connection,
                            exchange->server->options.body_deadline_ms);
    return MHD_YES;
}

/* MHD takes no reply in the middle of a body: what cannot be kept is dropped for as long as the body
 * can be over soon, and answered then. */
static enum MHD_Result drop(slk_http_exchange *exchange, size_t n)
{
    if (n > exchange->body_max - exchange->dropped)
        return MHD_NO;
    exchange->dropped += n;
    return MHD_YES;
}

static enum MHD_Result keep(slk_http_exchange *exchange, const char *bytes, size_t n)
{
    /* The deadline moves with the bytes, not with the time they take. */
    slk_http_watch_extend(exchange->server, exchange->connection,
                          (int64_t)(n / BODY_BYTES_PER_MS + 1));
    if (exchange->body_code == SLK_OK)
        exchange->body_code = slk_spool_append(&exchange->body, bytes, n, &exchange->body_error);
    if (exchange->body_code == SLK_OK)
        return MHD_YES;
    /* Past the maximum can only come chunked here. */
    const bool large = exchange->body_code == SLK_E_LIMIT;
    return large && !exchange->route->too_large ? MHD_NO : drop(exchange, n);
}

static enum MHD_Result hand_over(slk_http_exchange *exchange, const char *bytes, size_t n)
{
    slk_http_server *server = exchange->server;
    slk_error error = {0};
    if (n > exchange->body_max - exchange->streamed)
        return MHD_NO;
    exchange->streamed += n;
    slk_http_watch_pause(server, exchange->connection);
    const slk_err code = exchange->route->take(exchange->route->context, exchange,
                                               (const uint8_t *)bytes, n, &error);
    slk_http_on_leave(exchange, NULL, NULL);
    slk_http_watch_resume(server, exchange->connection, (int64_t)(n / BODY_BYTES_PER_MS + 1),
                          STREAM_DEADLINES * server->options.body_deadline_ms);
    return code == SLK_OK ? MHD_YES : MHD_NO;
}

enum MHD_Result slk_http_body_take(slk_http_exchange *exchange, const char *bytes, size_t n)
{
    return exchange->route->take ? hand_over(exchange, bytes, n) : keep(exchange, bytes, n);
}

static slk_err answer(slk_http_exchange *exchange)
{
    const slk_http_route *route = exchange->route;
    if (exchange->body_code == SLK_E_LIMIT)
        return ask(exchange, route->too_large, true);
    if (exchange->body_code == SLK_OK)
        exchange->body_code = slk_spool_view(&exchange->body, &exchange->body_text,
                                             &exchange->body_text_n, &exchange->body_error);
    if (exchange->body_code != SLK_OK)
        return slk_http_reply_failure(exchange, exchange->body_code, &exchange->body_error);
    if (route->admit && !exchange->admitted)
        SLK_TRY(ask(exchange, route->admit, false));
    return exchange->replied ? SLK_OK : ask(exchange, route->handler, true);
}

enum MHD_Result slk_http_body_end(slk_http_exchange *exchange)
{
    const slk_err code = answer(exchange);
    slk_http_watch_reply(exchange->server, exchange->connection);
    return code == SLK_OK ? MHD_YES : MHD_NO;
}

const char *slk_http_body(const slk_http_exchange *exchange, size_t *ret_n)
{
    *ret_n = exchange->body_text_n;
    return exchange->body_text;
}
