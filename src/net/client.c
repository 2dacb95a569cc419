/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/client.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "net/address.h"
#include "net/http_text.h"
#include "net/token.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_MS_DEFAULT 10000
#define STALL_MS_DEFAULT 60000
#define BODY_MAX_DEFAULT ((size_t)1 << 20)
#define REASON_BYTES ((size_t)4096) /* kept of a non-2xx body */
#define REASON_READ_BYTES ((uint64_t)1 << 20) /* read of it to keep the connection usable */
#define IDLE_HANDLES 16u

struct slk_http_client {
    slk_http_client_options options;
    char *ca_file;
    char *user_agent;
    pthread_mutex_t mutex; /* guards idle */
    CURL *idle[IDLE_HANDLES]; /* each with its open connection */
    unsigned n_idle;
    slk_http_client_counts counts;
};

struct slk_http_stopper {
    CURLM *multi;
    atomic_bool stopped;
};

/* One call in progress. */
typedef struct call {
    CURL *curl;
    const slk_http_request *request;
    slk_http_client_counts *counts;
    slk_http_response response;
    slk_error sink_error; /* of sink or source */
    slk_err sink_code;
    uint64_t given; /* bytes of the source */
    uint64_t received;
    size_t max_body;
    struct curl_slist *headers;
    int64_t stall_ms;
    int64_t heard_ms; /* monotonic: when the last byte came */
    bool public_only;
    bool vetoed; /* an address was refused */
    char curl_text[CURL_ERROR_SIZE];
} call;

