/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* All parents of a graph as one table in a mapped file, made once and read by every layer.
 *
 * 56 bytes per node: 940 MB for 512 MiB, 60 GB for 32 GiB, in the page cache only as far as it is
 * read. source: reference/proofs 3.6. */
#ifndef SLK_PROOFS_PARENTS_H
#define SLK_PROOFS_PARENTS_H

#include "base/err.h"
#include "base/file.h"
#include "base/job.h"
#include "base/pool.h"
#include "proofs/graph/graph.h"

#include <stdint.h>

typedef struct slk_parents {
    const uint32_t *rows; /* nodes rows of 14: base, then expander */
    slk_file_map map;
} slk_parents;

/* With a cache folder ($FIL_PROOFS_PARENT_CACHE) the official file
 * <folder>/v28-sdr-parent-<hex>.cache is used; it is generated (temp, fsync, rename) when it is not
 * there, has the wrong size, or fails its check: the whole-file SHA-256 where the official list has
 * one, else 4096 rows spread over the file. Without one (NULL) the table is an unlinked file in
 * scratch_folder that lives until slk_parents_done. Reports job stage "parents" in nodes. */
SLK_MUST_CHECK slk_err slk_parents_open(slk_parents *ret_parents, const slk_crypto *crypto,
                                        const slk_graph *graph, const char *cache_folder,
                                        const char *scratch_folder, slk_pool *pool, slk_job *job,
                                        slk_error *error);
/* Of the whole table. */
uint64_t slk_parents_bytes(const slk_graph *graph);
void slk_parents_done(slk_parents *parents); /* idempotent */

static inline const uint32_t *slk_parents_row(const slk_parents *parents, uint64_t node)
{
    return parents->rows + node * SLK_PARENTS;
}

#endif
