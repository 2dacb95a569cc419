/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One fetch in progress and its requests. Only for fetch_*.c. */
#ifndef SLK_TRANSFER_FETCH_RUN_H
#define SLK_TRANSFER_FETCH_RUN_H

#include "transfer/block_map.h"
#include "transfer/fetch_impl.h"

#include <pthread.h>
#include <stdatomic.h>

#define SLK_FETCH_CONNECTIONS_MAX 16u

struct run;

typedef struct fetch {
    const slk_fetch_from *from;
    slk_job *job;
    char *temp; /* dest.tmp */
    int fd; /* of temp */
    bool locked; /* temp is ours alone */
    uint64_t bytes;
    atomic_bool stop; /* workers end soon: all is there, or it failed */
    pthread_mutex_t mutex; /* guards all below */
    slk_block_map map;
    slk_block_map snapshot; /* what is being saved; its own bits */
    bool saving;
    size_t unsaved; /* blocks marked since the last save */
    size_t prefix; /* blocks from the start that are done */
    uint8_t *claimed; /* one byte per block: a request works on it */
    uint8_t *bad; /* times a block came wrong */
    uint32_t *got; /* leading bytes of an unfinished block that are in temp */
    struct run *runs[SLK_FETCH_CONNECTIONS_MAX]; /* in progress; NULL free */
    unsigned failures; /* in a row without progress */
    unsigned workers; /* one cut of the network is a failure of each */
    bool changed; /* the peer's ETag is another one */
    bool no_ranges; /* the peer answers 200 to a range */
    slk_err code; /* why it stopped */
    slk_error error;
} fetch;

/* What one request asks for: bytes [at, end), blocks [first, first + n). Its own thread moves it
 * on; a slow one can lose what is left of it to another. */
typedef struct run {
    fetch *f;
    size_t first, n;
    uint64_t start, at, end; /* at and n under the mutex */
    bool whole; /* no range: the file as one stream */
    bool checked; /* the answer's header has been looked at */
    bool writing; /* bytes from at on go to temp: it cannot be taken over; under the mutex */
    uint8_t *piece; /* what came after at and is not in temp yet; its own thread only */
    size_t held; /* bytes of it */
    int64_t put_ms; /* when the last of them were put into temp */
    bool damaged; /* a block was not what the manifest says */
    atomic_bool lost; /* another request goes on from at */
    slk_manifest_block hash; /* of the block at is in, as far as at; with a manifest */
    uint64_t mark_at; /* where it was at mark_ms */
    int64_t mark_ms;
} run;

/* Takes the next stretch of missing blocks, else what is left of a slow run; waits while others
 * may still fail. False when nothing is left to do. */
bool slk_fetch_claim(fetch *f, run *r);
/* Gives back what the run did not finish. */
void slk_fetch_release(run *r);
/* One request. SLK_OK when all of [at, end) is in temp, or the run was lost; *ret_retry: the
 * failure may pass. */
slk_err slk_fetch_request(run *r, bool *ret_retry, slk_error *error);
/* Puts the marked blocks and then the map on disk. */
slk_err slk_fetch_save(fetch *f, slk_error *error);
/* Says how much is there from the start. */
void slk_fetch_announce(fetch *f);

#endif
