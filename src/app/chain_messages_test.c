/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages to a chain in this process, through two nodes of it that can be switched off. */
#include "app/amount.h"
#include "app/chain_ops.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "codec/json.h"
#include "devnet/devnet.h"
#include "fil/commcid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINER 1000u

typedef struct net {
    char folder[64];
    slk_devnet *devnet;
    slk_chain_ops *ops;
    slk_seal_chain chain;
    slk_chain *direct; /* for the test itself, never down */
    bool down[2];
    bool keyless[2]; /* the node's wallet is empty */
    unsigned answers_lost; /* the call takes effect, its node goes away */
} net;

static slk_err verify_seal(void *context, bool *ret_valid, const slk_devnet_seal *seal,
                           slk_error *error)
{
    (void)context;
    (void)error;
    *ret_valid = seal->proof_bytes == 192 && seal->proof[0] == (uint8_t)seal->sector_number;
    return SLK_OK;
}

static slk_err comm_d(void *context, uint8_t out32[32], int64_t seal_proof,
                      const slk_devnet_piece *pieces, size_t n_pieces, slk_error *error)
{
    (void)context;
    (void)seal_proof;
    (void)pieces;
    (void)n_pieces;
    (void)error;
    memset(out32, 7, 32);
    return SLK_OK;
}

static slk_err post(void *context, slk_buf *ret_body, int *ret_status, const char *url,
                    const char *token, const char *body, size_t body_bytes, int64_t timeout_ms,
                    slk_error *error)
{
    net *n = context;
    (void)timeout_ms;
    const bool direct = strstr(url, "//direct") != NULL;
    const size_t node = strstr(url, "//two") != NULL;
    if (!direct && n->down[node])
        return slk_fail(error, SLK_E_UNREACHABLE, "connection refused");
    const char *id = strstr(body, "\"id\":");
    if (!direct && n->keyless[node] && id && strstr(body, "Filecoin.WalletHas")) {
        *ret_status = 200;
        return slk_buf_printf(ret_body, "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":false}",
                              strtol(id + 5, NULL, 10));
    }
    SLK_CLEANUP(slk_freep) char *authorization = slk_strf("Bearer %s", token);
    const slk_devnet_request request = {.method = "POST",
                                        .path = "/rpc/v1",
                                        .authorization = authorization,
                                        .body = body,
                                        .body_bytes = body_bytes};
    SLK_TRY(slk_devnet_handle(n->devnet, ret_status, ret_body, &request, error));
    if (n->answers_lost == 0 || !strstr(body, "MpoolPushMessage"))
        return SLK_OK;
    n->answers_lost--;
    n->down[node] = true;
    return slk_fail(error, SLK_E_TIMEOUT, "no answer in time");
}

/* Who sends, as the tests have it: the devnet's miner has owner and worker, and no more. */
#define OWNER 1001u
#define WORKER 1002u

static void open_ops_with(net *n, const char *precommit_max_fee, const char *message_max_fee,
                          const slk_address *precommit_control, size_t n_control)
{
    char token[300], info[1000];
    slk_devnet_admin_token(n->devnet, token, sizeof token);
    const slk_chain_transport transport = {.context = n, .post = post};
    (void)snprintf(info, sizeof info, "%s:http://one:1,%s:http://two:2", token, token);
    const slk_chain_ops_options options = {
        .api_info = info,
        .precommit_max_fee = precommit_max_fee,
        .commit_max_fee = "30000000000000000",
        .message_max_fee = message_max_fee,
        .control = {[SLK_SEAL_PRECOMMIT] = {precommit_control, n_control}},
        .transport = &transport,
        .development = true};
    slk_chain_ops_free(n->ops);
    assert_int_equal(slk_chain_ops_new(&n->ops, &options, NULL), SLK_OK);
    slk_chain_ops_fill(&n->chain, n->ops);
    if (n->direct)
        return;
    (void)snprintf(info, sizeof info, "%s:http://direct:3", token);
    const slk_chain_options direct = {.api_info = info, .transport = &transport};
    assert_int_equal(slk_chain_new(&n->direct, &direct, NULL), SLK_OK);
}

