/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie worker run`: a seal worker for a lotus-miner, or for a node of ours. */
#include "app/later.h"
#include "app/lock.h"
#include "app/lotus_api.h"
#include "app/lotus_keys.h"
#include "app/service.h"
#include "app/signals.h"
#include "app/worker_commands.h"
#include "app/worker_ops.h"
#include "app/worker_place.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "codec/multiaddr.h"
#include "net/certificate.h"
#include "proofs/params/params.h"
#include "store/store.h"
#include "worker/miner.h"
#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_LISTEN "0.0.0.0:3456" /* source: reference/lotus-worker 1.2 */
#define DEFAULT_WEIGHT 10 /* of the path a new worker makes. source: reference/lotus-worker 1.4 */
#define LOG_FILE_BYTES ((uint64_t)64 << 20)
#define LOG_FILES_KEPT 5u
#define LOOK_MS 200
#define KNOCK_MS 1000

struct run {
    const slk_options *options;
    char *folder;
    int lock_fd;
    char name[256];
    slk_lotus_api node;
    uint8_t secret[SLK_JWT_SECRET_BYTES];
    slk_worker_place place;
    char *certificate_file, *key_file; /* NULL: no TLS */
    char pin[SLK_CERTIFICATE_PIN_CHARS]; /* of the key; "" no TLS */
    slk_crypto *crypto;
    slk_prover *prover;
    slk_worker_prover worker_prover;
    slk_worker_ops ops;
    slk_worker *worker;
};

/* ---- kinds of work ---- */

struct task_option {
    const char *name;
    slk_lotus_task task;
    bool ours; /* else accepted for Lotus's sake, and not done */
};

static const struct task_option task_options[] = {
    {"addpiece", SLK_LOTUS_ADD_PIECE, true},
    {"precommit1", SLK_LOTUS_PRECOMMIT1, true},
    {"unseal", SLK_LOTUS_UNSEAL, true},
    {"precommit2", SLK_LOTUS_PRECOMMIT2, true},
    {"commit", SLK_LOTUS_COMMIT2, true},
    {"replica-update", SLK_LOTUS_REPLICA_UPDATE, false},
    {"prove-replica-update2", SLK_LOTUS_PROVE_UPDATE2, false},
    {"regen-sector-key", SLK_LOTUS_REGEN_KEY, false},
    {"sector-download", SLK_LOTUS_DOWNLOAD, false},
    {"windowpost", SLK_LOTUS_WINDOW_POST, false},
    {"winningpost", SLK_LOTUS_WINNING_POST, false},
};

/* Whether it is switched on; no-default leaves what was asked for by name. */
static bool is_on(const slk_options *o, const char *name)
{
    const bool given = slk_options_has(o, name);
    return given ? slk_options_bool(o, name) : !slk_options_bool(o, "no-default");
}

static slk_err pick_tasks(slk_lotus_task_set *ret_tasks, const slk_options *o, slk_error *error)
{
    slk_lotus_task_set tasks =
        SLK_LOTUS_TASK_BIT(SLK_LOTUS_COMMIT1) | SLK_LOTUS_TASK_BIT(SLK_LOTUS_FETCH) |
        SLK_LOTUS_TASK_BIT(SLK_LOTUS_FINALIZE) | SLK_LOTUS_TASK_BIT(SLK_LOTUS_FINALIZE_UNSEALED);
    for (size_t i = 0; i < sizeof task_options / sizeof *task_options; i++) {
        const struct task_option *t = &task_options[i];
        if (t->ours && is_on(o, t->name))
            tasks |= SLK_LOTUS_TASK_BIT(t->task);
        else if (!t->ours && slk_options_has(o, t->name) && slk_options_bool(o, t->name))
            return slk_fail(error, SLK_E_UNSUPPORTED,
                            "--%s: this worker does not do that kind of work; leave it to a "
                            "lotus-worker",
                            t->name);
    }
    const char *data_cid = slk_options_has(o, "data-cid") ? "data-cid" : "addpiece";
    if (is_on(o, data_cid))
        tasks |= SLK_LOTUS_TASK_BIT(SLK_LOTUS_DATA_CID);
    *ret_tasks = tasks;
    return SLK_OK;
}

/* ---- the repository ---- */

/* A new worker may seal in its own folder. */
static slk_err make_default_path(const struct run *run, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *list = slk_path_join(run->folder, SLK_LOTUS_STORAGE_FILE);
    SLK_CLEANUP(slk_freep) char *meta_file = slk_path_join(run->folder, SLK_LOTUS_META_FILE);
    slk_store *store = NULL;
    if (!list || !meta_file)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker");
    if (slk_file_exists(list) || slk_options_bool(run->options, "no-local-storage"))
        return SLK_OK;
    const slk_lotus_meta meta = {.weight = DEFAULT_WEIGHT, .can_seal = true};
    if (!slk_file_exists(meta_file))
        SLK_TRY(slk_store_init_path(run->folder, &meta, error));
    SLK_TRY(slk_store_open(&store, list, NULL, error));
    const slk_err code = slk_store_attach(store, NULL, run->folder, error);
    slk_store_free(store);
    return code;
}

/* For those who talk to the worker on this machine: where it listens, and a token that is its own. */
static slk_err note_api(const struct run *run, slk_error *error)
{
    char listen[SLK_MULTIADDR_LISTEN_CHARS];
    char text[SLK_MULTIADDR_TEXT_CHARS];
    slk_multiaddr address;
    (void)snprintf(listen, sizeof listen, "%.200s:%u", run->place.host,
                   slk_worker_port(run->worker));
    SLK_TRY(slk_multiaddr_from_listen(&address, listen, run->certificate_file != NULL, error));
    slk_multiaddr_print(text, &address);
    SLK_TRY(slk_lotus_api_note_token(run->folder, run->secret, run->pin, error));
    return slk_lotus_api_note_address(run->folder, text, error);
}

/* ---- starting ---- */

static void start_log(const struct run *run)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(run->folder, "selkie.log");
    const slk_err code =
        path ? slk_log_open_file(path, LOG_FILE_BYTES, LOG_FILES_KEPT, &error) : SLK_E_NOMEM;
    if (code != SLK_OK)
        slk_log(SLK_LOG_WARN, "log.no_file", "why=\"%s\"", slk_error_text(&error, code));
}

static bool asked_to_stop(void *context)
{
    (void)context;
    return slk_signals_came();
}

/* A node that is not there yet is waited for. */
static slk_err find_place(struct run *run, bool wait, slk_error *error)
{
    const char *listen = slk_options_text(run->options, "listen");
    for (bool first = true;; first = false) {
        const slk_err code = slk_worker_place_find(&run->place, listen ? listen : DEFAULT_LISTEN,
                                                   listen != NULL, run->node.url, error);
        if (code != SLK_E_UNREACHABLE || !wait)
            return code;
        if (first)
            slk_log(SLK_LOG_WARN, "node.away", "why=\"%s\" then=\"it is asked again each second\"",
                    slk_error_text(error, code));
        if (asked_to_stop(NULL))
            return slk_fail(error, SLK_E_CANCELED, "stopped before the node answered");
        slk_clock_sleep_ms(KNOCK_MS);
    }
}

static slk_err find_node(struct run *run, slk_error *error)
{
    SLK_TRY(slk_lotus_api_miner(&run->node, slk_options_text(run->options, "miner-repo"), error));
    slk_log(SLK_LOG_INFO, "node.api", "url=%s from=\"%s\"", run->node.url, run->node.from);
    if (!*run->node.info.token)
        return slk_fail(error, SLK_E_AUTH,
                        "%s holds no token: `selkie auth api-info` on the node, or `lotus-miner "
                        "auth api-info --perm admin` there, prints one with the address",
                        run->node.from);
    return SLK_OK;
}

