/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of the server share. */
#ifndef SLK_NET_SERVER_IMPL_H
#define SLK_NET_SERVER_IMPL_H

#include "base/buf.h"
#include "net/address.h"
#include "net/limiter.h"
#include "net/server.h"
#include "net/spool.h"

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>

#define HEADER_FIELDS_MAX 64u
#define HEADER_BYTES_MAX 16384u
#define PARAMS_MAX 8u
#define REPLY_HEADERS_MAX 8u
#define RETIRED_MAX 8u
#define CONNECTION_BYTES ((size_t)49152) /* header and buffers of one connection */

/* Another protocol on a connection, as its own module sees it. */
typedef struct http_upgrade {
    /* HTTP is over: fd is the protocol's now, in clear, until slk_http_upgrade_close; early: what the
     * peer sent already. In the connection's thread. */
    void (*begin)(void *context, int fd, const void *early, size_t early_n,
                  struct MHD_UpgradeResponseHandle *urh);
    /* The server ends: close it soon. Under the server's mutex, from any thread, also before begin;
     * maybe more than once. */
    void (*evict)(void *context);
    /* The connection is gone; the last call. began: begin was called. */
    void (*end)(void *context, bool began);
} http_upgrade;

typedef struct http_connection {
    struct http_connection *next, *previous; /* in server->connections, under its mutex */
    slk_http_exchange *exchange; /* owned; the connection's own thread only */
    /* All of these under the mutex; times are monotonic. */
    int64_t deadline_ms; /* until when the peer must have sent what is waited for; 0 not waiting */
    int64_t since_ms; /* when that wait began */
    int64_t look_ms; /* when its reading of the answer is looked at next; 0 no answer is sent */
    uint64_t taken, given; /* bytes at the last look: taken by the peer, given to the socket */
    int64_t budget_ms; /* what was left of a deadline that is paused */
    void (*left)(void *context); /* told when the peer closes the connection; NULL nobody waits */
    void *left_context;
    const http_upgrade *upgrade; /* what the connection becomes; NULL plain HTTP */
    void *upgrade_context;
    struct MHD_Daemon *daemon; /* whose it is */
    bool upgraded; /* HTTP is over; the connection's own thread only */
    int fd;
    char owner[SLK_ADDRESS_CHARS]; /* of the socket's address */
} http_connection;

typedef struct http_param {
    const char *name; /* inside the route's pattern */
    size_t name_len;
    char *value; /* heap */
} http_param;

typedef struct reply_field {
    char *name, *value; /* heap */
} reply_field;

struct slk_http_exchange {
    slk_http_server *server;
    http_connection *connection;
    struct MHD_Connection *mhd;
    const slk_http_route *route; /* NULL until routed */
    int route_status; /* of slk_http_route_find */
    const slk_http_route *near; /* with 405: one at this path, for another method */
    char *target; /* as sent: raw path and query; heap */
    const char *method;
    bool started; /* the guard has seen it */
    bool replied;
    bool close_after; /* the reply ends the connection */
    slk_http_counts *counts; /* of the route, once it is counted there */
    int64_t begin_us; /* monotonic */
    int status; /* of the reply */
    uint64_t sent_bytes; /* of the body */
    slk_spool body;
    size_t body_max; /* the route's, or less */
    const char *body_text; /* all of it, once it is here */
    size_t body_text_n;
    size_t streamed; /* bytes handed to the route's take */
    bool admitted; /* the route's admit has been asked */
    size_t dropped; /* bytes of a body that is not kept, since body_code */
    slk_err body_code; /* why it is not; SLK_OK it is */
    slk_error body_error;
    void *state; /* the route's */
    http_param params[PARAMS_MAX];
    size_t n_params;
    reply_field fields[REPLY_HEADERS_MAX];
    size_t n_fields;
    char path[512]; /* raw path without query, cut for display */
    char peer[SLK_ADDRESS_CHARS];
    char owner[SLK_ADDRESS_CHARS]; /* of the peer's address: what limits count by */
    int64_t retry_after_s; /* > 0: a failure BUSY is 429 */
    void (*on_end)(void *context);
    void *on_end_context;
};

/* A daemon that takes no connections any more and ends those it has, under an older certificate. */
typedef struct http_retired {
    struct MHD_Daemon *daemon;
    int listen_fd; /* its threads may use it until it is stopped */
} http_retired;

struct slk_http_server {
    slk_http_server_options options;
    char *certificate_file, *key_file; /* what options point to */
    struct MHD_Daemon *daemon;
    http_retired retired[RETIRED_MAX]; /* oldest first; under the mutex */
    size_t n_retired;
    uint8_t pem_digest[2][32]; /* of certificate and key, as the daemon has them */
    slk_ip_set proxies; /* whose X-Forwarded-For counts */
    slk_limiter *requests; /* per address */
    slk_limiter *guesses; /* wrong tokens per address */
    uint16_t port;
    slk_http_counts *counts; /* of each route */
    pthread_mutex_t mutex; /* guards connections and their times, retired and stopping */
    pthread_cond_t wake;
    pthread_cond_t gone; /* a connection has ended */
    http_connection *connections;
    unsigned n_connections;
    pthread_t watchdog;
    bool watchdog_runs;
    bool stopping;
    bool closing; /* no connection becomes another protocol's any more */
};