static void open_ops(net *n, const char *precommit_max_fee, const char *message_max_fee)
{
    open_ops_with(n, precommit_max_fee, message_max_fee, NULL, 0);
}

static int make(void **state)
{
    net *n = calloc(1, sizeof *n);
    assert_non_null(n);
    (void)snprintf(n->folder, sizeof n->folder, "/tmp/slk-messages-XXXXXX");
    assert_non_null(mkdtemp(n->folder));
    const slk_devnet_options options = {
        .folder = n->folder, .clock = SLK_DEVNET_MANUAL, .initial_height = 1000};
    const slk_devnet_verifier verifier = {
        .context = n, .verify_seal = verify_seal, .comm_d = comm_d};
    assert_int_equal(slk_devnet_open(&n->devnet, &options, &verifier, NULL), SLK_OK);
    open_ops(n, "20000000000000000", "0");
    *state = n;
    return 0;
}

static int unmake(void **state)
{
    net *n = *state;
    slk_chain_ops_free(n->ops);
    slk_chain_free(n->direct);
    slk_devnet_close(n->devnet);
    assert_int_equal(slk_remove_tree(n->folder, NULL), SLK_OK);
    free(n);
    return 0;
}

static void advance(net *n, uint64_t epochs)
{
    assert_int_equal(slk_devnet_advance(n->devnet, epochs, false, NULL), SLK_OK);
}

/* ---- messages ---- */

typedef struct call {
    slk_seal_message message;
    slk_buf params;
    char value[SLK_SEAL_ATTO_CHARS];
    char uuid[SLK_UUID_CHARS];
    char node[SLK_SEAL_NODE_CHARS];
} call;

static void call_done(call *c)
{
    slk_buf_done(&c->params);
}

static void call_init(call *c, net *n, slk_seal_message_kind kind, size_t sectors)
{
    slk_uuid_random(c->uuid);
    c->message = (slk_seal_message){.kind = kind,
                                    .sp_id = MINER,
                                    .sectors = sectors,
                                    .params = c->params.data,
                                    .params_bytes = c->params.len,
                                    .value = c->value,
                                    .uuid = c->uuid,
                                    .node = c->node};
    assert_int_equal(n->chain.choose_node(n->chain.ctx, c->node, &c->message, NULL), SLK_OK);
}

static void precommit(call *c, net *n, uint64_t first, size_t sectors)
{
    slk_precommit list[8];
    const uint8_t comm_r[32] = {1};
    const int64_t head = slk_devnet_height(n->devnet);
    *c = (call){0};
    slk_buf_init(&c->params, 65536);
    for (size_t i = 0; i < sectors; i++) {
        list[i] = (slk_precommit){.seal_proof = 5,
                                  .sector_number = first + i,
                                  .seal_rand_epoch = head - 900,
                                  .expiration = head + 3600000};
        slk_comm_r_cid(&list[i].sealed_cid, comm_r);
    }
    assert_int_equal(slk_precommit_params_encode(&c->params, list, sectors), SLK_OK);
    call_init(c, n, SLK_SEAL_PRECOMMIT, sectors);
}

/* The proof of sector `bad` is wrong. */
static void commit(call *c, net *n, uint64_t first, size_t sectors, uint64_t bad)
{
    static uint8_t proofs[8][192];
    slk_sector_activation list[8];
    slk_bytes_view views[8];
    *c = (call){0};
    slk_buf_init(&c->params, 65536);
    for (size_t i = 0; i < sectors; i++) {
        proofs[i][0] = (uint8_t)(first + i + (first + i == bad));
        list[i] = (slk_sector_activation){.sector_number = first + i};
        views[i] = (slk_bytes_view){proofs[i], 192};
    }
    const slk_prove_commit prove = {
        .sectors = list, .n_sectors = sectors, .proofs = views, .n_proofs = sectors};
    assert_int_equal(slk_prove_commit_params_encode(&c->params, &prove), SLK_OK);
    call_init(c, n, SLK_SEAL_COMMIT, sectors);
}

