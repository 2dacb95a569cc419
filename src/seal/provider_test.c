/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The provider's door: who may come in, how much, how often. */
#include "seal/provider.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "db/args.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
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

static bool order(world *w, int64_t partner, const char *slot, uint64_t number,
                  const char **ret_why)
{
    static _Thread_local char reason[SLK_SEAL_REASON_CHARS];
    slk_seal_sector s = {WORLD_SP, number, WORLD_PROOF};
    bool accepted = false;
    slk_error error = {0};
    if (slk_provider_order(&accepted, reason, w->provider.seal, partner, slot, &s, &error) !=
        SLK_OK)
        fail_msg("%s", error.message);
    if (ret_why)
        *ret_why = reason;
    return accepted;
}

static bool slot(world *w, int64_t partner, char out[SLK_SLOT_CHARS])
{
    bool available = false;
    slk_error error = {0};
    if (slk_provider_available(&available, out, w->provider.seal, partner, &error) != SLK_OK)
        fail_msg("%s", error.message);
    return available;
}

static int64_t remaining(world *w)
{
    slk_partner p;
    assert_int_equal(slk_provider_authorize(&p, w->provider.seal, w->token, NULL), SLK_OK);
    return p.allowance_remaining;
}

static int64_t add_partner(world *w, const char *name, int64_t allowance,
                           char token[SLK_TOKEN_CHARS])
{
    int64_t id;
    slk_partner_terms terms = {.allowance_remaining = allowance, .allowance_total = allowance};
    assert_int_equal(slk_partner_add(&id, token, w->provider.seal, name, &terms, NULL), SLK_OK);
    return id;
}

static void set_allowance(world *w, int64_t left, int64_t total)
{
    slk_partner_terms terms = {.allowance_remaining = left, .allowance_total = total};
    assert_int_equal(
        slk_partner_set(w->provider.seal, w->partner_id, SLK_TERM_ALLOWANCE, &terms, NULL), SLK_OK);
}

/* ---- tokens and partners ---- */

static void tokens(void **state)
{
    world *w = *state;
    slk_partner p;
    assert_int_equal(slk_provider_authorize(&p, w->provider.seal, w->token, NULL), SLK_OK);
    assert_int_equal(p.id, w->partner_id);
    assert_string_equal(p.name, "acme");
    assert_int_equal(slk_provider_authorize(&p, w->provider.seal, "", NULL), SLK_E_AUTH);
    assert_int_equal(slk_provider_authorize(&p, w->provider.seal, "' OR 1=1 --", NULL), SLK_E_AUTH);
    char fresh[SLK_TOKEN_CHARS];
    assert_int_equal(slk_partner_rotate(fresh, w->provider.seal, w->partner_id, 5000, NULL),
                     SLK_OK);
    assert_string_not_equal(fresh, w->token);
    assert_int_equal(slk_provider_authorize(&p, w->provider.seal, fresh, NULL), SLK_OK);
    assert_int_equal(slk_provider_authorize(&p, w->provider.seal, w->token, NULL), SLK_OK);
    w->now_ms += 5001;
    assert_int_equal(slk_provider_authorize(&p, w->provider.seal, w->token, NULL), SLK_E_AUTH);
    assert_int_equal(slk_provider_authorize(&p, w->provider.seal, fresh, NULL), SLK_OK);
}

