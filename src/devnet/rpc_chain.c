/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The node, tipsets, randomness. source: reference/chain 3.2 */
#include "devnet/devnet_impl.h"

#include "base/mem.h"
#include "fil/randomness.h"

#include <stdio.h>
#include <string.h>

static int64_t block_delay_s(const slk_devnet *devnet)
{
    return devnet->options.block_delay_ms < 1000 ? 1 : devnet->options.block_delay_ms / 1000;
}

static json_t *version(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    (void)params;
    (void)error;
    return json_pack("{s:s, s:i, s:I, s:s}", "Version", "0.1.0+devnet+selkie", "APIVersion",
                     0x020300, "BlockDelay", (json_int_t)block_delay_s(devnet), "Agent",
                     "selkie-devnet");
}

static json_t *auth_verify(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    const char *token = json_string_value(json_array_get(params, 0));
    unsigned permissions = devnet->options.no_auth ? DEV_PERMISSIONS : 0;
    if (token != NULL && permissions == 0)
        permissions = slk_dev_token_check(devnet, token);
    if (permissions == 0)
        return slk_dev_rpc_fail(error, 1, "JWT Verification failed: jwt: HMAC verification failed");
    json_t *names = json_array();
    for (unsigned bit = 1; bit <= permissions && names != NULL; bit *= 2) {
        if ((permissions & bit) != 0 &&
            json_array_append_new(names, json_string(slk_rpc_permission_word(bit))) != 0) {
            json_decref(names);
            return NULL;
        }
    }
    return names;
}

static json_t *network_name(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    (void)params;
    (void)error;
    return json_string(devnet->network_name);
}

static json_t *network_version(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    if (!slk_dev_rpc_view(devnet, &view, params, 0, error))
        return NULL;
    return json_integer(DEVNET_NETWORK_VERSION);
}

static json_t *network_params(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    (void)params;
    (void)error;
    return json_pack("{s:s, s:I, s:s, s:I, s:{}, s:i, s:I}", "NetworkName", devnet->network_name,
                     "BlockDelaySecs", (json_int_t)block_delay_s(devnet), "ConsensusMinerMinPower",
                     "2048", "PreCommitChallengeDelay", (json_int_t)devnet->options.challenge_delay,
                     "ForkUpgradeParams", "Eip155ChainID", 31415926, "GenesisTimestamp",
                     (json_int_t)devnet->options.genesis_time);
}

static json_t *node_status(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    (void)params;
    (void)error;
    return json_pack("{s:{s:I, s:i}, s:{s:i, s:i}, s:{s:f, s:f}}", "SyncStatus", "Epoch",
                     (json_int_t)slk_dev_head(devnet), "Behind", 0, "PeerStatus",
                     "PeersToPublishMsgs", 0, "PeersToPublishBlocks", 0, "ChainStatus",
                     "BlocksPerTipsetLast100", 1.0, "BlocksPerTipsetLastFinality", 1.0);
}

static json_t *tipset_json(const slk_devnet *devnet, int64_t height)
{
    json_t *value = NULL;
    return slk_dev_block_json(devnet, &value, height) == SLK_OK ? value : NULL;
}

static json_t *sync_state(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    (void)params;
    (void)error;
    int64_t head = slk_dev_head(devnet);
    return json_pack("{s:[{s:i, s:o, s:o, s:i, s:I, s:s, s:s, s:s}], s:i}", "ActiveSyncs",
                     "WorkerID", 1, "Base", tipset_json(devnet, head), "Target",
                     tipset_json(devnet, head), "Stage", 4, "Height", (json_int_t)head, "Start",
                     "0001-01-01T00:00:00Z", "End", "0001-01-01T00:00:00Z", "Message", "",
                     "VMApplied", 0);
}

static json_t *chain_head(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    (void)params;
    (void)error;
    return tipset_json(devnet, slk_dev_head(devnet));
}

static json_t *get_tipset(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t view;
    if (json_array_size(json_array_get(params, 0)) == 0)
        return slk_dev_rpc_fail(error, 1, "NewTipSet called with zero length array of blocks");
    if (!slk_dev_rpc_view(devnet, &view, params, 0, error))
        return NULL;
    return tipset_json(devnet, view);
}

/* Height and view of the two by-height methods. */
static bool height_params(const slk_devnet *devnet, int64_t *ret_height, int64_t *ret_view,
                          const json_t *params, slk_dev_rpc_error *error)
{
    if (!slk_dev_rpc_i64(ret_height, params, 0, error) ||
        !slk_dev_rpc_view(devnet, ret_view, params, 1, error))
        return false;
    if (*ret_height > *ret_view) {
        slk_dev_rpc_fail(
            error, 1,
            "looking for tipset with height greater than start point, req: %lld, head: "
            "%lld",
            (long long)*ret_height, (long long)*ret_view);
        return false;
    }
    if (*ret_height < 0) {
        slk_dev_rpc_fail(error, 1, "negative height");
        return false;
    }
    return true;
}

static json_t *tipset_by_height(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t height, view;
    if (!height_params(devnet, &height, &view, params, error))
        return NULL;
    return tipset_json(devnet, slk_dev_block_at(devnet, height));
}

static json_t *tipset_after_height(slk_devnet *devnet, const json_t *params,
                                   slk_dev_rpc_error *error)
{
    int64_t height, view;
    if (!height_params(devnet, &height, &view, params, error))
        return NULL;
    return tipset_json(devnet, slk_dev_block_after(devnet, height));
}

