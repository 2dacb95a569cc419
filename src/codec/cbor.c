/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/cbor.h"

#include "base/bytes.h"

#include <string.h>

enum {
    MAJOR_UINT = 0,
    MAJOR_NEGATIVE = 1,
    MAJOR_BYTES = 2,
    MAJOR_ARRAY = 4,
    MAJOR_TAG = 6,
    MAJOR_SIMPLE = 7,
};
#define SIMPLE_FALSE 20u
#define SIMPLE_TRUE 21u
#define SIMPLE_NULL 22u
#define TAG_CID 42u

static slk_err put_head(slk_buf *out, unsigned major, uint64_t v)
{
    uint8_t head[9];
    uint8_t type = (uint8_t)(major << 5);
    if (v < 24) {
        head[0] = (uint8_t)(type | v);
        return slk_buf_append(out, head, 1);
    }
    unsigned log2_bytes = v <= UINT8_MAX ? 0 : v <= UINT16_MAX ? 1 : v <= UINT32_MAX ? 2 : 3;
    unsigned n = 1u << log2_bytes;
    uint8_t full[8];
    slk_store_be64(full, v);
    head[0] = (uint8_t)(type | (24 + log2_bytes));
    memcpy(head + 1, full + 8 - n, n);
    return slk_buf_append(out, head, n + 1);
}

slk_err slk_cbor_put_uint(slk_buf *out, uint64_t v)
{
    return put_head(out, MAJOR_UINT, v);
}

slk_err slk_cbor_put_int(slk_buf *out, int64_t v)
{
    return v >= 0 ? put_head(out, MAJOR_UINT, (uint64_t)v)
                  : put_head(out, MAJOR_NEGATIVE, ~(uint64_t)v);
}

slk_err slk_cbor_put_bytes(slk_buf *out, const uint8_t *in, size_t n)
{
    SLK_TRY(put_head(out, MAJOR_BYTES, n));
    return n == 0 ? SLK_OK : slk_buf_append(out, in, n);
}

slk_err slk_cbor_put_array(slk_buf *out, uint64_t n_items)
{
    return put_head(out, MAJOR_ARRAY, n_items);
}

slk_err slk_cbor_put_bool(slk_buf *out, bool v)
{
    return put_head(out, MAJOR_SIMPLE, v ? SIMPLE_TRUE : SIMPLE_FALSE);
}

slk_err slk_cbor_put_null(slk_buf *out)
{
    return put_head(out, MAJOR_SIMPLE, SIMPLE_NULL);
}

slk_err slk_cbor_put_cid(slk_buf *out, const slk_cid *cid)
{
    if (!slk_cid_defined(cid))
        return slk_cbor_put_null(out);
    SLK_TRY(put_head(out, MAJOR_TAG, TAG_CID));
    SLK_TRY(put_head(out, MAJOR_BYTES, (uint64_t)cid->len + 1));
    SLK_TRY(slk_buf_byte(out, 0)); /* multibase "identity" */
    return slk_buf_append(out, cid->bytes, cid->len);
}

slk_err slk_cbor_put_bigint(slk_buf *out, const slk_bigint *v)
{
    uint8_t bytes[33] = {0};
    size_t n = slk_bigint_to_be(bytes + 1, v);
    return slk_cbor_put_bytes(out, bytes, n == 0 ? 0 : n + 1);
}

slk_cbor slk_cbor_over(const uint8_t *in, size_t n)
{
    return (slk_cbor){.in = in, .n = n};
}

static slk_err refuse(const slk_cbor *c, const char *what, const char *why, slk_error *error)
{
    return slk_fail(error, SLK_E_INVAL, "CBOR %s at byte %zu: %s", what, c->at, why);
}

/* Reads one head into *ret_major, *ret_value and moves at past it. */
static slk_err get_head(slk_cbor *c, unsigned *ret_major, uint64_t *ret_value, const char *what,
                        slk_error *error)
{
    if (c->at >= c->n)
        return refuse(c, what, "the input ends", error);
    unsigned major = c->in[c->at] >> 5, info = c->in[c->at] & 31;
    if (info >= 28)
        return refuse(c, what, "indefinite or reserved length", error);
    size_t n = info < 24 ? 0 : (size_t)1 << (info - 24);
    if (n > c->n - c->at - 1)
        return refuse(c, what, "the input ends", error);
    if (major == MAJOR_SIMPLE && info >= 24)
        return refuse(c, what, "floats and long simple values are not allowed", error);
    uint64_t v = n == 0 ? info : 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | c->in[c->at + 1 + i];
    if (n > 0 && (n == 1 ? v < 24 : v >> (n * 4) == 0))
        return refuse(c, what, "a number is not in its shortest form", error);
    c->at += n + 1;
    *ret_major = major;
    *ret_value = v;
    return SLK_OK;
}

/* As get_head for one wanted major type; at stays on failure. */
static slk_err want(slk_cbor *c, unsigned major, uint64_t *ret_value, const char *what,
                    const char *type, slk_error *error)
{
    slk_cbor next = *c;
    unsigned got;
    uint64_t value;
    SLK_TRY(get_head(&next, &got, &value, what, error));
    if (got != major)
        return refuse(c, what, type, error);
    *ret_value = value;
    *c = next;
    return SLK_OK;
}

