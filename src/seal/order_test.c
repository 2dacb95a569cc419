/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls that come twice, late or in another order: every arrangement of up to six of order, complete,
 * finalize and cleanup, and longer ones drawn at random. Whatever comes in whatever order: one row, one
 * step of the allowance, each stage once, and the end that the calls ask for. */
#include "base/clock.h"
#include "base/file.h"
#include "db/args.h"
#include "seal/world_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 16u

enum { ORDER, COMPLETE, FINALIZE, CLEANUP, CALLS };
static const char letter[CALLS] = {'o', 'c', 'f', 'u'};

/* One sector, and what its calls must have come to. */
struct story {
    world *w;
    uint64_t number;
    bool work_between; /* the provider does all it can after each call, or after the last */
    char told[LENGTH_MAX + 1];
    size_t n;
    bool ordered, finalized, cleaned, completed;
    bool done; /* sealed by now */
};

static const slk_sql count_row = {"test.row", "SELECT count(*) FROM rseal_provider_pipeline"
                                              " WHERE sector_number = $1"};
static const slk_sql count_twice = {
    "test.twice", "SELECT count(*) FROM (SELECT event FROM sector_event WHERE sector_number = $1"
                  " AND from_state IS NOT NULL AND from_state <> to_state GROUP BY role, event"
                  " HAVING count(*) > 1) x"};
static const slk_sql left = {"test.left",
                             "SELECT allowance_remaining FROM rseal_delegated_partners"};
/* As if it had been ordered: what the provider makes of it is told by the calls. */
static const slk_sql set_ordered = {"test.ordered",
                                    "UPDATE rseal_client_pipeline SET state = 'ordered',"
                                    " after_delegate = 1, provider_id = $1"
                                    " WHERE sector_number = $2"};
static const slk_sql set_placed = {"test.placed",
                                   "INSERT INTO rseal_client_placement (sp_id, sector_number,"
                                   " provider_id, ordered_ms) VALUES ($1, $2, $3, 1)"};

static int64_t number_of(slk_db *db, const slk_sql *sql, uint64_t number)
{
    int64_t v = -1;
    const bool any = strchr(sql->text, '$') != NULL;
    const slk_arg arg = slk_arg_u(number);
    assert_int_equal(slk_sql_number(&v, db, sql, &arg, any ? 1 : 0, NULL), SLK_OK);
    return v;
}

static void work(world *w)
{
    uint64_t ran = 1;
    slk_error error = {0};
    while (ran > 0) {
        if (slk_seal_run_ready(&ran, w->provider.seal, 100, &error) != SLK_OK)
            fail_msg("%s", error.message);
    }
}

static const slk_seal_completion completion = {
    .tree_d_cid = "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy",
    .tree_r_cid = "bagboea4b5abcaeirceirceirceirceirceirceirceirceirceirceirceirceib",
    .ticket_epoch = 4100,
};

static void call(struct story *s, unsigned what)
{
    slk_seal *seal = s->w->provider.seal;
    const int64_t partner = s->w->partner_id;
    const slk_seal_sector sector = {WORLD_SP, s->number, WORLD_PROOF};
    char reason[SLK_SEAL_REASON_CHARS];
    bool accepted = false;
    slk_err code = SLK_OK;
    s->told[s->n++] = letter[what];
    if (what == ORDER)
        code = slk_provider_order(&accepted, reason, seal, partner, "", &sector, NULL);
    else if (what == COMPLETE)
        code = slk_client_complete(s->w->client.seal, s->w->token, WORLD_SP, s->number, &completion,
                                   NULL);
    else if (what == FINALIZE)
        code = slk_provider_finalize(seal, partner, WORLD_SP, s->number, NULL);
    else
        code = slk_provider_cleanup(seal, partner, WORLD_SP, s->number, NULL);
    const bool early = what == FINALIZE && s->ordered && !s->cleaned && !s->done;
    const slk_err expected = what == COMPLETE || what == ORDER ? SLK_OK
                             : !s->ordered                     ? SLK_E_NOTFOUND
                             : early                           ? SLK_E_BUSY
                                                               : SLK_OK;
    if (code != expected)
        fail_msg("%s: %s instead of %s", s->told, slk_err_name(code), slk_err_name(expected));
    if (what == ORDER && accepted != !(s->cleaned && s->work_between))
        fail_msg("%s: accepted %d", s->told, accepted);
    s->ordered = s->ordered || what == ORDER;
    s->completed = s->completed || what == COMPLETE;
    s->finalized = s->finalized || (what == FINALIZE && s->done && !s->cleaned);
    s->cleaned = s->cleaned || (what == CLEANUP && s->ordered);
    if (s->work_between) {
        work(s->w);
        s->done = s->ordered;
    }
}

