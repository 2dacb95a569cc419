/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which files a cache folder may have, how large they are, and which make it complete.
 *
 * An archive of a cache may end anywhere, so what came is judged by this: a set is complete at a stage
 * when everything that stage leaves is there. Our own notes (`.selkie-…`), temporary files and whatever
 * else lies in the folder never travel.
 * source: reference/lotus-worker 4.4 (FinalizeSector), 6.3; reference/proofs 4, 5.1 */
#ifndef SLK_STORE_CACHE_SET_H
#define SLK_STORE_CACHE_SET_H

#include "base/err.h"
#include "fil/sector.h"
#include "transfer/flat_tar.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum slk_cache_stage {
    SLK_CACHE_ANY, /* complete for one of those below */
    SLK_CACHE_ANY_OF_OURS, /* or all layers without tree-d, which ours leave out where all data is zero */
    SLK_CACHE_LAYERS, /* after PC1: all layers, tree-d */
    SLK_CACHE_TREES, /* after PC2: those, p_aux, t_aux, all tree-c and tree-r-last; or for synthetic
                      * proofs the file of them instead of layers, tree-d and tree-c */
    SLK_CACHE_FINISHED, /* p_aux, t_aux, all tree-r-last; what else there is does not matter */
} slk_cache_stage;

typedef struct slk_cache_set {
    slk_flat_member member[SLK_FLAT_TAR_MEMBERS_MAX]; /* sorted by name, sizes exact where known */
    size_t n;
} slk_cache_set;

/* All files a cache of this shape may have. finished: the others are marked `skip`. */
void slk_cache_set_init(slk_cache_set *ret_set, const slk_sector_shape *shape, bool finished);
/* As a sender sees it: those of any shape that lie in the folder as regular files, with their sizes.
 * finished: only p_aux, t_aux and tree-r-last. SLK_E_NOTFOUND when there is none of them. */
SLK_MUST_CHECK slk_err slk_cache_set_scan(slk_cache_set *ret_set, const char *folder, bool finished,
                                          slk_error *error);
/* Whether those of the set for which has[i] is true are complete at the stage. *ret_missing (may be
 * NULL): a name that lacks; a static text or one of the set's. */
bool slk_cache_set_complete(const slk_cache_set *set, const bool *has, slk_cache_stage stage,
                            const char **ret_missing);

#endif
