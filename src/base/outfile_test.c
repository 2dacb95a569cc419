/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/outfile.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int enter(void **state)
{
    char *folder = slk_strdup("/tmp/selkie-outfile-XXXXXX");
    *state = folder;
    return folder && mkdtemp(folder) ? 0 : -1;
}

static int leave(void **state)
{
    slk_err code = slk_remove_tree(*state, NULL);
    slk_free(*state);
    return code == SLK_OK ? 0 : -1;
}

static void test_commit_and_abandon(void **state)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(*state, "x");
    SLK_CLEANUP(slk_freep) char *temp = slk_path_join(*state, "x.tmp");
    slk_outfile file = SLK_OUTFILE_NONE;
    uint64_t bytes = 0;
    assert_int_equal(slk_outfile_open(&file, path, NULL, 100, NULL), SLK_OK);
    assert_true(slk_file_exists(temp));
    assert_false(slk_file_exists(path));
    assert_int_equal(slk_outfile_commit(&file, NULL), SLK_OK);
    slk_outfile_done(&file);
    assert_int_equal(slk_file_size(&bytes, path, NULL), SLK_OK);
    assert_int_equal(bytes, 100);
    assert_int_equal(slk_outfile_open(&file, path, NULL, 0, NULL), SLK_OK);
    assert_int_equal(slk_file_write_at(file.fd, "abc", 3, 0, temp, NULL), SLK_OK);
    slk_outfile_done(&file);
    slk_outfile_done(&file);
    assert_false(slk_file_exists(temp));
    assert_int_equal(slk_file_size(&bytes, path, NULL), SLK_OK);
    assert_int_equal(bytes, 100);
}

/* With and without the page cache, in whole units and not, the same bytes come to lie in the file. */
static void test_write(void **state)
{
    enum { BYTES = 1 << 20 };
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(*state, "w");
    SLK_CLEANUP(slk_region_done) slk_region in = {0};
    SLK_CLEANUP(slk_region_done) slk_region got = {0};
    assert_int_equal(slk_region_init(&in, BYTES, "test", NULL), SLK_OK);
    assert_int_equal(slk_region_init(&got, BYTES, "test", NULL), SLK_OK);
    for (size_t i = 0; i < BYTES; i++)
        in.data[i] = (uint8_t)(i * 7 + i / 4096);
    static const size_t parts[] = {0, 65536, 65536 + 4096, 200704, 200705, 266241, 790529, BYTES};
    for (int direct = 0; direct < 2; direct++) {
        SLK_CLEANUP(slk_outfile_done) slk_outfile file = SLK_OUTFILE_NONE;
        assert_int_equal(slk_outfile_open(&file, path, NULL, BYTES, NULL), SLK_OK);
        if (direct)
            slk_outfile_direct(&file);
        for (size_t i = 0; i + 1 < sizeof parts / sizeof *parts; i++)
            assert_int_equal(slk_outfile_write(&file, in.data + parts[i], parts[i + 1] - parts[i],
                                               parts[i], NULL),
                             SLK_OK);
        assert_int_equal(slk_file_read_at(file.fd, got.data, BYTES, 0, path, NULL), SLK_OK);
        assert_memory_equal(got.data, in.data, BYTES);
        assert_int_equal(slk_outfile_commit(&file, NULL), SLK_OK);
    }
}

