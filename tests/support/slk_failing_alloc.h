/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Makes the n-th allocation of a test's own process fail. Whoever links it with failing_alloc_dep has every
 * allocation of the program (not of its libraries) pass here, under a sanitizer, too. */
#ifndef SLK_FAILING_ALLOC_H
#define SLK_FAILING_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

/* The n-th allocation from now on fails, and with on all later ones; n 0: none. Counts anew. */
void slk_failing_alloc_at(uint64_t n, bool on);
/* Allocations since then, of all threads. */
uint64_t slk_failing_alloc_seen(void);

#endif
