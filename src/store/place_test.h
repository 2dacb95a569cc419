/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests of this folder share: storage paths in a temporary folder. */
#ifndef SLK_STORE_PLACE_TEST_H
#define SLK_STORE_PLACE_TEST_H

#include "fil/sector.h"
#include "store/store.h"

#define PLACES 4u

typedef struct place {
    char folder[64];
    char list[96]; /* storage.json */
    char path[PLACES][96];
    slk_store *store;
    unsigned dropped, placed; /* hooks called */
    bool refuse; /* the next hook that is asked before refuses */
} place;

/* Makes the folder below parent and opens an empty store. */
void place_make(place *p, const char *parent);
void place_done(place *p);
/* Makes path i and attaches it. */
const slk_store_path *place_path(place *p, unsigned i, const slk_lotus_meta *meta);
/* Weight 10, for both. */
slk_lotus_meta place_meta(void);
/* Writes a file of that many bytes of `fill` under the sector's name. */
void place_file(const slk_store_path *path, unsigned type, const slk_lotus_sector *sector,
                size_t bytes, int fill);
/* Makes a cache folder with the files of that stage (all trees or finished). */
void place_cache(const slk_store_path *path, unsigned type, const slk_lotus_sector *sector,
                 const slk_sector_shape *shape, bool finished);
/* Whether the path has it, and bytes of it (a file) are all `fill`. */
bool place_has(const slk_store_path *path, unsigned type, const slk_lotus_sector *sector,
               size_t bytes, int fill);
/* Nothing of the sector lies in fetching/. */
void place_no_leftovers(const slk_store_path *path, unsigned type);

#endif
