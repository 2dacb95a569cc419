/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/permit.h"

#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int make(void **state)
{
    world *w = world_new();
    assert_int_equal(slk_partner_permits_only(w->provider.db, w->partner_id, NULL), SLK_OK);
    *state = w;
    return 0;
}

static int unmake(void **state)
{
    world_free(*state);
    return 0;
}

/* ---- one change in a transaction ---- */

struct change {
    world *w;
    slk_err (*body)(slk_db *db, struct change *c, slk_error *error);
    int64_t partner_id;
    uint64_t number;
    int64_t seal_proof;
    bool withheld, unused;
};

static slk_err change_body(slk_db *db, void *context, slk_error *error)
{
    struct change *c = context;
    return c->body(db, c, error);
}

static slk_err add_body(slk_db *db, struct change *c, slk_error *error)
{
    const slk_seal_sector sector = {WORLD_SP, c->number, c->seal_proof};
    return slk_permit_add(db, c->partner_id, &sector, c->withheld, error);
}

static slk_err drop_body(slk_db *db, struct change *c, slk_error *error)
{
    return slk_permit_drop(&c->unused, db, c->partner_id, WORLD_SP, c->number, error);
}

static slk_err hand_over_body(slk_db *db, struct change *c, slk_error *error)
{
    return slk_provider_hand_over(db, c->w->provider.seal, WORLD_SP, c->number, 0, error);
}

static slk_err change(world *w, struct change *c)
{
    c->w = w;
    return slk_db_tx(w->provider.db, change_body, c, NULL);
}

static slk_err permit(world *w, int64_t partner_id, uint64_t number, bool withheld)
{
    struct change c = {.body = add_body,
                       .partner_id = partner_id,
                       .number = number,
                       .seal_proof = WORLD_PROOF,
                       .withheld = withheld};
    return change(w, &c);
}

static bool drop(world *w, int64_t partner_id, uint64_t number)
{
    struct change c = {.body = drop_body, .partner_id = partner_id, .number = number};
    assert_int_equal(change(w, &c), SLK_OK);
    return c.unused;
}

static slk_err hand_over(world *w, uint64_t number)
{
    struct change c = {.body = hand_over_body, .number = number};
    return change(w, &c);
}

/* ---- what is seen ---- */

static int64_t remaining(world *w)
{
    slk_partner p;
    assert_int_equal(slk_provider_authorize(&p, w->provider.seal, w->token, NULL), SLK_OK);
    return p.allowance_remaining;
}

static bool order(world *w, uint64_t number, int64_t seal_proof, char reason[256])
{
    const slk_seal_sector s = {WORLD_SP, number, seal_proof};
    bool accepted = false;
    assert_int_equal(
        slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, "", &s, NULL),
        SLK_OK);
    return accepted;
}

static slk_permit_look look(world *w, uint64_t number)
{
    slk_permit_look l;
    assert_int_equal(slk_permit_look_at(&l, w->provider.db, w->partner_id, WORLD_SP, number, NULL),
                     SLK_OK);
    return l;
}

static slk_seal_remote_state status(world *w, uint64_t number)
{
    slk_seal_status s;
    assert_int_equal(
        slk_provider_status(&s, w->provider.seal, w->partner_id, WORLD_SP, number, NULL), SLK_OK);
    assert_true(s.has_completion == (s.state == SLK_SEAL_REMOTE_COMPLETE));
    return s.state;
}

static slk_err files(world *w, uint64_t number)
{
    slk_provider_files f = {0};
    const slk_err code =
        slk_provider_get_files(&f, w->provider.seal, w->partner_id, WORLD_SP, number, NULL);
    slk_provider_files_done(&f);
    return code;
}

static slk_err commit1(world *w, uint64_t number)
{
    const uint8_t seed[32] = {1};
    uint64_t bytes = 0;
    int fd = -1;
    const slk_err code = slk_provider_commit1(&fd, &bytes, w->provider.seal, w->partner_id,
                                              WORLD_SP, number, 7, seed, NULL, NULL);
    if (code == SLK_OK)
        (void)close(fd);
    return code;
}

/* ---- the tests ---- */

static void test_only_permitted(void **state)
{
    world *w = *state;
    char why[SLK_SEAL_REASON_CHARS];
    const int64_t before = remaining(w);
    assert_int_equal(permit(w, w->partner_id, 3, false), SLK_OK);
    assert_int_equal(remaining(w), before + 1);
    assert_false(order(w, 4, WORLD_PROOF, why));
    assert_string_equal(why, "this sector is part of no order");
    assert_false(order(w, 3, WORLD_PROOF + 5, why)); /* not as another kind either */
    assert_int_equal(look(w, 3).state, SLK_PERMIT_UNUSED);
    assert_true(order(w, 3, WORLD_PROOF, why));
    assert_true(order(w, 3, WORLD_PROOF, why));
    assert_int_equal(remaining(w), before);
    assert_int_equal(look(w, 3).state, SLK_PERMIT_SEALING);
}

