/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie worker stop` and `selkie worker drain`: how a worker ends. */
#include "app/amount.h"
#include "app/service.h"
#include "app/worker_commands.h"
#include "app/worker_link.h"

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "lotus/task.h"
#include "lotus/types.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 1000
#define SAY_MS 10000 /* on what is no terminal */
/* A node sees at its next heartbeat (10 s) that the worker takes nothing new, and may give it something
 * until then. source: reference/lotus-worker 5.3 */
#define SETTLE_MS 12000
#define LINE_MAX_BYTES ((size_t)1 << 16)
#define SAID_MAX 3u /* calls in one line; on a terminal, where it is not to be broken, one */
#define STAGE_CHARS 64u

/* ---- stop ---- */

/* A node that is away does not hear of its storage that goes; that is no reason to go on. */
static slk_err end_it(slk_worker_link *link, slk_error *error)
{
    slk_error why = {0};
    const slk_err code = slk_worker_tell(link, "Filecoin.StorageDetachAll", json_array(), &why);
    if (code == SLK_E_CONFLICT)
        (void)fprintf(stderr, "its node does not hear that it ends: %s\n", why.message);
    else if (code != SLK_OK)
        return slk_fail(error, code, "%s", why.message);
    return slk_worker_tell(link, "Filecoin.Shutdown", json_array(), error);
}

static slk_err stop(slk_worker_link *link, const slk_options *options, slk_error *error)
{
    if (slk_service_dry(options, "the worker would end; work that is not done goes on at the next "
                                 "start"))
        return SLK_OK;
    SLK_TRY(end_it(link, error));
    slk_service_say(options, "the worker ends");
    return SLK_OK;
}

/* ---- what is in hand ---- */

/* A call that was seen there. */
struct seen {
    char uuid[SLK_UUID_CHARS];
    char stage[STAGE_CHARS];
    int64_t done; /* of the stage when it was first seen, … */
    int64_t since_ms; /* … and when that was: monotonic */
};

struct drain {
    slk_worker_link *link;
    int64_t timeout_ms; /* 0: none */
    int64_t began_ms;
    struct seen *seen;
    size_t n_seen;
    size_t in_hand; /* at the last look */
    slk_buf line;
    bool terminal;
    int64_t say_ms; /* when the line is printed next */
};

static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory");
}

static slk_err find_or_add(struct seen **ret, struct drain *d, const char *uuid, slk_error *error)
{
    for (size_t i = 0; i < d->n_seen; i++)
        if (strcmp(d->seen[i].uuid, uuid) == 0) {
            *ret = &d->seen[i];
            return SLK_OK;
        }
    struct seen *more = slk_realloc(d->seen, d->n_seen + 1, sizeof *more);
    if (!more)
        return no_memory(error);
    d->seen = more;
    *ret = &more[d->n_seen++];
    **ret = (struct seen){.since_ms = 0};
    (void)snprintf((*ret)->uuid, sizeof(*ret)->uuid, "%s", uuid);
    return SLK_OK;
}

static slk_err add_left(slk_buf *out, const struct seen *seen, int64_t done, int64_t total)
{
    char left[SLK_SPAN_CHARS];
    const int64_t took_ms = slk_clock_monotonic_ms() - seen->since_ms;
    if (done <= seen->done || done > total)
        return SLK_OK;
    const double ms = (double)(total - done) / (double)(done - seen->done) * (double)took_ms;
    slk_span_format(left, (int64_t)ms);
    return slk_buf_printf(out, ", about %s left", left);
}

/* "PC1 of f01000/7: layer 3, 45 %, about 12 min left" */
static slk_err describe(slk_buf *out, const json_t *row, const slk_lotus_call_id *id,
                        struct seen *seen)
{
    slk_lotus_task task;
    const char *state = slk_service_text(row, "State"), *stage = slk_service_text(row, "Stage");
    const int64_t done = slk_service_number(row, "Done"), total = slk_service_number(row, "Total");
    const bool known = slk_lotus_task_of_name(&task, slk_service_text(row, "Task"));
    if (seen->since_ms == 0 || strncmp(seen->stage, stage, sizeof seen->stage - 1) != 0) {
        (void)snprintf(seen->stage, sizeof seen->stage, "%s", stage);
        seen->since_ms = slk_clock_monotonic_ms();
        seen->done = done;
    }
    SLK_TRY(slk_buf_printf(out, "%s of f0%" PRIu64 "/%" PRIu64,
                           known ? slk_lotus_task_short(task) : "call", id->sector.miner,
                           id->sector.number));
    if (strcmp(state, "returning") == 0)
        return slk_buf_text(out, " is done and waits for the node to take it");
    if (strcmp(state, "waiting") == 0)
        return slk_buf_text(out, " waits its turn");
    if (*stage)
        SLK_TRY(slk_buf_printf(out, ": %s", stage));
    if (total > 0)
        SLK_TRY(slk_buf_printf(out, ", %" PRId64 " %%", 100 * done / total));
    return total > 0 ? add_left(out, seen, done, total) : SLK_OK;
}

static slk_err write_line(struct drain *d, const json_t *list, slk_error *error)
{
    const size_t n = json_array_size(list), said = d->terminal ? 1 : SAID_MAX;
    slk_buf_reset(&d->line);
    slk_err code = slk_buf_printf(&d->line, "in hand: %zu", n);
    for (size_t i = 0; i < n && code == SLK_OK; i++) {
        const json_t *row = json_array_get(list, i);
        slk_lotus_call_id id;
        struct seen *seen = NULL;
        SLK_TRY(slk_lotus_call_id_read(&id, json_object_get(row, "ID"), "call", error));
        SLK_TRY(find_or_add(&seen, d, id.uuid, error));
        if (i < said)
            code = slk_buf_text(&d->line, i == 0 ? "; " : ", ");
        if (i < said && code == SLK_OK)
            code = describe(&d->line, row, &id, seen);
    }
    if (code == SLK_OK && n > said)
        code = slk_buf_printf(&d->line, " and %zu more", n - said);
    return code == SLK_OK ? SLK_OK : no_memory(error);
}

static void say(struct drain *d, bool now)
{
    if (d->terminal)
        (void)fprintf(stderr, "\r\033[K%s", slk_buf_str(&d->line));
    else if (now || slk_clock_monotonic_ms() >= d->say_ms) {
        (void)fprintf(stderr, "%s\n", slk_buf_str(&d->line));
        d->say_ms = slk_clock_monotonic_ms() + SAY_MS;
    }
    (void)fflush(stderr);
}

/* ---- drain ---- */

static slk_err too_long(const struct drain *d, slk_error *error)
{
    char took[SLK_SPAN_CHARS];
    slk_span_format(took, d->timeout_ms);
    return slk_fail(
        error, SLK_E_TIMEOUT,
        "the worker is not done after %s (%.200s): it goes on with that and takes nothing "
        "new; drain it again, or `selkie worker drain --off` has it take work again",
        took, slk_buf_str(&d->line));
}

/* Until nothing has been in hand for as long as a node may take to know. SLK_E_UNSUPPORTED: a lotus-worker. */
static slk_err wait_empty(struct drain *d, slk_error *error)
{
    for (int64_t empty_ms = 0;;) {
        SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
        SLK_TRY(slk_worker_ask(d->link, "Selkie.TaskProgress", json_array(), &list, error));
        const int64_t now = slk_clock_monotonic_ms();
        const size_t n = json_array_size(list);
        SLK_TRY(write_line(d, list, error));
        if (n == 0) {
            empty_ms = empty_ms ? empty_ms : now;
            slk_buf_reset(&d->line);
            if (slk_buf_text(&d->line,
                             "in hand: nothing; waiting until its node knows that it takes "
                             "nothing new") != SLK_OK)
                return no_memory(error);
        } else {
            empty_ms = 0;
        }
        say(d, n != d->in_hand);
        d->in_hand = n;
        if (n == 0 && now - empty_ms >= SETTLE_MS)
            return SLK_OK;
        if (n > 0 && d->timeout_ms && now - d->began_ms >= d->timeout_ms)
            return too_long(d, error);
        slk_clock_sleep_ms(LOOK_MS);
    }
}

/* A lotus-worker says no more than that it is done. */
static slk_err wait_quiet(struct drain *d, slk_error *error)
{
    const slk_rpc_how how = {.timeout_ms = d->timeout_ms ? d->timeout_ms : -1};
    SLK_TRY(slk_buf_text(&d->line, "in hand: a lotus-worker does not say what"));
    say(d, true);
    const slk_err code =
        slk_rpc_tell(d->link->rpc, "Filecoin.WaitQuiet", json_array(), &how, NULL, error);
    return code == SLK_E_TIMEOUT ? too_long(d, error) : code;
}

static void print_end(const struct drain *d, const slk_options *options)
{
    char took[SLK_SPAN_CHARS];
    const int64_t took_ms = slk_clock_monotonic_ms() - d->began_ms;
    slk_span_format(took, took_ms);
    if (options->json)
        (void)printf("{\"done\":true,\"returned\":%zu,\"seconds\":%.1f}\n", d->n_seen,
                     (double)took_ms / 1000);
    else
        (void)printf(
            "the worker ends: nothing is in hand; results that were waited for: %zu, in %s\n",
            d->n_seen, took);
}

static slk_err drain_it(struct drain *d, slk_error *error)
{
    SLK_TRY(slk_worker_tell(d->link, "Filecoin.SetEnabled", json_pack("[b]", 0), error));
    slk_err code = wait_empty(d, error);
    if (code == SLK_E_UNSUPPORTED)
        code = wait_quiet(d, error);
    if (d->terminal)
        (void)fputs("\r\033[K", stderr);
    SLK_TRY(code);
    return end_it(d->link, error);
}

static slk_err drain(slk_worker_link *link, const slk_options *options, slk_error *error)
{
    const bool off = slk_options_flag(options, "off");
    if (slk_service_dry(options, off ? "the worker would take work again"
                                     : "the worker would take nothing new, finish what it has, "
                                       "and end"))
        return SLK_OK;
    if (off) {
        SLK_TRY(slk_worker_tell(link, "Filecoin.SetEnabled", json_pack("[b]", 1), error));
        slk_service_say(options, "the worker takes work again");
        return SLK_OK;
    }
    struct drain d = {.link = link,
                      .timeout_ms = (int64_t)slk_options_u64(options, "timeout"),
                      .began_ms = slk_clock_monotonic_ms(),
                      .terminal = isatty(STDERR_FILENO) == 1};
    slk_buf_init(&d.line, LINE_MAX_BYTES);
    const slk_err code = drain_it(&d, error);
    if (code == SLK_OK)
        print_end(&d, options);
    slk_buf_done(&d.line);
    slk_free(d.seen);
    return code;
}

/* ---- the table ---- */

static int run_stop(const slk_command *command, const slk_options *options)
{
    return slk_worker_with_link(command, options, stop);
}

static int run_drain(const slk_command *command, const slk_options *options)
{
    return slk_worker_with_link(command, options, drain);
}

static const slk_option stop_options[] = {
    SLK_OPTION_WORKER_REPO, SLK_OPTION_DRY_RUN, {.name = NULL}};
static const slk_option drain_options[] = {
    SLK_OPTION_WORKER_REPO,
    SLK_OPTION_DRY_RUN,
    {.name = "timeout",
     .type = SLK_OPTION_DURATION,
     .help =
         "give up then what is not done; the worker goes on and takes nothing new (default: wait "
         "as long as it takes)"},
    {.name = "off", .type = SLK_OPTION_FLAG, .help = "have it take work again instead"},
    {.name = NULL}};

const slk_command slk_commands_worker_end[] = {
    {.name = "worker stop",
     .help = "End a worker; calls that are not done go on at its next start.",
     .example = "selkie worker stop",
     .options = stop_options,
     .run = run_stop},
    {.name = "worker drain",
     .help = "Have a worker take nothing new, wait until all that it has is done and its node has "
             "the results, and end it.",
     .example = "selkie worker drain --timeout 8h",
     .options = drain_options,
     .run = run_drain},
    {.name = NULL},
};
