/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The messages of remote seal, as the reference implementation speaks them: Go's JSON.
 *
 * Byte strings are standard base64 with padding, integers JSON numbers within int64, optional
 * fields are left out when empty. Each message is a plain struct and a const description of its
 * fields; one printer and one reader serve them all.
 * source: reference/remote-seal-wire. */
#ifndef SLK_REMOTE_WIRE_H
#define SLK_REMOTE_WIRE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Endpoints lie below this path of a peer's base URL. */
#define SLK_WIRE_PATH "/remoteseal/delegated/v0/"

#define SLK_WIRE_BODY_MAX_BYTES ((size_t)65536) /* any message as JSON */
#define SLK_WIRE_TOKEN_CHARS 128u /* room; a real one has 64 */
#define SLK_WIRE_TEXT_CHARS 256u
#define SLK_WIRE_CID_CHARS 128u
#define SLK_WIRE_PROOFS_MAX 32u

/* A ticket or seed: n is 0 (absent) or what came, up to the room. */
typedef struct slk_wire_bytes {
    size_t n;
    uint8_t data[64];
} slk_wire_bytes;

typedef struct slk_wire_numbers {
    size_t n;
    int64_t value[SLK_WIRE_PROOFS_MAX];
} slk_wire_numbers;

/* ---- served by the provider ---- */
typedef struct slk_wire_capabilities {
    slk_wire_numbers supported_proofs;
    int64_t max_batch_size;
    bool supports_range_requests;
    bool supports_sealed_manifest; /* from here on unknown to the reference */
    bool supports_cancel;
    bool supports_renew;
    bool supports_call_back;
    bool supports_repeated_c1;
} slk_wire_capabilities;

typedef struct slk_wire_token_request { /* authorize, available */
    char partner_token[SLK_WIRE_TOKEN_CHARS + 1];
} slk_wire_token_request;

typedef struct slk_wire_authorized {
    bool authorized;
    char partner_name[SLK_WIRE_TEXT_CHARS + 1];
    int64_t allowance_remaining;
} slk_wire_authorized;

typedef struct slk_wire_available {
    bool available;
    char slot_token[SLK_WIRE_TOKEN_CHARS + 1];
} slk_wire_available;

typedef struct slk_wire_order {
    char partner_token[SLK_WIRE_TOKEN_CHARS + 1];
    char slot_token[SLK_WIRE_TOKEN_CHARS + 1]; /* may be empty */
    int64_t sp_id;
    int64_t sector_number;
    int64_t reg_seal_proof;
} slk_wire_order;

typedef struct slk_wire_ordered {
    bool accepted;
    char reject_reason[SLK_WIRE_TEXT_CHARS + 1];
} slk_wire_ordered;

typedef struct slk_wire_sector_request { /* status, finalize, cleanup, cancel, renew */
    char partner_token[SLK_WIRE_TOKEN_CHARS + 1];
    int64_t sp_id;
    int64_t sector_number;
} slk_wire_sector_request;

typedef struct slk_wire_status {
    char state[17]; /* pending, sdr, trees, complete, failed, gone */
    char tree_d_cid[SLK_WIRE_CID_CHARS + 1];
    char tree_r_cid[SLK_WIRE_CID_CHARS + 1];
    int64_t ticket_epoch; /* left out when 0, as Go does */
    slk_wire_bytes ticket_value;
    char fail_reason[SLK_WIRE_TEXT_CHARS + 1];
    char stage[32]; /* from here on unknown to the reference */
    int64_t stage_done;
    int64_t stage_total;
    int64_t lease_until; /* Unix seconds; 0 none */
    int64_t lease_left; /* seconds from now; 0 not said */
} slk_wire_status;

typedef struct slk_wire_renewed { /* renew */
    int64_t lease_until; /* Unix seconds */
    int64_t lease_left; /* seconds from now; 0 not said */
} slk_wire_renewed;

typedef struct slk_wire_call_back { /* call-back */
    char partner_token[SLK_WIRE_TOKEN_CHARS + 1];
    char nonce[SLK_WIRE_TOKEN_CHARS + 1];
} slk_wire_call_back;

typedef struct slk_wire_called { /* what came of it */
    bool reached;
    char url[2 * SLK_WIRE_TEXT_CHARS + 1]; /* the partner's, as the provider has it */
    char step[17]; /* where it got stuck: url, address, dns, tcp, tls, http, answer */
    char reason[SLK_WIRE_TEXT_CHARS + 1];
} slk_wire_called;

typedef struct slk_wire_commit1 {
    char partner_token[SLK_WIRE_TOKEN_CHARS + 1];
    int64_t sp_id;
    int64_t sector_number;
    int64_t seed_epoch; /* 0: not said */
    slk_wire_bytes seed_value;
} slk_wire_commit1;

/* ---- served by the client ---- */
typedef struct slk_wire_complete {
    char partner_token[SLK_WIRE_TOKEN_CHARS + 1];
    int64_t sp_id;
    int64_t sector_number;
    char tree_d_cid[SLK_WIRE_CID_CHARS + 1];
    char tree_r_cid[SLK_WIRE_CID_CHARS + 1];
    int64_t ticket_epoch;
    slk_wire_bytes ticket_value;
} slk_wire_complete;

typedef struct slk_wire_ticket {
    slk_wire_bytes ticket;
    int64_t epoch;
} slk_wire_ticket;

typedef struct slk_wire_nonce { /* called-back */
    char nonce[SLK_WIRE_TOKEN_CHARS + 1];
} slk_wire_nonce;

typedef struct slk_wire_nonce_known {
    bool known;
} slk_wire_nonce_known;

/* ---- a file: c1.url in the client's cache folder, 0600 since it holds the token ---- */
typedef struct slk_wire_c1_url {
    char c1_url[2 * SLK_WIRE_TEXT_CHARS + 1];
    char partner_token[SLK_WIRE_TOKEN_CHARS + 1];
    int64_t sp_id;
    int64_t sector_number;
} slk_wire_c1_url;

/* ---- printing and reading ---- */
typedef struct slk_wire_type slk_wire_type;
extern const slk_wire_type slk_wire_type_capabilities, slk_wire_type_token_request,
    slk_wire_type_authorized, slk_wire_type_available, slk_wire_type_order, slk_wire_type_ordered,
    slk_wire_type_sector_request, slk_wire_type_status, slk_wire_type_renewed,
    slk_wire_type_call_back, slk_wire_type_called, slk_wire_type_nonce, slk_wire_type_nonce_known,
    slk_wire_type_commit1, slk_wire_type_complete, slk_wire_type_ticket, slk_wire_type_c1_url;

/* Appends message (the struct that belongs to type) as compact JSON, fields in Go's order. */
SLK_MUST_CHECK slk_err slk_wire_print(slk_buf *out, const slk_wire_type *type, const void *message);

/* Reads n bytes of JSON into *ret_message as Go does: unknown fields are ignored; in a request every
 * field, in an answer every optional one may be absent or null and then is empty, and null alone
 * is a message of empty fields. SLK_E_INVAL names the field: not an object, a required field
 * missing or null, a wrong type, an integer outside int64, bad base64, more bytes or numbers than there is room for.
 * SLK_E_NOMEM is no fault of the message. Texts longer than their room are cut: no token or CID of
 * that length is a good one. */
SLK_MUST_CHECK slk_err slk_wire_read(void *ret_message, const slk_wire_type *type, const void *text,
                                     size_t n, slk_error *error);

#endif