static slk_err price(net *n, call *c, slk_error *error)
{
    return n->chain.price(n->chain.ctx, c->value, &c->message, error);
}

static slk_err rehearse(net *n, call *c, slk_error *error)
{
    bool executes = false;
    return n->chain.rehearse(n->chain.ctx, &executes, &c->message, error);
}

static slk_seal_sent send(net *n, call *c)
{
    slk_seal_sent sent = {0};
    slk_error error = {0};
    if (price(n, c, &error) != SLK_OK || rehearse(n, c, &error) != SLK_OK ||
        n->chain.send(n->chain.ctx, &sent, &c->message, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return sent;
}

static slk_seal_landing search(net *n, const char *cid)
{
    slk_seal_landing landing = {0};
    assert_int_equal(n->chain.search(n->chain.ctx, &landing, cid, NULL), SLK_OK);
    return landing;
}

static void land_precommits(net *n, uint64_t first, size_t sectors)
{
    SLK_CLEANUP(call_done) call c;
    precommit(&c, n, first, sectors);
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent sent = send(n, &c);
    advance(n, 12);
    const slk_seal_landing landing = search(n, sent.message_cid);
    assert_int_equal(landing.kind, SLK_SEAL_LANDED);
    assert_int_equal(landing.exit_code, 0);
}

/* ---- tests ---- */

static void several_in_one_message(void **state)
{
    net *n = *state;
    slk_seal_precommit_info info = {0};
    slk_seal_sector_info sector = {0};
    SLK_CLEANUP(call_done) call c;
    precommit(&c, n, 0, 3);
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent sent = send(n, &c);
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent again = {0};
    assert_int_equal(n->chain.send(n->chain.ctx, &again, &c.message, NULL), SLK_OK);
    assert_string_equal(sent.message_cid, again.message_cid);
    assert_string_equal(sent.value, "396000000000000000");
    assert_int_equal(search(n, sent.message_cid).kind, SLK_SEAL_PENDING);
    advance(n, 12);
    const slk_seal_landing landing = search(n, sent.message_cid);
    assert_int_equal(landing.kind, SLK_SEAL_LANDED);
    assert_true(landing.gas_used > 0);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(n->chain.precommit_info(n->chain.ctx, &info, MINER, i, NULL), SLK_OK);
        assert_true(info.found);
        assert_string_equal(info.deposit, "120000000000000000");
    }
    SLK_CLEANUP(call_done) call d;
    commit(&d, n, 0, 3, 1);
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent proven = send(n, &d);
    assert_string_equal(proven.value, "300000000000000000"); /* three times 0.22 - 0.12 */
    advance(n, 12);
    const slk_seal_landing one_bad = search(n, proven.message_cid);
    assert_int_equal(one_bad.exit_code, 0);
    slk_batch_return result = {0};
    assert_int_equal(
        slk_batch_return_decode(&result, one_bad.return_value, one_bad.return_bytes, NULL), SLK_OK);
    assert_int_equal(result.success_count, 2);
    assert_int_equal(slk_batch_return_exit_of(&result, 1), 16);
    slk_batch_return_done(&result);
    assert_int_equal(n->chain.sector_info(n->chain.ctx, &sector, MINER, 1, NULL), SLK_OK);
    assert_false(sector.found);
    assert_int_equal(n->chain.sector_info(n->chain.ctx, &sector, MINER, 2, NULL), SLK_OK);
    assert_true(sector.found);
    assert_string_equal(sector.pledge, "200000000000000000");
}

static slk_address key_of(net *n, uint64_t id)
{
    slk_address address, key;
    slk_address_from_id(&address, id);
    assert_int_equal(slk_chain_account_key(n->direct, &key, &address, NULL), SLK_OK);
    return key;
}

static void expect_sender(net *n, const slk_seal_sent *sent, uint64_t id)
{
    char text[SLK_ADDRESS_TEXT_CHARS];
    const slk_address key = key_of(n, id);
    slk_address_print(text, &key, 't');
    SLK_CLEANUP(slk_json_decrefp) json_t *json = json_loads(sent->signed_json, 0, NULL);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(json, "Message"), "From")), text);
}

