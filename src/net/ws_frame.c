/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/ws_frame_impl.h"

#include "base/bytes.h"

#include <string.h>

#define FIN 0x80u
#define RESERVED 0x70u
#define OP 0x0fu
#define CONTROL 0x08u
#define MASKED 0x80u
#define LENGTH 0x7fu
#define LENGTH_16 126u
#define LENGTH_64 127u

/* ---- text. source: RFC 3629 4 ---- */

static bool begin_character(ws_utf8 *s, uint8_t c)
{
    s->low = 0x80;
    s->high = 0xbf;
    if (c < 0x80) {
        s->left = 0;
    } else if (c >= 0xc2 && c <= 0xdf) {
        s->left = 1;
    } else if (c >= 0xe0 && c <= 0xef) {
        s->left = 2;
        s->low = c == 0xe0 ? 0xa0 : 0x80;
        s->high = c == 0xed ? 0x9f : 0xbf;
    } else if (c >= 0xf0 && c <= 0xf4) {
        s->left = 3;
        s->low = c == 0xf0 ? 0x90 : 0x80;
        s->high = c == 0xf4 ? 0x8f : 0xbf;
    } else {
        return false;
    }
    return true;
}

bool slk_ws_utf8(ws_utf8 *state, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (state->left == 0) {
            if (!begin_character(state, bytes[i]))
                return false;
            continue;
        }
        if (bytes[i] < state->low || bytes[i] > state->high)
            return false;
        state->left--;
        state->low = 0x80;
        state->high = 0xbf;
    }
    return true;
}

/* ---- headers ---- */

static unsigned header_size(const ws_parser *p)
{
    if (p->header_n < 2)
        return 2;
    const unsigned length = p->header[1] & LENGTH;
    const unsigned more = length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
    return 2 + more + (p->header[1] & MASKED ? 4 : 0);
}

static uint64_t payload_size(const uint8_t *header)
{
    const unsigned length = header[1] & LENGTH;
    if (length < LENGTH_16)
        return length;
    if (length == LENGTH_16)
        return (uint64_t)header[2] << 8 | header[3];
    return slk_load_be64(header + 2);
}

/* The shortest of the three forms is the only right one. */
static bool size_is_proper(const uint8_t *header)
{
    const unsigned length = header[1] & LENGTH;
    const uint64_t n = payload_size(header);
    if (length == LENGTH_16)
        return n >= LENGTH_16;
    return length != LENGTH_64 || (n > UINT16_MAX && n <= INT64_MAX);
}

/* 0, or the status to close with. */
static unsigned judge_data(const ws_parser *p, uint8_t op, uint64_t n)
{
    if (op > WS_OP_BINARY || (op == WS_OP_MORE) != (p->message_op != 0))
        return WS_PROTOCOL;
    return n > p->max_message - p->message_bytes ? WS_TOO_LARGE : 0;
}

static unsigned judge_control(uint8_t op, bool fin, uint64_t n)
{
    return op > WS_OP_PONG || !fin || n > WS_CONTROL_MAX ? WS_PROTOCOL : 0;
}

static unsigned judge_header(const ws_parser *p)
{
    const uint8_t op = p->header[0] & OP;
    const uint64_t n = payload_size(p->header);
    if ((p->header[0] & RESERVED) || !(p->header[1] & MASKED) || !size_is_proper(p->header))
        return WS_PROTOCOL;
    return op & CONTROL ? judge_control(op, p->header[0] & FIN, n) : judge_data(p, op, n);
}

/* ---- payloads ---- */

static uint8_t op_of(const ws_parser *p)
{
    return p->header[0] & OP;
}

static void unmask(ws_parser *p, uint8_t *bytes, size_t n)
{
    const uint8_t *mask = p->header + p->header_n - 4;
    for (size_t i = 0; i < n; i++)
        bytes[i] ^= mask[(p->masked + i) & 3];
    p->masked += n;
    p->payload_left -= n;
}

static void next_frame(ws_parser *p)
{
    p->header_n = 0;
    p->in_payload = false;
}

static ws_event event_of(ws_what what)
{
    return (ws_event){.what = what};
}

static ws_event bad(unsigned status)
{
    return (ws_event){.what = WS_BAD, .status = status};
}

/* source: RFC 6455 7.4.1, 7.4.2 */
static bool status_is_allowed(unsigned status)
{
    return (status >= 1000 && status <= 1011 && status != 1004 && status != 1005 &&
            status != 1006) ||
           (status >= 3000 && status <= 4999);
}

