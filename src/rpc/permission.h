/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who may call what: independent words, not an order. source: reference/lotus-worker 2 */
#ifndef SLK_RPC_PERMISSION_H
#define SLK_RPC_PERMISSION_H

#include "net/jwt.h"

/* Bits of a set. Ours: WORKER, what a worker needs of its node, and no more; FETCH, the files of a
 * worker, in a token that its node gave another worker. */
enum {
    SLK_RPC_READ = 1,
    SLK_RPC_WRITE = 2,
    SLK_RPC_SIGN = 4,
    SLK_RPC_ADMIN = 8,
    SLK_RPC_WORKER = 16,
    SLK_RPC_FETCH = 32,
    SLK_RPC_ALL = 63,
};

/* "read" … "fetch"; 0 for a word that is not known, which is harmless in a token. */
unsigned slk_rpc_permission_of(const char *word);
/* The word of the lowest bit that is set, "" of none. Static text. */
const char *slk_rpc_permission_word(unsigned permissions);

/* Lotus gives its four as levels: that of read, write, sign or admin and those below it; else 0. */
unsigned slk_rpc_permissions_of_level(unsigned level);

/* The set that a token allows, and the claims for a set. */
unsigned slk_rpc_permissions_of_claims(const slk_jwt_claims *claims);
void slk_rpc_permissions_to_claims(slk_jwt_claims *claims, unsigned permissions);

#endif
