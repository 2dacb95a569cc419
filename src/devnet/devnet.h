/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A small Filecoin chain in one process: one block per epoch, Lotus's JSON-RPC, the miner actor's
 * checks in the actor's order, and proofs verified through an interface it is given.
 * source: reference/chain 1.6, 3, 4
 *
 * The folder holds the whole chain as an append-only log. A record is on disk before its effect is
 * visible, so a killed devnet resumes the same chain. */
#ifndef SLK_DEVNET_DEVNET_H
#define SLK_DEVNET_DEVNET_H

#include "base/buf.h"
#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_devnet slk_devnet;

/* One interactive proof as the chain sees it. */
typedef struct slk_devnet_seal {
    int64_t seal_proof; /* registered number */
    uint64_t miner_id;
    uint64_t sector_number;
    uint8_t comm_r32[32];
    uint8_t comm_d32[32];
    uint8_t ticket32[32];
    uint8_t seed32[32];
    const uint8_t *proof;
    size_t proof_bytes;
} slk_devnet_seal;

typedef struct slk_devnet_piece {
    uint64_t size_bytes; /* padded */
    uint8_t comm_p32[32];
} slk_devnet_piece;

/* What the chain cannot know itself; functions are called under the devnet's lock, one at a time.
 * Both are required. */
typedef struct slk_devnet_verifier {
    void *context;
    /* Any failure to check counts as an invalid proof. */
    slk_err (*verify_seal)(void *context, bool *ret_valid, const slk_devnet_seal *seal,
                           slk_error *error);
    /* CommD of a sector from its pieces in order, zero pieces put between them as the actor does;
     * n_pieces 0: the zero CommD of the size. SLK_E_INVAL when they do not fit. */
    slk_err (*comm_d)(void *context, uint8_t out32[32], int64_t seal_proof,
                      const slk_devnet_piece *pieces, size_t n_pieces, slk_error *error);
} slk_devnet_verifier;

typedef enum slk_devnet_clock {
    SLK_DEVNET_REALTIME, /* one epoch every block_delay_ms, driven by slk_devnet_run */
    SLK_DEVNET_MANUAL, /* only Devnet.Advance moves it */
    SLK_DEVNET_ON_MESSAGE, /* as manual, and one epoch right after each accepted message */
} slk_devnet_clock;

/* {0} with folder set gives sensible defaults. Only the first four matter when the folder already
 * holds a chain; the others are its genesis and must then agree or be zero. */
typedef struct slk_devnet_options {
    const char *folder; /* made if absent; one process at a time */
    slk_devnet_clock clock;
    int64_t block_delay_ms; /* 0: 1000; at least 50 */
    bool no_auth; /* accept every call as admin */
    uint8_t seed[32];
    int64_t genesis_time; /* seconds since 1970; 0: now (realtime) or 1700000000 */
    int64_t challenge_delay; /* D; 0: 10 */
    int64_t initial_height; /* empty epochs at birth; 0: none */
    uint64_t sector_bytes; /* of miner f01000; 0: 2 KiB */
    const char *network_name; /* NULL: "localnet-selkie" */
} slk_devnet_options;

SLK_MUST_CHECK slk_err slk_devnet_open(slk_devnet **ret_devnet, const slk_devnet_options *options,
                                       const slk_devnet_verifier *verifier, slk_error *error);
void slk_devnet_close(slk_devnet *devnet); /* NULL allowed; slk_devnet_run must have returned */

/* An HTTP exchange, independent of any server. */
typedef struct slk_devnet_request {
    const char *method; /* "POST", "GET" */
    const char *path; /* without the query */
    const char *query_token; /* value of ?token=, or NULL */
    const char *authorization; /* header value, or NULL */
    const void *body;
    size_t body_bytes;
} slk_devnet_request;

#define SLK_DEVNET_BODY_MAX (16u << 20)

/* Answers one request: *ret_status and the body appended to ret_body (JSON unless empty). Any
 * thread. Fails only for lack of memory or when the log cannot be written. */
SLK_MUST_CHECK slk_err slk_devnet_handle(slk_devnet *devnet, int *ret_status, slk_buf *ret_body,
                                         const slk_devnet_request *request, slk_error *error);

/* Makes epochs until *stop becomes true (looked at every 50 ms at least); returns at once for the
 * other clocks when stop is set. */
SLK_MUST_CHECK slk_err slk_devnet_run(slk_devnet *devnet, const atomic_bool *stop,
                                      slk_error *error);

/* Makes n epochs now; null_rounds: without blocks. */
SLK_MUST_CHECK slk_err slk_devnet_advance(slk_devnet *devnet, uint64_t n, bool null_rounds,
                                          slk_error *error);
int64_t slk_devnet_height(slk_devnet *devnet);

/* Bearer token with admin permission, stable for the life of the chain; out >= 200 chars. */
void slk_devnet_admin_token(slk_devnet *devnet, char *out, size_t n);
/* "TOKEN:/ip4/127.0.0.1/tcp/PORT/http" for FULLNODE_API_INFO; perms "read", "write", "sign" or
 * "admin". out >= 300 chars. */
SLK_MUST_CHECK slk_err slk_devnet_api_info(slk_devnet *devnet, char *out, size_t n,
                                           const char *host, unsigned port, const char *perm,
                                           slk_error *error);

#endif
