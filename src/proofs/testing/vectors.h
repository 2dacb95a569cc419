/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Test support: the files of tests/vectors. Every function ends the test on failure. */
#ifndef SLK_PROOFS_TESTING_VECTORS_H
#define SLK_PROOFS_TESTING_VECTORS_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Path of a file below tests/vectors ($SELKIE_VECTORS), heap (slk_free). */
char *slk_vector_path(const char *name);

/* Whole file appended to buf, unpacked when its name ends in ".gz". */
void slk_vector_bytes(slk_buf *buf, const char *name);

/* The JSON of a file (".json.gz" or ".json"); the caller calls json_decref. */
json_t *slk_vector_json(const char *name);

/* Fields of an object that must be there. */
uint64_t slk_vector_u64(const json_t *object, const char *key);
const char *slk_vector_text(const json_t *object, const char *key);
void slk_vector_hex(uint8_t *out, size_t n, const json_t *object, const char *key);

#endif
