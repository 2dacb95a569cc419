/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transfer/manifest.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#include <string.h>

#define MAGIC "selkie hashes 1\n"
#define MAGIC_BYTES (sizeof MAGIC - 1)
#define COMM_R_AT (MAGIC_BYTES + 4 * sizeof(uint64_t))
#define HASHES_AT (COMM_R_AT + 32)
#define PIECE_BYTES ((size_t)1 << 20)
#define FILE_MAX_BYTES ((uint64_t)64 << 30)

static size_t block_count(uint64_t file_bytes)
{
    return (size_t)((file_bytes - 1) / SLK_MANIFEST_BLOCK_BYTES + 1);
}

size_t slk_manifest_bytes(const slk_manifest_subject *subject)
{
    slk_assert(subject->file_bytes > 0 && subject->file_bytes <= FILE_MAX_BYTES);
    return HASHES_AT + 32 * block_count(subject->file_bytes) + 32;
}

static void put_head(uint8_t *out, const slk_manifest_subject *subject)
{
    memcpy(out, MAGIC, MAGIC_BYTES);
    slk_store_le64(out + MAGIC_BYTES, subject->sp_id);
    slk_store_le64(out + MAGIC_BYTES + 8, subject->number);
    slk_store_le64(out + MAGIC_BYTES + 16, subject->file_bytes);
    slk_store_le64(out + MAGIC_BYTES + 24, SLK_MANIFEST_BLOCK_BYTES);
    memcpy(out + COMM_R_AT, subject->comm_r, 32);
}

static uint64_t block_bytes(uint64_t file_bytes, size_t block)
{
    return slk_min_u64(SLK_MANIFEST_BLOCK_BYTES,
                       file_bytes - (uint64_t)block * SLK_MANIFEST_BLOCK_BYTES);
}

/* The first n bytes of the block as they lie in the file, by way of piece. */
static slk_err hash_from_file(slk_sha256 *hash, size_t block, uint64_t n, int fd, const char *path,
                              uint8_t *piece, slk_error *error)
{
    uint64_t at = (uint64_t)block * SLK_MANIFEST_BLOCK_BYTES;
    const uint64_t end = at + n;
    while (at < end) {
        const size_t part = (size_t)slk_min_u64(PIECE_BYTES, end - at);
        SLK_TRY(slk_file_read_at(fd, piece, part, at, path, error));
        slk_sha256_update(hash, piece, part);
        at += part;
    }
    return SLK_OK;
}

/* SHA-256 of the block as it lies in the file. */
static slk_err hash_block(uint8_t out32[32], const slk_crypto *crypto, size_t block,
                          uint64_t file_bytes, int fd, const char *path, uint8_t *piece,
                          slk_error *error)
{
    slk_sha256 hash;
    slk_sha256_init(&hash, crypto);
    SLK_TRY(hash_from_file(&hash, block, block_bytes(file_bytes, block), fd, path, piece, error));
    slk_sha256_final(&hash, out32);
    return SLK_OK;
}

/* ---- making ---- */

static bool is_there(const char *path, const slk_manifest_subject *subject,
                     const slk_crypto *crypto)
{
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, SLK_MANIFEST_MAX_BYTES);
    slk_manifest manifest = {0};
    const bool sound =
        slk_file_read_all(&bytes, path, NULL) == SLK_OK &&
        slk_manifest_read(&manifest, bytes.data, bytes.len, subject, crypto, NULL) == SLK_OK;
    slk_manifest_done(&manifest);
    return sound;
}

static slk_err hash_file(uint8_t *hashes, const slk_manifest_subject *subject, const char *file,
                         const slk_crypto *crypto, slk_job *job, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_CLEANUP(slk_freep) uint8_t *piece = slk_alloc(PIECE_BYTES, 1);
    if (!piece)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the hashes of a file");
    uint64_t bytes = 0;
    SLK_TRY(slk_file_open_read(&fd, file, error));
    SLK_TRY(slk_file_size(&bytes, file, error));
    if (bytes != subject->file_bytes)
        return slk_fail(error, SLK_E_CORRUPT, "%s has %llu bytes where %llu belong", file,
                        (unsigned long long)bytes, (unsigned long long)subject->file_bytes);
    slk_job_stage(job, "manifest", bytes);
    for (size_t i = 0; i < block_count(bytes); i++) {
        SLK_TRY(slk_job_check(job, error));
        SLK_TRY(hash_block(hashes + 32 * i, crypto, i, bytes, fd, file, piece, error));
        slk_job_advance(job, SLK_MANIFEST_BLOCK_BYTES);
    }
    return SLK_OK;
}