slk_err slk_cbor_get_uint(slk_cbor *c, uint64_t *ret, const char *what, slk_error *error)
{
    return want(c, MAJOR_UINT, ret, what, "not an unsigned integer", error);
}

slk_err slk_cbor_get_int(slk_cbor *c, int64_t *ret, const char *what, slk_error *error)
{
    slk_cbor next = *c;
    unsigned major;
    uint64_t v;
    SLK_TRY(get_head(&next, &major, &v, what, error));
    if (major != MAJOR_UINT && major != MAJOR_NEGATIVE)
        return refuse(c, what, "not an integer", error);
    if (v > INT64_MAX)
        return refuse(c, what, "beyond 64 bits signed", error);
    *ret = major == MAJOR_UINT ? (int64_t)v : -1 - (int64_t)v;
    *c = next;
    return SLK_OK;
}

static slk_err get_string(slk_cbor *c, unsigned major, const uint8_t **ret, size_t *ret_n,
                          size_t max, const char *what, slk_error *error)
{
    slk_cbor next = *c;
    uint64_t n;
    SLK_TRY(want(&next, major, &n, what, "not a byte string", error));
    if (n > max)
        return refuse(c, what, "too long", error);
    if (n > next.n - next.at)
        return refuse(c, what, "the input ends", error);
    *ret = next.in + next.at;
    *ret_n = (size_t)n;
    next.at += (size_t)n;
    *c = next;
    return SLK_OK;
}

slk_err slk_cbor_get_bytes(slk_cbor *c, const uint8_t **ret, size_t *ret_n, size_t max,
                           const char *what, slk_error *error)
{
    return get_string(c, MAJOR_BYTES, ret, ret_n, max, what, error);
}

slk_err slk_cbor_get_array(slk_cbor *c, uint64_t *ret_items, uint64_t max, const char *what,
                           slk_error *error)
{
    slk_cbor next = *c;
    uint64_t n;
    SLK_TRY(want(&next, MAJOR_ARRAY, &n, what, "not an array", error));
    if (n > max)
        return refuse(c, what, "too many items", error);
    if (n > next.n - next.at)
        return refuse(c, what, "the input ends", error);
    *ret_items = n;
    *c = next;
    return SLK_OK;
}

slk_err slk_cbor_get_tuple(slk_cbor *c, uint64_t items, const char *what, slk_error *error)
{
    slk_cbor next = *c;
    uint64_t n;
    SLK_TRY(want(&next, MAJOR_ARRAY, &n, what, "not an array", error));
    if (n != items)
        return slk_fail(error, SLK_E_INVAL,
                        "CBOR %s at byte %zu: %llu fields where %llu are expected", what, c->at,
                        (unsigned long long)n, (unsigned long long)items);
    *c = next;
    return SLK_OK;
}

slk_err slk_cbor_get_bool(slk_cbor *c, bool *ret, const char *what, slk_error *error)
{
    slk_cbor next = *c;
    uint64_t v;
    SLK_TRY(want(&next, MAJOR_SIMPLE, &v, what, "not a boolean", error));
    if (v != SIMPLE_FALSE && v != SIMPLE_TRUE)
        return refuse(c, what, "not a boolean", error);
    *ret = v == SIMPLE_TRUE;
    *c = next;
    return SLK_OK;
}

slk_err slk_cbor_get_cid(slk_cbor *c, slk_cid *ret, const char *what, slk_error *error)
{
    slk_cbor next = *c;
    uint64_t tag;
    const uint8_t *bytes;
    size_t n;
    SLK_TRY(want(&next, MAJOR_TAG, &tag, what, "not a CID", error));
    if (tag != TAG_CID)
        return refuse(c, what, "not a CID", error);
    SLK_TRY(slk_cbor_get_bytes(&next, &bytes, &n, SLK_CID_MAX_BYTES + 1, what, error));
    if (n < 2 || bytes[0] != 0)
        return refuse(c, what, "not a CID", error);
    slk_err code = slk_cid_from_bytes(ret, bytes + 1, n - 1, error);
    if (code != SLK_OK)
        return slk_fail_context(error, code, "CBOR %s at byte %zu", what, c->at);
    *c = next;
    return SLK_OK;
}

slk_err slk_cbor_get_bigint(slk_cbor *c, slk_bigint *ret, const char *what, slk_error *error)
{
    slk_cbor next = *c;
    const uint8_t *bytes;
    size_t n;
    SLK_TRY(slk_cbor_get_bytes(&next, &bytes, &n, 33, what, error));
    if (n == 0) {
        *ret = (slk_bigint){{0}};
        *c = next;
        return SLK_OK;
    }
    if (bytes[0] != 0)
        return refuse(c, what, "a negative amount", error);
    if (n < 2 || bytes[1] == 0)
        return refuse(c, what, "an amount is not in its shortest form", error);
    SLK_TRY(slk_bigint_from_be(ret, bytes + 1, n - 1));
    *c = next;
    return SLK_OK;
}

bool slk_cbor_take_null(slk_cbor *c)
{
    if (c->at >= c->n || c->in[c->at] != (MAJOR_SIMPLE << 5 | SIMPLE_NULL))
        return false;
    c->at++;
    return true;
}

slk_err slk_cbor_end(const slk_cbor *c, const char *what, slk_error *error)
{
    if (c->at == c->n)
        return SLK_OK;
    return slk_fail(error, SLK_E_INVAL, "CBOR %s: %zu bytes follow the end", what, c->n - c->at);
}
