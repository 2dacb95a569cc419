/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the heart needs from outside, and is given: a prover, a chain, the peers, a keeper of secrets.
 *
 * seal/ knows what must happen to a sector and when; how a replica is made, how a message reaches
 * the chain and how a peer is called is behind these four structs of functions. app/ fills them in
 * (proofs, chain, remote), tests fill them with stubs. Every function gets its struct's ctx first,
 * may be called from several threads at once, may block (the caller is a worker thread, never the
 * one that keeps leases alive), watches job where there is one (SLK_E_CANCELED), and leaves its
 * outputs untouched on failure. error is never NULL here.
 *
 * The code of a failure decides what happens to the sector (slk_seal_verdict_of):
 *   wait       UNREACHABLE TIMEOUT BUSY AUTH NOSPACE NOMEM LIMIT CANCELED
 *              not the sector's fault: tried again with growing distance, for ever, state unchanged
 *   retry      IO CORRUPT CONFLICT NOTFOUND EXISTS INTERNAL INVAL PROTO
 *              tried again a bounded number of times, then the sector is failed. INVAL and PROTO are
 *              here because a node or a proxy in trouble answers anything; that a peer lies, or
 *              that a thing can never succeed, the steps find out themselves and say so
 *   permanent  UNSUPPORTED
 *              failed at once: repeating it cannot help
 */
#ifndef SLK_SEAL_OPS_H
#define SLK_SEAL_OPS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/gate.h"
#include "base/job.h"
#include "codec/bitfield.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum slk_seal_verdict {
    SLK_SEAL_WAIT,
    SLK_SEAL_RETRY,
    SLK_SEAL_PERMANENT,
} slk_seal_verdict;

/* code must not be SLK_OK. */
slk_seal_verdict slk_seal_verdict_of(slk_err code);

/* Which sector, sealed as what. The pair (sp_id, number) is the key everywhere. */
typedef struct slk_seal_sector {
    uint64_t sp_id; /* miner actor id: 1000 for f01000 */
    uint64_t number;
    int64_t seal_proof; /* registered seal proof, 0..14 */
} slk_seal_sector;

/* Where the sector's files are. Both absolute. The folder of sealed exists; cache is a folder. */
typedef struct slk_seal_paths {
    const char *sealed; /* .../sealed/s-t01000-7 */
    const char *cache; /* .../cache/s-t01000-7 */
} slk_seal_paths;

/* What a finished replica is. */
typedef struct slk_seal_commitments {
    uint8_t comm_d[32];
    uint8_t comm_r[32];
} slk_seal_commitments;

/* Longest wire form of one sector's proof: 10 partitions. source: reference/chain 2 */
#define SLK_SEAL_PROOF_MAX_BYTES 1920u
/* Longest sentence a peer may give as a reason; longer ones are cut. */
#define SLK_SEAL_REASON_CHARS 256u
/* In the client's cache folder from fetch to release: where C1 is to be had, token included (0600).
 * source: reference/remote-seal-wire, client behaviour */
#define SLK_SEAL_C1_URL_FILE "c1.url"
/* Behind the sealed file's name while it is being fetched. */
#define SLK_SEAL_ARRIVING ".tmp"

/* One sector of several that are labelled together. Borrowed for the call. */
typedef struct slk_seal_lane {
    const slk_seal_sector *sector;
    const uint8_t *ticket; /* 32 bytes */
    slk_seal_paths paths;
    slk_job *job;
} slk_seal_lane;
typedef void slk_seal_lane_ended(void *context, size_t index, slk_err code, const slk_error *error);

