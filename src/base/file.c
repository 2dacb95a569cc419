/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/file.h"

#include "base/mem.h"
#include "base/rng.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static slk_err open_with(int *ret_fd, const char *path, int flags, unsigned mode, const char *verb,
                         slk_error *error)
{
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC, (mode_t)mode);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return slk_fail_errno(error, errno, "cannot %s %s", verb, path);
    *ret_fd = fd;
    return SLK_OK;
}

slk_err slk_file_open_read(int *ret_fd, const char *path, slk_error *error)
{
    /* Without O_NONBLOCK a pipe under the name would wait for its writer for ever. */
    return open_with(ret_fd, path, O_RDONLY | O_NONBLOCK, 0, "open", error);
}

slk_err slk_file_open_rw(int *ret_fd, const char *path, slk_error *error)
{
    return open_with(ret_fd, path, O_RDWR, 0, "open", error);
}

slk_err slk_file_create(int *ret_fd, const char *path, unsigned mode, slk_error *error)
{
    return open_with(ret_fd, path, O_RDWR | O_CREAT | O_TRUNC, mode, "create", error);
}

slk_err slk_file_create_unnamed(int *ret_fd, const char *folder, slk_error *error)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) {
        *ret_fd = fd;
        return SLK_OK;
    }
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
        return slk_fail_errno(error, errno, "cannot create a file in %s", folder);
    /* The file system has no nameless files: give one a name for a moment. */
    uint64_t nonce;
    slk_rng_fill((uint8_t *)&nonce, sizeof nonce);
    SLK_CLEANUP(slk_freep)
    char *path = slk_strf("%s/.selkie-%016llx.tmp", folder, (unsigned long long)nonce);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(open_with(ret_fd, path, O_RDWR | O_CREAT | O_EXCL, 0600, "create", error));
    (void)unlink(path);
    return SLK_OK;
}

