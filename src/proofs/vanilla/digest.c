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

/* ---- A file by all threads. */

struct reading {
    slk_digests digests;
    int fd;
    const char *path;
    slk_job *job;
    slk_region scratch; /* a chunk per worker */
    slk_fault fault;
};

static slk_err digest_chunk(struct reading *r, uint64_t chunk, unsigned worker, slk_error *error)
{
    uint8_t *data = r->scratch.data + worker * SLK_DIGEST_CHUNK_BYTES;
    SLK_TRY(slk_job_check(r->job, error));
    SLK_TRY(slk_file_read_at(r->fd, data, slk_digests_chunk_bytes(&r->digests, chunk),
                             chunk * SLK_DIGEST_CHUNK_BYTES, r->path, error));
    slk_digests_take(&r->digests, chunk, data);
    return SLK_OK;
}

static void digest_chunks(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    struct reading *r = context;
    slk_error error = {0};
    for (uint64_t chunk = begin; chunk < end && !slk_fault_any(&r->fault); chunk++) {
        if (digest_chunk(r, chunk, worker, &error) != SLK_OK)
            slk_fault_set(&r->fault, &error);
    }
}

static slk_err digest_opened(struct reading *r, slk_pool *pool, slk_error *error)
{
    SLK_TRY(slk_region_init(&r->scratch, slk_pool_threads(pool) * SLK_DIGEST_CHUNK_BYTES, "digests",
                            error));
    slk_fault_init(&r->fault);
    slk_pool_for(pool, slk_digests_chunks(&r->digests), 1, digest_chunks, r);
    slk_region_done(&r->scratch);
    return slk_fault_result(&r->fault, error);
}

slk_err slk_digest_file(uint8_t out32[32], const slk_crypto *crypto, const char *path,
                        uint64_t bytes, slk_pool *pool, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_TRY(slk_tree_open_sized(&fd, path, bytes, error));
    struct reading r = {.fd = fd, .path = path, .job = job};
    SLK_TRY(slk_digests_init(&r.digests, crypto, bytes, error));
    slk_err code = digest_opened(&r, pool, error);
    if (code == SLK_OK)
        slk_digests_final(&r.digests, out32);
    slk_digests_done(&r.digests);
    return code;
}
