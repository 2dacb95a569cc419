/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The life of sectors on the chain, seen through the client. source: reference/chain 4.6 */
#include "base/mem.h"
#include "base/uuid.h"
#include "devnet/testnet_test.h"
#include "fil/commcid.h"
#include "fil/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define MINER 1000u
#define SEAL_PROOF 5

static slk_address worker_key(testnet *net)
{
    slk_address id, key = {0};
    slk_address_from_id(&id, 1002);
    assert_int_equal(slk_chain_account_key(net->chain, &key, &id, NULL), SLK_OK);
    return key;
}

static slk_precommit precommit(uint64_t number, int64_t ticket_epoch)
{
    slk_precommit p = {
        .seal_proof = SEAL_PROOF, .sector_number = number, .seal_rand_epoch = ticket_epoch};
    slk_seal_proof proof;
    uint8_t comm_r[32] = {1};
    assert_int_equal(slk_seal_proof_registered(&proof, SEAL_PROOF, NULL), SLK_OK);
    p.expiration = slk_policy_expiration(&proof, ticket_epoch, 0, 10);
    slk_comm_r_cid(&p.sealed_cid, comm_r);
    return p;
}

/* A message of the worker to the miner; the caller releases it. */
static slk_message message(testnet *net, uint64_t method, const slk_buf *params)
{
    slk_message m = {.method = method, .value = slk_bigint_from_u64(1000)};
    slk_address_from_id(&m.to, MINER);
    m.from = worker_key(net);
    assert_int_equal(slk_message_set_params(&m, params->data, params->len), SLK_OK);
    return m;
}

static slk_message precommit_message(testnet *net, const slk_precommit *sectors, size_t n)
{
    SLK_CLEANUP(slk_buf_done) slk_buf params;
    slk_buf_init(&params, 65536);
    assert_int_equal(slk_precommit_params_encode(&params, sectors, n), SLK_OK);
    return message(net, SLK_METHOD_PRE_COMMIT_SECTOR_BATCH2, &params);
}

typedef struct prove_options {
    uint64_t bad_proof; /* this sector's proof is corrupted; 0 none */
    const slk_piece_activation *piece; /* of every sector */
    bool require;
} prove_options;

static slk_message prove_message(testnet *net, const uint64_t *numbers, size_t n,
                                 prove_options options)
{
    uint8_t proofs[8][192];
    slk_bytes_view views[8];
    slk_sector_activation sectors[8];
    SLK_CLEANUP(slk_buf_done) slk_buf params;
    slk_buf_init(&params, 65536);
    for (size_t i = 0; i < n; i++) {
        uint8_t fill = (uint8_t)(numbers[i] + 1 + (numbers[i] == options.bad_proof));
        memset(proofs[i], fill, 192);
        views[i] = (slk_bytes_view){proofs[i], 192};
        sectors[i] = (slk_sector_activation){numbers[i], options.piece, options.piece != NULL};
    }
    const slk_prove_commit p = {.sectors = sectors,
                                .n_sectors = n,
                                .proofs = views,
                                .n_proofs = n,
                                .require_activation_success = options.require};
    assert_int_equal(slk_prove_commit_params_encode(&params, &p), SLK_OK);
    return message(net, SLK_METHOD_PROVE_COMMIT_SECTORS3, &params);
}

static slk_err push(testnet *net, slk_signed_message *ret_signed, slk_message *m,
                    slk_chain_fault *fault, slk_error *error)
{
    char uuid[SLK_UUID_CHARS];
    slk_bigint max_fee = slk_bigint_from_u64(20000000000000000);
    slk_uuid_random(uuid);
    slk_err code = slk_chain_push(net->chain, ret_signed, m, &max_fee, uuid, fault, error);
    slk_message_done(m);
    return code;
}

static int64_t height(testnet *net)
{
    return slk_devnet_height(net->devnet);
}

/* Pushes, makes one epoch to include and one to see it; the caller releases the lookup. */
static slk_msg_lookup run(testnet *net, slk_message m)
{
    slk_signed_message pushed = {0};
    slk_msg_lookup lookup = {0};
    slk_error error = {0};
    slk_cid cid;
    slk_err code = push(net, &pushed, &m, NULL, &error);
    if (code != SLK_OK)
        print_error("%s\n", error.message);
    assert_int_equal(code, SLK_OK);
    testnet_control(net, "Devnet.Advance", "[2]");
    assert_int_equal(slk_signed_message_cid(&cid, &pushed), SLK_OK);
    assert_int_equal(slk_chain_search(net->chain, &lookup, &cid, NULL, NULL, &error), SLK_OK);
    assert_true(lookup.found);
    assert_true(slk_cid_equal(&lookup.message, &cid));
    slk_signed_message_done(&pushed);
    return lookup;
}