static void partners(void **state)
{
    world *w = *state;
    slk_seal *seal = w->provider.seal;
    int64_t id;
    char token[SLK_TOKEN_CHARS];
    static const int64_t wrong[] = {8};
    static const slk_partner_miner twice[] = {{1000, 1}, {1000, 2}};
    const slk_partner_terms good = {.allowance_total = 1};
    const slk_partner_terms bad[] = {{.allowance_remaining = -1},
                                     {.allowance_total = 1000000001},
                                     {.proofs = wrong, .proofs_n = 1},
                                     {.weight = -1},
                                     {.weight = 1001},
                                     {.expires_ms = -1},
                                     {.miners = twice, .miners_n = 2}};
    assert_int_equal(slk_partner_add(&id, token, seal, "acme", &good, NULL), SLK_E_EXISTS);
    assert_int_equal(slk_partner_add(&id, token, seal, "ac\xc3", &good, NULL), SLK_E_INVAL);
    assert_int_equal(slk_partner_add(&id, token, seal, "ac\nme", &good, NULL), SLK_E_INVAL);
    assert_int_equal(slk_partner_add(&id, token, seal, "", &good, NULL), SLK_E_INVAL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(slk_partner_add(&id, token, seal, "x", &bad[i], NULL), SLK_E_INVAL);
    assert_int_equal(slk_partner_find(&id, seal, "acme", NULL), SLK_OK);
    assert_int_equal(id, w->partner_id);
    assert_int_equal(slk_partner_set(seal, 99, SLK_TERM_ALLOWANCE, &good, NULL), SLK_E_NOTFOUND);
    assert_true(order(w, id, "", 3, NULL));
    assert_int_equal(slk_partner_remove(seal, id, NULL), SLK_E_CONFLICT);
    assert_int_equal(slk_provider_cleanup(seal, id, WORLD_SP, 3, NULL), SLK_OK);
    world_turn(w);
    assert_int_equal(slk_partner_remove(seal, id, NULL), SLK_OK);
    assert_int_equal(slk_partner_remove(seal, id, NULL), SLK_E_NOTFOUND);
    slk_partner p;
    assert_int_equal(slk_provider_authorize(&p, seal, w->token, NULL), SLK_E_AUTH);
}

/* ---- slots and allowance ---- */

static void slots(void **state)
{
    world *w = *state;
    char a[SLK_SLOT_CHARS], b[SLK_SLOT_CHARS], other_token[SLK_TOKEN_CHARS];
    const char *why;
    int64_t other = add_partner(w, "other", 5, other_token);
    assert_true(slot(w, w->partner_id, a));
    assert_int_equal(strlen(a), 32);
    assert_false(order(w, other, a, 1, &why)); /* bound to its partner */
    assert_string_equal(why, "invalid or expired slot token");
    assert_true(order(w, w->partner_id, a, 1, NULL));
    assert_false(order(w, w->partner_id, a, 2, &why)); /* single use */
    assert_true(slot(w, w->partner_id, b));
    w->now_ms += 30000;
    assert_false(order(w, w->partner_id, b, 2, &why)); /* expired */
    assert_string_equal(why, "invalid or expired slot token");
    assert_false(order(w, w->partner_id, "garbage", 2, &why));
    assert_int_equal(remaining(w), 9);
}

static void slots_are_counted(void **state)
{
    world *w = *state;
    char token[SLK_SLOT_CHARS];
    set_allowance(w, 100, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_true(slot(w, w->partner_id, token));
    assert_false(slot(w, w->partner_id, token));
    assert_string_equal(token, "");
    assert_false(order(w, w->partner_id, "", 1, NULL)); /* all promised */
    w->now_ms += 30000; /* the promises are over */
    for (uint64_t i = 0; i < 3; i++)
        assert_true(order(w, w->partner_id, "", i, NULL));
    assert_false(slot(w, w->partner_id, token));
    assert_int_equal(slk_provider_cleanup(w->provider.seal, w->partner_id, WORLD_SP, 1, NULL),
                     SLK_OK);
    world_turn(w);
    assert_true(slot(w, w->partner_id, token));
}

static void capacity_of_all_partners(void **state)
{
    world *w = *state;
    char token[SLK_TOKEN_CHARS], s[SLK_SLOT_CHARS];
    int64_t other = add_partner(w, "other", 100, token);
    set_allowance(w, 100, 100);
    for (uint64_t i = 0; i < 16; i++)
        assert_true(order(w, i % 2 ? other : w->partner_id, "", i, NULL));
    assert_false(slot(w, other, s));
    assert_false(slot(w, w->partner_id, s));
}

static void allowance_is_used_up(void **state)
{
    world *w = *state;
    char a[SLK_SLOT_CHARS];
    set_allowance(w, 2, 10);
    assert_true(order(w, w->partner_id, "", 1, NULL));
    assert_true(order(w, w->partner_id, "", 1, NULL)); /* the same one again costs nothing */
    assert_int_equal(remaining(w), 1);
    assert_true(slot(w, w->partner_id, a));
    assert_false(slot(w, w->partner_id, a)); /* one left, one promised */
    assert_int_equal(remaining(w), 1);
    w->now_ms += 30000;
    assert_true(order(w, w->partner_id, "", 2, NULL));
    assert_false(order(w, w->partner_id, "", 3, NULL));
    assert_int_equal(remaining(w), 0);
    const char *why; /* a slot given before the operator took the allowance back */
    set_allowance(w, 1, 10);
    assert_true(slot(w, w->partner_id, a));
    set_allowance(w, 0, 10);
    assert_false(order(w, w->partner_id, a, 4, &why));
    assert_string_equal(why, "the partner's allowance is used up");
}

static void refused(void **state)
{
    world *w = *state;
    const char *why;
    bool accepted;
    char reason[SLK_SEAL_REASON_CHARS], token[SLK_TOKEN_CHARS];
    slk_seal_sector s = {WORLD_SP, 1, 8};
    assert_int_equal(
        slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, "", &s, NULL),
        SLK_OK);
    assert_false(accepted);
    assert_string_equal(reason, "proof type 8 not allowed for this partner");
    s = (slk_seal_sector){UINT64_MAX, 1, WORLD_PROOF};
    assert_int_equal(
        slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, "", &s, NULL),
        SLK_E_INVAL);
    s = (slk_seal_sector){WORLD_SP, UINT64_C(1) << 63, WORLD_PROOF};
    assert_int_equal(
        slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, "", &s, NULL),
        SLK_E_INVAL);
    int64_t other = add_partner(w, "other", 5, token);
    assert_true(order(w, w->partner_id, "", 1, NULL));
    assert_false(order(w, other, "", 1, &why)); /* taken by another, without saying so */
    assert_string_equal(why, "there is no capacity for this sector");
    slk_seal_status status;
    assert_int_equal(slk_provider_status(&status, w->provider.seal, other, WORLD_SP, 1, NULL),
                     SLK_OK);
    assert_int_equal(status.state, SLK_SEAL_REMOTE_GONE);
    assert_int_equal(slk_provider_cleanup(w->provider.seal, other, WORLD_SP, 1, NULL),
                     SLK_E_NOTFOUND);
    assert_int_equal(slk_provider_finalize(w->provider.seal, other, WORLD_SP, 1, NULL),
                     SLK_E_NOTFOUND);
    assert_int_equal(slk_provider_cleanup(w->provider.seal, other, WORLD_SP, UINT64_MAX, NULL),
                     SLK_E_NOTFOUND);
}

