/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fil/address.h"

#include "base/mem.h"
#include "base/num.h"
#include "codec/base32.h"
#include "codec/varint.h"
#include "crypto/blake2b/blake2b.h"

#include <stdio.h>
#include <string.h>

enum {
    PROTOCOL_ID = 0,
    PROTOCOL_SECP256K1 = 1,
    PROTOCOL_ACTOR = 2,
    PROTOCOL_BLS = 3,
    PROTOCOL_DELEGATED = 4,
};
#define CHECKSUM_BYTES 4u
#define SUB_ADDRESS_MAX_BYTES 54u

void slk_address_from_id(slk_address *ret_address, uint64_t id)
{
    *ret_address = (slk_address){0};
    ret_address->bytes[0] = PROTOCOL_ID;
    ret_address->len = (uint8_t)(1 + slk_varint_put(ret_address->bytes + 1, id));
}

void slk_address_from_bls_key(slk_address *ret_address, const uint8_t public_key48[48])
{
    *ret_address = (slk_address){.len = 49};
    ret_address->bytes[0] = PROTOCOL_BLS;
    memcpy(ret_address->bytes + 1, public_key48, 48);
}

bool slk_address_equal(const slk_address *a, const slk_address *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool slk_address_id(uint64_t *ret_id, const slk_address *address)
{
    if (address->len < 2 || address->bytes[0] != PROTOCOL_ID)
        return false;
    return slk_varint_get(ret_id, address->bytes + 1, address->len - 1u) == address->len - 1u;
}

static bool payload_ok(uint8_t protocol, const uint8_t *payload, size_t n)
{
    uint64_t v;
    size_t used;
    switch (protocol) {
    case PROTOCOL_ID:
        return n > 0 && slk_varint_get(&v, payload, n) == n && v <= INT64_MAX;
    case PROTOCOL_SECP256K1:
    case PROTOCOL_ACTOR:
        return n == 20;
    case PROTOCOL_BLS:
        return n == 48;
    case PROTOCOL_DELEGATED:
        used = slk_varint_get(&v, payload, n);
        return used > 0 && v <= INT64_MAX && n - used <= SUB_ADDRESS_MAX_BYTES;
    default:
        return false;
    }
}

slk_err slk_address_from_bytes(slk_address *ret_address, const uint8_t *in, size_t n,
                               slk_error *error)
{
    if (n < 2 || n > SLK_ADDRESS_MAX_BYTES || !payload_ok(in[0], in + 1, n - 1))
        return slk_fail(error, SLK_E_INVAL, "not an address (%zu bytes)", n);
    *ret_address = (slk_address){.len = (uint8_t)n};
    memcpy(ret_address->bytes, in, n);
    return SLK_OK;
}

static void checksum(uint8_t out4[CHECKSUM_BYTES], const slk_address *address)
{
    slk_blake2b_of(out4, CHECKSUM_BYTES, address->bytes, address->len);
}

/* payload ‖ checksum in base32, after `kept` bytes that are already in the address. */
static bool parse_tail(slk_address *address, size_t kept, const char *text)
{
    uint8_t tail[SLK_ADDRESS_MAX_BYTES + CHECKSUM_BYTES], sum[CHECKSUM_BYTES];
    size_t n = 0;
    if (slk_base32_decode(tail, sizeof tail, &n, text, strlen(text)) != SLK_OK ||
        n < CHECKSUM_BYTES || kept + n - CHECKSUM_BYTES > SLK_ADDRESS_MAX_BYTES)
        return false;
    memcpy(address->bytes + kept, tail, n - CHECKSUM_BYTES);
    address->len = (uint8_t)(kept + n - CHECKSUM_BYTES);
    if (!payload_ok(address->bytes[0], address->bytes + 1, address->len - 1u))
        return false;
    checksum(sum, address);
    return memcmp(sum, tail + n - CHECKSUM_BYTES, CHECKSUM_BYTES) == 0;
}

/* Decimal digits without leading zeros, below 2^63. */
static bool parse_decimal(uint64_t *ret, const char *text)
{
    uint64_t v = 0;
    if ((text[0] == '0' && text[1] != 0) || slk_parse_u64(&v, text) != SLK_OK || v > INT64_MAX)
        return false;
    *ret = v;
    return true;
}

/* "<namespace>f<base32>" */
static bool parse_delegated(slk_address *address, const char *text)
{
    char digits[20];
    uint64_t namespace;
    size_t n = strcspn(text, "f");
    if (text[n] != 'f' || n >= sizeof digits)
        return false;
    memcpy(digits, text, n);
    digits[n] = 0;
    if (!parse_decimal(&namespace, digits))
        return false;
    size_t used = slk_varint_put(address->bytes + 1, namespace);
    return parse_tail(address, 1 + used, text + n + 1);
}

slk_err slk_address_parse(slk_address *ret_address, const char *text, slk_error *error)
{
    slk_address address = {0};
    uint64_t id;
    bool ok = false;
    if (strcmp(text, "<empty>") == 0) {
        *ret_address = address;
        return SLK_OK;
    }
    if ((text[0] == 'f' || text[0] == 't') && text[1] >= '0' && text[1] <= '4') {
        address.bytes[0] = (uint8_t)(text[1] - '0');
        if (address.bytes[0] == PROTOCOL_ID) {
            ok = parse_decimal(&id, text + 2);
            if (ok)
                slk_address_from_id(&address, id);
        } else if (address.bytes[0] == PROTOCOL_DELEGATED) {
            ok = parse_delegated(&address, text + 2);
        } else {
            ok = parse_tail(&address, 1, text + 2);
        }
    }
    if (!ok)
        return slk_fail(error, SLK_E_INVAL, "\"%.100s\" is not a Filecoin address", text);
    *ret_address = address;
    return SLK_OK;
}

void slk_address_print(char out[SLK_ADDRESS_TEXT_CHARS], const slk_address *address, char network)
{
    uint8_t tail[SLK_ADDRESS_MAX_BYTES + CHECKSUM_BYTES];
    uint64_t v = 0;
    if (!slk_address_defined(address)) {
        snprintf(out, SLK_ADDRESS_TEXT_CHARS, "<empty>");
        return;
    }
    size_t skip = 1;
    int at = snprintf(out, SLK_ADDRESS_TEXT_CHARS, "%c%u", network, address->bytes[0]);
    if (address->bytes[0] == PROTOCOL_ID || address->bytes[0] == PROTOCOL_DELEGATED) {
        skip += slk_varint_get(&v, address->bytes + 1, address->len - 1u);
        at +=
            snprintf(out + at, SLK_ADDRESS_TEXT_CHARS - (size_t)at, "%llu", (unsigned long long)v);
    }
    if (address->bytes[0] == PROTOCOL_ID)
        return;
    if (address->bytes[0] == PROTOCOL_DELEGATED)
        out[at++] = 'f';
    memcpy(tail, address->bytes + skip, address->len - skip);
    checksum(tail + address->len - skip, address);
    slk_base32_encode(out + at, tail, address->len - skip + CHECKSUM_BYTES);
}

slk_err slk_address_put_cbor(slk_buf *out, const slk_address *address)
{
    return slk_cbor_put_bytes(out, address->bytes, address->len);
}

slk_err slk_address_get_cbor(slk_cbor *c, slk_address *ret_address, const char *what,
                             slk_error *error)
{
    slk_cbor next = *c;
    const uint8_t *bytes;
    size_t n;
    SLK_TRY(slk_cbor_get_bytes(&next, &bytes, &n, SLK_ADDRESS_MAX_BYTES, what, error));
    slk_err code = slk_address_from_bytes(ret_address, bytes, n, error);
    if (code != SLK_OK)
        return slk_fail_context(error, code, "CBOR %s at byte %zu", what, c->at);
    *c = next;
    return SLK_OK;
}

slk_err slk_miner_id_parse(uint64_t *ret_id, const char *text, slk_error *error)
{
    const char *digits = text;
    if ((text[0] == 'f' || text[0] == 't') && text[1] == '0')
        digits += 2;
    if (!parse_decimal(ret_id, digits))
        return slk_fail(error, SLK_E_INVAL, "\"%.40s\" is not a miner id like f01000", text);
    return SLK_OK;
}
