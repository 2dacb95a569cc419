/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of the page share. */
#ifndef SLK_PAGE_PAGE_IMPL_H
#define SLK_PAGE_PAGE_IMPL_H

#include "access/access.h"
#include "base/buf.h"
#include "page/page.h"
#include "net/limiter.h"

#include <jansson.h>

#define ANSWER_MAX_BYTES ((size_t)16 << 20)

typedef struct page_request {
    slk_page *page;
    slk_http_exchange *exchange;
    slk_access_who who; /* role NONE where the endpoint asks for none */
    const char *session; /* the cookie's value; NULL without */
    const json_t *body; /* the object of POST and PUT; NULL for the others */
} page_request;

/* Prints the answer into out, one JSON value; nothing printed means {"done":true}. Failures go to the
 * operator with their sentence. */
typedef slk_err page_handler(slk_buf *out, page_request *request, slk_error *error);

typedef struct page_endpoint {
    const char *method;
    const char *path;
    slk_role role; /* least role; NONE: anybody */
    page_handler *handler;
} page_endpoint;

/* What a route's handler gets. */
typedef struct page_served {
    slk_page *page;
    const page_endpoint *endpoint;
} page_served;

typedef struct page_hub page_hub; /* events.c */
typedef struct page_jobs page_jobs; /* jobs.c */

struct slk_page {
    slk_page_options options;
    slk_limiter *guesses;
    page_hub *hub;
    page_jobs *jobs;
    page_served served[SLK_PAGE_ROUTES_MAX];
};

/* The endpoints, each table ending in an empty row. */
extern const page_endpoint slk_page_session_endpoints[];
extern const page_endpoint slk_page_board_endpoints[];
extern const page_endpoint slk_page_partner_endpoints[];
extern const page_endpoint slk_page_provider_endpoints[];
extern const page_endpoint slk_page_sector_endpoints[];
extern const page_endpoint slk_page_job_endpoints[];
extern const page_endpoint slk_page_token_endpoints[];
extern const page_endpoint slk_page_worker_endpoints[];

/* A wrong token of that address; false: it had too many of them, which is answered with 429. Right tokens
 * are never held up. */
bool slk_page_may_guess(slk_page *page, const slk_http_exchange *exchange);

/* Whether that address may know that there is a page. */
bool slk_page_may_see(const slk_page *page, const slk_http_exchange *exchange);

/* assets.c: GET / and GET /assets/{name}. */
slk_http_handler slk_page_index;
slk_http_handler slk_page_asset;

/* events.c: the stream of /api/v0/events. The handler has checked who asks. */
SLK_MUST_CHECK slk_err slk_page_hub_new(page_hub **ret_hub, slk_page *page, slk_error *error);
void slk_page_hub_free(page_hub *hub);
void slk_page_hub_cancel(page_hub *hub);
SLK_MUST_CHECK slk_err slk_page_events(page_request *request, slk_error *error);

/* jobs.c. Canceled ends the one that runs, and no other begins. */
SLK_MUST_CHECK slk_err slk_page_jobs_new(page_jobs **ret_jobs, slk_page *page, slk_error *error);
void slk_page_jobs_cancel(page_jobs *jobs);
void slk_page_jobs_free(page_jobs *jobs); /* NULL allowed */

/* boards.c: what /api/v0/overview answers and the stream repeats. */
SLK_MUST_CHECK slk_err slk_page_overview(slk_buf *out, slk_page *page, slk_error *error);

/* session.c: the request's cookie as a session token, "" when there is none; the header's proof that
 * a change was asked for by our own page. */
void slk_page_cookie(char out[SLK_ACCESS_TOKEN_CHARS], const page_request *request);
bool slk_page_csrf_fits(const page_request *request);

slk_db *slk_page_db(const slk_page *page);
int64_t slk_page_now(const slk_page *page);

/* ---- reading a body ---- */
/* A text of at most most characters, without control characters; absent or null: fallback, or
 * SLK_E_INVAL when that is NULL. */
SLK_MUST_CHECK slk_err slk_page_text(const char **ret, const page_request *request,
                                     const char *field, size_t most, const char *fallback,
                                     slk_error *error);
/* A whole number from least to most; absent or null: *ret stays. */
SLK_MUST_CHECK slk_err slk_page_number(int64_t *ret, const page_request *request, const char *field,
                                       int64_t least, int64_t most, slk_error *error);
bool slk_page_has(const page_request *request, const char *field);
/* An optional true or false; absent or null: false. */
SLK_MUST_CHECK slk_err slk_page_bool(bool *ret, const page_request *request, const char *field,
                                     slk_error *error);
/* "dry_run": the operator wants to know what would be done. */
SLK_MUST_CHECK slk_err slk_page_dry_run(bool *ret, const page_request *request, slk_error *error);
/* The answer of a change: {"done":true,"what"}, or {"dry_run":true,"what"}. what: a clause such as "its
 * files go". */
SLK_MUST_CHECK slk_err slk_page_done(slk_buf *out, bool dry_run, const char *what,
                                     slk_error *error);
/* "f01000", "t01000" or 1000. */
SLK_MUST_CHECK slk_err slk_page_miner(uint64_t *ret, const page_request *request, const char *field,
                                      slk_error *error);
/* A {name} of the path as a row's id. */
SLK_MUST_CHECK slk_err slk_page_id(int64_t *ret, const page_request *request, const char *name,
                                   slk_error *error);
/* {sp_id} and {number} of the path. */
SLK_MUST_CHECK slk_err slk_page_sector(uint64_t *ret_sp_id, uint64_t *ret_number,
                                       const page_request *request, slk_error *error);
SLK_MUST_CHECK slk_err slk_page_out_of_memory(slk_error *error);

#endif
