/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/doctor.h"

#include "app/chain_sample.h"
#include "app/lock.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "monitor/chain_sample.h"
#include "net/certificate.h"
#include "net/client.h"
#include "net/server.h"
#include "remote/wire.h"
#include "seal/times.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CALL_TIMEOUT_MS 10000
#define SKEW_MS INT64_C(5000)
#define BEHIND_EPOCHS 5
#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define PEERS_MAX 50 /* of each kind that are called */

/* ---- our own address ---- */

/* Nobody serves: can we? */
static void look_at_port(slk_doctor *d)
{
    const char *listen = d->node->repo.config.listen;
    slk_http_server *server = NULL;
    slk_error error = {0};
    const slk_http_server_options options = {.listen = listen};
    const slk_err code = slk_http_server_new(&server, &options, &error);
    slk_http_server_free(server);
    if (slk_doctor_ok(d, code, &error, "port", "set another ListenAddress in [HTTP], or stop it"))
        slk_doctor_say(d, SLK_HEALTH_GOOD, "port", NULL, "%s is free; the node does not run now",
                       listen);
}

/* Any whole HTTP answer will do: the way there is open. */
static slk_err call(const char *base, const char *path, const char *ca_file, int *ret_status,
                    slk_error *error)
{
    const slk_http_client_options options = {.allow_plain_http = true, .ca_file = ca_file};
    SLK_CLEANUP(slk_http_client_freep) slk_http_client *client = NULL;
    SLK_CLEANUP(slk_freep) char *url = slk_http_url_join(base, path);
    if (!url)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_http_client_new(&client, &options, error));
    const slk_http_request request = {.url = url, .total_timeout_ms = CALL_TIMEOUT_MS};
    slk_http_response response;
    SLK_TRY(slk_http_call(client, &request, &response, error));
    *ret_status = response.status;
    slk_http_response_done(&response);
    return SLK_OK;
}

static void look_at_service(slk_doctor *d, const char *url, const char *certificate)
{
    slk_lock_holder holder = {0};
    slk_error error = {0};
    int status = 0;
    if (!slk_doctor_ok(d, slk_lock_look(&holder, d->folder, &error), &error, "port",
                       "look at the repository's rights"))
        return;
    if (holder.pid == 0) {
        look_at_port(d);
        return;
    }
    if (!slk_doctor_ok(d, call(url, "/health/readyz", certificate, &status, &error), &error, "port",
                       "the node runs, but its own URL does not lead to it: look at DomainName, "
                       "ExternalURL, proxy and firewall"))
        return;
    if (status == 200)
        slk_doctor_say(d, SLK_HEALTH_GOOD, "port", NULL, "the node serves at %s", url);
    else
        slk_doctor_say(d, SLK_HEALTH_FAULT, "port", "look at the node's log",
                       "the node at %s answers %d", url, status);
}

static void look_at_certificate(slk_doctor *d, const char *url, const char *path)
{
    char host[256];
    slk_certificate_facts facts;
    slk_error error = {0};
    if (!*d->node->repo.config.certificate_file && !slk_file_exists(path)) {
        slk_doctor_say(d, SLK_HEALTH_GOOD, "certificate", NULL,
                       "a self-signed one is made at the first start");
        return;
    }
    slk_repo_host(host, sizeof host, url);
    if (!slk_doctor_ok(d, slk_net_certificate_read(&facts, path, host, &error), &error,
                       "certificate", "set CertificateFile and KeyFile in [HTTP]"))
        return;
    const int64_t left = facts.not_after_ms - slk_clock_wall_ms();
    if (!facts.names_host)
        slk_doctor_say(d, SLK_HEALTH_FAULT, "certificate",
                       "get one for this name, or set DomainName or ExternalURL to one it names",
                       "the TLS certificate is not for %s", host);
    else if (left < 14 * DAY_MS || facts.not_before_ms > slk_clock_wall_ms())
        slk_doctor_say(d, left > 0 ? SLK_HEALTH_WARNING : SLK_HEALTH_FAULT, "certificate",
                       "renew it", "the TLS certificate is good until %" PRId64 " days from now",
                       left / DAY_MS);
    else
        slk_doctor_say(d, SLK_HEALTH_GOOD, "certificate", NULL, "for %s, %" PRId64 " days left%s",
                       host, left / DAY_MS,
                       facts.self_signed ? ", self-signed: peers must be given it" : "");
}