slk_err slk_file_read_at(int fd, void *out, size_t n, uint64_t offset, const char *path,
                         slk_error *error)
{
    uint8_t *to = out;
    while (n) {
        ssize_t got = pread(fd, to, n, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return slk_fail_errno(error, errno, "cannot read %s", path);
        if (got == 0)
            return slk_fail(error, SLK_E_CORRUPT, "%s is too short: it ends at byte %llu", path,
                            (unsigned long long)offset);
        to += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return SLK_OK;
}

slk_err slk_file_write_at(int fd, const void *in, size_t n, uint64_t offset, const char *path,
                          slk_error *error)
{
    const uint8_t *from = in;
    while (n) {
        ssize_t put = pwrite(fd, from, n, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return slk_fail_errno(error, errno, "cannot write %s", path);
        from += put;
        n -= (size_t)put;
        offset += (uint64_t)put;
    }
    return SLK_OK;
}

bool slk_pipe_write(int fd, const void *in, size_t n)
{
    const uint8_t *from = in;
    while (n) {
        const ssize_t put = write(fd, from, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        from += put;
        n -= (size_t)put;
    }
    return true;
}

void slk_file_write_early(int fd, uint64_t offset, uint64_t n)
{
    (void)sync_file_range(fd, (off_t)offset, (off_t)n, SYNC_FILE_RANGE_WRITE);
}

slk_err slk_file_sync(int fd, const char *path, slk_error *error)
{
    if (fsync(fd) != 0)
        return slk_fail_errno(error, errno, "cannot flush %s to disk", path);
    return SLK_OK;
}

slk_err slk_file_size(uint64_t *ret_bytes, const char *path, slk_error *error)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return slk_fail_errno(error, errno, "cannot look at %s", path);
    if (!S_ISREG(st.st_mode))
        return slk_fail(error, SLK_E_INVAL, "%s is not a regular file", path);
    *ret_bytes = (uint64_t)st.st_size;
    return SLK_OK;
}

bool slk_file_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

bool slk_file_same(const char *a, const char *b)
{
    struct stat one, two;
    return stat(a, &one) == 0 && stat(b, &two) == 0 && one.st_ino == two.st_ino &&
           one.st_dev == two.st_dev;
}

slk_err slk_file_read_all(slk_buf *buf, const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(open_with(&fd, path, O_RDONLY, 0, "open", error)); /* a pipe may be meant here */
    uint8_t chunk[16384];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return slk_fail_errno(error, errno, "cannot read %s", path);
        if (got == 0)
            return SLK_OK;
        slk_err code = slk_buf_append(buf, chunk, (size_t)got);
        if (code == SLK_E_LIMIT)
            return slk_fail(error, code, "%s is larger than the %zu bytes allowed", path, buf->max);
        if (code != SLK_OK)
            return slk_fail(error, code, "out of memory reading %s", path);
    }
}

slk_err slk_file_sync_folder_of(const char *path, slk_error *error)
{
    const char *slash = strrchr(path, '/');
    SLK_CLEANUP(slk_freep)
    char *folder = slash == path ? slk_strdup("/")
                   : slash       ? slk_strf("%.*s", (int)(slash - path), path)
                                 : slk_strdup(".");
    if (!folder)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(open_with(&fd, folder, O_RDONLY | O_DIRECTORY, 0, "open folder", error));
    return slk_file_sync(fd, folder, error);
}

slk_err slk_file_rename_durable(const char *from, const char *to, slk_error *error)
{
    if (rename(from, to) != 0)
        return slk_fail_errno(error, errno, "cannot rename %s to %s", from, to);
    return slk_file_sync_folder_of(to, error);
}

static bool is_named(int fd, const char *path)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

/* Opens the temporary file for writing alone. Its name is fixed, so that a killed writer leaves at
 * most one, which the next overwrites; the lock keeps two writers apart. Whoever waited for the lock
 * may hold a file that has meanwhile been renamed: then it starts again. */
static slk_err open_temp(int *ret_fd, const char *temp, unsigned mode, slk_error *error)
{
    for (;;) {
        int fd;
        SLK_TRY(open_with(&fd, temp, O_RDWR | O_CREAT | O_NOFOLLOW, mode, "create", error));
        errno = 0;
        const bool locked = flock(fd, LOCK_EX) == 0;
        const bool ours = locked && is_named(fd, temp);
        if (ours && ftruncate(fd, 0) == 0 && fchmod(fd, (mode_t)mode) == 0) {
            *ret_fd = fd;
            return SLK_OK;
        }
        const int os_errno = errno;
        const bool again = locked && (os_errno == 0 || os_errno == ENOENT || os_errno == EINTR);
        if (ours && !again)
            (void)unlink(temp); /* while the lock keeps the name from being another writer's */
        (void)close(fd);
        if (!again)
            return slk_fail_errno(error, os_errno, "cannot %s %s", ours ? "empty" : "lock", temp);
    }
}

static slk_err write_and_rename(int fd, const char *temp, const char *path, const void *bytes,
                                size_t n, slk_error *error)
{
    SLK_TRY(slk_file_write_at(fd, bytes, n, 0, temp, error));
    SLK_TRY(slk_file_sync(fd, temp, error));
    return slk_file_rename_durable(temp, path, error);
}

slk_err slk_file_write_atomic(const char *path, const void *bytes, size_t n, unsigned mode,
                              slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *temp = slk_strf("%s.tmp", path);
    if (!temp)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(open_temp(&fd, temp, mode, error));
    slk_err code = write_and_rename(fd, temp, path, bytes, n, error);
    if (code != SLK_OK)
        (void)unlink(temp);
    return code;
}

/* Without the fsync a power cut may take the folder away with all that was synced in it. */
static slk_err make_one_folder(const char *path, unsigned mode, slk_error *error)
{
    if (mkdir(path, (mode_t)mode) == 0)
        return slk_file_sync_folder_of(path, error);
    struct stat st;
    if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return SLK_OK;
    return slk_fail_errno(error, errno, "cannot make folder %s", path);
}

slk_err slk_folder_make(const char *path, unsigned mode, slk_error *error)
{
    if (*path == 0)
        return slk_fail(error, SLK_E_INVAL, "a folder is needed, and its name is empty");
    SLK_CLEANUP(slk_freep) char *partial = slk_strdup(path);
    if (!partial)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    for (char *p = partial + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        SLK_TRY(make_one_folder(partial, 0755, error));
        *p = '/';
    }
    return make_one_folder(path, mode, error);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

slk_err slk_remove_tree(const char *path, slk_error *error)
{
    if (nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
        return SLK_OK;
    return slk_fail_errno(error, errno, "cannot remove %s", path);
}

slk_err slk_remove_tree_durable(const char *path, slk_error *error)
{
    SLK_TRY(slk_remove_tree(path, error));
    const slk_err code = slk_file_sync_folder_of(path, error);
    return code == SLK_E_NOTFOUND ? SLK_OK : code;
}

#define STAT_BLOCK_BYTES 512u /* of st_blocks, whatever the file system's are */
#define USED_DEPTH_MAX 8u

static uint64_t used_in(int parent, const char *name, unsigned depth)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    uint64_t bytes = (uint64_t)st.st_blocks * STAT_BLOCK_BYTES;
    if (!S_ISDIR(st.st_mode) || depth == USED_DEPTH_MAX)
        return bytes;
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        slk_closep(&fd);
        return bytes;
    }
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            bytes += used_in(fd, e->d_name, depth + 1);
    (void)closedir(dir);
    return bytes;
}

uint64_t slk_path_used_bytes(const char *path)
{
    return used_in(AT_FDCWD, path, 0);
}

slk_err slk_folder_free_bytes(uint64_t *ret_bytes, const char *path, slk_error *error)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0)
        return slk_fail_errno(error, errno, "cannot ask for free space at %s", path);
    *ret_bytes = (uint64_t)fs.f_bavail * (uint64_t)fs.f_frsize;
    return SLK_OK;
}