slk_err slk_http_client_new(slk_http_client **ret_client, const slk_http_client_options *options,
                            slk_error *error)
{
    static const slk_http_client_options defaults = {0};
    const slk_http_client_options *o = options ? options : &defaults;
    if (o->ca_file && access(o->ca_file, R_OK) != 0)
        return slk_fail(error, SLK_E_INVAL, "cannot read the trusted certificates in %s",
                        o->ca_file);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return slk_fail(error, SLK_E_INTERNAL, "the HTTP library does not start");
    slk_http_client *client = slk_calloc(1, sizeof *client);
    if (client) {
        client->options = *o;
        client->ca_file = o->ca_file ? slk_strdup(o->ca_file) : NULL;
        client->user_agent = slk_strdup(o->user_agent ? o->user_agent : "selkie");
        slk_assert(pthread_mutex_init(&client->mutex, NULL) == 0);
    }
    if (!client || !client->user_agent || (o->ca_file && !client->ca_file)) {
        if (client)
            slk_http_client_free(client);
        else
            curl_global_cleanup();
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
    *ret_client = client;
    return SLK_OK;
}

void slk_http_client_free(slk_http_client *client)
{
    if (!client)
        return;
    for (unsigned i = 0; i < client->n_idle; i++)
        curl_easy_cleanup(client->idle[i]);
    (void)pthread_mutex_destroy(&client->mutex);
    slk_free(client->ca_file);
    slk_free(client->user_agent);
    slk_free(client);
    curl_global_cleanup();
}

void slk_http_client_freep(slk_http_client **client)
{
    slk_http_client_free(*client);
}

/* The most recently used idle handle, whose connection is the likeliest to be alive still. */
static CURL *take_handle(slk_http_client *client)
{
    CURL *curl = NULL;
    slk_assert(pthread_mutex_lock(&client->mutex) == 0);
    if (client->n_idle)
        curl = client->idle[--client->n_idle];
    slk_assert(pthread_mutex_unlock(&client->mutex) == 0);
    return curl ? curl : curl_easy_init();
}

static void return_handle(slk_http_client *client, CURL *curl)
{
    curl_easy_reset(curl);
    slk_assert(pthread_mutex_lock(&client->mutex) == 0);
    bool kept = client->n_idle < IDLE_HANDLES;
    if (kept)
        client->idle[client->n_idle++] = curl;
    slk_assert(pthread_mutex_unlock(&client->mutex) == 0);
    if (!kept)
        curl_easy_cleanup(curl);
}

/* ---- the answer ---- */

static void copy_bounded(char *out, size_t out_n, const char *value)
{
    size_t n = strlen(value);
    if (n < out_n)
        memcpy(out, value, n + 1);
}

static void take_content_range(slk_http_response *response, const char *value)
{
    slk_content_range range;
    if (!slk_content_range_parse(&range, value))
        return;
    response->has_content_range = !range.unsatisfied;
    response->has_unsatisfied_range = range.unsatisfied;
    response->range_first = range.first;
    response->range_last = range.last;
    response->range_total = range.total;
}

static void take_header(slk_http_response *response, const char *name, const char *value)
{
    if (strcasecmp(name, "ETag") == 0)
        copy_bounded(response->etag, sizeof response->etag, value);
    else if (strcasecmp(name, "Content-Type") == 0)
        copy_bounded(response->content_type, sizeof response->content_type, value);
    else if (strcasecmp(name, "Content-Range") == 0)
        take_content_range(response, value);
    else if (strcasecmp(name, "Accept-Ranges") == 0)
        response->accepts_ranges = strcasecmp(value, "bytes") == 0;
    else if (strcasecmp(name, "Retry-After") == 0 &&
             slk_parse_i64(&response->retry_after_s, value) != SLK_OK)
        response->retry_after_s = -1;
}

static void reset_headers(slk_http_response *response)
{
    slk_buf body = response->body;
    *response = (slk_http_response){.content_length = -1, .retry_after_s = -1, .body = body};
}

static size_t on_header(char *bytes, size_t size, size_t n, void *context)
{
    (void)size; /* always 1 */
    call *c = context;
    char line[1024];
    c->heard_ms = slk_clock_monotonic_ms();
    if (n >= sizeof line)
        return n; /* none of the fields we read is so long */
    memcpy(line, bytes, n);
    size_t len = n;
    while (len && (line[len - 1] == '\r' || line[len - 1] == '\n' || line[len - 1] == ' '))
        len--;
    line[len] = 0;
    if (strncmp(line, "HTTP/", 5) == 0)
        reset_headers(&c->response); /* what came before was an interim answer (1xx) */
    char *colon = strchr(line, ':');
    if (!colon)
        return n;
    *colon = 0;
    take_header(&c->response, line, colon + 1 + strspn(colon + 1, " \t"));
    return n;
}

static void read_status(call *c)
{
    long status = 0;
    curl_off_t length = -1;
    (void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(c->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    c->response.status = (int)status;
    c->response.content_length = length;
}

static slk_err take_body(call *c, const uint8_t *bytes, size_t n)
{
    slk_error *error = &c->sink_error;
    c->received += n;
    slk_counter_add(&c->counts->received_bytes, n);
    if (c->response.status < 200 || c->response.status > 299) {
        slk_buf *body = &c->response.body;
        size_t keep = body->len < REASON_BYTES ? REASON_BYTES - body->len : 0;
        SLK_TRY(slk_buf_append(body, bytes, n < keep ? n : keep));
        return c->received <= REASON_READ_BYTES
                   ? SLK_OK
                   : slk_fail(error, SLK_E_LIMIT, "the answer with status %d is too long",
                              c->response.status);
    }
    if (c->request->sink)
        return c->request->sink(c->request->sink_context, &c->response, bytes, n, error);
    slk_err code = slk_buf_append(&c->response.body, bytes, n);
    if (code == SLK_E_LIMIT)
        return slk_fail(error, code, "the answer is longer than the %zu bytes allowed",
                        c->max_body);
    return code;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
    (void)size;
    call *c = context;
    c->heard_ms = slk_clock_monotonic_ms();
    if (c->received == 0)
        read_status(c);
    c->sink_code = take_body(c, (const uint8_t *)bytes, n);
    return c->sink_code == SLK_OK ? n : CURL_WRITEFUNC_ERROR;
}

static size_t on_give(char *out, size_t size, size_t n, void *context)
{
    (void)size;
    call *c = context;
    const slk_http_request *r = c->request;
    const uint64_t left = r->source_bytes - c->given;
    size_t got = 0;
    if (left == 0)
        return 0;
    c->sink_code = r->source(r->source_context, c->given, (uint8_t *)out,
                             left < n ? (size_t)left : n, &got, &c->sink_error);
    if (c->sink_code != SLK_OK)
        return CURL_READFUNC_ABORT;
    c->given += got;
    return got;
}

/* A connection that was idle turned out to be closed: the same again on a new one. */
static int on_rewind(void *context, curl_off_t offset, int origin)
{
    call *c = context;
    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    c->given = slk_u64(offset);
    return CURL_SEEKFUNC_OK;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t e, curl_off_t d)
{
    (void)a;
    (void)b;
    (void)e;
    (void)d;
    const call *c = context;
    const slk_http_request *r = c->request;
    return (r->job && slk_job_check(r->job, NULL) != SLK_OK) || (r->stop && *r->stop);
}

static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    call *c = context;
    slk_ip ip;
    const slk_ip_set *only = c->request->only;
    const bool known = purpose == CURLSOCKTYPE_IPCXN && slk_ip_of_socket(&ip, &address->addr);
    const bool barred = (c->public_only && !(known && slk_ip_is_public(&ip))) ||
                        (only && !(known && slk_ip_set_has(only, &ip)));
    if (barred) {
        c->vetoed = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- the request ---- */

static bool text_is_safe(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static slk_err add_header(call *c, const char *name, const char *value, slk_error *error)
{
    if (!text_is_safe(name) || !text_is_safe(value))
        return slk_fail(error, SLK_E_INVAL, "a header field has control characters in it");
    /* "Name;" is libcurl's way to send a field with an empty value, "Name:" removes one. */
    SLK_CLEANUP(slk_freep) char *line = slk_strf("%s: %s", name, value);
    struct curl_slist *list = line ? curl_slist_append(c->headers, line) : NULL;
    if (!list)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    c->headers = list;
    return SLK_OK;
}

static slk_err add_bearer(call *c, const char *token, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *value = slk_strf("Bearer %s", token);
    if (!value)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return add_header(c, "Authorization", value, error);
}

static slk_err build_headers(call *c, slk_error *error)
{
    const slk_http_request *r = c->request;
    for (size_t i = 0; i < r->n_headers; i++)
        SLK_TRY(add_header(c, r->headers[i].name, r->headers[i].value, error));
    if (r->bearer)
        SLK_TRY(add_bearer(c, r->bearer, error));
    if (r->body || r->source || r->content_type)
        SLK_TRY(add_header(c, "Content-Type", r->content_type ? r->content_type : "", error));
    SLK_TRY(add_header(c, "Expect", "", error));
    if (r->has_range) {
        char range[64];
        (void)snprintf(range, sizeof range, "bytes=%llu-%llu", (unsigned long long)r->range_first,
                       (unsigned long long)r->range_last);
        SLK_TRY(add_header(c, "Range", range, error));
    }
    return SLK_OK;
}

/* What makes libcurl look once a second. */
static void set_looks(call *c)
{
    const slk_http_request *r = c->request;
    (void)curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT,
                           (long)(r->stall_bytes_per_s ? r->stall_bytes_per_s : 1));
    (void)curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME, (long)((c->stall_ms + 999) / 1000));
    (void)curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, c);
}

/* Options that cannot fail for lack of memory or support are set unchecked. */
static void set_limits(call *c, const slk_http_client *client)
{
    const slk_http_request *r = c->request;
    const slk_http_client_options *o = &client->options;
    c->stall_ms = r->stall_timeout_ms   ? r->stall_timeout_ms
                  : o->stall_timeout_ms ? o->stall_timeout_ms
                                        : STALL_MS_DEFAULT;
    int64_t connect = o->connect_timeout_ms ? o->connect_timeout_ms : CONNECT_MS_DEFAULT;
    (void)curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect);
    (void)curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)r->total_timeout_ms);
    (void)curl_easy_setopt(c->curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(c->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(c->curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    (void)curl_easy_setopt(c->curl, CURLOPT_BUFFERSIZE, 256L * 1024);
    (void)curl_easy_setopt(c->curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    (void)curl_easy_setopt(c->curl, CURLOPT_OPENSOCKETDATA, c);
    (void)curl_easy_setopt(c->curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(c->curl, CURLOPT_HEADERDATA, c);
    (void)curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
    (void)curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->curl_text);
    if (!r->stopper)
        set_looks(c);
}

static bool set_source(call *c)
{
    return curl_easy_setopt(c->curl, CURLOPT_READFUNCTION, on_give) == CURLE_OK &&
           curl_easy_setopt(c->curl, CURLOPT_READDATA, c) == CURLE_OK &&
           curl_easy_setopt(c->curl, CURLOPT_SEEKFUNCTION, on_rewind) == CURLE_OK &&
           curl_easy_setopt(c->curl, CURLOPT_SEEKDATA, c) == CURLE_OK &&
           curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t)c->request->source_bytes) == CURLE_OK;
}

static bool set_method(call *c)
{
    const slk_http_request *r = c->request;
    const char *method = r->method ? r->method : "GET";
    if (strcmp(method, "GET") == 0)
        return curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    if (strcmp(method, "HEAD") == 0)
        return curl_easy_setopt(c->curl, CURLOPT_NOBODY, 1L) == CURLE_OK;
    if (strcmp(method, "DELETE") == 0)
        return curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
    if (strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0)
        return false;
    if (curl_easy_setopt(c->curl, CURLOPT_POST, 1L) != CURLE_OK ||
        curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method) != CURLE_OK)
        return false;
    if (r->source)
        return set_source(c);
    return curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, r->body ? r->body : "") == CURLE_OK &&
           curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_bytes) ==
               CURLE_OK;
}

