/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CBOR as Filecoin writes it (DAG-CBOR tuples): definite lengths, shortest integers, no maps, no
 * floats. The reader accepts exactly that and nothing else. source: reference/chain 1.4 */
#ifndef SLK_CODEC_CBOR_H
#define SLK_CODEC_CBOR_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/bigint.h"
#include "codec/cid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writing. Each appends one item head or item; failures are those of slk_buf. */
SLK_MUST_CHECK slk_err slk_cbor_put_uint(slk_buf *out, uint64_t v);
SLK_MUST_CHECK slk_err slk_cbor_put_int(slk_buf *out, int64_t v);
SLK_MUST_CHECK slk_err slk_cbor_put_bytes(slk_buf *out, const uint8_t *in, size_t n);
SLK_MUST_CHECK slk_err slk_cbor_put_array(slk_buf *out, uint64_t n_items);
SLK_MUST_CHECK slk_err slk_cbor_put_bool(slk_buf *out, bool v);
SLK_MUST_CHECK slk_err slk_cbor_put_null(slk_buf *out);
/* Tag 42 with the CID; null when it is undefined. */
SLK_MUST_CHECK slk_err slk_cbor_put_cid(slk_buf *out, const slk_cid *cid);
/* Byte string: empty for zero, else 00 and the magnitude. */
SLK_MUST_CHECK slk_err slk_cbor_put_bigint(slk_buf *out, const slk_bigint *v);

/* Reading: a cursor over bytes that outlive it. After a failure the cursor stands where it stood.
 * Errors are SLK_E_INVAL and name `what` and the byte offset. */
typedef struct slk_cbor {
    const uint8_t *in;
    size_t n;
    size_t at;
} slk_cbor;

slk_cbor slk_cbor_over(const uint8_t *in, size_t n);

SLK_MUST_CHECK slk_err slk_cbor_get_uint(slk_cbor *c, uint64_t *ret, const char *what,
                                         slk_error *error);
SLK_MUST_CHECK slk_err slk_cbor_get_int(slk_cbor *c, int64_t *ret, const char *what,
                                        slk_error *error);
/* *ret points into the input. Longer than max is an error. */
SLK_MUST_CHECK slk_err slk_cbor_get_bytes(slk_cbor *c, const uint8_t **ret, size_t *ret_n,
                                          size_t max, const char *what, slk_error *error);
/* Array head; more than max items is an error, and so is more items than bytes are left. */
SLK_MUST_CHECK slk_err slk_cbor_get_array(slk_cbor *c, uint64_t *ret_items, uint64_t max,
                                          const char *what, slk_error *error);
/* Array head of exactly this many items: a tuple. */
SLK_MUST_CHECK slk_err slk_cbor_get_tuple(slk_cbor *c, uint64_t items, const char *what,
                                          slk_error *error);
SLK_MUST_CHECK slk_err slk_cbor_get_bool(slk_cbor *c, bool *ret, const char *what,
                                         slk_error *error);
SLK_MUST_CHECK slk_err slk_cbor_get_cid(slk_cbor *c, slk_cid *ret, const char *what,
                                        slk_error *error);
SLK_MUST_CHECK slk_err slk_cbor_get_bigint(slk_cbor *c, slk_bigint *ret, const char *what,
                                           slk_error *error);
/* Consumes a null if one stands here and says so; otherwise consumes nothing. */
bool slk_cbor_take_null(slk_cbor *c);
/* Nothing may be left. */
SLK_MUST_CHECK slk_err slk_cbor_end(const slk_cbor *c, const char *what, slk_error *error);

#endif