static slk_err open_prover(struct run *run, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    SLK_TRY(slk_crypto_new(&run->crypto, getenv("SELKIE_CPU"), error));
    SLK_TRY(slk_params_folder(&folder, slk_options_text(run->options, "parameters"), run->folder,
                              error));
    const slk_prover_options options = {
        .crypto = run->crypto,
        .threads = (unsigned)slk_options_u64(run->options, "threads"),
        .parameters_folder = folder,
        .allow_development = slk_options_bool(run->options, "development"),
    };
    SLK_TRY(slk_prover_new(&run->prover, &options, error));
    slk_worker_ops_fill(&run->ops, &run->worker_prover, run->prover, run->crypto);
    return SLK_OK;
}

static slk_err open_folder(struct run *run, slk_error *error)
{
    SLK_TRY(slk_home_path(&run->folder, slk_options_text(run->options, "worker-repo"), error));
    const char *name = slk_options_text(run->options, "name");
    if (name)
        (void)snprintf(run->name, sizeof run->name, "%s", name);
    else if (gethostname(run->name, sizeof run->name - 1) != 0)
        (void)snprintf(run->name, sizeof run->name, "selkie");
    slk_text_quotable(run->name);
    return SLK_OK;
}

/* Unless it is said, as the node does: one that serves TLS under a pinned key is one of ours. */
static bool wants_tls(const struct run *run)
{
    return slk_options_has(run->options, "tls") ? slk_options_bool(run->options, "tls")
                                                : run->node.pin[0] != 0;
}

