/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie worker list …, selkie sealing …, selkie auth api-info: a running node's workers and what they
 * do, asked of its API. */
#include "app/amount.h"
#include "app/farm_ask.h"
#include "app/sector_find.h"
#include "app/service.h"
#include "app/why_command.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "codec/multiaddr.h"
#include "lotus/worker_info.h"
#include "net/address.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- asking ---- */

/* params stolen. */
static slk_err ask(json_t **ret, const slk_options *options, const char *method, json_t *params,
                   slk_error *error)
{
    return slk_farm_ask(ret, slk_options_text(options, "repo"), method, params, 0, error);
}

typedef slk_err farm_action(const slk_options *options, slk_error *error);

static int run(const slk_command *command, const slk_options *options, farm_action *action)
{
    slk_error error = {0};
    const slk_err code = action(options, &error);
    return code == SLK_OK ? SLK_EXIT_DONE : slk_command_fail(command, options, code, &error);
}

/* ---- workers ---- */

static void print_names(const json_t *names)
{
    for (size_t i = 0; i < json_array_size(names); i++)
        (void)printf("%s%s", i ? " " : "", json_string_value(json_array_get(names, i)));
}

static void print_worker(const json_t *row)
{
    (void)printf("%-8.8s %-20.20s %-6s %-6s %7" PRId64 " %5" PRId64 " %6.0f GiB  ",
                 slk_service_text(row, "Session"), slk_service_text(row, "Hostname"),
                 slk_service_text(row, "Kind"), slk_service_bool(row, "Open") ? "open" : "closed",
                 slk_service_number(row, "Running"), slk_service_number(row, "CPUs"),
                 (double)slk_service_number(row, "MemPhysical") / (1 << 30));
    print_names(json_object_get(row, "Tasks"));
    const char *why = slk_service_text(row, "Why");
    (void)printf("%s%s\n", *why ? "\n         " : "", why);
}

static slk_err list_workers(const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(ask(&list, options, "Selkie.Workers", json_array(), error));
    if (options->json) {
        slk_service_print(list);
        return SLK_OK;
    }
    (void)printf("%-8s %-20s %-6s %-6s %7s %5s %10s  %s\n", "SESSION", "HOST", "KIND", "STATE",
                 "RUNNING", "CPUS", "MEMORY", "TASKS");
    for (size_t i = 0; i < json_array_size(list); i++)
        print_worker(json_array_get(list, i));
    return SLK_OK;
}

static int run_list(const slk_command *command, const slk_options *options)
{
    return run(command, options, list_workers);
}

static slk_err set_open(const slk_options *options, bool open, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *nothing = NULL;
    if (slk_service_dry(options, open ? "the worker would get work again"
                                      : "the worker would get no new work"))
        return SLK_OK;
    SLK_TRY(ask(&nothing, options, "Selkie.WorkerOpen",
                json_pack("[s b]", options->args[0], open ? 1 : 0), error));
    slk_service_say(options, open ? "the worker gets work again"
                                  : "the worker gets no more work; what it does goes on");
    return SLK_OK;
}

static slk_err enable(const slk_options *options, slk_error *error)
{
    return set_open(options, true, error);
}

static slk_err disable(const slk_options *options, slk_error *error)
{
    return set_open(options, false, error);
}

static int run_enable(const slk_command *command, const slk_options *options)
{
    return run(command, options, enable);
}

static int run_disable(const slk_command *command, const slk_options *options)
{
    return run(command, options, disable);
}

static void print_ghosts(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        (void)printf("f0%" PRId64 "/%" PRId64 " on %s, %s%s\n", slk_service_number(row, "Miner"),
                     slk_service_number(row, "Number"), slk_service_text(row, "Path"),
                     slk_service_bool(row, "Known") ? "which is over" : "which nobody here knows",
                     slk_service_bool(row, "Removed") ? ": removed" : "");
    }
    if (json_array_size(list) == 0)
        (void)printf("no worker has files of a sector that is not under way here\n");
}

static slk_err look_for_ghosts(const slk_options *options, bool remove, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(ask(&list, options, "Selkie.Ghosts", json_pack("[b]", remove ? 0 : 1), error));
    if (options->json)
        slk_service_print(list);
    else
        print_ghosts(list);
    return SLK_OK;
}

static slk_err ghosts(const slk_options *options, slk_error *error)
{
    return look_for_ghosts(options, false, error);
}