/* A number is one partner's, whoever comes first, by permit or by order. */
static void test_taken(void **state)
{
    world *w = *state;
    int64_t other = 0;
    char token[SLK_TOKEN_CHARS], why[SLK_SEAL_REASON_CHARS];
    const slk_partner_terms terms = {.allowance_remaining = 5, .allowance_total = 5};
    assert_int_equal(slk_partner_add(&other, token, w->provider.seal, "beta", &terms, NULL),
                     SLK_OK);
    assert_int_equal(permit(w, w->partner_id, 3, false), SLK_OK);
    assert_int_equal(permit(w, w->partner_id, 3, false), SLK_E_EXISTS);
    assert_int_equal(permit(w, other, 3, false), SLK_E_EXISTS);
    const slk_seal_sector s = {WORLD_SP, 9, WORLD_PROOF};
    bool accepted = false;
    assert_int_equal(slk_provider_order(&accepted, why, w->provider.seal, other, "", &s, NULL),
                     SLK_OK);
    assert_true(accepted);
    assert_int_equal(permit(w, w->partner_id, 9, false), SLK_E_EXISTS);
    slk_permit_look l;
    assert_int_equal(slk_permit_look_at(&l, w->provider.db, other, WORLD_SP, 3, NULL),
                     SLK_E_NOTFOUND);
    assert_int_equal(permit(w, 999, 10, false), SLK_E_CONFLICT); /* no such partner */
}

static void test_dropped(void **state)
{
    world *w = *state;
    char why[SLK_SEAL_REASON_CHARS];
    const int64_t before = remaining(w);
    assert_int_equal(permit(w, w->partner_id, 3, false), SLK_OK);
    assert_true(drop(w, w->partner_id, 3));
    assert_int_equal(remaining(w), before);
    assert_false(order(w, 3, WORLD_PROOF, why));
    assert_int_equal(permit(w, w->partner_id, 3, false), SLK_OK);
    assert_true(order(w, 3, WORLD_PROOF, why));
    assert_false(drop(w, w->partner_id, 3));
    assert_int_equal(remaining(w), before);
}

static void until_sealed(world *w, uint64_t number)
{
    for (unsigned i = 0; i < 200 && look(w, number).state != SLK_PERMIT_SEALED; i++)
        world_turn(w);
    assert_int_equal(look(w, number).state, SLK_PERMIT_SEALED);
    for (unsigned i = 0; i < 100; i++) /* time for whoever would tell the client */
        world_turn(w);
}

static void test_withheld(void **state)
{
    world *w = *state;
    uint64_t number = 99;
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(permit(w, w->partner_id, i, true), SLK_OK);
    assert_int_equal(slk_client_order(&number, w->client.seal, WORLD_SP, WORLD_PROOF, 0, NULL),
                     SLK_OK);
    assert_int_equal(hand_over(w, number), SLK_E_NOTFOUND);
    world_turn(w);
    world_turn(w);
    if (look(w, number).state == SLK_PERMIT_SEALING)
        assert_int_equal(hand_over(w, number), SLK_E_CONFLICT);
    until_sealed(w, number);
    assert_true(look(w, number).withheld && look(w, number).was_sealed);
    assert_int_equal(status(w, number), SLK_SEAL_REMOTE_TREES);
    assert_int_equal(files(w, number), SLK_E_NOTFOUND);
    assert_int_equal(commit1(w, number), SLK_E_BUSY);
    assert_int_equal(w->calls[OP_COMPLETE], 0);
    assert_int_equal(w->calls[OP_FETCH], 0);
    for (unsigned i = 0; i < 100; i++) { /* hours, beyond any lease */
        w->now_ms += 3600000 - 1000;
        world_turn(w);
    }
    assert_int_equal(look(w, number).state, SLK_PERMIT_SEALED);
    assert_int_equal(hand_over(w, number), SLK_OK);
    assert_int_equal(hand_over(w, number), SLK_OK);
    assert_false(look(w, number).withheld);
    assert_int_equal(status(w, number), SLK_SEAL_REMOTE_COMPLETE);
    assert_int_equal(files(w, number), SLK_OK);
    assert_int_equal(commit1(w, number), SLK_OK);
    world_run(w, number, "proving", 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_permitted, make, unmake),
        cmocka_unit_test_setup_teardown(test_taken, make, unmake),
        cmocka_unit_test_setup_teardown(test_dropped, make, unmake),
        cmocka_unit_test_setup_teardown(test_withheld, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
