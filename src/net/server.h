/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* HTTP(S) server: a table of routes, handlers that may block, replies of five kinds.
 *
 * Each connection has its own thread (bounded by max_connections), so a handler may wait for the
 * database or compute for minutes without holding up others. Handlers of one route may run at the
 * same time in several threads.
 *
 * Before a handler runs the request has passed the guard: one Content-Length or chunked but not
 * both, no other Transfer-Encoding, at most 64 header fields and 16 KiB of them, plain field names
 * and values, body complete and within the route's maximum, no more requests of its address than
 * allowed (429). What fails gets a 4xx and the connection is closed.
 *
 * Deadlines are absolute: headers 10 s, body 10 s plus 1 s per 16 KiB, idle keep-alive 60 s; of an
 * answer at least 60 KiB a minute must be taken while it is there to be taken. When all places are
 * taken, a newcomer gets that of the connection whose peer is waited for longest: so who only holds
 * connections keeps nobody out. A third of the process's descriptors is as much as connections may
 * take (half as many more while those that were cut end). */
#ifndef SLK_NET_SERVER_H
#define SLK_NET_SERVER_H

#include "base/err.h"
#include "base/tally.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_http_server slk_http_server;
typedef struct slk_http_exchange slk_http_exchange; /* one request and its reply */

#define SLK_HTTP_JSON_MAX_BYTES ((size_t)65536) /* default maximum of a body */

/* Answers by calling exactly one slk_http_reply_* and returning its result. Returning an error
 * without a reply makes the server answer with the JSON error of slk_http_reply_failure, so
 * SLK_TRY works in handlers. */
typedef slk_err slk_http_handler(void *context, slk_http_exchange *exchange, slk_error *error);

/* Takes the next bytes of a body as they come, in the connection's thread. It may wait as long as it
 * likes: the peer then waits too, and the time does not count. A failure cuts the connection. */
typedef slk_err slk_http_take(void *context, slk_http_exchange *exchange, const uint8_t *bytes,
                              size_t n, slk_error *error);

typedef struct slk_http_route {
    /* "GET" (answers HEAD too, unless a HEAD route of that path stands before it), "HEAD", "POST",
     * "PUT", "DELETE" */
    const char *method;
    const char *path; /* "/remoteseal/delegated/v0/sealed-data/{sp_id}/{sector_number}" */
    slk_http_handler *handler;
    void *context;
    size_t max_body_bytes; /* 0 means SLK_HTTP_JSON_MAX_BYTES */
    /* Errors are one line of text, 405 is empty, unless the request accepts application/json. */
    bool plain_errors;
    /* The rest is NULL for most routes. admit runs when the header is there, before the body; it refuses
     * by replying or by failing, and may call slk_http_limit_body, _set_state and _on_end. */
    slk_http_handler *admit;
    /* Is given the body in place of slk_http_body; the handler runs at its end. A body that slows below
     * 16 KiB/s for a minute is cut. */
    slk_http_take *take;
    /* Answers a body above the maximum in place of 413. Of a chunked one as much again is read and
     * dropped first; where this is NULL it is cut. */
    slk_http_handler *too_large;
} slk_http_route;

typedef struct slk_http_server_options {
    const char *listen; /* "127.0.0.1:0", "[::1]:12310", ":12310" for all addresses */
    const char *certificate_file; /* PEM chain; NULL with key_file NULL: plain HTTP */
    const char *key_file;
    const slk_http_route *routes; /* borrowed for the server's life, as are their strings */
    size_t n_routes;
    unsigned max_connections; /* 0 means 2048 */
    unsigned max_connections_per_address; /* IPv6: of one /64; 0 means 64 */
    /* A proxy in front does the TLS: where it connects from loopback or from trusted_proxies
     * ("10.0.0.0/8, 192.0.2.7"; NULL none) its X-Forwarded-For says who the peer is. */
    bool behind_proxy;
    const char *trusted_proxies;
    uint32_t request_burst; /* requests of one address (IPv6: one /64) at once; 0 means 1000 */
    int64_t request_interval_ms; /* and then one each so often; 0 means 10 */
    int64_t header_deadline_ms; /* 0 means 10 000; shorter in tests */
    int64_t body_deadline_ms; /* 0 means 10 000 (plus the time per 16 KiB) */
    int64_t idle_ms; /* 0 means 60 000 */
    /* Where a body of more than 1 MiB lies, in a file without a name; NULL: in memory. Borrowed for
     * the server's life. */
    const char *spool_folder;
    int64_t reply_silence_ms; /* how long an answer may be taken at less than 1 KiB/s; 0: 60 000 */
} slk_http_server_options;

