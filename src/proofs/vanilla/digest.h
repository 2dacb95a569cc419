/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The digest `.selkie-pc1` keeps of a large file: SHA-256 over the SHA-256s of its chunks of 1 MiB, the
 * last of which may be shorter. Chunks are digested in any order and by any thread, as they pass by. */
#ifndef SLK_PROOFS_VANILLA_DIGEST_H
#define SLK_PROOFS_VANILLA_DIGEST_H

#include "base/err.h"
#include "base/job.h"
#include "base/pool.h"
#include "crypto/crypto.h"

#include <stddef.h>
#include <stdint.h>

#define SLK_DIGEST_CHUNK_BYTES ((size_t)1 << 20)

/* Of one file: 32 bytes of memory per chunk. Different chunks may be set by different threads. */
typedef struct slk_digests {
    const slk_crypto *crypto;
    uint64_t bytes; /* of the file */
    uint8_t *of; /* 32 bytes per chunk */
} slk_digests;

/* bytes > 0. SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_digests_init(slk_digests *ret_digests, const slk_crypto *crypto,
                                        uint64_t bytes, slk_error *error);
void slk_digests_done(slk_digests *digests); /* idempotent, zeroed allowed */

uint64_t slk_digests_chunks(const slk_digests *digests);
size_t slk_digests_chunk_bytes(const slk_digests *digests, uint64_t chunk); /* of its data */

/* Digests one chunk whose bytes are all in memory. */
void slk_digests_take(slk_digests *digests, uint64_t chunk, const uint8_t *data);

/* The file's digest, once every chunk is there. */
void slk_digests_final(const slk_digests *digests, uint8_t out32[32]);

/* The same of a whole file of exactly `bytes` (SLK_E_CORRUPT else), on all threads of the pool; the job is
 * only asked whether it was canceled. Memory: 1 MiB per thread. */
SLK_MUST_CHECK slk_err slk_digest_file(uint8_t out32[32], const slk_crypto *crypto,
                                       const char *path, uint64_t bytes, slk_pool *pool,
                                       slk_job *job, slk_error *error);

#endif
