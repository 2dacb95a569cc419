/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Fetching what a peer sealed: one big file by ranges, one cache folder as tar.
 *
 * Nothing appears under its final name before it is complete, of the exact size and on disk. That
 * the bytes are the right ones is for the caller to check (replica check) before using them. */
#ifndef SLK_TRANSFER_FETCH_H
#define SLK_TRANSFER_FETCH_H

#include "base/err.h"
#include "base/gate.h"
#include "base/job.h"
#include "fil/sector.h"
#include "net/client.h"
#include "transfer/flat_tar.h"
#include "transfer/manifest.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_FETCH_BLOCK_BYTES SLK_MANIFEST_BLOCK_BYTES

typedef struct slk_fetch_from {
    slk_http_client *client;
    const char *url;
    slk_http_pass pass; /* how the server is met */
    unsigned connections; /* 1..16 at once; 0 means 4 */
    unsigned block_attempts; /* failures in a row, for each connection, before giving up; 0: 5 */
    int64_t slow_ms; /* so long below 32 KiB/s, and idle connections take over; 0: 10 000 */
    int64_t stall_ms; /* so long below 4 KiB/s, and a connection is given up; 0: 30 000 */
    /* Of a file: its hashes, NULL none; a block counts when its hash is right. */
    const slk_manifest *manifest;
    /* Of a file: raised to how many bytes from the start are in dest.tmp and final, each when it is;
     * broken when that turns out wrong (all is fetched anew). NULL: nobody waits. */
    slk_gate *arrived;
    /* Of a file: as one stream from its start, whatever lies there. For a peer whose ranges prove nothing,
     * because it does not say by an ETag which file they are of. */
    bool whole;
    /* Bytes that come are added, of all attempts: whether a peer that is away was there. NULL: nobody counts. */
    atomic_uint_fast64_t *came;
} slk_fetch_from;

/* Fetches exactly `bytes` bytes into dest. On the way: dest.tmp (reserved at full size) and
 * dest.blocks (which 4 MiB blocks are on disk, the size, the peer's ETag), both gone at the end.
 * After any failure, crash or restart call it again, from wherever the same file (ETag) is to be
 * had now: complete blocks are not fetched again. With a manifest those that lie there are read and
 * checked first; one that comes wrong three times is SLK_E_CORRUPT.
 * When the peer's ETag changed, all is fetched anew, once; a second change is SLK_E_CONFLICT.
 * A peer without ranges (200 for a range) is read as one stream from the start.
 * job: stage "fetch", done and total in bytes (blocks already there count).
 * SLK_E_PROTO when the peer's file has another size, an answer contradicts itself, or bodies are
 * cut short again and again; SLK_E_AUTH, SLK_E_NOTFOUND … as slk_http_expect_success;
 * SLK_E_UNREACHABLE, SLK_E_TIMEOUT: later; SLK_E_NOSPACE; SLK_E_CANCELED.
 * Threads: starts up to `connections` threads of its own, each with 256 KiB of what has come and is not
 * in dest.tmp yet. One call per dest at a time. */
SLK_MUST_CHECK slk_err slk_fetch_file(const slk_fetch_from *from, const char *dest, uint64_t bytes,
                                      slk_job *job, slk_error *error);

/* Removes dest.tmp and dest.blocks, for a fetch that is given up or was ended right after dest was there. They
 * stay gone after a loss of power, and dest, if it is there, stays. */
SLK_MUST_CHECK slk_err slk_fetch_forget(const char *dest, slk_error *error);

/* Fetches an archive of plain files into options->folder (emptied first; absent at the end when it fails).
 * ret_has[i], of options->n: whether member i came. SLK_E_PROTO for anything else in the archive.
 * job: stage "fetch cache", bytes. */
SLK_MUST_CHECK slk_err slk_fetch_flat_tar(const slk_fetch_from *from, bool *ret_has,
                                          const slk_flat_untar_options *options, slk_job *job,
                                          slk_error *error);

/* Fetches the cache tar of a sector of that shape into the folder `cache`, by way of cache.tmp
 * (emptied first). Exactly p_aux, t_aux and every tree-r-last file of the shape must come, each
 * once and of its exact size (t_aux: at most 10 KiB), as plain files with flat names; anything
 * else in the archive is SLK_E_PROTO. SLK_E_EXISTS when cache is already there.
 * job: stage "fetch cache", bytes. */
SLK_MUST_CHECK slk_err slk_fetch_cache(const slk_fetch_from *from, const char *cache,
                                       const slk_sector_shape *shape, slk_job *job,
                                       slk_error *error);

#endif
