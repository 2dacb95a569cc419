/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tipsets of one block, with headers whose CIDs are true. source: reference/chain 1.3, 1.4, 4.1 */
#include "devnet/devnet_impl.h"

#include "base/mem.h"
#include "base/num.h"
#include "crypto/blake2b/blake2b.h"

#include <string.h>

#define BEACON_BYTES 48u
#define MS_PER_SECOND 1000

int64_t slk_dev_head(const slk_devnet *devnet)
{
    return slk_dev_block_at(devnet, (int64_t)devnet->n_tipsets - 1);
}

static void cid_of_digest(slk_cid *ret_cid, const uint8_t digest32[32])
{
    slk_cid_make(ret_cid, SLK_CODEC_DAG_CBOR, SLK_HASH_BLAKE2B_256, digest32, 32);
}

void slk_dev_block_cid(slk_cid *ret_cid, const slk_dev_tipset *tipset)
{
    cid_of_digest(ret_cid, tipset->digest);
}

static slk_err fill_beacons(const slk_devnet *devnet, slk_dev_header *h, int64_t first)
{
    h->n_beacons = (size_t)(h->height - first + 1);
    h->beacons = slk_calloc(h->n_beacons, sizeof *h->beacons);
    if (h->beacons == NULL)
        return SLK_E_NOMEM;
    for (size_t i = 0; i < h->n_beacons; i++) {
        slk_dev_beacon *b = &h->beacons[i];
        b->round = slk_u64(first) + i;
        b->data_bytes = BEACON_BYTES;
        slk_dev_expand(devnet, "beacon", (int64_t)b->round, b->data, BEACON_BYTES);
    }
    return SLK_OK;
}

/* The caller frees ret_header->beacons. */
static slk_err header_of(const slk_devnet *devnet, slk_dev_header *ret_header,
                         const slk_dev_tipset *tipset, int64_t height)
{
    static const uint8_t empty_list[] = {0x80};
    slk_dev_header h = {.miner = DEVNET_FIRST_MINER,
                        .weight = slk_u64(height),
                        .height = height,
                        .timestamp = slk_u64(tipset->timestamp),
                        .fork = tipset->fork};
    slk_cid_of_cbor(&h.state_root, empty_list, 1);
    h.receipts = h.state_root;
    cid_of_digest(&h.messages, tipset->messages_digest);
    if (tipset->parent >= 0)
        cid_of_digest(&h.parent, devnet->tipsets[tipset->parent].digest);
    slk_dev_expand(devnet, "ticket", height, h.ticket, sizeof h.ticket);
    slk_dev_expand(devnet, "election", height, h.election, sizeof h.election);
    slk_dev_expand(devnet, "aggregate", height, h.aggregate, sizeof h.aggregate);
    slk_dev_expand(devnet, "signature", height, h.signature, sizeof h.signature);
    SLK_TRY(fill_beacons(devnet, &h, tipset->parent + 1));
    *ret_header = h;
    return SLK_OK;
}

static slk_err put_signature(slk_buf *out, const uint8_t signature[DEV_VRF_BYTES])
{
    uint8_t bytes[1 + DEV_VRF_BYTES] = {SLK_SIGNATURE_BLS};
    memcpy(bytes + 1, signature, DEV_VRF_BYTES);
    return slk_cbor_put_bytes(out, bytes, sizeof bytes);
}

static slk_err put_proofs(slk_buf *out, const slk_dev_header *h)
{
    SLK_TRY(slk_cbor_put_array(out, 1));
    SLK_TRY(slk_cbor_put_bytes(out, h->ticket, DEV_VRF_BYTES));
    SLK_TRY(slk_cbor_put_array(out, 2));
    SLK_TRY(slk_cbor_put_int(out, 1)); /* WinCount */
    SLK_TRY(slk_cbor_put_bytes(out, h->election, DEV_VRF_BYTES));
    SLK_TRY(slk_cbor_put_array(out, h->n_beacons));
    for (size_t i = 0; i < h->n_beacons; i++) {
        const slk_dev_beacon *b = &h->beacons[i];
        SLK_TRY(slk_cbor_put_array(out, 2));
        SLK_TRY(slk_cbor_put_uint(out, b->round));
        SLK_TRY(slk_cbor_put_bytes(out, b->data, b->data_bytes));
    }
    return slk_cbor_put_array(out, 0); /* WinPoStProof */
}