static int64_t run_exit(testnet *net, slk_message m)
{
    slk_msg_lookup lookup = run(net, m);
    int64_t exit_code = lookup.exit_code;
    slk_msg_lookup_done(&lookup);
    return exit_code;
}

/* The exit code with which the dry run refuses m, or 0. */
static int64_t refused(testnet *net, slk_message m)
{
    slk_signed_message pushed = {0};
    slk_chain_fault fault;
    slk_bigint max_fee = {{0}};
    slk_err code = slk_chain_estimate_gas(net->chain, &m, &max_fee, &fault, NULL);
    int64_t exit_code = code == SLK_OK ? 0 : fault.exit_code;
    assert_int_equal(code, exit_code == 0 ? SLK_OK : SLK_E_INVAL);
    if (exit_code != 0) { /* a push says the same, wrapped */
        assert_int_equal(fault.rpc_code, 3);
        assert_int_equal(push(net, &pushed, &m, &fault, NULL), SLK_E_INVAL);
        assert_int_equal(fault.rpc_code, 1);
        assert_int_equal(fault.exit_code, exit_code);
    }
    slk_message_done(&m);
    return exit_code;
}

static slk_precommit_info precommitted(testnet *net, uint64_t number)
{
    slk_precommit_info info = {0};
    bool found = false;
    assert_int_equal(slk_chain_precommit_info(net->chain, &found, &info, MINER, number, NULL, NULL),
                     SLK_OK);
    assert_true(found);
    return info;
}

static bool proven(testnet *net, uint64_t number, slk_sector_info *info)
{
    bool found = false;
    assert_int_equal(slk_chain_sector_info(net->chain, &found, info, MINER, number, NULL, NULL),
                     SLK_OK);
    return found;
}

/* n sectors from first on, pre-committed; moved on until they can be proven. */
static void precommit_sectors(testnet *net, uint64_t first, size_t n)
{
    slk_precommit sectors[8];
    for (size_t i = 0; i < n; i++)
        sectors[i] = precommit(first + i, height(net) - SLK_SEAL_RANDOMNESS_LOOKBACK);
    assert_int_equal(run_exit(net, precommit_message(net, sectors, n)), SLK_EXIT_OK);
    testnet_control(net, "Devnet.Advance", "[11]");
}

static void one_sector_lives_happily(void **state)
{
    (void)state;
    testnet net;
    slk_sector_info sector;
    slk_bitfield set;
    slk_bigint before, after, expected = slk_bigint_from_u64(200000000000000000 - 2000);
    uint8_t ticket[32], seed[32];
    testnet_open(&net, NULL);
    assert_int_equal(slk_chain_available_balance(net.chain, &before, MINER, NULL, NULL), SLK_OK);
    int64_t ticket_epoch = height(&net) - SLK_SEAL_RANDOMNESS_LOOKBACK;
    assert_int_equal(slk_chain_ticket(net.chain, ticket, MINER, ticket_epoch, NULL, NULL), SLK_OK);
    slk_precommit p = precommit(7, ticket_epoch);
    slk_bigint deposit;
    assert_int_equal(slk_chain_precommit_deposit(net.chain, &deposit, MINER, &p, NULL, NULL),
                     SLK_OK);
    assert_true(deposit.limb[0] == 132000000000000000);
    assert_int_equal(slk_chain_initial_pledge(net.chain, &deposit, 1000, 2048, 0, NULL, NULL),
                     SLK_OK);
    assert_true(deposit.limb[0] == 220000000000000000);
    assert_int_equal(run_exit(&net, precommit_message(&net, &p, 1)), SLK_EXIT_OK);
    slk_precommit_info info = precommitted(&net, 7);
    assert_int_equal(info.epoch, 1001);
    assert_true(slk_cid_equal(&info.info.sealed_cid, &p.sealed_cid));
    assert_int_equal(slk_chain_allocated(net.chain, &set, MINER, NULL, NULL), SLK_OK);
    assert_true(slk_bitfield_has(&set, 7) && slk_bitfield_count(&set) == 1);
    slk_bitfield_done(&set);
    assert_int_equal(slk_chain_seed(net.chain, seed, MINER, 1011, NULL, NULL), SLK_E_BUSY);
    testnet_control(&net, "Devnet.AdvanceTo", "[1011]");
    const uint64_t seven = 7;
    assert_int_equal(refused(&net, prove_message(&net, &seven, 1, (prove_options){0})),
                     SLK_EXIT_FORBIDDEN);
    testnet_control(&net, "Devnet.Advance", "[1]");
    assert_int_equal(slk_chain_seed(net.chain, seed, MINER, 1011, NULL, NULL), SLK_OK);
    slk_msg_lookup lookup = run(&net, prove_message(&net, &seven, 1, (prove_options){0}));
    assert_int_equal(lookup.exit_code, SLK_EXIT_OK);
    assert_int_equal(lookup.n_return, 3);
    assert_memory_equal(lookup.return_bytes, "\x82\x01\x80", 3);
    assert_int_equal(lookup.height, 1014);
    slk_msg_lookup_done(&lookup);
    /* The verifier was asked with exactly what the pipeline draws. */
    assert_memory_equal(net.last_seal.ticket32, ticket, 32);
    assert_memory_equal(net.last_seal.seed32, seed, 32);
    assert_int_equal(net.last_seal.comm_d32[0], 7);
    assert_true(proven(&net, 7, &sector));
    assert_int_equal(sector.activation, 1013);
    assert_int_equal(sector.flags, 1);
    bool found = true;
    assert_int_equal(slk_chain_precommit_info(net.chain, &found, &info, MINER, 7, NULL, NULL),
                     SLK_OK);
    assert_false(found);
    assert_int_equal(slk_chain_available_balance(net.chain, &after, MINER, NULL, NULL), SLK_OK);
    assert_int_equal(slk_bigint_sub(&before, &before, &after), SLK_OK);
    assert_int_equal(slk_bigint_cmp(&before, &expected), 0);
    testnet_reopen(&net);
    assert_true(proven(&net, 7, &sector));
    testnet_close(&net);
}

