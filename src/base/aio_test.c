/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/aio.h"

#include "base/aio_impl.h"
#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE SLK_AIO_DIRECT_BYTES
#define PAGES 300u

/* Each test runs by every way this machine permits; the state is the way. */
static slk_aio *open_way(void **state, unsigned depth)
{
    slk_aio *aio = NULL;
    const slk_aio_way *way = *state;
    slk_error error = {0};
    const slk_err code = slk_aio_new(&aio, depth, *way, &error);
    if (code == SLK_E_UNSUPPORTED && *way == SLK_AIO_URING)
        skip();
    assert_int_equal(code, SLK_OK);
    return aio;
}

static int open_file(void)
{
    int fd = -1;
    assert_int_equal(slk_file_create_unnamed(&fd, "/tmp", NULL), SLK_OK);
    return fd;
}

static uint8_t byte_of(size_t page, size_t i)
{
    return (uint8_t)(page * 31 + page / 256 + i * 7);
}

static uint8_t *filled_pages(void)
{
    uint8_t *bytes = aligned_alloc(PAGE, PAGES * PAGE);
    assert_non_null(bytes);
    for (size_t p = 0; p < PAGES; p++)
        for (size_t i = 0; i < PAGE; i++)
            bytes[p * PAGE + i] = byte_of(p, i);
    return bytes;
}

static void reap_all(slk_aio *aio, uint8_t *seen, size_t *left, bool wait)
{
    slk_aio_done done[7];
    const size_t n = slk_aio_reap(aio, done, 7, wait);
    assert_true(!wait || n > 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(done[i].tag < PAGES);
        assert_int_equal(seen[done[i].tag]++, 0);
        assert_int_equal(slk_aio_result(&done[i], NULL), SLK_OK);
        assert_string_equal(done[i].path, "pages");
    }
    *left -= n;
}

/* All pages of a file, in an order of leaps, with fewer places than pages. */
static void move_pages(slk_aio *aio, int fd, uint8_t *bytes, bool write)
{
    uint8_t seen[PAGES] = {0};
    size_t left = PAGES;
    for (size_t k = 0; k < PAGES; k++) {
        const size_t p = k * 7 % PAGES;
        while (slk_aio_room(aio) == 0)
            reap_all(aio, seen, &left, true);
        if (write)
            slk_aio_write(aio, fd, bytes + p * PAGE, PAGE, p * PAGE, "pages", p);
        else
            slk_aio_read(aio, fd, bytes + p * PAGE, PAGE, p * PAGE, "pages", p);
        if (k % 32 == 0)
            slk_aio_submit(aio);
    }
    while (left > 0)
        reap_all(aio, seen, &left, true);
}

static void test_pages(void **state)
{
    static const unsigned depths[] = {1, 2, 13, 64, 1024};
    SLK_CLEANUP(slk_freep) uint8_t *want = filled_pages();
    SLK_CLEANUP(slk_freep) uint8_t *got = aligned_alloc(PAGE, PAGES * PAGE);
    assert_non_null(got);
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        slk_aio *aio = open_way(state, depths[i]);
        const int fd = open_file();
        slk_aio_done done;
        assert_int_equal(slk_aio_reap(aio, &done, 1, true), 0);
        move_pages(aio, fd, want, true);
        memset(got, 0, PAGES * PAGE);
        move_pages(aio, fd, got, false);
        assert_memory_equal(got, want, PAGES * PAGE);
        assert_int_equal(slk_aio_room(aio), depths[i]);
        slk_aio_free(aio);
        (void)close(fd);
    }
}

/* The page cache off where the file system can, and a descriptor in non-blocking mode. */
static void test_flags(void **state)
{
    SLK_CLEANUP(slk_freep) uint8_t *want = filled_pages();
    SLK_CLEANUP(slk_freep) uint8_t *got = aligned_alloc(PAGE, PAGES * PAGE);
    assert_non_null(got);
    slk_aio *aio = open_way(state, 32);
    const int fd = open_file();
    move_pages(aio, fd, want, true);
    assert_int_equal(fsync(fd), 0);
    (void)slk_aio_make_direct(fd);
    memset(got, 0, PAGES * PAGE);
    move_pages(aio, fd, got, false);
    assert_memory_equal(got, want, PAGES * PAGE);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    memset(got, 0, PAGES * PAGE);
    move_pages(aio, fd, got, false);
    assert_memory_equal(got, want, PAGES * PAGE);
    slk_aio_free(aio);
    (void)close(fd);
}

static slk_err one(slk_aio *aio, slk_error *error)
{
    slk_aio_done done;
    assert_int_equal(slk_aio_reap(aio, &done, 1, true), 1);
    assert_int_equal(done.tag, 77);
    return slk_aio_result(&done, error);
}

