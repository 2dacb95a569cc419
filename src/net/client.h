/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* HTTP(S) client.
 *
 * One slk_http_client per trust domain (peer, chain node): it holds the trust settings and idle
 * connections, which later calls reuse. Safe from many threads; each call uses its own connection.
 * Redirects are never followed. Messages name host and path, never the query or a token. */
#ifndef SLK_NET_CLIENT_H
#define SLK_NET_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/job.h"
#include "base/tally.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_http_client slk_http_client;
typedef struct slk_ip_set slk_ip_set; /* net/address.h */

/* A peer answers that it had too many requests (HTTP 429) and wants to be asked again after so many seconds,
 * 1 when it does not say; before: how often this call has waited already. Waits and returns true to ask again, or
 * false to let that be the answer. Any thread. */
typedef bool slk_http_later(void *context, int64_t seconds, unsigned before);

typedef struct slk_http_client_options {
    bool allow_plain_http; /* also http:// URLs; default https only */
    const char *ca_file; /* PEM certificates trusted INSTEAD of the system's; NULL system's */
    int64_t connect_timeout_ms; /* name, TCP and TLS together; 0 means 10 000 */
    int64_t stall_timeout_ms; /* no byte either way for so long; 0 means 60 000 */
    const char *user_agent; /* NULL "selkie" */
    /* Only addresses that can be a stranger's server are connected to (slk_ip_is_public), judged
     * when the socket is opened: what a name stood for a moment before does not matter. */
    bool public_only;
    slk_http_later *later; /* NULL: 429 is an answer as any; not asked for a source or a sink */
    void *later_context;
} slk_http_client_options;

/* options NULL means all defaults. Strings are copied. */
SLK_MUST_CHECK slk_err slk_http_client_new(slk_http_client **ret_client,
                                           const slk_http_client_options *options,
                                           slk_error *error);
void slk_http_client_free(slk_http_client *client); /* no call in progress; NULL allowed */
void slk_http_client_freep(slk_http_client **client); /* for SLK_CLEANUP */

/* What went through the client so far. */
typedef struct slk_http_client_counts {
    slk_counter calls;
    slk_counter failed; /* of them, without a whole answer */
    slk_counter received_bytes; /* of bodies */
} slk_http_client_counts;
const slk_http_client_counts *slk_http_client_get_counts(const slk_http_client *client);

typedef struct slk_http_header {
    const char *name;
    const char *value;
} slk_http_header;

typedef struct slk_http_response {
    int status;
    int64_t content_length; /* as announced; -1 when not */
    bool has_content_range; /* a well-formed `bytes first-last/total` */
    uint64_t range_first, range_last, range_total;
    bool has_unsatisfied_range; /* the 416 form `bytes *` `/total`: range_total is set */
    bool accepts_ranges; /* Accept-Ranges: bytes */
    char etag[128]; /* "" when none or longer; includes its quotes */
    char content_type[128];
    int64_t retry_after_s; /* -1 when none */
    slk_buf body; /* body without a sink, or the first 4 KiB of a non-2xx body */
} slk_http_response;

void slk_http_response_done(slk_http_response *response); /* zeroed allowed, idempotent */

/* Takes a piece of a 2xx body as it comes; response holds status and headers. A failure ends the
 * call with that error. */
typedef slk_err slk_http_sink(void *context, const slk_http_response *response,
                              const uint8_t *bytes, size_t n, slk_error *error);

/* Gives bytes of a body from this offset on: at least 1, at most capacity of them. Asked in order, but
 * maybe once more from the start. A failure ends the call with that error. */
typedef slk_err slk_http_source(void *context, uint64_t offset, uint8_t *out, size_t capacity,
                                size_t *ret_n, slk_error *error);

/* Where a call that had no whole answer got stuck, and a sentence that names neither hosts nor
 * addresses: for whoever is to know no more than that. Static texts. */
typedef struct slk_http_failure {
    const char *step; /* "address" (not allowed), "dns", "tcp", "tls", "http" */
    const char *what;
} slk_http_failure;

