/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Preloaded into a process: writes down each change it makes to files below $SLK_DISK_FOLDER, in order,
 * with its bytes, into $SLK_DISK_LOG. tests/support/powercut.py reads that and builds what a disk may
 * hold after a loss of power.
 *
 * Nothing is kept in memory: whether a descriptor lies below the folder is asked of /proc each time, and
 * a lock on the log makes change and record one step, across threads and processes alike.
 *
 * Not seen, because it does not pass through the C library's calls: what io_uring, shared mappings and
 * stdio write. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { OPENED = 1, WROTE, SIZED, GREW, SYNCED, RENAMED, REMOVED, FOLDER_MADE, LINKED };

/* One record: this, the two names, then the bytes written. */
typedef struct head {
    uint32_t kind, first_bytes, second_bytes, data_bytes;
    uint64_t inode, offset, length;
} head;

typedef struct name {
    char text[PATH_MAX];
} name;

static int log_open(void)
{
    const char *path = getenv("SLK_DISK_LOG");
    if (!path || !getenv("SLK_DISK_FOLDER"))
        return -1;
    int fd =
        (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    while (fd >= 0 && syscall(SYS_flock, fd, LOCK_EX) != 0)
        ;
    return fd;
}

static void log_close(int log)
{
    const int kept = errno;
    if (log >= 0)
        (void)syscall(SYS_close, log);
    errno = kept;
}

/* Below the folder, or the folder itself. */
static int is_below(const char *path)
{
    const char *folder = getenv("SLK_DISK_FOLDER");
    const size_t n = folder ? strlen(folder) : 0;
    return n && strncmp(path, folder, n) == 0 && (path[n] == 0 || path[n] == '/');
}

static void follow(name *out, const char *link)
{
    const ssize_t n = syscall(SYS_readlink, link, out->text, sizeof out->text - 1);
    out->text[n > 0 ? n : 0] = 0;
}

static void name_of_fd(name *out, int fd)
{
    char link[40];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    follow(out, link);
}

static void name_at(name *out, int at, const char *path)
{
    if (path[0] == '/') {
        (void)snprintf(out->text, sizeof out->text, "%s", path);
        return;
    }
    name base;
    if (at == AT_FDCWD)
        follow(&base, "/proc/self/cwd");
    else
        name_of_fd(&base, at);
    const int n = snprintf(out->text, sizeof out->text, "%s/%s", base.text, path);
    if (n < 0 || (size_t)n >= sizeof out->text)
        out->text[0] = 0;
}

/* A record that does not fit onto the disk would make every later answer wrong. */
static void put(int log, head h, const char *first, const char *second, const struct iovec *data,
                int parts)
{
    h.first_bytes = (uint32_t)strlen(first);
    h.second_bytes = (uint32_t)strlen(second);
    union {
        const char *given;
        void *base;
    } one = {.given = first}, two = {.given = second};
    struct iovec all[3 + 16] = {
        {&h, sizeof h}, {one.base, h.first_bytes}, {two.base, h.second_bytes}};
    size_t left = h.data_bytes, want = sizeof h + h.first_bytes + h.second_bytes + left;
    int n = 3;
    for (int i = 0; i < parts && left; i++) {
        all[n] = data[i];
        all[n].iov_len = data[i].iov_len < left ? data[i].iov_len : left;
        left -= all[n++].iov_len;
    }
    if (syscall(SYS_writev, log, all, n) != (long)want)
        abort();
}

static int is_recorded(int fd, head *h, name *where)
{
    struct stat st;
    name_of_fd(where, fd);
    if (!is_below(where->text) || fstat(fd, &st) != 0)
        return 0;
    h->inode = st.st_ino;
    return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
}

/* ---- of descriptors ---- */

static ssize_t write_parts(int fd, const struct iovec *parts, int n, int64_t offset)
{
    const int log = log_open();
    name where;
    head h = {.kind = WROTE};
    const int recorded = log >= 0 && n <= 16 && is_recorded(fd, &h, &where);
    /* Without the lock a pipe that is full would stop everyone else. */
    if (!recorded)
        log_close(log);
    const ssize_t put_bytes = offset < 0 ? syscall(SYS_writev, fd, parts, n)
                                         : syscall(SYS_pwritev, fd, parts, n, offset, (long)0);
    if (!recorded)
        return put_bytes;
    if (put_bytes > 0) {
        const int kept = errno;
        const off_t end = offset < 0 ? lseek(fd, 0, SEEK_CUR) : (off_t)(offset + put_bytes);
        h.offset = (uint64_t)(end - put_bytes);
        h.length = (uint64_t)put_bytes;
        h.data_bytes = (uint32_t)put_bytes;
        put(log, h, "", "", parts, n);
        errno = kept;
    }
    log_close(log);
    return put_bytes;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    union {
        const void *given;
        void *base;
    } from = {.given = bytes};
    return write_parts(fd, &(struct iovec){from.base, n}, 1, -1);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t offset)
{
    union {
        const void *given;
        void *base;
    } from = {.given = bytes};
    return write_parts(fd, &(struct iovec){from.base, n}, 1, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
    return pwrite64(fd, bytes, n, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int n)
{
    return write_parts(fd, parts, n, -1);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int n, off_t offset)
{
    return write_parts(fd, parts, n, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t offset)
{
    return write_parts(fd, parts, n, offset);
}

/* A call that changes, or syncs, an open file: number is the system call's. */
static int change(enum kind kind, long number, int fd, long a, long b, long c)
{
    const int log = log_open();
    name where;
    head h = {.kind = (uint32_t)kind};
    const int recorded = log >= 0 && is_recorded(fd, &h, &where);
    const long done = syscall(number, fd, a, b, c);
    if (done == 0 && recorded) {
        h.offset = kind == GREW ? (uint64_t)b : 0;
        h.length = (uint64_t)(kind == GREW ? c : a);
        put(log, h, "", "", NULL, 0);
    }
    log_close(log);
    return (int)done;
}

int ftruncate64(int fd, off_t bytes)
{
    return change(SIZED, SYS_ftruncate, fd, bytes, 0, 0);
}

int ftruncate(int fd, off_t bytes)
{
    return ftruncate64(fd, bytes);
}

int fallocate64(int fd, int mode, off_t offset, off_t n)
{
    if (mode != 0) /* the size stays */
        return (int)syscall(SYS_fallocate, fd, mode, offset, n);
    return change(GREW, SYS_fallocate, fd, mode, offset, n);
}

int fallocate(int fd, int mode, off_t offset, off_t n)
{
    return fallocate64(fd, mode, offset, n);
}

int posix_fallocate64(int fd, off_t offset, off_t n)
{
    const int kept = errno;
    const int why = fallocate64(fd, 0, offset, n) == 0 ? 0 : errno;
    errno = kept;
    return why;
}

int posix_fallocate(int fd, off_t offset, off_t n)
{
    return posix_fallocate64(fd, offset, n);
}

int fsync(int fd)
{
    return change(SYNCED, SYS_fsync, fd, 0, 0, 0);
}

int fdatasync(int fd)
{
    return change(SYNCED, SYS_fdatasync, fd, 0, 0, 0);
}

/* ---- of names ---- */

static int open_as(int at, const char *path, int flags, mode_t mode)
{
    const int changing = (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
    const int log = changing ? log_open() : -1;
    const int fd = (int)syscall(SYS_openat, at, path, flags | O_LARGEFILE, mode);
    const int kept = errno;
    name where;
    head h = {.kind = OPENED, .offset = (uint64_t)flags};
    if (fd >= 0 && log >= 0 && is_recorded(fd, &h, &where))
        put(log, h, where.text, "", NULL, 0);
    errno = kept;
    log_close(log);
    return fd;
}

static mode_t mode_of(int flags, va_list more)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0;
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return open_as(AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return open_as(AT_FDCWD, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return open_as(at, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return open_as(at, path, flags, mode);
}

static int rename_names(enum kind kind, long number, int from_at, const char *from, int to_at,
                        const char *to, int flags)
{
    const int log = log_open();
    name one, two;
    const long done = syscall(number, from_at, from, to_at, to, flags);
    const int kept = errno;
    if (done == 0 && log >= 0) {
        name_at(&one, from_at, from);
        name_at(&two, to_at, to);
        if (is_below(one.text) && is_below(two.text))
            put(log, (head){.kind = (uint32_t)kind}, one.text, two.text, NULL, 0);
    }
    errno = kept;
    log_close(log);
    return (int)done;
}

int rename(const char *from, const char *to)
{
    return rename_names(RENAMED, SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    return rename_names(RENAMED, SYS_renameat2, from_at, from, to_at, to, 0);
}

int link(const char *from, const char *to)
{
    return rename_names(LINKED, SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
    return rename_names(LINKED, SYS_linkat, from_at, from, to_at, to, flags);
}

static int name_change(enum kind kind, long number, int at, const char *path, long argument)
{
    const int log = log_open();
    name one;
    struct stat st;
    const long done = syscall(number, at, path, argument);
    const int kept = errno;
    if (done == 0 && log >= 0) {
        name_at(&one, at, path);
        head h = {.kind = (uint32_t)kind};
        if (kind == FOLDER_MADE && fstatat(at, path, &st, 0) == 0)
            h.inode = st.st_ino;
        if (is_below(one.text))
            put(log, h, one.text, "", NULL, 0);
    }
    errno = kept;
    log_close(log);
    return (int)done;
}

int unlinkat(int at, const char *path, int flags)
{
    return name_change(REMOVED, SYS_unlinkat, at, path, flags);
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int remove(const char *path)
{
    if (unlink(path) == 0)
        return 0;
    return errno == EISDIR ? rmdir(path) : -1;
}

int mkdirat(int at, const char *path, mode_t mode)
{
    return name_change(FOLDER_MADE, SYS_mkdirat, at, path, (long)mode);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}