/* A 64 GiB sector takes about a terabyte of scratch: no test machine's memory disk has that. */
static void disk_is_looked_at(void **state)
{
    world *w = *state;
    bool accepted = true;
    char reason[SLK_SEAL_REASON_CHARS];
    w->provider.options.seal_proofs[1] = 9;
    w->provider.options.seal_proofs_n = 2;
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    slk_seal_sector s = {WORLD_SP, 1, 9};
    assert_int_equal(
        slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, "", &s, NULL),
        SLK_OK);
    assert_false(accepted);
    assert_string_equal(reason, "there is no disk space for this sector now");
    assert_int_equal(remaining(w), 10);
    assert_true(order(w, w->partner_id, "", 2, NULL));
}

/* ---- races ---- */

#define RACERS 8u
#define RACES 60u

struct race {
    world *w;
    unsigned id;
    atomic_uint *accepted;
    bool with_slots;
};

static const slk_sql active_sql = {
    "test.active", "SELECT (SELECT count(*) FROM rseal_provider_pipeline WHERE after_cleanup = 0) +"
                   " (SELECT count(*) FROM rseal_provider_slots WHERE expires_ms > $1)"};

static void *racer(void *arg)
{
    struct race *r = arg;
    world *w = r->w;
    for (unsigned i = 0; i < RACES; i++) {
        char token[SLK_SLOT_CHARS] = "";
        if (r->with_slots && !slot(w, w->partner_id, token))
            continue;
        slk_seal_sector s = {WORLD_SP, r->id * RACES + i, WORLD_PROOF};
        bool accepted = false;
        char reason[SLK_SEAL_REASON_CHARS];
        if (slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, token, &s,
                               NULL) == SLK_OK &&
            accepted)
            atomic_fetch_add(r->accepted, 1);
        int64_t active = 0;
        if (slk_sql_number(&active, w->provider.db, &active_sql, SLK_ARGS(slk_arg_i(w->now_ms)),
                           NULL) != SLK_OK ||
            active > 12)
            atomic_fetch_add(r->accepted, 1000000);
    }
    return NULL;
}

