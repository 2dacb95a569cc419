/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/node.h"

#include "app/self_test.h"
#include "base/assume.h"
#include "base/file.h"
#include "base/mem.h"
#include "proofs/params/params.h"
#include "seal/member.h"

#include <stdlib.h>
#include <string.h>

static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory for the node");
}

static slk_err pick_role(slk_node *node, const slk_node_options *options, slk_error *error)
{
    slk_config_roles roles = {true, true};
    if (!options->tool)
        SLK_TRY(slk_config_pick_roles(&roles, &node->repo.config, options->role, error));
    node->provider = roles.provider;
    node->client = roles.client;
    return SLK_OK;
}

/* Its certificate first: whose start fails for want of the other side's, that waits for ours. */
static slk_err check_start(const slk_node *node, slk_error *error)
{
    const slk_config_roles roles = {node->provider, node->client};
    if (roles.provider || roles.client)
        SLK_TRY(slk_repo_certificate(&node->repo, error));
    return slk_config_fits(&node->repo.config, &roles, error);
}

/* ---- the parts ---- */

static slk_err open_crypto(slk_node *node, slk_error *error)
{
    SLK_TRY(slk_crypto_new(&node->crypto, getenv("SELKIE_CPU"), error));
    SLK_CLEANUP(slk_freep)
    char *key = slk_repo_path(&node->repo, "secret.key", node->repo.config.secret_key_file);
    return key ? slk_keeper_open(&node->keeper, node->crypto, key, error) : no_memory(error);
}

/* What computes long does so in a process of its own from here on; what judges results stays. */
static slk_err open_compute(slk_node *node, slk_seal_prover *prover, slk_error *error)
{
    const slk_config *config = &node->repo.config;
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    SLK_CLEANUP(slk_freep) char *lock = slk_repo_path(&node->repo, "compute.lock", "");
    if (!lock)
        return no_memory(error);
    SLK_TRY(slk_params_folder(&folder, config->parameters_folder, node->repo.folder, error));
    const slk_compute_options options = {
        .prover = prover,
        .parameters_folder = folder,
        .lock = lock,
        .threads = (unsigned)config->threads,
        .development = config->development,
    };
    SLK_TRY(slk_compute_new(&node->compute, &options, error));
    slk_compute_fill(prover, node->compute);
    return SLK_OK;
}

static slk_err open_prover(slk_node *node, bool tool, slk_error *error)
{
    const slk_config *config = &node->repo.config;
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    SLK_TRY(slk_params_folder(&folder, config->parameters_folder, node->repo.folder, error));
    const slk_prover_options options = {
        .crypto = node->crypto,
        .threads = tool ? 1 : (unsigned)config->threads,
        .parameters_folder = folder,
        .allow_development = config->development,
    };
    return slk_prover_new(&node->prover, &options, error);
}

static slk_err read_addresses(slk_address out[SLK_CONFIG_ADDRESSES_MAX],
                              const slk_config_addresses *list, slk_error *error)
{
    for (size_t i = 0; i < list->n; i++)
        SLK_TRY(slk_address_parse(&out[i], list->text[i], error));
    return SLK_OK;
}

static slk_err open_chain(slk_node *node, bool tool, slk_error *error)
{
    const slk_config *config = &node->repo.config;
    slk_address precommit[SLK_CONFIG_ADDRESSES_MAX], commit[SLK_CONFIG_ADDRESSES_MAX];
    static_assert(SLK_CONFIG_ADDRESSES_MAX <= SLK_CHAIN_OPS_CONTROL_MAX, "every address has room");
    if (!*config->chain_api_info)
        return SLK_OK;
    SLK_TRY(read_addresses(precommit, &config->precommit_control, error));
    SLK_TRY(read_addresses(commit, &config->commit_control, error));
    const slk_chain_ops_options options = {
        .api_info = config->chain_api_info,
        .precommit_max_fee = config->precommit_max_fee,
        .commit_max_fee = config->commit_max_fee,
        .message_max_fee = config->message_max_fee,
        .control = {[SLK_SEAL_PRECOMMIT] = {precommit, config->precommit_control.n},
                    [SLK_SEAL_COMMIT] = {commit, config->commit_control.n}},
        .patient = tool,
        .development = config->development,
    };
    return slk_chain_ops_new(&node->chain, &options, error);
}

static slk_err open_peer(slk_node *node, slk_error *error)
{
    const slk_config *config = &node->repo.config;
    const slk_remote_peer_options options = {
        .ca_file = *config->trusted_certificates ? config->trusted_certificates : NULL,
        .allow_plain_http = config->allow_plain_http,
        .allow_private = config->allow_private || config->development,
        .connections = (unsigned)config->connections,
        .crypto = node->crypto,
    };
    return slk_remote_peer_new(&node->peer, &options, error);
}