static slk_err remove_ghosts(const slk_options *options, slk_error *error)
{
    const bool dry = slk_options_flag(options, "dry-run");
    if (!dry && !slk_options_flag(options, "really-do-it"))
        return slk_fail(error, SLK_E_INVAL,
                        "files of sectors that this node does not know may be somebody's: look at "
                        "`selkie worker ghosts`, then say --really-do-it");
    return look_for_ghosts(options, !dry, error);
}

static int run_ghosts(const slk_command *command, const slk_options *options)
{
    return run(command, options, ghosts);
}

static int run_remove_ghosts(const slk_command *command, const slk_options *options)
{
    return run(command, options, remove_ghosts);
}

/* ---- sealing ---- */

/* "  with 3 others: layer 3 40 %, 2 %/min, 30 min left". */
static void print_stage(const json_t *row)
{
    const char *stage = slk_service_text(row, "Stage");
    const int64_t total = slk_service_number(row, "Total");
    const json_t *rate = json_object_get(row, "Rate");
    char pace[SLK_SPAN_CHARS], left[SLK_SPAN_CHARS];
    const int64_t others = slk_service_number(row, "Others");
    if (others > 0)
        (void)printf("  with %" PRId64 " other%s", others, others == 1 ? "" : "s");
    if (*stage)
        (void)printf("%s %s", others > 0 ? ":" : " ", stage);
    if (*stage && total > 0)
        (void)printf(" %.0f %%", 100 * (double)slk_service_number(row, "Done") / (double)total);
    if (*stage && total > 0 && rate) {
        slk_pace_format(pace, json_number_value(rate), total);
        slk_span_format(left, slk_service_number(row, "LeftMs"));
        (void)printf(", %s, %s left", pace, left);
    }
    (void)printf("\n");
}

static void print_job(const char *session, const json_t *row, int64_t now_ms)
{
    slk_lotus_job job;
    char state[SLK_LOTUS_JOB_STATE_CHARS], since[SLK_SPAN_CHARS];
    if (slk_lotus_job_read(&job, row, "job", NULL) != SLK_OK)
        return;
    slk_lotus_job_state(state, job.run_wait);
    slk_span_format(since, now_ms - job.start_ms);
    (void)printf("%-8.8s f0%" PRIu64 "/%-8" PRIu64 " %-8.8s %-16.16s %-4s %-12s %10s", job.id.uuid,
                 job.sector.miner, job.sector.number, session, job.hostname,
                 slk_lotus_task_short(job.task), state, since);
    print_stage(row);
}

static slk_err jobs(const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *all = NULL;
    SLK_TRY(ask(&all, options, "Filecoin.WorkerJobs", json_array(), error));
    if (options->json) {
        slk_service_print(all);
        return SLK_OK;
    }
    if (json_object_size(all) == 0) {
        (void)printf(
            "no worker does anything now; `selkie sealing sched-diag` tells what waits for "
            "one\n");
        return SLK_OK;
    }
    (void)printf("%-8s %-15s %-8s %-16s %-4s %-12s %10s  %s\n", "ID", "SECTOR", "WORKER", "HOST",
                 "TASK", "STATE", "TIME", "PROGRESS");
    const char *session;
    json_t *list;
    json_object_foreach(all, session, list) for (size_t i = 0; i < json_array_size(list); i++)
        print_job(session, json_array_get(list, i), slk_clock_wall_ms());
    return SLK_OK;
}

static int run_jobs(const slk_command *command, const slk_options *options)
{
    return run(command, options, jobs);
}

/* What waits, one line each with the reason. */
static void print_waiting(const json_t *diag)
{
    const json_t *list = json_object_get(json_object_get(diag, "SchedInfo"), "Requests");
    const json_t *why = json_object_get(diag, "Why");
    unsigned printed = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        slk_lotus_waiting w;
        if (slk_lotus_waiting_read(&w, json_array_get(list, i), "request", NULL) != SLK_OK)
            continue;
        (void)printf("f0%" PRIu64 "/%" PRIu64 " %s: %s\n", w.sector.miner, w.sector.number,
                     slk_lotus_task_short(w.task), slk_service_text(why, w.id));
        printed++;
    }
    if (printed == 0)
        (void)printf("nothing waits for a worker; `selkie sealing why N` tells what a sector waits "
                     "for\n");
}

