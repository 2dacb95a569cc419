/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every state and event of both pipelines against the diagram of state.h, written out once more. */
#include "seal/state.h"

#include "base/mem.h"
#include "db/args.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

/* "from event to", as the header draws them. */
static const char *const drawn[] = {
    "provider ordered ticketed ticketed",
    "provider ticketed labeled labeled",
    "provider labeled relabel ticketed",
    "provider labeled trees_done sealed",
    "provider sealed relabel ticketed",
    "provider sealed notified sealed",
    "provider sealed finalize_asked sealed",
    "provider sealed finalized finalized",
    "provider finalized notified finalized",
    "client new ordered ordered",
    "client new refused new",
    "client new reorder new",
    "client ordered reorder new",
    "client sealed reorder new",
    "client fetched reorder new",
    "client verified reorder new",
    "client precommit_sent reorder new",
    "client ordered sealed sealed",
    "client sealed fetched fetched",
    "client fetched verified verified",
    "client fetched refetch sealed",
    "client verified precommit_sent precommit_sent",
    "client verified precommitted precommitted",
    "client precommit_sent precommitted precommitted",
    "client precommit_sent precommit_again verified",
    "client precommitted precommit_again verified",
    "client precommitted seeded seeded",
    "client seeded vanilla vanilla",
    "client seeded reseed precommitted",
    "client vanilla proven proven",
    "client vanilla reseed precommitted",
    "client proven commit_sent commit_sent",
    "client proven reseed precommitted",
    "client vanilla c1_again seeded",
    "client proven c1_again seeded",
    "client proven prove_again vanilla",
    "client commit_sent commit_again proven",
    "client commit_sent reseed precommitted",
    "client proving released proving",
};

static bool is_drawn(slk_state from, slk_event event, slk_state to)
{
    char line[128];
    (void)snprintf(line, sizeof line, "%s %s %s %s", slk_pipeline_name(slk_state_pipeline(from)),
                   slk_state_name(from), slk_event_name(event), slk_state_name(to));
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++)
        if (strcmp(drawn[i], line) == 0)
            return true;
    bool provider = slk_state_pipeline(from) == SLK_PIPELINE_PROVIDER;
    if (provider && from != SLK_PS_CLEANED && event == SLK_EV_CLEANUP_ASKED)
        return to == from;
    if (provider && from != SLK_PS_CLEANED && event == SLK_EV_CLEANED)
        return to == SLK_PS_CLEANED;
    if (!provider && event == SLK_EV_ON_CHAIN && from >= SLK_CS_VERIFIED && from != SLK_CS_PROVING)
        return to == SLK_CS_PROVING;
    bool checked = from >= SLK_CS_VERIFIED && from != SLK_CS_PROVING;
    if (!provider && event == SLK_EV_REFETCH && checked)
        return to == SLK_CS_SEALED;
    if (!provider && event == SLK_EV_RECHECK && checked)
        return to == SLK_CS_FETCHED;
    if (!provider && event == SLK_EV_LET_GO)
        return to == from;
    if (event == SLK_EV_RENEWED)
        return from >= SLK_CS_SEALED && from < SLK_CS_PROVING && to == from;
    return event == SLK_EV_FAILED && from != SLK_PS_CLEANED && from != SLK_CS_PROVING && to == from;
}

static void every_pair(void **unused)
{
    (void)unused;
    unsigned edges = 0;
    for (slk_state from = 0; from < SLK_STATE_COUNT; from++) {
        for (slk_event event = 0; event < SLK_EVENT_COUNT; event++) {
            slk_state to = SLK_STATE_COUNT;
            bool edge = slk_state_edge(&to, from, false, event);
            bool known = false;
            for (slk_state t = 0; t < SLK_STATE_COUNT; t++)
                known = known || is_drawn(from, event, t);
            if (edge != known || (edge && !is_drawn(from, event, to)))
                fail_msg("%s %s: the table says %d, the picture %d", slk_state_name(from),
                         slk_event_name(event), edge, known);
            edges += edge;
        }
    }
    /* the list, cleanup, cleaned, on_chain, refetch, recheck, renewed, let_go, failed */
    assert_int_equal(edges, sizeof drawn / sizeof *drawn + 5 + 5 + 7 + 7 + 7 + 9 + 12 + 5 + 11);
}