slk_err slk_dev_header_to_cbor(slk_buf *out, const slk_dev_header *h)
{
    slk_address miner;
    slk_bigint weight = slk_bigint_from_u64(h->weight);
    slk_bigint base_fee = slk_bigint_from_u64(DEVNET_BASE_FEE);
    slk_address_from_id(&miner, h->miner);
    SLK_TRY(slk_cbor_put_array(out, 16));
    SLK_TRY(slk_address_put_cbor(out, &miner));
    SLK_TRY(put_proofs(out, h));
    SLK_TRY(slk_cbor_put_array(out, slk_cid_defined(&h->parent) ? 1 : 0));
    if (slk_cid_defined(&h->parent))
        SLK_TRY(slk_cbor_put_cid(out, &h->parent));
    SLK_TRY(slk_cbor_put_bigint(out, &weight));
    SLK_TRY(slk_cbor_put_int(out, h->height));
    SLK_TRY(slk_cbor_put_cid(out, &h->state_root));
    SLK_TRY(slk_cbor_put_cid(out, &h->receipts));
    SLK_TRY(slk_cbor_put_cid(out, &h->messages));
    SLK_TRY(put_signature(out, h->aggregate));
    SLK_TRY(slk_cbor_put_uint(out, h->timestamp));
    SLK_TRY(put_signature(out, h->signature));
    SLK_TRY(slk_cbor_put_uint(out, h->fork));
    return slk_cbor_put_bigint(out, &base_fee);
}

static slk_err digest_of(const slk_devnet *devnet, slk_dev_tipset *tipset, int64_t height)
{
    slk_dev_header h;
    SLK_CLEANUP(slk_buf_done) slk_buf cbor;
    slk_buf_init(&cbor, (size_t)64 << 20); /* beacon entries of many null rounds */
    SLK_TRY(header_of(devnet, &h, tipset, height));
    slk_err code = slk_dev_header_to_cbor(&cbor, &h);
    slk_free(h.beacons);
    SLK_TRY(code);
    slk_blake2b_of(tipset->digest, 32, cbor.data, cbor.len);
    return SLK_OK;
}

slk_err slk_dev_block_append(slk_devnet *devnet, bool null_round, uint64_t seq_before,
                             const uint8_t messages_digest[32])
{
    SLK_TRY(DEV_GROW(devnet->tipsets, devnet->n_tipsets, devnet->tipsets_capacity));
    int64_t height = (int64_t)devnet->n_tipsets;
    int64_t ms = devnet->options.genesis_time * MS_PER_SECOND +
                 height * devnet->options.block_delay_ms + devnet->time_offset_ms;
    slk_dev_tipset t = {
        .null_round = null_round,
        .fork = devnet->forks,
        .parent = height == 0 ? -1 : slk_dev_head(devnet),
        .seq_before = seq_before,
        .timestamp = ms / MS_PER_SECOND,
    };
    memcpy(t.messages_digest, messages_digest, 32);
    if (!null_round)
        SLK_TRY(digest_of(devnet, &t, height));
    devnet->tipsets[devnet->n_tipsets++] = t;
    return SLK_OK;
}

static json_t *beacons_json(const slk_dev_header *h)
{
    json_t *entries = json_array();
    for (size_t i = 0; i < h->n_beacons && entries != NULL; i++) {
        const slk_dev_beacon *b = &h->beacons[i];
        json_t *entry = json_pack("{s:I, s:o}", "Round", (json_int_t)b->round, "Data",
                                  slk_json_new_bytes(b->data, b->data_bytes));
        if (json_array_append_new(entries, entry) != 0) {
            json_decref(entries);
            return NULL;
        }
    }
    return entries;
}

