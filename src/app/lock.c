/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/lock.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define SERVING 's' /* the file's one byte; none before */

static slk_err path_of(char **ret_path, const char *folder, slk_error *error)
{
    *ret_path = slk_path_join(folder, "lock");
    return *ret_path ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory for the lock");
}

/* flock keeps others out, within this process as well; the record lock tells them our process id,
 * which flock does not. */
static slk_err lock_both(int fd, const char *folder, const char *path, slk_error *error)
{
    struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return slk_fail(error, SLK_E_BUSY, "another selkie is running on %s", folder);
        return slk_fail_errno(error, errno, "cannot lock %s", path);
    }
    if (fcntl(fd, F_SETLK, &record) != 0 || ftruncate(fd, 0) != 0)
        return slk_fail_errno(error, errno, "cannot lock %s", path);
    return SLK_OK;
}

slk_err slk_lock_take(int *ret_fd, const char *folder, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = NULL;
    SLK_TRY(path_of(&path, folder, error));
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return slk_fail_errno(error, errno, "cannot open %s", path);
    const slk_err code = lock_both(fd, folder, path, error);
    if (code != SLK_OK)
        (void)close(fd);
    else
        *ret_fd = fd;
    return code;
}

slk_err slk_lock_note_serving(int fd, slk_error *error)
{
    const char byte = SERVING;
    if (pwrite(fd, &byte, 1, 0) != 1)
        return slk_fail_errno(error, errno, "cannot write the lock file");
    return SLK_OK;
}

slk_err slk_lock_look(slk_lock_holder *ret_holder, const char *folder, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = NULL;
    SLK_TRY(path_of(&path, folder, error));
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        *ret_holder = (slk_lock_holder){0};
        return SLK_OK;
    }
    if (fd < 0)
        return slk_fail_errno(error, errno, "cannot open %s", path);
    struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char byte = 0;
    const int asked = fcntl(fd, F_GETLK, &record);
    const int why = errno;
    const ssize_t got = pread(fd, &byte, 1, 0);
    (void)close(fd);
    if (asked != 0)
        return slk_fail_errno(error, why, "cannot ask who holds %s", path);
    const bool held = record.l_type != F_UNLCK;
    if (held && record.l_pid <= 0)
        return slk_fail(error, SLK_E_UNSUPPORTED,
                        "the node that runs on %s is out of sight: in another container or on "
                        "another machine",
                        folder);
    *ret_holder = (slk_lock_holder){.pid = held ? record.l_pid : 0,
                                    .serving = held && got == 1 && byte == SERVING};
    return SLK_OK;
}