static slk_err find_certificate(struct run *run, slk_error *error)
{
    const char *const names[] = {run->place.host};
    if (!wants_tls(run))
        return SLK_OK;
    SLK_TRY(slk_net_make_certificate(run->folder, names, 1, error));
    run->certificate_file = slk_path_join(run->folder, SLK_CERTIFICATE_FILE);
    run->key_file = slk_path_join(run->folder, SLK_CERTIFICATE_KEY_FILE);
    if (!run->certificate_file || !run->key_file)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker");
    return slk_net_certificate_pin(run->pin, run->certificate_file, error);
}

static slk_err start_worker(struct run *run, slk_lotus_task_set tasks, slk_error *error)
{
    const slk_options *o = run->options;
    const slk_worker_options options = {
        .folder = run->folder,
        .name = run->name,
        .ops = &run->ops,
        .tasks = tasks,
        .node_url = run->node.url,
        .node_token = run->node.info.token,
        .node_ca_file = slk_options_text(o, "node-ca"),
        .node_pin = run->node.pin,
        .certificate_file = run->certificate_file,
        .key_file = run->key_file,
        .listen = run->place.listen,
        .host = run->place.host,
        .secret32 = run->secret,
        .parallel_fetches = (unsigned)slk_options_u64(o, "parallel-fetch-limit"),
        .no_swap = slk_options_bool(o, "no-swap"),
        .ignore_resources = getenv("LOTUS_WORKER_IGNORE_RESOURCES") != NULL,
    };
    SLK_TRY(slk_worker_start(&run->worker, &options, asked_to_stop, NULL, error));
    return note_api(run, error);
}

static void print_start(const struct run *run)
{
    const char *miner = slk_worker_miner(run->worker);
    (void)printf("selkie worker %s serves %s\n"
                 "  repository    %s\n"
                 "  listens       %s%s\n"
                 "  node          %s%s%s (%s)\n"
                 "                selkie worker info --worker-repo %s\n",
                 run->name, slk_worker_url(run->worker), run->folder, run->place.listen,
                 run->place.from_node ? ", named by our end of the connection to the node" : "",
                 run->node.info.url, *miner ? ", miner " : "", miner, run->node.from, run->folder);
    (void)fflush(stdout);
}

static slk_err start(struct run *run, slk_lotus_task_set tasks, slk_error *error)
{
    SLK_TRY(slk_folder_make(run->folder, 0700, error));
    SLK_TRY(slk_lock_take(&run->lock_fd, run->folder, error));
    start_log(run);
    SLK_TRY(find_node(run, error));
    SLK_TRY(slk_lotus_secret(run->secret, run->folder, error));
    SLK_TRY(make_default_path(run, error));
    SLK_TRY(find_place(run, true, error));
    SLK_TRY(slk_worker_place_try(&run->place, error));
    SLK_TRY(find_certificate(run, error));
    SLK_TRY(open_prover(run, error));
    SLK_TRY(start_worker(run, tasks, error));
    print_start(run);
    return slk_lock_note_serving(run->lock_fd, error);
}

static void stop(struct run *run)
{
    if (run->worker)
        slk_lotus_api_forget(run->folder);
    slk_worker_stop(run->worker);
    slk_prover_free(run->prover);
    slk_crypto_free(run->crypto);
    slk_lotus_api_done(&run->node);
    slk_bytes_wipe(run->secret, sizeof run->secret);
    slk_free(run->certificate_file);
    slk_free(run->key_file);
    slk_free(run->folder);
    slk_closep(&run->lock_fd);
}

/* ---- --dry-run ---- */

