/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/server_impl.h"

#include "base/mem.h"
#include "base/num.h"
#include "net/http_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STREAM_BLOCK ((size_t)1 << 17)

slk_err slk_http_reply_header(slk_http_exchange *exchange, const char *name, const char *value)
{
    slk_assert(exchange->n_fields < REPLY_HEADERS_MAX);
    reply_field field = {slk_strdup(name), slk_strdup(value)};
    if (!field.name || !field.value) {
        slk_free(field.name);
        slk_free(field.value);
        return SLK_E_NOMEM;
    }
    exchange->fields[exchange->n_fields++] = field;
    return SLK_OK;
}

static void count_body(slk_http_exchange *exchange, uint64_t n)
{
    if (strcmp(exchange->method, "HEAD") != 0)
        exchange->sent_bytes += n;
}

/* Takes over response. */
static slk_err send_reply(slk_http_exchange *exchange, int status, const char *content_type,
                          struct MHD_Response *response)
{
    slk_assert(!exchange->replied);
    if (!response)
        return SLK_E_NOMEM;
    bool ok =
        !content_type || MHD_add_response_header(response, "Content-Type", content_type) == MHD_YES;
    ok = ok && MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES;
    for (size_t i = 0; ok && i < exchange->n_fields; i++)
        ok = MHD_add_response_header(response, exchange->fields[i].name,
                                     exchange->fields[i].value) == MHD_YES;
    if (exchange->close_after || slk_http_is_retired(exchange->server, exchange->mhd))
        ok = ok && MHD_add_response_header(response, "Connection", "close") == MHD_YES;
    ok = ok && MHD_queue_response(exchange->mhd, (unsigned)status, response) == MHD_YES;
    MHD_destroy_response(response);
    exchange->replied = ok;
    exchange->status = ok ? status : 0;
    return ok ? SLK_OK : SLK_E_INTERNAL;
}

slk_err slk_http_reply_bytes(slk_http_exchange *exchange, int status, const char *content_type,
                             const void *bytes, size_t n)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        n, (void *)(uintptr_t)(n ? bytes : ""), MHD_RESPMEM_MUST_COPY);
    count_body(exchange, n);
    return send_reply(exchange, status, content_type, response);
}

slk_err slk_http_reply_json(slk_http_exchange *exchange, int status, const char *json)
{
    return slk_http_reply_bytes(exchange, status, "application/json", json, strlen(json));
}

slk_err slk_http_reply_empty(slk_http_exchange *exchange, int status)
{
    return slk_http_reply_bytes(exchange, status, NULL, "", 0);
}

static slk_err reply_line(slk_http_exchange *exchange, int status, const char *line)
{
    char text[512];
    int n = snprintf(text, sizeof text, "%s\n", line);
    size_t length = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    return slk_http_reply_bytes(exchange, status, "text/plain; charset=utf-8", text, length);
}

slk_err slk_http_reply_text(slk_http_exchange *exchange, int status, const char *format, ...)
{
    char line[500];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return reply_line(exchange, status, line);
}

/* Printable ASCII with quotes and backslashes escaped; out holds at least 2n + 1 chars. */
static void escape_json(char *out, const char *in, size_t n)
{
    for (size_t i = 0; i < n && in[i]; i++) {
        if (in[i] == '"' || in[i] == '\\')
            *out++ = '\\';
        *out++ = in[i] >= 0x20 && in[i] < 0x7f ? in[i] : '.';
    }
    *out = 0;
}

/* Whether an Accept header names application/json. */
static bool accepts_json(const slk_http_exchange *exchange)
{
    const char *accept = slk_http_header_value(exchange, "Accept");
    return accept && strcasestr(accept, "application/json") != NULL;
}

slk_err slk_http_reply_error(slk_http_exchange *exchange, int status, const char *code,
                             const char *format, ...)
{
    char line[400], escaped[801], json[900];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (exchange->route && exchange->route->plain_errors && !accepts_json(exchange))
        return reply_line(exchange, status, line);
    escape_json(escaped, line, sizeof line);
    (void)snprintf(json, sizeof json, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}", code,
                   escaped);
    return slk_http_reply_json(exchange, status, json);
}

