/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/spool.h"

#include "base/num.h"

#include <unistd.h>

static const char name[] = "a request's body";

void slk_spool_init(slk_spool *spool, size_t max_bytes, const char *folder)
{
    *spool = (slk_spool){.folder = folder, .max = max_bytes, .fd = -1};
    slk_buf_init(&spool->memory, max_bytes);
}

void slk_spool_done(slk_spool *spool)
{
    slk_buf_done(&spool->memory);
    slk_file_map_done(&spool->map);
    if (spool->fd >= 0)
        (void)close(spool->fd);
    spool->fd = -1;
    spool->len = 0;
}

void slk_spool_move(slk_spool *ret_spool, slk_spool *from)
{
    *ret_spool = *from;
    slk_spool_init(from, from->max, from->folder);
}

static slk_err move_to_file(slk_spool *spool, slk_error *error)
{
    int fd = -1;
    SLK_TRY(slk_file_create_unnamed(&fd, spool->folder, error));
    slk_err code = slk_file_write_at(fd, slk_buf_str(&spool->memory), spool->len, 0, name, error);
    if (code != SLK_OK) {
        (void)close(fd);
        return code;
    }
    spool->fd = fd;
    slk_buf_done(&spool->memory);
    return SLK_OK;
}

slk_err slk_spool_append(slk_spool *spool, const void *bytes, size_t n, slk_error *error)
{
    slk_assert(!spool->map.data);
    if (n > spool->max - spool->len)
        return slk_fail(error, SLK_E_LIMIT, "%s is longer than the %zu bytes allowed", name,
                        spool->max);
    if (spool->fd < 0 && spool->folder && spool->len + n > SLK_SPOOL_BYTES)
        SLK_TRY(move_to_file(spool, error));
    if (spool->fd >= 0)
        SLK_TRY(slk_file_write_at(spool->fd, bytes, n, spool->len, name, error));
    else if (slk_buf_append(&spool->memory, bytes, n) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for %s", name);
    spool->len += n;
    return SLK_OK;
}

slk_err slk_spool_view(slk_spool *spool, const char **ret_bytes, size_t *ret_n, slk_error *error)
{
    if (spool->fd >= 0 && !spool->map.data) {
        SLK_TRY(slk_file_write_at(spool->fd, "", 1, spool->len, name, error));
        SLK_TRY(slk_file_map_rw(&spool->map, spool->fd, spool->len + 1, name, error));
    }
    *ret_bytes = spool->fd >= 0 ? (const char *)spool->map.data : slk_buf_str(&spool->memory);
    *ret_n = spool->len;
    return SLK_OK;
}
