/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of lotus/: JSON from a literal, and a printed value compared with one. */
#ifndef SLK_LOTUS_JSON_TEST_H
#define SLK_LOTUS_JSON_TEST_H

#include <jansson.h>

/* Fails the test when text is not JSON. The caller json_decrefs. */
json_t *test_json(const char *text);

/* Prints value (and releases it) and compares the text, so that field order counts, too. */
void test_prints(json_t *value, const char *text);

#define ZERO_PIECE_2K "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy"
#define UUID_A "6f6b1d0a-7d0e-4c38-9a52-5f2c1a3f9d77"
#define UUID_B "00000000-0000-0000-0000-0000000000b0"

#endif
