/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ChaCha keystreams: 8 rounds with a 64-bit counter (graph), 20 rounds with a 32-bit counter and a
 * 12-byte nonce (RFC 8439, synthetic challenges). */
#ifndef SLK_CRYPTO_CHACHA_H
#define SLK_CRYPTO_CHACHA_H

#include <stddef.h>
#include <stdint.h>

/* First n bytes of the ChaCha8 keystream, 64-bit counter from 0, 64-bit nonce 0. */
void slk_chacha8_stream(uint8_t *out, size_t n, const uint8_t key32[32]);

/* n bytes of the ChaCha20 keystream from byte offset (offset + n <= 2^38). */
void slk_chacha20_stream(uint8_t *out, size_t n, uint64_t offset, const uint8_t key32[32],
                         const uint8_t nonce12[12]);

#endif
