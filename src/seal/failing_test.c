/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Allocations fail in the life of a sector, from its order until it is proven: one at a time, spread over
 * all of them. The work is done again, and the sector ends proving with one message of each kind. */
#include "seal/world_test.h"
#include "support/slk_failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEW 30u
#define TURNS 3000u

/* A life in which the n-th allocation fails; how many there were. */
static uint64_t live(uint64_t n)
{
    char state[32], reason[32] = "";
    world *w = world_new();
    const uint64_t number = world_order(w);
    w->disk_full = true; /* nodes may say that a look at their tasks failed */
    slk_failing_alloc_at(n, false);
    world_run(w, number, "proving", TURNS);
    const uint64_t seen = slk_failing_alloc_seen();
    slk_failing_alloc_at(0, false);
    if (strcmp(world_state(&w->client, number, state), "proving") != 0)
        fail_msg("allocation %" PRIu64 ": %s, %s", n, state,
                 world_failed(&w->client, number, reason) ? reason : "not failed");
    assert_int_equal(world_messages(w, number, false), 1);
    assert_int_equal(world_messages(w, number, true), 1);
    world_check(w);
    world_free(w);
    return seen;
}

static void allocations_of_a_life(void **state)
{
    (void)state;
    const uint64_t all = live(0);
    const uint64_t step = getenv("SELKIE_TEST_ALL") || all < FEW ? 1 : all / FEW;
    assert_true(all > FEW);
    for (uint64_t n = 1; n <= all; n += step)
        (void)live(n);
    print_message("%" PRIu64 " allocations, every %" PRIu64 ". failed\n", all, step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_of_a_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