static void race_for(world *w, bool with_slots, unsigned expected)
{
    atomic_uint accepted = 0;
    pthread_t threads[RACERS];
    struct race races[RACERS];
    for (unsigned i = 0; i < RACERS; i++) {
        races[i] = (struct race){w, i + (with_slots ? 0 : RACERS), &accepted, with_slots};
        assert_int_equal(pthread_create(&threads[i], NULL, racer, &races[i]), 0);
    }
    for (unsigned i = 0; i < RACERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&accepted), expected);
}

static void many_at_the_door(void **state)
{
    world *w = *state;
    set_allowance(w, 20, 12);
    race_for(w, true, 12); /* the total is the bound */
    assert_int_equal(remaining(w), 8);
    set_allowance(w, 0, 100);
    race_for(w, false, 0);
    assert_int_equal(remaining(w), 0);
}

/* ---- fair share ---- */

/* Sectors that have had their turn, of all but the first `from` in the order of their turns, by
 * partner. */
static const slk_sql turns = {"test.turns",
                              "SELECT count(*) FROM (SELECT partner_id FROM rseal_provider_pipeline"
                              " WHERE started_ms IS NOT NULL ORDER BY started_ms, sector_number"
                              " LIMIT $1) x WHERE partner_id = $2"};

static int64_t turns_of(world *w, int64_t partner, int64_t among)
{
    int64_t n = 0;
    assert_int_equal(slk_sql_number(&n, w->provider.db, &turns,
                                    SLK_ARGS(slk_arg_i(among), slk_arg_i(partner)), NULL),
                     SLK_OK);
    return n;
}

/* One task at a time, time passing, until so many sectors had their turn. */
static void run_turns(world *w, int64_t count)
{
    static const slk_sql started = {"test.started", "SELECT count(*) FROM rseal_provider_pipeline"
                                                    " WHERE started_ms IS NOT NULL"};
    int64_t n = 0;
    for (unsigned i = 0; i < 4000 && n < count; i++) {
        uint64_t ran;
        assert_int_equal(slk_seal_run_ready(&ran, w->provider.seal, 1, NULL), SLK_OK);
        w->now_ms += 1;
        assert_int_equal(slk_sql_number(&n, w->provider.db, &started, NULL, 0, NULL), SLK_OK);
    }
    assert_true(n >= count);
}

static void fair_share(void **state)
{
    world *w = *state;
    char token[SLK_TOKEN_CHARS];
    w->provider.options.capacity_sectors = 1000;
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    set_allowance(w, 1000, 1000);
    int64_t other = add_partner(w, "other", 1000, token);
    const slk_partner_terms three = {.weight = 3};
    assert_int_equal(
        slk_partner_set(w->provider.seal, w->partner_id, SLK_TERM_WEIGHT, &three, NULL), SLK_OK);
    for (uint64_t i = 0; i < 40; i++) /* who comes first gets nothing out of it */
        assert_true(order(w, other, "", i, NULL));
    for (uint64_t i = 40; i < 80; i++)
        assert_true(order(w, w->partner_id, "", i, NULL));
    run_turns(w, 40);
    assert_in_range(turns_of(w, w->partner_id, 40), 29, 31);
    assert_in_range(turns_of(w, w->partner_id, 8), 5, 7); /* from the start on */
    /* A third that was idle all the time has its part from now on, and no more. */
    int64_t late = add_partner(w, "late", 1000, token);
    for (uint64_t i = 80; i < 100; i++)
        assert_true(order(w, late, "", i, NULL));
    run_turns(w, 50); /* of 4 : 1 : 1 parts with 10 turns */
    assert_in_range(turns_of(w, late, 50), 1, 3);
    assert_in_range(turns_of(w, w->partner_id, 50) - turns_of(w, w->partner_id, 40), 5, 7);
    run_turns(w, 100); /* whoever is alone has everything */
}

