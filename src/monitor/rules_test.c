/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every rule: silent in a healthy world, raised by its condition, and by nothing else. */
#include "monitor/rules.h"

#include "base/mem.h"
#include "net/certificate.h"
#include "seal/times.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY_S (24L * 3600)

static int make(void **state)
{
    *state = world_new();
    return 0;
}

static int unmake(void **state)
{
    world_free(*state);
    return 0;
}

static slk_rules rules_of(const world_node *node)
{
    return (slk_rules){.seal = node->seal, .allowance_low = 3, .disk_sectors = 1};
}

/* A healthy chain as both nodes see it. */
static slk_chain_sample healthy(const world *w)
{
    return (slk_chain_sample){
        .taken_ms = w->now_ms,
        .answered = true,
        .head_epoch = 5000,
        .head_ms = w->now_ms - 1000,
        .epoch_ms = 30000,
        .ticket_max_age_epochs = 3780,
        .max_prove_commit_epochs = 86550,
    };
}

static void look(slk_look *ret, const slk_rules *rules, const slk_chain_sample *chain)
{
    slk_error error = {0};
    if (slk_rules_look(ret, rules, chain, &error) != SLK_OK)
        fail_msg("%s", error.message);
    assert_true(ret->whole);
}

/* Exactly one condition, of that rule, whose subject and summary hold the words. */
static void expect_one(const slk_rules *rules, const slk_chain_sample *chain, const char *rule,
                       slk_severity severity, const char *subject, const char *words)
{
    SLK_CLEANUP(slk_look_done) slk_look found = {0};
    look(&found, rules, chain);
    for (size_t i = 0; i < found.n && (found.n != 1 || strcmp(found.found[0].rule, rule) != 0); i++)
        print_message("%s: %s: %s\n", found.found[i].rule, found.found[i].subject,
                      found.found[i].summary);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.found[0].rule, rule);
    assert_int_equal(found.found[0].severity, severity);
    if (!strstr(found.found[0].subject, subject) || !strstr(found.found[0].summary, words))
        fail_msg("%s: `%s` should name %s, `%s` should say %s", rule, found.found[0].subject,
                 subject, found.found[0].summary, words);
    assert_true(found.found[0].next[0] != 0);
}

static void expect_none(const slk_rules *rules, const slk_chain_sample *chain)
{
    SLK_CLEANUP(slk_look_done) slk_look found = {0};
    look(&found, rules, chain);
    if (found.n > 0)
        fail_msg("%s: %s: %s", found.found[0].rule, found.found[0].subject, found.found[0].summary);
}

static void run(world_node *node, const slk_sql *sql)
{
    slk_error error = {0};
    slk_query q = {0};
    assert_int_equal(slk_query_init(&q, node->db, sql, &error), SLK_OK);
    if (strstr(sql->text, "$1"))
        slk_bind_i64(&q, 1, node->w->now_ms);
    if (slk_query_run(&q, &error) != SLK_OK)
        fail_msg("%s", error.message);
    slk_query_done(&q);
}

static void a_healthy_world_is_silent(void **state)
{
    world *w = *state;
    const uint64_t number = world_order(w);
    world_run(w, number, "proving", 400);
    const slk_rules provider = rules_of(&w->provider), client = rules_of(&w->client);
    const slk_chain_sample chain = healthy(w);
    expect_none(&provider, &chain);
    expect_none(&client, &chain);
}

/* ---- the database ---- */

struct change {
    const char *rule;
    slk_severity severity;
    bool provider;
    const char *until; /* the client's state that the sector is brought to first */
    slk_sql sql; /* then this; $1 is now */
    const char *subject, *words;
};

#define WARNING SLK_SEVERITY_WARNING
#define CRITICAL SLK_SEVERITY_CRITICAL

