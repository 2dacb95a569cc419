/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Merkle trees of a sector and their files: TreeD (SHA-256, arity 2), and the equal-sized base trees
 * of TreeC and TreeR (Poseidon, arity 8). source: reference/proofs 5.1.
 *
 * A file is the rows from the leaves up, each from left to right, 32 bytes per node, the root last;
 * tree-r-last leaves out its lowest rows. */
#ifndef SLK_PROOFS_TREE_H
#define SLK_PROOFS_TREE_H

#include "base/err.h"
#include "base/job.h"
#include "base/outfile.h"
#include "base/pool.h"
#include "crypto/crypto.h"
#include "fil/sector.h"

#include <stddef.h>
#include <stdint.h>

/* Shape of one complete tree and of its file. Row 0 are the leaves, row `depth` is the root. */
typedef struct slk_tree_geometry {
    unsigned log2_arity; /* 1 TreeD, 3 TreeC and TreeR */
    unsigned depth;
    unsigned first_row; /* lowest row in the file */
} slk_tree_geometry;

slk_tree_geometry slk_tree_d_geometry(const slk_sector_shape *shape);
slk_tree_geometry slk_tree_c_geometry(const slk_sector_shape *shape); /* of one base tree */
slk_tree_geometry slk_tree_r_geometry(const slk_sector_shape *shape); /* of one base tree */

uint64_t slk_tree_row_nodes(const slk_tree_geometry *geometry, unsigned row);
/* Byte offset of a row >= first_row in the file; of row depth + 1: the file's size. */
uint64_t slk_tree_row_offset(const slk_tree_geometry *geometry, unsigned row);
uint64_t slk_tree_file_bytes(const slk_tree_geometry *geometry);
uint64_t slk_tree_total_nodes(const slk_tree_geometry *geometry); /* with the rows left out */

/* Where rows go: into a file, or memory of slk_tree_file_bytes. */
typedef struct slk_tree_sink {
    const slk_outfile *file; /* NULL: memory; borrowed */
    uint8_t *memory;
} slk_tree_sink;

/* ---- A tree out of chunks of leaves, given in any order and by any thread.
 *
 * A chunk is SLK_TREE_CHUNK_NODES leaves, or the whole tree where that is smaller. Every chunk must be
 * put once, then finish makes the rows above. Memory: 32 bytes per chunk. */
#define SLK_TREE_CHUNK_NODES 32768u

typedef struct slk_tree_builder {
    const slk_crypto *crypto;
    slk_tree_geometry geometry;
    slk_tree_sink sink;
    unsigned chunk_rows; /* rows above the leaves within one chunk */
    uint8_t *tops; /* root of every chunk: one whole row of the tree */
    uint8_t *digests; /* NULL, or one per chunk and one: see slk_tree_builder_digest */
} slk_tree_builder;

SLK_MUST_CHECK slk_err slk_tree_builder_init(slk_tree_builder *ret_builder,
                                             const slk_crypto *crypto,
                                             const slk_tree_geometry *geometry,
                                             const slk_tree_sink *sink, slk_error *error);
void slk_tree_builder_done(slk_tree_builder *builder); /* idempotent, zeroed allowed */
uint64_t slk_tree_builder_chunks(const slk_tree_builder *builder);
size_t slk_tree_builder_chunk_nodes(const slk_tree_builder *builder);

/* Writes the rows of one chunk, bottom-up. nodes: its leaves, each < r for Poseidon trees; used up. Any
 * number of threads, for different chunks. */
SLK_MUST_CHECK slk_err slk_tree_builder_put(slk_tree_builder *builder, uint64_t chunk,
                                            uint8_t *nodes, slk_error *error);

/* Before the first put: digest what is put. slk_tree_builder_digest_final gives, after finish, the
 * tree's digest: SHA-256 over the SHA-256s of each chunk's nodes, bottom-up without its root, and that of
 * the rows from the chunks' roots up. Memory: 32 bytes per chunk. SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_tree_builder_digest(slk_tree_builder *builder, slk_error *error);
void slk_tree_builder_digest_final(const slk_tree_builder *builder, uint8_t out32[32]);

/* The rows above the chunks; the root into root32. Leaves the builder to slk_tree_builder_done. */
SLK_MUST_CHECK slk_err slk_tree_builder_finish(uint8_t root32[32], slk_tree_builder *builder,
                                               slk_error *error);

/* ---- The same in one call.
 *
 * leaves produces leaves [first, first + n) as n nodes; called from the pool's threads for disjoint
 * ranges of at most SLK_TREE_CHUNK_NODES. Root into root32, the tree's digest into ret_digest unless
 * that is NULL. Advances the job by leaves. Memory: 1 MiB
 * per thread and 32 bytes per 32768 leaves. */
typedef slk_err slk_tree_leaves(void *context, uint8_t *out, uint64_t first, size_t n,
                                unsigned worker, slk_error *error);

SLK_MUST_CHECK slk_err slk_tree_build(uint8_t root32[32], uint8_t *ret_digest32,
                                      const slk_crypto *crypto, const slk_tree_geometry *geometry,
                                      slk_tree_leaves *leaves, void *context,
                                      const slk_tree_sink *sink, slk_pool *pool, slk_job *job,
                                      slk_error *error);

/* The rows of TreeD of all-zero data, from one node per row, into a new file of its size that is still
 * all zero. Advances the job by the nodes above the leaves. Cost: writing half of the file. */
SLK_MUST_CHECK slk_err slk_tree_d_write_zero(const slk_crypto *crypto,
                                             const slk_tree_geometry *geometry,
                                             const slk_outfile *file, slk_job *job,
                                             slk_error *error);

/* Replaces n * arity nodes by the n nodes above them, in place (arity 2 or 8 by log2_arity). */
void slk_tree_hash_row(const slk_crypto *crypto, unsigned log2_arity, uint8_t *inout, size_t n);

/* The roots above the base trees: sub (top_arity of them, or 1, or none) and the root of all.
 * base: base_trees nodes, each < r. ret_sub: 2 nodes. */
void slk_tree_join(uint8_t root32[32], uint8_t ret_sub[2][32], const slk_crypto *crypto,
                   const slk_sector_shape *shape, const uint8_t *base);

/* "<folder>/sc-02-data-<id>.dat", with "-<index>" behind the id for one of several base trees
 * (index < 0: none). Heap; NULL when out of memory. */
char *slk_tree_path(const char *folder, const char *id, int index) SLK_MUST_CHECK;
/* The same for base tree i of TreeC ("tree-c") or TreeR ("tree-r-last") of this shape. */
char *slk_base_tree_path(const char *folder, const char *id, const slk_sector_shape *shape,
                         unsigned i) SLK_MUST_CHECK;

/* Opens a file for reading and refuses any other size with SLK_E_CORRUPT. */
SLK_MUST_CHECK slk_err slk_tree_open_sized(int *ret_fd, const char *path, uint64_t bytes,
                                           slk_error *error);

#endif
