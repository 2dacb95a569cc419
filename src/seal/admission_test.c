/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who gets a place, and who does not: terms, disk, slots, and everything at once from many threads. */
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "db/args.h"
#include "seal/disk.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* The refusal of an order, "" when it was accepted. */
static const char *order(world *w, uint64_t sp_id, uint64_t number, const char *slot)
{
    static _Thread_local char reason[SLK_SEAL_REASON_CHARS];
    slk_seal_sector s = {sp_id, number, WORLD_PROOF};
    bool accepted = false;
    slk_error error = {0};
    if (slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, slot, &s, &error) !=
        SLK_OK)
        fail_msg("%s", error.message);
    assert_int_equal(accepted, reason[0] == '\0');
    return reason;
}

static bool slot(world *w, char out[SLK_SLOT_CHARS])
{
    bool available = false;
    slk_error error = {0};
    if (slk_provider_available(&available, out, w->provider.seal, w->partner_id, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return available;
}

static void set(world *w, unsigned what, slk_partner_terms terms)
{
    slk_error error = {0};
    if (slk_partner_set(w->provider.seal, w->partner_id, what, &terms, &error) != SLK_OK)
        fail_msg("%s", error.message);
}

static const slk_sql remaining = {"test.remaining",
                                  "SELECT allowance_remaining FROM rseal_delegated_partners"};
static const slk_sql count_rows = {"test.rows", "SELECT count(*) FROM rseal_provider_pipeline"};
static const slk_sql count_slots = {"test.slots", "SELECT count(*) FROM rseal_provider_slots"};
static const slk_sql set_reserved = {"test.reserve",
                                     "UPDATE rseal_provider_pipeline SET reserved_bytes = $1"};

static int64_t number_of(world *w, const slk_sql *sql)
{
    int64_t number = -1;
    assert_int_equal(slk_sql_number(&number, w->provider.db, sql, NULL, 0, NULL), SLK_OK);
    return number;
}

static void reserve(world *w, int64_t bytes)
{
    int64_t changes = 0;
    assert_int_equal(
        slk_sql_run(w->provider.db, &set_reserved, SLK_ARGS(slk_arg_i(bytes)), &changes, NULL),
        SLK_OK);
    assert_int_equal(changes, 1);
}

static void clean(world *w, uint64_t sp_id, uint64_t number)
{
    assert_int_equal(slk_provider_cleanup(w->provider.seal, w->partner_id, sp_id, number, NULL),
                     SLK_OK);
    world_turn(w);
}

/* ---- terms ---- */

static void terms_of_time(void **state)
{
    world *w = *state;
    char token[SLK_SLOT_CHARS];
    set(w, SLK_TERM_EXPIRY, (slk_partner_terms){.expires_ms = w->now_ms + 1000});
    assert_true(slot(w, token));
    assert_string_equal(order(w, WORLD_SP, 1, ""), "");
    w->now_ms += 1000;
    char late[SLK_SLOT_CHARS];
    assert_false(slot(w, late));
    assert_string_equal(order(w, WORLD_SP, 2, ""), "the agreement with this partner has ended");
    assert_string_equal(order(w, WORLD_SP, 2, token), "the agreement with this partner has ended");
    assert_string_equal(order(w, WORLD_SP, 1, ""), ""); /* what was accepted stays so */
    slk_partner p;
    assert_int_equal(slk_provider_authorize(&p, w->provider.seal, w->token, NULL), SLK_OK);
    set(w, SLK_TERM_EXPIRY, (slk_partner_terms){.expires_ms = 0});
    assert_string_equal(order(w, WORLD_SP, 2, ""), "");
}

static void terms_of_miners(void **state)
{
    world *w = *state;
    char token[SLK_SLOT_CHARS];
    static const slk_partner_miner miners[] = {{1000, 2}, {1001, 0}}, one[] = {{1000, 2}};
    set(w, SLK_TERM_MINERS, (slk_partner_terms){.miners = miners, .miners_n = 2});
    assert_string_equal(order(w, 1000, 1, ""), "");
    assert_true(slot(w, token));
    assert_string_equal(order(w, 1000, 2, token), "");
    assert_true(slot(w, token)); /* for the other miner */
    assert_string_equal(order(w, 1000, 3, token),
                        "miner f01000 has 2 of 2 sectors here: clean one up first");
    assert_string_equal(order(w, 1002, 1, token), "this partner may not order for miner f01002");
    assert_string_equal(order(w, 1001, 1, token), ""); /* the refusals did not take the slot */
    set(w, SLK_TERM_MINERS, (slk_partner_terms){.miners = one, .miners_n = 1});
    assert_false(slot(w, token)); /* its only miner is full */
    clean(w, 1000, 1);
    assert_true(slot(w, token));
    assert_string_equal(order(w, 1000, 3, token), "");
    set(w, SLK_TERM_MINERS, (slk_partner_terms){0});
    assert_string_equal(order(w, 1002, 1, ""), "");
    assert_int_equal(number_of(w, &remaining), 5);
}

static void terms_of_proofs(void **state)
{
    world *w = *state;
    char token[SLK_SLOT_CHARS];
    static const int64_t other[] = {6};
    w->provider.options.seal_proofs[1] = 6;
    w->provider.options.seal_proofs_n = 2;
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    set(w, SLK_TERM_PROOFS, (slk_partner_terms){.proofs = other, .proofs_n = 1});
    assert_true(slot(w, token));
    assert_string_equal(order(w, WORLD_SP, 1, token), "proof type 5 not allowed for this partner");
    set(w, SLK_TERM_PROOFS, (slk_partner_terms){0});
    assert_string_equal(order(w, WORLD_SP, 1, token), "");
}

/* All terms at once, each where it belongs; a term that is not named stays. */
static void terms_are_kept(void **state)
{
    world *w = *state;
    static const slk_partner_miner miners[] = {{1000, 2}, {1001, 0}};
    static const int64_t proofs[] = {WORLD_PROOF};
    set(w, ~0u,
        (slk_partner_terms){.url = "https://new",
                            .allowance_remaining = 7,
                            .allowance_total = 3,
                            .proofs = proofs,
                            .proofs_n = 1,
                            .miners = miners,
                            .miners_n = 2,
                            .weight = 9,
                            .expires_ms = w->now_ms + 99});
    set(w, SLK_TERM_WEIGHT, (slk_partner_terms){.weight = 4});
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 4096);
    assert_int_equal(slk_view_partners(&text, w->provider.seal, NULL), SLK_OK);
    static const char *const parts[] = {"\"url\":\"https://new\"",
                                        "\"allowance_remaining\":7",
                                        "\"allowance_total\":3",
                                        "\"proofs\":[5]",
                                        "{\"sp_id\":1000,\"max_sectors\":2",
                                        "\"weight\":4",
                                        "\"expires_ms\":17000000000",
                                        "{\"sp_id\":1001,\"max_sectors\":0"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strstr(slk_buf_str(&text), parts[i]))
            fail_msg("%s is not in %s", parts[i], slk_buf_str(&text));
}

/* ---- disk ---- */

static int64_t reserved(world *w)
{
    slk_disk disk;
    assert_int_equal(slk_disk_look(&disk, w->provider.db, w->provider.seal, NULL), SLK_OK);
    return slk_i64(disk.sectors_bytes + disk.slots_bytes);
}

static void until(world *w, uint64_t number, const char *state)
{
    char text[32];
    for (unsigned i = 0; i < 400 && strcmp(world_state(&w->provider, number, text), state); i++) {
        uint64_t ran = 0;
        assert_int_equal(slk_seal_run_ready(&ran, w->provider.seal, 1, NULL), SLK_OK);
        w->now_ms += ran == 0 ? 1000 : 0;
    }
    assert_string_equal(world_state(&w->provider, number, text), state);
}

static void disk_is_reserved(void **state)
{
    world *w = *state;
    const int64_t peak = slk_i64(slk_disk_peak_bytes(WORLD_PROOF));
    char token[SLK_SLOT_CHARS];
    assert_int_equal(peak, 2048 * 6); /* two layers */
    assert_int_equal(reserved(w), 0);
    assert_true(slot(w, token));
    assert_int_equal(reserved(w), peak);
    assert_string_equal(order(w, WORLD_SP, 1, token), ""); /* the promise becomes the sector's */
    assert_int_equal(reserved(w), peak);
    assert_true(slot(w, token));
    assert_int_equal(reserved(w), 2 * peak);
    w->now_ms += 30000;
    assert_int_equal(reserved(w), peak);
    until(w, 1, "labeled");
    assert_true(reserved(w) < peak); /* what lies on disk is not promised any more */
    until(w, 1, "sealed");
    assert_int_equal(reserved(w), slk_disk_c1_bytes(WORLD_PROOF));
    clean(w, WORLD_SP, 1);
    assert_int_equal(reserved(w), 0);
}

/* What was promised to others is not there, though nothing of it is written yet. */
static void disk_promised_is_not_free(void **state)
{
    world *w = *state;
    char token[SLK_SLOT_CHARS];
    slk_disk disk;
    assert_int_equal(slk_disk_look(&disk, w->provider.db, w->provider.seal, NULL), SLK_OK);
    assert_string_equal(order(w, WORLD_SP, 1, ""), "");
    reserve(w, slk_i64(disk.free_bytes) * 2);
    assert_false(slot(w, token));
    assert_string_equal(order(w, WORLD_SP, 2, ""), "there is no disk space for this sector now");
    /* Nor does its SDR begin; when there is room again, it goes on by itself. */
    for (unsigned i = 0; i < 10; i++)
        world_turn(w);
    char at[32];
    assert_string_equal(world_state(&w->provider, 1, at), "ticketed");
    assert_int_equal(w->calls[OP_PC1], 0);
    reserve(w, 9);
    until(w, 1, "sealed");
}

/* What lies in another node's folder takes nothing of ours. */
static void disk_of_another_node(void **state)
{
    world *w = *state;
    static const slk_sql move = {"test.move", "UPDATE rseal_provider_pipeline SET folder_id = 'x'"};
    assert_string_equal(order(w, WORLD_SP, 1, ""), "");
    assert_int_equal(reserved(w), slk_disk_peak_bytes(WORLD_PROOF)); /* it may come here */
    assert_int_equal(slk_sql_run(w->provider.db, &move, NULL, 0, NULL, NULL), SLK_OK);
    assert_int_equal(reserved(w), 0);
}

/* Files grow while a stage runs: the reservation follows. */
static void disk_shrinks_meanwhile(void **state)
{
    world *w = *state;
    char folder[200], path[240], zero[8192] = {0};
    assert_string_equal(order(w, WORLD_SP, 1, ""), "");
    until(w, 1, "labeled");
    const int64_t peak = slk_i64(slk_disk_peak_bytes(WORLD_PROOF));
    reserve(w, 12288);
    (void)snprintf(folder, sizeof folder, "%s/cache/s-t01000-1", w->provider.scratch);
    (void)snprintf(path, sizeof path, "%s/grown", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(zero, 1, sizeof zero, file), sizeof zero);
    assert_int_equal(fclose(file), 0);
    const uint64_t used = slk_path_used_bytes(folder);
    assert_true(used >= 8192);
    assert_int_equal(slk_disk_shrink_all(w->provider.seal, NULL), SLK_OK);
    assert_true(reserved(w) <= peak - 8192);
    assert_int_equal(unlink(path), 0);
    const int64_t shrunk = reserved(w);
    assert_int_equal(slk_disk_shrink_all(w->provider.seal, NULL), SLK_OK);
    assert_int_equal(reserved(w), shrunk); /* never grows by itself */
}

/* ---- many at once ---- */

#define RACERS 64u

/* A server that is asked over a socket takes longer: fewer tries say the same there. */
static unsigned races(void)
{
    return place_is_server() ? 50 : 1000;
}

#ifdef __SANITIZE_ADDRESS__
#define RUNS 2u
#else
#define RUNS 20u
#endif

/* How often the whole is repeated: SELKIE_TEST_RUNS, or what does not take long. */
static unsigned runs(void)
{
    const char *text = getenv("SELKIE_TEST_RUNS");
    return text ? (unsigned)strtoul(text, NULL, 10) : place_is_server() ? 2 : RUNS;
}

struct race {
    world *w;
    world_node *node; /* asked; several are on one server */
    atomic_uint *accepted;
    atomic_llong *most; /* active at once, as anybody ever saw it */
    unsigned id;
};

static const slk_sql look = {
    "test.look", "SELECT (SELECT count(*) FROM rseal_provider_pipeline WHERE after_cleanup = 0) +"
                 " (SELECT count(*) FROM rseal_provider_slots WHERE expires_ms > $1)"};

/* A database that is asked too much at once may say so; anything else is a mistake. */
static bool done(slk_err code)
{
    if (code != SLK_OK && code != SLK_E_BUSY) {
        (void)fprintf(stderr, "unexpected: %s\n", slk_err_name(code));
        abort();
    }
    return code == SLK_OK;
}

static void look_around(struct race *r)
{
    int64_t active = 0;
    if (!done(slk_sql_number(&active, r->node->db, &look, SLK_ARGS(slk_arg_i(r->w->now_ms)), NULL)))
        return;
    long long seen = atomic_load(r->most);
    while (active > seen && !atomic_compare_exchange_weak(r->most, &seen, active))
        ;
}

static void clean_up(struct race *r, uint64_t number)
{
    uint64_t made;
    bool ran = true;
    slk_seal *seal = r->node->seal;
    while (!done(slk_provider_cleanup(seal, r->w->partner_id, WORLD_SP, number, NULL)))
        ;
    (void)done(slk_task_schedule(&made, seal, NULL));
    while (ran)
        (void)done(slk_task_run_one(&ran, seal, SLK_CLASS_CALL, NULL));
}

static void *racer(void *arg)
{
    struct race *r = arg;
    slk_seal *seal = r->node->seal;
    uint64_t mine = 0;
    for (unsigned i = 0; i < races(); i++) {
        slk_seal_sector s = {WORLD_SP, 1 + r->id * 1000 + i, WORLD_PROOF};
        bool accepted = false;
        char reason[SLK_SEAL_REASON_CHARS], token[SLK_SLOT_CHARS] = "";
        /* Half of them ask for a slot first; all that were let in leave again some tries later. */
        if (i % 2 && !done(slk_provider_available(&accepted, token, seal, r->w->partner_id, NULL)))
            continue;
        if (!done(slk_provider_order(&accepted, reason, seal, r->w->partner_id, token, &s, NULL)))
            accepted = false;
        if (accepted) {
            atomic_fetch_add(r->accepted, 1);
            look_around(r);
        }
        if (accepted && mine)
            clean_up(r, mine);
        mine = accepted ? s.number : mine;
        if (mine && i % 8 == 7) {
            clean_up(r, mine);
            mine = 0;
        }
    }
    return NULL;
}

/* 64 threads, 1000 orders each, 100 left of which 30 may be here at once. */
static void race_once(void)
{
    world *w = world_new();
    w->provider.options.capacity_sectors = 1000;
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    world_node second = w->provider;
    second.options.node_name = "p2";
    if (place_is_server())
        world_node_open(&second);
    set(w, SLK_TERM_ALLOWANCE,
        (slk_partner_terms){.allowance_remaining = 100, .allowance_total = 30});
    atomic_uint accepted = 0;
    atomic_llong most = 0;
    pthread_t threads[RACERS];
    struct race races[RACERS];
    for (unsigned i = 0; i < RACERS; i++) {
        world_node *node = place_is_server() && i % 2 ? &second : &w->provider;
        races[i] = (struct race){w, node, &accepted, &most, i};
        assert_int_equal(pthread_create(&threads[i], NULL, racer, &races[i]), 0);
    }
    for (unsigned i = 0; i < RACERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_in_range(atomic_load(&most), 1, 30);
    assert_int_equal(atomic_load(&accepted), 100);
    assert_int_equal(number_of(w, &count_rows), 100);
    assert_int_equal(number_of(w, &remaining), 0);
    assert_string_equal(order(w, WORLD_SP, 99999999, ""), "the partner's allowance is used up");
    if (place_is_server())
        world_node_close(&second);
    world_free(w);
}

static void allowance_race(void **state)
{
    (void)state;
    for (unsigned i = 0; i < runs(); i++)
        race_once();
    (void)printf("# %u runs of %u orders\n", runs(), RACERS * races());
}

/* A client that asks for slots and never orders. */
static void slot_burst(void **state)
{
    world *w = *state;
    char token[SLK_SLOT_CHARS];
    set(w, SLK_TERM_ALLOWANCE,
        (slk_partner_terms){.allowance_remaining = 100000, .allowance_total = 100000});
    unsigned given = 0;
    size_t before = 0;
    for (unsigned i = 0; i < 10 * races(); i++) {
        given += slot(w, token) ? 1 : 0;
        if (i == races())
            before = mallinfo2().uordblks;
    }
    assert_int_equal(given, 16); /* the capacity */
    assert_in_range(mallinfo2().uordblks, 0, before + 65536);
    assert_int_equal(number_of(w, &count_slots), 16);
    w->now_ms += 29999;
    assert_false(slot(w, token));
    w->now_ms += 1;
    assert_true(slot(w, token));
    /* Over the days the table does not grow either. */
    for (unsigned i = 0; i < 10; i++) {
        w->now_ms += 30000;
        while (slot(w, token))
            ;
    }
    assert_in_range(number_of(w, &count_slots), 16, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(terms_of_time, make, unmake),
        cmocka_unit_test_setup_teardown(terms_of_miners, make, unmake),
        cmocka_unit_test_setup_teardown(terms_of_proofs, make, unmake),
        cmocka_unit_test_setup_teardown(terms_are_kept, make, unmake),
        cmocka_unit_test_setup_teardown(disk_is_reserved, make, unmake),
        cmocka_unit_test_setup_teardown(disk_promised_is_not_free, make, unmake),
        cmocka_unit_test_setup_teardown(disk_of_another_node, make, unmake),
        cmocka_unit_test_setup_teardown(disk_shrinks_meanwhile, make, unmake),
        cmocka_unit_test(allowance_race),
        cmocka_unit_test_setup_teardown(slot_burst, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
