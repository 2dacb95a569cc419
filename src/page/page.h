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
 * Handlers do what the commands do, through the same functions of seal/. What takes long, the check and
 * the copy of a sector's files, is a job: one at a time, on a thread of the page. */
#ifndef SLK_PAGE_PAGE_H
#define SLK_PAGE_PAGE_H

#include "base/err.h"
#include "base/job.h"
#include "net/server.h"
#include "remote/connect.h"
#include "seal/seal.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_PAGE_ROUTES_MAX 64u
#define SLK_PAGE_LISTENERS_MAX 32u /* pages that listen to /api/v0/events at once */

typedef struct slk_page slk_page;

/* What is to be done with the files of a sector of ours. */
typedef struct slk_page_file_job {
    uint64_t sp_id, number;
    uint64_t samples; /* verify: so many places; 0: all of it */
    const char *to; /* export: the folder */
    bool dry_run; /* only whether it could be done */
    slk_job *job; /* where it is, and a way to stop it */
} slk_page_file_job;

/* What became of it. */
typedef struct slk_page_copied {
    uint64_t files, bytes;
} slk_page_copied;

/* What was found at a provider. */
typedef struct slk_page_tried {
    json_t *steps; /* [{"check","mark","found","next"}]; a new reference */
    slk_err code; /* SLK_OK, or as what … */
    slk_error why; /* … and with which sentence the first bad step fails */
    char partner_name[SLK_SEAL_REASON_CHARS]; /* what it calls us */
    int64_t allowance_remaining;
} slk_page_tried;

/* What only the program around the page can do. Called on threads of the server and, when it is no dry
 * run, on one of the page's own. */
typedef struct slk_page_ops {
    /* The base URL peers reach this node at, for connect strings; heap, the caller frees. */
    slk_err (*own_url)(void *context, char **ret_url, slk_error *error);
    /* Tries a provider step by step; SLK_OK whatever was found. Takes up to half a minute. */
    slk_err (*try_provider)(void *context, slk_page_tried *ret, const slk_connect *at,
                            slk_error *error);
    /* SLK_E_CORRUPT: which file is not what it must be. */
    slk_err (*verify)(void *context, const slk_page_file_job *what, slk_error *error);
    slk_err (*export)(void *context, slk_page_copied *ret, const slk_page_file_job *what,
                      slk_error *error);
    /* The node's workers: farm/farm.h, slk_farm_board; *ret is a new reference. */
    slk_err (*workers)(void *context, json_t **ret, slk_error *error);
    /* Gives that worker work again, or no new work. session: or its beginning. SLK_E_NOTFOUND. */
    slk_err (*open_worker)(void *context, const char *session, bool open, slk_error *error);
    void *context;
} slk_page_ops;

typedef struct slk_page_options {
    slk_seal *seal; /* borrowed, as all below */
    slk_page_ops ops;
    const char *node_name;
    const char *version;
    const char *scratch_folder; /* whose disks are shown */
    const char *storage_folder;
    bool development;
    bool loopback_only; /* others get 404 */
    bool secure_cookies; /* browsers reach us by https */
    int64_t session_ms; /* life of a login */
} slk_page_options;

SLK_MUST_CHECK slk_err slk_page_new(slk_page **ret_page, const slk_page_options *options,
                                    slk_error *error);
void slk_page_free(slk_page *page); /* server gone; NULL allowed */
/* Ends the streams of events, which would keep the server from stopping, and the job: before it is freed.
 * NULL allowed. */
void slk_page_cancel(slk_page *page);

/* The routes with their context, for slk_http_server_options; returns their number. */
size_t slk_page_routes(slk_http_route out[SLK_PAGE_ROUTES_MAX], slk_page *page);

#endif
