/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Vectors of the chain, its JSON-RPC, its log. The scenarios of a sector are in scenario_test.c. */
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "codec/json.h"
#include "devnet/devnet_impl.h"
#include "devnet/testnet_test.h"
#include "fil/randomness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MINER 1000u

static void headers_match_the_vector(void **state)
{
    (void)state;
    /* source: reference/chain 4.1 */
    slk_dev_beacon beacon = {.round = 5, .data_bytes = 96};
    slk_dev_header h = {
        .miner = 1000, .beacons = &beacon, .n_beacons = 1, .height = 5, .timestamp = 1700000020};
    slk_cid cid;
    char text[SLK_CID_TEXT_CHARS];
    memset(h.ticket, 1, 96);
    memset(h.election, 2, 96);
    memset(beacon.data, 3, 96);
    memset(h.aggregate, 4, 96);
    memset(h.signature, 5, 96);
    assert_int_equal(slk_cid_parse(&h.parent,
                                   "bafy2bzacedhapc5ww4ui47olfy5uvdxvurw5tnuaxd43vosbmf6vmgvxuijjc",
                                   NULL),
                     SLK_OK);
    h.state_root = h.receipts = h.messages = h.parent;
    SLK_CLEANUP(slk_buf_done) slk_buf cbor;
    slk_buf_init(&cbor, 4096);
    assert_int_equal(slk_dev_header_to_cbor(&cbor, &h), SLK_OK);
    assert_int_equal(cbor.len, 688);
    slk_cid_of_cbor(&cid, cbor.data, cbor.len);
    slk_cid_print(text, &cid);
    assert_string_equal(text, "bafy2bzaced3fi7tuhobyph6yx77uf2kme3oseo2foh7dlkaom3ty2pevkx3iq");
    uint8_t empty_list[] = {0x80};
    slk_cid_of_cbor(&cid, empty_list, 1);
    slk_cid_print(text, &cid);
    assert_string_equal(text, "bafy2bzacebc3bt6cedhoyw34drrmjvazhu4oj25er2ebk4u445pzycvq4ta4a");
}

static void assert_randomness(const uint8_t got[32], const char *hex)
{
    char text[65];
    slk_hex_encode(text, got, 32);
    assert_string_equal(text, hex);
}

static void randomness_matches_the_vectors(void **state)
{
    (void)state;
    testnet net;
    uint8_t r[32];
    slk_error error = {0};
    testnet_open(&net, NULL);
    /* source: reference/chain 4.2, seed of zeros */
    assert_int_equal(slk_chain_ticket(net.chain, r, 1000, 100, NULL, &error), SLK_OK);
    assert_randomness(r, "4c98b6c78e1d29bad1a455f84c43193e55139e8d75e66b8d7c1bbc12b316b29c");
    assert_int_equal(slk_chain_ticket(net.chain, r, 1000, -800, NULL, &error), SLK_OK);
    assert_randomness(r, "33c7959f1e7fce10814b88d51e9eb390414ce14c5989726088bf6d414ec13c66");
    assert_int_equal(slk_chain_seed(net.chain, r, 1000, 260, NULL, &error), SLK_OK);
    assert_randomness(r, "267f8388a0fc000c7bbe854fc165edd785cb4ce4afb7b577739d2c44c7b31d3e");
    assert_int_equal(slk_chain_seed(net.chain, r, 1000, 1001, NULL, &error), SLK_E_BUSY);
    assert_non_null(strstr(error.message, "from the future"));
    testnet_close(&net);
}

static void null_rounds_shift_tickets_but_not_beacons(void **state)
{
    (void)state;
    testnet net;
    uint8_t ticket[32], after[32], seed[32], again[32];
    slk_tipset t;
    testnet_open(&net, NULL);
    testnet_control(&net, "Devnet.NullRounds", "[3]"); /* 1001, 1002, 1003 */
    assert_int_equal(slk_devnet_height(net.devnet), 1000);
    assert_int_equal(testnet_control(&net, "Devnet.Advance", "[5]"), 1008);
    assert_int_equal(slk_chain_tipset_at(net.chain, &t, 1002, NULL, NULL), SLK_OK);
    assert_int_equal(t.height, 1000);
    assert_int_equal(slk_chain_tipset_after(net.chain, &t, 1002, NULL, NULL), SLK_OK);
    assert_int_equal(t.height, 1004);
    /* Same digest, other epoch: recompute the draw from block 1004's ticket. */
    uint8_t vrf[96], digest[32], entropy[16], expected[32];
    size_t n = slk_randomness_entropy(entropy, 1000);
    slk_dev_expand(net.devnet, "ticket", 1004, vrf, sizeof vrf);
    assert_true(slk_dev_ticket_digest(net.devnet, digest, 1002, 1008));
    assert_true(slk_dev_ticket_digest(net.devnet, after, 1004, 1008));
    assert_memory_equal(digest, after, 32);
    slk_randomness_draw(expected, digest, 5, 1002, entropy, n);
    assert_int_equal(slk_chain_ticket(net.chain, ticket, 1000, 1002, NULL, NULL), SLK_OK);
    assert_memory_equal(ticket, expected, 32);
    assert_true(slk_dev_beacon_digest(net.devnet, seed, 1002, 1008));
    assert_true(slk_dev_beacon_digest(net.devnet, again, 1004, 1008));
    assert_memory_not_equal(seed, again, 32);
    testnet_close(&net);
}