static const struct change changes[] = {
    {"sector-failed",
     WARNING,
     false,
     "fetched",
     {"t.1", "UPDATE rseal_client_pipeline SET failed = 1, failed_reason = 'porep',"
             " failed_reason_msg = 'no memory'"},
     "client f01000/0",
     "porep: no memory"},
    {"sector-failed",
     WARNING,
     true,
     "fetched",
     {"t.2", "UPDATE rseal_provider_pipeline SET failed = 1, failed_reason = 'trees',"
             " failed_reason_msg = 'disk gone'"},
     "provider f01000/0",
     "trees: disk gone"},
    {"verify-failed",
     CRITICAL,
     false,
     "fetched",
     {"t.3", "UPDATE rseal_client_pipeline SET failed = 1, failed_reason = 'replica-invalid',"
             " failed_reason_msg = 'CommR differs'"},
     "f01000/0",
     "CommR differs"},
    {"provider-silent",
     WARNING,
     false,
     "ordered",
     {"t.4", "INSERT INTO task (id, kind, pipeline, class, sp_id, sector_number, created_ms,"
             " failing_since_ms, last_error) VALUES (90001, 'client.c1', 'client', 'call', 1000,"
             " 0, 1, $1 - 600000, 'no answer')"},
     "p (provider 1)",
     "no answer"},
    {"provider-paused",
     CRITICAL,
     false,
     NULL,
     {"t.5", "UPDATE rseal_client_providers SET enabled = 0, disabled_reason = 'wrong CommR'"},
     "p (provider 1)",
     "wrong CommR"},
    {"allowance-low",
     WARNING,
     true,
     NULL,
     {"t.6", "UPDATE rseal_delegated_partners SET allowance_remaining = 3"},
     "acme",
     "3 sectors"},
    {"lease-ending",
     WARNING,
     true,
     "sealed",
     {"t.7", "UPDATE rseal_provider_pipeline SET cleanup_timeout = $1 + 43200000"},
     "f01000/0",
     "acme"},
    {"lease-ending",
     CRITICAL,
     true,
     "sealed",
     {"t.8", "UPDATE rseal_provider_pipeline SET cleanup_timeout = $1 + 3600000"},
     "f01000/0",
     "acme"},
    {"renewal-failing",
     WARNING,
     false,
     "verified",
     {"t.91", "INSERT INTO task (id, kind, pipeline, class, sp_id, sector_number, created_ms,"
              " failing_since_ms, last_error) VALUES (90001, 'client.renew', 'client', 'call',"
              " 1000, 0, 1, $1 - 3600000, 'no such sector')"},
     "f01000/0",
     "no such sector"},
    {"callback-failing",
     WARNING,
     true,
     "sealed",
     {"t.9", "INSERT INTO task (id, kind, pipeline, class, sp_id, sector_number, created_ms,"
             " failing_since_ms, last_error) VALUES (90001, 'provider.notify', 'provider', 'call',"
             " 1000, 0, 1, $1 - 3600000, 'refused')"},
     "acme",
     "refused"},
    {"sector-stuck",
     WARNING,
     false,
     "ordered",
     {"t.10", "UPDATE rseal_client_pipeline SET state_ms = $1 - 86460001"},
     "f01000/0",
     "client ordered for 1441 minutes"},
    {"ticket-expiring",
     CRITICAL,
     false,
     "verified",
     {"t.11", "UPDATE sectors_sdr_pipeline SET ticket_epoch = 5000 - 3780 + 239"},
     "f01000/0",
     "good for 239 epochs"},
    {"commit-deadline",
     CRITICAL,
     false,
     "precommitted",
     {"t.12", "UPDATE sectors_sdr_pipeline SET precommit_epoch = 5000 - 86550 + 2879"},
     "f01000/0",
     "2879 epochs"},
};

static void each_change_raises_its_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const struct change *c = &changes[i];
        world *w = world_new();
        world_node *node = c->provider ? &w->provider : &w->client;
        if (c->until)
            world_run(w, world_order(w), c->until, 400);
        const slk_rules rules = rules_of(node);
        const slk_chain_sample chain = healthy(w);
        expect_none(&rules, &chain);
        run(node, &c->sql);
        expect_one(&rules, &chain, c->rule, c->severity, c->subject, c->words);
        world_free(w);
    }
}

/* Just this side of each limit nothing is raised. */
static void limits_are_exact(void **state)
{
    (void)state;
    static const struct {
        bool provider;
        const char *until;
        slk_sql sql;
    } near[] = {
        {true, NULL, {"n.1", "UPDATE rseal_delegated_partners SET allowance_remaining = 4"}},
        {true,
         "sealed",
         {"n.2", "UPDATE rseal_provider_pipeline SET cleanup_timeout = $1 + 43200001"}},
        {true,
         "sealed",
         {"n.3", "UPDATE rseal_provider_pipeline SET cleanup_timeout = $1, cleanup_requested = 1"}},
        {false,
         NULL,
         {"n.4",
          "UPDATE rseal_client_providers SET enabled = 0, disabled_reason = 'by the operator'"}},
        {false, "ordered", {"n.5", "UPDATE rseal_client_pipeline SET state_ms = $1 - 86400000"}},
        {false,
         "verified",
         {"n.6", "UPDATE sectors_sdr_pipeline SET ticket_epoch = 5000 - 3780 + 240"}},
        {false,
         "precommitted",
         {"n.7", "UPDATE sectors_sdr_pipeline SET precommit_epoch = 5000 - 86550 + 2880"}},
    };
    for (size_t i = 0; i < sizeof near / sizeof *near; i++) {
        world *w = world_new();
        world_node *node = near[i].provider ? &w->provider : &w->client;
        if (near[i].until)
            world_run(w, world_order(w), near[i].until, 400);
        run(node, &near[i].sql);
        const slk_rules rules = rules_of(node);
        const slk_chain_sample chain = healthy(w);
        expect_none(&rules, &chain);
        world_free(w);
    }
}