static void test_stale_and_busy(void **state)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(*state, "y");
    SLK_CLEANUP(slk_freep) char *temp = slk_path_join(*state, "other");
    slk_outfile one = SLK_OUTFILE_NONE, two = SLK_OUTFILE_NONE;
    slk_error error = {0};
    uint64_t bytes = 0;
    /* What a killed process left is emptied. */
    assert_int_equal(slk_file_write_atomic(temp, "0123456789", 10, 0600, NULL), SLK_OK);
    assert_int_equal(slk_outfile_open(&one, path, temp, 4, NULL), SLK_OK);
    assert_int_equal(slk_file_size(&bytes, temp, NULL), SLK_OK);
    assert_int_equal(bytes, 4);
    assert_int_equal(slk_outfile_open(&two, path, temp, 4, &error), SLK_E_BUSY);
    assert_int_equal(two.fd, -1);
    assert_int_equal(slk_outfile_commit(&one, NULL), SLK_OK);
    slk_outfile_done(&one);
    assert_int_equal(slk_outfile_open(&two, path, temp, 8, NULL), SLK_OK);
    assert_int_equal(slk_outfile_commit(&two, NULL), SLK_OK);
    slk_outfile_done(&two);
    assert_int_equal(slk_file_size(&bytes, path, NULL), SLK_OK);
    assert_int_equal(bytes, 8);
}

static void same_bytes(const char *path, const char *want)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 100);
    assert_int_equal(slk_file_read_all(&text, path, NULL), SLK_OK);
    assert_string_equal(slk_buf_str(&text), want);
}

/* A temporary name that is another file's too: that file stays what it is. */
static void test_second_name(void **state)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(*state, "z");
    SLK_CLEANUP(slk_freep) char *temp = slk_path_join(*state, "z.tmp");
    SLK_CLEANUP(slk_freep) char *shared = slk_path_join(*state, "shared");
    assert_int_equal(slk_file_write_atomic(shared, "of all", 6, 0600, NULL), SLK_OK);
    assert_int_equal(link(shared, temp), 0);
    slk_outfile file = SLK_OUTFILE_NONE;
    assert_int_equal(slk_outfile_open(&file, path, NULL, 0, NULL), SLK_OK);
    assert_int_equal(slk_file_write_at(file.fd, "own", 3, 0, temp, NULL), SLK_OK);
    assert_int_equal(slk_outfile_commit(&file, NULL), SLK_OK);
    slk_outfile_done(&file);
    same_bytes(shared, "of all");
    same_bytes(path, "own");
    assert_int_equal(symlink(shared, temp), 0);
    assert_int_not_equal(slk_outfile_open(&file, path, NULL, 0, NULL), SLK_OK);
    same_bytes(shared, "of all");
    assert_int_equal(unlink(temp), 0);
}

static void test_unnamed(void **state)
{
    int fd = -1;
    assert_int_equal(slk_file_create_unnamed(&fd, *state, NULL), SLK_OK);
    assert_int_equal(slk_file_write_at(fd, "abc", 3, 0, "unnamed", NULL), SLK_OK);
    slk_closep(&fd);
    assert_int_equal(slk_file_create_unnamed(&fd, "/nowhere", NULL), SLK_E_NOTFOUND);
}

static void fail_some(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    (void)worker;
    slk_fault *fault = context;
    for (uint64_t i = begin; i < end; i++) {
        slk_error error = {0};
        if (i % 10 == 3 && slk_fail(&error, SLK_E_LIMIT, "index %d", (int)i) != SLK_OK)
            slk_fault_set(fault, &error);
    }
}

static void test_fault(void **state)
{
    (void)state;
    slk_pool *pool;
    assert_int_equal(slk_pool_new(&pool, 3, NULL), SLK_OK);
    slk_fault fault;
    slk_error error = {0};
    slk_fault_init(&fault);
    assert_int_equal(slk_fault_result(&fault, &error), SLK_OK);
    assert_false(slk_fault_any(&fault));
    slk_pool_for(pool, 100, 1, fail_some, &fault);
    assert_true(slk_fault_any(&fault));
    assert_int_equal(slk_fault_result(&fault, &error), SLK_E_LIMIT);
    assert_non_null(strstr(error.message, "index "));
    slk_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit_and_abandon),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_stale_and_busy),
        cmocka_unit_test(test_second_name),
        cmocka_unit_test(test_unnamed),
        cmocka_unit_test(test_fault),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