static slk_err open_db(slk_node *node, bool tool, slk_error *error)
{
    const slk_config *config = &node->repo.config;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(node->repo.folder, "selkie.db");
    if (!path)
        return no_memory(error);
    const char *where = *config->database_url ? config->database_url : path;
    if (where != path && !slk_db_is_url(where))
        return slk_fail(error, SLK_E_INVAL, "URL in [Database] must begin with postgresql://");
    SLK_TRY(slk_db_open(&node->db, where, (int)config->database_busy_ms, error));
    return tool ? SLK_OK : slk_db_check(node->db, error);
}

/* ---- the heart ---- */

static void fill_proofs(slk_seal_options *options, const slk_config *config)
{
    static const int64_t mainnet[] = {8, 9};
    static const int64_t development[] = {5, 6, 7};
    const int64_t *list = config->seal_proofs.value;
    size_t n = config->seal_proofs.n;
    if (n == 0 && config->development) {
        list = development;
        n = sizeof development / sizeof *development;
    } else if (n == 0) {
        list = mainnet;
        n = sizeof mainnet / sizeof *mainnet;
    }
    static_assert(SLK_CONFIG_NUMBERS_MAX <= SLK_SEAL_MAX_PROOFS, "every number has room");
    memcpy(options->seal_proofs, list, n * sizeof *list);
    options->seal_proofs_n = n;
}

/* Unset: so long as is usual on mainnet; on a development network nobody waits for company. */
static int64_t batch_timeout_ms(const slk_config *config, int64_t set_ms, int64_t usual_ms)
{
    return set_ms > 0 ? set_ms : config->development ? 0 : usual_ms;
}

static void fill_batching(slk_seal_options *options, const slk_config *config)
{
    enum { EPOCH_MS = 30000, HOUR_MS = 3600 * 1000 }; /* source: reference/chain 1.2 */
    options->batching[SLK_SEAL_PRECOMMIT] = (slk_seal_batching){
        .most = (size_t)config->precommit_batch_max,
        .timeout_ms = batch_timeout_ms(config, config->precommit_timeout_ms, 4 * HOUR_MS),
        .slack_epochs = config->precommit_slack_ms / EPOCH_MS,
    };
    options->batching[SLK_SEAL_COMMIT] = (slk_seal_batching){
        .most = (size_t)config->commit_batch_max,
        .timeout_ms = batch_timeout_ms(config, config->commit_timeout_ms, HOUR_MS),
        .slack_epochs = config->commit_slack_ms / EPOCH_MS,
    };
}

static void fill_options(slk_seal_options *options, const slk_node *node, bool tool)
{
    const slk_config *config = &node->repo.config;
    *options = (slk_seal_options){
        .node_name = tool ? "operator" : node->repo.name,
        .provider = node->provider,
        .client = node->client,
        .beside = tool,
        .lease_ms = config->lease_ms,
        .capacity_sectors = (uint64_t)config->capacity_sectors,
        .batch_sectors = (unsigned)config->batch_sectors,
        .batch_wait_ms = config->batch_wait_ms,
        .slot_ms = config->slot_ms,
        .cleanup_timeout_ms = config->cleanup_timeout_ms,
        .keep_row_ms = config->keep_row_ms,
        .poll_ms = config->poll_ms,
        .seed_margin_epochs = config->seed_margin_epochs,
        .ticket_slack_epochs = config->ticket_slack_epochs,
        .chain_poll_ms = config->chain_poll_ms,
        .keep_in_flight = config->keep_in_flight,
        .flow_seal_proof = config->flow_seal_proof,
        .balance_reserve = config->balance_reserve,
        .trial_c1 = config->trial_c1,
        .stall_ms = config->stall_ms,
        .stall_factor = config->stall_factor,
    };
    options->workers[SLK_CLASS_COMPUTE] = (unsigned)config->compute_workers;
    options->workers[SLK_CLASS_SNARK] = (unsigned)config->snark_workers;
    options->workers[SLK_CLASS_TRANSFER] = (unsigned)config->transfer_workers;
    options->workers[SLK_CLASS_CALL] = (unsigned)config->call_workers;
    options->workers[SLK_CLASS_CHAIN] = (unsigned)config->chain_workers;
    fill_proofs(options, config);
    fill_batching(options, config);
}

/* Before the heart there is, nobody waits. */
static void room_changed(void *context)
{
    const slk_node *node = context;
    if (node->seal)
        slk_seal_room_changed(node->seal);
}

