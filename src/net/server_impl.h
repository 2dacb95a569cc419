/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of the server share. */
#ifndef SLK_NET_SERVER_IMPL_H
#define SLK_NET_SERVER_IMPL_H

#include "base/buf.h"
#include "net/server.h"

#include <microhttpd.h>
#include <pthread.h>

#define HEADER_FIELDS_MAX 64u
#define HEADER_BYTES_MAX 16384u
#define PARAMS_MAX 8u
#define REPLY_HEADERS_MAX 8u

typedef struct http_connection {
    struct http_connection *next, *previous; /* in server->connections, under its mutex */
    slk_http_exchange *exchange; /* owned; the connection's own thread only */
    int64_t deadline_ms; /* monotonic; 0 none; under the mutex */
    int fd;
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
    slk_buf body;
    http_param params[PARAMS_MAX];
    size_t n_params;
    reply_field fields[REPLY_HEADERS_MAX];
    size_t n_fields;
    char path[512]; /* raw path without query, cut for display */
    char peer[64];
};

struct slk_http_server {
    slk_http_server_options options;
    struct MHD_Daemon *daemon;
    uint16_t port;
    slk_http_counts *counts; /* of each route */
    pthread_mutex_t mutex; /* guards connections, deadlines and stopping */
    pthread_cond_t wake;
    http_connection *connections;
    pthread_t watchdog;
    bool watchdog_runs;
    bool stopping;
};

/* server_guard.c: whether the header may be believed. On refusal a status and a reason. */
bool slk_http_guard(const slk_http_exchange *exchange, const char *version, int *ret_status,
                    const char **ret_reason);

/* server_route.c: fills route and params. Status 200, 404, 405 or 400. */
int slk_http_route_find(slk_http_exchange *exchange);

/* server_count.c: room for the counts, and the two ends of an exchange that has a route. */
slk_err slk_http_count_init(slk_http_server *server, slk_error *error);
void slk_http_count_begin(slk_http_exchange *exchange);
void slk_http_count_end(slk_http_exchange *exchange);

/* server_watch.c: the list of connections and the thread that cuts the late ones. */
slk_err slk_http_watch_start(slk_http_server *server, slk_error *error);
void slk_http_watch_stop(slk_http_server *server);
http_connection *slk_http_watch_add(slk_http_server *server, int fd);
void slk_http_watch_remove(slk_http_server *server, http_connection *connection);
/* Moves the connection's deadline to now + ms; 0 takes it away. */
void slk_http_watch_deadline(slk_http_server *server, http_connection *connection, int64_t ms);
/* Moves a deadline that is set by ms. */
void slk_http_watch_extend(slk_http_server *server, http_connection *connection, int64_t ms);

#endif
