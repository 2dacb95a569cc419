/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/farm_service.h"

#include "app/lotus_api.h"
#include "app/lotus_keys.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/multiaddr.h"
#include "farm/api.h"
#include "farm/farm.h"
#include "farm/prover.h"
#include "net/certificate.h"
#include "net/server.h"
#include "rpc/server.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_ADDRESS "/ip4/127.0.0.1/tcp/2345/http"

struct slk_farm_service {
    const slk_repo *repo;
    slk_db *db;
    int64_t usual_proof;
    slk_farm *farm;
    slk_farm_prover *prover;
    slk_farm_api *api;
    slk_rpc_server *rpc;
    slk_http_server *server;
    slk_http_route routes[SLK_RPC_ROUTES];
    char address[SLK_MULTIADDR_TEXT_CHARS];
    char *certificate_file, *key_file; /* NULL: no TLS */
    char pin[SLK_CERTIFICATE_PIN_CHARS]; /* "" none */
};

static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory for the workers' API");
}

static slk_lotus_task_set local_tasks(const slk_config *config)
{
    return SLK_LOTUS_TASK_BIT(SLK_LOTUS_PRECOMMIT2) | /* what is checked here counts as that */
           (config->allow_precommit1 ? SLK_LOTUS_TASK_BIT(SLK_LOTUS_PRECOMMIT1) : 0) |
           (config->allow_commit ? SLK_LOTUS_TASK_BIT(SLK_LOTUS_COMMIT2) : 0);
}

static slk_err make_farm(slk_farm_service *service, const slk_farm_service_options *options,
                         slk_error *error)
{
    const slk_config *config = &options->repo->config;
    SLK_CLEANUP(slk_freep) char *results = slk_path_join(options->repo->folder, "worker-results");
    if (!results)
        return no_memory(error);
    slk_ip_set addresses = {0};
    const slk_err read = slk_ip_set_add(&addresses, config->worker_addresses, error);
    if (read != SLK_OK)
        return slk_fail_context(error, read, "WorkerAddresses in [API]");
    const slk_farm_options farm = {
        .db = options->db,
        .node_name = options->repo->name,
        .results_folder = results,
        .local_tasks = local_tasks(config),
        .local_compute = (unsigned)config->compute_workers,
        .local_snark = (unsigned)config->snark_workers,
        .batch_most = (unsigned)config->batch_sectors,
        .batch_wait_ms = config->batch_wait_ms,
        .usual_proof = options->usual_proof,
        .worker_addresses = &addresses,
        .ca_file = *config->trusted_certificates ? config->trusted_certificates : NULL,
        .lost_ms = config->worker_lost_ms,
        .room_changed = options->room_changed,
        .room_context = options->room_context,
    };
    SLK_TRY(slk_farm_new(&service->farm, &farm, error));
    return slk_farm_prover_new(&service->prover, service->farm, options->prover, error);
}

slk_err slk_farm_service_new(slk_farm_service **ret_service,
                             const slk_farm_service_options *options, slk_error *error)
{
    slk_farm_service *service = slk_calloc(1, sizeof *service);
    if (!service)
        return no_memory(error);
    service->repo = options->repo;
    service->db = options->db;
    service->usual_proof = options->usual_proof;
    const slk_err code = make_farm(service, options, error);
    if (code != SLK_OK) {
        slk_farm_service_free(service);
        return code;
    }
    *ret_service = service;
    return SLK_OK;
}

void slk_farm_service_prover(slk_seal_prover *ret_ops, slk_farm_service *service)
{
    slk_farm_prover_fill(ret_ops, service->prover);
}

json_t *slk_farm_service_board(void *service)
{
    return slk_farm_board(((slk_farm_service *)service)->farm);
}

slk_err slk_farm_service_open(slk_farm_service *service, const char *session, bool open,
                              slk_error *error)
{
    return slk_farm_set_open(service->farm, session, open, "closed by an operator", error);
}

const char *slk_farm_service_address(const slk_farm_service *service)
{
    return service->address;
}

/* ---- the API ---- */

/* Who issued the certificate vouches for it, whatever its key; ours is known by its key alone. */
static slk_err find_pin(slk_farm_service *service, slk_error *error)
{
    slk_certificate_facts facts;
    SLK_TRY(slk_net_certificate_read(&facts, service->certificate_file, NULL, error));
    return facts.self_signed
               ? slk_net_certificate_pin(service->pin, service->certificate_file, error)
               : SLK_OK;
}

