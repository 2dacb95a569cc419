/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The log as a file, its lines read again, and the lock of a repository. */
#include "app/lock.h"
#include "app/log_lines.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/selkie-log-test-XXXXXX");
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    slk_log_init(SLK_LOG_INFO, nowhere);
    return nowhere >= 0 && mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    slk_log_close_file();
    return slk_remove_tree(folder, NULL) == SLK_OK ? 0 : -1;
}

static uint64_t size_of(const char *path)
{
    uint64_t n = 0;
    return slk_file_size(&n, path, NULL) == SLK_OK ? n : UINT64_MAX;
}

/* Lines as they were taken, one after the other. */
struct taken {
    size_t n;
    char first[256], last[256];
};

static slk_err take(void *context, const char *line, slk_error *error)
{
    (void)error;
    struct taken *taken = context;
    (void)snprintf(taken->n == 0 ? taken->first : taken->last, sizeof taken->last, "%s", line);
    if (taken->n++ == 0)
        (void)snprintf(taken->last, sizeof taken->last, "%s", line);
    return SLK_OK;
}

static const slk_log_filter everything = {.least = SLK_LOG_DEBUG};

static void a_long_log_is_cut_into_files(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "cut.log");
    SLK_CLEANUP(slk_freep) char *first = slk_strf("%s.1", path);
    SLK_CLEANUP(slk_freep) char *second = slk_strf("%s.2", path);
    SLK_CLEANUP(slk_freep) char *third = slk_strf("%s.3", path);
    slk_error error = {0};
    assert_int_equal(slk_log_open_file(path, 500, 2, &error), SLK_OK);
    for (int i = 0; i < 60; i++)
        slk_log(SLK_LOG_INFO, "test.line", "number=%d filler=012345678901234567890123", i);
    assert_true(size_of(path) > 0 && size_of(path) <= 500);
    assert_true(size_of(first) > 300 && size_of(first) <= 500);
    assert_true(size_of(second) > 300 && size_of(second) <= 500);
    assert_false(slk_file_exists(third));
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    struct taken tail = {0};
    uint64_t end = 0;
    assert_int_equal(slk_log_tail(path, &everything, 6, take, &tail, &end, &error), SLK_OK);
    assert_int_equal(tail.n, 6);
    assert_non_null(strstr(tail.first, "number=54 "));
    assert_non_null(strstr(tail.last, "number=59 "));
    assert_int_equal(end, size_of(path));
    /* What comes after, over a cut. */
    for (int i = 60; i < 65; i++)
        slk_log(SLK_LOG_INFO, "test.line", "number=%d filler=012345678901234567890123", i);
    struct taken more = {0};
    assert_int_equal(slk_log_follow(path, &everything, &end, take, &more, &error), SLK_OK);
    assert_int_equal(more.n, 5);
    assert_non_null(strstr(more.first, "number=60 "));
    assert_non_null(strstr(more.last, "number=64 "));
    /* One that has no room at all begins anew with each line, and none is kept. */
    assert_int_equal(slk_log_open_file(path, 1, 0, &error), SLK_OK);
    slk_log(SLK_LOG_INFO, "test.line", "number=1000");
    slk_log(SLK_LOG_INFO, "test.line", "number=1001");
    assert_true(size_of(path) < 60);
    slk_log_close_file();
    slk_log(SLK_LOG_INFO, "test.line", "number=1002");
    assert_true(size_of(path) < 60);
}

static void a_file_that_cannot_be_written_is_tried_again(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "later/node.log");
    SLK_CLEANUP(slk_freep) char *parent = slk_path_join(folder, "later");
    slk_error error = {0};
    assert_int_equal(slk_log_open_file(path, 1 << 20, 1, &error), SLK_E_NOTFOUND);
    assert_non_null(strstr(error.message, "cannot open the log file"));
    slk_log(SLK_LOG_INFO, "test.lost", "n=1");
    assert_int_equal(slk_folder_make(parent, 0700, &error), SLK_OK);
    slk_log(SLK_LOG_INFO, "test.kept", "n=1");
    assert_true(size_of(path) > 0 && size_of(path) < 60);
    slk_log_close_file();
}

static void the_level_changes_while_it_runs(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "level.log");
    slk_error error = {0};
    slk_log_level level = SLK_LOG_INFO;
    assert_int_equal(slk_log_open_file(path, 1 << 20, 1, &error), SLK_OK);
    slk_log(SLK_LOG_DEBUG, "test.unseen", "n=1");
    assert_int_equal(size_of(path), 0);
    slk_log_set_level(SLK_LOG_DEBUG);
    slk_log(SLK_LOG_DEBUG, "test.seen", "n=1");
    assert_true(size_of(path) > 0);
    slk_log_set_level(SLK_LOG_INFO);
    assert_true(slk_log_level_read(&level, "warn"));
    assert_int_equal(level, SLK_LOG_WARN);
    assert_false(slk_log_level_read(&level, "loud"));
    slk_log_close_file();
}

#define LINE(rest) "2026-11-21T05:04:51.663Z " rest