static void assert_answer(testnet *net, const char *authorization, const char *request, int status,
                          const char *fragment)
{
    SLK_CLEANUP(slk_buf_done) slk_buf body;
    slk_buf_init(&body, 1u << 20);
    int got = testnet_post(net, &body, authorization, request);
    if (got != status || strstr(slk_buf_str(&body), fragment) == NULL)
        print_error("%s -> %d %s\n", request, got, slk_buf_str(&body));
    assert_int_equal(got, status);
    assert_non_null(strstr(slk_buf_str(&body), fragment));
    if (fragment[0] == 0)
        assert_int_equal(body.len, 0);
}

/* source: reference/chain 3.1 */
static void json_rpc_answers_as_lotus_does(void **state)
{
    (void)state;
    testnet net;
    testnet_open(&net, NULL);
    assert_answer(&net, NULL, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Filecoin.Nope\"}", 500,
                  "\"code\":-32601,\"message\":\"method 'Filecoin.Nope' not found\"");
    assert_answer(&net, NULL,
                  "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"Filecoin.ChainHead\",\"params\":"
                  "[1]}",
                  500,
                  "\"id\":\"x\",\"error\":{\"code\":-32602,\"message\":\"wrong param count (method "
                  "'Filecoin.ChainHead'): 1 != 0\"");
    assert_answer(&net, NULL, "{", 500, "\"id\":null,\"error\":{\"code\":-32700");
    assert_answer(&net, NULL, "", 400, "-32600");
    assert_answer(&net, NULL, "{\"id\":1}", 400, "-32600");
    assert_answer(&net, NULL, "{\"id\":1,\"method\":\"Filecoin.WalletHas\",\"params\":[\"f01\"]}",
                  200, "missing permission to invoke 'WalletHas' (need 'write')");
    assert_answer(&net, NULL, "{\"method\":\"Filecoin.Version\"}", 200, "");
    assert_answer(&net, "Bearer nonsense", "{\"id\":1,\"method\":\"Filecoin.Version\"}", 401, "");
    assert_answer(&net, "nonsense", "{\"id\":1,\"method\":\"Filecoin.Version\"}", 401, "");
    assert_answer(&net, NULL,
                  "[{\"id\":1,\"method\":\"Filecoin.StateNetworkName\",\"params\":null},"
                  "{\"method\":\"Filecoin.Version\"},{\"id\":2,\"method\":\"Filecoin.Nope\"}]",
                  200, "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"localnet-selkie\"},");
    assert_answer(&net, NULL,
                  "{\"id\":1,\"method\":\"Filecoin.StateLookupID\",\"params\":[\"f077\",[]]}", 200,
                  "\"code\":1,\"message\":\"actor not found\"");
    assert_answer(&net, NULL, "{\"id\":1,\"method\":\"Filecoin.StateMinerInfo\",\"params\":[7,[]]}",
                  500, "-32700");
    assert_answer(&net, NULL,
                  "{\"id\":1,\"method\":\"Filecoin.StateGetRandomnessFromTickets\",\"params\":"
                  "[5,1,\"\",[]]}",
                  200, "zero length array");
    assert_answer(&net, NULL,
                  "{\"id\":1,\"method\":\"Filecoin.StateMinerInfo\",\"params\":[\"f01000\",[]]}",
                  200, "\"WindowPoStProofType\":10");
    static const char *const reads[] = {"StateMinerPower\",\"params\":[\"f01000\",[]]",
                                        "StateMinerProvingDeadline\",\"params\":[\"f01000\",[]]",
                                        "Session\"",
                                        "StateGetBeaconEntry\",\"params\":[5]",
                                        "NodeStatus\",\"params\":[false]",
                                        "SyncState\"",
                                        "StateListMiners\",\"params\":[[]]",
                                        "MpoolPending\",\"params\":[null]"};
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        char request[200];
        snprintf(request, sizeof request, "{\"id\":1,\"method\":\"Filecoin.%s}", reads[i]);
        assert_answer(&net, NULL, request, 200, "\"result\":");
    }
    testnet_close(&net);
}

