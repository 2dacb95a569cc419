/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie devnet run`: the small chain of src/devnet behind HTTP, with the real verifier. */
#include "app/prover.h"
#include "app/service.h"
#include "app/signals.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "devnet/devnet.h"
#include "net/server.h"
#include "proofs/params/params.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN_CHARS 256u
#define API_INFO_CHARS 384u

static const char *const paths[] = {"/rpc/v1", "/rpc/v0", "/health/livez", "/health/readyz"};
#define PATHS (sizeof paths / sizeof *paths)

struct chain {
    const char *repo;
    slk_crypto *crypto;
    slk_prover *prover;
    slk_devnet *devnet;
    slk_http_server *server;
    slk_http_route routes[PATHS];
    atomic_bool stop;
    pthread_t thread;
    bool running;
};

/* ---- serving ---- */

static slk_err serve(void *context, slk_http_exchange *exchange, slk_error *error)
{
    struct chain *chain = context;
    slk_devnet_request request = {
        .method = slk_http_method(exchange),
        .path = slk_http_path(exchange),
        .query_token = slk_http_query(exchange, "token"),
        .authorization = slk_http_header_value(exchange, "Authorization"),
    };
    request.body = slk_http_body(exchange, &request.body_bytes);
    SLK_CLEANUP(slk_buf_done) slk_buf answer;
    slk_buf_init(&answer, SLK_DEVNET_BODY_MAX);
    int status = 500;
    SLK_TRY(slk_devnet_handle(chain->devnet, &status, &answer, &request, error));
    return slk_http_reply_bytes(exchange, status, answer.len ? "application/json" : NULL,
                                slk_buf_str(&answer), answer.len);
}

static slk_err start_server(struct chain *chain, const char *listen, slk_error *error)
{
    for (size_t i = 0; i < PATHS; i++)
        chain->routes[i] = (slk_http_route){
            .method = i < 2 ? "POST" : "GET",
            .path = paths[i],
            .handler = serve,
            .context = chain,
            .max_body_bytes = SLK_DEVNET_BODY_MAX,
        };
    const slk_http_server_options options = {
        .listen = listen, .routes = chain->routes, .n_routes = PATHS};
    return slk_http_server_new(&chain->server, &options, error);
}

static void *make_epochs(void *context)
{
    struct chain *chain = context;
    slk_error error = {0};
    const slk_err code = slk_devnet_run(chain->devnet, &chain->stop, &error);
    if (code != SLK_OK) {
        slk_log(SLK_LOG_ERROR, "devnet.stopped", "why=\"%s\" then=\"the chain stands still\"",
                slk_error_text(&error, code));
        (void)kill(getpid(), SIGTERM);
    }
    return NULL;
}

/* ---- the files others read ---- */

static slk_err write_file(const char *repo, const char *name, const char *text, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(repo, name);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the devnet");
    return slk_file_write_atomic(path, text, strlen(text), 0600, error);
}

/* `api` and `token` as Lotus has them, and `api-info` for FULLNODE_API_INFO. */
static slk_err write_access(struct chain *chain, slk_error *error)
{
    const unsigned port = slk_http_server_port(chain->server);
    char address[64];
    char token[TOKEN_CHARS];
    char info[API_INFO_CHARS];
    (void)snprintf(address, sizeof address, "/ip4/127.0.0.1/tcp/%u/http", port);
    slk_devnet_admin_token(chain->devnet, token, sizeof token);
    SLK_TRY(
        slk_devnet_api_info(chain->devnet, info, sizeof info, "127.0.0.1", port, "admin", error));
    SLK_TRY(write_file(chain->repo, "token", token, error));
    SLK_TRY(write_file(chain->repo, "api-info", info, error));
    return write_file(chain->repo, "api", address, error);
}

/* ---- the command ---- */

static slk_err open_chain(struct chain *chain, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *folder = slk_path_join(chain->repo, "chain");
    SLK_CLEANUP(slk_freep) char *parameters = NULL;
    if (!folder)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the devnet");
    SLK_TRY(slk_folder_make(chain->repo, 0700, error));
    SLK_TRY(
        slk_params_folder(&parameters, getenv("FIL_PROOFS_PARAMETER_CACHE"), chain->repo, error));
    SLK_TRY(slk_crypto_new(&chain->crypto, getenv("SELKIE_CPU"), error));
    const slk_prover_options prover = {
        .crypto = chain->crypto,
        .threads = 1,
        .parameters_folder = parameters,
        .allow_development = true,
    };
    SLK_TRY(slk_prover_new(&chain->prover, &prover, error));
    slk_devnet_verifier verifier;
    slk_prover_fill_devnet(&verifier, chain->prover);
    const slk_devnet_options devnet = {
        .folder = folder,
        .clock = SLK_DEVNET_REALTIME,
        .block_delay_ms = (int64_t)slk_options_u64(options, "epoch"),
        .sector_bytes = slk_options_u64(options, "sector-size"),
    };
    return slk_devnet_open(&chain->devnet, &devnet, &verifier, error);
}

static slk_err start(struct chain *chain, const slk_options *options, slk_error *error)
{
    SLK_TRY(open_chain(chain, options, error));
    SLK_TRY(start_server(chain, slk_options_text(options, "listen"), error));
    SLK_TRY(write_access(chain, error));
    if (pthread_create(&chain->thread, NULL, make_epochs, chain) != 0)
        return slk_fail(error, SLK_E_NOMEM, "cannot start the thread that makes epochs");
    chain->running = true;
    return SLK_OK;
}

static void print_start(const struct chain *chain)
{
    (void)printf("devnet serves http://127.0.0.1:%u/rpc/v1, at height %" PRId64 "\n"
                 "  miner         f01000\n"
                 "  access        %s/api-info holds FULLNODE_API_INFO; name it as "
                 "ChainApiInfoFile\n",
                 (unsigned)slk_http_server_port(chain->server), slk_devnet_height(chain->devnet),
                 chain->repo);
    (void)fflush(stdout);
}

static void stop(struct chain *chain)
{
    slk_http_server_free(chain->server);
    atomic_store(&chain->stop, true);
    if (chain->running)
        (void)pthread_join(chain->thread, NULL);
    slk_devnet_close(chain->devnet);
    slk_prover_free(chain->prover);
    slk_crypto_free(chain->crypto);
}

static int run_devnet(const slk_command *command, const slk_options *options)
{
    slk_signals_block();
    slk_error error = {0};
    struct chain chain = {.repo = slk_options_text(options, "repo")};
    const slk_err code = start(&chain, options, &error);
    if (code == SLK_OK) {
        slk_log(SLK_LOG_INFO, "devnet.started", "port=%u height=%" PRId64,
                (unsigned)slk_http_server_port(chain.server), slk_devnet_height(chain.devnet));
        print_start(&chain);
        (void)slk_signals_wait();
        slk_log(SLK_LOG_INFO, "devnet.stopping", "height=%" PRId64,
                slk_devnet_height(chain.devnet));
    }
    stop(&chain);
    return code == SLK_OK ? SLK_EXIT_DONE : slk_command_fail(command, options, code, &error);
}

static const slk_option devnet_options[] = {
    SLK_OPTION_REPO,
    {.name = "listen",
     .type = SLK_OPTION_TEXT,
     .value = "ADDR",
     .fallback = "127.0.0.1:1234",
     .help = "address and port for JSON-RPC"},
    {.name = "epoch",
     .type = SLK_OPTION_DURATION,
     .fallback = "1s",
     .help = "time between two epochs, from 50ms"},
    {.name = "sector-size",
     .type = SLK_OPTION_SIZE,
     .help = "of miner f01000, when the chain is new (default: 2KiB)"},
    {.name = NULL},
};

const slk_command slk_commands_devnet[] = {
    {.name = "devnet run",
     .help = "Run a small chain for trying things: Lotus's JSON-RPC, real verification of proofs.",
     .example = "selkie devnet run --repo ~/devnet --listen 127.0.0.1:1234 --epoch 200ms",
     .options = devnet_options,
     .run = run_devnet},
    {.name = NULL},
};