static void precommit_is_sent_by(net *n, uint64_t number, uint64_t id)
{
    SLK_CLEANUP(call_done) call c;
    precommit(&c, n, number, 1);
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent sent = send(n, &c);
    expect_sender(n, &sent, id);
    advance(n, 12);
    assert_int_equal(search(n, sent.message_cid).exit_code, 0);
}

static void control_addresses_send_first(void **state)
{
    net *n = *state;
    slk_address control[2];
    precommit_is_sent_by(n, 0, WORKER);
    slk_address_from_id(&control[0], OWNER);
    open_ops_with(n, "20000000000000000", "0", control, 1);
    precommit_is_sent_by(n, 1, OWNER);
    control[0] = key_of(n, OWNER); /* the same by its key */
    open_ops_with(n, "20000000000000000", "0", control, 1);
    precommit_is_sent_by(n, 2, OWNER);
    SLK_CLEANUP(call_done) call d;
    commit(&d, n, 1, 1, 0); /* the other kind has its own */
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent proven = send(n, &d);
    expect_sender(n, &proven, WORKER);
    /* One that does not control the miner is passed by, as is an address that nobody has. */
    slk_address_from_id(&control[0], 99);
    slk_address_from_bls_key(&control[1], (const uint8_t[48]){9});
    open_ops_with(n, "20000000000000000", "0", control, 2);
    precommit_is_sent_by(n, 3, WORKER);
}

/* A control address that cannot pay leaves it to the worker. */
static void the_worker_stands_in(void **state)
{
    net *n = *state;
    slk_address owner, worker;
    slk_bigint has, more;
    SLK_CLEANUP(slk_json_decrefp) json_t *result = NULL;
    slk_address_from_id(&owner, OWNER);
    slk_address_from_id(&worker, WORKER);
    assert_int_equal(slk_chain_wallet_balance(n->direct, &has, &owner, NULL), SLK_OK);
    assert_int_equal(slk_bigint_mul_u64(&more, &has, 3), SLK_OK);
    char text[SLK_BIGINT_TEXT_CHARS];
    slk_bigint_print(text, &more);
    SLK_CLEANUP(slk_json_decrefp) json_t *params = json_pack("[s,s]", "f01002", text);
    assert_int_equal(slk_chain_call(n->direct, &result, "Devnet.Fund", params, false, NULL, NULL),
                     SLK_OK);
    advance(n, 2);
    open_ops_with(n, "20000000000000000", "0", &owner, 1);
    SLK_CLEANUP(call_done) call c;
    precommit(&c, n, 0, 1);
    slk_bigint_print(c.value, &has); /* and gas comes on top */
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent sent = {0};
    assert_int_equal(n->chain.choose_node(n->chain.ctx, c.node, &c.message, NULL), SLK_OK);
    assert_int_equal(n->chain.send(n->chain.ctx, &sent, &c.message, NULL), SLK_OK);
    expect_sender(n, &sent, WORKER);
    /* What the next sectors may cost is judged by who pays for both messages. */
    slk_seal_funds funds = {0};
    slk_bigint said;
    assert_int_equal(n->chain.funds(n->chain.ctx, &funds, MINER, 5, NULL), SLK_OK);
    assert_int_equal(slk_bigint_parse(&said, funds.sender_balance), SLK_OK);
    assert_true(slk_bigint_cmp(&said, &more) >= 0);
}

