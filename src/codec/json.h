/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON from outside: bounded parsing, and typed fields with errors that name the field.
 *
 * A thin layer over jansson. Every getter takes the object and the field's name; a missing field, a
 * null or a wrong type is SLK_E_INVAL "<field>: …". Borrowed results live as long as the object.
 * Outputs are untouched on failure. Linking this makes jansson allocate by base/mem.h, so that a reading
 * which found no memory is told from one of a wrong text. */
#ifndef SLK_CODEC_JSON_H
#define SLK_CODEC_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/bigint.h"
#include "codec/cid.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_JSON_MAX_DEPTH 64u

/* n bytes of UTF-8, at most max_bytes of them, nothing after the value, no duplicate keys, nesting
 * at most SLK_JSON_MAX_DEPTH. Integers beyond 64 bits signed are refused, never rounded: a caller
 * that accepts uint64 reads it from a string. SLK_E_NOMEM whenever any allocation failed on the way. The
 * caller json_decrefs *ret. */
SLK_MUST_CHECK slk_err slk_json_parse(json_t **ret, const void *text, size_t n, size_t max_bytes,
                                      slk_error *error);

/* The same of a message from a stranger: at most so many values, too. 64 KiB of empty objects would
 * take several MiB. */
#define SLK_JSON_REQUEST_VALUES 1024u
SLK_MUST_CHECK slk_err slk_json_parse_request(json_t **ret, const void *text, size_t n,
                                              size_t max_bytes, slk_error *error);

/* Compact text appended to out. SLK_E_LIMIT past its maximum, SLK_E_NOMEM; out keeps its text then. */
SLK_MUST_CHECK slk_err slk_json_print(slk_buf *out, const json_t *value);

void slk_json_decrefp(json_t **value); /* for SLK_CLEANUP */

/* Borrowed member; NULL when object is no object, or the member is absent or null. */
json_t *slk_json_member(const json_t *object, const char *field);

SLK_MUST_CHECK slk_err slk_json_string(const char **ret, const json_t *object, const char *field,
                                       slk_error *error);
SLK_MUST_CHECK slk_err slk_json_i64(int64_t *ret, const json_t *object, const char *field,
                                    slk_error *error);
/* A number >= 0. Values above 2^63-1 do not occur in what we read. */
SLK_MUST_CHECK slk_err slk_json_u64(uint64_t *ret, const json_t *object, const char *field,
                                    slk_error *error);
SLK_MUST_CHECK slk_err slk_json_bool(bool *ret, const json_t *object, const char *field,
                                     slk_error *error);
SLK_MUST_CHECK slk_err slk_json_object(json_t **ret, const json_t *object, const char *field,
                                       slk_error *error);
/* null and an absent field count as the empty array (Go's nil slice): *ret NULL then. */
SLK_MUST_CHECK slk_err slk_json_array(json_t **ret, const json_t *object, const char *field,
                                      slk_error *error);
/* Decimal string. */
SLK_MUST_CHECK slk_err slk_json_bigint(slk_bigint *ret, const json_t *object, const char *field,
                                       slk_error *error);
/* Standard base64 string appended to out; null or absent appends nothing. */
SLK_MUST_CHECK slk_err slk_json_bytes(slk_buf *out, const json_t *object, const char *field,
                                      slk_error *error);
/* Hex string of exactly n bytes. */
SLK_MUST_CHECK slk_err slk_json_hex(uint8_t *out, size_t n, const json_t *object, const char *field,
                                    slk_error *error);
/* {"/":"bafy…"}; null or absent gives the undefined CID. */
SLK_MUST_CHECK slk_err slk_json_cid(slk_cid *ret, const json_t *object, const char *field,
                                    slk_error *error);

/* Values for building; new references, NULL when out of memory (json_pack and the _set_new calls
 * accept NULL and fail). */
json_t *slk_json_new_cid(const slk_cid *cid); /* undefined: null */
json_t *slk_json_new_bigint(const slk_bigint *v); /* decimal string */
json_t *slk_json_new_bytes(const uint8_t *in, size_t n); /* base64 string */

/* The same readings for a value that is not a member; what names it in the error. */
SLK_MUST_CHECK slk_err slk_json_as_cid(slk_cid *ret, const json_t *value, const char *what,
                                       slk_error *error);
SLK_MUST_CHECK slk_err slk_json_as_bigint(slk_bigint *ret, const json_t *value, const char *what,
                                          slk_error *error);
SLK_MUST_CHECK slk_err slk_json_as_bytes(slk_buf *out, const json_t *value, const char *what,
                                         slk_error *error);
SLK_MUST_CHECK slk_err slk_json_as_i64(int64_t *ret, const json_t *value, const char *what,
                                       slk_error *error);

#endif