/* A client that cannot be reached keeps nobody out. */
static void silent_client(void **state)
{
    world *w = *state;
    char token[SLK_TOKEN_CHARS], text[32];
    int64_t other = add_partner(w, "other", 10, token); /* has no address: our own chain's ticket */
    world_fail(w, OP_CLIENT_TICKET, 0, 100000, SLK_E_UNREACHABLE);
    const slk_partner_terms heavy = {.weight = 1000};
    assert_int_equal(
        slk_partner_set(w->provider.seal, w->partner_id, SLK_TERM_WEIGHT, &heavy, NULL), SLK_OK);
    w->provider.ops.chain.head = NULL; /* and there is none to fall back to … */
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    for (uint64_t i = 0; i < 8; i++)
        assert_true(order(w, w->partner_id, "", i, NULL));
    for (unsigned i = 0; i < 20; i++)
        world_turn(w);
    assert_string_equal(world_state(&w->provider, 0, text), "ordered");
    w->fail_count = 0; /* … until now */
    assert_true(order(w, other, "", 50, NULL));
    static const slk_sql address = {"test.address",
                                    "UPDATE rseal_delegated_partners SET"
                                    " partner_url = 'https://client' WHERE id = $1"};
    assert_int_equal(slk_sql_run(w->provider.db, &address, SLK_ARGS(slk_arg_i(other)), NULL, NULL),
                     SLK_OK);
    for (unsigned i = 0; i < 3 && strcmp(world_state(&w->provider, 50, text), "sealed"); i++)
        world_turn(w);
    assert_string_equal(world_state(&w->provider, 50, text), "sealed");
}

/* ---- the life of an order ---- */

static void until(world *w, uint64_t number, const char *state)
{
    char text[32];
    for (unsigned i = 0; i < 100 && strcmp(world_state(&w->provider, number, text), state); i++)
        world_turn(w);
    assert_string_equal(world_state(&w->provider, number, text), state);
}

static slk_err commit1(world *w, uint64_t number, uint8_t seed_byte, char *out8)
{
    uint8_t seed[32];
    memset(seed, seed_byte, sizeof seed);
    SLK_CLEANUP(slk_closep) int fd = -1;
    uint64_t bytes = 0;
    slk_err code = slk_provider_commit1(&fd, &bytes, w->provider.seal, w->partner_id, WORLD_SP,
                                        number, INT64_MIN, seed, NULL, NULL);
    if (code == SLK_OK) {
        assert_int_equal(bytes, 32);
        assert_int_equal(pread(fd, out8, 8, 0), 8);
    }
    return code;
}

static void c1_until_finalize(void **state)
{
    world *w = *state;
    char first[8], again[8];
    assert_true(order(w, w->partner_id, "", 5, NULL));
    assert_int_equal(commit1(w, 5, 1, first), SLK_E_BUSY);
    assert_int_equal(commit1(w, 6, 1, first), SLK_E_NOTFOUND);
    assert_int_equal(slk_provider_finalize(w->provider.seal, w->partner_id, WORLD_SP, 5, NULL),
                     SLK_E_BUSY);
    until(w, 5, "sealed");
    assert_int_equal(commit1(w, 5, 1, first), SLK_OK);
    assert_int_equal(commit1(w, 5, 1, again), SLK_OK);
    assert_memory_equal(first, again, 8);
    assert_int_equal(w->work[OP_C1], 1); /* made once per seed */
    for (uint8_t seed = 2; seed < 10; seed++)
        assert_int_equal(commit1(w, 5, seed, again), SLK_OK);
    assert_int_equal(commit1(w, 5, 1, again), SLK_OK); /* was pushed out, is made again */
    assert_int_equal(w->work[OP_C1], 10);
    assert_memory_equal(first, again, 8);
    assert_int_equal(slk_provider_finalize(w->provider.seal, w->partner_id, WORLD_SP, 5, NULL),
                     SLK_OK);
    assert_int_equal(slk_provider_finalize(w->provider.seal, w->partner_id, WORLD_SP, 5, NULL),
                     SLK_OK);
    until(w, 5, "finalized");
    assert_int_equal(commit1(w, 5, 1, again), SLK_OK); /* kept */
    assert_int_equal(commit1(w, 5, 77, again), SLK_E_CONFLICT);
    slk_provider_files files;
    assert_int_equal(
        slk_provider_get_files(&files, w->provider.seal, w->partner_id, WORLD_SP, 5, NULL), SLK_OK);
    assert_int_equal(files.sector_bytes, 64);
    assert_true(slk_file_exists(files.sealed_path));
    slk_provider_files_done(&files);
    world_check(w);
}

static void is_canceled_meanwhile(world *w, slk_job *job)
{
    assert_false(job->canceled);
    assert_int_equal(slk_provider_cancel(w->provider.seal, w->partner_id, WORLD_SP, 5, NULL),
                     SLK_OK);
}