/* With the brake on: retry, clean-up, release and renewal, nothing else. */
static void every_pair_failed(void **unused)
{
    (void)unused;
    for (slk_state from = 0; from < SLK_STATE_COUNT; from++) {
        bool provider = slk_state_pipeline(from) == SLK_PIPELINE_PROVIDER;
        for (slk_event event = 0; event < SLK_EVENT_COUNT; event++) {
            slk_state to = SLK_STATE_COUNT;
            bool edge = slk_state_edge(&to, from, true, event);
            bool allowed =
                (!provider && event == SLK_EV_LET_GO) ||
                (event == SLK_EV_RENEWED && from >= SLK_CS_SEALED && from < SLK_CS_PROVING) ||
                (from != SLK_PS_CLEANED &&
                 (event == SLK_EV_RETRY ||
                  (provider && (event == SLK_EV_CLEANUP_ASKED || event == SLK_EV_CLEANED)) ||
                  (!provider && event == SLK_EV_RELEASED)));
            assert_int_equal(edge, allowed);
            if (edge)
                assert_int_equal(to, event == SLK_EV_CLEANED ? SLK_PS_CLEANED : from);
        }
    }
}

static void names_are_unique(void **unused)
{
    (void)unused;
    for (slk_state a = 0; a < SLK_STATE_COUNT; a++) {
        slk_state parsed;
        assert_true(slk_state_parse(&parsed, slk_state_pipeline(a), slk_state_name(a)));
        assert_int_equal(parsed, a);
    }
    slk_state none;
    assert_false(slk_state_parse(&none, SLK_PIPELINE_CLIENT, "finalized"));
}

/* ---- the same through the database ---- */

static const slk_sql set_state[2] = {
    {"test.set_provider",
     "UPDATE rseal_provider_pipeline SET state = $1, failed = $2, after_sdr = 0"},
    {"test.set_client", "UPDATE rseal_client_pipeline SET state = $1, failed = $2"},
};
static const slk_sql count_events = {"test.events", "SELECT count(*) FROM sector_event"};

static slk_err apply_body(slk_db *db, void *context, slk_error *error)
{
    return slk_state_apply(db, context, error);
}

static void apply_pair(world *w, slk_state from, bool failed, slk_event event)
{
    bool client = slk_state_pipeline(from) == SLK_PIPELINE_CLIENT;
    slk_db *db = client ? w->client.db : w->provider.db;
    assert_int_equal(slk_sql_run(db, &set_state[client],
                                 SLK_ARGS(slk_arg_t(slk_state_name(from)), slk_arg_i(failed)), NULL,
                                 NULL),
                     SLK_OK);
    slk_change change = {.pipeline = slk_state_pipeline(from),
                         .sp_id = WORLD_SP,
                         .number = 0,
                         .event = event,
                         .actor = "test",
                         .node = "n",
                         .detail = "why",
                         .now_ms = 1,
                         .failed_reason = "because"};
    int64_t before = 0, after = 0;
    assert_int_equal(slk_sql_number(&before, db, &count_events, NULL, 0, NULL), SLK_OK);
    slk_state to = from, now;
    bool brake;
    bool edge = slk_state_edge(&to, from, failed, event);
    slk_err code = slk_db_tx(db, apply_body, &change, NULL);
    assert_int_equal(code, edge ? SLK_OK : SLK_E_CONFLICT);
    assert_int_equal(slk_state_read(&now, &brake, db, change.pipeline, WORLD_SP, 0, NULL), SLK_OK);
    assert_int_equal(now, edge ? to : from);
    bool expected = event == SLK_EV_FAILED && edge  ? true
                    : event == SLK_EV_RETRY && edge ? false
                                                    : failed;
    assert_int_equal(brake, expected);
    assert_int_equal(slk_sql_number(&after, db, &count_events, NULL, 0, NULL), SLK_OK);
    assert_int_equal(after - before, edge ? 1 : 0);
}

static void every_pair_applied(void **unused)
{
    (void)unused;
    world *w = world_new();
    bool accepted;
    char reason[SLK_SEAL_REASON_CHARS];
    uint64_t number = world_order(w);
    slk_seal_sector sector = {WORLD_SP, number, WORLD_PROOF};
    assert_int_equal(
        slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, "", &sector, NULL),
        SLK_OK);
    assert_true(accepted);
    for (slk_state from = 0; from < SLK_STATE_COUNT; from++)
        for (slk_event event = 0; event < SLK_EVENT_COUNT; event++) {
            apply_pair(w, from, false, event);
            apply_pair(w, from, true, event);
        }
    slk_change missing = {.pipeline = SLK_PIPELINE_CLIENT,
                          .sp_id = WORLD_SP,
                          .number = 77,
                          .event = SLK_EV_ORDERED,
                          .actor = "test",
                          .node = "n",
                          .detail = ""};
    assert_int_equal(slk_db_tx(w->client.db, apply_body, &missing, NULL), SLK_E_NOTFOUND);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair),
        cmocka_unit_test(every_pair_failed),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(every_pair_applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