static void a_batch_reports_its_bad_proof(void **state)
{
    (void)state;
    testnet net;
    slk_sector_info sector;
    const uint64_t numbers[] = {10, 11, 12};
    testnet_open(&net, NULL);
    precommit_sectors(&net, 10, 3);
    assert_int_equal(
        refused(&net,
                prove_message(&net, numbers, 3, (prove_options){.bad_proof = 11, .require = true})),
        SLK_EXIT_ILLEGAL_ARGUMENT);
    slk_msg_lookup lookup =
        run(&net, prove_message(&net, numbers, 3, (prove_options){.bad_proof = 11}));
    slk_batch_return batch;
    assert_int_equal(lookup.exit_code, SLK_EXIT_OK);
    assert_int_equal(slk_batch_return_decode(&batch, lookup.return_bytes, lookup.n_return, NULL),
                     SLK_OK);
    assert_int_equal(batch.success_count, 2);
    assert_int_equal(slk_batch_return_exit_of(&batch, 1), SLK_EXIT_ILLEGAL_ARGUMENT);
    slk_batch_return_done(&batch);
    slk_msg_lookup_done(&lookup);
    assert_true(proven(&net, 10, &sector) && proven(&net, 12, &sector));
    assert_false(proven(&net, 11, &sector));
    /* Replay takes the verdicts from the log. */
    unsigned asked = net.seals_checked;
    testnet_reopen(&net);
    assert_int_equal(net.seals_checked, asked);
    assert_false(proven(&net, 11, &sector));
    assert_true(proven(&net, 12, &sector));
    assert_int_equal(run_exit(&net, prove_message(&net, numbers + 1, 1, (prove_options){0})),
                     SLK_EXIT_OK);
    assert_int_equal(refused(&net, prove_message(&net, numbers, 1, (prove_options){0})),
                     SLK_EXIT_NOT_FOUND);
    testnet_close(&net);
}

static void pieces_must_give_the_declared_data(void **state)
{
    (void)state;
    testnet net;
    uint8_t comm[32] = {9};
    const uint64_t number = 20;
    slk_piece_activation piece = {.size_bytes = 2048};
    testnet_open(&net, NULL);
    precommit_sectors(&net, 20, 1); /* declares no data */
    slk_comm_d_cid(&piece.cid, comm);
    assert_int_equal(
        refused(&net, prove_message(&net, &number, 1, (prove_options){.piece = &piece})),
        SLK_EXIT_ILLEGAL_ARGUMENT);
    slk_precommit p = precommit(21, height(&net) - 900);
    p.unsealed_cid = piece.cid;
    assert_int_equal(run_exit(&net, precommit_message(&net, &p, 1)), SLK_EXIT_OK);
    testnet_control(&net, "Devnet.Advance", "[11]");
    const uint64_t data = 21;
    assert_int_equal(refused(&net, prove_message(&net, &data, 1, (prove_options){0})),
                     SLK_EXIT_ILLEGAL_ARGUMENT);
    assert_int_equal(
        run_exit(&net, prove_message(&net, &data, 1, (prove_options){.piece = &piece})),
        SLK_EXIT_OK);
    assert_memory_equal(net.last_seal.comm_d32, comm, 32);
    piece.has_allocation = true;
    assert_int_equal(
        refused(&net, prove_message(&net, &number, 1, (prove_options){.piece = &piece})),
        SLK_EXIT_ILLEGAL_ARGUMENT);
    testnet_close(&net);
}

