/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The node, its network, tipsets and randomness. */
#include "chain/chain_impl.h"

#include "base/clock.h"
#include "base/mem.h"
#include "fil/randomness.h"

#include <stdio.h>
#include <string.h>

#define LEAST_NETWORK_VERSION 25
#define LOOK_TIMEOUT_MS 5000 /* a caller waits for it */
#define STALE_HEAD_S 300 /* 10 epochs of the slowest network */

json_t *slk_chain_json_key(const slk_tipset *tipset)
{
    json_t *key = json_array();
    for (size_t i = 0; tipset != NULL && key != NULL && i < tipset->n_cids; i++) {
        if (json_array_append_new(key, slk_json_new_cid(&tipset->cids[i])) != 0) {
            json_decref(key);
            return NULL;
        }
    }
    return key;
}

json_t *slk_chain_json_address(const slk_address *address)
{
    char text[SLK_ADDRESS_TEXT_CHARS];
    slk_address_print(text, address, 'f');
    return json_string(text);
}

json_t *slk_chain_json_miner(uint64_t miner_id)
{
    slk_address address;
    slk_address_from_id(&address, miner_id);
    return slk_chain_json_address(&address);
}

slk_err slk_chain_read_address(slk_address *ret_address, const json_t *value, const char *what,
                               slk_error *error)
{
    if (!json_is_string(value))
        return slk_fail(error, SLK_E_PROTO, "%s: not an address", what);
    slk_err code = slk_address_parse(ret_address, json_string_value(value), error);
    return code == SLK_OK ? SLK_OK : slk_chain_breach(code, what, error);
}

static slk_err read_tipset(slk_tipset *t, const json_t *value, slk_error *error)
{
    json_t *cids, *blocks;
    uint64_t height;
    SLK_TRY(slk_json_array(&cids, value, "Cids", error));
    SLK_TRY(slk_json_array(&blocks, value, "Blocks", error));
    SLK_TRY(slk_json_u64(&height, value, "Height", error));
    t->height = (int64_t)height;
    t->n_cids = json_array_size(cids);
    if (t->n_cids == 0 || t->n_cids > SLK_TIPSET_MAX_BLOCKS || json_array_size(blocks) == 0)
        return slk_fail(error, SLK_E_INVAL, "a tipset of %zu blocks", t->n_cids);
    for (size_t i = 0; i < t->n_cids; i++)
        SLK_TRY(slk_json_as_cid(&t->cids[i], json_array_get(cids, i), "Cids", error));
    const json_t *block = json_array_get(blocks, 0);
    SLK_TRY(slk_json_i64(&t->timestamp, block, "Timestamp", error));
    return slk_json_bigint(&t->base_fee, block, "ParentBaseFee", error);
}

slk_err slk_chain_read_tipset(slk_tipset *ret_tipset, const json_t *value, slk_error *error)
{
    slk_tipset t = {0};
    slk_err code = read_tipset(&t, value, error);
    if (code != SLK_OK)
        return slk_chain_breach(code, "a tipset question", error);
    *ret_tipset = t;
    return SLK_OK;
}

slk_err slk_tipset_key_cid(slk_cid *ret_cid, const slk_tipset *tipset)
{
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    SLK_CLEANUP(slk_buf_done) slk_buf cbor;
    slk_buf_init(&bytes, SLK_TIPSET_MAX_BLOCKS * SLK_CID_MAX_BYTES);
    slk_buf_init(&cbor, SLK_TIPSET_MAX_BLOCKS * SLK_CID_MAX_BYTES + 16);
    for (size_t i = 0; i < tipset->n_cids; i++)
        SLK_TRY(slk_buf_append(&bytes, tipset->cids[i].bytes, tipset->cids[i].len));
    SLK_TRY(slk_cbor_put_bytes(&cbor, bytes.data, bytes.len));
    slk_cid_of_cbor(ret_cid, cbor.data, cbor.len);
    return SLK_OK;
}

static slk_err ask_tipset(slk_chain *chain, slk_tipset *ret_tipset, const char *method,
                          json_t *params, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_TRY(slk_chain_invoke(chain, &result, method, params, SLK_CHAIN_READ, NULL, error));
    return slk_chain_read_tipset(ret_tipset, result, error);
}