/* How a server is met whose URL somebody else named. All NULL: as any other. */
typedef struct slk_http_pass {
    const char *bearer; /* what it is shown; NULL none */
    const char *pin; /* as in slk_http_request */
    const slk_ip_set *only; /* as in slk_http_request */
} slk_http_pass;

/* For a call that waits long for little: it sleeps until something comes, where others look once a second
 * whether they shall end. One call at a time. */
typedef struct slk_http_stopper slk_http_stopper;
SLK_MUST_CHECK slk_err slk_http_stopper_new(slk_http_stopper **ret_stopper, slk_error *error);
void slk_http_stopper_free(slk_http_stopper *stopper); /* no call in progress; NULL allowed */
/* Any thread: the call ends at once with SLK_E_CANCELED, and so do all to come. */
void slk_http_stopper_stop(slk_http_stopper *stopper);

typedef struct slk_http_request {
    const char *method; /* NULL means "GET"; "POST", "PUT", "HEAD", "DELETE" (without a body) */
    const char *url;
    const char *bearer; /* sent as Authorization: Bearer; NULL none */
    /* An https server must have this key (slk_net_certificate_pin), whatever its certificate says and
     * whoever issued it; NULL or "": its certificate must be trusted. */
    const char *pin;
    /* No other address is connected to, whatever the URL's name stands for by then; NULL: any. */
    const slk_ip_set *only;
    const slk_http_header *headers;
    size_t n_headers;
    const void *body; /* for POST and PUT */
    size_t body_bytes;
    slk_http_source
        *source; /* gives the body (of source_bytes) while it is sent, in place of body */
    void *source_context;
    uint64_t source_bytes;
    const char *content_type; /* of body; NULL none */
    bool has_range; /* Range: bytes=range_first-range_last (inclusive) */
    uint64_t range_first, range_last;
    int64_t total_timeout_ms; /* 0: bounded by the stall limit alone */
    int64_t stall_timeout_ms; /* 0: the client's; raise it where the peer computes first */
    size_t max_body_bytes; /* without a sink; 0 means 1 MiB */
    slk_http_sink *sink; /* NULL: the body is gathered in response->body */
    void *sink_context;
    slk_job *job; /* canceled within a second; progress is not reported to it; NULL allowed */
    const atomic_bool *stop; /* likewise when it becomes true; NULL allowed */
    slk_http_stopper *stopper; /* in place of both, and of stall_bytes_per_s; NULL allowed */
    slk_http_failure *failure; /* written when the call fails; NULL allowed */
    uint32_t stall_bytes_per_s; /* slower than this counts as no byte at all; 0 means 1 */
} slk_http_request;

/* Whether what is sent to the URL crosses a network in clear: http:// to another machine. */
bool slk_http_url_in_clear(const char *url);

/* SLK_OK when a whole answer came, whatever its status. *ret_response is filled on SLK_OK only.
 * SLK_E_UNREACHABLE name, TCP, TLS or a cut connection (the message says which and why);
 * SLK_E_TIMEOUT; SLK_E_PROTO no proper HTTP; SLK_E_LIMIT body longer than allowed; SLK_E_CANCELED;
 * SLK_E_INVAL bad URL, scheme or address not allowed; the sink's own error. */
SLK_MUST_CHECK slk_err slk_http_call(slk_http_client *client, const slk_http_request *request,
                                     slk_http_response *ret_response, slk_error *error);

/* The error a status other than 2xx means to a caller who wanted success, with the peer's reason
 * (bounded, printable characters only): 401, 403 AUTH; 404, 410 NOTFOUND; 408, 504 TIMEOUT;
 * 409, 412 CONFLICT; 413 LIMIT; 429, 503 BUSY; 501 UNSUPPORTED; other 4xx INVAL; other 5xx
 * UNREACHABLE; 1xx, 3xx PROTO. SLK_OK for 2xx. what: "order from provider". */
SLK_MUST_CHECK slk_err slk_http_expect_success(const slk_http_response *response, const char *what,
                                               slk_error *error);

/* base "https://host" or "https://host/" and path "/a/b" joined with exactly one slash; heap, NULL
 * when out of memory. */
char *slk_http_url_join(const char *base, const char *path) SLK_MUST_CHECK;

#endif