static ws_event read_close(const ws_parser *p)
{
    ws_utf8 utf8 = {0};
    if (p->control_n == 0)
        return (ws_event){.what = WS_CLOSE, .status = WS_NO_STATUS};
    if (p->control_n == 1)
        return bad(WS_PROTOCOL);
    const unsigned status = (unsigned)p->control[0] << 8 | p->control[1];
    if (!status_is_allowed(status))
        return bad(WS_PROTOCOL);
    if (!slk_ws_utf8(&utf8, p->control + 2, p->control_n - 2) || utf8.left)
        return bad(WS_NOT_UTF8);
    return (ws_event){.what = WS_CLOSE, .status = status};
}

static ws_event end_of_control(ws_parser *p)
{
    const uint8_t op = op_of(p);
    next_frame(p);
    if (op == WS_OP_CLOSE)
        return read_close(p);
    return (ws_event){
        .what = op == WS_OP_PING ? WS_PING : WS_PONG, .bytes = p->control, .n = p->control_n};
}

static ws_event end_of_data(ws_parser *p)
{
    const bool fin = p->header[0] & FIN;
    const bool text = p->message_op == WS_OP_TEXT;
    next_frame(p);
    if (!fin)
        return event_of(WS_WANTS_MORE);
    p->message_op = 0;
    p->message_bytes = 0;
    return text && p->utf8.left ? bad(WS_NOT_UTF8) : event_of(WS_MESSAGE);
}

static ws_event take_control(ws_parser *p, uint8_t *bytes, size_t n)
{
    unmask(p, bytes, n);
    memcpy(p->control + p->control_n, bytes, n);
    p->control_n += (unsigned)n;
    return p->payload_left ? event_of(WS_WANTS_MORE) : end_of_control(p);
}

static ws_event take_data(ws_parser *p, uint8_t *bytes, size_t n)
{
    if (n == 0)
        return end_of_data(p);
    unmask(p, bytes, n);
    if (p->message_op == WS_OP_TEXT && !slk_ws_utf8(&p->utf8, bytes, n))
        return bad(WS_NOT_UTF8);
    return (ws_event){.what = WS_DATA, .bytes = bytes, .n = n};
}

static unsigned begin_payload(ws_parser *p)
{
    const unsigned status = judge_header(p);
    if (status)
        return status;
    p->in_payload = true;
    p->payload_left = payload_size(p->header);
    p->masked = 0;
    if (op_of(p) & CONTROL) {
        p->control_n = 0;
        return 0;
    }
    p->message_bytes += p->payload_left;
    if (op_of(p) != WS_OP_MORE) {
        p->message_op = op_of(p);
        p->utf8 = (ws_utf8){0};
    }
    return 0;
}

/* Where a frame ends its event is due even if no byte is left to use. */
static bool is_due(const ws_parser *p)
{
    return p->in_payload && p->payload_left == 0;
}

void slk_ws_parse(ws_parser *parser, uint8_t *bytes, size_t n, size_t *ret_used,
                  ws_event *ret_event)
{
    ws_parser *p = parser;
    size_t used = 0;
    *ret_event = event_of(WS_WANTS_MORE);
    while (ret_event->what == WS_WANTS_MORE && (used < n || is_due(p))) {
        if (p->in_payload) {
            const size_t here = n - used < p->payload_left ? n - used : (size_t)p->payload_left;
            *ret_event = op_of(p) & CONTROL ? take_control(p, bytes + used, here)
                                            : take_data(p, bytes + used, here);
            used += here;
            continue;
        }
        p->header[p->header_n++] = bytes[used++];
        if (p->header_n < header_size(p))
            continue;
        const unsigned status = begin_payload(p);
        if (status)
            *ret_event = bad(status);
    }
    *ret_used = used;
}

size_t slk_ws_header(uint8_t out[WS_HEADER_MAX], uint8_t op, uint64_t n)
{
    out[0] = (uint8_t)(FIN | op);
    if (n < LENGTH_16) {
        out[1] = (uint8_t)n;
        return 2;
    }
    if (n <= UINT16_MAX) {
        out[1] = LENGTH_16;
        out[2] = (uint8_t)(n >> 8);
        out[3] = (uint8_t)n;
        return 4;
    }
    out[1] = LENGTH_64;
    slk_store_be64(out + 2, n);
    return 10;
}
