/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Everything random on this chain follows from its seed. source: reference/chain 4.2 */
#include "devnet/devnet_impl.h"

#include "base/bytes.h"
#include "crypto/blake2b/blake2b.h"

#include <blst.h>
#include <stdio.h>
#include <string.h>

/* source: filecoin-project/filecoin-ffi; IETF BLS signature suite without message augmentation */
static const char bls_dst[] = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_";

void slk_dev_expand(const slk_devnet *devnet, const char *label, int64_t epoch, uint8_t *out,
                    size_t n)
{
    uint8_t number[8], block[32];
    slk_store_be64(number, (uint64_t)epoch);
    for (uint8_t counter = 0; n > 0; counter++) {
        slk_blake2b hash;
        slk_blake2b_init(&hash, 32, NULL, 0);
        slk_blake2b_update(&hash, label, strlen(label));
        slk_blake2b_update(&hash, devnet->options.seed, 32);
        slk_blake2b_update(&hash, number, 8);
        slk_blake2b_update(&hash, &counter, 1);
        slk_blake2b_final(&hash, block);
        size_t take = n < 32 ? n : 32;
        memcpy(out, block, take);
        out += take;
        n -= take;
    }
}

void slk_dev_key_derive(const slk_devnet *devnet, uint64_t index, uint8_t secret32[32],
                        slk_address *ret_address)
{
    uint8_t material[32], public_key[48];
    blst_scalar secret;
    blst_p1 point;
    slk_dev_expand(devnet, "key", (int64_t)index, material, sizeof material);
    blst_keygen(&secret, material, sizeof material, NULL, 0);
    blst_sk_to_pk_in_g1(&point, &secret);
    blst_p1_compress(public_key, &point);
    blst_lendian_from_scalar(secret32, &secret);
    slk_address_from_bls_key(ret_address, public_key);
    slk_bytes_wipe(&secret, sizeof secret);
}

void slk_dev_key_sign(const uint8_t secret32[32], const uint8_t *in, size_t n,
                      uint8_t signature96[96])
{
    blst_scalar secret;
    blst_p2 hash, signature;
    blst_scalar_from_lendian(&secret, secret32);
    blst_hash_to_g2(&hash, in, n, (const byte *)bls_dst, sizeof bls_dst - 1, NULL, 0);
    blst_sign_pk_in_g1(&signature, &hash, &secret);
    blst_p2_compress(signature96, &signature);
    slk_bytes_wipe(&secret, sizeof secret);
}

bool slk_dev_key_verify(const slk_signed_message *message)
{
    const slk_address *from = &message->message.from;
    blst_p1_affine key;
    blst_p2_affine signature;
    slk_cid cid;
    if (message->signature_type != SLK_SIGNATURE_BLS || message->signature_bytes != 96 ||
        from->len != 49 || from->bytes[0] != 3)
        return false;
    if (slk_message_cid(&cid, &message->message) != SLK_OK ||
        blst_p1_uncompress(&key, from->bytes + 1) != BLST_SUCCESS || !blst_p1_affine_in_g1(&key) ||
        blst_p1_affine_is_inf(&key) ||
        blst_p2_uncompress(&signature, message->signature) != BLST_SUCCESS ||
        !blst_p2_affine_in_g2(&signature))
        return false;
    return blst_core_verify_pk_in_g1(&key, &signature, true, cid.bytes, cid.len,
                                     (const byte *)bls_dst, sizeof bls_dst - 1, NULL,
                                     0) == BLST_SUCCESS;
}