/* The proofs. Sectors are committed capacity: their data is all zero, so nothing comes in. */
typedef struct slk_seal_prover {
    void *ctx;

    /* Size of the sector in bytes; SLK_E_UNSUPPORTED for a proof this prover cannot do. Cheap. */
    slk_err (*sector_bytes)(void *ctx, uint64_t *ret_bytes, int64_t seal_proof, slk_error *error);
    /* CommD of an all-zero sector. Cheap. */
    slk_err (*zero_comm_d)(void *ctx, uint8_t out32[32], int64_t seal_proof, slk_error *error);

    /* Labels the sector (PC1): fills cache with layers, writes the data (zeros) to sealed.
     * Reuses what a killed run left there and checks out, replaces the rest. Stages of job:
     * "tree-d", "layer N". */
    slk_err (*pc1)(void *ctx, const slk_seal_sector *sector, const uint8_t ticket[32],
                   const slk_seal_paths *paths, slk_job *job, slk_error *error);
    /* Trees and replica (PC2). Same rule for leftovers; SLK_E_CORRUPT when the layers are not what
     * pc1 leaves: the caller starts again with pc1. Stage "trees". */
    slk_err (*pc2)(void *ctx, slk_seal_commitments *ret, const slk_seal_sector *sector,
                   const slk_seal_paths *paths, slk_job *job, slk_error *error);
    /* Writes the official C1 JSON for that seed to out_path (created or truncated; not fsynced). */
    slk_err (*c1)(void *ctx, const slk_seal_sector *sector, const slk_seal_commitments *comm,
                  const uint8_t ticket[32], const uint8_t seed[32], const slk_seal_paths *paths,
                  const char *out_path, slk_job *job, slk_error *error);
    /* Drops layers, tree-c and tree-d; C1 cannot be made any more. Repeating it is fine. */
    slk_err (*finalise)(void *ctx, const slk_seal_sector *sector, const slk_seal_paths *paths,
                        slk_job *job, slk_error *error);

    /* Is this replica what it is said to be: right size, tree-r-last rebuilt from it equals the
     * one in cache, p_aux agrees, CommR follows, and its first node is that of this sector and
     * ticket? *ret_valid is the answer; when false, why (at least SLK_SEAL_REASON_CHARS) says what
     * differs. An error means it could not be looked at.
     * arriving (NULL: the file is whole): bytes of `<sealed>` SLK_SEAL_ARRIVING that can be read;
     * the check waits for more of them, SLK_E_CANCELED when no more come. */
    slk_err (*check_replica)(void *ctx, bool *ret_valid, char *why, const slk_seal_sector *sector,
                             const slk_seal_commitments *comm, const uint8_t ticket[32],
                             const slk_seal_paths *paths, slk_gate *arriving, slk_job *job,
                             slk_error *error);
    /* Is this C1 file a valid vanilla proof of exactly this sector, ticket, seed, CommD, CommR?
     * Malformed bytes are an answer (false, why), not an error. */
    slk_err (*verify_c1)(void *ctx, bool *ret_valid, char *why, const slk_seal_sector *sector,
                         const slk_seal_commitments *comm, const uint8_t ticket[32],
                         const uint8_t seed[32], const char *c1_path, slk_job *job,
                         slk_error *error);
    /* The SNARK over a C1 file: appends the chain's bytes to proof (created with at least
     * SLK_SEAL_PROOF_MAX_BYTES). */
    slk_err (*c2)(void *ctx, slk_buf *proof, const slk_seal_sector *sector, const char *c1_path,
                  slk_job *job, slk_error *error);
    /* What the chain will say about the proof. */
    slk_err (*verify_proof)(void *ctx, bool *ret_valid, const slk_seal_sector *sector,
                            const slk_seal_commitments *comm, const uint8_t ticket[32],
                            const uint8_t seed[32], const uint8_t *proof, size_t proof_bytes,
                            slk_error *error);

    /* pc1 of many sectors of one seal proof at once; what each is given is exactly what pc1 gives.
     * One that fails or whose job is canceled leaves the others alone. Calls ended once for each, one
     * at a time, from any thread; returns after the last. NULL: this prover has none. */
    void (*pc1_batch)(void *ctx, const slk_seal_lane *lanes, size_t n, slk_seal_lane_ended *ended,
                      void *context);
    /* How many of these tasks may usefully be under way now, those that are included: C2 (snark), or all
     * others. Tasks are not claimed beyond it, so that other nodes may. Asked again when something
     * ended, and after slk_seal_room_changed. Cheap; called with a lock held. NULL: as many as there
     * are workers for. */
    unsigned (*room)(void *ctx, bool snark);
    /* How many more sectors could begin to be labelled now if pc1_batch had them. As cheap; NULL: any
     * number. */
    unsigned (*batch_room)(void *ctx);
} slk_seal_prover;

