/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transfer/flat_tar.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "transfer/tar_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct member {
    char name[SLK_FLAT_NAME_CHARS];
    uint64_t bytes;
} member;

struct slk_flat_tar {
    char *folder; /* for errors */
    int folder_fd;
    member members[SLK_FLAT_TAR_MEMBERS_MAX];
    size_t n;
    size_t at; /* member in work; n: the end blocks */
    uint8_t head[3 * TAR_BLOCK]; /* its header, after one with its size where that is too large */
    size_t head_n, head_at;
    uint64_t body_left;
    size_t zeros_left; /* padding, or the end */
    int fd;
    bool ended;
};

/* Opens the member's file: what it is is looked at on the descriptor, so that it is what is read. */
static slk_err open_member(int *ret_fd, uint64_t *ret_bytes, const slk_flat_tar *tar,
                           const char *name, slk_error *error)
{
    struct stat st;
    const int fd = openat(tar->folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ELOOP)
        return slk_fail(error, SLK_E_CORRUPT, "%s/%s is a link", tar->folder, name);
    if (fd < 0)
        return slk_fail_errno(error, errno, "cannot open %s/%s", tar->folder, name);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return slk_fail(error, SLK_E_CORRUPT, "%s/%s is not a regular file", tar->folder, name);
    }
    *ret_fd = fd;
    *ret_bytes = slk_u64(st.st_size);
    return SLK_OK;
}

static slk_err add_member(slk_flat_tar *tar, const slk_flat_member *file, slk_error *error)
{
    member *m = &tar->members[tar->n++];
    SLK_CLEANUP(slk_closep) int fd = -1;
    memcpy(m->name, file->name, sizeof m->name);
    SLK_TRY(open_member(&fd, &m->bytes, tar, m->name, error));
    if (m->bytes == 0 || m->bytes < file->min_bytes || m->bytes > file->max_bytes)
        return slk_fail(error, SLK_E_CORRUPT, "%s/%s has %llu bytes where %llu belong", tar->folder,
                        m->name, (unsigned long long)m->bytes, (unsigned long long)file->max_bytes);
    return SLK_OK;
}

/* ---- headers ---- */

static void octal(char *field, size_t n, uint64_t value)
{
    (void)snprintf(field, n, "%0*llo", (int)(n - 1), (unsigned long long)value);
}

static void put_header(slk_flat_tar *tar, char type, const char *name, uint64_t bytes)
{
    tar_header h = {.type = type};
    memcpy(h.name, name, strlen(name));
    octal(h.mode, sizeof h.mode, 0644);
    octal(h.uid, sizeof h.uid, 0);
    octal(h.gid, sizeof h.gid, 0);
    octal(h.size, sizeof h.size, bytes);
    octal(h.mtime, sizeof h.mtime, 0);
    memcpy(h.magic, "ustar", 6);
    memcpy(h.version, "00", 2);
    /* Six digits, NUL, blank: as every tar has written it. */
    octal(h.checksum, 7, tar_checksum(&h));
    h.checksum[7] = ' ';
    memcpy(tar->head + tar->head_n, &h, sizeof h);
    tar->head_n += sizeof h;
}

/* An extended header whose one record says the size. */
static void put_size(slk_flat_tar *tar, const member *m)
{
    char name[sizeof "PaxHeaders.0/" + SLK_FLAT_NAME_CHARS], record[64];
    (void)snprintf(name, sizeof name, "PaxHeaders.0/%s", m->name);
    /* The record's length counts itself: its two digits, a blank, "size=", the number, a line's end. */
    const int digits = snprintf(NULL, 0, "%llu", (unsigned long long)m->bytes);
    const int length = 2 + 1 + 5 + digits + 1;
    (void)snprintf(record, sizeof record, "%d size=%llu\n", length, (unsigned long long)m->bytes);
    put_header(tar, 'x', name, slk_u64(length));
    memset(tar->head + tar->head_n, 0, TAR_BLOCK);
    memcpy(tar->head + tar->head_n, record, (size_t)length);
    tar->head_n += TAR_BLOCK;
}

