/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/unsealed.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LENGTH_BYTES 4u

static slk_err damaged(const slk_unsealed *file, slk_error *error, const char *why)
{
    return slk_fail(error, SLK_E_CORRUPT,
                    "%s is no whole unsealed file: %s; remove it, and have the data added again",
                    file->path, why);
}

/* The RLE+ of n bytes before the last four. */
static slk_err read_rle(slk_unsealed *file, size_t n, slk_error *error)
{
    SLK_CLEANUP(slk_freep) uint8_t *rle = slk_alloc(n, 1);
    slk_error why = {0};
    if (!rle)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for what %s says of itself", file->path);
    SLK_TRY(slk_file_read_at(file->fd, rle, n, file->sector_bytes, file->path, error));
    const slk_err code = slk_bitfield_from_rle(&file->allocated, rle, n, &why);
    if (code == SLK_E_NOMEM)
        return slk_fail(error, code, "out of memory for what %s says of itself", file->path);
    if (code != SLK_OK)
        return damaged(file, error, why.message);
    const slk_bitfield *set = &file->allocated;
    if (set->n > 0 && set->ranges[set->n - 1].end > file->sector_bytes)
        return damaged(file, error, "more is said to be allocated than a sector has");
    return SLK_OK;
}

static slk_err read_trailer(slk_unsealed *file, slk_error *error)
{
    struct stat st;
    uint8_t length[LENGTH_BYTES];
    if (fstat(file->fd, &st) != 0)
        return slk_fail_errno(error, errno, "cannot look at %s", file->path);
    if (!S_ISREG(st.st_mode))
        return slk_fail(error, SLK_E_CORRUPT, "%s is not a regular file", file->path);
    const uint64_t bytes = slk_u64(st.st_size);
    if (bytes < file->sector_bytes)
        return damaged(file, error, "it is shorter than the sector");
    if (bytes == file->sector_bytes)
        return slk_bitfield_add_range(&file->allocated, 0, file->sector_bytes);
    const uint64_t trailer = bytes - file->sector_bytes;
    if (trailer < LENGTH_BYTES || trailer > SLK_UNSEALED_RLE_MAX_BYTES + LENGTH_BYTES)
        return damaged(file, error, "what follows the data has a wrong length");
    SLK_TRY(
        slk_file_read_at(file->fd, length, sizeof length, bytes - LENGTH_BYTES, file->path, error));
    if (slk_load_le32(length) != trailer - LENGTH_BYTES)
        return damaged(file, error, "what follows the data does not have the length it says");
    return read_rle(file, (size_t)(trailer - LENGTH_BYTES), error);
}

