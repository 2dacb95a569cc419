/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Many reads whose places are known beforehand: noted first, then all under way at once, then looked
 * at in the order they were noted. */
#ifndef SLK_BASE_GATHER_H
#define SLK_BASE_GATHER_H

#include "base/err.h"
#include "base/job.h"

#include <stddef.h>
#include <stdint.h>

typedef struct slk_gather {
    struct slk_gather_read *reads;
    size_t n, room; /* reads noted, reads there is memory for */
    size_t bytes; /* of all reads */
    uint8_t *data; /* after slk_gather_run */
} slk_gather;

void slk_gather_init(slk_gather *gather);
void slk_gather_done(slk_gather *gather); /* idempotent */

/* Notes a read of exactly n > 0 bytes. path (it names the file in errors) is borrowed until run. */
SLK_MUST_CHECK slk_err slk_gather_add(slk_gather *gather, int fd, const char *path, uint64_t offset,
                                      size_t n, slk_error *error);

/* Does them all; once. SLK_E_CORRUPT: a file ends too early. Memory: the bytes read and 128 bytes per
 * read. Cost: that of the storage with as many requests under way as it can serve. */
SLK_MUST_CHECK slk_err slk_gather_run(slk_gather *gather, slk_job *job, slk_error *error);

/* What came of read `next` and those after it. After run any number of threads may look, each with a
 * place of its own. */
typedef struct slk_gathered {
    const slk_gather *gather;
    size_t next;
} slk_gathered;

/* The n bytes of the next read; n must be what was asked for. */
const uint8_t *slk_gathered_take(slk_gathered *from, size_t n);

#endif
