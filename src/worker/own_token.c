/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The token that a worker bears at its node. A node of ours gives it one for a while that is good for a
 * worker's work and nothing else, whatever the one it was started with allows, and the next before that is
 * over. Where the one of the start has an end, the newest is kept on disk for the next start. */
#include "worker/worker_impl.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/jwt.h"

#include <stdio.h>
#include <string.h>

#define TOKEN_FILE "node-token"

static slk_err bear(slk_worker *worker, const char *token, const char *id, bool given,
                    slk_error *error)
{
    SLK_TRY(slk_rpc_client_set_bearer(worker->rpc, token, error));
    worker->token_given = given;
    if (strcmp(worker->token_id, id) == 0)
        return SLK_OK;
    (void)snprintf(worker->token_id, sizeof worker->token_id, "%s", id);
    /* To the node that is somebody else, who has named none of our URLs yet. */
    (void)pthread_mutex_lock(&worker->lock);
    if (worker->node_session[0])
        (void)snprintf(worker->node_session, sizeof worker->node_session, "%s", SLK_OTHER_TOKEN);
    (void)pthread_mutex_unlock(&worker->lock);
    return SLK_OK;
}

/* ---- on disk ---- */

static slk_err keep(const slk_worker *worker, const char *token, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(worker->options.folder, TOKEN_FILE);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a token");
    return slk_file_write_atomic(path, token, strlen(token), 0600, error);
}

/* The kept one, when it is of the one of the start and not over. */
static slk_err take_kept(slk_worker *worker, const char *token, const slk_jwt_claims *first,
                         slk_error *error)
{
    slk_jwt_claims kept;
    slk_jwt_peek(&kept, token);
    if (!first->id[0] || strcmp(first->id, kept.id) != 0 ||
        kept.expires_s <= slk_clock_wall_ms() / 1000)
        return SLK_OK;
    return bear(worker, token, kept.id, true, error);
}

slk_err slk_worker_token_begin(slk_worker *worker, slk_error *error)
{
    slk_jwt_claims first;
    slk_buf text;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(worker->options.folder, TOKEN_FILE);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a token");
    slk_jwt_peek(&first, worker->options.node_token);
    memcpy(worker->token_id, first.id, sizeof worker->token_id);
    worker->token_ends = first.expires_s != 0;
    if (!worker->token_ends)
        return SLK_OK;
    slk_buf_init(&text, SLK_JWT_MAX_CHARS);
    slk_err code = slk_file_read_all(&text, path, error);
    if (code == SLK_OK)
        code = take_kept(worker, slk_buf_str(&text), &first, error);
    if (text.data)
        slk_bytes_wipe(text.data, text.len);
    slk_buf_done(&text);
    return code == SLK_E_NOTFOUND ? SLK_OK : code;
}

/* ---- from the node ---- */

static slk_err take_new(slk_worker *worker, const char *token, const char *id, int64_t lasts_s,
                        slk_error *error)
{
    slk_error why = {0};
    SLK_TRY(bear(worker, token, id, true, error));
    worker->renew_ms = slk_clock_monotonic_ms() + lasts_s * 1000 / 2;
    const slk_err code = worker->token_ends ? keep(worker, token, &why) : SLK_OK;
    if (code != SLK_OK)
        slk_log(SLK_LOG_WARN, "token.not_kept",
                "why=\"%s\" then=\"a start after the end of the one in MINER_API_INFO needs a new "
                "one\"",
                slk_error_text(&why, code));
    slk_log(SLK_LOG_DEBUG, "token.renewed", "lasts_s=%ld", lasts_s);
    return SLK_OK;
}

slk_err slk_worker_token_renew(slk_worker *worker, slk_error *error)
{
    char *token = NULL, id[64];
    int64_t lasts_s = 0;
    if (!worker->node_is_ours || slk_clock_monotonic_ms() < worker->renew_ms)
        return SLK_OK;
    slk_err code = slk_miner_worker_token(&worker->miner, &token, id, &lasts_s, error);
    if (code == SLK_E_UNSUPPORTED) { /* an older node */
        worker->renew_ms = INT64_MAX;
        return SLK_OK;
    }
    SLK_TRY(code);
    code = take_new(worker, token, id, lasts_s, error);
    slk_bytes_wipe(token, strlen(token));
    slk_free(token);
    return code;
}

bool slk_worker_token_fall_back(slk_worker *worker)
{
    slk_jwt_claims first;
    slk_error error = {0};
    if (!worker->token_given)
        return false;
    slk_jwt_peek(&first, worker->options.node_token);
    worker->renew_ms = 0;
    return bear(worker, worker->options.node_token, first.id, false, &error) == SLK_OK;
}