static void expect_file(const struct story *s, const char *what, bool there)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s/s-t01000-%lu", s->w->provider.scratch, what,
                   (unsigned long)s->number);
    if (slk_file_exists(path) != there)
        fail_msg("%s: %s is%s there", s->told, path, there ? " not" : "");
}

/* What must be, whatever the order was. */
static void judge(const struct story *s, int64_t left_before, unsigned labeled_before)
{
    world *w = s->w;
    char state[32];
    const bool sealed = s->ordered && (s->work_between || !s->cleaned);
    const char *end = !s->ordered    ? ""
                      : s->cleaned   ? "cleaned"
                      : s->finalized ? "finalized"
                                     : "sealed";
    if (number_of(w->provider.db, &count_row, s->number) != s->ordered)
        fail_msg("%s: no single row", s->told);
    if (number_of(w->provider.db, &left, 0) != left_before - s->ordered)
        fail_msg("%s: the allowance went from %ld to %ld", s->told, (long)left_before,
                 (long)number_of(w->provider.db, &left, 0));
    if (strcmp(world_state(&w->provider, s->number, state), end) != 0)
        fail_msg("%s: ends %s, not %s", s->told, state, end);
    if (w->calls[OP_PC1] - labeled_before != sealed)
        fail_msg("%s: labeled %u times", s->told, w->calls[OP_PC1] - labeled_before);
    if (number_of(w->provider.db, &count_twice, s->number) != 0 ||
        number_of(w->client.db, &count_twice, s->number) != 0)
        fail_msg("%s: a step was taken twice", s->told);
    if (strcmp(world_state(&w->client, s->number, state), s->completed ? "sealed" : "ordered"))
        fail_msg("%s: the client's is %s", s->told, state);
    expect_file(s, "sealed", s->ordered && !s->cleaned);
    expect_file(s, "cache", s->ordered && !s->cleaned);
}

static void tell(world *w, bool work_between, const unsigned *calls, size_t n)
{
    struct story s = {.w = w, .work_between = work_between, .number = world_order(w)};
    int64_t changes = 0;
    assert_int_equal(
        slk_sql_run(w->client.db, &set_placed,
                    SLK_ARGS(slk_arg_u(WORLD_SP), slk_arg_u(s.number), slk_arg_i(w->provider_id)),
                    NULL, NULL),
        SLK_OK);
    assert_int_equal(slk_sql_run(w->client.db, &set_ordered,
                                 SLK_ARGS(slk_arg_i(w->provider_id), slk_arg_u(s.number)), &changes,
                                 NULL),
                     SLK_OK);
    assert_int_equal(changes, 1);
    const int64_t left_before = number_of(w->provider.db, &left, 0);
    const unsigned labeled_before = w->calls[OP_PC1];
    for (size_t i = 0; i < n; i++)
        call(&s, calls[i]);
    work(w);
    judge(&s, left_before, labeled_before);
}

/* Room for all of them; nothing is told by itself, so that the calls alone decide. */
static world *open_wide(void)
{
    world *w = world_new();
    w->provider.options.capacity_sectors = 100000;
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    const slk_partner_terms terms = {
        .url = "", .allowance_remaining = 100000, .allowance_total = 100000};
    assert_int_equal(slk_partner_set(w->provider.seal, w->partner_id,
                                     SLK_TERM_ALLOWANCE | SLK_TERM_URL, &terms, NULL),
                     SLK_OK);
    return w;
}

struct arranging {
    world *w;
    unsigned calls[LENGTH_MAX];
    size_t n;
    unsigned left[CALLS]; /* of each that may still come */
    unsigned stories, stride;
};

static void arrange(struct arranging *a)
{
    if (a->n > 0 && a->stories++ % a->stride == 0) {
        tell(a->w, false, a->calls, a->n);
        tell(a->w, true, a->calls, a->n);
    }
    for (unsigned what = 0; what < CALLS; what++) {
        if (a->left[what] == 0)
            continue;
        a->left[what]--;
        a->calls[a->n++] = what;
        arrange(a);
        a->n--;
        a->left[what]++;
    }
}

