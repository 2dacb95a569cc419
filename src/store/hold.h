/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who works on a sector's files within this process: many readers or one writer per sector and type.
 *
 * Between processes the node that gives out the work keeps the steps of a sector apart. */
#ifndef SLK_STORE_HOLD_H
#define SLK_STORE_HOLD_H

#include "base/job.h"
#include "store/store.h"

typedef struct slk_store_hold slk_store_hold;

/* Takes all of them or none: types to read and types to write (bits; a type in both is written).
 * wait_ms: 0 not at all, negative without end. SLK_E_BUSY when others have them so long;
 * SLK_E_CANCELED within a second once job (may be NULL) is. Not recursive: who holds a type to write
 * and asks for it again waits for itself. Writers come before readers that ask after them. */
SLK_MUST_CHECK slk_err slk_store_hold_take(slk_store_hold **ret_hold, slk_store *store,
                                           const slk_lotus_sector *sector, unsigned read,
                                           unsigned write, int64_t wait_ms, slk_job *job,
                                           slk_error *error);
void slk_store_hold_free(slk_store_hold *hold); /* from any thread; NULL allowed */
void slk_store_hold_freep(slk_store_hold **hold); /* for SLK_CLEANUP */

#endif
