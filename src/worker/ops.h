/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a worker computes: functions that app/ fills in with the proofs, and tests with stubs.
 *
 * Each gets ctx first, may be called from several threads at once for different sectors, watches job
 * (SLK_E_CANCELED), leaves its outputs untouched on failure, and may be repeated: what a killed run has
 * left is reused or replaced. Paths are absolute; error is never NULL. SLK_E_NOSPACE: the disk of a path
 * is full. Sizes and offsets are padded bytes unless they are called raw (127 of 128). */
#ifndef SLK_WORKER_OPS_H
#define SLK_WORKER_OPS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/job.h"
#include "lotus/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest proof of a sector: ten partitions. source: reference/chain 2 */
#define SLK_WORKER_PROOF_MAX_BYTES 1920u
#define SLK_WORKER_REASON_CHARS 256u

/* Takes n padded bytes at offset of a piece or of a sector's data, ascending, without gaps. */
typedef slk_err slk_worker_padded(void *context, const uint8_t *bytes, size_t n, uint64_t offset,
                                  slk_error *error);

/* Where a sector's files are. */
typedef struct slk_worker_paths {
    const char *unsealed; /* NULL: its data is all zero */
    const char *sealed;
    const char *cache; /* a folder */
} slk_worker_paths;

typedef struct slk_worker_pc1 {
    slk_lotus_sector_ref sector;
    const uint8_t *ticket32;
    const slk_lotus_pieces *pieces; /* together the sector */
    slk_worker_paths paths;
    /* The files go to nodes of ours alone: that of an empty sector's TreeD may be left out, and those of
     * TreeC may be there early. */
    bool for_ours;
    slk_job *job;
} slk_worker_pc1;

/* comm_d32 is the sector's CommD, unless code is a failure. One call at a time, from any thread. */
typedef void slk_worker_pc1_ended(void *context, size_t index, slk_err code,
                                  const uint8_t *comm_d32, const slk_error *error);

typedef struct slk_worker_ops {
    void *ctx;

    /* Is this the piece of zeros of its size? Cheap. */
    bool (*is_zero_piece)(void *ctx, const slk_lotus_piece *piece);

    /* The piece of exactly raw_bytes of data from source_fd (-1: zeros, of which padded is given
     * nothing). SLK_E_INVAL: the source is shorter, or with `whole` raw_bytes is no piece size; else the
     * piece is filled up with zeros to the next one. padded may be NULL. */
    slk_err (*piece)(void *ctx, slk_lotus_piece *ret_piece, uint64_t raw_bytes, bool whole,
                     int source_fd, slk_worker_padded *padded, void *context, slk_job *job,
                     slk_error *error);

    /* Layers into cache, data into sealed. SLK_E_CONFLICT: the cache is another sector's, or one with
     * another ticket or data: the caller removes it and calls again. */
    slk_err (*pc1)(void *ctx, uint8_t ret_comm_d32[32], const slk_worker_pc1 *what,
                   slk_error *error);
    /* The same of many sectors of one proof. Returns after the last has ended. */
    void (*pc1_batch)(void *ctx, const slk_worker_pc1 *list, size_t n, slk_worker_pc1_ended *ended,
                      void *context);
    /* Trees and replica. replica_of: the sector's CommD, with ticket32 (NULL: not known, which only
     * synthetic sectors mind). */
    slk_err (*pc2)(void *ctx, slk_lotus_cids *ret_cids, const slk_lotus_sector_ref *sector,
                   const uint8_t comm_d32[32], const uint8_t *ticket32,
                   const slk_worker_paths *paths, slk_job *job, slk_error *error);
    /* The official JSON into the file out_path (not fsynced). */
    slk_err (*c1)(void *ctx, const slk_lotus_sector_ref *sector, const slk_lotus_cids *cids,
                  const uint8_t ticket32[32], const uint8_t seed32[32],
                  const slk_lotus_pieces *pieces, const slk_worker_paths *paths,
                  const char *out_path, slk_job *job, slk_error *error);
    /* The chain's bytes of the proof, appended. SLK_E_CORRUPT: the file is no C1 of the sector's
     * proof. */
    slk_err (*c2)(void *ctx, slk_buf *proof, const slk_lotus_sector_ref *sector,
                  const char *c1_path, slk_job *job, slk_error *error);
    slk_err (*finalize)(void *ctx, const slk_lotus_sector_ref *sector, const char *cache,
                        slk_job *job, slk_error *error);
    /* Raw [offset, offset + length) of the data, both whole 127s, out of the replica, padded; work is a
     * folder for its files. */
    slk_err (*unseal)(void *ctx, const slk_lotus_sector_ref *sector, const uint8_t comm_d32[32],
                      const uint8_t ticket32[32], const char *sealed, const char *work,
                      uint64_t offset, uint64_t length, slk_worker_padded *padded, void *context,
                      slk_job *job, slk_error *error);
    /* Is the replica what it is said to be? When not, why[SLK_WORKER_REASON_CHARS] says so. */
    slk_err (*check_replica)(void *ctx, bool *ret_valid, char *why,
                             const slk_lotus_sector_ref *sector, const slk_lotus_cids *cids,
                             const uint8_t ticket32[32], const slk_worker_paths *paths,
                             slk_job *job, slk_error *error);
} slk_worker_ops;

#endif