/* Room for an amount in attoFIL: 78 digits and a NUL. */
#define SLK_SEAL_ATTO_CHARS 80u

/* One pre-commit as the chain keeps it. */
typedef struct slk_seal_precommit_info {
    bool found;
    int64_t seal_proof;
    uint8_t comm_r[32];
    int64_t ticket_epoch; /* SealRandEpoch */
    int64_t precommit_epoch; /* P */
    int64_t expiration;
    char deposit[SLK_SEAL_ATTO_CHARS]; /* attoFIL, decimal */
} slk_seal_precommit_info;

typedef struct slk_seal_sector_info {
    bool found;
    uint8_t comm_r[32];
    int64_t activation;
    int64_t expiration;
    char pledge[SLK_SEAL_ATTO_CHARS];
} slk_seal_sector_info;

#define SLK_SEAL_NETWORK_CHARS 64u

/* Constants of the network, read from it or compiled in. */
typedef struct slk_seal_network {
    char name[SLK_SEAL_NETWORK_CHARS]; /* "mainnet" */
    int64_t ticket_lookback_epochs; /* SealRandomnessLookback, 900 */
    int64_t ticket_max_age_epochs; /* MaxPreCommitRandomnessLookback, 3780 */
    int64_t challenge_delay_epochs; /* D */
    int64_t max_prove_commit_epochs; /* MPCD of the V1_1 and synthetic types */
    int64_t min_expiration_epochs; /* MinSectorExpiration, 518400 */
    int64_t max_extension_epochs; /* MaxSectorExpirationExtension, 3680640 */
    int64_t epoch_ms; /* block delay */
} slk_seal_network;

/* Longest SignedMessage as JSON: 60 KiB of parameters in base64, and the rest. */
#define SLK_SEAL_SIGNED_MAX_BYTES (256u * 1024u)

/* A message that was handed to the mempool. The strings are heap, slk_seal_sent_done frees. */
typedef struct slk_seal_sent {
    char *message_cid; /* "bafy2bz..." */
    char *signed_json; /* the whole SignedMessage as JSON, to push it again */
    char value[SLK_SEAL_ATTO_CHARS]; /* attoFIL that it carries */
    char max_fee[SLK_SEAL_ATTO_CHARS]; /* the most its gas can cost */
} slk_seal_sent;
void slk_seal_sent_done(slk_seal_sent *sent); /* idempotent */

typedef enum slk_seal_landing_kind {
    SLK_SEAL_PENDING, /* not executed yet, or not deep enough */
    SLK_SEAL_LANDED, /* executed, exit_code and ret_bytes are set */
    SLK_SEAL_UNKNOWN, /* the node never saw it: push it again */
    SLK_SEAL_REPLACED, /* another message took its nonce: it will never land */
} slk_seal_landing_kind;

/* Longest BatchReturn of a message of ours: every sector of the largest batch has failed. */
#define SLK_SEAL_RETURN_MAX_BYTES 4096u

/* What became of a message. */
typedef struct slk_seal_landing {
    slk_seal_landing_kind kind;
    int64_t exit_code;
    int64_t height; /* of the tipset that executed it */
    int64_t gas_used;
    uint8_t return_value[SLK_SEAL_RETURN_MAX_BYTES];
    size_t return_bytes; /* 0 when empty or longer than the array */
} slk_seal_landing;

typedef enum slk_seal_message_kind {
    SLK_SEAL_PRECOMMIT, /* PreCommitSectorBatch2 */
    SLK_SEAL_COMMIT, /* ProveCommitSectors3 */
    SLK_SEAL_MESSAGE_KINDS,
} slk_seal_message_kind;

/* "precommit", "commit"; never NULL. */
const char *slk_seal_message_kind_name(slk_seal_message_kind kind);

/* Room for the name of a chain node: its address without the token. */
#define SLK_SEAL_NODE_CHARS 128u

