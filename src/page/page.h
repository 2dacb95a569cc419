/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The page of a node and its JSON API, served by the node's own HTTP server.
 *
 *   /                 the page (page/assets, built into the program), no login needed to load it
 *   /assets/NAME      its parts
 *   /api/v0/…         JSON; docs/page.md lists every path
 *
 * Requests to the API carry a session cookie (made by POST /api/v0/login) or
 * `Authorization: Bearer TOKEN` (access/access.h). What a role may not do is 403. A change asked for
 * with a cookie also needs the header X-Selkie-CSRF with the session's own value. Wrong tokens are
 * counted per address (IPv6: per /64), and too many of them are 429; a right one passes. Failures are
 * {"error":{"code","message"}}.
 *
 * Handlers do what the commands do, through the same functions of seal/. */
#ifndef SLK_PAGE_PAGE_H
#define SLK_PAGE_PAGE_H

#include "base/err.h"
#include "net/server.h"
#include "remote/peer.h"
#include "seal/seal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_PAGE_ROUTES_MAX 64u
#define SLK_PAGE_LISTENERS_MAX 32u /* pages that listen to /api/v0/events at once */

typedef struct slk_page slk_page;

typedef struct slk_page_options {
    slk_seal *seal; /* borrowed, as all below */
    slk_remote_peer *peer; /* to try a provider */
    const char *node_name;
    const char *version;
    const char *scratch_folder; /* whose disks are shown */
    const char *storage_folder;
    bool development;
    bool loopback_only; /* others get 404 */
    bool secure_cookies; /* browsers reach us by https */
    int64_t session_ms; /* life of a login */
    /* The base URL peers reach this node at, for connect strings; heap, the caller frees. */
    slk_err (*own_url)(void *context, char **ret_url, slk_error *error);
    void *context;
} slk_page_options;

SLK_MUST_CHECK slk_err slk_page_new(slk_page **ret_page, const slk_page_options *options,
                                    slk_error *error);
void slk_page_free(slk_page *page); /* server gone; NULL allowed */
/* Ends the streams of events, which would keep the server from stopping: before it is freed. NULL
 * allowed. */
void slk_page_cancel(slk_page *page);

/* The routes with their context, for slk_http_server_options; returns their number. */
size_t slk_page_routes(slk_http_route out[SLK_PAGE_ROUTES_MAX], slk_page *page);

#endif