static void precommits_are_checked_in_order(void **state)
{
    (void)state;
    testnet net;
    const slk_devnet_options options = {.clock = SLK_DEVNET_MANUAL, .initial_height = 5000};
    testnet_open(&net, &options);
    slk_precommit good = precommit(1, 4100), p[2];
    p[0] = p[1] = good;
    assert_int_equal(refused(&net, precommit_message(&net, p, 0)), SLK_EXIT_ILLEGAL_ARGUMENT);
    assert_int_equal(refused(&net, precommit_message(&net, p, 2)), SLK_EXIT_ILLEGAL_ARGUMENT);
    p[0] = good;
    p[0].seal_proof = 0;
    assert_int_equal(refused(&net, precommit_message(&net, p, 1)), SLK_EXIT_ILLEGAL_ARGUMENT);
    p[0] = good;
    p[0].seal_proof = 6; /* another size than the miner's */
    assert_int_equal(refused(&net, precommit_message(&net, p, 1)), SLK_EXIT_ILLEGAL_ARGUMENT);
    p[0] = precommit(1, 5000 - 3781); /* one epoch too old */
    assert_int_equal(refused(&net, precommit_message(&net, p, 1)), SLK_EXIT_ILLEGAL_ARGUMENT);
    p[0] = precommit(1, 5000 - 3780);
    assert_int_equal(refused(&net, precommit_message(&net, p, 1)), SLK_EXIT_OK);
    p[0] = precommit(1, 5000); /* not before now */
    assert_int_equal(refused(&net, precommit_message(&net, p, 1)), SLK_EXIT_ILLEGAL_ARGUMENT);
    p[0] = good;
    p[0].sealed_cid.bytes[1] = 0x81; /* unsealed prefix */
    assert_int_equal(refused(&net, precommit_message(&net, p, 1)), SLK_EXIT_ILLEGAL_ARGUMENT);
    p[0] = good;
    p[0].expiration = 5000 + 86410 + 518400 - 1;
    assert_int_equal(refused(&net, precommit_message(&net, p, 1)), SLK_EXIT_ILLEGAL_ARGUMENT);
    p[0].expiration++;
    assert_int_equal(refused(&net, precommit_message(&net, p, 1)), SLK_EXIT_OK);
    p[0].expiration = 5000 + 3680641;
    assert_int_equal(refused(&net, precommit_message(&net, p, 1)), SLK_EXIT_ILLEGAL_ARGUMENT);
    /* Another miner's owner: forbidden, but only after the checks of form. */
    slk_message m = precommit_message(&net, &good, 1);
    slk_address stranger;
    assert_int_equal(
        slk_address_parse(&stranger,
                          "f3vvmn62lofvhjd2ugzca6sof2j2ubwok6cj4xxbfzz4yuxfkgobpihhd2thlanmsh3w2ptl"
                          "d2gqkn2jvlss4a",
                          NULL),
        SLK_OK);
    testnet_control(&net, "Devnet.Fund",
                    "[\"f3vvmn62lofvhjd2ugzca6sof2j2ubwok6cj4xxbfzz4yuxfkgobpihhd2thlanmsh3w2ptld2g"
                    "qkn2jvlss4a\",\"1000000000000000000\"]");
    m.from = stranger;
    slk_chain_fault fault;
    slk_bigint max_fee = {{0}};
    assert_int_equal(slk_chain_estimate_gas(net.chain, &m, &max_fee, &fault, NULL), SLK_E_INVAL);
    assert_int_equal(fault.exit_code, SLK_EXIT_FORBIDDEN);
    slk_message_done(&m);
    /* Garbage, and a method nobody has. */
    m = precommit_message(&net, &good, 1);
    m.params[0] = 0xff;
    assert_int_equal(refused(&net, m), SLK_EXIT_SERIALIZATION);
    m = precommit_message(&net, &good, 1);
    m.method = 6;
    assert_int_equal(refused(&net, m), SLK_EXIT_UNHANDLED_MESSAGE);
    assert_int_equal(run_exit(&net, precommit_message(&net, &good, 1)), SLK_EXIT_OK);
    assert_int_equal(refused(&net, precommit_message(&net, &good, 1)), SLK_EXIT_ILLEGAL_ARGUMENT);
    testnet_close(&net);
}

