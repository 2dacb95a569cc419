/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From a request to its endpoint: who asks, whether he may, what he sent; and from a failure to an
 * answer. */
#include "page/page_impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GUESSES 20u /* failures an address has at once, then one more … */
#define GUESS_INTERVAL_MS 3000 /* … every so often */

static const page_endpoint *const tables[] = {
    slk_page_session_endpoints,  slk_page_board_endpoints,  slk_page_partner_endpoints,
    slk_page_provider_endpoints, slk_page_sector_endpoints, slk_page_job_endpoints,
    slk_page_token_endpoints,    slk_page_worker_endpoints,
};

slk_err slk_page_out_of_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory");
}

slk_db *slk_page_db(const slk_page *page)
{
    return slk_seal_db(page->options.seal);
}

int64_t slk_page_now(const slk_page *page)
{
    return slk_seal_now(page->options.seal);
}

static slk_err new_into(slk_page *page, slk_error *error)
{
    SLK_TRY(slk_limiter_new(&page->guesses, GUESSES, GUESS_INTERVAL_MS, error));
    SLK_TRY(slk_page_hub_new(&page->hub, page, error));
    return slk_page_jobs_new(&page->jobs, page, error);
}

slk_err slk_page_new(slk_page **ret_page, const slk_page_options *options, slk_error *error)
{
    slk_page *page = slk_calloc(1, sizeof *page);
    if (!page)
        return slk_page_out_of_memory(error);
    page->options = *options;
    const slk_err code = new_into(page, error);
    if (code != SLK_OK) {
        slk_page_free(page);
        return code;
    }
    *ret_page = page;
    return SLK_OK;
}

void slk_page_free(slk_page *page)
{
    if (!page)
        return;
    slk_page_jobs_free(page->jobs);
    slk_page_hub_free(page->hub);
    slk_limiter_free(page->guesses);
    slk_free(page);
}

void slk_page_cancel(slk_page *page)
{
    if (!page)
        return;
    slk_page_hub_cancel(page->hub);
    slk_page_jobs_cancel(page->jobs);
}

/* ---- answers ---- */

/* Nothing of the API is for caches, frames or other sites. */
static slk_err answer_headers(slk_http_exchange *exchange)
{
    SLK_TRY(slk_http_reply_header(exchange, "Cache-Control", "no-store"));
    SLK_TRY(slk_http_reply_header(exchange, "Content-Security-Policy",
                                  "default-src 'none'; frame-ancestors 'none'"));
    return slk_http_reply_header(exchange, "Referrer-Policy", "no-referrer");
}

/* Unlike a peer, the operator is told what went wrong. A failure of somebody whom we asked is 502:
 * 401 would mean that the session has ended. */
static int status_of(slk_err code)
{
    switch (code) {
    case SLK_E_INVAL:
        return 400;
    case SLK_E_NOTFOUND:
        return 404;
    case SLK_E_EXISTS:
    case SLK_E_CONFLICT:
    case SLK_E_LIMIT:
        return 409;
    case SLK_E_UNSUPPORTED:
        return 501;
    case SLK_E_AUTH:
    case SLK_E_PROTO:
    case SLK_E_TIMEOUT:
    case SLK_E_UNREACHABLE:
        return 502;
    case SLK_E_BUSY:
    case SLK_E_CANCELED:
        return 503;
    case SLK_E_NOSPACE:
        return 507;
    case SLK_OK:
    case SLK_E_NOMEM:
    case SLK_E_IO:
    case SLK_E_CORRUPT:
    case SLK_E_INTERNAL:
    case SLK_ERR_COUNT:
        break;
    }
    return 500;
}

static slk_err reply_failure(page_request *request, const page_endpoint *endpoint, slk_err code,
                             const slk_error *error)
{
    slk_http_exchange *exchange = request->exchange;
    int status = status_of(code);
    if (endpoint->role == SLK_ROLE_NONE && code == SLK_E_AUTH)
        status = 401;
    if (endpoint->role == SLK_ROLE_NONE && code == SLK_E_BUSY)
        status = 429;
    if (status == 500)
        slk_log(SLK_LOG_ERROR, "page.failed", "path=%s why=\"%s\"", slk_http_path(exchange),
                slk_error_text(error, code));
    return slk_http_reply_error(exchange, status, slk_err_name(code), "%s",
                                slk_error_text(error, code));
}

/* ---- who asks ---- */