void slk_doctor_address(slk_doctor *doctor)
{
    const slk_repo *repo = &doctor->node->repo;
    const slk_config *config = &repo->config;
    SLK_CLEANUP(slk_freep) char *url = NULL;
    SLK_CLEANUP(slk_freep)
    char *certificate = slk_repo_path(repo, SLK_CERTIFICATE_FILE, config->certificate_file);
    slk_error error = {0};
    if (!config->http_enable)
        return;
    if (!certificate || !slk_doctor_ok(doctor, slk_repo_url(&url, repo, &error), &error, "address",
                                       "set DomainName or ExternalURL in [HTTP]"))
        return;
    slk_doctor_say(doctor, SLK_HEALTH_GOOD, "address", NULL, "peers are told %s", url);
    const bool own_tls = !config->delegate_tls;
    look_at_service(doctor, url, own_tls && !*config->certificate_file ? certificate : NULL);
    if (own_tls)
        look_at_certificate(doctor, url, certificate);
    else
        slk_doctor_say(doctor, SLK_HEALTH_GOOD, "certificate", NULL, "TLS is done by a proxy");
}

/* ---- the chain ---- */

static void look_at_head(slk_doctor *d, const slk_chain_sample *s)
{
    const int64_t age_ms = s->taken_ms - s->head_ms;
    if (age_ms < -SKEW_MS)
        slk_doctor_say(d, SLK_HEALTH_FAULT, "clock", "set this machine's clock",
                       "the chain's head is %" PRId64 " s in this machine's future",
                       -age_ms / 1000);
    else if (!s->development && age_ms > BEHIND_EPOCHS * s->epoch_ms + SKEW_MS)
        slk_doctor_say(d, SLK_HEALTH_FAULT, "chain-sync",
                       "let the chain node sync; or this machine's clock is ahead",
                       "the chain node's head is %" PRId64 " s old", age_ms / 1000);
    else
        slk_doctor_say(d, SLK_HEALTH_GOOD, "chain-sync", NULL,
                       "head at epoch %" PRId64 ", %" PRId64 " s old", s->head_epoch,
                       age_ms / 1000);
}

static void look_at_money(slk_doctor *d, const slk_miner_sample *m)
{
    if (!m->known)
        slk_doctor_say(d, SLK_HEALTH_FAULT, "balance", "is it the right network, the right miner?",
                       "the chain says nothing of miner f0%" PRIu64, m->sp_id);
    else if (m->sender_fil < m->pledge_fil * (double)d->sectors)
        slk_doctor_say(d, SLK_HEALTH_WARNING, "balance",
                       "send FIL to a control or worker address of the miner",
                       "f0%" PRIu64 ": the richest sender has %.4f FIL, %" PRIu64
                       " sectors take %.4f",
                       m->sp_id, m->sender_fil, d->sectors, m->pledge_fil * (double)d->sectors);
    else
        slk_doctor_say(d, SLK_HEALTH_GOOD, "balance", NULL,
                       "f0%" PRIu64 ": sender %.4f FIL, a sector takes %.4f", m->sp_id,
                       m->sender_fil, m->pledge_fil);
}

/* One that controls no miner is passed by in silence when a message is sent: here it is said. */
static void look_at_control(slk_doctor *d, const slk_miner_info *info, uint64_t sp_id,
                            const char *key, const slk_config_addresses *list)
{
    slk_chain *chain = slk_chain_ops_client(d->node->chain);
    for (size_t i = 0; i < list->n; i++) {
        slk_address address, id;
        if (slk_address_parse(&address, list->text[i], NULL) == SLK_OK &&
            slk_chain_lookup_id(chain, &id, &address, NULL) == SLK_OK &&
            slk_chain_controls(info, &id))
            continue;
        slk_doctor_say(d, SLK_HEALTH_WARNING, "control-address",
                       "`lotus-miner actor control set` adds it; until then the worker sends",
                       "%s %.40s controls nothing of miner f0%" PRIu64, key, list->text[i], sp_id);
    }
}