static void deposits_must_be_paid(void **state)
{
    (void)state;
    testnet net;
    testnet_open(&net, NULL);
    SLK_CLEANUP(slk_freep) slk_precommit *p = slk_calloc(1000, sizeof *p);
    assert_non_null(p);
    /* 1000 FIL hold 8333 deposits of 0.12. */
    for (size_t batch = 0; batch < 9; batch++) {
        size_t n = batch < 8 ? 1000 : 333;
        for (size_t i = 0; i < n; i++)
            p[i] = precommit(batch * 1000 + i, height(&net) - 900);
        assert_int_equal(run_exit(&net, precommit_message(&net, p, n)), SLK_EXIT_OK);
    }
    p[0] = precommit(100000, height(&net) - 900);
    assert_int_equal(refused(&net, precommit_message(&net, p, 1)),
                     SLK_EXIT_ACTOR_INSUFFICIENT_FUNDS);
    slk_message m = precommit_message(&net, p, 1);
    m.value = slk_bigint_from_u64(120000000000000000); /* what comes with it counts */
    assert_int_equal(refused(&net, m), SLK_EXIT_OK);
    m = precommit_message(&net, p, 1);
    assert_int_equal(slk_bigint_parse(&m.value, "2000000000000000000000"), SLK_OK);
    assert_int_equal(refused(&net, m), SLK_EXIT_INSUFFICIENT_FUNDS);
    testnet_close(&net);
}

static void an_unproven_precommit_is_swept(void **state)
{
    (void)state;
    testnet net;
    slk_precommit_info info;
    slk_bigint before, after;
    bool found = true, allocated = false;
    const uint64_t number = 30;
    testnet_open(&net, NULL);
    precommit_sectors(&net, 30, 1);
    int64_t p = precommitted(&net, 30).epoch, last = p + 86410;
    char params[32];
    snprintf(params, sizeof params, "[%lld]", (long long)last);
    testnet_control(&net, "Devnet.AdvanceTo", params);
    assert_int_equal(refused(&net, prove_message(&net, &number, 1, (prove_options){0})), 0);
    testnet_control(&net, "Devnet.Advance", "[1]");
    assert_int_equal(refused(&net, prove_message(&net, &number, 1, (prove_options){0})),
                     SLK_EXIT_ILLEGAL_ARGUMENT);
    int64_t sweep = (last + 960 + 59) / 60 * 60;
    snprintf(params, sizeof params, "[%lld]", (long long)sweep);
    testnet_control(&net, "Devnet.AdvanceTo", params);
    assert_int_equal(precommitted(&net, 30).epoch, p);
    slk_tipset at_sweep;
    assert_int_equal(slk_chain_head(net.chain, &at_sweep, NULL), SLK_OK);
    assert_int_equal(slk_chain_available_balance(net.chain, &before, MINER, NULL, NULL), SLK_OK);
    testnet_control(&net, "Devnet.Advance", "[1]");
    assert_int_equal(slk_chain_precommit_info(net.chain, &found, &info, MINER, 30, NULL, NULL),
                     SLK_OK);
    assert_false(found);
    assert_int_equal(slk_chain_precommit_info(net.chain, &found, &info, MINER, 30, &at_sweep, NULL),
                     SLK_OK);
    assert_true(found); /* an old key sees the old state */
    assert_int_equal(slk_chain_is_allocated(net.chain, &allocated, MINER, 30, NULL, NULL), SLK_OK);
    assert_true(allocated);
    assert_int_equal(slk_chain_available_balance(net.chain, &after, MINER, NULL, NULL), SLK_OK);
    assert_int_equal(slk_bigint_cmp(&before, &after), 0); /* the deposit is burnt, not returned */
    assert_int_equal(refused(&net, prove_message(&net, &number, 1, (prove_options){0})),
                     SLK_EXIT_NOT_FOUND);
    testnet_close(&net);
}