/* Asks every other node for its head and prefers the one that is furthest. */
static void prefer_highest(slk_chain *chain, slk_tipset *head)
{
    size_t first = atomic_load(&chain->preferred);
    for (size_t i = 1; i < chain->n_nodes; i++) {
        size_t node = (first + i) % chain->n_nodes;
        SLK_CLEANUP(slk_json_decrefp) json_t *params = json_array();
        SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
        slk_tipset other;
        slk_error ignored;
        if (params == NULL ||
            slk_chain_ask_node(chain, node, &result, "Filecoin.ChainHead", params,
                               chain->read_timeout_ms, NULL, &ignored) != SLK_OK ||
            slk_chain_read_tipset(&other, result, &ignored) != SLK_OK ||
            other.height <= head->height)
            continue;
        *head = other;
        slk_chain_prefer(chain, node);
    }
}

static bool is_stale(const slk_tipset *head)
{
    return slk_clock_wall_ms() / 1000 - head->timestamp > STALE_HEAD_S;
}

bool slk_chain_is_fresh(slk_chain *chain, size_t node)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *params = json_array();
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    slk_tipset head;
    slk_error ignored;
    const int64_t timeout_ms =
        chain->read_timeout_ms < LOOK_TIMEOUT_MS ? chain->read_timeout_ms : LOOK_TIMEOUT_MS;
    return params != NULL &&
           slk_chain_ask_node(chain, node, &result, "Filecoin.ChainHead", params, timeout_ms, NULL,
                              &ignored) == SLK_OK &&
           slk_chain_read_tipset(&head, result, &ignored) == SLK_OK && !is_stale(&head);
}

slk_err slk_chain_head(slk_chain *chain, slk_tipset *ret_tipset, slk_error *error)
{
    slk_tipset head;
    SLK_TRY(ask_tipset(chain, &head, "ChainHead", json_array(), error));
    if (chain->n_nodes > 1 && is_stale(&head))
        prefer_highest(chain, &head);
    *ret_tipset = head;
    return SLK_OK;
}

slk_err slk_chain_tipset_at(slk_chain *chain, slk_tipset *ret_tipset, int64_t height,
                            const slk_tipset *from, slk_error *error)
{
    return ask_tipset(chain, ret_tipset, "ChainGetTipSetByHeight",
                      json_pack("[I, o]", (json_int_t)height, slk_chain_json_key(from)), error);
}

slk_err slk_chain_tipset_after(slk_chain *chain, slk_tipset *ret_tipset, int64_t height,
                               const slk_tipset *from, slk_error *error)
{
    return ask_tipset(chain, ret_tipset, "ChainGetTipSetAfterHeight",
                      json_pack("[I, o]", (json_int_t)height, slk_chain_json_key(from)), error);
}

static slk_err draw(slk_chain *chain, uint8_t out32[32], const char *method, int64_t tag,
                    uint64_t miner_id, int64_t epoch, const slk_tipset *tipset, slk_error *error)
{
    uint8_t entropy[16];
    size_t n = slk_randomness_entropy(entropy, miner_id);
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    SLK_TRY(slk_chain_invoke(chain, &result, method,
                             json_pack("[I, I, o, o]", (json_int_t)tag, (json_int_t)epoch,
                                       slk_json_new_bytes(entropy, n), slk_chain_json_key(tipset)),
                             SLK_CHAIN_READ, NULL, error));
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, 32);
    slk_err code = slk_json_as_bytes(&bytes, result, "randomness", error);
    if (code == SLK_OK && bytes.len != 32)
        code = slk_fail(error, SLK_E_PROTO, "randomness of %zu bytes", bytes.len);
    if (code != SLK_OK)
        return slk_chain_breach(code, method, error);
    memcpy(out32, bytes.data, 32);
    return SLK_OK;
}

slk_err slk_chain_ticket(slk_chain *chain, uint8_t out32[32], uint64_t miner_id, int64_t epoch,
                         const slk_tipset *tipset, slk_error *error)
{
    slk_tipset head;
    if (tipset == NULL) { /* this method alone refuses an empty key */
        SLK_TRY(slk_chain_head(chain, &head, error));
        tipset = &head;
    }
    return draw(chain, out32, "StateGetRandomnessFromTickets", SLK_TAG_SEAL_RANDOMNESS, miner_id,
                epoch, tipset, error);
}

