/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Results to the node, each until it has it. source: reference/lotus-worker 4.5 */
#include "worker/worker_impl.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"

#include <stdio.h>
#include <string.h>

#define LOOK_MS 20

static slk_err value_of(json_t **ret, const slk_worker_call *call, const slk_worker_step *step,
                        slk_error *error)
{
    const bool failed = call->outcome.fault.failed;
    if (!step->empty) {
        *ret = NULL;
        return SLK_OK;
    }
    *ret = !failed && call->outcome.result ? json_incref(call->outcome.result)
                                           : json_loads(step->empty, JSON_DECODE_ANY, NULL);
    if (!*ret)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a result");
    return SLK_OK;
}

static slk_err send(slk_worker *worker, const slk_worker_call *call, slk_error *error)
{
    const slk_worker_step *step = slk_worker_step_of(call->method);
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    SLK_CLEANUP(slk_freep) char *file = NULL;
    slk_assert(step);
    SLK_TRY(slk_worker_settle(worker, error));
    SLK_TRY(value_of(&value, call, step, error));
    if (call->outcome.result_file && !call->outcome.fault.failed) {
        file = slk_worker_journal_out(worker->journal, call->id.uuid);
        if (!file)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a result");
    }
    return slk_miner_return(&worker->miner, step->returns, &call->id, value, file,
                            &call->outcome.fault, error);
}

/* True: the node has it. */
static bool deliver(slk_worker *worker, const slk_worker_call *call, bool first)
{
    slk_error error = {0};
    slk_err code = send(worker, call, &error);
    if (code == SLK_OK)
        code = slk_worker_journal_drop(worker->journal, call->id.uuid, &error);
    if (code == SLK_OK) {
        slk_log(SLK_LOG_INFO, "call.returned", "call=%s method=%s", call->id.uuid, call->method);
        slk_runner_returned(worker->runner, call);
        return true;
    }
    char text[sizeof error.message];
    (void)snprintf(text, sizeof text, "%s", slk_error_text(&error, code));
    slk_text_quotable(text);
    slk_log(first ? SLK_LOG_WARN : SLK_LOG_DEBUG, "call.not_returned",
            "call=%s method=%s why=\"%s\" then=\"it is returned again\"", call->id.uuid,
            call->method, text);
    return false;
}

/* A lotus-miner gives what follows from a Return to whom it knows. Until it has seen that our earlier run is
 * gone, that may be the one that will never answer, and the sector would wait for ever. */
static bool may_return(slk_worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    const int64_t from = worker->return_from_ms;
    (void)pthread_mutex_unlock(&worker->lock);
    return from != 0 && slk_clock_monotonic_ms() >= from;
}

static bool stopping(slk_worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    const bool is = worker->stopping;
    (void)pthread_mutex_unlock(&worker->lock);
    return is;
}

/* Rounds: in each, every call that has ended by then is tried once. */
static void *return_main(void *context)
{
    slk_worker *worker = context;
    while (!stopping(worker) && !may_return(worker))
        slk_clock_sleep_ms(LOOK_MS);
    for (uint64_t round = 1; !stopping(worker); round++) {
        const int64_t until = slk_clock_monotonic_ms() + worker->options.again_ms;
        while (!stopping(worker)) {
            const int64_t left = until - slk_clock_monotonic_ms();
            bool again = false;
            const slk_worker_call *call =
                slk_runner_next_ended(worker->runner, round, left > 0 ? left : 0, &again);
            if (!call)
                break;
            (void)deliver(worker, call, !again);
        }
    }
    return NULL;
}

slk_err slk_worker_returns_start(slk_worker *worker, slk_error *error)
{
    worker->return_running = pthread_create(&worker->return_thread, NULL, return_main, worker) == 0;
    if (!worker->return_running)
        return slk_fail(error, SLK_E_NOMEM, "cannot start a thread");
    return SLK_OK;
}
