/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CBOR: every item that is read is written back as the same bytes, a refusal moves nothing. */
#include "fuzz.h"

#include "base/mem.h"
#include "codec/cbor.h"

#include <string.h>

/* Copies one item head or item from c to out; false when nothing here is readable. */
static bool copy_scalar(slk_cbor *c, slk_buf *out)
{
    slk_error error = {0};
    uint64_t u;
    int64_t i;
    bool b;
    slk_cid cid;
    if (slk_cbor_get_uint(c, &u, "u", &error) == SLK_OK)
        slk_assert(slk_cbor_put_uint(out, u) == SLK_OK);
    else if (slk_cbor_get_int(c, &i, "i", &error) == SLK_OK)
        slk_assert(slk_cbor_put_int(out, i) == SLK_OK);
    else if (slk_cbor_get_bool(c, &b, "b", &error) == SLK_OK)
        slk_assert(slk_cbor_put_bool(out, b) == SLK_OK);
    else if (slk_cbor_take_null(c))
        slk_assert(slk_cbor_put_null(out) == SLK_OK);
    else if (slk_cbor_get_cid(c, &cid, "cid", &error) == SLK_OK)
        slk_assert(slk_cbor_put_cid(out, &cid) == SLK_OK);
    else
        return false;
    return true;
}

static bool copy_string(slk_cbor *c, slk_buf *out)
{
    slk_error error = {0};
    const uint8_t *bytes;
    size_t n_bytes;
    uint64_t items;
    slk_bigint big;
    slk_cbor ahead = *c;
    if (slk_cbor_get_bigint(&ahead, &big, "big", &error) == SLK_OK) {
        *c = ahead;
        slk_assert(slk_cbor_put_bigint(out, &big) == SLK_OK);
    } else if (slk_cbor_get_bytes(c, &bytes, &n_bytes, c->n, "bytes", &error) == SLK_OK) {
        slk_assert(bytes >= c->in && bytes + n_bytes == c->in + c->at);
        slk_assert(slk_cbor_put_bytes(out, bytes, n_bytes) == SLK_OK);
    } else if (slk_cbor_get_array(c, &items, UINT64_MAX, "items", &error) == SLK_OK) {
        slk_assert(items <= c->n - c->at);
        slk_assert(slk_cbor_put_array(out, items) == SLK_OK);
    } else {
        return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_error error = {0};
    slk_buf_init(&out, n + 16);
    slk_cbor c = slk_cbor_over(data, n);
    for (;;) {
        size_t at = c.at;
        if (!copy_scalar(&c, &out) && !copy_string(&c, &out)) {
            slk_assert(c.at == at);
            break;
        }
        slk_assert(c.at > at && c.at <= n);
    }
    slk_assert(out.len == c.at && (c.at == 0 || memcmp(out.data, data, c.at) == 0));
    slk_assert((slk_cbor_end(&c, "input", &error) == SLK_OK) == (c.at == n));
    return 0;
}