static void the_client_sees_the_network(void **state)
{
    (void)state;
    testnet net;
    slk_network network;
    slk_error error = {0};
    testnet_open(&net, NULL);
    assert_int_equal(slk_chain_network(net.chain, &network, &error), SLK_OK);
    assert_string_equal(network.name, "localnet-selkie");
    assert_true(network.development && network.can_sign);
    assert_int_equal(network.challenge_delay, 10);
    assert_int_equal(network.version, 28);
    assert_int_equal(network.address_letter, 't');
    slk_tipset head, same;
    assert_int_equal(slk_chain_head(net.chain, &head, &error), SLK_OK);
    assert_int_equal(head.height, 1000);
    assert_int_equal(slk_chain_tipset_at(net.chain, &same, 1000, &head, &error), SLK_OK);
    assert_true(slk_cid_equal(&head.cids[0], &same.cids[0]));
    slk_cid key_cid;
    assert_int_equal(slk_tipset_key_cid(&key_cid, &head), SLK_OK);
    slk_miner_info info;
    slk_address from;
    slk_bigint need = slk_bigint_from_u64(1), much;
    assert_int_equal(slk_chain_miner_info(net.chain, &info, 1000, NULL, &error), SLK_OK);
    assert_int_equal(info.sector_bytes, 2048);
    assert_int_equal(slk_chain_choose_sender(net.chain, &from, &info, NULL, 0, &need, &error),
                     SLK_OK);
    assert_int_equal(from.bytes[0], 3);
    assert_int_equal(slk_bigint_parse(&much, "100000000000000000000000000"), SLK_OK);
    assert_int_equal(
        slk_chain_choose_sender(net.chain, &from, &info, &info.worker, 1, &much, &error),
        SLK_E_NOTFOUND);
    assert_non_null(strstr(error.message, "attoFIL of the 100000000000000000000000000 needed"));
    slk_bigint balance, none = {{1}};
    assert_int_equal(slk_chain_sender_balance(net.chain, &balance, &info, NULL, 0, &error), SLK_OK);
    assert_true(slk_bigint_cmp(&balance, &need) > 0 && slk_bigint_cmp(&balance, &much) < 0);
    slk_miner_info other =
        info; /* a miner whose worker is its owner: info's worker is a stranger there */
    slk_address owner_key, worker_key;
    other.worker = other.owner;
    assert_int_equal(slk_chain_account_key(net.chain, &owner_key, &info.owner, &error), SLK_OK);
    assert_int_equal(slk_chain_account_key(net.chain, &worker_key, &info.worker, &error), SLK_OK);
    assert_int_equal(
        slk_chain_choose_sender(net.chain, &from, &other, &info.worker, 1, &need, &error), SLK_OK);
    assert_true(slk_address_equal(&from, &owner_key));
    other.control[other.n_control++] = info.worker; /* until it is a control address */
    assert_int_equal(
        slk_chain_choose_sender(net.chain, &from, &other, &worker_key, 1, &need, &error), SLK_OK);
    assert_true(slk_address_equal(&from, &worker_key));
    slk_miner_info odd = info;
    slk_address_from_id(&odd.worker, MINER); /* an actor without a key, as a multisig is */
    odd.owner = odd.worker;
    assert_int_equal(slk_chain_choose_sender(net.chain, &from, &odd, NULL, 0, &need, &error),
                     SLK_E_NOTFOUND);
    assert_non_null(strstr(error.message, "no key of its own"));
    assert_int_equal(slk_chain_sender_balance(net.chain, &none, &odd, NULL, 0, &error), SLK_OK);
    assert_true(slk_bigint_is_zero(&none));
    assert_int_equal(slk_chain_miner_info(net.chain, &info, 77, NULL, &error), SLK_E_NOTFOUND);
    net.token_override = "bad";
    assert_int_equal(slk_chain_head(net.chain, &head, &error), SLK_E_AUTH);
    assert_null(strstr(error.message, "bad"));
    testnet_close(&net);
}

static void signatures_are_real(void **state)
{
    (void)state;
    testnet net;
    slk_address key, derived;
    uint8_t secret[32];
    testnet_open(&net, NULL);
    slk_signed_message m = {.signature_type = SLK_SIGNATURE_BLS, .signature_bytes = 96};
    slk_dev_key_derive(net.devnet, 1002, secret, &derived);
    slk_address worker;
    slk_address_from_id(&worker, 1002);
    assert_int_equal(slk_chain_account_key(net.chain, &key, &worker, NULL), SLK_OK);
    assert_true(slk_address_equal(&key, &derived));
    m.message.from = key;
    slk_address_from_id(&m.message.to, 1000);
    slk_cid cid;
    assert_int_equal(slk_message_cid(&cid, &m.message), SLK_OK);
    slk_dev_key_sign(secret, cid.bytes, cid.len, m.signature);
    assert_true(slk_dev_key_verify(&m));
    m.message.nonce++;
    assert_false(slk_dev_key_verify(&m));
    m.message.nonce--;
    m.signature[5] ^= 1;
    assert_false(slk_dev_key_verify(&m));
    testnet_close(&net);
}