/* What fails a short while is no news, unless the lease ends soon. */
static void renewals_are_urgent_near_the_end(void **state)
{
    world *w = *state;
    static const slk_sql begins = {
        "t.begins",
        "INSERT INTO task (id, kind, pipeline, class, sp_id, sector_number, created_ms,"
        " failing_since_ms, last_error) VALUES (90001, 'client.renew', 'client', 'call',"
        " 1000, 0, 1, $1 - 3599000, 'no answer')"};
    static const slk_sql far = {"t.far",
                                "UPDATE rseal_client_pipeline SET lease_until_ms = $1 + 43200001"};
    static const slk_sql near = {"t.near",
                                 "UPDATE rseal_client_pipeline SET lease_until_ms = $1 + 43200000"};
    const slk_rules rules = rules_of(&w->client);
    const slk_chain_sample chain = healthy(w);
    world_run(w, world_order(w), "verified", 400);
    run(&w->client, &begins);
    run(&w->client, &far);
    expect_none(&rules, &chain);
    run(&w->client, &near);
    expect_one(&rules, &chain, "renewal-failing", CRITICAL, "f01000/0", "no answer");
}

/* With a history a sector is stuck at three times what 99 of 100 took. */
static void stuck_is_measured(void **state)
{
    world *w = *state;
    static const slk_sql history = {
        "t.history", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
                     " INSERT INTO sector_event (sp_id, sector_number, role, at_ms, node, actor,"
                     " event, from_state, to_state, detail, took_ms) SELECT 1, i, 'client', i, '',"
                     " '', 'sealed', 'ordered', 'sealed', '', i * 60000 FROM n"};
    static const slk_sql younger = {"t.younger",
                                    "UPDATE rseal_client_pipeline SET state_ms = $1 - 300 * 60000"};
    static const slk_sql older = {"t.older",
                                  "UPDATE rseal_client_pipeline SET state_ms = $1 - 301 * 60000"};
    const slk_rules rules = rules_of(&w->client);
    const slk_chain_sample chain = healthy(w);
    world_run(w, world_order(w), "ordered", 400);
    run(&w->client, &history);
    run(&w->client, &younger);
    expect_none(&rules, &chain);
    run(&w->client, &older);
    expect_one(&rules, &chain, "sector-stuck", WARNING, "f01000/0",
               "client ordered for 301 minutes");
}

/* The timeline knows how long each state lasted, and a task since when it fails. */
static void the_heart_keeps_what_rules_need(void **state)
{
    world *w = *state;
    static const slk_sql took = {
        "t.took",
        "SELECT took_ms FROM sector_event WHERE role = 'client' AND from_state = 'ordered'"
        " AND to_state = 'sealed'"};
    static const slk_sql failing = {
        "t.failing", "SELECT failing_since_ms FROM task WHERE kind = 'provider.notify'"};
    w->callback = true;
    world_fail(w, OP_COMPLETE, 0, 1000, SLK_E_UNREACHABLE);
    world_run(w, world_order(w), "sealed", 400);
    slk_error error = {0};
    slk_query q = {0};
    bool row = false;
    assert_int_equal(slk_query_init(&q, w->client.db, &took, &error), SLK_OK);
    assert_int_equal(slk_query_step(&q, &row, &error), SLK_OK);
    assert_true(row && slk_column_i64(&q, 0) > 0);
    slk_query_done(&q);
    const int64_t before = w->now_ms;
    for (unsigned i = 0; i < 5; i++)
        world_turn(w);
    assert_int_equal(slk_query_init(&q, w->provider.db, &failing, &error), SLK_OK);
    assert_int_equal(slk_query_step(&q, &row, &error), SLK_OK);
    assert_true(row && slk_column_i64(&q, 0) > 0 && slk_column_i64(&q, 0) <= before);
    slk_query_done(&q);
}

/* ---- the machine and the chain ---- */

