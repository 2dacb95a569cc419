/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/digest.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "crypto/sha256/sha256.h"
#include "proofs/tree/tree.h"

slk_err slk_digests_init(slk_digests *ret_digests, const slk_crypto *crypto, uint64_t bytes,
                         slk_error *error)
{
    slk_digests digests = {.crypto = crypto, .bytes = bytes};
    digests.of = slk_calloc((size_t)slk_digests_chunks(&digests), 32);
    if (!digests.of)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the digests of a file");
    *ret_digests = digests;
    return SLK_OK;
}

void slk_digests_done(slk_digests *digests)
{
    slk_free(digests->of);
    *digests = (slk_digests){0};
}

uint64_t slk_digests_chunks(const slk_digests *digests)
{
    return (digests->bytes + SLK_DIGEST_CHUNK_BYTES - 1) / SLK_DIGEST_CHUNK_BYTES;
}

size_t slk_digests_chunk_bytes(const slk_digests *digests, uint64_t chunk)
{
    slk_assert(chunk < slk_digests_chunks(digests));
    return (size_t)slk_min_u64(SLK_DIGEST_CHUNK_BYTES,
                               digests->bytes - chunk * SLK_DIGEST_CHUNK_BYTES);
}

void slk_digests_take(slk_digests *digests, uint64_t chunk, const uint8_t *data)
{
    slk_sha256_of(digests->crypto, digests->of + chunk * 32, data,
                  slk_digests_chunk_bytes(digests, chunk));
}

void slk_digests_final(const slk_digests *digests, uint8_t out32[32])
{
    slk_sha256_of(digests->crypto, out32, digests->of, (size_t)slk_digests_chunks(digests) * 32);
}

/* ---- Chunks by all threads, out of a file or out of memory. */

struct work {
    slk_digests *digests;
    uint64_t first;
    const uint8_t *memory; /* NULL: the file */
    int fd;
    const char *path;
    slk_job *job;
    bool counted; /* the job's stage is in chunks */
    slk_region scratch; /* a chunk per worker, for the file */
    slk_fault fault;
};

static slk_err digest_chunk(struct work *w, uint64_t chunk, unsigned worker, slk_error *error)
{
    const uint64_t at = chunk * SLK_DIGEST_CHUNK_BYTES;
    SLK_TRY(slk_job_check(w->job, error));
    const uint8_t *data = w->memory ? w->memory + at : NULL;
    if (!data) {
        uint8_t *buffer = w->scratch.data + worker * SLK_DIGEST_CHUNK_BYTES;
        SLK_TRY(slk_file_read_at(w->fd, buffer, slk_digests_chunk_bytes(w->digests, chunk), at,
                                 w->path, error));
        data = buffer;
    }
    slk_digests_take(w->digests, chunk, data);
    slk_job_advance(w->job, w->counted ? 1 : 0);
    return SLK_OK;
}

static void digest_chunks(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    struct work *w = context;
    slk_error error = {0};
    for (uint64_t i = begin; i < end && !slk_fault_any(&w->fault); i++) {
        if (digest_chunk(w, w->first + i, worker, &error) != SLK_OK)
            slk_fault_set(&w->fault, &error);
    }
}

static slk_err read_chunks(struct work *w, uint64_t end, slk_pool *pool, slk_error *error)
{
    slk_fault_init(&w->fault);
    SLK_TRY(slk_region_init(&w->scratch, slk_pool_threads(pool) * SLK_DIGEST_CHUNK_BYTES, "digests",
                            error));
    slk_pool_for(pool, end - w->first, 1, digest_chunks, w);
    slk_region_done(&w->scratch);
    return slk_fault_result(&w->fault, error);
}

slk_err slk_digests_read(slk_digests *digests, int fd, const char *path, uint64_t first,
                         uint64_t end, slk_pool *pool, slk_job *job, slk_error *error)
{
    struct work w = {
        .digests = digests, .first = first, .fd = fd, .path = path, .job = job, .counted = true};
    return read_chunks(&w, end, pool, error);
}

slk_err slk_digest_file(uint8_t out32[32], const slk_crypto *crypto, const char *path,
                        uint64_t bytes, slk_pool *pool, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_CLEANUP(slk_digests_done) slk_digests digests = {0};
    SLK_TRY(slk_tree_open_sized(&fd, path, bytes, error));
    SLK_TRY(slk_digests_init(&digests, crypto, bytes, error));
    struct work w = {.digests = &digests, .fd = fd, .path = path, .job = job};
    SLK_TRY(read_chunks(&w, slk_digests_chunks(&digests), pool, error));
    slk_digests_final(&digests, out32);
    return SLK_OK;
}

slk_err slk_digest_memory(uint8_t out32[32], const slk_crypto *crypto, const uint8_t *data,
                          uint64_t bytes, slk_pool *pool, slk_error *error)
{
    SLK_CLEANUP(slk_digests_done) slk_digests digests = {0};
    SLK_TRY(slk_digests_init(&digests, crypto, bytes, error));
    struct work w = {.digests = &digests, .memory = data};
    slk_fault_init(&w.fault);
    slk_pool_for(pool, slk_digests_chunks(&digests), 1, digest_chunks, &w);
    slk_digests_final(&digests, out32);
    return slk_fault_result(&w.fault, error);
}
