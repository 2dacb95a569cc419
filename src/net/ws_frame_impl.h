/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Frames of WebSocket as a server reads and writes them; no input or output of its own.
 * source: RFC 6455 5, 7.4 */
#ifndef SLK_NET_WS_FRAME_IMPL_H
#define SLK_NET_WS_FRAME_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_CONTROL_MAX 125u
#define WS_HEADER_MAX 14u

enum {
    WS_OP_MORE = 0,
    WS_OP_TEXT = 1,
    WS_OP_BINARY = 2,
    WS_OP_CLOSE = 8,
    WS_OP_PING = 9,
    WS_OP_PONG = 10,
};
enum {
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL = 1002,
    WS_NO_STATUS = 1005,
    WS_NOT_UTF8 = 1007,
    WS_TOO_LARGE = 1009,
    WS_OUR_FAULT = 1011,
};

/* Text that comes in pieces: 0 between characters, else what may come next. */
typedef struct ws_utf8 {
    uint8_t left; /* bytes the character still needs */
    uint8_t low, high; /* bounds of the next of them */
} ws_utf8;
/* False once it cannot be UTF-8 any more. */
bool slk_ws_utf8(ws_utf8 *state, const uint8_t *bytes, size_t n);

typedef struct ws_parser {
    uint64_t max_message; /* set by its owner; the rest is 0 at first */
    uint8_t header[WS_HEADER_MAX];
    unsigned header_n; /* of the header, so far */
    bool in_payload;
    uint64_t payload_left;
    uint64_t masked; /* bytes of the payload so far */
    uint64_t message_bytes; /* of the message so far */
    uint8_t message_op; /* of the message at hand; 0 none */
    ws_utf8 utf8;
    uint8_t control[WS_CONTROL_MAX];
    unsigned control_n;
} ws_parser;

typedef enum ws_what {
    WS_WANTS_MORE, /* all bytes are used */
    WS_DATA, /* bytes and n: a piece of the message, unmasked where it lay */
    WS_MESSAGE, /* the message is complete */
    WS_PING, /* bytes and n: what the Pong must repeat */
    WS_PONG,
    WS_CLOSE, /* status: the peer's, WS_NO_STATUS none */
    WS_BAD, /* status: what to close with; nothing may be read any more */
} ws_what;

typedef struct ws_event {
    ws_what what;
    const uint8_t *bytes;
    size_t n;
    unsigned status;
} ws_event;

/* The next event in n bytes from a client (masked; changed in place). *ret_used of them were used; to
 * be called with the rest until it wants more. The event's bytes live until the next call. */
void slk_ws_parse(ws_parser *parser, uint8_t *bytes, size_t n, size_t *ret_used,
                  ws_event *ret_event);

/* The header of an unfragmented frame of a server; its length. */
size_t slk_ws_header(uint8_t out[WS_HEADER_MAX], uint8_t op, uint64_t n);

#endif
