/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A node that answers anything. The first byte picks the call, the second what the answers are: even,
 * JSON results within a sound envelope, one a line; odd, whole bodies, with the HTTP status taken from
 * their first byte. The last one is repeated. */
#include "fuzz.h"

#include "base/mem.h"
#include "chain/chain.h"
#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct node {
    bool whole_bodies;
    const char *answers; /* lines */
} node;

static int http_status(char c)
{
    static const int statuses[] = {200, 400, 401, 403, 404, 429, 500, 503};
    return statuses[(unsigned char)c % 8];
}

static slk_err post(void *context, slk_buf *ret_body, int *ret_status, const char *url,
                    const char *token, const char *body, size_t body_bytes, int64_t timeout_ms,
                    slk_error *error)
{
    node *n = context;
    size_t chars = strcspn(n->answers, "\n");
    const char *answer = n->answers;
    SLK_CLEANUP(slk_json_decrefp) json_t *request = NULL;
    int64_t id = 0;
    (void)url, (void)token, (void)timeout_ms, (void)error;
    slk_assert(slk_json_parse(&request, body, body_bytes, body_bytes, NULL) == SLK_OK);
    slk_assert(slk_json_i64(&id, request, "id", NULL) == SLK_OK);
    if (answer[chars])
        n->answers += chars + 1;
    *ret_status = 200;
    if (n->whole_bodies) {
        *ret_status = chars > 0 ? http_status(answer[0]) : 200;
        return slk_buf_append(ret_body, answer + (chars > 0), chars - (chars > 0));
    }
    return slk_buf_printf(ret_body, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":%.*s}",
                          (long long)id, (int)chars, answer);
}

static slk_tipset some_tipset(void)
{
    slk_tipset tipset = {.height = 1000, .n_cids = 1};
    slk_cid_of_cbor(&tipset.cids[0], (const uint8_t *)"x", 1);
    return tipset;
}

static void ask_node(slk_chain *chain, unsigned call)
{
    slk_error e = {0};
    slk_network network;
    slk_tipset t = {0}, from = some_tipset();
    uint8_t out32[32];
    switch (call) {
    case 0:
        if (slk_chain_network(chain, &network, &e) == SLK_OK)
            slk_assert(strlen(network.name) < sizeof network.name);
        return;
    case 1:
        if (slk_chain_head(chain, &t, &e) == SLK_OK)
            slk_assert(t.height >= 0 && t.n_cids >= 1 && t.n_cids <= SLK_TIPSET_MAX_BLOCKS);
        return;
    case 2:
        (void)!slk_chain_tipset_at(chain, &t, 900, &from, &e);
        return;
    case 3:
        (void)!slk_chain_tipset_after(chain, &t, 900, NULL, &e);
        return;
    case 4:
        (void)!slk_chain_ticket(chain, out32, 1000, 900, &from, &e);
        return;
    default:
        (void)!slk_chain_seed(chain, out32, 1000, 900, NULL, &e);
        return;
    }
}

static void ask_miner(slk_chain *chain, unsigned call)
{
    slk_error e = {0};
    slk_miner_info info = {0};
    slk_precommit_info precommit = {0};
    slk_sector_info sector = {0};
    bool found;
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield set = {0};
    slk_precommit row = {.seal_proof = 5, .sector_number = 3, .expiration = 900000};
    slk_bigint amount;
    switch (call) {
    case 0:
        if (slk_chain_miner_info(chain, &info, 1000, NULL, &e) == SLK_OK)
            slk_assert(info.n_control <= SLK_CONTROL_MAX);
        return;
    case 1:
        (void)!slk_chain_allocated(chain, &set, 1000, NULL, &e);
        return;
    case 2:
        (void)!slk_chain_is_allocated(chain, &found, 1000, 3, NULL, &e);
        return;
    case 3:
        (void)!slk_chain_precommit_deposit(chain, &amount, 1000, &row, NULL, &e);
        return;
    case 4:
        (void)!slk_chain_initial_pledge(chain, &amount, 518400, 2048, 0, NULL, &e);
        return;
    case 5:
        (void)!slk_chain_precommit_info(chain, &found, &precommit, 1000, 3, NULL, &e);
        return;
    case 6:
        (void)!slk_chain_sector_info(chain, &found, &sector, 1000, 3, NULL, &e);
        return;
    default:
        (void)!slk_chain_available_balance(chain, &amount, 1000, NULL, &e);
        return;
    }
}

static void ask_account(slk_chain *chain, unsigned call)
{
    slk_error e = {0};
    slk_address address, out;
    slk_bigint amount = {0};
    slk_miner_info info = {.n_control = 1};
    uint64_t nonce;
    bool has;
    slk_address_from_id(&address, 1001);
    info.owner = info.worker = info.control[0] = address;
    switch (call) {
    case 0:
        (void)!slk_chain_wallet_balance(chain, &amount, &address, &e);
        return;
    case 1:
        (void)!slk_chain_wallet_has(chain, &has, &address, &e);
        return;
    case 2:
        (void)!slk_chain_account_key(chain, &out, &address, &e);
        return;
    case 3:
        (void)!slk_chain_lookup_id(chain, &out, &address, &e);
        return;
    case 4:
        (void)!slk_chain_actor(chain, &nonce, &amount, &address, NULL, &e);
        return;
    default:
        (void)!slk_chain_choose_sender(chain, &out, &info, NULL, 0, &amount, &e);
        return;
    }
}

static void ask_message(slk_chain *chain, unsigned call)
{
    slk_error e = {0};
    slk_chain_fault fault;
    SLK_CLEANUP(slk_msg_lookup_done) slk_msg_lookup lookup = {0};
    SLK_CLEANUP(slk_signed_message_done) slk_signed_message landed = {0};
    slk_message message = {.method = 28};
    slk_bigint none = {0};
    slk_tipset from = some_tipset();
    slk_signed_message known = {.signature_type = SLK_SIGNATURE_BLS, .signature_bytes = 96};
    slk_address_from_id(&message.to, 1000);
    slk_address_from_id(&message.from, 1001);
    known.message = message;
    switch (call) {
    case 0:
        (void)!slk_chain_estimate_gas(chain, &message, &none, &fault, &e);
        return;
    case 1:
        (void)!slk_chain_push(chain, &landed, &message, &none, "uuid", &fault, &e);
        return;
    case 2:
        (void)!slk_chain_search(chain, &lookup, &from.cids[0], &from, &fault, &e);
        return;
    default:
        (void)!slk_chain_push_signed(chain, &known, &fault, &e);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    SLK_CLEANUP(slk_freep) char *answers = fuzz_text(data + 2, n - 2);
    node peer = {.whole_bodies = data[1] & 1, .answers = answers};
    slk_chain_transport transport = {.context = &peer, .post = post};
    slk_chain_options options = {.api_info = "token:http://127.0.0.1:1234",
                                 .transport = &transport};
    slk_chain *chain = NULL;
    slk_assert(slk_chain_new(&chain, &options, NULL) == SLK_OK);
    unsigned call = data[0] % 26;
    if (call < 6)
        ask_node(chain, call);
    else if (call < 14)
        ask_miner(chain, call - 6);
    else if (call < 21)
        ask_account(chain, call - 14);
    else
        ask_message(chain, call - 21);
    slk_chain_free(chain);
    return 0;
}
