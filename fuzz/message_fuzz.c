/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Chain messages, plain and signed, as CBOR and JSON. */
#include "fuzz.h"

#include "base/mem.h"
#include "fil/message.h"

#include <string.h>

#define ROOM ((size_t)4 << 20)

static void check_same(const slk_message *a, const slk_message *b)
{
    slk_cid first, second;
    slk_assert(slk_message_cid(&first, a) == SLK_OK && slk_message_cid(&second, b) == SLK_OK);
    slk_assert(slk_cid_equal(&first, &second));
}

/* What JSON can say reads back as the same message. */
static void check_json(const slk_message *message)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *json = NULL;
    SLK_CLEANUP(slk_message_done) slk_message again = {0};
    slk_error error = {0};
    if (slk_message_to_json(&json, message, 't') != SLK_OK)
        return;
    if (slk_message_from_json(&again, json, &error) == SLK_OK)
        check_same(message, &again);
    else
        slk_assert(message->nonce > INT64_MAX || message->gas_limit < 0 ||
                   message->method > INT64_MAX || !slk_address_defined(&message->to) ||
                   !slk_address_defined(&message->from));
}

static void plain(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_message_done) slk_message message = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_error error = {0};
    slk_buf_init(&out, ROOM);
    if (slk_message_from_cbor(&message, data, n, &error) != SLK_OK)
        return;
    slk_assert(slk_message_to_cbor(&out, &message) == SLK_OK);
    slk_assert(out.len == n && memcmp(out.data, data, n) == 0);
    check_json(&message);
}

static void with_signature(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_signed_message_done) slk_signed_message message = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_error error = {0};
    slk_buf_init(&out, ROOM);
    if (slk_signed_message_from_cbor(&message, data, n, &error) != SLK_OK)
        return;
    slk_assert(slk_signed_message_to_cbor(&out, &message) == SLK_OK);
    slk_assert(out.len == n && memcmp(out.data, data, n) == 0);
    check_json(&message.message);
}

static void as_json(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *json = NULL;
    SLK_CLEANUP(slk_message_done) slk_message message = {0};
    SLK_CLEANUP(slk_signed_message_done) slk_signed_message sealed = {0};
    slk_error error = {0};
    if (slk_json_parse(&json, data, n, ROOM, &error) != SLK_OK)
        return;
    if (slk_message_from_json(&message, json, &error) == SLK_OK)
        check_json(&message);
    if (slk_signed_message_from_json(&sealed, json, &error) == SLK_OK)
        check_json(&sealed.message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    plain(data, n);
    with_signature(data, n);
    as_json(data, n);
    return 0;
}