static void a_torn_log_resumes_the_same_chain(void **state)
{
    (void)state;
    testnet net;
    slk_tipset before, after;
    char path[96];
    uint64_t bytes;
    const slk_devnet_options options = {.clock = SLK_DEVNET_MANUAL, .initial_height = 50};
    testnet_open(&net, &options);
    testnet_control(&net, "Devnet.Fund", "[\"f01002\",\"5\"]");
    testnet_control(&net, "Devnet.NullRounds", "[2]");
    testnet_control(&net, "Devnet.Advance", "[7]");
    testnet_control(&net, "Devnet.CreateMiner", "[8388608]");
    testnet_control(&net, "Devnet.Reorg", "[3,\"reinclude\"]");
    assert_int_equal(slk_chain_head(net.chain, &before, NULL), SLK_OK);
    testnet_reopen(&net);
    assert_int_equal(slk_chain_head(net.chain, &after, NULL), SLK_OK);
    assert_int_equal(before.height, after.height);
    assert_true(slk_cid_equal(&before.cids[0], &after.cids[0]));
    snprintf(path, sizeof path, "%s/chain.log", net.folder);
    assert_int_equal(slk_file_size(&bytes, path, NULL), SLK_OK);
    /* The last record is the clock of the reopening; cut into the one before it, byte by byte. */
    for (uint64_t cut = 1; cut < 25; cut++) {
        slk_chain_free(net.chain);
        slk_devnet_close(net.devnet);
        net.chain = NULL;
        net.devnet = NULL;
        uint64_t now;
        assert_int_equal(slk_file_size(&now, path, NULL), SLK_OK);
        assert_int_equal(truncate(path, (off_t)now - 1), 0);
        net.options.initial_height = 0;
        testnet_reopen(&net);
        assert_int_equal(slk_chain_head(net.chain, &after, NULL), SLK_OK);
        assert_int_equal(after.height, before.height);
        assert_true(slk_cid_equal(&before.cids[0], &after.cids[0]));
    }
    testnet_close(&net);
}

static void a_damaged_or_foreign_log_is_refused(void **state)
{
    (void)state;
    testnet net;
    char path[96];
    slk_error error = {0};
    slk_devnet *devnet = NULL;
    const slk_devnet_verifier verifier = {0};
    testnet_open(&net, NULL);
    assert_int_equal(slk_devnet_open(&devnet, &net.options, &verifier, &error), SLK_E_BUSY);
    slk_devnet_options other = net.options;
    slk_chain_free(net.chain);
    slk_devnet_close(net.devnet);
    other.sector_bytes = 8u << 20;
    assert_int_equal(slk_devnet_open(&devnet, &other, &verifier, &error), SLK_E_CONFLICT);
    snprintf(path, sizeof path, "%s/chain.log", net.folder);
    int fd;
    assert_int_equal(slk_file_open_rw(&fd, path, NULL), SLK_OK);
    assert_int_equal(slk_file_write_at(fd, "X", 1, 40, path, NULL), SLK_OK);
    close(fd);
    assert_int_equal(slk_devnet_open(&devnet, &net.options, &verifier, &error), SLK_E_CORRUPT);
    assert_int_equal(slk_remove_tree(net.folder, NULL), SLK_OK);
}

static void realtime_makes_epochs_and_stops(void **state)
{
    (void)state;
    testnet net;
    const slk_devnet_options options = {
        .clock = SLK_DEVNET_REALTIME, .block_delay_ms = 50, .genesis_time = 1};
    testnet_open(&net, &options);
    /* A clock far ahead of the chain: run catches up as fast as it can until told to stop. */
    atomic_bool stop = true;
    assert_int_equal(slk_devnet_run(net.devnet, &stop, NULL), SLK_OK);
    assert_int_equal(slk_devnet_height(net.devnet), 0);
    testnet_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_match_the_vector),
        cmocka_unit_test(randomness_matches_the_vectors),
        cmocka_unit_test(null_rounds_shift_tickets_but_not_beacons),
        cmocka_unit_test(json_rpc_answers_as_lotus_does),
        cmocka_unit_test(the_client_sees_the_network),
        cmocka_unit_test(signatures_are_real),
        cmocka_unit_test(a_torn_log_resumes_the_same_chain),
        cmocka_unit_test(a_damaged_or_foreign_log_is_refused),
        cmocka_unit_test(realtime_makes_epochs_and_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