slk_err slk_file_reserve(int fd, uint64_t bytes, const char *path, slk_error *error)
{
    if (ftruncate(fd, (off_t)bytes) != 0)
        return slk_fail_errno(error, errno, "cannot size %s", path);
    int rc = bytes ? posix_fallocate(fd, 0, (off_t)bytes) : 0;
    if (rc != 0)
        return slk_fail_errno(error, rc, "cannot reserve %llu bytes for %s",
                              (unsigned long long)bytes, path);
    return SLK_OK;
}

slk_err slk_file_map_read(slk_file_map *ret_map, const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_file_open_read(&fd, path, error));
    struct stat st;
    if (fstat(fd, &st) != 0)
        return slk_fail_errno(error, errno, "cannot look at %s", path);
    if (!S_ISREG(st.st_mode))
        return slk_fail(error, SLK_E_INVAL, "%s is not a regular file", path);
    if (st.st_size == 0)
        return slk_fail(error, SLK_E_CORRUPT, "%s is empty", path);
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return slk_fail_errno(error, errno, "cannot map %s", path);
    ret_map->data = p;
    ret_map->bytes = (size_t)st.st_size;
    return SLK_OK;
}

slk_err slk_file_map_rw(slk_file_map *ret_map, int fd, uint64_t bytes, const char *path,
                        slk_error *error)
{
    void *p = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return slk_fail_errno(error, errno, "cannot map %s", path);
    ret_map->data = p;
    ret_map->bytes = (size_t)bytes;
    return SLK_OK;
}

void slk_file_map_done(slk_file_map *map)
{
    if (map->data)
        (void)munmap(map->data, map->bytes);
    *map = (slk_file_map){0};
}

char *slk_path_join(const char *folder, const char *name)
{
    size_t n = strlen(folder);
    bool has_slash = n > 0 && folder[n - 1] == '/';
    return slk_strf("%s%s%s", folder, has_slash ? "" : "/", name);
}
