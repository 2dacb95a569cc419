/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/outfile.h"

#include "base/aio.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Smaller writes are not worth the wait for the disk; the unit is that of any disk in use. */
#define DIRECT_MIN_BYTES 65536u
#define DIRECT_UNIT_BYTES 4096u

/* The lock dies with its process. After taking it the name must still be this file's: its writer may
 * have renamed it in between. And it must be the file's only name: what a killed process left here may be
 * a second name of a file that is in use (zero_tree_d.c gives such names), which must not be emptied. */
static slk_err open_locked(int *ret_fd, const char *temp, slk_error *error)
{
    for (;;) {
        SLK_CLEANUP(slk_closep)
        int fd = open(temp, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
        struct stat opened, named;
        if (fd < 0)
            return slk_fail_errno(error, errno, "cannot create %s", temp);
        /* Other errors: a file system without locks, where the caller alone sees to it. */
        if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
            return slk_fail(error, SLK_E_BUSY,
                            "another process is writing %s; wait for it to end, or give another "
                            "path",
                            temp);
        if (fstat(fd, &opened) != 0)
            return slk_fail_errno(error, errno, "cannot look at %s", temp);
        if (lstat(temp, &named) != 0 || named.st_ino != opened.st_ino ||
            named.st_dev != opened.st_dev)
            continue;
        if (opened.st_nlink > 1) {
            if (unlink(temp) != 0)
                return slk_fail_errno(error, errno, "cannot replace %s", temp);
            continue;
        }
        *ret_fd = fd;
        fd = -1;
        return SLK_OK;
    }
}

static slk_err open_sized(slk_outfile *file, uint64_t bytes, slk_error *error)
{
    SLK_TRY(open_locked(&file->fd, file->temp, error));
    if (ftruncate(file->fd, 0) != 0)
        return slk_fail_errno(error, errno, "cannot empty %s", file->temp);
    return bytes ? slk_file_reserve(file->fd, bytes, file->temp, error) : SLK_OK;
}

slk_err slk_outfile_open(slk_outfile *ret_file, const char *path, const char *temp, uint64_t bytes,
                         slk_error *error)
{
    slk_outfile file = {
        .fd = -1,
        .direct_fd = -1,
        .path = slk_strdup(path),
        .temp = temp ? slk_strdup(temp) : slk_strf("%s.tmp", path),
    };
    slk_err code = SLK_OK;
    if (!file.path || !file.temp)
        code = slk_fail(error, SLK_E_NOMEM, "out of memory opening %s", path);
    else
        code = open_sized(&file, bytes, error);
    if (code == SLK_OK)
        *ret_file = file;
    else
        slk_outfile_done(&file);
    return code;
}

void slk_outfile_direct(slk_outfile *file)
{
    /* By its path: the lock keeps others from renaming it. Failure means the page cache is used. */
    if (file->direct_fd >= 0)
        return;
    SLK_CLEANUP(slk_closep) int fd = open(file->temp, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || !slk_aio_make_direct(fd))
        return;
    file->direct_fd = fd;
    fd = -1;
}

slk_err slk_outfile_write(const slk_outfile *file, const void *in, size_t n, uint64_t offset,
                          slk_error *error)
{
    const uint8_t *from = in;
    size_t done = 0;
    if (file->direct_fd >= 0 && n >= DIRECT_MIN_BYTES &&
        ((uintptr_t)in | n | offset) % DIRECT_UNIT_BYTES == 0) {
        /* Whatever the device refuses, and the rest of a short transfer, goes the other way. */
        const ssize_t put = pwrite(file->direct_fd, in, n, (off_t)offset);
        done = put > 0 ? (size_t)put : 0;
    }
    return slk_file_write_at(file->fd, from + done, n - done, offset + done, file->temp, error);
}

slk_err slk_outfile_commit(slk_outfile *file, slk_error *error)
{
    SLK_TRY(slk_file_sync(file->fd, file->temp, error));
    SLK_TRY(slk_file_rename_durable(file->temp, file->path, error));
    (void)close(file->fd);
    file->fd = -1;
    slk_closep(&file->direct_fd);
    file->direct_fd = -1;
    return SLK_OK;
}

void slk_outfile_done(slk_outfile *file)
{
    if (file->fd >= 0) {
        /* In this order: once the lock is gone the name may be another writer's. */
        (void)unlink(file->temp);
        (void)close(file->fd);
    }
    slk_closep(&file->direct_fd);
    slk_free(file->path);
    slk_free(file->temp);
    *file = SLK_OUTFILE_NONE;
}