bool slk_page_may_see(const slk_page *page, const slk_http_exchange *exchange)
{
    return !page->options.loopback_only || slk_http_peer_is_loopback(exchange);
}

static slk_err identify(page_request *request, char *session, slk_error *error)
{
    slk_page *page = request->page;
    const char *bearer = slk_http_bearer(request->exchange);
    if (bearer)
        return slk_access_check(&request->who, slk_page_db(page), bearer, slk_page_now(page),
                                error);
    slk_page_cookie(session, request);
    if (!*session)
        return slk_fail(error, SLK_E_AUTH, "log in, or send an access token");
    request->session = session;
    return slk_access_session(&request->who, slk_page_db(page), session, slk_page_now(page), error);
}

bool slk_page_may_guess(slk_page *page, const slk_http_exchange *exchange)
{
    return slk_limiter_take(page->guesses, slk_http_peer_owner(exchange), slk_clock_monotonic_ms());
}

static slk_err refuse_guess(slk_http_exchange *exchange)
{
    SLK_TRY(slk_http_reply_header(exchange, "Retry-After", "60"));
    return slk_http_reply_error(exchange, 429, "limit",
                                "too many wrong tokens from your address; wait a minute");
}

/* True: the request may go on. Else it has been answered, unless *ret_code says otherwise. */
static bool may_pass(slk_err *ret_code, page_request *request, char *session,
                     const page_endpoint *endpoint)
{
    const slk_role role = endpoint->role;
    slk_http_exchange *exchange = request->exchange;
    slk_error error = {0};
    if (role == SLK_ROLE_NONE)
        return true;
    const slk_err code = identify(request, session, &error);
    if (code == SLK_E_AUTH) {
        const bool guess = request->session || slk_http_bearer(exchange);
        *ret_code = guess && !slk_page_may_guess(request->page, exchange)
                        ? refuse_guess(exchange)
                        : slk_http_reply_failure(exchange, code, &error);
        return false;
    }
    if (code != SLK_OK) {
        *ret_code = reply_failure(request, endpoint, code, &error);
        return false;
    }
    if (request->who.role < role) {
        *ret_code =
            slk_http_reply_error(exchange, 403, "forbidden", "this needs the role %s; yours is %s",
                                 slk_role_name(role), slk_role_name(request->who.role));
        return false;
    }
    return true;
}

/* ---- the way of a request ---- */

static slk_err read_body(json_t **ret, const slk_http_exchange *exchange, slk_error *error)
{
    size_t n;
    const char *text = slk_http_body(exchange, &n);
    if (!slk_http_is_json(exchange))
        return slk_fail(error, SLK_E_INVAL, "want Content-Type: application/json");
    SLK_TRY(slk_json_parse_request(ret, text, n, SLK_HTTP_JSON_MAX_BYTES, error));
    if (!json_is_object(*ret))
        return slk_fail(error, SLK_E_INVAL, "want a JSON object");
    return SLK_OK;
}

static slk_err answer(page_request *request, const page_endpoint *endpoint, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, ANSWER_MAX_BYTES);
    SLK_TRY(endpoint->handler(&out, request, error));
    if (out.len == 0)
        SLK_TRY(slk_buf_text(&out, "{\"done\":true}"));
    return slk_http_reply_json(request->exchange, 200, slk_buf_str(&out));
}

static slk_err serve(page_request *request, const page_endpoint *endpoint, slk_error *error)
{
    const bool changes = strcmp(endpoint->method, "GET") != 0;
    if (changes && request->session && !slk_page_csrf_fits(request))
        return slk_http_reply_error(request->exchange, 403, "forbidden",
                                    "the request does not come from this page; load it again");
    SLK_CLEANUP(slk_json_decrefp) json_t *body = NULL;
    if (changes && strcmp(endpoint->method, "DELETE") != 0) {
        const slk_err code = read_body(&body, request->exchange, error);
        if (code != SLK_OK)
            return reply_failure(request, endpoint, code, error);
        request->body = body;
    }
    if (!endpoint->handler)
        return slk_page_events(request, error);
    const slk_err code = answer(request, endpoint, error);
    return code == SLK_OK ? SLK_OK : reply_failure(request, endpoint, code, error);
}

static slk_err handle(void *context, slk_http_exchange *exchange, slk_error *error)
{
    const page_served *served = context;
    char session[SLK_ACCESS_TOKEN_CHARS] = "";
    page_request request = {.page = served->page, .exchange = exchange};
    if (!slk_page_may_see(served->page, exchange))
        return slk_fail(error, SLK_E_NOTFOUND, "nothing is served here");
    SLK_TRY(answer_headers(exchange));
    slk_err code = SLK_OK;
    if (!may_pass(&code, &request, session, served->endpoint))
        return code;
    return serve(&request, served->endpoint, error);
}