static void refusals_have_codes(void **state)
{
    net *n = *state;
    slk_error error = {0};
    land_precommits(n, 0, 1);
    SLK_CLEANUP(call_done) call taken, fine, early;
    precommit(&taken, n, 0, 2);
    assert_int_equal(price(n, &taken, NULL), SLK_OK);
    assert_int_equal(rehearse(n, &taken, &error), SLK_E_CONFLICT);
    assert_non_null(strstr(error.message, "exit 16"));
    commit(&early, n, 5, 1, 0); /* never pre-committed */
    assert_int_equal(price(n, &early, &error), SLK_E_CONFLICT);
    assert_non_null(strstr(error.message, "sector 5"));
    precommit(&fine, n, 1, 2);
    (void)snprintf(fine.value, sizeof fine.value, "900000000000000000000000000");
    assert_int_equal(rehearse(n, &fine, &error), SLK_E_LIMIT);
    assert_non_null(strstr(error.message, "no sender can pay"));
    assert_non_null(strstr(error.message, "attoFIL of the 9000000"));
}

/* Gas for a sector, for all of a message, or for one message whatever is in it. */
static void gas_above_the_cap_waits(void **state)
{
    net *n = *state;
    slk_error error = {0};
    SLK_CLEANUP(call_done) call c;
    precommit(&c, n, 0, 3);
    assert_int_equal(price(n, &c, NULL), SLK_OK);
    open_ops(n, "1000", "0");
    assert_int_equal(rehearse(n, &c, &error), SLK_E_LIMIT);
    assert_non_null(strstr(error.message, "above the cap of 3000"));
    open_ops(n, "20000000000000000", "500");
    assert_int_equal(rehearse(n, &c, &error), SLK_E_LIMIT);
    assert_non_null(strstr(error.message, "above the cap of 500"));
    open_ops(n, "0", "0"); /* the node's own */
    assert_int_equal(rehearse(n, &c, &error), SLK_OK);
}

/* The node takes the message and goes away: it is found in the other's pool by what it says. */
static void lost_answer(void **state)
{
    net *n = *state;
    slk_error error = {0};
    bool found = true, asked = false;
    SLK_CLEANUP(call_done) call c, other;
    precommit(&c, n, 0, 2);
    precommit(&other, n, 0, 1);
    assert_string_equal(c.node, "one:1");
    assert_int_equal(price(n, &c, NULL), SLK_OK);
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent sent = {0};
    assert_int_equal(n->chain.find_pending(n->chain.ctx, &found, &asked, &sent, &c.message, NULL),
                     SLK_OK);
    assert_false(found);
    assert_true(asked);
    n->answers_lost = 1;
    assert_int_equal(n->chain.send(n->chain.ctx, &sent, &c.message, &error), SLK_E_TIMEOUT);
    /* Never to the other one, which does not know the uuid. */
    assert_int_equal(n->chain.send(n->chain.ctx, &sent, &c.message, &error), SLK_E_UNREACHABLE);
    assert_int_equal(
        n->chain.find_pending(n->chain.ctx, &found, &asked, &sent, &other.message, NULL), SLK_OK);
    assert_false(found);
    assert_int_equal(n->chain.find_pending(n->chain.ctx, &found, &asked, &sent, &c.message, NULL),
                     SLK_OK);
    assert_true(found);
    assert_false(asked); /* "one" is away */
    assert_string_equal(sent.value, "264000000000000000");
    assert_int_equal(n->chain.push_again(n->chain.ctx, sent.signed_json, &error), SLK_OK);
    char node[SLK_SEAL_NODE_CHARS];
    assert_int_equal(n->chain.choose_node(n->chain.ctx, node, &other.message, NULL), SLK_OK);
    assert_string_equal(node, "two:2");
    advance(n, 12);
    assert_int_equal(search(n, sent.message_cid).kind, SLK_SEAL_LANDED);
    n->down[1] = true;
    assert_int_equal(n->chain.find_pending(n->chain.ctx, &found, &asked, &sent, &c.message, &error),
                     SLK_E_UNREACHABLE);
    n->down[0] = n->down[1] = false;
    (void)snprintf(c.node, sizeof c.node, "gone:3"); /* taken out of the configuration */
    assert_int_equal(n->chain.send(n->chain.ctx, &sent, &c.message, &error), SLK_E_UNREACHABLE);
    assert_non_null(strstr(error.message, "gone:3"));
}

