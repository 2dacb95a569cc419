/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Fr32: data with two zero bits after every 254, so that 32 bytes are always a field element.
 *
 * "Raw" bytes are the customer's, "padded" bytes what a sector holds; 127 raw bytes (a block) give
 * 128 padded ones (four elements). source: reference/proofs 1.2. */
#ifndef SLK_PROOFS_FR32_H
#define SLK_PROOFS_FR32_H

#include <stddef.h>
#include <stdint.h>

#define SLK_FR32_RAW_BLOCK 127u
#define SLK_FR32_PADDED_BLOCK 128u

/* The official sizes in whole bytes (a short tail counts its bits only). Arguments up to 2^56. For
 * p = 2^k >= 128: unpadded(p) = p / 128 * 127 and padded is its inverse. */
uint64_t slk_fr32_padded_bytes(uint64_t raw_bytes);
uint64_t slk_fr32_raw_bytes(uint64_t padded_bytes);

/* Bytes slk_fr32_pad writes for n raw bytes: whole elements, ceil(8n / 254) of them. */
size_t slk_fr32_pad_out_bytes(size_t n);

/* Pads n raw bytes into slk_fr32_pad_out_bytes(n) bytes; the missing bits of the last element are 0.
 * Outputs of consecutive calls join up if n is a multiple of 127. No overlap of in and out. */
void slk_fr32_pad(uint8_t *out, const uint8_t *in, size_t n);

/* Raw bytes of padded ones: n_raw bytes into out, reading slk_fr32_pad_out_bytes(n_raw) bytes of in
 * and ignoring the two top bits of each element. No overlap. */
void slk_fr32_unpad(uint8_t *out, size_t n_raw, const uint8_t *in);

#endif
