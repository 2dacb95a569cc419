/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie init` and `selkie run`: a repository, and the node that serves from it. */
#include "app/alerting.h"
#include "app/chain_sample.h"
#include "app/lock.h"
#include "app/provider_check.h"
#include "app/reload.h"
#include "app/sector_files.h"
#include "app/selling.h"
#include "app/service.h"
#include "app/signals.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "monitor/monitor.h"
#include "net/certificate.h"
#include "net/server.h"
#include "page/page.h"
#include "remote/client_api.h"
#include "remote/provider_api.h"
#include "remote/relay.h"
#include "seal/member.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* made by meson: SLK_REVISION, "" when the source is no git checkout */
#include <slk_revision.h>

#define BLOCK_DELAY_S 30 /* what a worker is told; it makes nothing of it */

#define ROUTES_MAX                                                                 \
    (SLK_REMOTE_PROVIDER_ROUTES + SLK_REMOTE_CLIENT_ROUTES + SLK_SHOP_ROUTES_MAX + \
     SLK_PAGE_ROUTES_MAX + 3)

/* What runs beside the heart. */
struct service {
    slk_node *node;
    slk_relay *relay;
    slk_remote_provider *provider;
    slk_remote_client *client;
    slk_selling *selling; /* NULL: nothing is sold here */
    slk_page *page;
    slk_delivery *delivery;
    slk_monitor *monitor;
    slk_http_server *server;
    slk_http_route routes[ROUTES_MAX];
    size_t n_routes;
    char *certificate_file;
    char *key_file;
    char *url;
};

/* ---- health ---- */

static slk_err get_livez(void *context, slk_http_exchange *exchange, slk_error *error)
{
    (void)context;
    (void)error;
    return slk_http_reply_text(exchange, 200, "ok");
}

static slk_err get_readyz(void *context, slk_http_exchange *exchange, slk_error *error)
{
    static const slk_sql ask = {"health.ask", "SELECT 1"};
    slk_node *node = context;
    if (slk_db_run(node->db, &ask, error) != SLK_OK)
        return slk_http_reply_text(exchange, 503, "the database does not answer");
    return slk_http_reply_text(exchange, 200, "ok");
}

/* ---- TLS ---- */

static slk_err pick_certificate(struct service *service, slk_error *error)
{
    const slk_repo *repo = &service->node->repo;
    const slk_config *config = &repo->config;
    if (config->delegate_tls)
        return SLK_OK;
    service->certificate_file = slk_repo_path(repo, SLK_CERTIFICATE_FILE, config->certificate_file);
    service->key_file = slk_repo_path(repo, SLK_CERTIFICATE_KEY_FILE, config->key_file);
    if (!service->certificate_file || !service->key_file)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the node");
    return SLK_OK;
}

/* ---- starting ---- */

static slk_err add_monitor(struct service *service, slk_error *error)
{
    slk_node *node = service->node;
    const slk_config *config = &node->repo.config;
    slk_rules rules;
    SLK_TRY(slk_alerting_rules(&rules, config, error));
    SLK_TRY(slk_alerting_delivery(&service->delivery, config, error));
    rules.certificate_file = service->certificate_file;
    rules.workers = (slk_workers_source){slk_farm_service_board, node->farm};
    const slk_monitor_options options = {
        .seal = node->seal,
        .provider = service->provider,
        .peer = node->peer,
        .chain = slk_chain_sampler_of(node->chain),
        .version = SLK_VERSION,
        .revision = SLK_REVISION,
        .trust_loopback = config->metrics_loopback && !config->delegate_tls,
        .rules = rules,
        .delivery = service->delivery,
        .look_ms = config->alert_look_ms,
    };
    SLK_TRY(slk_monitor_new(&service->monitor, &options, error));
    if (config->metrics)
        service->routes[service->n_routes++] = slk_monitor_route(service->monitor);
    return SLK_OK;
}

static slk_err own_url(void *context, char **ret_url, slk_error *error)
{
    const slk_node *node = context;
    return slk_repo_url(ret_url, &node->repo, error);
}

static slk_err try_provider(void *context, slk_page_tried *ret, const slk_connect *at,
                            slk_error *error)
{
    slk_provider_check check;
    SLK_TRY(slk_provider_check_run(&check, context, at->url, at->token, error));
    ret->steps = slk_provider_check_json(&check);
    if (!ret->steps)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    ret->code = slk_provider_check_failure(&check, &ret->why);
    ret->allowance_remaining = check.allowance_remaining;
    memcpy(ret->partner_name, check.partner_name, sizeof ret->partner_name);
    return SLK_OK;
}

static slk_err verify_files(void *context, const slk_page_file_job *what, slk_error *error)
{
    return slk_sector_files_verify(context, what->sp_id, what->number, what->samples, what->dry_run,
                                   what->job, error);
}

static slk_err export_files(void *context, slk_page_copied *ret, const slk_page_file_job *what,
                            slk_error *error)
{
    slk_sector_copy copy = {0};
    SLK_TRY(slk_sector_files_export(&copy, context, what->sp_id, what->number, what->to,
                                    what->dry_run, what->job, error));
    *ret = (slk_page_copied){copy.files, copy.bytes};
    return SLK_OK;
}

static slk_err list_workers(void *context, json_t **ret, slk_error *error)
{
    const slk_node *node = context;
    *ret = slk_farm_service_board(node->farm);
    return *ret ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory for the workers");
}

static slk_err open_worker(void *context, const char *session, bool open, slk_error *error)
{
    const slk_node *node = context;
    return slk_farm_service_open(node->farm, session, open, error);
}

static slk_err add_page(struct service *service, slk_error *error)
{
    slk_node *node = service->node;
    const slk_config *config = &node->repo.config;
    const slk_page_options options = {
        .seal = node->seal,
        .ops = {own_url, try_provider, verify_files, export_files, list_workers, open_worker, node},
        .node_name = node->repo.name,
        .version = SLK_VERSION,
        .scratch_folder = node->scratch_folder,
        .storage_folder = node->storage_folder,
        .development = config->development,
        .loopback_only = config->page_loopback_only,
        .secure_cookies =
            !config->delegate_tls || strncmp(config->external_url, "https://", 8) == 0,
        .session_ms = config->page_session_ms,
    };
    SLK_TRY(slk_page_new(&service->page, &options, error));
    service->n_routes += slk_page_routes(service->routes + service->n_routes, service->page);
    return SLK_OK;
}

static slk_err add_relay(struct service *service, slk_error *error)
{
    const slk_repo *repo = &service->node->repo;
    const slk_config *config = &repo->config;
    const slk_relay_options options = {
        .node_name = repo->name,
        .ca_file = *config->trusted_certificates ? config->trusted_certificates : NULL,
        .allow_plain_http = config->allow_plain_http,
    };
    return slk_relay_new(&service->relay, &options, error);
}

static slk_err add_routes(struct service *service, slk_error *error)
{
    slk_node *node = service->node;
    service->routes[service->n_routes++] =
        (slk_http_route){.method = "GET", .path = "/health/livez", .handler = get_livez};
    service->routes[service->n_routes++] = (slk_http_route){
        .method = "GET", .path = "/health/readyz", .handler = get_readyz, .context = node};
    if (node->provider) {
        SLK_TRY(add_relay(service, error));
        const slk_remote_provider_options options = {.seal = node->seal,
                                                     .crypto = node->crypto,
                                                     .relay = service->relay,
                                                     .peer = node->peer};
        SLK_TRY(slk_remote_provider_new(&service->provider, &options, error));
        slk_remote_provider_routes(service->routes + service->n_routes, service->provider);
        service->n_routes += SLK_REMOTE_PROVIDER_ROUTES;
    }
    if (node->client) {
        SLK_TRY(slk_remote_client_new(&service->client, node->seal, error));
        slk_remote_client_routes(service->routes + service->n_routes, service->client);
        service->n_routes += SLK_REMOTE_CLIENT_ROUTES;
    }
    if (service->selling)
        service->n_routes +=
            slk_selling_routes(service->routes + service->n_routes, service->selling);
    SLK_TRY(add_monitor(service, error));
    return node->repo.config.page_enable ? add_page(service, error) : SLK_OK;
}

static void warn_of_plain_http(const slk_config *config)
{
    const bool loopback = strncmp(config->listen, "127.", 4) == 0 ||
                          strncmp(config->listen, "[::1]", 5) == 0 ||
                          strncmp(config->listen, "localhost", 9) == 0;
    if (config->delegate_tls && !loopback)
        slk_log(
            SLK_LOG_WARN, "http.plain",
            "listen=%s why=\"DelegateTLS serves tokens in clear\" then=\"only a proxy that does "
            "the TLS may reach this port\"",
            config->listen);
}

/* So that the other nodes of the database find what is here. */
static slk_err note_address(const struct service *service, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *url = NULL;
    char pin[SLK_CERTIFICATE_PIN_CHARS] = "";
    SLK_TRY(slk_repo_node_url(&url, &service->node->repo, slk_http_server_port(service->server),
                              error));
    if (service->certificate_file)
        SLK_TRY(slk_net_certificate_pin(pin, service->certificate_file, error));
    return slk_member_note_address(service->node->seal, url, pin, error);
}

static slk_err start_server(struct service *service, slk_error *error)
{
    warn_of_plain_http(&service->node->repo.config);
    SLK_TRY(pick_certificate(service, error));
    SLK_TRY(add_routes(service, error));
    const slk_http_server_options options = {
        .listen = service->node->repo.config.listen,
        .certificate_file = service->certificate_file,
        .key_file = service->key_file,
        .behind_proxy = service->node->repo.config.delegate_tls,
        .trusted_proxies = service->node->repo.config.trusted_proxies,
        .routes = service->routes,
        .n_routes = service->n_routes,
    };
    SLK_TRY(slk_http_server_new(&service->server, &options, error));
    SLK_TRY(note_address(service, error));
    return slk_repo_note_url(&service->node->repo, slk_http_server_port(service->server), error);
}

/* A node told that it is on a development network accepts forgeable proofs: never on a real one. */
static slk_err check_network(slk_node *node, slk_error *error)
{
    slk_network network = {0};
    if (!node->chain)
        return SLK_OK;
    slk_error why = {0};
    const slk_err code = slk_chain_ops_network(node->chain, &network, &why);
    if (code != SLK_OK && network.name[0])
        return slk_fail(error, SLK_E_INVAL, "%s", slk_error_text(&why, code));
    if (code != SLK_OK) {
        slk_log(SLK_LOG_WARN, "chain.unreachable", "why=\"%s\" then=\"sectors wait for it\"",
                slk_error_text(&why, code));
        return SLK_OK;
    }
    slk_log(SLK_LOG_INFO, "chain.found", "network=%s version=%" PRId64 " node=\"%s\"", network.name,
            network.version, network.node_version);
    if (node->client && !network.can_sign)
        slk_log(SLK_LOG_WARN, "chain.token",
                "why=\"the chain token cannot sign\" then=\"no message can be sent\"");
    return SLK_OK;
}

static void print_list(const slk_seal_options *options)
{
    for (size_t i = 0; i < options->seal_proofs_n; i++)
        (void)printf("%s%" PRId64, i ? ", " : "", options->seal_proofs[i]);
}

static void print_start(const struct service *service)
{
    const slk_node *node = service->node;
    const char *folder = node->repo.folder;
    (void)printf("selkie %s serves %s as %s\n", node->repo.name, service->url,
                 node->provider && node->client ? "provider and client"
                 : node->provider               ? "provider"
                                                : "client");
    (void)printf("  repository    %s (options in %s)\n", folder, SLK_CONFIG_FILE);
    if (service->certificate_file && !*node->repo.config.certificate_file)
        (void)printf("  certificate   %s (self-signed: give it to the other side, which names it "
                     "in TrustedCertificates)\n",
                     service->certificate_file);
    if (node->repo.config.development)
        (void)printf("  network       development: proofs may use parameters anybody can forge "
                     "with\n");
    if (node->provider) {
        (void)printf("  seal proofs   ");
        print_list(slk_seal_get_options(node->seal));
        (void)printf("\n  next          selkie partner add NAME --url https://CLIENT --repo %s\n",
                     folder);
    }
    if (node->client)
        (void)printf("  next          selkie provider add - --miner f0ID --repo %s   (connect "
                     "string on standard input)\n"
                     "                selkie order --miner f0ID --count 1 --seal-proof %d --repo "
                     "%s\n",
                     folder, node->repo.config.development ? 5 : 8, folder);
    (void)printf("                selkie watch --repo %s\n", folder);
    if (*slk_farm_service_address(node->farm))
        (void)printf("  workers       %s   (selkie auth api-info --perm worker --repo %s)\n",
                     slk_farm_service_address(node->farm), folder);
    if (node->repo.config.page_enable)
        (void)printf("  page          %s/   (selkie ui open --repo %s prints a login token)\n",
                     service->url, folder);
    (void)fflush(stdout);
}

static slk_err start(struct service *service, slk_error *error)
{
    slk_node *node = service->node;
    SLK_TRY(check_network(node, error));
    if (node->provider && node->repo.config.service_enable)
        SLK_TRY(slk_selling_new(&service->selling, &node->repo, node->seal, error));
    if (node->repo.config.http_enable)
        SLK_TRY(start_server(service, error));
    SLK_TRY(slk_farm_service_start(node->farm, BLOCK_DELAY_S, error));
    SLK_TRY(slk_seal_start(node->seal, error));
    if (service->selling)
        SLK_TRY(slk_selling_start(service->selling, error));
    if (service->monitor)
        SLK_TRY(slk_monitor_start(service->monitor, error));
    if (slk_repo_url(&service->url, &node->repo, NULL) != SLK_OK)
        service->url = slk_strdup(node->repo.config.listen);
    if (!service->url)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the node");
    slk_log(SLK_LOG_INFO, "node.started", "node=%s url=%s provider=%d client=%d", node->repo.name,
            service->url, node->provider, node->client);
    print_start(service);
    return slk_lock_note_serving(node->repo.lock_fd, error);
}

static void stop(struct service *service)
{
    slk_remote_provider_cancel(service->provider);
    slk_relay_cancel(service->relay);
    slk_page_cancel(service->page);
    slk_http_server_free(service->server);
    slk_monitor_free(service->monitor);
    slk_delivery_free(service->delivery);
    slk_selling_stop(service->selling);
    slk_farm_service_stop(service->node->farm);
    slk_seal_stop(service->node->seal);
    slk_remote_provider_free(service->provider);
    slk_relay_free(service->relay);
    slk_remote_client_free(service->client);
    slk_page_free(service->page);
    slk_selling_free(service->selling);
    slk_free(service->certificate_file);
    slk_free(service->key_file);
    slk_free(service->url);
}

/* ---- the commands ---- */

static void reload_certificate(const struct service *service)
{
    slk_error error = {0};
    slk_err code = slk_http_server_reload(service->server, &error);
    if (code == SLK_OK)
        code = note_address(service, &error);
    if (code != SLK_OK)
        slk_log(SLK_LOG_ERROR, "certificate.refused", "why=\"%s\" then=\"the old one stays\"",
                slk_error_text(&error, code));
    else if (service->certificate_file)
        slk_log(SLK_LOG_INFO, "certificate.reloaded", "file=%s", service->certificate_file);
}

/* Until a signal ends the node; those that reload its configuration are served. */
static int wait_for_end(const struct service *service, const char *config_file)
{
    for (;;) {
        const int signal = slk_signals_wait();
        if (signal != SIGHUP)
            return signal;
        slk_reload(&service->node->repo, config_file);
        if (service->server)
            reload_certificate(service);
    }
}

static int run_run(const slk_command *command, const slk_options *options)
{
    slk_signals_block();
    slk_signals_block_hup();
    slk_set_core_dumps(false);
    slk_allow_open_files(); /* the usual limit is meant for programs without peers */
    slk_error error = {0};
    const slk_node_options node_options = {
        .folder = slk_options_text(options, "repo"),
        .config_file = slk_options_text(options, "config"),
        .role = slk_options_text(options, "role"),
    };
    slk_err code = slk_repo_init(node_options.folder, &error);
    SLK_CLEANUP(slk_node_closep) slk_node *node = NULL;
    if (code == SLK_OK)
        code = slk_node_open(&node, &node_options, &error);
    if (code != SLK_OK)
        return slk_command_fail(command, options, code, &error);
    slk_set_core_dumps(node->repo.config.core_dumps);
    slk_log_start(&node->repo);
    struct service service = {.node = node};
    code = start(&service, &error);
    if (code == SLK_OK) {
        const int signal = wait_for_end(&service, node_options.config_file);
        slk_log(SLK_LOG_INFO, "node.stopping", "node=%s signal=%d", node->repo.name, signal);
    }
    stop(&service);
    if (code != SLK_OK)
        return slk_command_fail(command, options, code, &error);
    slk_log(SLK_LOG_INFO, "node.stopped", "node=%s", node->repo.name);
    return SLK_EXIT_DONE;
}

static int run_init(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    const char *folder = slk_options_text(options, "repo");
    if (slk_service_dry(options, "what the repository lacks would be made"))
        return SLK_EXIT_DONE;
    const slk_err code = slk_repo_init(folder, &error);
    if (code != SLK_OK)
        return slk_command_fail(command, options, code, &error);
    if (options->json)
        (void)printf("{\"initialized\":true}\n");
    else
        (void)printf("%s is ready; look into %s/%s, then\n  selkie run --repo %s --role provider\n"
                     "or with --role client\n",
                     folder, folder, SLK_CONFIG_FILE, folder);
    return SLK_EXIT_DONE;
}

static const slk_option init_options[] = {SLK_OPTION_REPO, SLK_OPTION_DRY_RUN, {.name = NULL}};
static const slk_option run_options[] = {
    SLK_OPTION_REPO,
    {.name = "role",
     .type = SLK_OPTION_TEXT,
     .value = "ROLE",
     .help = "provider, client or both (else Enable… in [Subsystems])"},
    {.name = "config",
     .type = SLK_OPTION_TEXT,
     .value = "FILE",
     .help = "configuration in place of config.toml in the repository"},
    {.name = NULL},
};

const slk_command slk_commands_run[] = {
    {.name = "init",
     .help = "Make a repository with its commented config.toml.",
     .example = "selkie init --repo ~/.selkie",
     .options = init_options,
     .run = run_init},
    {.name = "run",
     .help = "Run a node: seal for partners (provider), order and prove sectors (client), or both.",
     .example = "selkie run --repo ~/.selkie --role provider",
     .options = run_options,
     .run = run_run},
    {.name = NULL},
};