/* The heart's computations are done by workers from here on, this node being one of them: tasks are
 * claimed by many threads, most of which wait for workers. */
static slk_err open_farm(slk_node *node, slk_seal_ops *ops, slk_seal_options *options,
                         slk_error *error)
{
    const slk_farm_service_options farm = {.repo = &node->repo,
                                           .db = node->db,
                                           .prover = &ops->prover,
                                           .room_changed = room_changed,
                                           .room_context = node,
                                           .usual_proof = options->seal_proofs[0]};
    SLK_TRY(slk_farm_service_new(&node->farm, &farm, error));
    slk_farm_service_prover(&ops->prover, node->farm);
    options->workers[SLK_CLASS_COMPUTE] = SLK_FARM_COMPUTE_THREADS;
    options->workers[SLK_CLASS_SNARK] = SLK_FARM_SNARK_THREADS;
    return SLK_OK;
}

static slk_err open_seal(slk_node *node, bool tool, slk_error *error)
{
    slk_seal_ops ops = {0};
    if (node->crypto) {
        slk_prover_fill(&ops.prover, node->prover);
        slk_keeper_ops(&ops.keeper, &node->keeper);
        slk_remote_peer_ops(&ops.peer, node->peer);
    }
    if (node->chain)
        slk_chain_ops_fill(&ops.chain, node->chain);
    slk_seal_options options;
    fill_options(&options, node, tool);
    node->scratch_folder = slk_repo_path(&node->repo, "scratch", node->repo.config.scratch_folder);
    node->storage_folder = slk_repo_path(&node->repo, "storage", node->repo.config.storage_folder);
    if (!node->scratch_folder || !node->storage_folder)
        return no_memory(error);
    if (node->provider && !tool)
        SLK_TRY(slk_self_test(options.seal_proofs, &options.seal_proofs_n, &ops.prover, &node->repo,
                              node->crypto, error));
    if (!tool) {
        SLK_TRY(open_compute(node, &ops.prover, error));
        SLK_TRY(open_farm(node, &ops, &options, error));
    }
    options.scratch_folder = node->scratch_folder;
    options.storage_folder = node->storage_folder;
    SLK_TRY(slk_seal_new(&node->seal, node->db, &ops, &options, error));
    if (!node->crypto) /* a view has no key, and wraps nothing */
        return SLK_OK;
    char fingerprint[65];
    slk_keeper_fingerprint(&node->keeper, fingerprint);
    const slk_err code = slk_member_agree(node->db, "secret_key", fingerprint, error);
    if (code == SLK_E_CONFLICT)
        return slk_fail(error, code,
                        "the tokens of the database %s were wrapped with another key: give every "
                        "node that shares it the same secret.key (KeyFile in [Database])",
                        slk_db_name(node->db));
    return code;
}

static slk_err open_into(slk_node *node, const slk_node_options *options, slk_error *error)
{
    SLK_TRY(
        slk_repo_open(&node->repo, options->folder, options->config_file, !options->tool, error));
    SLK_TRY(pick_role(node, options, error));
    if (!options->tool)
        SLK_TRY(check_start(node, error));
    if (!options->view) {
        SLK_TRY(open_crypto(node, error));
        SLK_TRY(open_prover(node, options->tool, error));
        SLK_TRY(open_peer(node, error));
    }
    SLK_TRY(open_chain(node, options->tool, error));
    SLK_TRY(open_db(node, options->tool, error));
    return open_seal(node, options->tool, error);
}

slk_err slk_node_open(slk_node **ret_node, const slk_node_options *options, slk_error *error)
{
    slk_node *node = slk_calloc(1, sizeof *node);
    if (!node)
        return no_memory(error);
    node->repo.lock_fd = -1;
    const slk_err code = open_into(node, options, error);
    if (code != SLK_OK) {
        slk_node_close(node);
        return code;
    }
    *ret_node = node;
    return SLK_OK;
}

void slk_node_close(slk_node *node)
{
    if (!node)
        return;
    slk_farm_service_stop(node->farm);
    slk_seal_free(node->seal);
    slk_farm_service_free(node->farm);
    slk_compute_free(node->compute);
    slk_db_close(node->db);
    slk_remote_peer_free(node->peer);
    slk_chain_ops_free(node->chain);
    slk_prover_free(node->prover);
    slk_keeper_done(&node->keeper);
    slk_crypto_free(node->crypto);
    slk_repo_done(&node->repo);
    slk_free(node->scratch_folder);
    slk_free(node->storage_folder);
    slk_free(node);
}

void slk_node_closep(slk_node **node)
{
    slk_node_close(*node);
    *node = NULL;
}