/* Else its files would be in use for as long as a worker that is away is waited for. */
static void a_c1_ends_with_its_sector(void **state)
{
    world *w = *state;
    const uint8_t seed[32] = {1};
    slk_job job;
    int fd = -1;
    uint64_t bytes = 0;
    slk_job_init(&job);
    assert_true(order(w, w->partner_id, "", 5, NULL));
    until(w, 5, "sealed");
    w->in_c1 = is_canceled_meanwhile;
    assert_int_equal(slk_provider_commit1(&fd, &bytes, w->provider.seal, w->partner_id, WORLD_SP, 5,
                                          INT64_MIN, seed, &job, NULL),
                     SLK_E_CANCELED);
    until(w, 5, "cleaned");
    world_check(w);
}

static void lose_layers(world *w, uint64_t number)
{
    slk_seal_places places = {0};
    assert_int_equal(slk_seal_places_of(&places,
                                        slk_seal_get_options(w->provider.seal)->scratch_folder,
                                        WORLD_SP, number, NULL),
                     SLK_OK);
    SLK_CLEANUP(slk_freep) char *layer = slk_strf("%s/layer-1", places.cache);
    assert_int_equal(unlink(layer), 0);
    slk_seal_places_done(&places);
}

/* Nobody can make a C1 any more: the sector is labelled again, and is what it was. */
static void lost_layers_are_made_again(void **state)
{
    world *w = *state;
    slk_seal *seal = w->provider.seal;
    char c1[8], again[8], text[32];
    slk_seal_status before = {0}, after = {0};
    slk_provider_files files;
    slk_error error = {0};
    assert_true(order(w, w->partner_id, "", 5, NULL));
    until(w, 5, "sealed");
    assert_int_equal(commit1(w, 5, 1, c1), SLK_OK);
    assert_int_equal(slk_provider_status(&before, seal, w->partner_id, WORLD_SP, 5, NULL), SLK_OK);
    lose_layers(w, 5);
    assert_int_equal(commit1(w, 5, 2, again), SLK_E_BUSY);
    assert_string_equal(world_state(&w->provider, 5, text), "ticketed");
    world_check(w);
    /* Meanwhile a client waits: with C1 as with the files. */
    assert_int_equal(commit1(w, 5, 2, again), SLK_E_BUSY);
    assert_int_equal(slk_provider_get_files(&files, seal, w->partner_id, WORLD_SP, 5, NULL),
                     SLK_E_BUSY);
    until(w, 5, "sealed");
    assert_int_equal(commit1(w, 5, 2, again), SLK_OK);
    assert_int_equal(commit1(w, 5, 1, again), SLK_OK);
    assert_memory_equal(c1, again, 8);
    assert_int_equal(slk_provider_status(&after, seal, w->partner_id, WORLD_SP, 5, NULL), SLK_OK);
    assert_string_equal(after.completion.tree_r_cid, before.completion.tree_r_cid);
    assert_memory_equal(after.completion.ticket, before.completion.ticket, 32);
    /* A third time the disk, or the worker, is not to be trusted any more. */
    lose_layers(w, 5);
    assert_int_equal(commit1(w, 5, 3, again), SLK_E_BUSY);
    until(w, 5, "sealed");
    lose_layers(w, 5);
    assert_int_equal(commit1(w, 5, 3, again), SLK_E_CONFLICT);
    assert_true(world_failed(&w->provider, 5, text));
    assert_string_equal(text, "layers-lost");
    assert_int_equal(commit1(w, 5, 3, again), SLK_E_CONFLICT);
    world_check(w);
    assert_int_equal(slk_provider_retry(seal, WORLD_SP, 5, &error), SLK_OK);
    assert_int_equal(commit1(w, 5, 3, again), SLK_E_BUSY);
    until(w, 5, "sealed");
    assert_int_equal(commit1(w, 5, 3, again), SLK_OK);
    world_check(w);
}

