/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Frames of WebSocket. The first byte says how many bytes come at once; whatever it is, the same is read. */
#include "fuzz.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "net/ws_frame_impl.h"

#include <string.h>

#define MESSAGE_MAX 1000u

/* All events as text: kind, status, bytes. */
static void read_all(slk_buf *out, const uint8_t *data, size_t n, size_t at_once)
{
    ws_parser parser = {.max_message = MESSAGE_MAX};
    size_t message = 0;
    for (size_t at = 0; at < n;) {
        const size_t part = n - at < at_once ? n - at : at_once;
        SLK_CLEANUP(slk_freep) char *copy = fuzz_text(data + at, part);
        uint8_t *bytes = (uint8_t *)copy;
        size_t left = part, used = 0;
        ws_event event;
        do {
            slk_ws_parse(&parser, bytes, left, &used, &event);
            slk_assert(used <= left);
            bytes += used;
            left -= used;
            slk_assert(event.what != WS_WANTS_MORE || left == 0);
            if (event.what == WS_DATA) {
                message += event.n;
                slk_assert(event.n > 0 && message <= MESSAGE_MAX);
            } else if (event.what != WS_WANTS_MORE) {
                slk_assert(slk_buf_printf(out, "[%d %u]", (int)event.what, event.status) == SLK_OK);
            }
            if (event.what == WS_DATA || event.what == WS_PING || event.what == WS_PONG)
                slk_assert(slk_buf_append(out, event.bytes, event.n) == SLK_OK);
            if (event.what == WS_MESSAGE)
                message = 0;
            if (event.what == WS_BAD)
                return;
        } while (event.what != WS_WANTS_MORE);
        at += part;
    }
}

/* The character by character check and the one of base agree on whole texts. */
static void check_text(const uint8_t *data, size_t n)
{
    ws_utf8 state = {0};
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    const bool good = slk_ws_utf8(&state, (const uint8_t *)text, n) && state.left == 0;
    if (!memchr(text, 0, n))
        slk_assert(good == slk_text_is_utf8(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    SLK_CLEANUP(slk_buf_done) slk_buf whole;
    SLK_CLEANUP(slk_buf_done) slk_buf parts;
    slk_buf_init(&whole, SIZE_MAX);
    slk_buf_init(&parts, SIZE_MAX);
    read_all(&whole, data + 1, n - 1, n);
    read_all(&parts, data + 1, n - 1, 1u + data[0] % 16);
    /* A text that goes bad within a piece is seen at the piece's end: bytes before it may be missing. */
    const bool bad = whole.len >= 8 && memcmp(whole.data + whole.len - 8, "[6 1007]", 8) == 0;
    if (!bad)
        slk_assert(whole.len == parts.len &&
                   (whole.len == 0 || memcmp(whole.data, parts.data, whole.len) == 0));
    check_text(data + 1, n - 1);
    return 0;
}