slk_err slk_manifest_make(const char *path, const slk_manifest_subject *subject, const char *file,
                          const slk_crypto *crypto, slk_job *job, slk_error *error)
{
    if (is_there(path, subject, crypto))
        return SLK_OK;
    const size_t n = slk_manifest_bytes(subject);
    SLK_CLEANUP(slk_freep) uint8_t *bytes = slk_alloc(n, 1);
    if (!bytes)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the hashes of a file");
    put_head(bytes, subject);
    SLK_TRY(hash_file(bytes + HASHES_AT, subject, file, crypto, job, error));
    slk_sha256_of(crypto, bytes + n - 32, bytes, n - 32);
    return slk_file_write_atomic(path, bytes, n, 0644, error);
}

/* ---- reading ---- */

slk_err slk_manifest_read(slk_manifest *ret_manifest, const void *bytes, size_t n,
                          const slk_manifest_subject *subject, const slk_crypto *crypto,
                          slk_error *error)
{
    const uint8_t *b = bytes;
    uint8_t head[HASHES_AT], sum[32];
    if (n != slk_manifest_bytes(subject))
        return slk_fail(error, SLK_E_CORRUPT, "the peer's manifest has a wrong length");
    slk_sha256_of(crypto, sum, b, n - 32);
    if (memcmp(sum, b + n - 32, 32) != 0)
        return slk_fail(error, SLK_E_CORRUPT, "the peer's manifest was damaged on the way");
    put_head(head, subject);
    if (memcmp(head, b, HASHES_AT) != 0)
        return slk_fail(error, SLK_E_CORRUPT,
                        "the peer's manifest is of another sector or CommR than it told us");
    slk_manifest manifest = {.crypto = crypto, .file_bytes = subject->file_bytes};
    manifest.n_blocks = block_count(subject->file_bytes);
    manifest.hashes = slk_alloc(manifest.n_blocks, 32);
    if (!manifest.hashes)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the hashes of a file");
    memcpy(manifest.hashes, b + HASHES_AT, manifest.n_blocks * 32);
    *ret_manifest = manifest;
    return SLK_OK;
}

void slk_manifest_done(slk_manifest *manifest)
{
    slk_free(manifest->hashes);
    *manifest = (slk_manifest){0};
}

/* ---- checking ---- */

void slk_manifest_block_begin(slk_manifest_block *ret_check, const slk_manifest *manifest,
                              size_t block)
{
    slk_assert(block < manifest->n_blocks);
    ret_check->manifest = manifest;
    ret_check->block = block;
    slk_sha256_init(&ret_check->hash, manifest->crypto);
}

void slk_manifest_block_take(slk_manifest_block *check, const void *bytes, size_t n)
{
    slk_sha256_update(&check->hash, bytes, n);
}

slk_err slk_manifest_block_take_file(slk_manifest_block *check, uint64_t n, int fd,
                                     const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_freep) uint8_t *piece = slk_alloc(PIECE_BYTES, 1);
    if (!piece)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the hash of a block");
    return hash_from_file(&check->hash, check->block, n, fd, path, piece, error);
}

bool slk_manifest_block_end(slk_manifest_block *check)
{
    uint8_t hash[32];
    slk_sha256_final(&check->hash, hash);
    return memcmp(hash, check->manifest->hashes + 32 * check->block, 32) == 0;
}

slk_err slk_manifest_check(const slk_manifest *manifest, bool *ret_good, size_t block, int fd,
                           const char *path, slk_error *error)
{
    slk_manifest_block check;
    slk_manifest_block_begin(&check, manifest, block);
    SLK_TRY(slk_manifest_block_take_file(&check, block_bytes(manifest->file_bytes, block), fd, path,
                                         error));
    *ret_good = slk_manifest_block_end(&check);
    return SLK_OK;
}