size_t slk_page_routes(slk_http_route out[SLK_PAGE_ROUTES_MAX], slk_page *page)
{
    size_t n = 0;
    out[n++] =
        (slk_http_route){.method = "GET", .path = "/", .handler = slk_page_index, .context = page};
    out[n++] = (slk_http_route){
        .method = "GET", .path = "/assets/{name}", .handler = slk_page_asset, .context = page};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        for (const page_endpoint *e = tables[t]; e->path; e++) {
            slk_assert(n < SLK_PAGE_ROUTES_MAX);
            page->served[n] = (page_served){page, e};
            out[n] = (slk_http_route){.method = e->method,
                                      .path = e->path,
                                      .handler = handle,
                                      .context = &page->served[n]};
            n++;
        }
    }
    return n;
}

/* ---- reading a body ---- */

bool slk_page_has(const page_request *request, const char *field)
{
    return slk_json_member(request->body, field) != NULL;
}

slk_err slk_page_text(const char **ret, const page_request *request, const char *field, size_t most,
                      const char *fallback, slk_error *error)
{
    if (fallback && !slk_page_has(request, field)) {
        *ret = fallback;
        return SLK_OK;
    }
    const char *text;
    SLK_TRY(slk_json_string(&text, request->body, field, error));
    if (strlen(text) > most)
        return slk_fail(error, SLK_E_INVAL, "%s: at most %zu characters", field, most);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return slk_fail(error, SLK_E_INVAL, "%s: no control characters", field);
    *ret = text;
    return SLK_OK;
}

slk_err slk_page_number(int64_t *ret, const page_request *request, const char *field, int64_t least,
                        int64_t most, slk_error *error)
{
    int64_t value;
    if (!slk_page_has(request, field))
        return SLK_OK;
    SLK_TRY(slk_json_i64(&value, request->body, field, error));
    if (value < least || value > most)
        return slk_fail(error, SLK_E_INVAL, "%s: from %" PRId64 " to %" PRId64, field, least, most);
    *ret = value;
    return SLK_OK;
}

slk_err slk_page_bool(bool *ret, const page_request *request, const char *field, slk_error *error)
{
    *ret = false;
    return slk_page_has(request, field) ? slk_json_bool(ret, request->body, field, error) : SLK_OK;
}

slk_err slk_page_dry_run(bool *ret, const page_request *request, slk_error *error)
{
    return slk_page_bool(ret, request, "dry_run", error);
}

slk_err slk_page_done(slk_buf *out, bool dry_run, const char *what, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer = json_pack("{s:b,s:s}", dry_run ? "dry_run" : "done", 1, "what", what);
    return answer ? slk_json_print(out, answer) : slk_page_out_of_memory(error);
}

slk_err slk_page_miner(uint64_t *ret, const page_request *request, const char *field,
                       slk_error *error)
{
    const json_t *value = slk_json_member(request->body, field);
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *ret = slk_u64(json_integer_value(value));
        return SLK_OK;
    }
    const char *text = json_string_value(value);
    if (text && (text[0] == 'f' || text[0] == 't') && text[1] == '0')
        text += 2;
    if (!text || slk_parse_u64(ret, text) != SLK_OK || *ret > INT64_MAX)
        return slk_fail(error, SLK_E_INVAL, "%s: want a miner such as f01000", field);
    return SLK_OK;
}

slk_err slk_page_id(int64_t *ret, const page_request *request, const char *name, slk_error *error)
{
    uint64_t value;
    SLK_TRY(slk_http_param_u64(request->exchange, name, &value, error));
    if (value > INT64_MAX)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such %s", name);
    *ret = slk_i64(value);
    return SLK_OK;
}

slk_err slk_page_sector(uint64_t *ret_sp_id, uint64_t *ret_number, const page_request *request,
                        slk_error *error)
{
    uint64_t sp_id, number;
    SLK_TRY(slk_http_param_u64(request->exchange, "sp_id", &sp_id, error));
    SLK_TRY(slk_http_param_u64(request->exchange, "number", &number, error));
    if (sp_id > INT64_MAX || number > INT64_MAX)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no such sector");
    *ret_sp_id = sp_id;
    *ret_number = number;
    return SLK_OK;
}