/* Order and cleanup come twice, complete and finalize once: 180 arrangements of all six, and those of
 * any part of them. */
static void every_arrangement(void **state)
{
    (void)state;
    struct arranging a = {.w = open_wide(),
                          .left = {[ORDER] = 2, [COMPLETE] = 1, [FINALIZE] = 1, [CLEANUP] = 2},
                          .stride = place_is_server() ? 31 : 1};
    arrange(&a);
    (void)printf("# %u arrangements, each twice\n", (a.stories - 1) / a.stride + 1);
    world_check(a.w);
    world_free(a.w);
}

static void random_arrangements(void **state)
{
    (void)state;
    world *w = open_wide();
    uint64_t seed = 1;
    const unsigned stories = place_is_server() ? 4 : 60;
    for (unsigned i = 0; i < stories; i++) {
        unsigned calls[LENGTH_MAX];
        for (size_t k = 0; k < LENGTH_MAX; k++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            calls[k] = (unsigned)(seed >> 33) % CALLS;
        }
        tell(w, i % 2, calls, LENGTH_MAX);
    }
    world_check(w);
    world_free(w);
}

/* ---- how long a refusal takes ---- */

#define TIMES 301u

static int compare_u64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t ask_as_another(world *w, int64_t partner, uint64_t number, bool order)
{
    const slk_seal_sector sector = {WORLD_SP, number, WORLD_PROOF};
    slk_seal_status status;
    char reason[SLK_SEAL_REASON_CHARS] = "";
    bool accepted = true;
    const uint64_t begin = slk_clock_monotonic_ns();
    if (order)
        assert_int_equal(
            slk_provider_order(&accepted, reason, w->provider.seal, partner, "", &sector, NULL),
            SLK_OK);
    else
        assert_int_equal(
            slk_provider_status(&status, w->provider.seal, partner, WORLD_SP, number, NULL),
            SLK_OK);
    const uint64_t took = slk_clock_monotonic_ns() - begin;
    if (order)
        assert_string_equal(reason, "there is no capacity for this sector");
    else
        assert_int_equal(status.state, SLK_SEAL_REMOTE_GONE);
    return took;
}

/* Of a sector that another has and of one that nobody has, in turn: the middle times are alike. */
static void refusals_take_as_long(void **state)
{
    (void)state;
    world *w = world_new();
    char token[SLK_TOKEN_CHARS], reason[SLK_SEAL_REASON_CHARS];
    int64_t other;
    bool accepted;
    const slk_partner_terms terms = {.allowance_remaining = 100, .allowance_total = 100};
    assert_int_equal(slk_partner_add(&other, token, w->provider.seal, "other", &terms, NULL),
                     SLK_OK);
    w->provider.options.capacity_sectors = 1; /* the one that is there: orders are refused */
    world_node_close(&w->provider);
    world_node_open(&w->provider);
    const slk_seal_sector sector = {WORLD_SP, 1, WORLD_PROOF};
    assert_int_equal(
        slk_provider_order(&accepted, reason, w->provider.seal, w->partner_id, "", &sector, NULL),
        SLK_OK);
    assert_true(accepted);
    for (int order = 0; order < 2; order++) {
        static uint64_t took[2][TIMES];
        for (unsigned i = 0; i < 2 * TIMES; i++) /* number 1 is the other's, 7 nobody's */
            took[i % 2][i / 2] = ask_as_another(w, other, i % 2 ? 7 : 1, order == 1);
        for (int k = 0; k < 2; k++)
            qsort(took[k], TIMES, sizeof took[k][0], compare_u64);
        const double foreign = (double)took[0][TIMES / 2] / 1e3,
                     none = (double)took[1][TIMES / 2] / 1e3;
        (void)printf("# %s: %.1f and %.1f us\n", order ? "order" : "status", foreign, none);
        /* Either is far below what the way there and back takes. */
        if (fabs(foreign - none) > 100 && (foreign > 2 * none || none > 2 * foreign))
            fail_msg("a foreign sector is told in %.1f us, none in %.1f us", foreign, none);
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_arrangement),
        cmocka_unit_test(random_arrangements),
        cmocka_unit_test(refusals_take_as_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
