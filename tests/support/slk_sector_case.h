/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Test support: the recorded sectors of tests/vectors as slk_c1. */
#ifndef SLK_TEST_SECTOR_CASE_H
#define SLK_TEST_SECTOR_CASE_H

#include "proofs/vanilla/c1.h"

#include <jansson.h>

/* Case "s-2k-data": its C1 (slk_c1_done), and its record (json_decref). Ends the test on failure. */
void slk_case_load(slk_c1 *ret_c1, json_t **ret_record, const char *name);

#endif
