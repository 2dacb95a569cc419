/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where sectors' files are: storage paths of workers and of this node, and what lies on each.
 *
 * In memory only: workers tell it anew when they see that the node was started again. Safe from many
 * threads. Times are monotonic milliseconds that the caller reads, so that tests need not wait.
 * A path is taken for new files only while its last report is at most SLK_FARM_HEARTBEAT_MS old and
 * says that it is well. source: reference/lotus-worker 5.2, 6.4 */
#ifndef SLK_FARM_INDEX_H
#define SLK_FARM_INDEX_H

#include "base/err.h"
#include "lotus/name.h"
#include "lotus/storage.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_FARM_HEARTBEAT_MS 50000
#define SLK_FARM_PATHS_MAX 4096u
#define SLK_FARM_DECLARATIONS_MAX (4u << 20)

typedef struct slk_farm_index slk_farm_index;

SLK_MUST_CHECK slk_err slk_farm_index_new(slk_farm_index **ret_index, slk_error *error);
void slk_farm_index_free(slk_farm_index *index); /* NULL allowed */

/* A new path; of a known one the URLs are added and the rest replaced, stat and report staying as they
 * are. SLK_E_LIMIT, SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_farm_index_attach(slk_farm_index *index, const slk_lotus_path *path,
                                             const slk_lotus_fs_stat *stat, int64_t now_ms,
                                             slk_error *error);
/* Takes one URL from it; with the last one path and declarations are forgotten. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_farm_index_detach(slk_farm_index *index, const char *id, const char *url,
                                             slk_error *error);
/* SLK_E_NOTFOUND for a path that is not attached. */
SLK_MUST_CHECK slk_err slk_farm_index_report(slk_farm_index *index, const char *id,
                                             const slk_lotus_health *health, int64_t now_ms,
                                             slk_error *error);

/* Files of these types are there, as the ones to keep (primary) or as copies; a copy becomes primary,
 * never the reverse. Repeating is fine. SLK_E_NOTFOUND, SLK_E_LIMIT, SLK_E_NOMEM. */
SLK_MUST_CHECK slk_err slk_farm_index_declare(slk_farm_index *index, const char *id,
                                              const slk_lotus_sector *sector, unsigned types,
                                              bool primary, slk_error *error);
/* They are there no more; nothing there is fine. */
void slk_farm_index_drop(slk_farm_index *index, const char *id, const slk_lotus_sector *sector,
                         unsigned types);

/* Paths with any of the types, each weighed by how many; the URLs of files name the lowest of the types
 * there. allow_fetch: sealing paths with room for the types besides, weight 0.
 * *ret_places for slk_lotus_places_done. */
SLK_MUST_CHECK slk_err slk_farm_index_find(slk_lotus_places *ret_places, slk_farm_index *index,
                                           const slk_lotus_sector *sector, unsigned types,
                                           uint64_t sector_bytes, bool allow_fetch, int64_t now_ms,
                                           slk_error *error);
/* Paths for new files of these types, the one with most room times weight first, into *ret_list (an
 * array of *ret_n; each for slk_lotus_path_done, the array for slk_free). SLK_E_NOTFOUND "no good path
 * found". */
SLK_MUST_CHECK slk_err slk_farm_index_best(slk_lotus_path **ret_list, size_t *ret_n,
                                           slk_farm_index *index, unsigned types,
                                           uint64_t sector_bytes, slk_lotus_path_type use,
                                           uint64_t miner, int64_t now_ms, slk_error *error);
/* A copy, for slk_lotus_path_done. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_farm_index_path(slk_lotus_path *ret_path, slk_farm_index *index,
                                           const char *id, slk_error *error);

/* How full it is, as it was reported last. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_farm_index_stat(slk_lotus_fs_stat *ret_stat, slk_farm_index *index,
                                           const char *id, slk_error *error);

/* Which of the types lie on that path; 0 none. Cheap. */
unsigned slk_farm_index_on(slk_farm_index *index, const char *id, const slk_lotus_sector *sector);
/* Of how many sectors, at most `most`, the path would take new files of these types for sealing. Cheap. */
unsigned slk_farm_index_takes(slk_farm_index *index, const char *id, unsigned types,
                              uint64_t sector_bytes, uint64_t miner, int64_t now_ms, unsigned most);

/* {"<id>":[declaration, …]}; NULL: out of memory. */
json_t *slk_farm_index_list(slk_farm_index *index);

#endif