static void the_chain_is_watched(void **state)
{
    world *w = *state;
    const slk_rules rules = rules_of(&w->client);
    slk_chain_sample chain = {0};
    expect_none(&rules, &chain); /* nothing asked yet */
    chain = (slk_chain_sample){.taken_ms = w->now_ms, .why = "connection refused"};
    expect_one(&rules, &chain, "chain-unreachable", CRITICAL, "c1", "connection refused");
    chain = healthy(w);
    chain.head_ms = w->now_ms - 5 * 30000 - 5001;
    expect_one(&rules, &chain, "chain-behind", WARNING, "c1", "155 s old");
    chain.development = true;
    expect_none(&rules, &chain);
    chain.head_ms = w->now_ms + 5001;
    expect_one(&rules, &chain, "clock-skew", WARNING, "c1", "5 s in this machine's future");
}

static void a_clock_in_doubt_is_told(void **state)
{
    world *w = *state;
    const slk_rules rules = rules_of(&w->provider);
    const slk_chain_sample none = {0};
    w->clock_off_ms = 365 * DAY_S * 1000;
    assert_int_equal(slk_time_look(w->provider.seal, NULL), SLK_OK);
    expect_one(&rules, &none, "clock-in-doubt", CRITICAL, "p1", "the clock says 2024-11-13T");
    expect_one(&rules, &none, "clock-in-doubt", CRITICAL, "p1", "goes by 2023-11-14T");
    w->clock_off_ms = -3 * 3600 * 1000;
    assert_int_equal(slk_time_look(w->provider.seal, NULL), SLK_OK);
    expect_one(&rules, &none, "clock-in-doubt", CRITICAL, "p1",
               "before what the database has seen");
    w->clock_off_ms = 0;
    assert_int_equal(slk_time_look(w->provider.seal, NULL), SLK_OK);
    expect_none(&rules, &none);
    slk_chain_sample chain = healthy(w);
    chain.head_ms = w->now_ms + 3600 * 1000;
    slk_time_hear_chain(w->provider.seal, chain.head_ms, chain.epoch_ms);
    assert_int_equal(slk_time_look(w->provider.seal, NULL), SLK_OK);
    expect_one(&rules, &chain, "clock-in-doubt", CRITICAL, "p1", "the chain has a block of");
}

static void money_is_watched(void **state)
{
    world *w = *state;
    slk_rules rules = rules_of(&w->client);
    rules.balance_sectors = 3;
    slk_chain_sample chain = healthy(w);
    chain.miners_n = 1;
    chain.miners[0] =
        (slk_miner_sample){.sp_id = 1000, .known = true, .sender_fil = 0.75, .pledge_fil = 0.25};
    expect_none(&rules, &chain);
    chain.miners[0].sender_fil = 0.74;
    expect_one(&rules, &chain, "balance-low", CRITICAL, "f01000", "0.7400 FIL, wanted are 0.7500");
    chain.miners[0].sender_fil = 4.9;
    expect_none(&rules, &chain);
    rules.balance_fil = 5;
    expect_one(&rules, &chain, "balance-low", CRITICAL, "f01000", "5.0000");
    chain.miners[0].known = false;
    expect_none(&rules, &chain);
}

static void disks_are_watched(void **state)
{
    world *w = *state;
    slk_rules provider = rules_of(&w->provider), client = rules_of(&w->client);
    const slk_chain_sample chain = healthy(w);
    world_run(w, world_order(w), "proving", 400);
    provider.disk_sectors = client.disk_sectors = INT64_C(1) << 40;
    expect_one(&provider, &chain, "disk-low", CRITICAL, "p1 scratch", "MiB");
    expect_one(&client, &chain, "disk-low", CRITICAL, "c1 storage", "MiB");
}

/* The largest sector is that of what partners may order, not of what could be offered. */
static void room_is_wanted_for_what_may_be_ordered(void **state)
{
    world *w = *state;
    const slk_chain_sample chain = healthy(w);
    static const slk_sql small = {
        "t.small", "UPDATE rseal_delegated_partners SET allowed_proof_types = ',5,'"};
    static const slk_sql any = {"t.any",
                                "UPDATE rseal_delegated_partners SET allowed_proof_types = ''"};
    static const slk_sql over = {"t.over", "UPDATE rseal_delegated_partners SET expires_ms = $1"};
    w->provider.options.seal_proofs[1] = 9;
    w->provider.options.seal_proofs_n = 2;
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    slk_rules rules = rules_of(&w->provider);
    rules.disk_sectors = 1000; /* of 64 GiB there is never room for so many */
    expect_one(&rules, &chain, "disk-low", CRITICAL, "p1 scratch", "MiB");
    run(&w->provider, &small);
    expect_none(&rules, &chain);
    run(&w->provider, &any);
    expect_one(&rules, &chain, "disk-low", CRITICAL, "p1 scratch", "MiB");
    run(&w->provider, &over);
    expect_none(&rules, &chain);
}