typedef bool digest_fn(const slk_devnet *devnet, uint8_t out32[32], int64_t epoch, int64_t view);

static json_t *digest(slk_devnet *devnet, const json_t *params, digest_fn *take,
                      slk_dev_rpc_error *error)
{
    int64_t epoch, view;
    uint8_t out[32];
    if (!slk_dev_rpc_i64(&epoch, params, 0, error) ||
        !slk_dev_rpc_view(devnet, &view, params, 1, error))
        return NULL;
    if (!take(devnet, out, epoch, view))
        return slk_dev_rpc_fail(error, 1, "cannot draw randomness from the future");
    return slk_json_new_bytes(out, 32);
}

static json_t *digest_tickets(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    return digest(devnet, params, slk_dev_ticket_digest, error);
}

static json_t *digest_beacon(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    return digest(devnet, params, slk_dev_beacon_digest, error);
}

static json_t *draw(slk_devnet *devnet, const json_t *params, digest_fn *take,
                    slk_dev_rpc_error *error)
{
    int64_t tag, epoch, view;
    uint8_t base[32], out[32];
    SLK_CLEANUP(slk_buf_done) slk_buf entropy;
    slk_buf_init(&entropy, 1024);
    if (!slk_dev_rpc_i64(&tag, params, 0, error) || !slk_dev_rpc_i64(&epoch, params, 1, error))
        return NULL;
    slk_error why = {0};
    const json_t *text = json_array_get(params, 2);
    if (!json_is_null(text) && slk_json_as_bytes(&entropy, text, "entropy", &why) != SLK_OK)
        return slk_dev_rpc_fail(error, -32700, "unmarshaling params: %s", why.message);
    if (!slk_dev_rpc_view(devnet, &view, params, 3, error))
        return NULL;
    if (!take(devnet, base, epoch, view))
        return slk_dev_rpc_fail(error, 1,
                                "getting randomness: cannot draw randomness from the future");
    slk_randomness_draw(out, base, tag, epoch, (const uint8_t *)slk_buf_str(&entropy), entropy.len);
    return slk_json_new_bytes(out, 32);
}

static json_t *draw_tickets(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    if (json_array_size(json_array_get(params, 3)) == 0)
        return slk_dev_rpc_fail(error, 1,
                                "loading tipset key: NewTipSet called with zero length array "
                                "of blocks");
    return draw(devnet, params, slk_dev_ticket_digest, error);
}

static json_t *draw_beacon(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    return draw(devnet, params, slk_dev_beacon_digest, error);
}

/* A name of this chain in UUID form, the same for its whole life. */
static json_t *session(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    char text[37];
    uint8_t r[16];
    (void)params;
    (void)error;
    slk_dev_expand(devnet, "session", 0, r, sizeof r);
    snprintf(text, sizeof text,
             "%02x%02x%02x%02x-%02x%02x-4%x%02x-a%x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2],
             r[3], r[4], r[5], r[6] & 15, r[7], r[8] & 15, r[9], r[10], r[11], r[12], r[13], r[14],
             r[15]);
    return json_string(text);
}

static json_t *beacon_entry(slk_devnet *devnet, const json_t *params, slk_dev_rpc_error *error)
{
    int64_t epoch;
    uint8_t data[48];
    if (!slk_dev_rpc_i64(&epoch, params, 0, error))
        return NULL;
    if (epoch < 0 || epoch > slk_dev_head(devnet))
        return slk_dev_rpc_fail(error, 1, "no beacon entry for this epoch");
    slk_dev_expand(devnet, "beacon", epoch, data, sizeof data);
    return json_pack("{s:I, s:o}", "Round", (json_int_t)epoch, "Data",
                     slk_json_new_bytes(data, sizeof data));
}

const slk_dev_rpc_method slk_dev_rpc_chain_methods[] = {
    {"Filecoin.Session", SLK_RPC_READ, 0, session},
    {"Filecoin.StateGetBeaconEntry", SLK_RPC_READ, 1, beacon_entry},
    {"Filecoin.Version", SLK_RPC_READ, 0, version},
    {"Filecoin.AuthVerify", SLK_RPC_READ, 1, auth_verify},
    {"Filecoin.StateNetworkName", SLK_RPC_READ, 0, network_name},
    {"Filecoin.StateNetworkVersion", SLK_RPC_READ, 1, network_version},
    {"Filecoin.StateGetNetworkParams", SLK_RPC_READ, 0, network_params},
    {"Filecoin.NodeStatus", SLK_RPC_READ, 1, node_status},
    {"Filecoin.SyncState", SLK_RPC_READ, 0, sync_state},
    {"Filecoin.ChainHead", SLK_RPC_READ, 0, chain_head},
    {"Filecoin.ChainGetTipSet", SLK_RPC_READ, 1, get_tipset},
    {"Filecoin.ChainGetTipSetByHeight", SLK_RPC_READ, 2, tipset_by_height},
    {"Filecoin.ChainGetTipSetAfterHeight", SLK_RPC_READ, 2, tipset_after_height},
    {"Filecoin.StateGetRandomnessFromTickets", SLK_RPC_READ, 4, draw_tickets},
    {"Filecoin.StateGetRandomnessFromBeacon", SLK_RPC_READ, 4, draw_beacon},
    {"Filecoin.StateGetRandomnessDigestFromTickets", SLK_RPC_READ, 2, digest_tickets},
    {"Filecoin.StateGetRandomnessDigestFromBeacon", SLK_RPC_READ, 2, digest_beacon},
    {NULL, 0, 0, NULL},
};
