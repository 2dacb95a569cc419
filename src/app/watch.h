/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sectors as lines for people: one line each, with stage, share, rate and time left. On a terminal
 * the lines of those that are not done are rewritten in place; elsewhere a line is printed when
 * something changed. */
#ifndef SLK_APP_WATCH_H
#define SLK_APP_WATCH_H

#include "base/err.h"
#include "seal/seal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_watch slk_watch;

/* What one look at the sectors showed. */
typedef struct slk_watch_counts {
    size_t sectors;
    size_t done; /* proving (client), cleaned (provider) */
    size_t failed;
} slk_watch_counts;

SLK_MUST_CHECK slk_err slk_watch_new(slk_watch **ret_watch, bool quiet, slk_error *error);
void slk_watch_free(slk_watch *watch); /* NULL allowed */
void slk_watch_freep(slk_watch **watch); /* for SLK_CLEANUP */

/* Looks at the sectors of each seal (same order every time) and prints what changed to standard
 * output, or nothing when quiet. ret_counts: one per seal. */
SLK_MUST_CHECK slk_err slk_watch_look(slk_watch *watch, slk_watch_counts *ret_counts,
                                      slk_seal *const *seals, size_t n_seals, slk_error *error);

#endif