static json_t *header_json(const slk_dev_header *h)
{
    slk_bigint weight = slk_bigint_from_u64(h->weight);
    slk_bigint base_fee = slk_bigint_from_u64(DEVNET_BASE_FEE);
    json_t *parents =
        slk_cid_defined(&h->parent) ? json_pack("[o]", slk_json_new_cid(&h->parent)) : json_array();
    return json_pack(
        "{s:o, s:{s:o}, s:{s:i, s:o}, s:o, s:[], s:o, s:o, s:I, s:o, s:o, s:o, s:{s:i, s:o}, s:I, "
        "s:{s:i, s:o}, s:I, s:o}",
        "Miner", slk_dev_rpc_id_json(h->miner), "Ticket", "VRFProof",
        slk_json_new_bytes(h->ticket, DEV_VRF_BYTES), "ElectionProof", "WinCount", 1, "VRFProof",
        slk_json_new_bytes(h->election, DEV_VRF_BYTES), "BeaconEntries", beacons_json(h),
        "WinPoStProof", "Parents", parents, "ParentWeight", slk_json_new_bigint(&weight), "Height",
        (json_int_t)h->height, "ParentStateRoot", slk_json_new_cid(&h->state_root),
        "ParentMessageReceipts", slk_json_new_cid(&h->receipts), "Messages",
        slk_json_new_cid(&h->messages), "BLSAggregate", "Type", 2, "Data",
        slk_json_new_bytes(h->aggregate, DEV_VRF_BYTES), "Timestamp", (json_int_t)h->timestamp,
        "BlockSig", "Type", 2, "Data", slk_json_new_bytes(h->signature, DEV_VRF_BYTES),
        "ForkSignaling", (json_int_t)h->fork, "ParentBaseFee", slk_json_new_bigint(&base_fee));
}

json_t *slk_dev_block_key_json(const slk_devnet *devnet, int64_t height)
{
    slk_cid cid;
    slk_dev_block_cid(&cid, &devnet->tipsets[height]);
    return json_pack("[o]", slk_json_new_cid(&cid));
}

slk_err slk_dev_block_json(const slk_devnet *devnet, json_t **ret, int64_t height)
{
    slk_dev_header h;
    SLK_TRY(header_of(devnet, &h, &devnet->tipsets[height], height));
    json_t *value = json_pack("{s:o, s:[o], s:I}", "Cids", slk_dev_block_key_json(devnet, height),
                              "Blocks", header_json(&h), "Height", (json_int_t)height);
    slk_free(h.beacons);
    if (value == NULL)
        return SLK_E_NOMEM;
    *ret = value;
    return SLK_OK;
}

slk_err slk_dev_block_by_key(const slk_devnet *devnet, int64_t *ret_height, const json_t *key,
                             slk_error *error)
{
    if (json_array_size(key) == 0 && (json_is_null(key) || json_is_array(key))) {
        *ret_height = slk_dev_head(devnet);
        return SLK_OK;
    }
    slk_cid cid, ours;
    if (json_array_size(key) != 1)
        return slk_fail(error, SLK_E_NOTFOUND, "tipset key is not one of this chain");
    SLK_TRY(slk_json_as_cid(&cid, json_array_get(key, 0), "tipset key", error));
    for (int64_t h = (int64_t)devnet->n_tipsets - 1; h >= 0; h--) {
        if (devnet->tipsets[h].null_round)
            continue;
        slk_dev_block_cid(&ours, &devnet->tipsets[h]);
        if (slk_cid_equal(&cid, &ours)) {
            *ret_height = h;
            return SLK_OK;
        }
    }
    char text[SLK_CID_TEXT_CHARS];
    slk_cid_print(text, &cid);
    return slk_fail(error, SLK_E_NOTFOUND, "loading tipset: ipld: could not find %s", text);
}

int64_t slk_dev_block_at(const slk_devnet *devnet, int64_t height)
{
    int64_t h = height;
    while (h > 0 && devnet->tipsets[h].null_round)
        h--;
    return h;
}

int64_t slk_dev_block_after(const slk_devnet *devnet, int64_t height)
{
    for (int64_t h = height < 0 ? 0 : height; h < (int64_t)devnet->n_tipsets; h++)
        if (!devnet->tipsets[h].null_round)
            return h;
    return -1;
}

bool slk_dev_ticket_digest(const slk_devnet *devnet, uint8_t out32[32], int64_t epoch, int64_t view)
{
    uint8_t vrf[DEV_VRF_BYTES];
    int64_t h = slk_dev_block_after(devnet, epoch);
    if (epoch > view || h < 0)
        return false;
    slk_dev_expand(devnet, "ticket", h, vrf, sizeof vrf);
    slk_blake2b_of(out32, 32, vrf, sizeof vrf);
    return true;
}

bool slk_dev_beacon_digest(const slk_devnet *devnet, uint8_t out32[32], int64_t epoch, int64_t view)
{
    uint8_t data[BEACON_BYTES];
    if (epoch > view)
        return false;
    slk_dev_expand(devnet, "beacon", epoch < 0 ? 0 : epoch, data, sizeof data);
    slk_blake2b_of(out32, 32, data, sizeof data);
    return true;
}