/* server_guard.c: whether the header may be believed. On refusal a status and a reason. */
bool slk_http_guard(const slk_http_exchange *exchange, const char *version, int *ret_status,
                    const char **ret_reason);

/* server_route.c: fills route and params. Status 200, 404, 405 or 400. */
int slk_http_route_find(slk_http_exchange *exchange);

/* server_body.c: the body of a request, from its header to its end; each says what MHD is told. */
bool slk_http_has_body(const slk_http_exchange *exchange);
enum MHD_Result slk_http_body_begin(slk_http_exchange *exchange);
enum MHD_Result slk_http_body_take(slk_http_exchange *exchange, const char *bytes, size_t n);
enum MHD_Result slk_http_body_end(slk_http_exchange *exchange);
/* A reply that refuses the request; the connection ends with it. */
enum MHD_Result slk_http_refuse(slk_http_exchange *exchange, int status, const char *reason);

/* server_upgrade.c: answers 101 with these fields added, and hands the connection over. Takes over the
 * context when it is SLK_OK: end is called for it then. SLK_E_BUSY while the server ends. */
SLK_MUST_CHECK slk_err slk_http_reply_upgrade(slk_http_exchange *exchange, const char *protocol,
                                              const http_upgrade *upgrade, void *context,
                                              slk_error *error);
void slk_http_upgrade_close(int fd, struct MHD_UpgradeResponseHandle *urh);
/* Ends what became of the daemon's connections, and waits for that. */
void slk_http_evict(slk_http_server *server, const struct MHD_Daemon *daemon);

/* tls_pump.c: carries bytes both ways until inner_fd is closed at its other end. */
void slk_http_pump(gnutls_session_t tls, int tls_fd, int inner_fd);

/* server_count.c: room for the counts, and the two ends of an exchange that has a route. */
slk_err slk_http_count_init(slk_http_server *server, slk_error *error);
void slk_http_count_begin(slk_http_exchange *exchange);
void slk_http_count_end(slk_http_exchange *exchange);

/* server.c: what a daemon calls, context being the server. */
enum MHD_Result slk_http_on_knock(void *context, const struct sockaddr *address,
                                  socklen_t address_n);
void *slk_http_on_request_line(void *context, const char *target, struct MHD_Connection *mhd);
enum MHD_Result slk_http_on_request(void *context, struct MHD_Connection *mhd, const char *path,
                                    const char *method, const char *version, const char *bytes,
                                    size_t *bytes_n, void **exchange_context);
void slk_http_on_completed(void *context, struct MHD_Connection *mhd, void **exchange_context,
                           enum MHD_RequestTerminationCode why);
void slk_http_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                            enum MHD_ConnectionNotificationCode what);

/* server_listen.c: opens the socket and starts serving; the end of all that. */
slk_err slk_http_listen(slk_http_server *server, slk_error *error);
void slk_http_unlisten(slk_http_server *server);
/* Whether the connection is one of an older certificate: its next answer is its last. */
bool slk_http_is_retired(slk_http_server *server, struct MHD_Connection *mhd);

/* server_watch.c: the list of connections and the thread that cuts the late ones. */
slk_err slk_http_watch_start(slk_http_server *server, slk_error *error);
void slk_http_watch_stop(slk_http_server *server);
/* Whether one more of that address may come in. Where places are few, it gets that of whoever is
 * waited for longest. */
bool slk_http_watch_admit(slk_http_server *server, const struct sockaddr *address);
/* NULL when out of memory. */
http_connection *slk_http_watch_add(slk_http_server *server, int fd,
                                    const struct sockaddr *address);
void slk_http_watch_remove(slk_http_server *server, http_connection *connection);
/* Moves the connection's deadline to now + ms; 0 takes it away. No answer is sent now. */
void slk_http_watch_deadline(slk_http_server *server, http_connection *connection, int64_t ms);
/* Moves a deadline that is set by ms. */
void slk_http_watch_extend(slk_http_server *server, http_connection *connection, int64_t ms);
/* Stops a deadline that is set, and lets it run on with what was left of it and ms more, but no more
 * than most_ms in all. */
void slk_http_watch_pause(slk_http_server *server, http_connection *connection);
void slk_http_watch_resume(slk_http_server *server, http_connection *connection, int64_t ms,
                           int64_t most_ms);
/* An answer is being sent, which the peer must take. */
void slk_http_watch_reply(slk_http_server *server, http_connection *connection);

#endif
