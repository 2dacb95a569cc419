/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One fetch in progress and its requests. Only for fetch_*.c. */
#ifndef SLK_TRANSFER_FETCH_RUN_H
#define SLK_TRANSFER_FETCH_RUN_H

#include "transfer/block_map.h"
#include "transfer/fetch_impl.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct fetch {
    const slk_fetch_from *from;
    slk_job *job;
    char *temp; /* dest.tmp */
    int fd; /* of temp */
    bool locked; /* temp is ours alone */
    uint64_t bytes;
    atomic_bool stop; /* workers end soon */
    pthread_mutex_t mutex; /* guards all below */
    slk_block_map map;
    slk_block_map snapshot; /* what is being saved; its own bits */
    bool saving;
    size_t unsaved; /* blocks marked since the last save */
    uint8_t *claimed; /* one byte per block: a request works on it */
    uint32_t *got; /* leading bytes of an unfinished block that are in temp */
    unsigned failures; /* in a row without progress */
    bool changed; /* the peer's ETag is another one */
    bool no_ranges; /* the peer answers 200 to a range */
    slk_err code; /* why it stopped */
    slk_error error;
} fetch;

/* What one request asks for: bytes [at, end), blocks [first, first + n). */
typedef struct run {
    fetch *f;
    size_t first, n;
    uint64_t start, at, end;
    bool whole; /* no range: the file as one stream */
    bool checked; /* the answer's header has been looked at */
} run;

/* Takes the next stretch of missing blocks; false when there is none. */
bool slk_fetch_claim(fetch *f, run *ret_run);
/* Gives back what the run did not finish. */
void slk_fetch_release(run *r);
/* One request. SLK_OK when all of [at, end) is in temp; *ret_retry: the failure may pass. */
slk_err slk_fetch_request(run *r, bool *ret_retry, slk_error *error);
/* Puts the marked blocks and then the map on disk. */
slk_err slk_fetch_save(fetch *f, slk_error *error);

#endif
