/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fil/commcid.h"

#include <string.h>

/* Modulus of the BLS12-381 scalar field, little-endian.
 * source: draft-irtf-cfrg-pairing-friendly-curves 4.2.1 */
static const uint8_t scalar_modulus[32] = {
    0x01, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xfe, 0x5b, 0xfe, 0xff, 0x02, 0xa4, 0xbd, 0x53,
    0x05, 0xd8, 0xa1, 0x09, 0x08, 0xd8, 0x39, 0x33, 0x48, 0x7d, 0x9d, 0x29, 0x53, 0xa7, 0xed, 0x73,
};

bool slk_comm_d_in_range(const uint8_t comm_d32[32])
{
    return (comm_d32[31] & 0xc0) == 0;
}

bool slk_comm_r_in_range(const uint8_t comm_r32[32])
{
    for (int i = 31; i >= 0; i--)
        if (comm_r32[i] != scalar_modulus[i])
            return comm_r32[i] < scalar_modulus[i];
    return false;
}

void slk_comm_d_cid(slk_cid *ret_cid, const uint8_t comm_d32[32])
{
    slk_assert(slk_comm_d_in_range(comm_d32));
    slk_cid_make(ret_cid, SLK_CODEC_COMMITMENT_UNSEALED, SLK_HASH_SHA2_256_TRUNC254, comm_d32, 32);
}

void slk_comm_r_cid(slk_cid *ret_cid, const uint8_t comm_r32[32])
{
    slk_assert(slk_comm_r_in_range(comm_r32));
    slk_cid_make(ret_cid, SLK_CODEC_COMMITMENT_SEALED, SLK_HASH_POSEIDON_FC1, comm_r32, 32);
}

static bool prefix_ok(const slk_cid *cid, uint64_t codec, uint64_t hash)
{
    if (!slk_cid_defined(cid))
        return false;
    slk_cid_parts parts = slk_cid_split(cid);
    return parts.codec == codec && parts.hash == hash && parts.digest_bytes == 32;
}

bool slk_comm_d_cid_prefix_ok(const slk_cid *cid)
{
    return prefix_ok(cid, SLK_CODEC_COMMITMENT_UNSEALED, SLK_HASH_SHA2_256_TRUNC254);
}

bool slk_comm_r_cid_prefix_ok(const slk_cid *cid)
{
    return prefix_ok(cid, SLK_CODEC_COMMITMENT_SEALED, SLK_HASH_POSEIDON_FC1);
}

slk_err slk_comm_d_from_cid(uint8_t out32[32], const slk_cid *cid, slk_error *error)
{
    char text[SLK_CID_TEXT_CHARS];
    slk_cid_print(text, cid);
    if (!slk_comm_d_cid_prefix_ok(cid))
        return slk_fail(error, SLK_E_INVAL, "\"%s\" is not the CID of an unsealed commitment",
                        text);
    const uint8_t *digest = slk_cid_split(cid).digest;
    if (!slk_comm_d_in_range(digest))
        return slk_fail(error, SLK_E_INVAL, "\"%s\" holds a commitment of more than 254 bits",
                        text);
    memcpy(out32, digest, 32);
    return SLK_OK;
}

slk_err slk_comm_r_from_cid(uint8_t out32[32], const slk_cid *cid, slk_error *error)
{
    char text[SLK_CID_TEXT_CHARS];
    slk_cid_print(text, cid);
    if (!slk_comm_r_cid_prefix_ok(cid))
        return slk_fail(error, SLK_E_INVAL, "\"%s\" is not the CID of a sealed commitment", text);
    const uint8_t *digest = slk_cid_split(cid).digest;
    if (!slk_comm_r_in_range(digest))
        return slk_fail(error, SLK_E_INVAL, "\"%s\" holds a number outside the scalar field", text);
    memcpy(out32, digest, 32);
    return SLK_OK;
}
