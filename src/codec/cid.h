/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Content identifiers, version 1, as plain values.
 *
 * Text is multibase `b` (lower-case base32). Version 0 ("Qm…") is not part of Filecoin's chain and
 * is refused. */
#ifndef SLK_CODEC_CID_H
#define SLK_CODEC_CID_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_CID_MAX_BYTES 80u /* digests up to 64 bytes with long codes */
#define SLK_CID_DIGEST_MAX_BYTES 64u
#define SLK_CID_TEXT_CHARS 130u /* 'b' + base32 of 80 bytes + NUL */

/* source: multiformats/multicodec table.csv */
#define SLK_CODEC_RAW 0x55u
#define SLK_CODEC_DAG_CBOR 0x71u
#define SLK_CODEC_COMMITMENT_UNSEALED 0xf101u
#define SLK_CODEC_COMMITMENT_SEALED 0xf102u
#define SLK_HASH_IDENTITY 0x00u
#define SLK_HASH_SHA2_256 0x12u
#define SLK_HASH_SHA2_256_TRUNC254 0x1012u
#define SLK_HASH_BLAKE2B_256 0xb220u
#define SLK_HASH_POSEIDON_FC1 0xb401u

/* len 0: undefined. Copyable; compare with slk_cid_equal. */
typedef struct slk_cid {
    uint8_t len;
    uint8_t bytes[SLK_CID_MAX_BYTES];
} slk_cid;

/* What the prefix says; digest points into the CID. */
typedef struct slk_cid_parts {
    uint64_t codec;
    uint64_t hash;
    const uint8_t *digest;
    size_t digest_bytes;
} slk_cid_parts;

static inline bool slk_cid_defined(const slk_cid *cid)
{
    return cid->len != 0;
}
bool slk_cid_equal(const slk_cid *a, const slk_cid *b);

/* From parts; digest_bytes <= SLK_CID_DIGEST_MAX_BYTES, asserted. */
void slk_cid_make(slk_cid *ret_cid, uint64_t codec, uint64_t hash, const uint8_t *digest,
                  size_t digest_bytes);

/* Exactly the n bytes: version 1, shortest varints, digest of the length it says and at most
 * SLK_CID_DIGEST_MAX_BYTES. SLK_E_INVAL otherwise. */
SLK_MUST_CHECK slk_err slk_cid_from_bytes(slk_cid *ret_cid, const uint8_t *in, size_t n,
                                          slk_error *error);

/* Whole text "bafy…". SLK_E_INVAL otherwise. */
SLK_MUST_CHECK slk_err slk_cid_parse(slk_cid *ret_cid, const char *text, slk_error *error);

/* Text into out; "" for undefined. */
void slk_cid_print(char out[SLK_CID_TEXT_CHARS], const slk_cid *cid);

/* Splits a defined CID (asserted). */
slk_cid_parts slk_cid_split(const slk_cid *cid);

#endif