/* What tasks were seen to take of memory, and what is reckoned with. */
static void print_needs(const json_t *list)
{
    if (json_array_size(list) > 0)
        (void)printf("\n%-20s %-4s %5s %12s %12s  %s\n", "HOST", "TASK", "PROOF", "MEASURED",
                     "RECKONED", "BY");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        (void)printf("%-20.20s %-4s %5" PRId64 " %8.1f MiB %8.1f MiB  %s\n",
                     slk_service_text(row, "Host"), slk_service_text(row, "Task"),
                     slk_service_number(row, "Proof"),
                     (double)slk_service_number(row, "MeasuredBytes") / (1 << 20),
                     (double)slk_service_number(row, "NeedBytes") / (1 << 20),
                     slk_service_text(row, "Origin"));
    }
}

static slk_err sched_diag(const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *diag = NULL;
    SLK_TRY(ask(&diag, options, "Filecoin.SealingSchedDiag", json_pack("[b]", 0), error));
    if (options->json) {
        slk_service_print(diag);
        return SLK_OK;
    }
    print_waiting(diag);
    print_needs(json_object_get(diag, "Needs"));
    return SLK_OK;
}

static int run_sched_diag(const slk_command *command, const slk_options *options)
{
    return run(command, options, sched_diag);
}

/* The one call whose id begins so. */
static slk_err find_call(slk_lotus_call_id *ret, const json_t *all, const char *begin,
                         slk_error *error)
{
    unsigned found = 0;
    const char *session;
    json_t *list;
    json_object_foreach((json_t *)(uintptr_t)all, session, list)
    {
        for (size_t i = 0; i < json_array_size(list); i++) {
            slk_lotus_job job;
            SLK_TRY(slk_lotus_job_read(&job, json_array_get(list, i), "job", error));
            if (strncmp(job.id.uuid, begin, strlen(begin)) != 0 ||
                strcmp(job.id.uuid, SLK_UUID_NIL) == 0)
                continue;
            *ret = job.id;
            found++;
        }
    }
    if (found == 1)
        return SLK_OK;
    return slk_fail(error, SLK_E_NOTFOUND,
                    "%s job's id begins with `%.40s`; `selkie sealing jobs` lists them",
                    found ? "more than one" : "no", begin);
}

static slk_err abort_job(const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *all = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *nothing = NULL;
    slk_lotus_call_id id;
    SLK_TRY(ask(&all, options, "Filecoin.WorkerJobs", json_array(), error));
    SLK_TRY(find_call(&id, all, options->args[0], error));
    if (slk_service_dry(options, "the job would be given up"))
        return SLK_OK;
    SLK_TRY(ask(&nothing, options, "Filecoin.SealingAbort",
                json_pack("[o]", slk_lotus_call_id_json(&id)), error));
    slk_service_say(options, "given up; the sector goes on with another worker, or tries again");
    return SLK_OK;
}

static int run_abort(const slk_command *command, const slk_options *options)
{
    return run(command, options, abort_job);
}

/* ---- tokens of the API ---- */

/* Elsewhere these addresses lead nowhere, or to whoever uses them. On standard error: the line above is often
 * put into a file. */
static void warn_of_address(const slk_multiaddr *known)
{
    slk_ip ip;
    if (slk_ip_parse(&ip, known->host) && slk_ip_is_loopback(&ip))
        (void)fprintf(stderr, "the node listens on this machine alone; for a worker elsewhere "
                              "ListenAddress in [API] gives it an address of your network\n");
    else if (strcmp(known->host, "0.0.0.0") == 0 || strcmp(known->host, "::") == 0)
        (void)fprintf(stderr,
                      "the node listens on every address of this machine; put the one "
                      "that the worker reaches in place of %s\n",
                      known->host);
}

static slk_err print_info(const slk_options *options, const char *token, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf address;
    slk_multiaddr known;
    slk_buf_init(&address, SLK_MULTIADDR_TEXT_CHARS);
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(slk_options_text(options, "repo"), "api");
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
    const slk_err code = slk_file_read_all(&address, path, error);
    if (code == SLK_E_NOTFOUND)
        return slk_repo_no_node(slk_options_text(options, "repo"), error);
    SLK_TRY(code);
    SLK_TRY(slk_multiaddr_parse(&known, slk_buf_str(&address), false, error));
    if (options->json)
        (void)printf("{\"token\":\"%s\",\"address\":\"%s\"}\n", token, slk_buf_str(&address));
    else
        (void)printf("MINER_API_INFO=%s:%s\n", token, slk_buf_str(&address));
    (void)fflush(stdout);
    warn_of_address(&known);
    return SLK_OK;
}