/* The sender is sought in the wallet of the node that gets the message. */
static void the_wallet_that_can_pay(void **state)
{
    net *n = *state;
    slk_error error = {0};
    n->keyless[0] = true;
    SLK_CLEANUP(call_done) call c;
    precommit(&c, n, 0, 1);
    assert_string_equal(c.node, "two:2");
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent sent = send(n, &c);
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent higher = {0};
    assert_int_equal(
        n->chain.raise_fee(n->chain.ctx, &higher, SLK_SEAL_PRECOMMIT, 1, sent.signed_json, &error),
        SLK_OK);
    (void)snprintf(c.node, sizeof c.node, "one:1");
    slk_seal_sent none = {0};
    assert_int_equal(n->chain.send(n->chain.ctx, &none, &c.message, &error), SLK_E_LIMIT);
    n->keyless[1] = true;
    assert_int_equal(n->chain.choose_node(n->chain.ctx, c.node, &c.message, &error), SLK_E_LIMIT);
    assert_non_null(strstr(error.message, "no sender can pay"));
    n->down[0] = true; /* whoever does not answer hides nobody's poverty */
    assert_int_equal(n->chain.choose_node(n->chain.ctx, c.node, &c.message, &error), SLK_E_LIMIT);
}

/* Behind another message of its sender a higher fee helps nothing, and however long the message is
 * stuck the fee stays near the usual one. */
static void fees_are_raised_within_reason(void **state)
{
    net *n = *state;
    slk_error error = {0};
    open_ops(n, "0", "0"); /* no cap of ours */
    SLK_CLEANUP(call_done) call first, second;
    precommit(&first, n, 0, 1);
    precommit(&second, n, 1, 1);
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent sent = send(n, &first);
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent behind = send(n, &second);
    slk_seal_sent none = {0};
    assert_int_equal(
        n->chain.raise_fee(n->chain.ctx, &none, SLK_SEAL_PRECOMMIT, 1, behind.signed_json, &error),
        SLK_E_CONFLICT);
    assert_non_null(strstr(error.message, "nonce is 1"));
    unsigned raised = 0;
    slk_err code = SLK_OK;
    for (; raised < 50 && code == SLK_OK; raised++) {
        slk_seal_sent higher = {0};
        code = n->chain.raise_fee(n->chain.ctx, &higher, SLK_SEAL_PRECOMMIT, 1, sent.signed_json,
                                  &error);
        if (code == SLK_OK) {
            slk_seal_sent_done(&sent);
            sent = higher;
        }
    }
    assert_int_equal(code, SLK_E_LIMIT);
    if (raised < 3 || raised > 12)
        fail_msg("after %u: %s", raised, error.message);
}

