/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/aio.h"

#include "base/aio_impl.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <unistd.h>

struct slk_aio {
    const slk_aio_backend *backend;
    void *state;
    unsigned depth;
    unsigned n_free;
    unsigned *free_slots; /* a stack of n_free numbers; above them room for what _reap collects */
    slk_aio_slot *slots;
};

static slk_err open_backend(slk_aio *aio, slk_aio_way way, slk_error *error)
{
    slk_error first = {0};
    if (way != SLK_AIO_THREADS) {
        aio->backend = &slk_aio_uring;
        slk_err code = aio->backend->open(&aio->state, aio->slots, aio->depth, &first);
        if (code == SLK_OK || way == SLK_AIO_URING) {
            if (code != SLK_OK && error)
                *error = first;
            return code;
        }
    }
    aio->backend = &slk_aio_threads;
    return aio->backend->open(&aio->state, aio->slots, aio->depth, error);
}

slk_err slk_aio_new(slk_aio **ret_aio, unsigned depth, slk_aio_way way, slk_error *error)
{
    slk_assert(depth >= 1 && depth <= SLK_AIO_DEPTH_MAX && way < SLK_AIO_WAY_COUNT);
    slk_aio *aio = slk_calloc(1, sizeof *aio);
    if (!aio)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    aio->depth = aio->n_free = depth;
    aio->slots = slk_calloc(depth, sizeof *aio->slots);
    aio->free_slots = slk_calloc(depth, sizeof *aio->free_slots);
    slk_err code = SLK_OK;
    if (!aio->slots || !aio->free_slots)
        code = slk_fail(error, SLK_E_NOMEM, "out of memory");
    else
        code = open_backend(aio, way, error);
    if (code != SLK_OK) {
        slk_free(aio->free_slots);
        slk_free(aio->slots);
        slk_free(aio);
        return code;
    }
    for (unsigned i = 0; i < depth; i++)
        aio->free_slots[i] = i;
    *ret_aio = aio;
    return SLK_OK;
}

void slk_aio_free(slk_aio *aio)
{
    if (!aio)
        return;
    slk_aio_drain(aio);
    aio->backend->close(aio->state);
    slk_free(aio->free_slots);
    slk_free(aio->slots);
    slk_free(aio);
}

unsigned slk_aio_room(const slk_aio *aio)
{
    return aio->n_free;
}

static void queue(slk_aio *aio, const slk_aio_slot *request)
{
    slk_assert(aio->n_free > 0 && request->n > 0);
    const unsigned number = aio->free_slots[--aio->n_free];
    aio->slots[number] = *request;
    aio->backend->start(aio->state, number);
}

void slk_aio_read(slk_aio *aio, int fd, void *out, size_t n, uint64_t offset, const char *path,
                  uint64_t tag)
{
    queue(aio, &(slk_aio_slot){
                   .fd = fd, .bytes = out, .n = n, .offset = offset, .path = path, .tag = tag});
}

void slk_aio_write(slk_aio *aio, int fd, const void *in, size_t n, uint64_t offset,
                   const char *path, uint64_t tag)
{
    queue(aio, &(slk_aio_slot){.fd = fd,
                               .write = true,
                               .bytes = (uint8_t *)(uintptr_t)in,
                               .n = n,
                               .offset = offset,
                               .path = path,
                               .tag = tag});
}

void slk_aio_submit(slk_aio *aio)
{
    aio->backend->submit(aio->state);
}

size_t slk_aio_reap(slk_aio *aio, slk_aio_done *ret_done, size_t max, bool wait)
{
    slk_assert(max > 0);
    const unsigned under_way = aio->depth - aio->n_free;
    if (under_way == 0)
        return 0;
    /* The numbers are collected where they go back to: above those that are free. */
    unsigned *ended = aio->free_slots + aio->n_free;
    const size_t n =
        aio->backend->collect(aio->state, ended, max < under_way ? max : under_way, wait);
    for (size_t i = 0; i < n; i++) {
        const slk_aio_slot *slot = &aio->slots[ended[i]];
        ret_done[i] = (slk_aio_done){.tag = slot->tag,
                                     .path = slot->path,
                                     .offset = slot->offset,
                                     .os_errno = slot->os_errno,
                                     .complete = slot->n == 0,
                                     .write = slot->write};
    }
    aio->n_free += (unsigned)n;
    return n;
}

slk_err slk_aio_result(const slk_aio_done *done, slk_error *error)
{
    if (done->complete)
        return SLK_OK;
    if (done->os_errno == 0)
        return slk_fail(error, SLK_E_CORRUPT, "%s is too short: it ends at byte %llu", done->path,
                        (unsigned long long)done->offset);
    return slk_fail_errno(error, done->os_errno, "cannot %s %s", done->write ? "write" : "read",
                          done->path);
}

void slk_aio_drain(slk_aio *aio)
{
    slk_aio_done done[16];
    while (slk_aio_reap(aio, done, sizeof done / sizeof *done, true) > 0) {
    }
}

bool slk_aio_settle(slk_aio_slot *slot, ssize_t result)
{
    if (result == -EINTR)
        return false;
    if (result < 0) {
        slot->os_errno = (int)-result;
        return true;
    }
    if (result == 0) {
        /* A write that neither moves nor fails would be repeated for ever. */
        slot->os_errno = slot->write ? EIO : 0;
        return true;
    }
    slot->bytes += result;
    slot->n -= (size_t)result;
    slot->offset += (uint64_t)result;
    return slot->n == 0;
}

ssize_t slk_aio_transfer(const slk_aio_slot *slot)
{
    const ssize_t moved = slot->write ? pwrite(slot->fd, slot->bytes, slot->n, (off_t)slot->offset)
                                      : pread(slot->fd, slot->bytes, slot->n, (off_t)slot->offset);
    return moved < 0 ? -errno : moved;
}

bool slk_aio_make_direct(int fd)
{
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT) != 0)
        return false;
    /* Some file systems take the flag and refuse the transfer. At the end of the file it moves
     * nothing, but is checked all the same. */
    alignas(SLK_AIO_DIRECT_BYTES) uint8_t page[SLK_AIO_DIRECT_BYTES];
    if (pread(fd, page, sizeof page, 0) >= 0)
        return true;
    (void)fcntl(fd, F_SETFL, flags);
    return false;
}
