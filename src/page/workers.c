/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The workers of the node: who they are, what they do, what waits for one; and who gets work. */
#include "page/page_impl.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "codec/json.h"

static slk_err get_workers(slk_buf *out, page_request *request, slk_error *error)
{
    const slk_page_ops *ops = &request->page->options.ops;
    SLK_CLEANUP(slk_json_decrefp) json_t *board = NULL;
    SLK_TRY(ops->workers(ops->context, &board, error));
    return slk_json_print(out, board);
}

/* {"open"}: whether it gets new work from now on. */
static slk_err set_worker(slk_buf *out, page_request *request, slk_error *error)
{
    const slk_page_ops *ops = &request->page->options.ops;
    const char *session = slk_http_param(request->exchange, "session");
    bool open = false, dry_run = false;
    if (!slk_uuid_is(session))
        return slk_fail(error, SLK_E_INVAL, "want the whole session of a worker");
    if (!slk_page_has(request, "open"))
        return slk_fail(error, SLK_E_INVAL, "open: want true or false");
    SLK_TRY(slk_page_bool(&open, request, "open", error));
    SLK_TRY(slk_page_dry_run(&dry_run, request, error));
    if (!dry_run) {
        SLK_TRY(ops->open_worker(ops->context, session, open, error));
        slk_log(SLK_LOG_INFO, "page.worker", "session=%s open=%d by=%s", session, open,
                request->who.name);
    }
    return slk_page_done(out, dry_run,
                         open ? "it gets work again" : "it gets no new work; what it does goes on",
                         error);
}

const page_endpoint slk_page_worker_endpoints[] = {
    {"GET", "/api/v0/workers", SLK_ROLE_READ, get_workers},
    {"POST", "/api/v0/workers/{session}", SLK_ROLE_ADMIN, set_worker},
    {NULL, NULL, SLK_ROLE_NONE, NULL},
};
