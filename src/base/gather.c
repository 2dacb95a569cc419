/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/gather.h"

#include "base/aio.h"
#include "base/mem.h"

struct slk_gather_read {
    int fd;
    const char *path;
    uint64_t offset;
    size_t n, at; /* length, and where in data */
};

void slk_gather_init(slk_gather *gather)
{
    *gather = (slk_gather){0};
}

void slk_gather_done(slk_gather *gather)
{
    slk_free(gather->reads);
    slk_free(gather->data);
    slk_gather_init(gather);
}

slk_err slk_gather_add(slk_gather *gather, int fd, const char *path, uint64_t offset, size_t n,
                       slk_error *error)
{
    slk_assert(!gather->data && n > 0);
    if (gather->n == gather->room) {
        const size_t room = gather->room ? 2 * gather->room : 256;
        struct slk_gather_read *more = slk_realloc(gather->reads, room, sizeof *more);
        if (!more)
            return slk_fail(error, SLK_E_NOMEM, "no memory for a list of reads");
        gather->reads = more;
        gather->room = room;
    }
    gather->reads[gather->n++] = (struct slk_gather_read){
        .fd = fd, .path = path, .offset = offset, .n = n, .at = gather->bytes};
    gather->bytes += n;
    return SLK_OK;
}

/* Keeps the queue full until everything was read or something failed. */
static slk_err read_all(slk_gather *gather, slk_aio *aio, slk_job *job, slk_error *error)
{
    size_t queued = 0, finished = 0;
    while (finished < gather->n) {
        SLK_TRY(slk_job_check(job, error));
        for (; queued < gather->n && slk_aio_room(aio) > 0; queued++) {
            const struct slk_gather_read *r = &gather->reads[queued];
            slk_aio_read(aio, r->fd, gather->data + r->at, r->n, r->offset, r->path, queued);
        }
        slk_aio_done done[64];
        const size_t n = slk_aio_reap(aio, done, sizeof done / sizeof *done, true);
        for (size_t i = 0; i < n; i++)
            SLK_TRY(slk_aio_result(&done[i], error));
        finished += n;
    }
    return SLK_OK;
}

slk_err slk_gather_run(slk_gather *gather, slk_job *job, slk_error *error)
{
    slk_assert(!gather->data);
    gather->data = slk_alloc(gather->bytes, 1);
    if (!gather->data)
        return slk_fail(error, SLK_E_NOMEM, "no memory for %zu bytes to be read", gather->bytes);
    if (gather->n == 0)
        return SLK_OK;
    slk_aio *aio = NULL;
    const unsigned depth = gather->n < SLK_AIO_DEPTH_MAX ? (unsigned)gather->n : SLK_AIO_DEPTH_MAX;
    SLK_TRY(slk_aio_new(&aio, depth, SLK_AIO_ANY, error));
    slk_err code = read_all(gather, aio, job, error);
    slk_aio_drain(aio);
    slk_aio_free(aio);
    return code;
}

const uint8_t *slk_gathered_take(slk_gathered *from, size_t n)
{
    const slk_gather *gather = from->gather;
    slk_assert(gather->data && from->next < gather->n && gather->reads[from->next].n == n);
    return gather->data + gather->reads[from->next++].at;
}
