/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An archive goes into a private file of its own, or nowhere. */
#include "app/archive.h"

#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/selkie-archive-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    return slk_remove_tree(folder, NULL) == SLK_OK ? 0 : -1;
}

static slk_err write_archive(const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_archive_freep) slk_archive *archive = NULL;
    SLK_TRY(slk_archive_new(&archive, path, error));
    SLK_TRY(slk_archive_add(archive, "a/b", "text", 4, error));
    return slk_archive_finish(archive, error);
}

static void archives_are_private(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "one.tar.gz");
    slk_error error = {0};
    struct stat s;
    assert_int_equal(write_archive(path, &error), SLK_OK);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    assert_int_equal(write_archive(path, &error), SLK_E_EXISTS);
}

/* Neither a link nor a file that somebody put there first is written to, or removed. */
static void what_lies_in_the_way_stays(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "two.tar.gz");
    SLK_CLEANUP(slk_freep) char *temporary = slk_path_join(folder, "two.tar.gz.tmp");
    SLK_CLEANUP(slk_freep) char *target = slk_path_join(folder, "target");
    slk_error error = {0};
    struct stat s;
    assert_int_equal(slk_file_write_atomic(target, "mine", 4, 0644, NULL), SLK_OK);
    assert_int_equal(symlink(target, temporary), 0);
    assert_int_equal(write_archive(path, &error), SLK_E_EXISTS);
    assert_int_equal(lstat(temporary, &s), 0);
    assert_int_equal(stat(target, &s), 0);
    assert_int_equal(s.st_size, 4);
    assert_int_equal(unlink(temporary), 0);
    assert_int_equal(slk_file_write_atomic(temporary, "mine", 4, 0644, NULL), SLK_OK);
    assert_int_equal(write_archive(path, &error), SLK_E_EXISTS);
    assert_int_equal(stat(temporary, &s), 0);
    assert_int_equal(s.st_size, 4);
    assert_int_equal(unlink(temporary), 0);
    assert_int_equal(write_archive(path, &error), SLK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archives_are_private),
        cmocka_unit_test(what_lies_in_the_way_stays),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
