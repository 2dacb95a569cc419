/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One writer at a time for a file that is written under a temporary name. The lock is on the
 * temporary file itself, so what a killed process left behind is simply used again. */
#include "proofs/params/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool same_file(int fd, const char *path)
{
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

/* Opens and locks; *ret_stale when the file was renamed away in between. */
static slk_err open_locked(int *ret_fd, bool *ret_stale, const char *path, slk_error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return slk_fail_errno(error, errno, "cannot create %s", path);
    slk_err err = SLK_OK;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        err = errno == EWOULDBLOCK
                  ? slk_fail(error, SLK_E_BUSY, "another process is writing %s", path)
                  : slk_fail_errno(error, errno, "cannot lock %s", path);
    if (err == SLK_OK && same_file(fd, path)) {
        *ret_fd = fd;
        *ret_stale = false;
        return SLK_OK;
    }
    close(fd);
    *ret_stale = true;
    return err;
}

slk_err slk_params_temporary_open(int *ret_fd, const char *path, slk_error *error)
{
    bool stale = true;
    int fd = -1;
    for (int tries = 0; stale; tries++) {
        if (tries == 100)
            return slk_fail(error, SLK_E_BUSY, "%s is being moved again and again", path);
        SLK_TRY(open_locked(&fd, &stale, path, error));
    }
    if (ftruncate(fd, 0) != 0) {
        slk_err err = slk_fail_errno(error, errno, "cannot empty %s", path);
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return SLK_OK;
}