static slk_err api_info(const slk_options *options, slk_error *error)
{
    char *token = NULL;
    SLK_TRY(slk_farm_make_token(&token, slk_options_text(options, "repo"),
                                slk_options_text(options, "perm"),
                                (int64_t)slk_options_u64(options, "expires"), error));
    const slk_err code = print_info(options, token, error);
    slk_bytes_wipe(token, strlen(token));
    slk_free(token);
    return code;
}

static int run_api_info(const slk_command *command, const slk_options *options)
{
    return run(command, options, api_info);
}

/* ---- the table ---- */

static const slk_option plain_options[] = {SLK_OPTION_REPO, {.name = NULL}};
static const slk_option why_options[] = {SLK_OPTION_REPO, SLK_OPTION_SECTOR_MINER, {.name = NULL}};
static const slk_option change_options[] = {SLK_OPTION_REPO, SLK_OPTION_DRY_RUN, {.name = NULL}};
static const slk_option ghost_options[] = {
    SLK_OPTION_REPO,
    {.name = "really-do-it", .type = SLK_OPTION_FLAG, .help = "they are nobody's"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option info_options[] = {
    SLK_OPTION_REPO,
    {.name = "perm",
     .type = SLK_OPTION_TEXT,
     .fallback = "worker",
     .value = "PERM",
     .help = "worker (all that a worker needs, ours or Lotus's), read, write, sign or admin "
             "(which Lotus's other tools want)"},
    {.name = "expires",
     .type = SLK_OPTION_DURATION,
     .help = "how long the token is good; for ever when left out"},
    {.name = NULL},
};

const slk_command slk_commands_farm[] = {
    {.name = "worker list",
     .help = "Show the workers of a running node: this process, ours and Lotus's.",
     .example = "selkie worker list",
     .options = plain_options,
     .run = run_list},
    {.name = "worker enable",
     .args = "SESSION",
     .args_min = 1,
     .args_max = 1,
     .help = "Give a worker work again that was closed, by hand or because its work was false. Its "
             "name "
             "does, too, where no other one has it.",
     .example = "selkie worker enable 6f6b1d0a",
     .options = change_options,
     .run = run_enable},
    {.name = "worker disable",
     .args = "SESSION",
     .args_min = 1,
     .args_max = 1,
     .help =
         "Give a worker no new work; what it does goes on. Its name does, too, where no other one "
         "has it.",
     .example = "selkie worker disable 6f6b1d0a",
     .options = change_options,
     .run = run_disable},
    {.name = "worker ghosts",
     .help = "Show files on workers of sectors that are not under way here.",
     .example = "selkie worker ghosts",
     .options = plain_options,
     .run = run_ghosts},
    {.name = "worker remove-ghosts",
     .help =
         "Remove files on workers of sectors that are not under way here; never what is stored.",
     .example = "selkie worker remove-ghosts --really-do-it",
     .options = ghost_options,
     .run = run_remove_ghosts},
    {.name = "sealing jobs",
     .help = "Show what the workers do now, and results that wait to be used.",
     .example = "selkie sealing jobs",
     .options = plain_options,
     .run = run_jobs},
    {.name = "sealing sched-diag",
     .help = "Show what waits for a worker, and why.",
     .example = "selkie sealing sched-diag",
     .options = plain_options,
     .run = run_sched_diag},
    {.name = "sealing why",
     .args = "SECTOR",
     .args_min = 1,
     .args_max = 1,
     .help = "Show what a sector waits for, and what can be done about it.",
     .example = "selkie sealing why f01000/7",
     .options = why_options,
     .run = slk_service_view,
     .action = slk_sealing_why},
    {.name = "sealing abort",
     .args = "ID",
     .args_min = 1,
     .args_max = 1,
     .help = "Give up a job of a worker: its task begins anew elsewhere.",
     .example = "selkie sealing abort 6f6b1d0a",
     .options = change_options,
     .run = run_abort},
    {.name = "auth api-info",
     .help =
         "Print MINER_API_INFO, with which a worker or a tool of Lotus finds this node and is let "
         "in.",
     .example = "selkie auth api-info --perm worker",
     .options = info_options,
     .run = run_api_info},
    {.name = NULL},
};
