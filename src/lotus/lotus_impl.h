/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Private to lotus/: fields as Go leaves them out, and lists of structs. */
#ifndef SLK_LOTUS_LOTUS_IMPL_H
#define SLK_LOTUS_LOTUS_IMPL_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A member that may be absent or null, and then is zero, false or "". Else as codec/json.h. */
SLK_MUST_CHECK slk_err slk_lotus_get_u64(uint64_t *ret, const json_t *object, const char *field,
                                         slk_error *error);
SLK_MUST_CHECK slk_err slk_lotus_get_i64(int64_t *ret, const json_t *object, const char *field,
                                         slk_error *error);
SLK_MUST_CHECK slk_err slk_lotus_get_bool(bool *ret, const json_t *object, const char *field,
                                          slk_error *error);
/* A number of either kind, 0 … 1e9. */
SLK_MUST_CHECK slk_err slk_lotus_get_number(double *ret, const json_t *object, const char *field,
                                            slk_error *error);
/* At most n - 1 bytes: longer is SLK_E_INVAL. */
SLK_MUST_CHECK slk_err slk_lotus_get_text(char *out, size_t n, const json_t *object,
                                          const char *field, slk_error *error);
/* What does not fit into n bytes is left out, at a character's end: sentences for people. */
SLK_MUST_CHECK slk_err slk_lotus_get_sentence(char *out, size_t n, const json_t *object,
                                              const char *field, slk_error *error);
/* A UUID that must be there. */
SLK_MUST_CHECK slk_err slk_lotus_get_uuid(char *out, const json_t *object, const char *field,
                                          slk_error *error);

/* A whole number prints without a fraction, as Go prints a float64. */
json_t *slk_lotus_number_json(double number);
/* A text that may hold anything: what is not UTF-8 becomes '?'. */
json_t *slk_lotus_text_json(const char *text);

/* An array or null (or absent: value NULL) of at most max elements of `bytes` each into a zeroed heap
 * array (NULL when empty). read fills one; on a failure what was filled is given to done (NULL: nothing
 * to release), and the error names the index. */
typedef slk_err slk_lotus_read_one(void *one, const json_t *value, slk_error *error);
typedef void slk_lotus_done_one(void *one);
SLK_MUST_CHECK slk_err slk_lotus_get_list(void **ret_items, size_t *ret_n, const json_t *value,
                                          size_t max, size_t bytes, slk_lotus_read_one *read,
                                          slk_lotus_done_one *done, slk_error *error);

/* n elements as an array. */
typedef json_t *slk_lotus_json_one(const void *one);
json_t *slk_lotus_list_json(const void *items, size_t n, size_t bytes, slk_lotus_json_one *json);

/* Puts `what` before the error. */
slk_err slk_lotus_named(slk_err code, const char *what, slk_error *error);

#endif
