/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A process that moves and removes a sector's files is killed before each of its system calls in turn: what
 * has a sector's name is whole each time, and the next process comes to the end. */
#include "base/file.h"
#include "base/mem.h"
#include "store/cache_set.h"
#include "store/files.h"
#include "store/place_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS_MAX 5000u
#define SECTOR 2048u
#define BOTH (SLK_LOTUS_SEALED | SLK_LOTUS_CACHE)

static const slk_lotus_sector one = {1000, 1};

/* Two paths: the first seals, the second stores. */
typedef struct stage {
    place near, far;
    const slk_store_path *seal, *keep;
} stage;

static void make_stage(stage *s, const char *near, const char *far)
{
    slk_lotus_meta seal = place_meta(), keep = place_meta();
    place_make(&s->near, near);
    place_make(&s->far, far);
    (void)snprintf(s->near.path[1], sizeof s->near.path[1], "%s", s->far.path[0]);
    seal.can_store = false;
    keep.can_seal = false;
    s->seal = place_path(&s->near, 0, &seal);
    s->keep = place_path(&s->near, 1, &keep);
}

static void write_files(const slk_store_path *path)
{
    place_file(path, SLK_LOTUS_SEALED, &one, SECTOR, 7);
    place_cache(path, SLK_LOTUS_CACHE, &one, slk_sector_shape_of(SECTOR), false);
}

static slk_err move_and_remove(slk_store *store)
{
    SLK_TRY(slk_store_move(store, &one, BOTH, SECTOR, NULL, NULL));
    SLK_TRY(slk_store_remove(store, NULL, &one, SLK_LOTUS_SEALED, NULL, NULL));
    return slk_store_remove(store, NULL, &one, SLK_LOTUS_CACHE, NULL, NULL);
}

/* All that has the sector's name on the path. */
static unsigned check_whole(const slk_store_path *path)
{
    SLK_CLEANUP(slk_store_scan_done) slk_store_scan scan = {0};
    slk_cache_set set;
    assert_int_equal(slk_store_scan_path(&scan, path, NULL), SLK_OK);
    assert_int_equal(scan.foreign.n, 0);
    const unsigned types = scan.n ? scan.found[0].types : 0;
    if (types & SLK_LOTUS_SEALED)
        assert_true(place_has(path, SLK_LOTUS_SEALED, &one, SECTOR, 7));
    slk_cache_set_init(&set, slk_sector_shape_of(SECTOR), false);
    for (size_t i = 0; i < set.n && (types & SLK_LOTUS_CACHE); i++) {
        uint64_t bytes = 0;
        SLK_CLEANUP(slk_freep) char *folder = slk_store_file(path, SLK_LOTUS_CACHE, &one);
        SLK_CLEANUP(slk_freep) char *file = slk_path_join(folder, set.member[i].name);
        if (strncmp(set.member[i].name, "syn-", 4) == 0)
            continue;
        if (slk_file_size(&bytes, file, NULL) != SLK_OK || bytes != set.member[i].min_bytes)
            fail_msg("%s is not whole", file);
    }
    return types;
}

/* Whether the process still ran before its call number n, from 1, where it was killed. */
static bool kill_before_call(unsigned n, const stage *s)
{
    int status = 0;
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(2);
        (void)raise(SIGSTOP);
        _exit(move_and_remove(s->near.store) == SLK_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    /* Each call stops it twice: before and after. */
    for (unsigned stops = 0; WIFSTOPPED(status) && stops < 2 * n - 1; stops++) {
        assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
    }
    if (!WIFSTOPPED(status)) {
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        return false;
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return true;
}

static bool may_trace(void)
{
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void kill_everywhere(const char *near, const char *far)
{
    stage s;
    unsigned n = 1;
    if (!may_trace())
        skip();
    make_stage(&s, near, far);
    for (bool ran = true; ran; n++) {
        assert_in_range(n, 1, CALLS_MAX);
        write_files(s.seal);
        ran = kill_before_call(n, &s);
        const unsigned seal = check_whole(s.seal), keep = check_whole(s.keep);
        /* Until the first copy is removed for good, one is somewhere. */
        assert_true(!ran || (seal | keep) == BOTH || (seal & SLK_LOTUS_SEALED) == 0);
        if ((seal | keep) == BOTH)
            assert_int_equal(move_and_remove(s.near.store), SLK_OK);
        assert_int_equal(slk_store_remove(s.near.store, NULL, &one, SLK_LOTUS_SEALED, NULL, NULL),
                         SLK_OK);
        assert_int_equal(slk_store_remove(s.near.store, NULL, &one, SLK_LOTUS_CACHE, NULL, NULL),
                         SLK_OK);
        for (unsigned type = SLK_LOTUS_SEALED; type <= SLK_LOTUS_CACHE; type <<= 1) {
            place_no_leftovers(s.seal, type);
            place_no_leftovers(s.keep, type);
        }
    }
    (void)printf("# killed %u times\n", n - 2);
    assert_true(n > 50);
    place_done(&s.near);
    place_done(&s.far);
}

static const char *memory(void)
{
    return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

static void by_name(void **state)
{
    (void)state;
    kill_everywhere(memory(), memory());
}

/* By copying, where /tmp lies on another disk. */
static void from_disk_to_disk(void **state)
{
    (void)state;
    kill_everywhere("/tmp", memory());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_name),
        cmocka_unit_test(from_disk_to_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