static slk_err open_with(slk_unsealed *ret_file, const char *path, uint64_t sector_bytes, int flags,
                         slk_error *error)
{
    *ret_file = (slk_unsealed){.fd = -1, .sector_bytes = sector_bytes, .path = slk_strdup(path)};
    if (!ret_file->path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    ret_file->fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (ret_file->fd < 0)
        return slk_fail_errno(error, errno, "cannot open %s", path);
    return SLK_OK;
}

/* Hands on what was opened, or closes it again. */
static slk_err opened(slk_unsealed *ret_file, slk_unsealed *file, slk_err code)
{
    if (code == SLK_OK)
        *ret_file = *file;
    else
        slk_unsealed_done(file);
    return code;
}

slk_err slk_unsealed_open(slk_unsealed *ret_file, const char *path, uint64_t sector_bytes,
                          bool writable, slk_error *error)
{
    slk_unsealed file;
    slk_err code =
        open_with(&file, path, sector_bytes, (writable ? O_RDWR : O_RDONLY) | O_NONBLOCK, error);
    if (code == SLK_OK)
        code = read_trailer(&file, error);
    return opened(ret_file, &file, code);
}

void slk_unsealed_done(slk_unsealed *file)
{
    slk_closep(&file->fd);
    slk_free(file->path);
    slk_bitfield_done(&file->allocated);
    *file = SLK_UNSEALED_NONE;
}

/* The data that `allocated` speaks of is on disk before the trailer that says so. */
static slk_err write_trailer(const slk_unsealed *file, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf trailer;
    slk_buf_init(&trailer, SLK_UNSEALED_RLE_MAX_BYTES + LENGTH_BYTES);
    uint8_t length[LENGTH_BYTES];
    slk_err code = slk_bitfield_to_rle(&trailer, &file->allocated);
    slk_store_le32(length, slk_u32(trailer.len));
    if (code == SLK_OK)
        code = slk_buf_append(&trailer, length, sizeof length);
    if (code != SLK_OK)
        return slk_fail(error, code, "what is allocated of %s cannot be noted: %s", file->path,
                        slk_error_text(NULL, code));
    SLK_TRY(slk_file_sync(file->fd, file->path, error));
    SLK_TRY(slk_file_write_at(file->fd, trailer.data, trailer.len, file->sector_bytes, file->path,
                              error));
    if (ftruncate(file->fd, slk_i64(file->sector_bytes + trailer.len)) != 0)
        return slk_fail_errno(error, errno, "cannot size %s", file->path);
    return slk_file_sync(file->fd, file->path, error);
}

slk_err slk_unsealed_create(slk_unsealed *ret_file, const char *path, uint64_t sector_bytes,
                            slk_error *error)
{
    slk_unsealed file;
    slk_err code = open_with(&file, path, sector_bytes, O_RDWR | O_CREAT | O_TRUNC, error);
    if (code == SLK_OK)
        code = write_trailer(&file, error);
    if (code == SLK_OK)
        code = slk_file_sync_folder_of(path, error);
    return opened(ret_file, &file, code);
}

static slk_err check_range(const slk_unsealed *file, uint64_t offset, uint64_t n, slk_error *error)
{
    if (offset > file->sector_bytes || n > file->sector_bytes - offset)
        return slk_fail(error, SLK_E_INVAL,
                        "bytes from %llu, %llu of them, do not lie in a sector of %llu",
                        (unsigned long long)offset, (unsigned long long)n,
                        (unsigned long long)file->sector_bytes);
    return SLK_OK;
}

slk_err slk_unsealed_write(slk_unsealed *file, const void *in, size_t n, uint64_t offset,
                           slk_error *error)
{
    SLK_TRY(check_range(file, offset, n, error));
    return slk_file_write_at(file->fd, in, n, offset, file->path, error);
}

slk_err slk_unsealed_allocate(slk_unsealed *file, uint64_t offset, uint64_t n, slk_error *error)
{
    SLK_TRY(check_range(file, offset, n, error));
    if (n == 0)
        return SLK_OK;
    const slk_err code = slk_bitfield_add_range(&file->allocated, offset, offset + n);
    if (code != SLK_OK)
        return slk_fail(error, code, "the parts of %s cannot be noted: %s", file->path,
                        slk_error_text(NULL, code));
    return write_trailer(file, error);
}

static slk_err punch(const slk_unsealed *file, slk_bit_range range, slk_error *error)
{
    const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    if (fallocate(file->fd, mode, slk_i64(range.first), slk_i64(range.end - range.first)) != 0 &&
        errno != EOPNOTSUPP)
        return slk_fail_errno(error, errno, "cannot give back disk of %s", file->path);
    return SLK_OK;
}

/* Of the file's ranges what lies in keep, and as *ret_gone what does not. */
static slk_err split(slk_bitfield *ret_kept, slk_bitfield *ret_gone, const slk_bitfield *all,
                     const slk_bitfield *keep)
{
    for (size_t i = 0; i < all->n; i++) {
        const slk_bit_range range = all->ranges[i];
        SLK_TRY(slk_bitfield_add_range(ret_gone, range.first, range.end));
        for (size_t k = 0; k < keep->n; k++) {
            const uint64_t first = slk_max_u64(range.first, keep->ranges[k].first);
            const uint64_t end = slk_min_u64(range.end, keep->ranges[k].end);
            if (first >= end)
                continue;
            SLK_TRY(slk_bitfield_add_range(ret_kept, first, end));
            SLK_TRY(slk_bitfield_remove_range(ret_gone, first, end));
        }
    }
    return SLK_OK;
}

slk_err slk_unsealed_keep(slk_unsealed *file, const slk_bitfield *keep, slk_error *error)
{
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield kept = {0};
    SLK_CLEANUP(slk_bitfield_done) slk_bitfield gone = {0};
    const slk_err code = split(&kept, &gone, &file->allocated, keep);
    if (code != SLK_OK)
        return slk_fail(error, code, "the parts of %s cannot be noted: %s", file->path,
                        slk_error_text(NULL, code));
    /* The trailer first: nothing may be called allocated that is gone. */
    const slk_bitfield before = file->allocated;
    file->allocated = kept;
    kept = before;
    SLK_TRY(write_trailer(file, error));
    for (size_t i = 0; i < gone.n; i++)
        SLK_TRY(punch(file, gone.ranges[i], error));
    return slk_file_sync(file->fd, file->path, error);
}

bool slk_unsealed_has(const slk_unsealed *file, uint64_t offset, uint64_t n)
{
    uint64_t end;
    return slk_add_u64(&end, offset, n) == SLK_OK &&
           slk_bitfield_has_range(&file->allocated, offset, end);
}

slk_err slk_unpadded_to_padded(uint64_t *ret, uint64_t unpadded, slk_error *error)
{
    uint64_t padded = 0;
    if (unpadded % 127 != 0 || slk_mul_u64(&padded, unpadded / 127, 128) != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "%llu is no unpadded size: those are multiples of 127",
                        (unsigned long long)unpadded);
    *ret = padded;
    return SLK_OK;
}
