/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files that belong to no sector: after a lost database, a restored one, or a hand in the folders.
 *
 * Looked at are sealed/, cache/ and c1/ of the scratch folder and sealed/, cache/ and unsealed/ of the
 * storage folder. An entry is a sector's when its name is s-t0MINER-NUMBER, with or without a suffix
 * after a dot; it is an orphan when no row of either role has that sector (a provider's row that is
 * cleaned up has no files any more). Any other name is foreign: shown, never removed. */
#ifndef SLK_SEAL_ORPHANS_H
#define SLK_SEAL_ORPHANS_H

#include "base/err.h"
#include "seal/seal.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum slk_orphan_kind {
    SLK_ORPHAN_SCRATCH, /* work of a sector that is not here any more: safe to remove */
    SLK_ORPHAN_STORAGE, /* perhaps a sector on chain whose row is lost: remove only what is known */
    SLK_ORPHAN_REMAINS, /* of an earlier removal that was interrupted: safe to remove */
    SLK_ORPHAN_FOREIGN, /* not ours */
    SLK_ORPHAN_KIND_COUNT,
} slk_orphan_kind;

/* "scratch", "storage", "remains", "foreign" */
const char *slk_orphan_kind_name(slk_orphan_kind kind);

typedef struct slk_orphan {
    slk_orphan_kind kind;
    const char *path; /* for the length of the visit */
    uint64_t sp_id, number; /* of the first two kinds */
    uint64_t bytes; /* on disk */
} slk_orphan;

/* Calls visit for each, in no order; its failure ends the scan. visit may remove what it is given.
 * Cost: one look into each folder and one question per sector. */
typedef slk_err slk_orphan_visit(void *context, const slk_orphan *orphan, slk_error *error);
SLK_MUST_CHECK slk_err slk_orphans_scan(slk_seal *seal, slk_orphan_visit *visit, void *context,
                                        slk_error *error);

/* Removes one. That it still belongs to nobody is looked at again, and it is moved aside, in one
 * transaction that no order passes: SLK_E_CONFLICT when it has an owner by now. A foreign one is
 * SLK_E_INVAL. */
SLK_MUST_CHECK slk_err slk_orphan_remove(slk_seal *seal, const slk_orphan *orphan,
                                         slk_error *error);

#endif
