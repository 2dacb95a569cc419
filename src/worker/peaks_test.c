/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "worker/peaks.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)
#define PROOF 5

/* The bytes that are told of the task; 0: none. */
static uint64_t told(slk_worker_peaks *peaks, slk_lotus_task task)
{
    json_t *list = slk_worker_peaks_json(peaks);
    uint64_t bytes = 0;
    assert_non_null(list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(row, "Task")), slk_lotus_task_name(task)) == 0)
            bytes = (uint64_t)json_integer_value(json_object_get(row, "Bytes"));
    }
    json_decref(list);
    return bytes;
}

/* A task that takes so much, in the end. */
static void work_together(slk_worker_peaks *peaks, bool kept, slk_lotus_task task, size_t bytes,
                          size_t sectors)
{
    slk_region region;
    slk_worker_peaks_begin(peaks);
    assert_int_equal(slk_region_init(&region, bytes, "a test", NULL), SLK_OK);
    memset(region.data, 1, bytes);
    slk_worker_peaks_end(peaks, kept, task, PROOF, sectors);
    slk_region_done(&region);
}

static void work(slk_worker_peaks *peaks, bool kept, slk_lotus_task task, size_t bytes)
{
    work_together(peaks, kept, task, bytes, 1);
}

static void what_is_alone_is_measured(void **state)
{
    (void)state;
    slk_worker_peaks *peaks = NULL;
    assert_int_equal(slk_worker_peaks_new(&peaks, NULL), SLK_OK);
    work(peaks, true, SLK_LOTUS_PRECOMMIT1, 64 * MIB);
    assert_in_range(told(peaks, SLK_LOTUS_PRECOMMIT1), 60 * MIB, 80 * MIB);
    work(peaks, true, SLK_LOTUS_PRECOMMIT1, 16 * MIB); /* the most is kept */
    assert_in_range(told(peaks, SLK_LOTUS_PRECOMMIT1), 60 * MIB, 80 * MIB);
    work(peaks, false, SLK_LOTUS_COMMIT2, 64 * MIB); /* it failed */
    assert_int_equal(told(peaks, SLK_LOTUS_COMMIT2), 0);
    slk_worker_peaks_begin(peaks); /* beside it another one runs, which goes on */
    work(peaks, true, SLK_LOTUS_PRECOMMIT2, 64 * MIB);
    assert_int_equal(told(peaks, SLK_LOTUS_PRECOMMIT2), 0);
    slk_worker_peaks_end(peaks, true, SLK_LOTUS_COMMIT1, PROOF, 1);
    assert_int_equal(told(peaks, SLK_LOTUS_COMMIT1), 0);
    work(peaks, true, SLK_LOTUS_PRECOMMIT2, 32 * MIB);
    assert_in_range(told(peaks, SLK_LOTUS_PRECOMMIT2), 28 * MIB, 40 * MIB);
    work_together(peaks, true, SLK_LOTUS_ADD_PIECE, 64 * MIB, 4); /* a share for each */
    assert_in_range(told(peaks, SLK_LOTUS_ADD_PIECE), 14 * MIB, 20 * MIB);
    slk_worker_peaks_free(peaks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_alone_is_measured)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
