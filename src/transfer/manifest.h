/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The hashes of a sealed file, block by block, so that who fetches it keeps no bad block.
 *
 * As bytes: "selkie hashes 1\n", then as little-endian uint64 sp_id, sector number, file bytes and
 * block bytes, CommR, one SHA-256 per block, and the SHA-256 of all that. It belongs to one replica
 * and is refused for any other. A provider can lie in it as in the file: whether the replica is the
 * one of CommR is found out by the replica check. */
#ifndef SLK_TRANSFER_MANIFEST_H
#define SLK_TRANSFER_MANIFEST_H

#include "base/err.h"
#include "base/job.h"
#include "crypto/crypto.h"
#include "crypto/sha256/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_MANIFEST_BLOCK_BYTES ((uint64_t)4 << 20)
/* The largest: that of 64 GiB. */
#define SLK_MANIFEST_MAX_BYTES ((size_t)1 << 20)

/* What it is of. */
typedef struct slk_manifest_subject {
    uint64_t sp_id;
    uint64_t number;
    uint8_t comm_r[32];
    uint64_t file_bytes; /* 1 to 64 GiB */
} slk_manifest_subject;

/* Bytes of its manifest. */
size_t slk_manifest_bytes(const slk_manifest_subject *subject);

/* Makes the manifest of `file` at path (temporary file, fsync, rename), unless a sound one of this
 * subject is there. Reads the file once in pieces of 1 MiB on this thread; job: stage "manifest" in
 * bytes. One call per path at a time. */
SLK_MUST_CHECK slk_err slk_manifest_make(const char *path, const slk_manifest_subject *subject,
                                         const char *file, const slk_crypto *crypto, slk_job *job,
                                         slk_error *error);

typedef struct slk_manifest {
    const slk_crypto *crypto; /* borrowed */
    uint64_t file_bytes;
    size_t n_blocks;
    uint8_t *hashes; /* n_blocks times 32 bytes, heap */
} slk_manifest;

/* SLK_E_CORRUPT: not sound, or of something else. */
SLK_MUST_CHECK slk_err slk_manifest_read(slk_manifest *ret_manifest, const void *bytes, size_t n,
                                         const slk_manifest_subject *subject,
                                         const slk_crypto *crypto, slk_error *error);
void slk_manifest_done(slk_manifest *manifest); /* zeroed allowed */

/* The hash of one block whose bytes come piece by piece, in order from its start: hashed while they are
 * in the processor's cache, they need not be read again. No heap. */
typedef struct slk_manifest_block {
    const slk_manifest *manifest; /* borrowed */
    size_t block;
    slk_sha256 hash;
} slk_manifest_block;

/* block < n_blocks of the manifest. */
void slk_manifest_block_begin(slk_manifest_block *ret_check, const slk_manifest *manifest,
                              size_t block);
void slk_manifest_block_take(slk_manifest_block *check, const void *bytes, size_t n);
/* Takes the first n bytes of the block as they lie in the file fd (named by path in errors). Reads
 * them in pieces. */
SLK_MUST_CHECK slk_err slk_manifest_block_take_file(slk_manifest_block *check, uint64_t n, int fd,
                                                    const char *path, slk_error *error);
/* Whether what was taken is the block; check is used up. */
bool slk_manifest_block_end(slk_manifest_block *check);

/* Whether the block as it lies in the file fd (named by path in errors) is the right one. Reads it
 * in pieces. */
SLK_MUST_CHECK slk_err slk_manifest_check(const slk_manifest *manifest, bool *ret_good,
                                          size_t block, int fd, const char *path, slk_error *error);

#endif
