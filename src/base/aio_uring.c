/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Transfers by the kernel's io_uring. Each slot has at most one entry in the ring. */
#include "base/aio_impl.h"
#include "base/mem.h"

#include <errno.h>
#include <liburing.h>
#include <sched.h>

struct uring {
    struct io_uring ring;
    slk_aio_slot *slots;
};

/* Kernels before 5.6 have the ring, but not these two requests, and cannot be asked either.
 * source: Linux io_uring_enter(2), io_uring_register(2) */
static bool can_transfer(struct io_uring *ring)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    const bool can = probe && io_uring_opcode_supported(probe, IORING_OP_READ) &&
                     io_uring_opcode_supported(probe, IORING_OP_WRITE);
    if (probe)
        io_uring_free_probe(probe);
    return can;
}

static slk_err uring_open(void **ret_state, slk_aio_slot *slots, unsigned depth, slk_error *error)
{
    struct uring *u = slk_calloc(1, sizeof *u);
    if (!u)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    u->slots = slots;
    const int rc = io_uring_queue_init(depth, &u->ring, 0);
    if (rc < 0) {
        slk_free(u);
        return slk_fail(error, SLK_E_UNSUPPORTED,
                        "io_uring is not permitted or not there on this machine (error %d)", -rc);
    }
    if (!can_transfer(&u->ring)) {
        io_uring_queue_exit(&u->ring);
        slk_free(u);
        return slk_fail(error, SLK_E_UNSUPPORTED,
                        "io_uring of this machine cannot read and write files");
    }
    *ret_state = u;
    return SLK_OK;
}

static void uring_close(void *state)
{
    struct uring *u = state;
    io_uring_queue_exit(&u->ring);
    slk_free(u);
}

/* The kernel may be short of memory for a moment: then what is under way has to end first. */
static void enter(struct uring *u, unsigned wait_for)
{
    int rc;
    while ((rc = io_uring_submit_and_wait(&u->ring, wait_for)) < 0) {
        slk_assert(rc == -EINTR || rc == -EAGAIN || rc == -EBUSY);
        if (rc != -EINTR && io_uring_cq_ready(&u->ring) > 0)
            return;
        (void)sched_yield();
    }
}

static void uring_start(void *state, unsigned number)
{
    struct uring *u = state;
    const slk_aio_slot *slot = &u->slots[number];
    struct io_uring_sqe *entry = io_uring_get_sqe(&u->ring);
    slk_assert(entry != NULL); /* the ring has at least as many entries as there are slots */
    /* One call moves at most 2^31 bytes whatever is asked; the rest is continued. */
    const unsigned n = slot->n < (1u << 30) ? (unsigned)slot->n : 1u << 30;
    if (slot->write)
        io_uring_prep_write(entry, slot->fd, slot->bytes, n, slot->offset);
    else
        io_uring_prep_read(entry, slot->fd, slot->bytes, n, slot->offset);
    io_uring_sqe_set_data64(entry, number);
}

static void uring_submit(void *state)
{
    struct uring *u = state;
    if (io_uring_sq_ready(&u->ring) > 0)
        enter(u, 0);
}

/* Takes what is in the completion ring, up to max ended slots. */
static size_t take(struct uring *u, unsigned *ret_slots, size_t max)
{
    size_t n = 0;
    struct io_uring_cqe *cqe;
    while (n < max && io_uring_peek_cqe(&u->ring, &cqe) == 0) {
        const unsigned number = (unsigned)io_uring_cqe_get_data64(cqe);
        ssize_t result = cqe->res;
        io_uring_cqe_seen(&u->ring, cqe);
        /* A descriptor in non-blocking mode: the kernel did not want to wait for the disk. */
        if (result == -EAGAIN)
            result = slk_aio_transfer(&u->slots[number]);
        if (slk_aio_settle(&u->slots[number], result))
            ret_slots[n++] = number;
        else
            uring_start(u, number);
    }
    return n;
}

static size_t uring_collect(void *state, unsigned *ret_slots, size_t max, bool wait)
{
    struct uring *u = state;
    uring_submit(u);
    size_t n = take(u, ret_slots, max);
    while (wait && n == 0) {
        enter(u, 1);
        n = take(u, ret_slots, max);
    }
    return n;
}

const slk_aio_backend slk_aio_uring = {.open = uring_open,
                                       .close = uring_close,
                                       .start = uring_start,
                                       .submit = uring_submit,
                                       .collect = uring_collect};