/* Listens and serves until _free. SLK_E_INVAL for the listen text, certificate or key;
 * SLK_E_BUSY when the address is taken. */
SLK_MUST_CHECK slk_err slk_http_server_new(slk_http_server **ret_server,
                                           const slk_http_server_options *options,
                                           slk_error *error);
/* Stops listening, lets running handlers end, closes all connections. NULL allowed. */
void slk_http_server_free(slk_http_server *server);
void slk_http_server_freep(slk_http_server **server); /* for SLK_CLEANUP */
/* Reads certificate and key again, for connections made from now on; those that are open end with
 * their next answer, and those of the oldest certificate at once when too many were replaced. On
 * failure, or when they are the same as before, nothing changes; without TLS there is nothing to do.
 * SLK_E_INVAL when they are damaged or no pair. One thread at a time. */
SLK_MUST_CHECK slk_err slk_http_server_reload(slk_http_server *server, slk_error *error);
uint16_t slk_http_server_port(const slk_http_server *server);

/* ---- what the server counts of each route, from the first request to the last byte ---- */
#define SLK_HTTP_STATUSES 18u
/* The statuses counted one by one; the last is 0 and stands for any other. */
extern const int slk_http_statuses[SLK_HTTP_STATUSES];
typedef struct slk_http_counts {
    slk_counter requests;
    slk_gauge active; /* begun, not yet answered in full */
    slk_counter bytes; /* of bodies sent */
    slk_counter status[SLK_HTTP_STATUSES]; /* as slk_http_statuses */
    slk_histogram duration_us;
} slk_http_counts;
/* Of route index < n_routes of the options; lives as long as the server. */
const slk_http_counts *slk_http_server_counts(const slk_http_server *server, size_t route);
/* The route itself; NULL past the last. */
const slk_http_route *slk_http_server_route(const slk_http_server *server, size_t route);

/* ---- the request: all texts live until the handler returns ---- */
const char *slk_http_method(const slk_http_exchange *exchange);
const char *slk_http_path(const slk_http_exchange *exchange);
/* A {name} of the route's path, percent-decoded; the name must be in the pattern (asserted). */
const char *slk_http_param(const slk_http_exchange *exchange, const char *name);
/* As decimal; SLK_E_INVAL with a message naming it when it is not an int64 / uint64. */
SLK_MUST_CHECK slk_err slk_http_param_u64(const slk_http_exchange *exchange, const char *name,
                                          uint64_t *ret_value, slk_error *error);
/* First value of a query key, decoded; NULL when absent. */
const char *slk_http_query(const slk_http_exchange *exchange, const char *name);
/* First value of a header field (any case); NULL when absent. */
const char *slk_http_header_value(const slk_http_exchange *exchange, const char *name);
/* The token of `Authorization: Bearer <token>`; NULL when absent. */
const char *slk_http_bearer(const slk_http_exchange *exchange);
/* The token of the header, or else of `?token=`; "" when there is neither, NULL when the header holds
 * something else. */
const char *slk_http_token(const slk_http_exchange *exchange);
/* Whether Content-Type is application/json (parameters allowed). */
bool slk_http_is_json(const slk_http_exchange *exchange);
/* Whole body with a final NUL beyond *ret_n; never NULL. */
const char *slk_http_body(const slk_http_exchange *exchange, size_t *ret_n);
/* Numeric address of the peer without port, "127.0.0.1"; behind a proxy the peer's, not the proxy's. */
const char *slk_http_peer(const slk_http_exchange *exchange);
/* Whether that is an address of this machine. */
bool slk_http_peer_is_loopback(const slk_http_exchange *exchange);
/* Who serves this. */
const slk_http_server *slk_http_server_of(const slk_http_exchange *exchange);
/* The same as what limits count by: an IPv6 peer can choose among the addresses of its /64. */
const char *slk_http_peer_owner(const slk_http_exchange *exchange);
/* Calls end(context) once when the reply has been sent or has failed. At most one per exchange. */
void slk_http_on_end(slk_http_exchange *exchange, void (*end)(void *context), void *context);
/* For admit: lowers the maximum of this body. */
void slk_http_limit_body(slk_http_exchange *exchange, size_t max_bytes);
/* One pointer that the route's functions share; NULL at first. Its owner frees it by _on_end. */
void slk_http_set_state(slk_http_exchange *exchange, void *state);
void *slk_http_state(const slk_http_exchange *exchange);
/* Calls left(context) at most once, from another thread, when the peer closes the connection while
 * the function of the route that called this runs: for one that waits. left must not wait. NULL takes
 * it back: left is not called and does not run any more then; before what context points to goes. At
 * most one at a time. */