static void start_member(slk_flat_tar *tar)
{
    const member *m = &tar->members[tar->at];
    const bool large = m->bytes > TAR_OCTAL_MAX_BYTES;
    tar->head_n = tar->head_at = 0;
    if (large)
        put_size(tar, m);
    put_header(tar, '0', m->name, large ? 0 : m->bytes);
    tar->body_left = m->bytes;
    tar->zeros_left = tar_padding(m->bytes);
}

static void start_next(slk_flat_tar *tar)
{
    tar->at++;
    if (tar->at < tar->n) {
        start_member(tar);
        return;
    }
    tar->ended = tar->at > tar->n;
    tar->zeros_left = tar->ended ? 0 : TAR_END_BLOCKS * TAR_BLOCK;
}

/* ---- from the first to the last byte ---- */

static slk_err open_folder(slk_flat_tar *tar, const char *folder, slk_error *error)
{
    if (!(tar->folder = slk_strdup(folder)))
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    tar->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (tar->folder_fd < 0)
        return slk_fail_errno(error, errno, "cannot open folder %s", folder);
    return SLK_OK;
}

slk_err slk_flat_tar_new(slk_flat_tar **ret_tar, uint64_t *ret_bytes, const char *folder,
                         const slk_flat_member *members, size_t n, slk_error *error)
{
    slk_assert(n > 0 && n <= SLK_FLAT_TAR_MEMBERS_MAX);
    slk_flat_tar *tar = slk_calloc(1, sizeof *tar);
    if (!tar)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    tar->fd = tar->folder_fd = -1;
    uint64_t bytes = TAR_END_BLOCKS * TAR_BLOCK;
    slk_err code = open_folder(tar, folder, error);
    for (size_t i = 0; i < n && code == SLK_OK; i++) {
        code = add_member(tar, &members[i], error);
        const uint64_t body = tar->members[i].bytes;
        bytes += (body > TAR_OCTAL_MAX_BYTES ? 3 : 1) * TAR_BLOCK + body + tar_padding(body);
    }
    if (code != SLK_OK) {
        slk_flat_tar_free(tar);
        return code;
    }
    start_member(tar);
    *ret_tar = tar;
    *ret_bytes = bytes;
    return SLK_OK;
}

void slk_flat_tar_free(slk_flat_tar *tar)
{
    if (!tar)
        return;
    slk_closep(&tar->fd);
    slk_closep(&tar->folder_fd);
    slk_free(tar->folder);
    slk_free(tar);
}

void slk_flat_tar_release(void *tar)
{
    slk_flat_tar_free(tar);
}

/* Up to n bytes of the member's file; it is opened when its turn comes. */
static slk_err read_body(slk_flat_tar *tar, uint8_t *out, size_t n, slk_error *error)
{
    const member *m = &tar->members[tar->at];
    if (tar->fd < 0) {
        uint64_t bytes = 0;
        SLK_TRY(open_member(&tar->fd, &bytes, tar, m->name, error));
        if (bytes != m->bytes)
            return slk_fail(error, SLK_E_CORRUPT, "%s/%s changed while it was sent", tar->folder,
                            m->name);
    }
    SLK_TRY(slk_file_read_at(tar->fd, out, n, m->bytes - tar->body_left, m->name, error));
    tar->body_left -= n;
    if (tar->body_left == 0) {
        slk_closep(&tar->fd);
        tar->fd = -1;
    }
    return SLK_OK;
}

slk_err slk_flat_tar_produce(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                             slk_error *error)
{
    slk_flat_tar *tar = context;
    size_t done = 0;
    while (done < capacity && !tar->ended) {
        size_t room = capacity - done, n;
        if (tar->head_at < tar->head_n) {
            n = slk_min_u64(room, tar->head_n - tar->head_at);
            memcpy(out + done, tar->head + tar->head_at, n);
            tar->head_at += n;
        } else if (tar->body_left) {
            n = slk_min_u64(room, tar->body_left);
            SLK_TRY(read_body(tar, out + done, n, error));
        } else if (tar->zeros_left) {
            n = slk_min_u64(room, tar->zeros_left);
            memset(out + done, 0, n);
            tar->zeros_left -= n;
        } else {
            start_next(tar);
            n = 0;
        }
        done += n;
    }
    *ret_n = done;
    return SLK_OK;
}
