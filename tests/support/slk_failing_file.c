/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/slk_failing_file.h"
#include "support/slk_failing_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/types.h>

/* What the linker's --wrap makes of the names, which are those of 64-bit offsets: __wrap_ is called for
 * them, __real_ is the function. */
int __real_open64(const char *path, int flags, ...);
int __real_openat64(int folder, const char *path, int flags, ...);
ssize_t __real_pread64(int fd, void *bytes, size_t n, off_t at);
ssize_t __real_pwrite64(int fd, const void *bytes, size_t n, off_t at);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_ftruncate64(int fd, off_t bytes);
int __real_posix_fallocate64(int fd, off_t at, off_t bytes);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_openat64(int folder, const char *path, int flags, ...);
ssize_t __wrap_pread64(int fd, void *bytes, size_t n, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t n, off_t at);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_ftruncate64(int fd, off_t bytes);
int __wrap_posix_fallocate64(int fd, off_t at, off_t bytes);
int __wrap_mkdir(const char *path, mode_t mode);

static slk_failing_plan plan;

void slk_failing_file_at(uint64_t n, bool on)
{
    slk_failing_plan_set(&plan, n, on);
}

uint64_t slk_failing_file_seen(void)
{
    return plan.seen;
}

static bool fails(void)
{
    const bool now = slk_failing_plan_fails(&plan);
    if (now)
        errno = EIO;
    return now;
}

static mode_t mode_of(int flags, va_list more)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0;
}

int __wrap_open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return fails() ? -1 : __real_open64(path, flags, mode);
}

int __wrap_openat64(int folder, const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = mode_of(flags, more);
    va_end(more);
    return fails() ? -1 : __real_openat64(folder, path, flags, mode);
}

ssize_t __wrap_pread64(int fd, void *bytes, size_t n, off_t at)
{
    return fails() ? -1 : __real_pread64(fd, bytes, n, at);
}

ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
    return fails() ? -1 : __real_pwrite64(fd, bytes, n, at);
}

int __wrap_fsync(int fd)
{
    return fails() ? -1 : __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
    return fails() ? -1 : __real_rename(from, to);
}

int __wrap_ftruncate64(int fd, off_t bytes)
{
    return fails() ? -1 : __real_ftruncate64(fd, bytes);
}

int __wrap_posix_fallocate64(int fd, off_t at, off_t bytes)
{
    return fails() ? EIO : __real_posix_fallocate64(fd, at, bytes);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    return fails() ? -1 : __real_mkdir(path, mode);
}
