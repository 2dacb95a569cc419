/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Addresses: f0 (ID), f1 (secp256k1), f2 (actor), f3 (BLS key), f4 (delegated).
 * source: reference/chain 1.4 */
#ifndef SLK_FIL_ADDRESS_H
#define SLK_FIL_ADDRESS_H

#include "base/err.h"
#include "codec/cbor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_ADDRESS_MAX_BYTES 65u /* protocol, 10 of namespace, 54 of sub-address */
#define SLK_ADDRESS_TEXT_CHARS 128u

/* Protocol byte and payload, as in CBOR. len 0: undefined. Copyable. */
typedef struct slk_address {
    uint8_t len;
    uint8_t bytes[SLK_ADDRESS_MAX_BYTES];
} slk_address;

void slk_address_from_id(slk_address *ret_address, uint64_t id);
void slk_address_from_bls_key(slk_address *ret_address, const uint8_t public_key48[48]);
bool slk_address_equal(const slk_address *a, const slk_address *b);
static inline bool slk_address_defined(const slk_address *address)
{
    return address->len != 0;
}
/* True and *ret_id when it is an ID address. */
bool slk_address_id(uint64_t *ret_id, const slk_address *address);

/* Protocol byte and payload, lengths checked. SLK_E_INVAL otherwise. */
SLK_MUST_CHECK slk_err slk_address_from_bytes(slk_address *ret_address, const uint8_t *in, size_t n,
                                              slk_error *error);
/* Text with either network letter; the checksum must hold. "<empty>" gives the undefined one. */
SLK_MUST_CHECK slk_err slk_address_parse(slk_address *ret_address, const char *text,
                                         slk_error *error);
/* network is 'f' or 't'. */
void slk_address_print(char out[SLK_ADDRESS_TEXT_CHARS], const slk_address *address, char network);

SLK_MUST_CHECK slk_err slk_address_put_cbor(slk_buf *out, const slk_address *address);
SLK_MUST_CHECK slk_err slk_address_get_cbor(slk_cbor *c, slk_address *ret_address, const char *what,
                                            slk_error *error);

/* Miner ids as people write them: "f01000", "t01000" or "1000"; below 2^63. */
SLK_MUST_CHECK slk_err slk_miner_id_parse(uint64_t *ret_id, const char *text, slk_error *error);

#endif