void slk_http_on_leave(slk_http_exchange *exchange, void (*left)(void *context), void *context);
/* What a wrong token means: SLK_E_AUTH, or as _slow_down for an address (IPv6: a /64) that has had too
 * many of them, at whatever route: so many at once, then one per interval. */
#define SLK_HTTP_GUESSES 20u
#define SLK_HTTP_GUESS_INTERVAL_MS 3000
slk_err slk_http_guessed(slk_http_exchange *exchange, slk_error *error);
/* Whether the next wrong token of that address would be SLK_E_AUTH. */
bool slk_http_may_guess(const slk_http_exchange *exchange);
/* SLK_E_BUSY; slk_http_reply_failure then answers 429 with Retry-After instead of 503. */
slk_err slk_http_slow_down(slk_http_exchange *exchange, int64_t wait_ms, slk_error *error);

/* ---- the reply: everything given is copied unless said otherwise ---- */
/* Adds a field to the reply that follows. */
SLK_MUST_CHECK slk_err slk_http_reply_header(slk_http_exchange *exchange, const char *name,
                                             const char *value);
SLK_MUST_CHECK slk_err slk_http_reply_bytes(slk_http_exchange *exchange, int status,
                                            const char *content_type, const void *bytes, size_t n);
SLK_MUST_CHECK slk_err slk_http_reply_json(slk_http_exchange *exchange, int status,
                                           const char *json);
SLK_MUST_CHECK slk_err slk_http_reply_empty(slk_http_exchange *exchange, int status);
/* One line of plain text, "\n" added. */
SLK_MUST_CHECK slk_err slk_http_reply_text(slk_http_exchange *exchange, int status,
                                           const char *format, ...) SLK_PRINTF(3, 4);
/* {"error":{"code":"…","message":"…"}} */
SLK_MUST_CHECK slk_err slk_http_reply_error(slk_http_exchange *exchange, int status,
                                            const char *code, const char *format, ...)
    SLK_PRINTF(4, 5);
/* The reply an slk_err means: INVAL 400, AUTH 401, NOTFOUND 404, EXISTS/CONFLICT 409, LIMIT 413,
 * UNSUPPORTED 501, BUSY/TIMEOUT/UNREACHABLE/CANCELED 503 with Retry-After, NOSPACE 507, else 500
 * with a fixed message (the detail is for the log, not for the peer). */
SLK_MUST_CHECK slk_err slk_http_reply_failure(slk_http_exchange *exchange, slk_err code,
                                              const slk_error *error);

/* A file as it is now: Range (one range; several or malformed ones are ignored), If-Range,
 * If-None-Match and a strong ETag; 200, 206, 304 or 416. etag: the quoted tag of exactly these
 * bytes, the same wherever and whenever they are served; NULL makes one from inode, size and
 * modification time. SLK_E_NOTFOUND when absent, with a message that does not name the path.
 * The file may be renamed or removed while it is sent. */
SLK_MUST_CHECK slk_err slk_http_reply_file(slk_http_exchange *exchange, const char *path,
                                           const char *content_type, const char *etag,
                                           slk_error *error);

/* A body made while it is sent. produce fills up to capacity bytes (at least 1) and says how many;
 * 0 ends the body. A failure cuts the connection, which the peer sees as an incomplete body.
 * content_length: -1 unknown (chunked). release(context) runs exactly once, also on failure. */
typedef slk_err slk_http_produce(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                                 slk_error *error);
SLK_MUST_CHECK slk_err slk_http_reply_stream(slk_http_exchange *exchange, int status,
                                             const char *content_type, int64_t content_length,
                                             slk_http_produce *produce,
                                             void (*release)(void *context), void *context);

#endif
