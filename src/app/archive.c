/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/archive.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define BLOCK 512u
#define END_BLOCKS 2u
#define NAME_CHARS 100u /* with NUL */

struct slk_archive {
    char *path;
    char *temporary; /* NULL: not there (any more) */
    int fd;
    gzFile gz; /* over a copy of fd; NULL once closed */
};

/* A file of our own: one that lies there, or a link, would give what we write to somebody else. */
static slk_err create_new(slk_archive *archive, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_strf("%s.tmp", archive->path);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    archive->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (archive->fd < 0 && errno == EEXIST)
        return slk_fail(error, SLK_E_EXISTS, "%s is there already; remove it", path);
    if (archive->fd < 0)
        return slk_fail_errno(error, errno, "cannot create %s", path);
    archive->temporary = path;
    path = NULL;
    return SLK_OK;
}

slk_err slk_archive_new(slk_archive **ret_archive, const char *path, slk_error *error)
{
    if (slk_file_exists(path))
        return slk_fail(error, SLK_E_EXISTS, "%s is there already; name another file", path);
    SLK_CLEANUP(slk_archive_freep) slk_archive *archive = slk_calloc(1, sizeof *archive);
    if (!archive)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    archive->fd = -1;
    archive->path = slk_strdup(path);
    if (!archive->path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(create_new(archive, error));
    const int copy = dup(archive->fd);
    archive->gz = copy >= 0 ? gzdopen(copy, "wb") : NULL;
    if (!archive->gz) {
        slk_closep(&copy);
        return slk_fail(error, SLK_E_NOMEM, "out of memory for an archive");
    }
    *ret_archive = archive;
    archive = NULL;
    return SLK_OK;
}

static slk_err put(slk_archive *archive, const void *bytes, size_t n, slk_error *error)
{
    if (n > 0 && gzfwrite(bytes, 1, n, archive->gz) != n)
        return slk_fail(error, SLK_E_IO, "cannot write %s", archive->temporary);
    return SLK_OK;
}

/* One ustar header. source: POSIX.1-1988, ustar interchange format */
static void fill_header(char out[BLOCK], const char *name, size_t n)
{
    memset(out, 0, BLOCK);
    (void)snprintf(out, NAME_CHARS, "%s", name);
    (void)snprintf(out + 100, 8, "%07o", 0600u);
    (void)snprintf(out + 108, 8, "%07o", 0u);
    (void)snprintf(out + 116, 8, "%07o", 0u);
    (void)snprintf(out + 124, 12, "%011llo", (unsigned long long)n);
    (void)snprintf(out + 136, 12, "%011llo", (unsigned long long)time(NULL));
    memset(out + 148, ' ', 8);
    out[156] = '0';
    memcpy(out + 257,
           "ustar\0"
           "00",
           8);
    unsigned sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)out[i];
    (void)snprintf(out + 148, 8, "%06o", sum);
}

slk_err slk_archive_add(slk_archive *archive, const char *name, const void *bytes, size_t n,
                        slk_error *error)
{
    static const char zeros[BLOCK];
    char header[BLOCK];
    slk_assert(strlen(name) < NAME_CHARS);
    fill_header(header, name, n);
    SLK_TRY(put(archive, header, sizeof header, error));
    SLK_TRY(put(archive, bytes, n, error));
    return put(archive, zeros, (BLOCK - n % BLOCK) % BLOCK, error);
}

slk_err slk_archive_finish(slk_archive *archive, slk_error *error)
{
    static const char zeros[END_BLOCKS * BLOCK];
    SLK_TRY(put(archive, zeros, sizeof zeros, error));
    const int rc = gzclose(archive->gz);
    archive->gz = NULL;
    if (rc != Z_OK)
        return slk_fail(error, SLK_E_IO, "cannot write %s", archive->temporary);
    SLK_TRY(slk_file_sync(archive->fd, archive->temporary, error));
    SLK_TRY(slk_file_rename_durable(archive->temporary, archive->path, error));
    slk_free(archive->temporary);
    archive->temporary = NULL;
    return SLK_OK;
}

void slk_archive_free(slk_archive *archive)
{
    if (!archive)
        return;
    if (archive->gz)
        (void)gzclose(archive->gz);
    slk_closep(&archive->fd);
    if (archive->temporary)
        (void)unlink(archive->temporary);
    slk_free(archive->temporary);
    slk_free(archive->path);
    slk_free(archive);
}

void slk_archive_freep(slk_archive **archive)
{
    slk_archive_free(*archive);
    *archive = NULL;
}