static int status_of(slk_err code)
{
    switch (code) {
    case SLK_E_INVAL:
        return 400;
    case SLK_E_AUTH:
        return 401;
    case SLK_E_NOTFOUND:
        return 404;
    case SLK_E_EXISTS:
    case SLK_E_CONFLICT:
        return 409;
    case SLK_E_LIMIT:
        return 413;
    case SLK_E_UNSUPPORTED:
        return 501;
    case SLK_E_BUSY:
    case SLK_E_TIMEOUT:
    case SLK_E_UNREACHABLE:
    case SLK_E_CANCELED:
        return 503;
    case SLK_E_NOSPACE:
        return 507;
    case SLK_OK:
    case SLK_E_NOMEM:
    case SLK_E_IO:
    case SLK_E_CORRUPT:
    case SLK_E_PROTO:
    case SLK_E_INTERNAL:
    case SLK_ERR_COUNT:
        break;
    }
    return 500;
}

slk_err slk_http_reply_failure(slk_http_exchange *exchange, slk_err code, const slk_error *error)
{
    int status = status_of(code);
    char retry_after_s[24] = "10";
    if (code == SLK_E_BUSY && exchange->retry_after_s > 0) {
        status = 429;
        (void)snprintf(retry_after_s, sizeof retry_after_s, "%lld",
                       (long long)exchange->retry_after_s);
    }
    if (status == 503 || status == 429)
        SLK_TRY(slk_http_reply_header(exchange, "Retry-After", retry_after_s));
    if (status == 401)
        SLK_TRY(slk_http_reply_header(exchange, "WWW-Authenticate", "Bearer"));
    /* What went wrong inside is ours to read, in the log; what the peer did wrong is the peer's. */
    const char *text =
        status >= 500 && status != 501 ? slk_error_text(NULL, code) : slk_error_text(error, code);
    return slk_http_reply_error(exchange, status, slk_err_name(code), "%s", text);
}

slk_err slk_http_slow_down(slk_http_exchange *exchange, int64_t wait_ms, slk_error *error)
{
    exchange->retry_after_s = wait_ms / 1000 + 1;
    return slk_fail(error, SLK_E_BUSY, "too many requests; wait %lld s",
                    (long long)exchange->retry_after_s);
}

/* ---- files ---- */

static void make_etag(char *out, size_t n, const struct stat *st)
{
    (void)snprintf(out, n, "\"%llx-%llx-%llx.%lx\"", (unsigned long long)st->st_ino,
                   (unsigned long long)st->st_size, (unsigned long long)st->st_mtim.tv_sec,
                   (unsigned long)st->st_mtim.tv_nsec);
}

/* The Range header, unless If-Range names another version of the file. */
static const char *effective_range(const slk_http_exchange *exchange, const char *etag)
{
    const char *if_range = slk_http_header_value(exchange, "If-Range");
    if (if_range && strcmp(if_range, etag) != 0)
        return NULL;
    return slk_http_header_value(exchange, "Range");
}

static slk_err reply_unsatisfiable(slk_http_exchange *exchange, uint64_t total)
{
    char value[64];
    (void)snprintf(value, sizeof value, "bytes */%llu", (unsigned long long)total);
    SLK_TRY(slk_http_reply_header(exchange, "Content-Range", value));
    return slk_http_reply_error(exchange, 416, slk_err_name(SLK_E_INVAL),
                                "the range lies behind the end of the file");
}

/* Under TLS there is no sendfile, and MHD's own file reader makes records of 4 KiB: larger pieces
 * cost less. Plain connections keep sendfile. */
typedef struct file_part {
    slk_http_exchange *exchange;
    int fd;
    uint64_t first;
} file_part;

static ssize_t read_part(void *context, uint64_t position, char *out, size_t capacity)
{
    const file_part *p = context;
    ssize_t n;
    do
        n = pread(p->fd, out, capacity, slk_i64(p->first + position));
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    p->exchange->sent_bytes += (uint64_t)n;
    return n;
}

static void free_part(void *context)
{
    file_part *p = context;
    (void)close(p->fd);
    slk_free(p);
}

/* Takes over fd, also on failure (NULL). */
static struct MHD_Response *file_response(slk_http_exchange *exchange, int fd, uint64_t first,
                                          uint64_t n)
{
    struct MHD_Response *response = NULL;
    if (!exchange->server->options.key_file) {
        response = MHD_create_response_from_fd_at_offset64(n, fd, first);
        if (!response)
            (void)close(fd);
        count_body(exchange, n);
        return response;
    }
    file_part *p = slk_alloc(1, sizeof *p);
    if (!p) {
        (void)close(fd);
        return NULL;
    }
    *p = (file_part){exchange, fd, first};
    response = MHD_create_response_from_callback(n, STREAM_BLOCK, read_part, p, free_part);
    if (!response)
        free_part(p);
    return response;
}

