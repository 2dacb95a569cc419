/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a way of asynchronous transfer must do. Internal to base/. */
#ifndef SLK_BASE_AIO_IMPL_H
#define SLK_BASE_AIO_IMPL_H

#include "base/aio.h"

#include <sys/types.h>

/* One request. After start it is the back end's until _collect gives it out. */
typedef struct slk_aio_slot {
    int fd;
    bool write;
    int os_errno;
    uint8_t *bytes; /* of a write only read */
    size_t n; /* still to do */
    uint64_t offset; /* of the next byte */
    const char *path;
    uint64_t tag;
} slk_aio_slot;

typedef struct slk_aio_backend {
    /* slots stays where it is. SLK_E_UNSUPPORTED: not possible here. */
    slk_err (*open)(void **ret_state, slk_aio_slot *slots, unsigned depth, slk_error *error);
    void (*close)(void *state); /* nothing is under way */
    void (*start)(void *state, unsigned slot); /* may wait for submit */
    void (*submit)(void *state);
    /* Numbers of slots that have ended, up to max; wait: at least one (one is under way). */
    size_t (*collect)(void *state, unsigned *ret_slots, size_t max, bool wait);
} slk_aio_backend;

extern const slk_aio_backend slk_aio_uring;
extern const slk_aio_backend slk_aio_threads;

/* Takes the result of one transfer of a slot, bytes moved or minus an errno. True: the slot has
 * ended; false: the rest has to be transferred, or the same again. */
bool slk_aio_settle(slk_aio_slot *slot, ssize_t result);

/* pread or pwrite of what is left of the slot, in the form _settle takes. */
ssize_t slk_aio_transfer(const slk_aio_slot *slot);

#endif