static void certificates_are_watched(void **state)
{
    world *w = *state;
    char path[160];
    slk_rules rules = rules_of(&w->provider);
    rules.certificate_file = path;
    const slk_chain_sample chain = healthy(w);
    assert_int_equal(slk_net_make_certificate(w->folder, NULL, 0, NULL), SLK_OK);
    (void)snprintf(path, sizeof path, "%s/" SLK_CERTIFICATE_FILE, w->folder);
    slk_certificate_facts facts;
    assert_int_equal(slk_net_certificate_read(&facts, path, NULL, NULL), SLK_OK);
    w->now_ms = facts.not_after_ms - 15 * DAY_S * 1000;
    expect_none(&rules, &chain);
    w->now_ms = facts.not_after_ms - 13 * DAY_S * 1000;
    expect_one(&rules, &chain, "certificate-expiring", WARNING, "p1", "in 13 days");
    w->now_ms = facts.not_after_ms - 1 * DAY_S * 1000;
    expect_one(&rules, &chain, "certificate-expiring", CRITICAL, "p1", "in 1 days");
    w->now_ms = facts.not_after_ms + 3 * DAY_S * 1000;
    expect_one(&rules, &chain, "certificate-expiring", CRITICAL, "p1", "3 days ago");
    /* One rule that cannot be looked at makes the look not whole, and hides no other. */
    assert_int_equal(unlink(path), 0);
    run(&w->provider, &changes[5].sql);
    SLK_CLEANUP(slk_look_done) slk_look found = {0};
    slk_error error = {0};
    assert_int_equal(slk_rules_look(&found, &rules, &chain, &error), SLK_E_NOTFOUND);
    assert_false(found.whole);
    assert_int_equal(found.n, 1);
}

static json_t *board_stub(void *context)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"workers\":[{\"session\":\"6f6b1d0a-77\",\"host\":\"seal-1\",%s}]}",
                   (const char *)context);
    return json_loads(text, 0, NULL);
}

static void workers_are_watched(void **state)
{
    world *w = *state;
    const slk_chain_sample chain = healthy(w);
    slk_rules rules = rules_of(&w->provider);
    rules.workers.board = board_stub;
    char fine[] = "\"answers\":true,\"open\":true,\"silent_ms\":0,\"why\":\"\"";
    char away[] = "\"answers\":false,\"open\":true,\"silent_ms\":120000,\"why\":\"no answer\"";
    char short_away[] = "\"answers\":false,\"open\":true,\"silent_ms\":119999,\"why\":\"\"";
    char shut[] = "\"answers\":false,\"open\":false,\"silent_ms\":999999,"
                  "\"why\":\"closed by an operator\"";
    char lied[] = "\"answers\":true,\"open\":false,\"refuted\":true,\"silent_ms\":0,"
                  "\"why\":\"CommR differs\"";
    char *const silent[] = {fine, short_away, shut};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        rules.workers.context = silent[i];
        expect_none(&rules, &chain);
    }
    rules.workers.context = away;
    expect_one(&rules, &chain, "worker-away", WARNING, "p1 worker seal-1 6f6b1d0a",
               "for 2 min: no answer");
    rules.workers.context = lied;
    expect_one(&rules, &chain, "worker-refuted", CRITICAL, "p1 worker seal-1 6f6b1d0a",
               "CommR differs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_healthy_world_is_silent, make, unmake),
        cmocka_unit_test(each_change_raises_its_rule),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test_setup_teardown(stuck_is_measured, make, unmake),
        cmocka_unit_test_setup_teardown(renewals_are_urgent_near_the_end, make, unmake),
        cmocka_unit_test_setup_teardown(renewals_are_urgent_near_the_end, make, unmake),
        cmocka_unit_test_setup_teardown(the_heart_keeps_what_rules_need, make, unmake),
        cmocka_unit_test_setup_teardown(the_chain_is_watched, make, unmake),
        cmocka_unit_test_setup_teardown(a_clock_in_doubt_is_told, make, unmake),
        cmocka_unit_test_setup_teardown(money_is_watched, make, unmake),
        cmocka_unit_test_setup_teardown(disks_are_watched, make, unmake),
        cmocka_unit_test_setup_teardown(room_is_wanted_for_what_may_be_ordered, make, unmake),
        cmocka_unit_test_setup_teardown(certificates_are_watched, make, unmake),
        cmocka_unit_test_setup_teardown(workers_are_watched, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
