/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Draining: the provider takes no new orders and finishes what it has, before a machine is taken down.
 * Kept in the database, so that every node of the provider sees it and no restart forgets it. */
#ifndef SLK_SEAL_DRAIN_H
#define SLK_SEAL_DRAIN_H

#include "base/err.h"
#include "seal/seal.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct slk_drain {
    bool on;
    int64_t since_ms; /* 0 when not draining */
    /* What is still here, failed ones apart. */
    int64_t ordered, sealing, sealed, cleaning, failed;
    /* When the last of them is sealed, at the pace of the last twenty; 0: nothing to seal, or no pace
     * is known. */
    int64_t sealed_by_ms;
    /* When nothing is here any more even if no client asks to clean up: the end of the last lease;
     * 0: it is empty now, or sealed_by_ms is not known. */
    int64_t empty_by_ms;
} slk_drain;

/* Idempotent: what is on stays on since when it was. */
SLK_MUST_CHECK slk_err slk_drain_set(slk_seal *seal, bool on, slk_error *error);
SLK_MUST_CHECK slk_err slk_drain_look(slk_drain *ret_drain, slk_seal *seal, slk_error *error);

#endif
