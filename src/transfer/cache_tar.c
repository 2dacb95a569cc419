/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transfer/cache_tar.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "transfer/tar_impl.h"

#include <stdio.h>
#include <string.h>

#define MEMBERS_MAX (2u + SLK_MAX_BASE_TREES)

typedef struct member {
    char name[40];
    char *path;
    uint64_t bytes;
} member;

struct slk_cache_tar {
    member members[MEMBERS_MAX];
    size_t n;
    size_t at; /* member in work; n: the end blocks */
    tar_header header;
    size_t header_left;
    uint64_t body_left;
    size_t zeros_left; /* padding, or the end */
    int fd;
    bool ended;
};

static slk_err add_member(slk_cache_tar *tar, const char *cache, const slk_cache_file *file,
                          slk_error *error)
{
    member *m = &tar->members[tar->n];
    (void)snprintf(m->name, sizeof m->name, "%s", file->name);
    if (!(m->path = slk_path_join(cache, file->name)))
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    tar->n++;
    SLK_TRY(slk_file_size(&m->bytes, m->path, error));
    if (m->bytes == 0 || m->bytes > file->max_bytes || (file->bytes && m->bytes != file->bytes))
        return slk_fail(error, SLK_E_CORRUPT, "%s has %llu bytes where %llu belong", m->path,
                        (unsigned long long)m->bytes, (unsigned long long)file->max_bytes);
    return SLK_OK;
}

static void octal(char *field, size_t n, uint64_t value)
{
    (void)snprintf(field, n, "%0*llo", (int)(n - 1), (unsigned long long)value);
}

static void start_member(slk_cache_tar *tar)
{
    const member *m = &tar->members[tar->at];
    tar_header *h = &tar->header;
    *h = (tar_header){.type = '0'};
    memcpy(h->name, m->name, strlen(m->name));
    octal(h->mode, sizeof h->mode, 0644);
    octal(h->uid, sizeof h->uid, 0);
    octal(h->gid, sizeof h->gid, 0);
    octal(h->size, sizeof h->size, m->bytes);
    octal(h->mtime, sizeof h->mtime, 0);
    memcpy(h->magic, "ustar", 6);
    memcpy(h->version, "00", 2);
    /* Six digits, NUL, blank: as every tar has written it. */
    octal(h->checksum, 7, tar_checksum(h));
    h->checksum[7] = ' ';
    tar->header_left = sizeof *h;
    tar->body_left = m->bytes;
    tar->zeros_left = tar_padding(m->bytes);
}

static void start_next(slk_cache_tar *tar)
{
    tar->at++;
    if (tar->at < tar->n) {
        start_member(tar);
        return;
    }
    tar->ended = tar->at > tar->n;
    tar->zeros_left = tar->ended ? 0 : TAR_END_BLOCKS * TAR_BLOCK;
}

slk_err slk_cache_tar_new(slk_cache_tar **ret_tar, uint64_t *ret_bytes, const char *cache,
                          const slk_sector_shape *shape, slk_error *error)
{
    slk_cache_tar *tar = slk_calloc(1, sizeof *tar);
    if (!tar)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    tar->fd = -1;
    uint64_t bytes = TAR_END_BLOCKS * TAR_BLOCK;
    slk_err code = SLK_OK;
    for (size_t i = 0; i < slk_cache_file_count(shape) && code == SLK_OK; i++) {
        slk_cache_file file;
        slk_cache_file_at(&file, shape, i);
        code = add_member(tar, cache, &file, error);
        uint64_t body = tar->members[i].bytes;
        bytes += TAR_BLOCK + body + tar_padding(body);
    }
    if (code != SLK_OK) {
        slk_cache_tar_free(tar);
        return code;
    }
    start_member(tar);
    *ret_tar = tar;
    *ret_bytes = bytes;
    return SLK_OK;
}

void slk_cache_tar_free(slk_cache_tar *tar)
{
    if (!tar)
        return;
    for (size_t i = 0; i < tar->n; i++)
        slk_free(tar->members[i].path);
    slk_closep(&tar->fd);
    slk_free(tar);
}

void slk_cache_tar_release(void *tar)
{
    slk_cache_tar_free(tar);
}

/* Up to n bytes of the member's file; it is opened when its turn comes. */
static slk_err read_body(slk_cache_tar *tar, uint8_t *out, size_t n, slk_error *error)
{
    const member *m = &tar->members[tar->at];
    if (tar->fd < 0)
        SLK_TRY(slk_file_open_read(&tar->fd, m->path, error));
    SLK_TRY(slk_file_read_at(tar->fd, out, n, m->bytes - tar->body_left, m->path, error));
    tar->body_left -= n;
    if (tar->body_left == 0) {
        slk_closep(&tar->fd);
        tar->fd = -1;
    }
    return SLK_OK;
}

slk_err slk_cache_tar_produce(void *context, uint8_t *out, size_t capacity, size_t *ret_n,
                              slk_error *error)
{
    slk_cache_tar *tar = context;
    size_t done = 0;
    while (done < capacity && !tar->ended) {
        size_t room = capacity - done, n;
        if (tar->header_left) {
            n = slk_min_u64(room, tar->header_left);
            memcpy(out + done, (const uint8_t *)&tar->header + (TAR_BLOCK - tar->header_left), n);
            tar->header_left -= n;
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
