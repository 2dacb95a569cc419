/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The files of the page, as tools/embed.py put them into the program. */
#include "page/page_impl.h"

#include "page/files_impl.h"

#include <string.h>

/* Nothing from elsewhere, nothing inline, in nobody's frame. */
#define POLICY                                                                                     \
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src " \
    "'none'"

static bool takes_gzip(const slk_http_exchange *exchange)
{
    const char *accepted = slk_http_header_value(exchange, "Accept-Encoding");
    return accepted && strstr(accepted, "gzip");
}

static slk_err reply(slk_http_exchange *exchange, const slk_page_file *file)
{
    SLK_TRY(slk_http_reply_header(exchange, "Content-Security-Policy", POLICY));
    SLK_TRY(slk_http_reply_header(exchange, "X-Frame-Options", "DENY"));
    SLK_TRY(slk_http_reply_header(exchange, "Referrer-Policy", "no-referrer"));
    SLK_TRY(slk_http_reply_header(exchange, "Cache-Control", "no-cache"));
    SLK_TRY(slk_http_reply_header(exchange, "Vary", "Accept-Encoding"));
    SLK_TRY(slk_http_reply_header(exchange, "ETag", file->etag));
    const char *known = slk_http_header_value(exchange, "If-None-Match");
    if (known && strcmp(known, file->etag) == 0)
        return slk_http_reply_empty(exchange, 304);
    if (!takes_gzip(exchange))
        return slk_http_reply_bytes(exchange, 200, file->type, file->plain, file->plain_n);
    SLK_TRY(slk_http_reply_header(exchange, "Content-Encoding", "gzip"));
    return slk_http_reply_bytes(exchange, 200, file->type, file->gzip, file->gzip_n);
}

static slk_err serve(const slk_page *page, slk_http_exchange *exchange, const char *name,
                     slk_error *error)
{
    if (!slk_page_may_see(page, exchange))
        return slk_fail(error, SLK_E_NOTFOUND, "nothing is served here");
    for (const slk_page_file *file = slk_page_files; file->name; file++)
        if (strcmp(file->name, name) == 0)
            return reply(exchange, file);
    return slk_fail(error, SLK_E_NOTFOUND, "the page has no such part");
}

slk_err slk_page_index(void *context, slk_http_exchange *exchange, slk_error *error)
{
    return serve(context, exchange, "index.html", error);
}

slk_err slk_page_asset(void *context, slk_http_exchange *exchange, slk_error *error)
{
    return serve(context, exchange, slk_http_param(exchange, "name"), error);
}