/* A message to a miner about one or more of its sectors. Everything is borrowed. */
typedef struct slk_seal_message {
    slk_seal_message_kind kind;
    uint64_t sp_id;
    size_t sectors; /* that it is about: gas is capped for each */
    const uint8_t *params; /* of the method, CBOR */
    size_t params_bytes;
    const char *value; /* attoFIL to carry; "" before it is known */
    const char *uuid; /* RFC 4122 text; on one node the same uuid never makes two messages */
    const char *node; /* the only one to push it to */
} slk_seal_message;

/* The money of a miner, attoFIL in decimal: what a scheduler looks at before it orders. */
typedef struct slk_seal_funds {
    char available[SLK_SEAL_ATTO_CHARS]; /* free in the miner actor */
    char deposit_per_sector[SLK_SEAL_ATTO_CHARS]; /* of a pre-commit now, without data */
    char pledge_per_sector[SLK_SEAL_ATTO_CHARS]; /* of a commit now, without data */
    char
        sender_balance[SLK_SEAL_ATTO_CHARS]; /* the richest address that can send for the miner; "0"
                                               * when none can */
} slk_seal_funds;

/* The client's own node of the chain (the provider may have one for tickets only).
 * Queries see the state of the current head. "chain down" is SLK_E_UNREACHABLE or SLK_E_TIMEOUT. */
typedef struct slk_seal_chain {
    void *ctx;

    slk_err (*network)(void *ctx, slk_seal_network *ret,
                       slk_error *error); /* cached by the adapter */
    /* SLK_E_UNREACHABLE also when the node is not in sync. */
    slk_err (*head)(void *ctx, int64_t *ret_epoch, slk_error *error);
    /* Seal randomness of that miner from the tickets at epoch (may be negative). */
    slk_err (*ticket)(void *ctx, uint8_t out32[32], uint64_t sp_id, int64_t epoch,
                      slk_error *error);
    /* Interactive randomness from the beacon at epoch; SLK_E_BUSY while it is in the future. */
    slk_err (*seed)(void *ctx, uint8_t out32[32], uint64_t sp_id, int64_t epoch, slk_error *error);

    /* Numbers the miner can never use again, into *ret_set (caller's slk_bitfield_done).
     * SLK_E_NOTFOUND: no such miner. */
    slk_err (*allocated)(void *ctx, slk_bitfield *ret_set, uint64_t sp_id, slk_error *error);
    /* SLK_E_INVAL when the miner does not exist or cannot have sectors of that proof. */
    slk_err (*check_miner)(void *ctx, uint64_t sp_id, int64_t seal_proof, slk_error *error);
    slk_err (*precommit_info)(void *ctx, slk_seal_precommit_info *ret, uint64_t sp_id,
                              uint64_t number, slk_error *error);
    slk_err (*sector_info)(void *ctx, slk_seal_sector_info *ret, uint64_t sp_id, uint64_t number,
                           slk_error *error);

    /* What a message with these params must carry: the deposits of its sectors, or what their
     * pledges exceed the deposits on chain by. SLK_E_CONFLICT: a sector to commit has no pre-commit. */
    slk_err (*price)(void *ctx, char ret_value[SLK_SEAL_ATTO_CHARS],
                     const slk_seal_message *message, slk_error *error);
    /* Lets a node execute the message without sending it. SLK_E_LIMIT: no sender can pay (both
     * amounts are in the sentence), or gas costs more than the cap now. SLK_E_CONFLICT: the actor
     * refuses it, its exit code is in the sentence: the caller reads the chain's state and decides.
     * *ret_executes, also after LIMIT: the actor takes it. */
    slk_err (*rehearse)(void *ctx, bool *ret_executes, const slk_seal_message *message,
                        slk_error *error);
    /* The node to push the message to, message->node apart: one that answers now and whose wallet can
     * pay for it. SLK_E_LIMIT: there is none. */
    slk_err (*choose_node)(void *ctx, char ret_node[SLK_SEAL_NODE_CHARS],
                           const slk_seal_message *message, slk_error *error);
    /* Lets that node estimate, sign and push; failures as for rehearse. Never called twice at once
     * for one uuid. After a failure the message may nevertheless be on its way; a repeat with the
     * same uuid at the same node gives the first message. */
    slk_err (*send)(void *ctx, slk_seal_sent *ret, const slk_seal_message *message,
                    slk_error *error);
    /* Looks in the pools of all nodes that answer for a message with that receiver, method and
     * params. *ret_asked: message->node is among them. SLK_E_UNREACHABLE when none answers. */
    slk_err (*find_pending)(void *ctx, bool *ret_found, bool *ret_asked, slk_seal_sent *ret,
                            const slk_seal_message *message, slk_error *error);
    /* Signs the stored message anew, same nonce, with a higher fee; it is not pushed yet.
     * SLK_E_LIMIT: the cap for so many sectors leaves no room, or the fee is far above the usual one.
     * SLK_E_CONFLICT: an earlier message of its sender waits too. */
    slk_err (*raise_fee)(void *ctx, slk_seal_sent *ret, slk_seal_message_kind kind, size_t sectors,
                         const char *signed_json, slk_error *error);
    /* Pushes a stored SignedMessage, to whichever node answers: its bytes are one message
     * everywhere. "already exists" and "nonce too low" are SLK_OK. */
    slk_err (*push_again)(void *ctx, const char *signed_json, slk_error *error);
    /* Looks for the message with the node's confidence. */
    slk_err (*search)(void *ctx, slk_seal_landing *ret, const char *message_cid, slk_error *error);
    /* What the miner has and what a sector of that proof costs now. SLK_E_INVAL: no such miner. */
    slk_err (*funds)(void *ctx, slk_seal_funds *ret, uint64_t sp_id, int64_t seal_proof,
                     slk_error *error);
} slk_seal_chain;