/* Who has the key is who is meant: what the certificate says beside it does not count then. */
static bool set_pin(call *c)
{
    const char *pin = c->request->pin;
    return !pin || !*pin ||
           (curl_easy_setopt(c->curl, CURLOPT_PINNEDPUBLICKEY, pin) == CURLE_OK &&
            curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
            curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK);
}

static slk_err set_target(call *c, const slk_http_client *client, slk_error *error)
{
    const char *protocols = client->options.allow_plain_http ? "http,https" : "https";
    bool ok = curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, protocols) == CURLE_OK &&
              curl_easy_setopt(c->curl, CURLOPT_URL, c->request->url) == CURLE_OK &&
              curl_easy_setopt(c->curl, CURLOPT_USERAGENT, client->user_agent) == CURLE_OK &&
              curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers) == CURLE_OK &&
              /* Peers are reached directly: a proxy of the environment is none of ours. */
              curl_easy_setopt(c->curl, CURLOPT_PROXY, "") == CURLE_OK;
    if (ok && client->ca_file)
        ok = curl_easy_setopt(c->curl, CURLOPT_CAINFO, client->ca_file) == CURLE_OK &&
             curl_easy_setopt(c->curl, CURLOPT_CAPATH, NULL) == CURLE_OK;
    if (!ok || !set_pin(c))
        return slk_fail(error, SLK_E_NOMEM, "out of memory preparing a request");
    if (!set_method(c))
        return slk_fail(error, SLK_E_INVAL, "the HTTP client does not know method %s",
                        c->request->method);
    return SLK_OK;
}

