/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie stop`, `selkie reload`, `selkie wait-api`: the node that runs on a repository, as a
 * process. They need neither its configuration nor its database. */
#include "app/lock.h"
#include "app/service.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#define LOOK_MS 20
#define TELL_MS 2000

/* Who runs on --repo. */
static slk_err look(slk_lock_holder *ret, const slk_options *options, slk_error *error)
{
    const char *folder = slk_options_text(options, "repo");
    SLK_TRY(slk_repo_check(folder, error));
    return slk_lock_look(ret, folder, error);
}

static slk_err send_signal(const slk_lock_holder *holder, int signal, slk_error *error)
{
    if (kill(holder->pid, signal) != 0 && errno != ESRCH)
        return slk_fail_errno(error, errno, "cannot signal process %ld", (long)holder->pid);
    return SLK_OK;
}

static bool is_down(const slk_lock_holder *holder)
{
    return holder->pid == 0;
}

static bool is_serving(const slk_lock_holder *holder)
{
    return holder->serving;
}

/* Looks until it is so, telling on standard error that it still waits; SLK_E_TIMEOUT past --timeout. */
static slk_err wait_until(bool (*so)(const slk_lock_holder *), const slk_options *options,
                          const char *what, slk_error *error)
{
    const int64_t start = slk_clock_monotonic_ms();
    const int64_t end = start + (int64_t)slk_options_u64(options, "timeout");
    bool told = false;
    for (;;) {
        slk_lock_holder holder = {0};
        SLK_TRY(look(&holder, options, error));
        if (so(&holder))
            return SLK_OK;
        const int64_t now = slk_clock_monotonic_ms();
        if (now >= end)
            return slk_fail(error, SLK_E_TIMEOUT, "waited %" PRId64 " s for %s",
                            (now - start) / 1000, what);
        if (!told && now - start > TELL_MS)
            (void)fprintf(stderr, "waiting for %s…\n", what);
        told = told || now - start > TELL_MS;
        slk_clock_sleep_ms(LOOK_MS);
    }
}

static slk_err stop(const slk_options *options, slk_error *error)
{
    slk_lock_holder holder = {0};
    SLK_TRY(look(&holder, options, error));
    if (slk_service_dry(options, is_down(&holder) ? "no node runs here" : "the node would stop"))
        return SLK_OK;
    if (is_down(&holder)) {
        slk_service_say(options, "no node runs here");
        return SLK_OK;
    }
    SLK_TRY(send_signal(&holder, SIGTERM, error));
    SLK_TRY(wait_until(is_down, options, "the node to end", error));
    slk_service_say(options, "the node is down; its work goes on where it was at the next start");
    return SLK_OK;
}

static slk_err reload(const slk_options *options, slk_error *error)
{
    slk_lock_holder holder = {0};
    SLK_TRY(look(&holder, options, error));
    if (is_down(&holder))
        return slk_fail(error, SLK_E_NOTFOUND, "no node runs here");
    if (slk_service_dry(options, "the node would read its configuration again"))
        return SLK_OK;
    SLK_TRY(wait_until(is_serving, options, "the node to serve", error));
    SLK_TRY(send_signal(&holder, SIGHUP, error));
    slk_service_say(options,
                    "asked; `selkie log` shows what it took over and what wants a restart");
    return SLK_OK;
}

static slk_err wait_api(const slk_options *options, slk_error *error)
{
    SLK_TRY(wait_until(is_serving, options, "a node to serve", error));
    slk_service_say(options, "the node serves");
    return SLK_OK;
}

static int finish(const slk_command *command, const slk_options *options, slk_err code,
                  const slk_error *error)
{
    return code == SLK_OK ? SLK_EXIT_DONE : slk_command_fail(command, options, code, error);
}

static int run_stop(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    const slk_err code = stop(options, &error);
    return finish(command, options, code, &error);
}

static int run_reload(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    const slk_err code = reload(options, &error);
    return finish(command, options, code, &error);
}

static int run_wait_api(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    const slk_err code = wait_api(options, &error);
    return finish(command, options, code, &error);
}

#define OPTION_TIMEOUT(time)                                                          \
    {                                                                                 \
        .name = "timeout", .type = SLK_OPTION_DURATION, .fallback = time,             \
        .help = "give up waiting after this; the node goes on with what it was asked" \
    }

static const slk_option change_options[] = {
    SLK_OPTION_REPO, OPTION_TIMEOUT("60s"), SLK_OPTION_DRY_RUN, {.name = NULL}};
static const slk_option wait_options[] = {SLK_OPTION_REPO, OPTION_TIMEOUT("30s"), {.name = NULL}};

const slk_command slk_commands_node[] = {
    {.name = "stop",
     .help = "Stop the node that runs on this repository and wait until it is down.",
     .example = "selkie stop --repo ~/.selkie",
     .options = change_options,
     .run = run_stop},
    {.name = "reload",
     .help = "Have the running node read its configuration, certificate and log level again.",
     .example = "selkie reload --repo ~/.selkie",
     .options = change_options,
     .run = run_reload},
    {.name = "wait-api",
     .help = "Wait until a node serves on this repository.",
     .example = "selkie wait-api --repo ~/.selkie --timeout 30s",
     .options = wait_options,
     .run = run_wait_api},
    {.name = NULL},
};
