/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What was checked while it arrived counts, unless other bytes came in its place. */
#include "seal/arrival.h"

#include "seal/seal_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sched.h>
#include <string.h>

#define BYTES 2048

typedef struct node {
    slk_seal seal;
    slk_gate checked; /* 1: the check has come to its answer */
    bool has_no_end; /* it goes on until it is canceled */
} node;

static slk_err check_replica(void *ctx, bool *ret_valid, char *why, const slk_seal_sector *sector,
                             const slk_seal_commitments *comm, const uint8_t ticket[32],
                             const slk_seal_paths *paths, slk_gate *arriving, slk_job *job,
                             slk_error *error)
{
    (void)why;
    (void)sector;
    (void)comm;
    (void)ticket;
    (void)paths;
    node *n = ctx;
    if (!slk_gate_wait(arriving, BYTES))
        return slk_fail(error, SLK_E_CANCELED, "no more comes");
    *ret_valid = true;
    (void)slk_gate_raise(&n->checked, 1);
    while (n->has_no_end && slk_job_check(job, NULL) == SLK_OK)
        (void)sched_yield();
    return slk_job_check(job, error);
}

typedef enum course { GOOD, NOT_FETCHED, CANCELED, ANEW_AFTER_CHECK, ANEW_BEFORE_CHECK } course;

/* Whether the replica counts as checked after a fetch of that course. */
static bool counts_after(course what)
{
    static const slk_seal_sector sector = {.sp_id = 1000, .number = 7};
    static const slk_seal_commitments comm = {.comm_r = {1}};
    static const slk_seal_paths paths;
    static const uint8_t ticket[32];
    node n = {.seal.ops.prover = {.ctx = &n, .check_replica = check_replica},
              .has_no_end = what == CANCELED};
    slk_arrival arrival;
    slk_job job;
    slk_job_init(&job);
    slk_gate_init(&n.checked);
    assert_int_equal(pthread_mutex_init(&n.seal.mutex, NULL), 0);
    slk_arrival_begin(&arrival, &n.seal, &sector, &comm, ticket, &paths, &job);
    if (what == ANEW_BEFORE_CHECK)
        slk_gate_break(&arrival.gate);
    (void)slk_gate_raise(&arrival.gate, BYTES);
    if (what != ANEW_BEFORE_CHECK)
        assert_true(slk_gate_wait(&n.checked, 1));
    if (what == ANEW_AFTER_CHECK)
        slk_gate_break(&arrival.gate);
    if (what == CANCELED)
        slk_job_cancel(&job);
    slk_arrival_end(&arrival, what != NOT_FETCHED);
    const bool counts = slk_arrival_was_valid(&n.seal, &sector, &comm);
    assert_false(slk_arrival_was_valid(&n.seal, &sector, &comm)); /* once */
    (void)pthread_mutex_destroy(&n.seal.mutex);
    slk_gate_done(&n.checked);
    return counts;
}

static void only_what_lies_there_counts(void **state)
{
    (void)state;
    assert_true(counts_after(GOOD));
    assert_false(counts_after(NOT_FETCHED));
    assert_false(counts_after(CANCELED));
    assert_false(counts_after(ANEW_AFTER_CHECK));
    assert_false(counts_after(ANEW_BEFORE_CHECK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_what_lies_there_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