/* A higher fee, the same nonce; the old message and the new one both lead to what landed. */
static void fee_is_raised(void **state)
{
    net *n = *state;
    slk_error error = {0};
    SLK_CLEANUP(call_done) call c;
    precommit(&c, n, 0, 2);
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent sent = send(n, &c);
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent higher = {0};
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent none = {0};
    open_ops(n, "1000", "0");
    assert_int_equal(
        n->chain.raise_fee(n->chain.ctx, &none, SLK_SEAL_PRECOMMIT, 2, sent.signed_json, &error),
        SLK_E_LIMIT);
    assert_non_null(strstr(error.message, "cap"));
    open_ops(n, "20000000000000000", "0");
    assert_int_equal(
        n->chain.raise_fee(n->chain.ctx, &higher, SLK_SEAL_PRECOMMIT, 2, sent.signed_json, &error),
        SLK_OK);
    assert_string_not_equal(higher.message_cid, sent.message_cid);
    assert_string_equal(higher.value, sent.value);
    assert_int_equal(n->chain.push_again(n->chain.ctx, higher.signed_json, &error), SLK_OK);
    assert_int_equal(n->chain.push_again(n->chain.ctx, higher.signed_json, &error), SLK_OK);
    advance(n, 12);
    assert_int_equal(search(n, sent.message_cid).kind, SLK_SEAL_LANDED);
    assert_int_equal(search(n, higher.message_cid).kind, SLK_SEAL_LANDED);
    assert_int_equal(search(n, higher.message_cid).exit_code, 0);
    uint64_t nonce = 0;
    slk_miner_info info;
    slk_bigint balance;
    assert_int_equal(slk_chain_miner_info(n->direct, &info, MINER, NULL, NULL), SLK_OK);
    assert_int_equal(slk_chain_actor(n->direct, &nonce, &balance, &info.worker, NULL, NULL),
                     SLK_OK);
    assert_int_equal(nonce, 1); /* one message, not two */
}

static void amounts_as_people_read_them(void **state)
{
    (void)state;
    static const struct {
        const char *atto, *fil;
    } rows[] = {
        {"360000000000000000", "0.36 FIL"},
        {"1", "0.000000000000000001 FIL"},
        {"0", "0 FIL"},
        {"2000000000000000000", "2 FIL"},
        {"12345678901234567890", "12.34567890123456789 FIL"},
        {"", ""},
        {"1x", ""},
        {"-1", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[SLK_FIL_CHARS];
        slk_fil_format(out, rows[i].atto);
        assert_string_equal(out, rows[i].fil);
    }
}

static void spans_and_paces_as_people_read_them(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } spans[] = {{-5, "0 s"},
                 {59999, "59 s"},
                 {60000, "1 min"},
                 {3600000, "1 h 0 min"},
                 {86399999, "23 h 59 min"},
                 {97200000, "1 d 3 h"}};
    static const struct {
        double rate;
        int64_t total;
        const char *text;
    } paces[] = {{5, 100, "5 %/s"}, {1, 3000, "2 %/min"}, {1, 1000000, "0.4 %/h"},
                 {0, 100, ""},      {-1, 100, ""},        {1, 0, ""}};
    char out[SLK_SPAN_CHARS];
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        slk_span_format(out, spans[i].ms);
        assert_string_equal(out, spans[i].text);
    }
    for (size_t i = 0; i < sizeof paces / sizeof *paces; i++) {
        slk_pace_format(out, paces[i].rate, paces[i].total);
        assert_string_equal(out, paces[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(several_in_one_message, make, unmake),
        cmocka_unit_test_setup_teardown(control_addresses_send_first, make, unmake),
        cmocka_unit_test_setup_teardown(the_worker_stands_in, make, unmake),
        cmocka_unit_test_setup_teardown(refusals_have_codes, make, unmake),
        cmocka_unit_test_setup_teardown(gas_above_the_cap_waits, make, unmake),
        cmocka_unit_test_setup_teardown(lost_answer, make, unmake),
        cmocka_unit_test_setup_teardown(the_wallet_that_can_pay, make, unmake),
        cmocka_unit_test_setup_teardown(fee_is_raised, make, unmake),
        cmocka_unit_test_setup_teardown(fees_are_raised_within_reason, make, unmake),
        cmocka_unit_test(amounts_as_people_read_them),
        cmocka_unit_test(spans_and_paces_as_people_read_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