/* ---- outcome ---- */

/* Host and path for messages: everything before the query, without a user part. */
static void describe(char *out, size_t n, const char *url)
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    size_t len = strcspn(start, "?#");
    const char *at = memchr(start, '@', strcspn(start, "/?#"));
    if (at) {
        len -= (size_t)(at + 1 - start);
        start = at + 1;
    }
    slk_printable(out, n, start, len);
}

typedef struct outcome {
    CURLcode curl_code;
    slk_err code;
    const char *step;
    const char *what;
} outcome;

/* Not listed: SLK_E_UNREACHABLE, since a later attempt may well do. */
static const outcome outcomes[] = {
    {CURLE_COULDNT_RESOLVE_HOST, SLK_E_UNREACHABLE, "dns", "its name is not known (DNS)"},
    {CURLE_COULDNT_CONNECT, SLK_E_UNREACHABLE, "tcp", "no TCP connection"},
    {CURLE_SSL_CONNECT_ERROR, SLK_E_UNREACHABLE, "tls", "no TLS connection"},
    {CURLE_PEER_FAILED_VERIFICATION, SLK_E_UNREACHABLE, "tls",
     "its TLS certificate is not trusted"},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, SLK_E_UNREACHABLE, "tls",
     "its TLS key is not the one that was told"},
    {CURLE_SSL_CERTPROBLEM, SLK_E_UNREACHABLE, "tls", "TLS certificate problem"},
    {CURLE_SSL_CACERT_BADFILE, SLK_E_INVAL, "tls", "the file of trusted TLS certificates is bad"},
    {CURLE_SEND_ERROR, SLK_E_UNREACHABLE, "http", "the connection was cut"},
    {CURLE_RECV_ERROR, SLK_E_UNREACHABLE, "http", "the connection was cut"},
    {CURLE_GOT_NOTHING, SLK_E_UNREACHABLE, "http", "the connection was closed without an answer"},
    {CURLE_PARTIAL_FILE, SLK_E_UNREACHABLE, "http",
     "the connection was cut before the end of the body"},
    {CURLE_OPERATION_TIMEDOUT, SLK_E_TIMEOUT, "http", "no answer in time"},
    {CURLE_ABORTED_BY_CALLBACK, SLK_E_CANCELED, "http", "asked to stop"},
    {CURLE_URL_MALFORMAT, SLK_E_INVAL, "http", "this is no usable URL"},
    {CURLE_LOGIN_DENIED, SLK_E_INVAL, "http", "user names in URLs are not allowed"},
    {CURLE_UNSUPPORTED_PROTOCOL, SLK_E_INVAL, "http", "this kind of URL is not allowed"},
    {CURLE_OUT_OF_MEMORY, SLK_E_NOMEM, "http", "out of memory"},
    {CURLE_WEIRD_SERVER_REPLY, SLK_E_PROTO, "http", "the answer is not HTTP"},
    {CURLE_BAD_CONTENT_ENCODING, SLK_E_PROTO, "http", "the answer is encoded"},
    {CURLE_HTTP2, SLK_E_PROTO, "http", "the answer is not HTTP"},
};

