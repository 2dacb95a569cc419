/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reading the shared test vectors. For tests only: anything wrong fails the running cmocka test.
 *
 * Names are relative to $SLK_VECTORS, or to tests/vectors of the source tree. Include as
 * "support/slk_test_vectors.h" with testsupport_dep. */
#ifndef SLK_TEST_VECTORS_H
#define SLK_TEST_VECTORS_H

#include <jansson.h>

#include <stddef.h>
#include <stdint.h>

/* Full path of a vector file into out. */
void slk_test_vectors_path(char *out, size_t n, const char *name);

/* The whole file, unpacked when it is gzip ("poseidon.json.gz") and as it is otherwise, with a 0
 * after its last byte; release with free(). ret_n may be NULL. */
uint8_t *slk_test_vectors_bytes(const char *name, size_t *ret_n);

/* The file as JSON; release with json_decref. Refuses duplicate keys. */
json_t *slk_test_vectors_json(const char *name);

/* Exactly n bytes from 2n hex digits. */
void slk_test_hex(uint8_t *out, size_t n, const char *text);

/* Members that must be there; no reference is taken. */
json_t *slk_test_get(const json_t *object, const char *key);
const char *slk_test_get_text(const json_t *object, const char *key);
int64_t slk_test_get_int(const json_t *object, const char *key);
/* A member that is a hex string of n bytes. */
void slk_test_get_hex(uint8_t *out, size_t n, const json_t *object, const char *key);
/* A JSON value that is a hex string of n bytes, or an array of n numbers 0..255. */
void slk_test_json_bytes(uint8_t *out, size_t n, const json_t *value);

#endif
