/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Chain messages: CBOR, CIDs, JSON. source: reference/chain 1.4, 1.5, 3.2 */
#ifndef SLK_FIL_MESSAGE_H
#define SLK_FIL_MESSAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/bigint.h"
#include "codec/cid.h"
#include "codec/json.h"
#include "fil/address.h"

#include <stddef.h>
#include <stdint.h>

#define SLK_METHOD_SEND 0u
#define SLK_METHOD_PRE_COMMIT_SECTOR_BATCH2 28u
#define SLK_METHOD_PROVE_COMMIT_SECTORS3 34u

#define SLK_MESSAGE_PARAMS_MAX (1u << 20) /* a bound for readers; the pool takes 64 KiB */

#define SLK_SIGNATURE_SECP256K1 1u
#define SLK_SIGNATURE_BLS 2u
#define SLK_SIGNATURE_MAX_BYTES 96u

/* params is owned: slk_message_done. {0} is an empty message. */
typedef struct slk_message {
    slk_address to;
    slk_address from;
    uint64_t nonce;
    slk_bigint value;
    int64_t gas_limit;
    slk_bigint gas_fee_cap;
    slk_bigint gas_premium;
    uint64_t method;
    uint8_t *params;
    size_t params_bytes;
} slk_message;

typedef struct slk_signed_message {
    slk_message message;
    uint8_t signature_type;
    uint8_t signature_bytes;
    uint8_t signature[SLK_SIGNATURE_MAX_BYTES];
} slk_signed_message;

void slk_message_done(slk_message *message); /* idempotent, leaves {0} */
void slk_signed_message_done(slk_signed_message *message);
SLK_MUST_CHECK slk_err slk_message_copy(slk_message *ret_copy, const slk_message *message);
/* Replaces params by a copy of n bytes. */
SLK_MUST_CHECK slk_err slk_message_set_params(slk_message *message, const uint8_t *params,
                                              size_t n);

/* CIDv1 dag-cbor blake2b-256 of bytes. */
void slk_cid_of_cbor(slk_cid *ret_cid, const uint8_t *cbor, size_t n);

SLK_MUST_CHECK slk_err slk_message_to_cbor(slk_buf *out, const slk_message *message);
SLK_MUST_CHECK slk_err slk_message_from_cbor(slk_message *ret_message, const uint8_t *in, size_t n,
                                             slk_error *error);
SLK_MUST_CHECK slk_err slk_message_cid(slk_cid *ret_cid, const slk_message *message);

SLK_MUST_CHECK slk_err slk_signed_message_to_cbor(slk_buf *out, const slk_signed_message *message);
SLK_MUST_CHECK slk_err slk_signed_message_from_cbor(slk_signed_message *ret_message,
                                                    const uint8_t *in, size_t n, slk_error *error);
/* The message's own CID for BLS, that of the signed CBOR for other signatures. */
SLK_MUST_CHECK slk_err slk_signed_message_cid(slk_cid *ret_cid, const slk_signed_message *message);

/* JSON with the Go field names and true "CID"s; network as for slk_address_print. ret: new
 * reference. */
SLK_MUST_CHECK slk_err slk_message_to_json(json_t **ret, const slk_message *message, char network);
SLK_MUST_CHECK slk_err slk_message_from_json(slk_message *ret_message, const json_t *value,
                                             slk_error *error);
SLK_MUST_CHECK slk_err slk_signed_message_to_json(json_t **ret, const slk_signed_message *message,
                                                  char network);
SLK_MUST_CHECK slk_err slk_signed_message_from_json(slk_signed_message *ret_message,
                                                    const json_t *value, slk_error *error);

#endif