slk_err slk_chain_seed(slk_chain *chain, uint8_t out32[32], uint64_t miner_id, int64_t epoch,
                       const slk_tipset *tipset, slk_error *error)
{
    return draw(chain, out32, "StateGetRandomnessFromBeacon", SLK_TAG_INTERACTIVE_SEAL_SEED,
                miner_id, epoch, tipset, error);
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static slk_err read_version(slk_network *network, const json_t *value, slk_error *error)
{
    const char *version;
    SLK_TRY(slk_json_string(&version, value, "Version", error));
    SLK_TRY(slk_json_i64(&network->block_delay_s, value, "BlockDelay", error));
    if (network->block_delay_s <= 0)
        return slk_fail(error, SLK_E_INVAL, "BlockDelay: not positive");
    snprintf(network->node_version, sizeof network->node_version, "%s", version);
    return SLK_OK;
}

static slk_err read_name(slk_network *network, const json_t *value, slk_error *error)
{
    const char *name = json_string_value(value);
    if (name == NULL || strlen(name) >= sizeof network->name)
        return slk_fail(error, SLK_E_INVAL, "network name: not a short string");
    snprintf(network->name, sizeof network->name, "%s", name);
    /* Mainnet calls itself "testnetnet" for historical reasons; newer nodes say "mainnet".
     * source: filecoin-project/lotus build/params_mainnet.go and genesis */
    bool mainnet = strcmp(name, "mainnet") == 0 || strcmp(name, "testnetnet") == 0;
    network->address_letter = mainnet ? 'f' : 't';
    network->development =
        starts_with(name, "localnet") || starts_with(name, "devnet") || starts_with(name, "2k");
    return SLK_OK;
}

/* A token without the permission, or no token at all, is no failure here. */
static bool may_sign(slk_chain *chain)
{
    size_t node = atomic_load(&chain->preferred);
    SLK_CLEANUP(slk_json_decrefp)
    json_t *params = json_pack("[s]", chain->nodes[node].info.token);
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    slk_error ignored;
    if (params == NULL || slk_chain_ask_node(chain, node, &result, "Filecoin.AuthVerify", params,
                                             chain->read_timeout_ms, NULL, &ignored) != SLK_OK)
        return false;
    for (size_t i = 0; i < json_array_size(result); i++) {
        const char *permission = json_string_value(json_array_get(result, i));
        if (permission != NULL && strcmp(permission, "sign") == 0)
            return true;
    }
    return false;
}

static slk_err ask(slk_chain *chain, json_t **ret_result, const char *method, json_t *params,
                   slk_error *error)
{
    return slk_chain_invoke(chain, ret_result, method, params, SLK_CHAIN_READ, NULL, error);
}

slk_err slk_chain_network(slk_chain *chain, slk_network *ret_network, slk_error *error)
{
    slk_network network = {0};
    SLK_CLEANUP(slk_json_decrefp) json_t *version = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *name = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *params = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *number = NULL;
    SLK_TRY(ask(chain, &version, "Version", json_array(), error));
    SLK_TRY(ask(chain, &name, "StateNetworkName", json_array(), error));
    SLK_TRY(ask(chain, &params, "StateGetNetworkParams", json_array(), error));
    SLK_TRY(ask(chain, &number, "StateNetworkVersion", json_pack("[[]]"), error));
    slk_err code = read_version(&network, version, error);
    if (code == SLK_OK)
        code = read_name(&network, name, error);
    if (code == SLK_OK)
        code = slk_json_i64(&network.challenge_delay, params, "PreCommitChallengeDelay", error);
    if (code == SLK_OK)
        code = slk_json_as_i64(&network.version, number, "network version", error);
    if (code != SLK_OK)
        return slk_chain_breach(code, "network questions", error);
    if (network.version < LEAST_NETWORK_VERSION)
        return slk_fail(error, SLK_E_UNREACHABLE, "network version %lld, at least %d is needed",
                        (long long)network.version, LEAST_NETWORK_VERSION);
    if (network.challenge_delay <= 0 || network.challenge_delay > 10000)
        return slk_fail(error, SLK_E_PROTO, "PreCommitChallengeDelay %lld makes no sense",
                        (long long)network.challenge_delay);
    network.can_sign = may_sign(chain);
    *ret_network = network;
    return SLK_OK;
}
