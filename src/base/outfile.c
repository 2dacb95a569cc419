/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/outfile.h"

#include "base/file.h"
#include "base/mem.h"

#include <unistd.h>

slk_err slk_outfile_open(slk_outfile *ret_file, const char *path, const char *temp, uint64_t bytes,
                         slk_error *error)
{
    slk_outfile file = {
        .fd = -1,
        .path = slk_strdup(path),
        .temp = temp ? slk_strdup(temp) : slk_strf("%s.tmp", path),
    };
    slk_err code = SLK_OK;
    if (!file.path || !file.temp)
        code = slk_fail(error, SLK_E_NOMEM, "out of memory opening %s", path);
    else
        code = slk_file_create(&file.fd, file.temp, 0644, error);
    if (code == SLK_OK && bytes)
        code = slk_file_reserve(file.fd, bytes, file.temp, error);
    if (code == SLK_OK)
        *ret_file = file;
    else
        slk_outfile_done(&file);
    return code;
}

slk_err slk_outfile_commit(slk_outfile *file, slk_error *error)
{
    SLK_TRY(slk_file_sync(file->fd, file->temp, error));
    SLK_TRY(slk_file_rename_durable(file->temp, file->path, error));
    (void)close(file->fd);
    file->fd = -1;
    return SLK_OK;
}

void slk_outfile_done(slk_outfile *file)
{
    if (file->fd >= 0) {
        (void)close(file->fd);
        (void)unlink(file->temp);
    }
    slk_free(file->path);
    slk_free(file->temp);
    *file = SLK_OUTFILE_NONE;
}