/* Finalize and cleanup in any order and number: the same end, nothing deleted too early. */
static void replayed_and_reordered(void **state)
{
    world *w = *state;
    slk_seal *seal = w->provider.seal;
    int64_t p = w->partner_id;
    assert_true(order(w, p, "", 4, NULL));
    until(w, 4, "sealed");
    assert_int_equal(slk_provider_cleanup(seal, p, WORLD_SP, 4, NULL), SLK_OK);
    assert_int_equal(slk_provider_finalize(seal, p, WORLD_SP, 4, NULL), SLK_OK);
    assert_int_equal(slk_provider_cleanup(seal, p, WORLD_SP, 4, NULL), SLK_OK);
    until(w, 4, "cleaned");
    assert_int_equal(slk_provider_cleanup(seal, p, WORLD_SP, 4, NULL), SLK_OK);
    assert_int_equal(slk_provider_finalize(seal, p, WORLD_SP, 4, NULL), SLK_OK);
    char c1[8];
    assert_int_equal(commit1(w, 4, 1, c1), SLK_E_NOTFOUND);
    const char *why;
    assert_false(order(w, p, "", 4, &why)); /* a late order does not start it anew */
    assert_int_equal(remaining(w), 9);
    assert_int_equal(w->work[OP_PC1], 1);
    world_check(w);
}

static void cleanup_stops_the_work(void **state)
{
    world *w = *state;
    assert_true(order(w, w->partner_id, "", 4, NULL));
    uint64_t ran;
    assert_int_equal(slk_seal_run_ready(&ran, w->provider.seal, 1, NULL), SLK_OK); /* ticket */
    assert_int_equal(slk_provider_cleanup(w->provider.seal, w->partner_id, WORLD_SP, 4, NULL),
                     SLK_OK);
    until(w, 4, "cleaned");
    assert_int_equal(w->work[OP_PC1], 0);
}

static void cleaned_by_timeout(void **state)
{
    world *w = *state;
    char text[32];
    assert_true(order(w, w->partner_id, "", 4, NULL));
    until(w, 4, "sealed");
    w->now_ms += INT64_C(71) * 3600 * 1000;
    world_turn(w);
    assert_string_equal(world_state(&w->provider, 4, text), "sealed");
    char c1[8]; /* the client shows that it is alive: another 72 h */
    assert_int_equal(commit1(w, 4, 1, c1), SLK_OK);
    w->now_ms += INT64_C(71) * 3600 * 1000;
    world_turn(w);
    assert_string_equal(world_state(&w->provider, 4, text), "sealed");
    w->now_ms += INT64_C(1) * 3600 * 1000;
    until(w, 4, "cleaned");
    assert_true(order(w, w->partner_id, "", 5, NULL));
    world_fail(w, OP_PC1, 0, 1000, SLK_E_UNSUPPORTED);
    for (unsigned i = 0; i < 10; i++)
        world_turn(w);
    assert_true(world_failed(&w->provider, 5, text));
    slk_seal_status status;
    assert_int_equal(
        slk_provider_status(&status, w->provider.seal, w->partner_id, WORLD_SP, 5, NULL), SLK_OK);
    assert_int_equal(status.state, SLK_SEAL_REMOTE_FAILED);
    assert_string_equal(status.fail_reason, "sdr");
    w->now_ms += INT64_C(73) * 3600 * 1000;
    until(w, 5, "cleaned"); /* a failed row does not count for ever */
    world_check(w);
}

/* Damaged layers are labelled again, twice; then the disk is to blame. */
static void damaged_layers(void **state)
{
    world *w = *state;
    char text[32];
    assert_true(order(w, w->partner_id, "", 4, NULL));
    world_fail(w, OP_PC2, 0, 2, SLK_E_CORRUPT);
    until(w, 4, "sealed");
    assert_int_equal(w->calls[OP_PC1], 3);
    assert_true(order(w, w->partner_id, "", 6, NULL));
    world_fail(w, OP_PC2, 0, 1, SLK_E_NOTFOUND); /* files that are gone are made again, too */
    until(w, 6, "sealed");
    assert_int_equal(w->calls[OP_PC1], 5);
    assert_true(order(w, w->partner_id, "", 5, NULL));
    world_fail(w, OP_PC2, 0, 1000, SLK_E_CORRUPT);
    for (unsigned i = 0; i < 200 && !world_failed(&w->provider, 5, text); i++)
        world_turn(w);
    assert_true(world_failed(&w->provider, 5, text));
    assert_string_equal(text, "trees");
}

