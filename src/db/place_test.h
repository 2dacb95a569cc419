/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where a test's database lies: in the file given, or, when SELKIE_TEST_DATABASE holds the URL of a
 * server, in a schema of its own there, so that the same test runs on both back-ends. */
#ifndef SLK_DB_PLACE_TEST_H
#define SLK_DB_PLACE_TEST_H

#include <stdbool.h>
#include <stddef.h>

#define PLACE_CHARS 512u

/* Whether this run is on a server. */
bool place_is_server(void);
/* out: what to give slk_db_open. path is unique among running tests. Makes the schema. */
void place_make(char out[PLACE_CHARS], const char *path);
/* Removes the schema; files are the caller's. */
void place_drop(const char *path);

#endif
