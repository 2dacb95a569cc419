/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The files of a store over HTTP, as Lotus's miners and workers fetch them from each other: /remote/….
 *
 *   GET    /remote/{type}/{sector}         file: Range, ETag, Last-Modified; folder: tar with its length
 *          ?only=finished                  ours, of a cache: p_aux, t_aux and tree-r-last alone
 *   DELETE /remote/{type}/{sector}?keep=ID.ID
 *   GET    /remote/stat/{id}               FsStat; 404: no such path
 *   GET    /remote/unsealed/{sector}/{proofType}/allocated/{offset}/{size}   unpadded; 200 yes, 416 no
 *   POST   /remote/vanilla/porep           C1 output
 *   POST   /remote/vanilla/single          not offered: 500
 *
 * What is not there, or no proper name, is 500 as in Lotus; what is in use, or could not be removed, is 503.
 * Nothing from a URL reaches the file system: type and sector are read and printed anew; links are not
 * followed. The bearer's token may also come as ?token=. A file being sent is held to read (store/hold.h);
 * DELETE waits for it half a minute at most.
 * source: reference/lotus-worker 2, 6.1 */
#ifndef SLK_STORE_REMOTE_SERVER_H
#define SLK_STORE_REMOTE_SERVER_H

#include "base/buf.h"
#include "base/job.h"
#include "lotus/types.h"
#include "net/server.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct slk_store_server slk_store_server;

/* *ret_allowed: the token (never "") may do what `admin` may with files of the sector (NULL: with what is
 * not one sector's alone). SLK_E_AUTH: it is none of ours. known_only: its sender has had too many wrong
 * ones, nobody is to be asked about it. Called from many threads; may wait. */
typedef slk_err slk_store_authorise(void *context, bool *ret_allowed, const char *token,
                                    const slk_lotus_sector *sector, bool known_only,
                                    slk_error *error);

typedef struct slk_store_porep_request {
    slk_lotus_sector_ref sector;
    uint8_t comm_r[32], comm_d[32], ticket[32], seed[32];
} slk_store_porep_request;
/* Appends the C1 output of a sector here to out. The server holds its files to read. */
typedef slk_err slk_store_porep(void *context, slk_buf *out, const slk_store_porep_request *request,
                                slk_job *job, slk_error *error);

typedef struct slk_store_server_options {
    slk_store *store; /* borrowed */
    void *context;
    slk_store_authorise *authorise;
    slk_store_porep *porep; /* NULL: not offered, 500 */
} slk_store_server_options;

SLK_MUST_CHECK slk_err slk_store_server_new(slk_store_server **ret_server,
                                            const slk_store_server_options *options,
                                            slk_error *error);
/* After the HTTP server is gone. NULL allowed. */
void slk_store_server_free(slk_store_server *server);
/* Ends what is being computed, and what waits. */
void slk_store_server_cancel(slk_store_server *server);

/* The rows for slk_http_server_options.routes, in an order that matters; they live as long as the
 * server. */
enum { SLK_STORE_SERVER_ROUTES = 6 };
void slk_store_server_routes(slk_store_server *server,
                             slk_http_route ret_routes[SLK_STORE_SERVER_ROUTES]);

#endif