static void ticket_is_checked(void **state)
{
    world *w = *state;
    char text[32];
    w->provider.options.clients_on_our_chain = true;
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    assert_true(order(w, w->partner_id, "", 4, NULL));
    until(w, 4, "sealed");
    static const slk_sql source = {"test.source",
                                   "SELECT ticket_source FROM rseal_provider_pipeline"};
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    assert_int_equal(slk_sql_row(&q, w->provider.db, &source, NULL, 0, "row", NULL), SLK_OK);
    slk_sql_copy_text(text, sizeof text, &q, 0);
    assert_string_equal(text, "client");
}

/* ---- the client's callback ---- */

static void callback_and_poll_converge(void **state)
{
    world *w = *state;
    char text[32];
    slk_seal_status status;
    uint64_t number = world_order(w);
    const slk_partner_terms no_url = {.url = ""};
    assert_int_equal(slk_partner_set(w->provider.seal, w->partner_id, SLK_TERM_URL, &no_url, NULL),
                     SLK_OK);
    world_fail(w, OP_STATUS, 0, 100000, SLK_E_UNREACHABLE);
    until(w, number, "sealed");
    assert_int_equal(
        slk_provider_status(&status, w->provider.seal, w->partner_id, WORLD_SP, number, NULL),
        SLK_OK);
    slk_seal *c = w->client.seal;
    slk_seal_completion done = status.completion, wrong = done;
    (void)snprintf(wrong.tree_r_cid, sizeof wrong.tree_r_cid, "%s", done.tree_d_cid);
    assert_int_equal(slk_client_complete(c, "unknown", WORLD_SP, number, &done, NULL), SLK_E_AUTH);
    assert_int_equal(slk_client_complete(c, w->token, WORLD_SP, 9, &done, NULL), SLK_E_NOTFOUND);
    assert_int_equal(slk_client_complete(c, w->token, WORLD_SP, UINT64_MAX, &done, NULL),
                     SLK_E_NOTFOUND);
    assert_int_equal(slk_client_complete(c, w->token, WORLD_SP, number, &wrong, NULL), SLK_E_INVAL);
    assert_string_equal(world_state(&w->client, number, text), "ordered");
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(slk_client_complete(c, w->token, WORLD_SP, number, &done, NULL), SLK_OK);
    assert_string_equal(world_state(&w->client, number, text), "sealed");
    world_run(w, number, "proving", 200);
    assert_int_equal(slk_client_complete(c, w->token, WORLD_SP, number, &done, NULL), SLK_OK);
    assert_string_equal(world_state(&w->client, number, text), "proving");
    uint8_t ticket[32];
    int64_t epoch;
    assert_int_equal(slk_client_ticket(ticket, &epoch, c, 77, NULL), SLK_E_NOTFOUND);
    assert_int_equal(slk_client_ticket(ticket, &epoch, c, WORLD_SP, NULL), SLK_OK);
    assert_int_equal(epoch, w->head - 900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tokens, make, unmake),
        cmocka_unit_test_setup_teardown(partners, make, unmake),
        cmocka_unit_test_setup_teardown(slots, make, unmake),
        cmocka_unit_test_setup_teardown(slots_are_counted, make, unmake),
        cmocka_unit_test_setup_teardown(capacity_of_all_partners, make, unmake),
        cmocka_unit_test_setup_teardown(allowance_is_used_up, make, unmake),
        cmocka_unit_test_setup_teardown(refused, make, unmake),
        cmocka_unit_test_setup_teardown(disk_is_looked_at, make, unmake),
        cmocka_unit_test_setup_teardown(many_at_the_door, make, unmake),
        cmocka_unit_test_setup_teardown(fair_share, make, unmake),
        cmocka_unit_test_setup_teardown(silent_client, make, unmake),
        cmocka_unit_test_setup_teardown(c1_until_finalize, make, unmake),
        cmocka_unit_test_setup_teardown(a_c1_ends_with_its_sector, make, unmake),
        cmocka_unit_test_setup_teardown(lost_layers_are_made_again, make, unmake),
        cmocka_unit_test_setup_teardown(replayed_and_reordered, make, unmake),
        cmocka_unit_test_setup_teardown(cleanup_stops_the_work, make, unmake),
        cmocka_unit_test_setup_teardown(cleaned_by_timeout, make, unmake),
        cmocka_unit_test_setup_teardown(damaged_layers, make, unmake),
        cmocka_unit_test_setup_teardown(ticket_is_checked, make, unmake),
        cmocka_unit_test_setup_teardown(callback_and_poll_converge, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