/* Whether it answers, and takes the token. */
static slk_err knock(const struct run *run, slk_error *error)
{
    SLK_CLEANUP(slk_rpc_client_freep) slk_rpc_client *rpc = NULL;
    const slk_rpc_client_options at = {.url = run->node.url,
                                       .bearer = run->node.info.token,
                                       .ca_file = slk_options_text(run->options, "node-ca"),
                                       .pin = run->node.pin,
                                       .later = slk_later_wait};
    slk_lotus_version version;
    SLK_TRY(slk_rpc_client_new(&rpc, &at, error));
    const slk_miner miner = {.rpc = rpc};
    return slk_miner_version(&miner, &version, error);
}

static slk_err dry_run(struct run *run, slk_lotus_task_set tasks, slk_error *error)
{
    SLK_TRY(find_node(run, error));
    SLK_TRY(find_place(run, false, error));
    SLK_TRY(knock(run, error));
    SLK_TRY(slk_worker_place_try(&run->place, error));
    json_t *names = json_array();
    for (slk_lotus_task t = 0; t < SLK_LOTUS_TASKS && names; t++)
        if (tasks & SLK_LOTUS_TASK_BIT(t))
            (void)json_array_append_new(names, json_string(slk_lotus_task_short(t)));
    SLK_CLEANUP(slk_json_decrefp)
    json_t *plan = json_pack("{sb ss ss ss ss ss so}", "dry_run", 1, "node", run->node.info.url,
                             "from", run->node.from, "repository", run->folder, "listen",
                             run->place.listen, "host", run->place.host, "tasks", names);
    if (!plan)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (run->options->json)
        (void)json_dumpf(plan, stdout, JSON_COMPACT);
    else
        (void)printf("dry run: a worker in %s would listen on %s, which is free; the node %s (from "
                     "%s) answers, takes the token, and would reach it as %s; nothing was changed",
                     run->folder, run->place.listen, run->node.info.url, run->node.from,
                     run->place.host);
    (void)printf("\n");
    return SLK_OK;
}

/* ---- the command ---- */

static slk_err serve(struct run *run, slk_error *error)
{
    slk_lotus_task_set tasks = 0;
    SLK_TRY(pick_tasks(&tasks, run->options, error));
    SLK_TRY(open_folder(run, error));
    if (slk_options_flag(run->options, "dry-run"))
        return dry_run(run, tasks, error);
    SLK_TRY(start(run, tasks, error));
    while (!slk_worker_wait_shut(run->worker, LOOK_MS) && !slk_signals_came())
        ;
    slk_log(SLK_LOG_INFO, "worker.stopping", "name=\"%s\"", run->name);
    return SLK_OK;
}

static int run_worker(const slk_command *command, const slk_options *options)
{
    slk_signals_block();
    slk_set_core_dumps(false);
    slk_allow_open_files();
    slk_error error = {0};
    struct run run = {.options = options, .lock_fd = -1};
    const slk_err code = serve(&run, &error);
    if (code == SLK_E_AUTH && run.node.info.token && *run.node.info.token)
        (void)slk_fail_context(&error, code,
                               "the node refuses the token; `selkie auth api-info` on it, or "
                               "`lotus-miner auth api-info --perm admin`, prints one");
    stop(&run);
    return code == SLK_OK ? SLK_EXIT_DONE : slk_command_fail(command, options, code, &error);
}

#define TASK_OPTION(option, variable, text)                                      \
    {                                                                            \
        .name = option, .type = SLK_OPTION_BOOL,                                 \
        .env = "SELKIE_WORKER_" variable ",LOTUS_WORKER_" variable, .help = text \
    }