/* The other end of a remote-seal relation. Strings are borrowed for the call. */
typedef struct slk_seal_remote {
    const char *url; /* base URL */
    const char *token; /* partner token, in clear: never logged */
} slk_seal_remote;

typedef enum slk_seal_remote_state {
    SLK_SEAL_REMOTE_PENDING,
    SLK_SEAL_REMOTE_SDR,
    SLK_SEAL_REMOTE_TREES,
    SLK_SEAL_REMOTE_COMPLETE,
    SLK_SEAL_REMOTE_FAILED,
    SLK_SEAL_REMOTE_GONE,
    SLK_SEAL_REMOTE_STATE_COUNT,
} slk_seal_remote_state;

/* "pending" ... as on the wire; never NULL. */
const char *slk_seal_remote_state_name(slk_seal_remote_state state);

/* What a provider says it has made. CIDs as text, not yet believed. */
typedef struct slk_seal_completion {
    char tree_d_cid[130];
    char tree_r_cid[130];
    int64_t ticket_epoch;
    uint8_t ticket[32];
} slk_seal_completion;

typedef struct slk_seal_status {
    slk_seal_remote_state state;
    bool has_completion; /* all four fields were there and well-formed */
    slk_seal_completion completion;
    char fail_reason[SLK_SEAL_REASON_CHARS]; /* of failed and gone; "" when none */
    int64_t lease_until_ms; /* the provider keeps the files until then; 0 when it does not say */
    int64_t lease_left_ms; /* for so long, by no clock's time; set when lease_until_ms is */
    char stage[32]; /* of the work at hand, "layer 3"; "" when there is none or it does not say */
    int64_t stage_done, stage_total; /* in units of its own; total 0: not known */
} slk_seal_status;

/* Calls to a peer. Failures by code: no answer UNREACHABLE/TIMEOUT, 401 AUTH, 412/429/503 BUSY,
 * 404 NOTFOUND, 400/409 INVAL, any answer that breaks the protocol PROTO. */