static void test_errors(void **state)
{
    slk_aio *aio = open_way(state, 4);
    const int fd = open_file();
    uint8_t bytes[5000] = {0};
    slk_error error = {0};
    slk_aio_write(aio, fd, bytes, sizeof bytes, 0, "short", 77);
    assert_int_equal(one(aio, &error), SLK_OK);
    slk_aio_read(aio, fd, bytes, sizeof bytes, 1000, "short", 77);
    assert_int_equal(one(aio, &error), SLK_E_CORRUPT);
    assert_string_equal(error.message, "short is too short: it ends at byte 5000");
    slk_aio_read(aio, -1, bytes, 1, 0, "no file", 77);
    assert_int_equal(one(aio, &error), SLK_E_IO);
    assert_non_null(strstr(error.message, "cannot read no file"));
    assert_int_equal(error.os_errno, EBADF);
    slk_aio_write(aio, fd, NULL, 1, 0, "nowhere", 77);
    assert_int_equal(one(aio, &error), SLK_E_IO);
    assert_int_equal(error.os_errno, EFAULT);
    slk_aio_free(aio);
    (void)close(fd);
}

/* A file may not grow past the limit: the part below it is written, the rest fails. */
static void test_no_room(void **state)
{
    slk_aio *aio = open_way(state, 4);
    const int fd = open_file();
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    const struct rlimit small = {.rlim_cur = 6000, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint8_t bytes[2 * PAGE] = {0};
    slk_error error = {0};
    slk_aio_write(aio, fd, bytes, sizeof bytes, 0, "large", 77);
    const slk_err code = one(aio, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(code, SLK_E_LIMIT);
    assert_int_equal(error.os_errno, EFBIG);
    assert_int_equal(lseek(fd, 0, SEEK_END), 6000);
    slk_aio_free(aio);
    (void)close(fd);
}

static void test_full_disk(void **state)
{
    slk_aio *aio = open_way(state, 4);
    int fd = -1;
    assert_int_equal(slk_file_open_rw(&fd, "/dev/full", NULL), SLK_OK);
    slk_error error = {0};
    slk_aio_write(aio, fd, "x", 1, 0, "full", 77);
    assert_int_equal(one(aio, &error), SLK_E_NOSPACE);
    slk_aio_free(aio);
    (void)close(fd);
}

static void test_drain(void **state)
{
    slk_aio *aio = open_way(state, PAGES);
    const int fd = open_file();
    SLK_CLEANUP(slk_freep) uint8_t *bytes = filled_pages();
    SLK_CLEANUP(slk_freep) uint8_t *got = slk_calloc(PAGES, PAGE);
    for (size_t p = 0; p < PAGES; p++)
        slk_aio_write(aio, fd, bytes + p * PAGE, PAGE, p * PAGE, "pages", p);
    slk_aio_drain(aio);
    assert_int_equal(slk_aio_room(aio), PAGES);
    assert_int_equal(slk_file_read_at(fd, got, PAGES * PAGE, 0, "pages", NULL), SLK_OK);
    assert_memory_equal(got, bytes, PAGES * PAGE);
    for (size_t p = 0; p < PAGES; p++)
        slk_aio_read(aio, fd, got + p * PAGE, PAGE, p * PAGE, "pages", p);
    slk_aio_free(aio); /* with all of them under way */
    (void)close(fd);
}

static void test_settle(void **state)
{
    (void)state;
    uint8_t bytes[10];
    slk_aio_slot slot = {.bytes = bytes, .n = 10, .offset = 100};
    assert_false(slk_aio_settle(&slot, -EINTR));
    assert_false(slk_aio_settle(&slot, 4));
    assert_ptr_equal(slot.bytes, bytes + 4);
    assert_int_equal(slot.offset, 104);
    assert_true(slk_aio_settle(&slot, 6));
    assert_int_equal(slot.n, 0);
    slot = (slk_aio_slot){.bytes = bytes, .n = 10, .write = true};
    assert_true(slk_aio_settle(&slot, 0));
    assert_int_equal(slot.os_errno, EIO);
    slot = (slk_aio_slot){.bytes = bytes, .n = 10};
    assert_true(slk_aio_settle(&slot, 0));
    assert_int_equal(slot.os_errno, 0);
}

/* 0: threads are taken where the kernel has io_uring, but cannot say what it can do (before 5.6);
 * 77: such a kernel cannot be made here. */
static int on_old_kernel(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_register, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        return 77;
    slk_aio *aio = NULL;
    if (slk_aio_new(&aio, 4, SLK_AIO_URING, NULL) != SLK_E_UNSUPPORTED)
        return 1;
    if (slk_aio_new(&aio, 4, SLK_AIO_ANY, NULL) != SLK_OK)
        return 2;
    slk_aio_free(aio);
    return 0;
}

static void test_old_kernel(void **state)
{
    (void)state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(on_old_kernel());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    static slk_aio_way ways[] = {SLK_AIO_ANY, SLK_AIO_URING, SLK_AIO_THREADS};
    int failed = 0;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(test_pages, &ways[i]),
            cmocka_unit_test_prestate(test_flags, &ways[i]),
            cmocka_unit_test_prestate(test_errors, &ways[i]),
            cmocka_unit_test_prestate(test_no_room, &ways[i]),
            cmocka_unit_test_prestate(test_full_disk, &ways[i]),
            cmocka_unit_test_prestate(test_drain, &ways[i]),
            cmocka_unit_test_prestate(test_settle, &ways[i]),
            cmocka_unit_test_prestate(test_old_kernel, &ways[i]),
        };
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    }
    return failed;
}