/* Takes over fd. */
static slk_err reply_part(slk_http_exchange *exchange, int fd, uint64_t total,
                          const char *content_type, const char *range)
{
    uint64_t first = 0, last = total ? total - 1 : 0;
    slk_range_kind kind = slk_range_parse(&first, &last, range, total);
    slk_err code = SLK_OK;
    if (kind == SLK_RANGE_PART) {
        char value[96];
        (void)snprintf(value, sizeof value, "bytes %llu-%llu/%llu", (unsigned long long)first,
                       (unsigned long long)last, (unsigned long long)total);
        code = slk_http_reply_header(exchange, "Content-Range", value);
    } else if (kind == SLK_RANGE_UNSATISFIABLE) {
        code = reply_unsatisfiable(exchange, total);
    }
    if (code != SLK_OK || kind == SLK_RANGE_UNSATISFIABLE) {
        (void)close(fd);
        return code;
    }
    uint64_t n = total ? last - first + 1 : 0;
    return send_reply(exchange, kind == SLK_RANGE_PART ? 206 : 200, content_type,
                      file_response(exchange, fd, first, n));
}

/* Whether If-None-Match names the version that is here (or any, "*"); its comparison is the weak
 * one. source: RFC 9110 13.1.2 */
static bool is_known(const slk_http_exchange *exchange, const char *etag)
{
    const char *known = slk_http_header_value(exchange, "If-None-Match");
    size_t n = strlen(etag);
    while (known && *known) {
        known += strspn(known, ", \t");
        if (*known == '*')
            return true;
        if (strncmp(known, "W/", 2) == 0)
            known += 2;
        if (strncmp(known, etag, n) == 0)
            return true;
        known += strcspn(known, ",");
    }
    return false;
}

slk_err slk_http_reply_file(slk_http_exchange *exchange, const char *path, const char *content_type,
                            const char *etag, slk_error *error)
{
    /* The messages may go to the peer, who has no business knowing our paths. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return slk_fail_errno(error, errno, "the file asked for cannot be opened");
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return slk_fail(error, SLK_E_NOTFOUND, "what is asked for is no regular file");
    }
    char made[96];
    make_etag(made, sizeof made, &st);
    etag = etag ? etag : made;
    const char *range = effective_range(exchange, etag);
    slk_err code = slk_http_reply_header(exchange, "ETag", etag);
    if (code == SLK_OK)
        code = slk_http_reply_header(exchange, "Accept-Ranges", "bytes");
    bool known = is_known(exchange, etag);
    if (code != SLK_OK || known) {
        (void)close(fd);
        return code == SLK_OK ? slk_http_reply_empty(exchange, 304)
                              : slk_fail(error, code, "out of memory");
    }
    return reply_part(exchange, fd, slk_u64(st.st_size), content_type, range);
}

/* ---- streams ---- */

typedef struct stream {
    slk_http_exchange *exchange;
    slk_http_produce *produce;
    void (*release)(void *context);
    void *context;
} stream;

static ssize_t read_stream(void *context, uint64_t position, char *out, size_t capacity)
{
    (void)position;
    stream *s = context;
    size_t n = 0;
    if (s->produce(s->context, (uint8_t *)out, capacity, &n, NULL) != SLK_OK)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    slk_assert(n <= capacity);
    s->exchange->sent_bytes += n;
    return n ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void free_stream(void *context)
{
    stream *s = context;
    if (s->release)
        s->release(s->context);
    slk_free(s);
}

slk_err slk_http_reply_stream(slk_http_exchange *exchange, int status, const char *content_type,
                              int64_t content_length, slk_http_produce *produce,
                              void (*release)(void *context), void *context)
{
    stream *s = slk_alloc(1, sizeof *s);
    if (!s) {
        if (release)
            release(context);
        return SLK_E_NOMEM;
    }
    *s = (stream){exchange, produce, release, context};
    uint64_t size = content_length < 0 ? MHD_SIZE_UNKNOWN : slk_u64(content_length);
    struct MHD_Response *response =
        MHD_create_response_from_callback(size, STREAM_BLOCK, read_stream, s, free_stream);
    if (!response)
        free_stream(s);
    return send_reply(exchange, status, content_type, response);
}