/* A time-out says nothing of where it was: how far the call had come does. */
static const char *late_step(const call *c)
{
    curl_off_t named_us = 0;
    long port = 0, sent_bytes = 0;
    const bool tls = strncasecmp(c->request->url, "https", 5) == 0;
    (void)curl_easy_getinfo(c->curl, CURLINFO_NAMELOOKUP_TIME_T, &named_us);
    (void)curl_easy_getinfo(c->curl, CURLINFO_LOCAL_PORT, &port); /* ours, once connected */
    (void)curl_easy_getinfo(c->curl, CURLINFO_REQUEST_SIZE, &sent_bytes);
    if (sent_bytes > 0 || (port > 0 && !tls))
        return "http";
    return port > 0 ? "tls" : named_us > 0 ? "tcp" : "dns";
}

static void note_failure(const call *c, const char *step, const char *what)
{
    if (c->request->failure)
        *c->request->failure = (slk_http_failure){step, what};
}

static slk_err fail_transport(const call *c, CURLcode rc, slk_error *error)
{
    char where[160];
    describe(where, sizeof where, c->request->url);
    if (c->sink_code != SLK_OK) {
        slk_err code =
            slk_fail(error, c->sink_code, "%s", slk_error_text(&c->sink_error, c->sink_code));
        return slk_fail_context(error, code, "%s", where);
    }
    if (c->vetoed && c->request->only) {
        note_failure(c, "address", "its address is another than it was");
        return slk_fail(error, SLK_E_INVAL,
                        "%s: its name stands for another address than it did, which is not called",
                        where);
    }
    if (c->vetoed) {
        note_failure(c, "address", "its address is not one of the public internet");
        return slk_fail(error, SLK_E_INVAL,
                        "%s: its address is not one of the public internet, so it is not called",
                        where);
    }
    long sent = 0;
    const outcome *found = NULL;
    /* The same code as for ftp:, when the peer answers with something that is not HTTP. */
    if (rc == CURLE_UNSUPPORTED_PROTOCOL &&
        curl_easy_getinfo(c->curl, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent > 0)
        rc = CURLE_WEIRD_SERVER_REPLY;
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        if (outcomes[i].curl_code == rc)
            found = &outcomes[i];
    const char *what = found ? found->what : "the request failed";
    note_failure(c,
                 rc == CURLE_OPERATION_TIMEDOUT ? late_step(c)
                 : found                        ? found->step
                                                : "http",
                 what);
    const char *detail = c->curl_text[0] ? c->curl_text : curl_easy_strerror(rc);
    return slk_fail(error, found ? found->code : SLK_E_UNREACHABLE, "%s: %s: %s", where, what,
                    detail);
}

/* ---- calls with a stopper ---- */

slk_err slk_http_stopper_new(slk_http_stopper **ret_stopper, slk_error *error)
{
    slk_http_stopper *stopper = slk_calloc(1, sizeof *stopper);
    CURLM *multi = stopper ? curl_multi_init() : NULL;
    if (!multi) {
        slk_free(stopper);
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
    stopper->multi = multi;
    *ret_stopper = stopper;
    return SLK_OK;
}

void slk_http_stopper_free(slk_http_stopper *stopper)
{
    if (!stopper)
        return;
    (void)curl_multi_cleanup(stopper->multi);
    slk_free(stopper);
}

void slk_http_stopper_stop(slk_http_stopper *stopper)
{
    stopper->stopped = true;
    (void)curl_multi_wakeup(stopper->multi);
}

/* Until it is over, or stopped, or nothing came for too long. */
static CURLcode drive(call *c, slk_http_stopper *stopper)
{
    for (;;) {
        int running = 0, left = 0;
        if (stopper->stopped)
            return CURLE_ABORTED_BY_CALLBACK;
        if (curl_multi_perform(stopper->multi, &running) != CURLM_OK)
            return CURLE_FAILED_INIT;
        const CURLMsg *said = curl_multi_info_read(stopper->multi, &left);
        if (said && said->msg == CURLMSG_DONE)
            return said->data.result;
        const int64_t until = c->heard_ms + c->stall_ms;
        const int64_t now = slk_clock_monotonic_ms();
        if (now >= until)
            return CURLE_OPERATION_TIMEDOUT;
        if (curl_multi_poll(stopper->multi, NULL, 0, (int)(until - now), NULL) != CURLM_OK)
            return CURLE_FAILED_INIT;
    }
}

static CURLcode perform_stoppable(call *c, slk_http_stopper *stopper)
{
    c->heard_ms = slk_clock_monotonic_ms();
    if (curl_multi_add_handle(stopper->multi, c->curl) != CURLM_OK)
        return CURLE_FAILED_INIT;
    const CURLcode rc = drive(c, stopper);
    (void)curl_multi_remove_handle(stopper->multi, c->curl);
    return rc;
}

static slk_err perform(call *c, const slk_http_client *client, slk_error *error)
{
    SLK_TRY(build_headers(c, error));
    set_limits(c, client);
    SLK_TRY(set_target(c, client, error));
    slk_http_stopper *stopper = c->request->stopper;
    const CURLcode rc = stopper ? perform_stoppable(c, stopper) : curl_easy_perform(c->curl);
    if (rc != CURLE_OK)
        return fail_transport(c, rc, error);
    read_status(c);
    return SLK_OK;
}

static slk_err call_once(slk_http_client *client, const slk_http_request *request,
                         slk_http_response *ret_response, slk_error *error)
{
    call c = {
        .request = request, .counts = &client->counts, .public_only = client->options.public_only};
    c.max_body = request->max_body_bytes ? request->max_body_bytes : BODY_MAX_DEFAULT;
    slk_buf_init(&c.response.body, slk_max_u64(c.max_body, REASON_BYTES));
    reset_headers(&c.response);
    if (!(c.curl = take_handle(client)))
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_counter_add(&client->counts.calls, 1);
    slk_err code = perform(&c, client, error);
    slk_counter_add(&client->counts.failed, code == SLK_OK ? 0 : 1);
    return_handle(client, c.curl);
    curl_slist_free_all(c.headers);
    if (code == SLK_OK)
        *ret_response = c.response;
    else
        slk_buf_done(&c.response.body);
    return code;
}

slk_err slk_http_call(slk_http_client *client, const slk_http_request *request,
                      slk_http_response *ret_response, slk_error *error)
{
    const slk_http_client_options *o = &client->options;
    const bool patient = o->later && !request->source && !request->sink;
    for (unsigned before = 0;; before++) {
        slk_http_response response = {0};
        SLK_TRY(call_once(client, request, &response, error));
        const int64_t seconds = response.retry_after_s > 0 ? response.retry_after_s : 1;
        if (!patient || response.status != 429 || !o->later(o->later_context, seconds, before)) {
            *ret_response = response;
            return SLK_OK;
        }
        slk_http_response_done(&response);
    }
}

const slk_http_client_counts *slk_http_client_get_counts(const slk_http_client *client)
{
    return &client->counts;
}

void slk_http_response_done(slk_http_response *response)
{
    slk_buf_done(&response->body);
}

static slk_err code_of_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return SLK_E_AUTH;
    case 404:
    case 410:
        return SLK_E_NOTFOUND;
    case 408:
    case 504:
        return SLK_E_TIMEOUT;
    case 409:
    case 412:
        return SLK_E_CONFLICT;
    case 413:
        return SLK_E_LIMIT;
    case 429:
    case 503:
        return SLK_E_BUSY;
    case 501:
        return SLK_E_UNSUPPORTED;
    default:
        return status >= 500 ? SLK_E_UNREACHABLE : status >= 400 ? SLK_E_INVAL : SLK_E_PROTO;
    }
}

slk_err slk_http_expect_success(const slk_http_response *response, const char *what,
                                slk_error *error)
{
    if (response->status >= 200 && response->status <= 299)
        return SLK_OK;
    char reason[200];
    slk_printable(reason, sizeof reason, slk_buf_str(&response->body), response->body.len);
    slk_net_token_hide(reason);
    return slk_fail(error, code_of_status(response->status), "%s: the peer answered %d%s%s", what,
                    response->status, reason[0] ? ": " : "", reason);
}

bool slk_http_url_in_clear(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1", "[::1]", "localhost"};
    if (strncasecmp(url, "http://", 7) != 0)
        return false;
    const char *authority = url + 7;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        const size_t n = strlen(hosts[i]);
        if (strncasecmp(authority, hosts[i], n) == 0 && strchr(":/", authority[n]))
            return false; /* strchr finds the final NUL too */
    }
    return true;
}

char *slk_http_url_join(const char *base, const char *path)
{
    size_t n = strlen(base);
    while (n && base[n - 1] == '/')
        n--;
    return slk_strf("%.*s%s%s", (int)n, base, path[0] == '/' ? "" : "/", path);
}