static slk_err find_certificate(slk_farm_service *service, const slk_multiaddr *address,
                                slk_error *error)
{
    const slk_repo *repo = service->repo;
    const slk_config *config = &repo->config;
    const char *const names[] = {address->host};
    if (!address->tls)
        return SLK_OK;
    if (!*config->api_certificate_file)
        SLK_TRY(slk_net_make_certificate(repo->folder, names, 1, error));
    service->certificate_file =
        slk_repo_path(repo, SLK_CERTIFICATE_FILE, config->api_certificate_file);
    service->key_file = slk_repo_path(repo, SLK_CERTIFICATE_KEY_FILE, config->api_key_file);
    if (!service->certificate_file || !service->key_file)
        return no_memory(error);
    return find_pin(service, error);
}

static slk_err make_api(slk_farm_service *service, int64_t block_delay_s, slk_error *error)
{
    slk_farm_api_options options = {.farm = service->farm,
                                    .version = SLK_VERSION,
                                    .block_delay_s = block_delay_s,
                                    .db = service->db,
                                    .usual_proof = service->usual_proof};
    SLK_TRY(slk_lotus_secret(options.secret32, service->repo->folder, error));
    /* It stays the same while secret and key do. */
    slk_err code =
        slk_lotus_api_note_token(service->repo->folder, options.secret32, service->pin, error);
    if (code == SLK_OK)
        code = slk_farm_api_new(&service->api, &options, error);
    slk_bytes_wipe(options.secret32, sizeof options.secret32);
    SLK_TRY(code);
    const slk_rpc_table table = slk_farm_api_table(service->api);
    const slk_rpc_server_options rpc = {.tables = &table,
                                        .n_tables = 1,
                                        .authorise = slk_farm_api_authorise,
                                        .authorise_context = service->api,
                                        .missing = slk_farm_api_missing,
                                        .anonymous = SLK_RPC_READ,
                                        .no_strange_sockets = true};
    SLK_TRY(slk_rpc_server_new(&service->rpc, &rpc, error));
    slk_rpc_server_routes(service->rpc, service->routes);
    return SLK_OK;
}

static slk_err listen_at(slk_farm_service *service, const slk_multiaddr *address, slk_error *error)
{
    char listen[SLK_MULTIADDR_LISTEN_CHARS];
    slk_multiaddr_listen(listen, address);
    const slk_http_server_options options = {.listen = listen,
                                             .certificate_file = service->certificate_file,
                                             .key_file = service->key_file,
                                             .routes = service->routes,
                                             .n_routes = SLK_RPC_ROUTES};
    return slk_http_server_new(&service->server, &options, error);
}

static slk_err read_address(slk_multiaddr *ret, const slk_farm_service *service, slk_error *error)
{
    const slk_err code = slk_multiaddr_parse(ret, service->repo->config.api_listen, true, error);
    return code == SLK_OK ? code : slk_fail_context(error, code, "ListenAddress in [API]");
}

static slk_err serve(slk_farm_service *service, slk_multiaddr *address, slk_error *error)
{
    slk_err code = listen_at(service, address, error);
    if (code == SLK_E_BUSY && strcmp(service->repo->config.api_listen, DEFAULT_ADDRESS) == 0) {
        address->port = 0; /* nobody chose this one */
        code = listen_at(service, address, error);
    }
    SLK_TRY(code);
    address->port = slk_http_server_port(service->server);
    slk_multiaddr_print(service->address, address);
    slk_log(SLK_LOG_INFO, "api.serves", "address=%s", service->address);
    return slk_lotus_api_note_address(service->repo->folder, service->address, error);
}

slk_err slk_farm_service_start(slk_farm_service *service, int64_t block_delay_s, slk_error *error)
{
    slk_multiaddr address;
    SLK_TRY(slk_farm_start(service->farm, error));
    if (!*service->repo->config.api_listen)
        return SLK_OK;
    SLK_TRY(read_address(&address, service, error));
    SLK_TRY(find_certificate(service, &address, error));
    SLK_TRY(make_api(service, block_delay_s, error));
    return serve(service, &address, error);
}

void slk_farm_service_stop(slk_farm_service *service)
{
    if (!service)
        return;
    if (service->rpc) /* the start may have failed before there was one */
        slk_rpc_server_stop(service->rpc);
    slk_http_server_free(service->server);
    if (service->server)
        slk_lotus_api_forget(service->repo->folder);
    service->server = NULL;
    slk_farm_stop(service->farm);
}

void slk_farm_service_free(slk_farm_service *service)
{
    if (!service)
        return;
    slk_farm_service_stop(service);
    slk_rpc_server_free(service->rpc);
    slk_farm_api_free(service->api);
    slk_farm_prover_free(service->prover);
    slk_farm_free(service->farm);
    slk_free(service->certificate_file);
    slk_free(service->key_file);
    slk_free(service);
}
