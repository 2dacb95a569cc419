/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/gather.h"

#include "base/aio.h"
#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BYTES = 100000 };

/* A file whose byte i is i * 31 + i / 256, already without a name. */
static int make_file(uint8_t *content)
{
    char path[] = "/tmp/selkie-gather-XXXXXX";
    for (size_t i = 0; i < BYTES; i++)
        content[i] = (uint8_t)(i * 31 + i / 256);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(slk_file_write_at(fd, content, BYTES, 0, path, NULL), SLK_OK);
    return fd;
}

/* Any number of reads of any length, overlapping and out of order; also more than a queue holds. */
static void test_order(void **state)
{
    (void)state;
    static uint8_t content[BYTES];
    static const size_t counts[] = {0, 1, 17, 2 * SLK_AIO_DEPTH_MAX + 3};
    SLK_CLEANUP(slk_closep) int fd = make_file(content);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        SLK_CLEANUP(slk_gather_done) slk_gather gather;
        slk_gather_init(&gather);
        for (size_t i = 0; i < counts[c]; i++)
            assert_int_equal(
                slk_gather_add(&gather, fd, "it", i * 7919 % 99000, 1 + i * 37 % 1000, NULL),
                SLK_OK);
        assert_int_equal(gather.n, counts[c]);
        assert_int_equal(slk_gather_run(&gather, NULL, NULL), SLK_OK);
        slk_gathered from = {.gather = &gather};
        for (size_t i = 0; i < counts[c]; i++) {
            const size_t n = 1 + i * 37 % 1000;
            assert_memory_equal(slk_gathered_take(&from, n), content + i * 7919 % 99000, n);
        }
        from.next = counts[c] / 2;
        if (counts[c])
            assert_memory_equal(slk_gathered_take(&from, 1 + from.next * 37 % 1000),
                                content + counts[c] / 2 * 7919 % 99000, 1);
    }
}

static void test_failures(void **state)
{
    (void)state;
    static uint8_t content[BYTES];
    SLK_CLEANUP(slk_closep) int fd = make_file(content);
    SLK_CLEANUP(slk_gather_done) slk_gather gather;
    slk_gather_init(&gather);
    slk_error error = {0};
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(slk_gather_add(&gather, fd, "short", BYTES - 50 + i, 2, NULL), SLK_OK);
    assert_int_equal(slk_gather_run(&gather, NULL, &error), SLK_E_CORRUPT);
    assert_non_null(strstr(error.message, "short"));
    slk_gather_done(&gather);
    slk_job job;
    slk_job_init(&job);
    slk_job_cancel(&job);
    assert_int_equal(slk_gather_add(&gather, fd, "it", 0, 2, NULL), SLK_OK);
    assert_int_equal(slk_gather_run(&gather, &job, NULL), SLK_E_CANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
