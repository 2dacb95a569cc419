/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Many reads and writes under way at once, by one thread.
 *
 * Requests are queued with a tag and come back, in any order, as completions that carry it. A queue
 * has a fixed depth: at most that many requests may be between _read/_write and _reap. By io_uring
 * where the kernel permits it, else by a few threads; no privileges are needed. A queue belongs to
 * one thread at a time; different queues are independent. */
#ifndef SLK_BASE_AIO_H
#define SLK_BASE_AIO_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_AIO_DEPTH_MAX 4096u

typedef struct slk_aio slk_aio;

typedef enum slk_aio_way {
    SLK_AIO_ANY, /* io_uring, or threads where it is not there or not permitted */
    SLK_AIO_URING,
    SLK_AIO_THREADS,
    SLK_AIO_WAY_COUNT
} slk_aio_way;

/* depth: 1 to SLK_AIO_DEPTH_MAX. SLK_E_UNSUPPORTED: the way asked for is not possible here (never
 * for SLK_AIO_ANY). Memory: 128 bytes per request and, by threads, up to 8 stacks. */
SLK_MUST_CHECK slk_err slk_aio_new(slk_aio **ret_aio, unsigned depth, slk_aio_way way,
                                   slk_error *error);
/* Drains first. NULL allowed. */
void slk_aio_free(slk_aio *aio);

/* Requests that may still be queued before one must be reaped; depth when nothing is under way. */
unsigned slk_aio_room(const slk_aio *aio);

/* Queues a transfer of exactly n bytes (n > 0) at offset; slk_aio_room must not be 0. The kernel's
 * short transfers are continued. The buffer and path (which only names the file in errors) are
 * borrowed until the completion with this tag is reaped; what a failed read left in the buffer is
 * undefined. Starts with the next _submit or _reap at the latest. */
void slk_aio_read(slk_aio *aio, int fd, void *out, size_t n, uint64_t offset, const char *path,
                  uint64_t tag);
void slk_aio_write(slk_aio *aio, int fd, const void *in, size_t n, uint64_t offset,
                   const char *path, uint64_t tag);

/* Starts what is queued, without waiting for anything. Cost: about a microsecond for the whole lot. */
void slk_aio_submit(slk_aio *aio);

typedef struct slk_aio_done {
    uint64_t tag;
    const char *path;
    uint64_t offset; /* where it stopped: offset + n when all went well */
    int os_errno; /* 0: none */
    bool complete; /* all n bytes; with os_errno 0, false means the file ended before */
    bool write;
} slk_aio_done;

/* Takes up to max completions (max > 0), returns how many. wait: until there is at least one; with
 * nothing under way it is 0 at once. Also starts what is queued. */
size_t slk_aio_reap(slk_aio *aio, slk_aio_done *ret_done, size_t max, bool wait);

/* SLK_OK, or the failure of a completion as slk_file_read_at and slk_file_write_at tell it:
 * SLK_E_CORRUPT for a file that ends too early. */
SLK_MUST_CHECK slk_err slk_aio_result(const slk_aio_done *done, slk_error *error);

/* Waits until nothing is under way and throws the completions away: the way out after a failure or
 * a cancellation, after which all buffers are the caller's again. */
void slk_aio_drain(slk_aio *aio);

/* Turns the page cache off for an open file when its file system can: from then on buffers, sizes and
 * offsets must be multiples of SLK_AIO_DIRECT_BYTES. False: the file stays as it was. */
#define SLK_AIO_DIRECT_BYTES 4096u
bool slk_aio_make_direct(int fd);

#endif
