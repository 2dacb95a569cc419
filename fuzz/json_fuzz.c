/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON from outside: bounded, and what is accepted prints to a text that reads the same. */
#include "fuzz.h"

#include "base/mem.h"
#include "codec/json.h"

#include <string.h>

/* Every typed reading of a member, for the sake of the sanitizers. */
static void read_member(const json_t *object, const char *field)
{
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_error error = {0};
    const char *text;
    int64_t i;
    uint64_t u;
    bool b;
    json_t *value;
    slk_bigint big;
    slk_cid cid;
    uint8_t hex[32];
    slk_buf_init(&bytes, 1 << 16);
    (void)(slk_json_string(&text, object, field, &error) == SLK_OK && strlen(text));
    if (slk_json_u64(&u, object, field, &error) == SLK_OK)
        slk_assert(slk_json_i64(&i, object, field, &error) == SLK_OK && (uint64_t)i == u);
    (void)!slk_json_bool(&b, object, field, &error);
    (void)!slk_json_object(&value, object, field, &error);
    (void)!slk_json_array(&value, object, field, &error);
    (void)!slk_json_bigint(&big, object, field, &error);
    (void)!slk_json_bytes(&bytes, object, field, &error);
    (void)!slk_json_hex(hex, sizeof hex, object, field, &error);
    (void)!slk_json_cid(&cid, object, field, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *again = NULL;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_error error = {0};
    slk_buf_init(&text, 8 * n + 64);
    if (slk_json_parse(&value, data, n, 1 << 20, &error) != SLK_OK) {
        slk_assert(value == NULL && error.message[0]);
        return 0;
    }
    slk_assert(slk_json_parse(&again, data, n, n - 1, &error) == SLK_E_LIMIT && again == NULL);
    slk_assert(slk_json_print(&text, value) == SLK_OK);
    slk_assert(slk_json_parse(&again, text.data, text.len, text.len, &error) == SLK_OK);
    slk_assert(json_equal(value, again));
    const char *key;
    json_t *member;
    json_object_foreach(value, key, member) read_member(value, key);
    read_member(value, "absent");
    return 0;
}