/* One a line or a few. source of names: reference/lotus-worker 1.2 */
static const slk_option options[] = {
    SLK_OPTION_WORKER_REPO,
    {.name = "miner-repo",
     .type = SLK_OPTION_TEXT,
     .env = "LOTUS_MINER_PATH,LOTUS_STORAGE_PATH",
     .value = "DIR",
     .help = "repository of the node to work for, where MINER_API_INFO is not set"},
    {.name = "listen",
     .type = SLK_OPTION_TEXT,
     .env = "SELKIE_WORKER_LISTEN,LOTUS_WORKER_LISTEN",
     .value = "IP:PORT",
     .help = "where to serve (default " DEFAULT_LISTEN ", or loopback when the node is there)"},
    {.name = "name",
     .type = SLK_OPTION_TEXT,
     .env = "SELKIE_WORKER_NAME,LOTUS_WORKER_NAME",
     .help = "what the node calls this worker (default: the machine's name)"},
    {.name = "no-local-storage",
     .type = SLK_OPTION_BOOL,
     .env = "SELKIE_WORKER_NO_LOCAL_STORAGE,LOTUS_WORKER_NO_LOCAL_STORAGE",
     .help = "make no storage path in the worker's own folder"},
    {.name = "no-swap",
     .type = SLK_OPTION_BOOL,
     .env = "SELKIE_WORKER_NO_SWAP,LOTUS_WORKER_NO_SWAP",
     .help = "do not count swap as memory"},
    TASK_OPTION("addpiece", "ADDPIECE", "add pieces of data (on unless =false)"),
    TASK_OPTION("precommit1", "PRECOMMIT1", "label sectors (on unless =false)"),
    TASK_OPTION("unseal", "UNSEAL", "get data back out of replicas (on unless =false)"),
    TASK_OPTION("precommit2", "PRECOMMIT2", "make trees and replicas (on unless =false)"),
    TASK_OPTION("commit", "COMMIT", "make SNARKs (on unless =false)"),
    {.name = "data-cid",
     .type = SLK_OPTION_BOOL,
     .help = "compute piece commitments (as --addpiece)"},
    TASK_OPTION("replica-update", "REPLICA_UPDATE", NULL),
    TASK_OPTION("prove-replica-update2", "PROVE_REPLICA_UPDATE2", NULL),
    TASK_OPTION("regen-sector-key", "REGEN_SECTOR_KEY", NULL),
    TASK_OPTION("sector-download", "SECTOR_DOWNLOAD", NULL),
    TASK_OPTION("windowpost", "WINDOWPOST", NULL),
    TASK_OPTION("winningpost", "WINNINGPOST", NULL),
    TASK_OPTION("no-default", "NO_DEFAULT", "only the kinds of work that are switched on by name"),
    {.name = "parallel-fetch-limit",
     .type = SLK_OPTION_U64,
     .env = "SELKIE_WORKER_PARALLEL_FETCH_LIMIT,LOTUS_WORKER_PARALLEL_FETCH_LIMIT",
     .fallback = "5",
     .help = "sectors fetched at once"},
    {.name = "parameters",
     .type = SLK_OPTION_TEXT,
     .env = "FIL_PROOFS_PARAMETER_CACHE",
     .value = "DIR",
     .help = "folder of proof parameters"},
    {.name = "development",
     .type = SLK_OPTION_BOOL,
     .env = "SELKIE_WORKER_DEVELOPMENT",
     .help = "use parameters that anybody can forge proofs with, on a development network"},
    {.name = "threads",
     .type = SLK_OPTION_U64,
     .env = "SELKIE_WORKER_THREADS",
     .fallback = "0",
     .help = "threads that compute; 0: one per processor"},
    {.name = "tls",
     .type = SLK_OPTION_BOOL,
     .env = "SELKIE_WORKER_TLS",
     .help = "serve TLS, with a key of its own whose pin the node is told (default: as the node "
             "does); for a node of ours"},
    {.name = "node-ca",
     .type = SLK_OPTION_TEXT,
     .env = "SELKIE_WORKER_NODE_CA",
     .value = "FILE",
     .help = "certificate of a node that is reached by https and has no pin in its token"},
    /* Lotus's, of no use here: calls and heartbeats have limits of their own, and nothing runs on a GPU. */
    {.name = "timeout", .type = SLK_OPTION_DURATION},
    {.name = "http-server-timeout", .type = SLK_OPTION_DURATION},
    {.name = "post-parallel-reads", .type = SLK_OPTION_U64},
    {.name = "post-read-timeout", .type = SLK_OPTION_DURATION},
    {.name = "enable-gpu-proving", .type = SLK_OPTION_BOOL},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};

const slk_command slk_commands_worker_run[] = {
    {.name = "worker run",
     .help =
         "Run a seal worker for a selkie node or a lotus-miner, which MINER_API_INFO names. "
         "Flags and variables of lotus-worker count, too. docs/trying-workers.md shows how, from "
         "nothing.",
     .example = "MINER_API_INFO=TOKEN:/ip4/10.0.0.1/tcp/2345/http selkie worker run --commit=false",
     .options = options,
     .run = run_worker},
    {.name = NULL},
};
