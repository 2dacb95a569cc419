/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pieces: CommP of data, CommD of a sector made of pieces, and where pieces lie in a sector.
 * source: reference/proofs 1.3. */
#ifndef SLK_PROOFS_PIECE_H
#define SLK_PROOFS_PIECE_H

#include "base/err.h"
#include "crypto/crypto.h"

#include <stddef.h>
#include <stdint.h>

#define SLK_PIECE_MIN_BYTES 128u /* padded */
#define SLK_ZERO_LEVELS 37u /* 32 bytes (one node) … 2 TiB */

/* Commitments of all-zero pieces: node[k] belongs to 32 * 2^k padded bytes. */
typedef struct slk_zero_nodes {
    uint8_t node[SLK_ZERO_LEVELS][32];
} slk_zero_nodes;
void slk_zero_nodes_init(slk_zero_nodes *ret_zero, const slk_crypto *crypto);

typedef struct slk_piece {
    uint64_t padded_bytes; /* a power of two >= 128 */
    uint8_t commitment[32];
} slk_piece;

/* CommD by the official rule, a stack machine over the pieces in order, of a sector of sector_bytes.
 * No pieces: the zero sector. SLK_E_INVAL: a size that is not a power of two >= 128, an all-zero
 * commitment, too many or too large pieces. The result covers the pieces, not the sector: callers
 * pass zero pieces up to its end. */
SLK_MUST_CHECK slk_err slk_comm_d_of_pieces(uint8_t out32[32], const slk_crypto *crypto,
                                            uint64_t sector_bytes, const slk_piece *pieces,
                                            size_t n, slk_error *error);

/* CommP of a stream of raw (unpadded) bytes. Heap, 200 KiB; confined to one thread. */
typedef struct slk_commp slk_commp;
SLK_MUST_CHECK slk_err slk_commp_new(slk_commp **ret_commp, const slk_crypto *crypto,
                                     slk_error *error);
void slk_commp_free(slk_commp *commp); /* NULL allowed */
void slk_commp_freep(slk_commp **commp); /* for SLK_CLEANUP */
/* SLK_E_LIMIT past 2 TiB padded. */
SLK_MUST_CHECK slk_err slk_commp_update(slk_commp *commp, const void *in, size_t n,
                                        slk_error *error);
/* Ends the stream with zeros up to the smallest piece that holds it (at least 128 padded bytes), or
 * up to padded_bytes when not 0. SLK_E_INVAL: padded_bytes is no piece size or too small. */
SLK_MUST_CHECK slk_err slk_commp_final(slk_commp *commp, slk_piece *ret_piece,
                                       uint64_t padded_bytes, slk_error *error);

/* CommP of a whole file, as slk_commp_final(…, 0). */
SLK_MUST_CHECK slk_err slk_commp_of_file(slk_piece *ret_piece, const slk_crypto *crypto,
                                         const char *path, slk_error *error);

/* Zero bytes (unpadded) before and after a piece of piece_bytes (unpadded, padded size a power of
 * two) that is added after previous pieces. SLK_E_INVAL for an illegal size. */
SLK_MUST_CHECK slk_err slk_piece_alignment(uint64_t *ret_left, uint64_t *ret_right,
                                           uint64_t piece_bytes, const uint64_t *previous_bytes,
                                           size_t n, slk_error *error);

/* Appends a piece to the unsealed file target_fd (its end is where the previous pieces end): zeros
 * for alignment, then exactly piece_bytes raw bytes read from source_fd, padded. SLK_E_INVAL when the
 * source is shorter or an illegal size; the file is cut back to its old length on any failure.
 * *ret_written: raw bytes added, alignment included. */
SLK_MUST_CHECK slk_err slk_add_piece(slk_piece *ret_piece, uint64_t *ret_written,
                                     const slk_crypto *crypto, int source_fd, int target_fd,
                                     uint64_t piece_bytes, const uint64_t *previous_bytes, size_t n,
                                     slk_error *error);

#endif