typedef struct slk_seal_peer {
    void *ctx;

    /* client -> provider */
    slk_err (*available)(void *ctx, bool *ret_available, char slot_token[33],
                         const slk_seal_remote *to, slk_error *error);
    /* reason: at least SLK_SEAL_REASON_CHARS, "" when accepted or none given. */
    slk_err (*order)(void *ctx, bool *ret_accepted, char *reason, const slk_seal_remote *to,
                     const char *slot_token, const slk_seal_sector *sector, slk_error *error);
    slk_err (*status)(void *ctx, slk_seal_status *ret, const slk_seal_remote *to,
                      const slk_seal_sector *sector, slk_error *error);
    /* Both files and SLK_SEAL_C1_URL_FILE complete, fsynced and under their final names when it
     * returns SLK_OK; resumes
     * what an earlier call left, reuses what is complete. SLK_E_CORRUPT: what came is not of the
     * right shape, partial files are gone. Stages "cache", then "sealed" in bytes.
     * arrived (NULL: nobody waits): raised to how many bytes of the sealed file lie final in
     * `<sealed>` SLK_SEAL_ARRIVING, the cache being complete before the first; closed when they turn
     * out not to be. */
    slk_err (*fetch)(void *ctx, const slk_seal_remote *to, const slk_seal_sector *sector,
                     uint64_t sector_bytes, const slk_seal_commitments *comm,
                     const slk_seal_paths *paths, slk_gate *arrived, slk_job *job,
                     slk_error *error);
    /* Removes what an unfinished fetch left beside the paths; nothing there is fine. */
    slk_err (*forget)(void *ctx, const slk_seal_paths *paths, slk_error *error);
    /* C1 for the seed to out_path: created or truncated, not fsynced. */
    slk_err (*commit1)(void *ctx, const slk_seal_remote *to, const slk_seal_sector *sector,
                       int64_t seed_epoch, const uint8_t seed[32], const char *out_path,
                       slk_job *job, slk_error *error);
    /* Whether C1 may be asked for again and again, each time for another seed, until finalize. */
    slk_err (*repeats_c1)(void *ctx, bool *ret_repeats, const slk_seal_remote *to,
                          slk_error *error);
    /* The sector's lease begins anew, for *ret_left_ms from now. *ret_can false: the provider does not
     * renew leases. */
    slk_err (*renew)(void *ctx, bool *ret_can, int64_t *ret_left_ms, const slk_seal_remote *to,
                     const slk_seal_sector *sector, slk_error *error);
    slk_err (*finalize)(void *ctx, const slk_seal_remote *to, const slk_seal_sector *sector,
                        slk_error *error);
    slk_err (*cleanup)(void *ctx, const slk_seal_remote *to, const slk_seal_sector *sector,
                       slk_error *error);

    /* provider -> client */
    slk_err (*ticket)(void *ctx, uint8_t out32[32], int64_t *ret_epoch, const char *client_url,
                      uint64_t sp_id, slk_error *error);
    slk_err (*complete)(void *ctx, const slk_seal_remote *to, const slk_seal_sector *sector,
                        const slk_seal_completion *completion, slk_error *error);
} slk_seal_peer;

/* Tokens at rest. What we only check is kept as its hash; what we must present again (a peer's
 * token) is kept wrapped under a key that is not in the database. */
typedef struct slk_seal_keeper {
    void *ctx;
    /* SHA-256 of the text in lower-case hex. */
    void (*hash)(void *ctx, char out65[65], const char *token);
    /* Text form of the encrypted token, appended to out. */
    slk_err (*wrap)(void *ctx, slk_buf *out, const char *token, slk_error *error);
    /* The reverse; SLK_E_CORRUPT when it was not made by this key. */
    slk_err (*unwrap)(void *ctx, slk_buf *out, const char *wrapped, slk_error *error);
} slk_seal_keeper;

/* Time, so that tests need not wait. All NULL: base/clock.h. */
typedef struct slk_seal_clock {
    void *ctx;
    int64_t (*wall_ms)(void *ctx);
    int64_t (*monotonic_ms)(void *ctx); /* given together with wall_ms */
    bool (*kept_ms)(void *ctx, int64_t *ret_ms); /* slk_clock_kept_ms; NULL: nothing keeps it */
} slk_seal_clock;

/* All of them together; borrowed by the node until it is stopped. peer and prover are always
 * needed, chain may have ctx and functions NULL in a pure provider (then tickets come from the
 * clients alone). */
typedef struct slk_seal_ops {
    slk_seal_prover prover;
    slk_seal_chain chain;
    slk_seal_peer peer;
    slk_seal_keeper keeper;
    slk_seal_clock clock;
} slk_seal_ops;

int64_t slk_seal_now_ms(const slk_seal_ops *ops);

#endif
