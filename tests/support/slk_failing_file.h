/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Makes the n-th call of a test's own process on files fail with EIO: opening, reading, writing, syncing,
 * renaming, sizing, making folders. Whoever links it with failing_file_dep has those calls of the program
 * (not of its libraries) pass here, under a sanitizer, too. */
#ifndef SLK_FAILING_FILE_H
#define SLK_FAILING_FILE_H

#include <stdbool.h>
#include <stdint.h>

/* The n-th call from now on fails, and with on all later ones; n 0: none. Counts anew. */
void slk_failing_file_at(uint64_t n, bool on);
/* Calls since then, of all threads. */
uint64_t slk_failing_file_seen(void);

#endif
