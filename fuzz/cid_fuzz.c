/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CIDs as bytes and as text, and the commitments in them: one spelling each. */
#include "fuzz.h"

#include "base/mem.h"
#include "codec/cid.h"

#include <string.h>

static void check_cid(const slk_cid *cid)
{
    char text[SLK_CID_TEXT_CHARS];
    slk_cid again = {0}, made = {0};
    slk_assert(cid->len > 0 && cid->len <= SLK_CID_MAX_BYTES);
    slk_cid_print(text, cid);
    slk_assert(slk_cid_parse(&again, text, NULL) == SLK_OK && slk_cid_equal(&again, cid));
    slk_assert(slk_cid_from_bytes(&again, cid->bytes, cid->len, NULL) == SLK_OK);
    slk_assert(slk_cid_equal(&again, cid));
    slk_cid_parts parts = slk_cid_split(cid);
    slk_assert(parts.digest >= cid->bytes &&
               parts.digest + parts.digest_bytes == cid->bytes + cid->len);
    slk_cid_make(&made, parts.codec, parts.hash, parts.digest, parts.digest_bytes);
    slk_assert(slk_cid_equal(&made, cid));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    slk_error error = {0};
    slk_cid cid = {0};
    if (slk_cid_from_bytes(&cid, data, n, &error) == SLK_OK) {
        slk_assert(cid.len == n && memcmp(cid.bytes, data, n) == 0);
        check_cid(&cid);
    }
    if (slk_cid_parse(&cid, text, &error) == SLK_OK) {
        char spelled[SLK_CID_TEXT_CHARS];
        slk_cid_print(spelled, &cid);
        slk_assert(strcmp(spelled, text) == 0);
        check_cid(&cid);
    }
    return 0;
}