static void a_reorg_moves_the_precommit(void **state)
{
    (void)state;
    testnet net;
    slk_tipset old_head, head;
    uint8_t seed[32];
    testnet_open(&net, NULL);
    slk_precommit p = precommit(40, 100);
    assert_int_equal(run_exit(&net, precommit_message(&net, &p, 1)), SLK_EXIT_OK);
    assert_int_equal(precommitted(&net, 40).epoch, 1001);
    assert_int_equal(slk_chain_head(net.chain, &old_head, NULL), SLK_OK);
    /* Away for two epochs, back in a later one. */
    testnet_control(&net, "Devnet.HoldMempool", "[true]");
    testnet_control(&net, "Devnet.Reorg", "[2,\"reinclude\"]");
    slk_precommit_info info;
    bool found = true;
    assert_int_equal(slk_chain_precommit_info(net.chain, &found, &info, MINER, 40, NULL, NULL),
                     SLK_OK);
    assert_false(found);
    testnet_control(&net, "Devnet.HoldMempool", "[false]");
    testnet_control(&net, "Devnet.Advance", "[2]");
    assert_int_equal(precommitted(&net, 40).epoch, 1004);
    assert_int_equal(slk_chain_head(net.chain, &head, NULL), SLK_OK);
    assert_false(slk_cid_equal(&head.cids[0], &old_head.cids[0]));
    assert_int_equal(slk_chain_precommit_info(net.chain, &found, &info, MINER, 40, &old_head, NULL),
                     SLK_E_INVAL); /* the old tipset is no more */
    testnet_control(&net, "Devnet.AdvanceTo", "[1015]");
    assert_int_equal(slk_chain_seed(net.chain, seed, MINER, 1014, NULL, NULL), SLK_OK);
    const uint64_t number = 40;
    assert_int_equal(run_exit(&net, prove_message(&net, &number, 1, (prove_options){0})),
                     SLK_EXIT_OK);
    assert_memory_equal(net.last_seal.seed32, seed, 32);
    testnet_reopen(&net);
    slk_sector_info sector;
    assert_true(proven(&net, 40, &sector));
    testnet_close(&net);
}

static void lost_messages_can_be_pushed_again(void **state)
{
    (void)state;
    testnet net;
    slk_signed_message pushed = {0};
    slk_msg_lookup lookup = {0};
    slk_chain_fault fault;
    slk_error error = {0};
    slk_cid cid;
    char text[SLK_CID_TEXT_CHARS], params[SLK_CID_TEXT_CHARS + 16];
    testnet_open(&net, NULL);
    slk_precommit p = precommit(50, 100);
    slk_message m = precommit_message(&net, &p, 1);
    assert_int_equal(push(&net, &pushed, &m, NULL, &error), SLK_OK);
    assert_int_equal(slk_signed_message_cid(&cid, &pushed), SLK_OK);
    assert_int_equal(slk_chain_push_signed(net.chain, &pushed, &fault, &error), SLK_E_INVAL);
    assert_true(fault.already_pending);
    slk_cid_print(text, &cid);
    snprintf(params, sizeof params, "[{\"/\":\"%s\"}]", text);
    testnet_control(&net, "Devnet.DropMessage", params);
    testnet_control(&net, "Devnet.Advance", "[3]");
    assert_int_equal(slk_chain_search(net.chain, &lookup, &cid, NULL, &fault, &error), SLK_OK);
    assert_false(lookup.found);
    testnet_reopen(&net);
    assert_int_equal(slk_chain_push_signed(net.chain, &pushed, &fault, &error), SLK_OK);
    testnet_control(&net, "Devnet.Advance", "[2]");
    assert_int_equal(slk_chain_search(net.chain, &lookup, &cid, NULL, &fault, &error), SLK_OK);
    assert_true(lookup.found);
    assert_int_equal(lookup.exit_code, 0);
    slk_msg_lookup_done(&lookup);
    assert_int_equal(slk_chain_push_signed(net.chain, &pushed, &fault, &error), SLK_E_INVAL);
    assert_true(fault.nonce_too_low);
    pushed.signature[9] ^= 1;
    assert_int_equal(slk_chain_push_signed(net.chain, &pushed, &fault, &error), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "signature"));
    cid.bytes[20] ^= 1;
    assert_int_equal(slk_chain_search(net.chain, &lookup, &cid, NULL, &fault, &error),
                     SLK_E_NOTFOUND);
    assert_true(fault.message_unknown);
    slk_signed_message_done(&pushed);
    testnet_close(&net);
}