static void lines_are_picked(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        slk_log_filter filter;
        bool passes;
    } cases[] = {
        {LINE("info  task.done sector=f01000/1 step=x"), {SLK_LOG_INFO, NULL, NULL}, true},
        {LINE("info  task.done sector=f01000/1 step=x"), {SLK_LOG_WARN, NULL, NULL}, false},
        {LINE("error task.done sector=f01000/1 step=x"), {SLK_LOG_WARN, "task", NULL}, true},
        {LINE("error task.done sector=f01000/1 step=x"), {SLK_LOG_WARN, "chain", NULL}, false},
        {LINE("error task.done sector=f01000/1 step=x"), {0, NULL, "f01000/1"}, true},
        {LINE("error task.done step=x sector=f01000/1"), {0, NULL, "f01000/1"}, true},
        {LINE("error task.done sector=f01000/12 step=x"), {0, NULL, "f01000/1"}, false},
        {"not one of ours", {SLK_LOG_DEBUG, NULL, NULL}, true},
        {"not one of ours", {SLK_LOG_INFO, NULL, NULL}, false},
        {"", {SLK_LOG_DEBUG, "x", NULL}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (slk_log_line_passes(cases[i].line, &cases[i].filter) != cases[i].passes)
            fail_msg("case %zu: %s", i, cases[i].line);
}

static void lines_become_objects(void **state)
{
    (void)state;
    static const struct {
        const char *line, *json;
    } cases[] = {
        {LINE("warn  chain.token why=\"cannot sign\" then=\"\" n=7"),
         "{\"at\":\"2026-11-21T05:04:51.663Z\",\"level\":\"warn\",\"event\":\"chain.token\","
         "\"why\":\"cannot sign\",\"then\":\"\",\"n\":\"7\"}"},
        {LINE("info  node.up "), "{\"at\":\"2026-11-21T05:04:51.663Z\",\"level\":\"info\","
                                 "\"event\":\"node.up\"}"},
        {LINE("info  odd level=debug"), "{\"at\":\"2026-11-21T05:04:51.663Z\",\"level\":\"info\","
                                        "\"event\":\"odd\"}"},
        {LINE("info  odd \xff=1 k=2"), "{\"at\":\"2026-11-21T05:04:51.663Z\",\"level\":\"info\","
                                       "\"event\":\"odd\",\"k\":\"2\"}"},
        {"panic: oh", "{\"text\":\"panic: oh\"}"},
        {LINE("info  odd why=\"never closed"),
         "{\"at\":\"2026-11-21T05:04:51.663Z\",\"level\":\"info\",\"event\":\"odd\","
         "\"why\":\"never closed\"}"},
        {LINE("info  odd k=\xff"), "{\"at\":\"2026-11-21T05:04:51.663Z\",\"level\":\"info\","
                                   "\"event\":\"odd\",\"k\":\"?\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *object = slk_log_line_json(cases[i].line);
        char *text = json_dumps(object, JSON_COMPACT);
        assert_non_null(text);
        assert_string_equal(text, cases[i].json);
        free(text);
        json_decref(object);
    }
}

/* A process that holds the lock until its input ends; tells by one byte that it does. */
static pid_t hold(int *ret_release, bool serving)
{
    int told[2], release[2];
    char byte;
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(release), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = -1;
        (void)close(release[1]);
        if (slk_lock_take(&fd, folder, NULL) != SLK_OK ||
            (serving && slk_lock_note_serving(fd, NULL) != SLK_OK) || write(told[1], "x", 1) != 1)
            _exit(1);
        (void)!read(release[0], &byte, 1);
        _exit(0);
    }
    (void)close(told[1]);
    (void)close(release[0]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    (void)close(told[0]);
    *ret_release = release[1];
    return pid;
}

static void the_lock_says_who_has_it(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lock_holder holder = {.pid = 7};
    assert_int_equal(slk_lock_look(&holder, folder, &error), SLK_OK);
    assert_int_equal(holder.pid, 0);
    for (int serving = 0; serving < 2; serving++) {
        int release = -1, fd = -1;
        const pid_t pid = hold(&release, serving == 1);
        assert_int_equal(slk_lock_look(&holder, folder, &error), SLK_OK);
        assert_int_equal(holder.pid, pid);
        assert_int_equal(holder.serving, serving);
        assert_int_equal(slk_lock_take(&fd, folder, &error), SLK_E_BUSY);
        (void)close(release);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(slk_lock_look(&holder, folder, &error), SLK_OK);
        assert_int_equal(holder.pid, 0);
        assert_false(holder.serving);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_log_is_cut_into_files),
        cmocka_unit_test(a_file_that_cannot_be_written_is_tried_again),
        cmocka_unit_test(the_level_changes_while_it_runs),
        cmocka_unit_test(lines_are_picked),
        cmocka_unit_test(lines_become_objects),
        cmocka_unit_test(the_lock_says_who_has_it),
    };
    return cmocka_run_group_tests_name("log", tests, make_folder, drop_folder);
}