static void look_at_controls(slk_doctor *d, uint64_t sp_id)
{
    const slk_config *config = &d->node->repo.config;
    slk_miner_info info;
    if (config->precommit_control.n + config->commit_control.n == 0 ||
        slk_chain_miner_info(slk_chain_ops_client(d->node->chain), &info, sp_id, NULL, NULL) !=
            SLK_OK)
        return;
    look_at_control(d, &info, sp_id, "PreCommitControl", &config->precommit_control);
    look_at_control(d, &info, sp_id, "CommitControl", &config->commit_control);
}

static void look_at_permission(slk_doctor *d, const slk_network *network)
{
    if (d->client && !network->can_sign)
        slk_doctor_say(d, SLK_HEALTH_FAULT, "chain-token",
                       "lotus auth create-token --perm sign, into ChainApiInfo",
                       "the chain node's token may not sign: no message can be sent");
    else
        slk_doctor_say(d, SLK_HEALTH_GOOD, "chain-token", NULL, "the token may %s",
                       network->can_sign ? "sign" : "read");
}

void slk_doctor_chain(slk_doctor *doctor)
{
    slk_node *node = doctor->node;
    slk_error error = {0};
    slk_network network = {0};
    if (!node->chain) {
        slk_doctor_say(
            doctor, doctor->client ? SLK_HEALTH_FAULT : SLK_HEALTH_GOOD, "chain",
            doctor->client ? "set ChainApiInfo in [Network], or FULLNODE_API_INFO" : NULL,
            "no chain node is configured%s", doctor->client ? "" : "; a provider needs none");
        return;
    }
    if (!slk_doctor_ok(doctor, slk_chain_ops_network(node->chain, &network, &error), &error,
                       "chain", "bring the chain node up, or name another in ChainApiInfo"))
        return;
    slk_doctor_say(doctor, SLK_HEALTH_GOOD, "chain", NULL, "%s, network version %" PRId64 ", %s",
                   network.name, network.version, network.node_version);
    look_at_permission(doctor, &network);
    slk_chain_sample sample = {.taken_ms = slk_clock_wall_ms()};
    if (!slk_doctor_ok(doctor, slk_chain_sample_miners(&sample, node->db, &error), &error,
                       "balance", "look at the database"))
        return;
    const slk_chain_sampler sampler = slk_chain_sampler_of(node->chain);
    sampler.sample(sampler.ctx, &sample);
    if (!sample.answered) {
        slk_doctor_say(doctor, SLK_HEALTH_FAULT, "chain-sync", "look at the chain node", "%s",
                       sample.why);
        return;
    }
    look_at_head(doctor, &sample);
    if (!sample.development)
        slk_time_hear_chain(node->seal, sample.head_ms, sample.epoch_ms);
    for (size_t i = 0; i < sample.miners_n; i++) {
        look_at_money(doctor, &sample.miners[i]);
        look_at_controls(doctor, sample.miners[i].sp_id);
    }
}

/* ---- peers ---- */

struct peer {
    char url[1024];
    char name[128];
    slk_buf token; /* wrapped, then in clear */
};

/* The n-th provider (client) or partner (provider) that can be called. */
static slk_err read_peer(bool *ret_row, struct peer *peer, slk_db *db, const slk_sql *sql,
                         int64_t after, int64_t *ret_id, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, sql, error));
    slk_bind_i64(&q, 1, after);
    SLK_TRY(slk_query_step(&q, ret_row, error));
    if (!*ret_row)
        return SLK_OK;
    *ret_id = slk_column_i64(&q, 0);
    (void)snprintf(peer->url, sizeof peer->url, "%s", slk_column_text(&q, 1));
    (void)snprintf(peer->name, sizeof peer->name, "%s", slk_column_text(&q, 2));
    slk_buf_reset(&peer->token);
    return slk_buf_text(&peer->token, slk_column_text(&q, 3));
}