static void a_lost_answer_makes_one_message(void **state)
{
    (void)state;
    testnet net;
    slk_signed_message pushed = {0};
    slk_error error = {0};
    char uuid[SLK_UUID_CHARS];
    uint64_t nonce = 99;
    slk_bigint balance, max_fee = slk_bigint_from_u64(20000000000000000);
    testnet_open(&net, NULL);
    slk_precommit p = precommit(60, 100);
    slk_message m = precommit_message(&net, &p, 1);
    slk_address from = m.from;
    slk_uuid_random(uuid);
    net.lose_answers = 1;
    assert_int_equal(slk_chain_push(net.chain, &pushed, &m, &max_fee, uuid, NULL, &error),
                     SLK_E_TIMEOUT);
    testnet_control(&net, "Devnet.RpcFault", "[\"Filecoin.MpoolPushMessage\",1,1]");
    assert_int_equal(slk_chain_push(net.chain, &pushed, &m, &max_fee, uuid, NULL, &error),
                     SLK_E_PROTO); /* half a body */
    testnet_control(&net, "Devnet.RpcFault", "[\"Filecoin.MpoolPushMessage\",1,500]");
    assert_int_equal(slk_chain_push(net.chain, &pushed, &m, &max_fee, uuid, NULL, &error),
                     SLK_E_UNREACHABLE);
    testnet_reopen(&net); /* the uuid is known after a crash too */
    testnet_control(&net, "Devnet.Advance", "[1]");
    m.value = slk_bigint_from_u64(7777); /* the deposit has changed meanwhile */
    assert_int_equal(slk_chain_push(net.chain, &pushed, &m, &max_fee, uuid, NULL, &error), SLK_OK);
    assert_int_equal(pushed.message.nonce, 0);
    assert_int_equal(pushed.message.value.limb[0], 1000);
    testnet_control(&net, "Devnet.Advance", "[2]");
    assert_int_equal(slk_chain_actor(net.chain, &nonce, &balance, &from, NULL, NULL), SLK_OK);
    assert_int_equal(nonce, 1);
    slk_signed_message_done(&pushed);
    slk_message_done(&m);
    testnet_close(&net);
}

static void a_stranger_may_take_the_nonce(void **state)
{
    (void)state;
    testnet net;
    slk_signed_message ours = {0}, theirs = {0};
    slk_msg_lookup lookup = {0};
    slk_chain_fault fault;
    slk_error error = {0};
    slk_cid cid;
    char text[SLK_CID_TEXT_CHARS], params[SLK_CID_TEXT_CHARS + 16];
    testnet_open(&net, NULL);
    slk_precommit p = precommit(70, 100);
    slk_message m = precommit_message(&net, &p, 1);
    assert_int_equal(push(&net, &ours, &m, NULL, &error), SLK_OK);
    assert_int_equal(slk_signed_message_cid(&cid, &ours), SLK_OK);
    slk_cid_print(text, &cid);
    snprintf(params, sizeof params, "[{\"/\":\"%s\"}]", text);
    testnet_control(&net, "Devnet.DropMessage", params);
    p.sector_number = 71;
    m = precommit_message(&net, &p, 1);
    assert_int_equal(push(&net, &theirs, &m, NULL, &error), SLK_OK);
    assert_int_equal(theirs.message.nonce, ours.message.nonce);
    testnet_control(&net, "Devnet.Advance", "[2]");
    assert_int_equal(slk_chain_search(net.chain, &lookup, &cid, NULL, &fault, &error),
                     SLK_E_CONFLICT);
    assert_true(fault.replaced_by_other);
    slk_signed_message_done(&ours);
    slk_signed_message_done(&theirs);
    testnet_close(&net);
}

static void a_failed_message_leaves_nonce_and_gas_only(void **state)
{
    (void)state;
    testnet net;
    slk_signed_message first = {0}, second = {0};
    slk_msg_lookup lookup = {0};
    slk_bigint before, after, gone = slk_bigint_from_u64(120000000000000000 - 1000);
    slk_address owner, owner_key;
    slk_cid cid;
    uint64_t nonce = 0;
    testnet_open(&net, NULL);
    slk_address_from_id(&owner, 1001);
    assert_int_equal(slk_chain_account_key(net.chain, &owner_key, &owner, NULL), SLK_OK);
    assert_int_equal(slk_chain_available_balance(net.chain, &before, MINER, NULL, NULL), SLK_OK);
    /* Two senders take one number: each dry run sees its own sender's messages only. */
    slk_precommit p = precommit(75, 100);
    slk_message m = precommit_message(&net, &p, 1);
    assert_int_equal(push(&net, &first, &m, NULL, NULL), SLK_OK);
    m = precommit_message(&net, &p, 1);
    m.from = owner_key;
    assert_int_equal(push(&net, &second, &m, NULL, NULL), SLK_OK);
    testnet_control(&net, "Devnet.Advance", "[1]");
    /* The head's own messages are not part of the state seen at its key. */
    slk_bigint balance;
    assert_int_equal(slk_chain_actor(net.chain, &nonce, &balance, &owner, NULL, NULL), SLK_OK);
    assert_int_equal(nonce, 0);
    bool found = true;
    slk_precommit_info info;
    assert_int_equal(slk_chain_precommit_info(net.chain, &found, &info, MINER, 75, NULL, NULL),
                     SLK_OK);
    assert_false(found);
    assert_int_equal(slk_chain_available_balance(net.chain, &after, MINER, NULL, NULL), SLK_OK);
    assert_int_equal(slk_bigint_cmp(&before, &after), 0);
    testnet_control(&net, "Devnet.Advance", "[1]");
    assert_int_equal(slk_chain_actor(net.chain, &nonce, &balance, &owner, NULL, NULL), SLK_OK);
    assert_int_equal(nonce, 1);
    assert_int_equal(slk_signed_message_cid(&cid, &second), SLK_OK);
    assert_int_equal(slk_chain_search(net.chain, &lookup, &cid, NULL, NULL, NULL), SLK_OK);
    assert_int_equal(lookup.exit_code, SLK_EXIT_ILLEGAL_ARGUMENT);
    slk_msg_lookup_done(&lookup);
    assert_int_equal(slk_chain_available_balance(net.chain, &after, MINER, NULL, NULL), SLK_OK);
    assert_int_equal(slk_bigint_sub(&before, &before, &after), SLK_OK);
    assert_int_equal(slk_bigint_cmp(&before, &gone), 0); /* one deposit, one value */
    slk_signed_message_done(&first);
    slk_signed_message_done(&second);
    testnet_close(&net);
}

