/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* "Did you mean": how far a word is from one we know. */
#ifndef SLK_APP_TYPO_H
#define SLK_APP_TYPO_H

#include <stdbool.h>

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b. Texts longer
 * than 40 characters count as infinitely far (UINT_MAX). */
unsigned slk_typo_distance(const char *a, const char *b);

/* Whether typed is near enough to known to be suggested: at most one mistake in three characters,
 * and not the same word. */
bool slk_typo_near(const char *typed, const char *known);

#endif
