/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/copy_impl.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)1 << 20)

typedef struct copy {
    const char *from, *to;
    int in, out;
    uint8_t *piece;
    slk_job *job;
} copy;

/* Data from at up to end. */
static slk_err copy_stretch(const copy *c, uint64_t at, uint64_t end, slk_error *error)
{
    const uint64_t start = at;
    while (at < end) {
        const size_t n = (size_t)slk_min_u64(PIECE_BYTES, end - at);
        if (c->job)
            SLK_TRY(slk_job_check(c->job, error));
        SLK_TRY(slk_file_read_at(c->in, c->piece, n, at, c->from, error));
        SLK_TRY(slk_file_write_at(c->out, c->piece, n, at, c->to, error));
        at += n;
        if (c->job)
            slk_job_advance(c->job, n);
    }
    slk_file_write_early(c->out, start, end - start);
    return SLK_OK;
}

static slk_err copy_data(const copy *c, uint64_t bytes, slk_error *error)
{
    for (uint64_t at = 0; at < bytes;) {
        const off_t data = lseek(c->in, slk_i64(at), SEEK_DATA);
        if (data < 0 && errno == ENXIO) /* a hole to the end */
            return SLK_OK;
        const off_t hole = data < 0 ? -1 : lseek(c->in, data, SEEK_HOLE);
        if (hole < 0)
            return slk_fail_errno(error, errno, "cannot read %s", c->from);
        const uint64_t end = slk_min_u64(slk_u64(hole), bytes);
        SLK_TRY(copy_stretch(c, slk_u64(data), end, error));
        at = slk_max_u64(end, at + 1);
    }
    return SLK_OK;
}

static slk_err copy_file(copy *c, slk_error *error)
{
    struct stat st;
    if (fstat(c->in, &st) != 0)
        return slk_fail_errno(error, errno, "cannot look at %s", c->from);
    if (!S_ISREG(st.st_mode))
        return slk_fail(error, SLK_E_CORRUPT, "%s is not a regular file", c->from);
    if (ftruncate(c->out, st.st_size) != 0)
        return slk_fail_errno(error, errno, "cannot size %s", c->to);
    SLK_TRY(copy_data(c, slk_u64(st.st_size), error));
    return slk_file_sync(c->out, c->to, error);
}

static slk_err copy_one(const char *from, const char *to, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_closep)
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (in < 0)
        return slk_fail_errno(error, errno, "cannot open %s", from);
    SLK_CLEANUP(slk_closep)
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (out < 0)
        return slk_fail_errno(error, errno, "cannot create %s", to);
    SLK_CLEANUP(slk_freep) uint8_t *piece = slk_alloc(PIECE_BYTES, 1);
    if (!piece)
        return slk_fail(error, SLK_E_NOMEM, "out of memory to copy %s", from);
    copy c = {.from = from, .to = to, .in = in, .out = out, .piece = piece, .job = job};
    return copy_file(&c, error);
}

static slk_err copy_entry(const char *from, const char *to, const char *name, slk_job *job,
                          slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *in = slk_path_join(from, name);
    SLK_CLEANUP(slk_freep) char *out = slk_path_join(to, name);
    if (!in || !out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory to copy %s", from);
    return copy_one(in, out, job, error);
}

static slk_err copy_folder(const char *from, const char *to, slk_job *job, slk_error *error)
{
    SLK_TRY(slk_folder_make(to, 0755, error));
    DIR *dir = opendir(from);
    if (!dir)
        return slk_fail_errno(error, errno, "cannot read %s", from);
    slk_err code = SLK_OK;
    errno = 0;
    for (const struct dirent *e; code == SLK_OK && (e = readdir(dir)) != NULL; errno = 0)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            code = copy_entry(from, to, e->d_name, job, error);
    if (code == SLK_OK && errno != 0) /* there may be more */
        code = slk_fail_errno(error, errno, "cannot read %s", from);
    (void)closedir(dir);
    SLK_TRY(code);
    SLK_CLEANUP(slk_freep) char *inside = slk_path_join(to, ".");
    if (!inside)
        return slk_fail(error, SLK_E_NOMEM, "out of memory to copy %s", from);
    return slk_file_sync_folder_of(inside, error);
}

slk_err slk_store_copy(const char *from, const char *to, slk_job *job, slk_error *error)
{
    struct stat st;
    if (lstat(from, &st) != 0)
        return slk_fail_errno(error, errno, "cannot look at %s", from);
    return S_ISDIR(st.st_mode) ? copy_folder(from, to, job, error) : copy_one(from, to, job, error);
}