static void a_young_chain_has_negative_tickets(void **state)
{
    (void)state;
    testnet net;
    uint8_t ticket[32];
    const slk_devnet_options options = {.clock = SLK_DEVNET_ON_MESSAGE, .initial_height = 260};
    testnet_open(&net, &options);
    assert_int_equal(slk_chain_ticket(net.chain, ticket, MINER, -640, NULL, NULL), SLK_OK);
    slk_precommit p = precommit(80, -640);
    slk_signed_message pushed = {0};
    slk_message m = precommit_message(&net, &p, 1);
    assert_int_equal(push(&net, &pushed, &m, NULL, NULL), SLK_OK);
    assert_int_equal(height(&net), 261); /* the message made an epoch */
    testnet_control(&net, "Devnet.AdvanceTo", "[272]");
    const uint64_t number = 80;
    m = prove_message(&net, &number, 1, (prove_options){0});
    slk_signed_message_done(&pushed);
    assert_int_equal(push(&net, &pushed, &m, NULL, NULL), SLK_OK);
    assert_memory_equal(net.last_seal.ticket32, ticket, 32);
    testnet_control(&net, "Devnet.Advance", "[1]");
    slk_sector_info sector;
    assert_true(proven(&net, 80, &sector));
    slk_signed_message_done(&pushed);
    testnet_close(&net);
}

static void failures_can_be_asked_for(void **state)
{
    (void)state;
    testnet net;
    slk_tipset head;
    slk_error error = {0};
    testnet_open(&net, NULL);
    testnet_control(&net, "Devnet.FailNext", "[28,19]");
    slk_precommit p = precommit(90, 100);
    assert_int_equal(run_exit(&net, precommit_message(&net, &p, 1)), 19);
    testnet_reopen(&net);
    assert_int_equal(run_exit(&net, precommit_message(&net, &p, 1)), SLK_EXIT_OK);
    testnet_control(&net, "Devnet.RpcFault", "[\"Filecoin.ChainHead\",1,401]");
    assert_int_equal(slk_chain_head(net.chain, &head, &error), SLK_E_AUTH);
    testnet_control(&net, "Devnet.RpcFault", "[\"Filecoin.ChainHead\",1,502]");
    assert_int_equal(slk_chain_head(net.chain, &head, &error), SLK_E_UNREACHABLE);
    assert_int_equal(slk_chain_head(net.chain, &head, &error), SLK_OK);
    testnet_control(&net, "Devnet.Dump", "[]");
    testnet_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sector_lives_happily),
        cmocka_unit_test(a_batch_reports_its_bad_proof),
        cmocka_unit_test(pieces_must_give_the_declared_data),
        cmocka_unit_test(precommits_are_checked_in_order),
        cmocka_unit_test(deposits_must_be_paid),
        cmocka_unit_test(an_unproven_precommit_is_swept),
        cmocka_unit_test(a_reorg_moves_the_precommit),
        cmocka_unit_test(lost_messages_can_be_pushed_again),
        cmocka_unit_test(a_lost_answer_makes_one_message),
        cmocka_unit_test(a_stranger_may_take_the_nonce),
        cmocka_unit_test(a_failed_message_leaves_nonce_and_gas_only),
        cmocka_unit_test(a_young_chain_has_negative_tickets),
        cmocka_unit_test(failures_can_be_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
