/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/cid.h"

#include "codec/base32.h"
#include "codec/varint.h"

#include <string.h>

bool slk_cid_equal(const slk_cid *a, const slk_cid *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

void slk_cid_make(slk_cid *ret_cid, uint64_t codec, uint64_t hash, const uint8_t *digest,
                  size_t digest_bytes)
{
    uint8_t bytes[4 * SLK_VARINT_MAX_BYTES + SLK_CID_DIGEST_MAX_BYTES];
    slk_assert(digest_bytes <= SLK_CID_DIGEST_MAX_BYTES);
    size_t n = 0;
    bytes[n++] = 1;
    n += slk_varint_put(bytes + n, codec);
    n += slk_varint_put(bytes + n, hash);
    n += slk_varint_put(bytes + n, digest_bytes);
    memcpy(bytes + n, digest, digest_bytes);
    n += digest_bytes;
    slk_assert(n <= SLK_CID_MAX_BYTES);
    *ret_cid = (slk_cid){.len = (uint8_t)n};
    memcpy(ret_cid->bytes, bytes, n);
}

/* False unless in is exactly one version-1 CID. */
static bool split(slk_cid_parts *ret, const uint8_t *in, size_t n)
{
    uint64_t version, length;
    size_t at = slk_varint_get(&version, in, n);
    if (at == 0 || version != 1)
        return false;
    size_t used = slk_varint_get(&ret->codec, in + at, n - at);
    if (used == 0)
        return false;
    at += used;
    used = slk_varint_get(&ret->hash, in + at, n - at);
    if (used == 0)
        return false;
    at += used;
    used = slk_varint_get(&length, in + at, n - at);
    if (used == 0)
        return false;
    at += used;
    ret->digest = in + at;
    ret->digest_bytes = n - at;
    return length == n - at && length <= SLK_CID_DIGEST_MAX_BYTES;
}

slk_err slk_cid_from_bytes(slk_cid *ret_cid, const uint8_t *in, size_t n, slk_error *error)
{
    slk_cid_parts parts;
    if (n > SLK_CID_MAX_BYTES)
        return slk_fail(error, SLK_E_INVAL, "CID of %zu bytes is too long", n);
    if (!split(&parts, in, n))
        return slk_fail(error, SLK_E_INVAL, "not a version 1 CID (%zu bytes)", n);
    *ret_cid = (slk_cid){.len = (uint8_t)n};
    memcpy(ret_cid->bytes, in, n);
    return SLK_OK;
}

slk_err slk_cid_parse(slk_cid *ret_cid, const char *text, slk_error *error)
{
    uint8_t bytes[SLK_CID_MAX_BYTES];
    size_t n = 0;
    if (text[0] != 'b')
        return slk_fail(error, SLK_E_INVAL, "CID \"%.20s\" does not start with b", text);
    if (slk_base32_decode(bytes, sizeof bytes, &n, text + 1, strlen(text + 1)) != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "CID \"%.20s…\" is not lower-case base32", text);
    return slk_cid_from_bytes(ret_cid, bytes, n, error);
}

void slk_cid_print(char out[SLK_CID_TEXT_CHARS], const slk_cid *cid)
{
    out[0] = 0;
    if (!slk_cid_defined(cid))
        return;
    out[0] = 'b';
    slk_base32_encode(out + 1, cid->bytes, cid->len);
}

slk_cid_parts slk_cid_split(const slk_cid *cid)
{
    slk_cid_parts parts = {0};
    bool ok = split(&parts, cid->bytes, cid->len);
    slk_assert(ok);
    return parts;
}
