/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For the tests of this folder: a devnet in a scratch folder with a stub verifier, and a chain
 * client wired straight to it. The stub's proof of sector s is valid when it is 192 bytes of
 * (uint8_t)(s + 1) and CommD of pieces is the piece's own commitment. */
#ifndef SLK_DEVNET_TESTNET_TEST_H
#define SLK_DEVNET_TESTNET_TEST_H

#include "chain/chain.h"
#include "devnet/devnet.h"

typedef struct testnet {
    char folder[64];
    slk_devnet_options options;
    slk_devnet *devnet;
    slk_chain *chain;
    const char *token_override; /* sent instead of the client's own when not NULL */
    unsigned seals_checked;
    slk_devnet_seal last_seal; /* proof pointer not valid */
    int64_t lose_answers; /* transport failures after the call took effect */
} testnet;

void testnet_open(testnet *net, const slk_devnet_options *options);
void testnet_reopen(testnet *net); /* as after a kill: nothing is flushed beyond what was written */
void testnet_close(testnet *net);

/* Raw HTTP body in and out. */
int testnet_post(testnet *net, slk_buf *ret_body, const char *authorization, const char *body);
/* Devnet.<method>(params as JSON text). Asserts success; returns the number it answers, if any. */
int64_t testnet_control(testnet *net, const char *method, const char *params);

#endif