static slk_err ask_provider(char *name, int64_t *ret_allowance, bool *ret_known,
                            const slk_node *node, struct peer *peer, slk_error *error)
{
    const slk_seal_keeper *keeper = &slk_seal_get_ops(node->seal)->keeper;
    SLK_CLEANUP(slk_buf_done) slk_buf token;
    slk_buf_init(&token, 4096);
    SLK_TRY(keeper->unwrap(keeper->ctx, &token, slk_buf_str(&peer->token), error));
    const slk_seal_remote to = {.url = peer->url, .token = slk_buf_str(&token)};
    const slk_err code =
        slk_remote_peer_authorize(node->peer, ret_known, name, ret_allowance, &to, error);
    slk_bytes_wipe(token.data, token.len);
    return code;
}

static void look_at_provider(slk_doctor *d, struct peer *peer)
{
    char name[SLK_SEAL_REASON_CHARS] = "";
    int64_t allowance = 0;
    bool known = false;
    slk_error error = {0};
    const slk_err code = ask_provider(name, &allowance, &known, d->node, peer, &error);
    if (code != SLK_OK)
        slk_doctor_say(d, SLK_HEALTH_FAULT, "provider", "ask whoever runs it", "%s: %s", peer->name,
                       slk_error_text(&error, code));
    else if (!known)
        slk_doctor_say(d, SLK_HEALTH_FAULT, "provider",
                       "ask for a new connect string: selkie provider add takes it",
                       "%s does not know our token", peer->name);
    else
        slk_doctor_say(d, allowance > 0 ? SLK_HEALTH_GOOD : SLK_HEALTH_WARNING, "provider",
                       allowance > 0 ? NULL : "ask the provider for more",
                       "%s answers; %" PRId64 " sectors may be ordered", peer->name, allowance);
}

/* The client's endpoint for tickets refuses a question without a miner, but it answers. */
static void look_at_partner(slk_doctor *d, struct peer *peer)
{
    const char *trust = d->node->repo.config.trusted_certificates;
    slk_error error = {0};
    int status = 0;
    const slk_err code =
        call(peer->url, SLK_WIRE_PATH "ticket", *trust ? trust : NULL, &status, &error);
    if (code != SLK_OK)
        slk_doctor_say(d, SLK_HEALTH_WARNING, "partner",
                       "ask the partner; its own poll finds finished sectors meanwhile",
                       "%s cannot be told when sectors are done: %s", peer->name,
                       slk_error_text(&error, code));
    else if (status != 400)
        slk_doctor_say(d, SLK_HEALTH_WARNING, "partner", "is its URL the client's?",
                       "%s answers %d where a client refuses with 400", peer->name, status);
    else
        slk_doctor_say(d, SLK_HEALTH_GOOD, "partner", NULL, "%s can be called back", peer->name);
}

static void each_peer(slk_doctor *d, const slk_sql *sql, const char *check,
                      void (*look)(slk_doctor *d, struct peer *peer))
{
    struct peer peer = {0};
    slk_buf_init(&peer.token, 4096);
    int64_t id = -1;
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        slk_error error = {0};
        bool row = false;
        if (!slk_doctor_ok(d, read_peer(&row, &peer, d->node->db, sql, id, &id, &error), &error,
                           check, "look at the database") ||
            !row)
            break;
        look(d, &peer);
    }
    slk_buf_done(&peer.token);
}

void slk_doctor_peers(slk_doctor *doctor)
{
    static const slk_sql providers = {"doctor.provider",
                                      "SELECT id, provider_url, provider_name, provider_token"
                                      " FROM rseal_client_providers WHERE id > $1 AND enabled = 1"
                                      " ORDER BY id LIMIT 1"};
    static const slk_sql partners = {
        "doctor.partner", "SELECT id, partner_url, partner_name, ''"
                          " FROM rseal_delegated_partners WHERE id > $1 AND partner_url <> ''"
                          " ORDER BY id LIMIT 1"};
    if (doctor->client)
        each_peer(doctor, &providers, "provider", look_at_provider);
    if (doctor->provider)
        each_peer(doctor, &partners, "partner", look_at_partner);
}
