/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the devnet.
 *
 * State is versioned, never overwritten: every change carries the epoch whose messages made it and
 * a running number. A question at a tipset of height h sees the changes of epochs < h; a failed
 * message, a dry run and a reorg are undone by dropping all changes above a running number.
 *
 *   store    the log: pushes, epochs with the verdicts on their proofs, controls
 *   state    actors, pre-commits, sectors, with their versions
 *   block    tipsets, headers, CIDs, randomness
 *   execute  one message; execute_precommit and execute_prove the miner's methods
 *   pool     messages waiting, uuids
 *   epoch    making tipsets, reorgs; replaying the log is the same code with recorded verdicts
 *   rpc*     JSON-RPC */
#ifndef SLK_DEVNET_DEVNET_IMPL_H
#define SLK_DEVNET_DEVNET_IMPL_H

#include "codec/bigint.h"
#include "codec/cid.h"
#include "codec/json.h"
#include "crypto/crypto.h"
#include "devnet/devnet.h"
#include "fil/actor.h"
#include "fil/address.h"
#include "fil/message.h"
#include "fil/sector.h"
#include "rpc/server.h"

#include <pthread.h>

#define DEVNET_BASE_FEE 100u
#define DEVNET_NETWORK_VERSION 28
#define DEVNET_FIRST_MINER 1000u
#define DEVNET_NETWORK_LETTER 't'
#define EPOCH_NEVER INT64_MAX

/* --- state ---------------------------------------------------------------------------------- */

typedef struct slk_dev_funds {
    int64_t epoch;
    uint64_t seq;
    uint64_t nonce;
    slk_bigint balance;
    slk_bigint deposits; /* miners: pre-commit deposits and initial pledge, part of balance */
    slk_bigint pledge;
} slk_dev_funds;

typedef struct slk_dev_precommit {
    slk_precommit_info record;
    uint64_t born_seq; /* born at record.epoch */
    int64_t gone_epoch; /* EPOCH_NEVER while it lives */
    uint64_t gone_seq;
    int64_t cleanup_epoch;
} slk_dev_precommit;

typedef struct slk_dev_sector {
    slk_sector_info record;
    int64_t epoch;
    uint64_t seq;
} slk_dev_sector;

typedef struct slk_dev_actor {
    uint64_t id;
    slk_address key; /* accounts */
    bool has_secret; /* in the node's wallet */
    uint8_t secret[32];
    bool is_miner;
    uint64_t owner, worker;
    uint64_t sector_bytes;
    int64_t born_epoch;
    uint64_t born_seq;
    slk_dev_funds *funds; /* at least one, ascending */
    size_t n_funds, funds_capacity;
    slk_dev_precommit *precommits; /* every one ever made: also the allocated numbers */
    size_t n_precommits, precommits_capacity;
    slk_dev_sector *sectors;
    size_t n_sectors, sectors_capacity;
} slk_dev_actor;

/* --- chain ---------------------------------------------------------------------------------- */

typedef struct slk_dev_tipset {
    bool null_round;
    uint32_t fork; /* number of reorgs before it, in ForkSignaling */
    int64_t parent; /* height of the parent, -1 genesis */
    uint8_t digest[32]; /* of the block's CID */
    uint8_t messages_digest[32]; /* of its messages' CIDs */
    uint64_t seq_before; /* running number before its messages */
    int64_t timestamp;
} slk_dev_tipset;

typedef struct slk_dev_message {
    slk_signed_message signed_message;
    slk_cid cid;
    char uuid[40]; /* "" when it did not come by MpoolPushMessage */
    int64_t included; /* epoch, -1 while in the pool */
    bool dropped; /* by a control call or replaced in the pool */
    int64_t exit_code;
    int64_t gas_used;
    uint8_t *returned;
    size_t n_returned;
} slk_dev_message;

/* What one message of an epoch needs besides itself, recorded so that replay needs no proofs. */
typedef struct slk_dev_verdicts {
    uint8_t *valid; /* one byte per proof looked at, in order */
    size_t n, capacity;
    size_t at; /* next one when replaying */
} slk_dev_verdicts;

typedef struct slk_dev_fault {
    char method[64];
    int64_t left;
    int64_t what; /* >= 100 HTTP status, 1 full effect then half a body, < 0 milliseconds */
} slk_dev_fault;

#define DEVNET_MAX_FAULTS 16u
#define DEVNET_MAX_FAILS 16u

struct slk_devnet {
    pthread_mutex_t lock;
    slk_devnet_options options; /* strings owned below */
    slk_devnet_verifier verifier;
    slk_crypto *crypto;
    char *folder;
    char *network_name;
    uint8_t token_key[32];
    int log_fd;
    char *log_path;
    uint64_t log_bytes;
    bool replaying;
    bool broken; /* the log could not be written: nothing goes on */

    slk_dev_actor **actors;
    size_t n_actors, actors_capacity;
    uint64_t seq;
    int64_t epoch; /* of changes being made */

    slk_dev_tipset *tipsets; /* by height */
    size_t n_tipsets, tipsets_capacity;
    uint32_t forks;
    int64_t time_offset_ms;

    slk_dev_message *messages; /* pool and chain, in order of arrival */
    size_t n_messages, messages_capacity;
    size_t first_pending; /* all before it are included or dropped */
    bool hold_pool;
    struct {
        uint64_t method;
        int64_t exit_code;
    } fails[DEVNET_MAX_FAILS];
    size_t n_fails;
    slk_dev_fault faults[DEVNET_MAX_FAULTS];
    size_t n_faults;
    slk_rpc_method *methods; /* what rpc serves */
    slk_rpc_server *rpc;
    slk_dev_verdicts verdicts;
    bool dry_run; /* verdicts of dry runs are not recorded */
};

/* --- keys.c --------------------------------------------------------------------------------- */
void slk_dev_expand(const slk_devnet *devnet, const char *label, int64_t epoch, uint8_t *out,
                    size_t n);
void slk_dev_key_derive(const slk_devnet *devnet, uint64_t index, uint8_t secret32[32],
                        slk_address *ret_address);
void slk_dev_key_sign(const uint8_t secret32[32], const uint8_t *in, size_t n,
                      uint8_t signature96[96]);
bool slk_dev_key_verify(const slk_signed_message *message);

/* --- state.c -------------------------------------------------------------------------------- */
#define DEV_GROW(array, n, capacity) \
    slk_dev_grow((void **)&(array), n, &(capacity), sizeof *(array))
SLK_MUST_CHECK slk_err slk_dev_grow(void **array, size_t n, size_t *capacity, size_t item_bytes);

slk_dev_actor *slk_dev_actor_by_id(const slk_devnet *devnet, uint64_t id);
/* By ID or key address; NULL unknown. */
slk_dev_actor *slk_dev_actor_find(const slk_devnet *devnet, const slk_address *address);
SLK_MUST_CHECK slk_err slk_dev_account_new(slk_devnet *devnet, slk_dev_actor **ret_actor,
                                           const slk_address *key);
/* A miner of its own owner and worker; 0 for both makes them, with keys in the wallet and funds. */
SLK_MUST_CHECK slk_err slk_dev_miner_new(slk_devnet *devnet, slk_dev_actor **ret_actor,
                                         uint64_t sector_bytes, uint64_t owner, uint64_t worker);
slk_dev_funds slk_dev_funds_latest(const slk_dev_actor *actor);
/* As seen from a tipset of height h; false: not there yet. */
bool slk_dev_funds_at(slk_dev_funds *ret_funds, const slk_dev_actor *actor, int64_t h);
SLK_MUST_CHECK slk_err slk_dev_funds_set(slk_devnet *devnet, slk_dev_actor *actor,
                                         slk_dev_funds funds);
slk_bigint slk_dev_available(const slk_dev_funds *funds);

slk_dev_precommit *slk_dev_precommit_find(const slk_dev_actor *miner, uint64_t number); /* living */
const slk_dev_precommit *slk_dev_precommit_at(const slk_dev_actor *miner, uint64_t number,
                                              int64_t h);
const slk_dev_sector *slk_dev_sector_at(const slk_dev_actor *miner, uint64_t number, int64_t h);
bool slk_dev_allocated_at(const slk_dev_actor *miner, uint64_t number, int64_t h);
/* Undoes every change with a running number above seq. */
void slk_dev_rollback(slk_devnet *devnet, uint64_t seq);
void slk_dev_state_done(slk_devnet *devnet);

/* --- block.c -------------------------------------------------------------------------------- */

#define DEV_VRF_BYTES 96u
typedef struct slk_dev_beacon {
    uint64_t round;
    uint8_t data[96];
    size_t data_bytes;
} slk_dev_beacon;
/* All that varies between block headers. */
typedef struct slk_dev_header {
    uint64_t miner;
    uint8_t ticket[DEV_VRF_BYTES];
    uint8_t election[DEV_VRF_BYTES];
    slk_dev_beacon *beacons; /* owned */
    size_t n_beacons;
    slk_cid parent; /* undefined for genesis */
    uint64_t weight;
    int64_t height;
    slk_cid state_root;
    slk_cid receipts;
    slk_cid messages;
    uint8_t aggregate[DEV_VRF_BYTES]; /* BLS signatures */
    uint64_t timestamp;
    uint8_t signature[DEV_VRF_BYTES];
    uint64_t fork;
} slk_dev_header;
SLK_MUST_CHECK slk_err slk_dev_header_to_cbor(slk_buf *out, const slk_dev_header *header);

/* Height of the newest block; genesis always has one. */
int64_t slk_dev_head(const slk_devnet *devnet);
/* Appends a tipset (or null round) for epoch n_tipsets with this digest of messages; seq_before is
 * the running number before they were executed. */
SLK_MUST_CHECK slk_err slk_dev_block_append(slk_devnet *devnet, bool null_round,
                                            uint64_t seq_before, const uint8_t messages_digest[32]);
void slk_dev_block_cid(slk_cid *ret_cid, const slk_dev_tipset *tipset);
SLK_MUST_CHECK slk_err slk_dev_block_json(const slk_devnet *devnet, json_t **ret, int64_t height);
json_t *slk_dev_block_key_json(const slk_devnet *devnet, int64_t height);
/* Height of the tipset of a JSON key ([], null: head); SLK_E_NOTFOUND when not on this chain. */
SLK_MUST_CHECK slk_err slk_dev_block_by_key(const slk_devnet *devnet, int64_t *ret_height,
                                            const json_t *key, slk_error *error);
int64_t slk_dev_block_at(const slk_devnet *devnet, int64_t height); /* or before */
int64_t slk_dev_block_after(const slk_devnet *devnet, int64_t height); /* or after; -1 none */
/* Digests as seen from tipset view; false: epoch is in the future. */
bool slk_dev_ticket_digest(const slk_devnet *devnet, uint8_t out32[32], int64_t epoch,
                           int64_t view);
bool slk_dev_beacon_digest(const slk_devnet *devnet, uint8_t out32[32], int64_t epoch,
                           int64_t view);

/* --- execute*.c ----------------------------------------------------------------------------- */
typedef struct slk_dev_result {
    int64_t exit_code;
    int64_t gas_used;
    slk_buf returned;
    char why[160];
} slk_dev_result;
/* Runs message as part of epoch devnet->epoch. forced_exit != 0: fail with it. Failures of the
 * message are in *result; the slk_err is about memory alone. */
SLK_MUST_CHECK slk_err slk_dev_execute(slk_devnet *devnet, slk_dev_result *result,
                                       const slk_message *message, int64_t forced_exit);
int64_t slk_dev_gas_of(const slk_message *message);
/* Can it be included now? Nonce and funds of the sender. */
bool slk_dev_includable(const slk_devnet *devnet, const slk_message *message);
void slk_dev_result_fail(slk_dev_result *result, int64_t exit_code, const char *format, ...)
    SLK_PRINTF(3, 4);
SLK_MUST_CHECK slk_err slk_dev_execute_precommit(slk_devnet *devnet, slk_dev_result *result,
                                                 slk_dev_actor *miner, bool controlling,
                                                 const slk_message *message);
SLK_MUST_CHECK slk_err slk_dev_execute_prove(slk_devnet *devnet, slk_dev_result *result,
                                             slk_dev_actor *miner, bool controlling,
                                             const slk_message *message);
slk_bigint slk_dev_deposit_per_sector(void);
slk_bigint slk_dev_pledge_per_sector(void);
bool slk_dev_seal_proof_enabled(int64_t seal_proof);

/* --- pool.c --------------------------------------------------------------------------------- */
uint64_t slk_dev_pool_next_nonce(const slk_devnet *devnet, const slk_dev_actor *sender);
slk_dev_message *slk_dev_message_by_cid(const slk_devnet *devnet, const slk_cid *cid);
slk_dev_message *slk_dev_message_by_uuid(const slk_devnet *devnet, const char *uuid);
/* Takes over *message's memory on success; logs it first. */
SLK_MUST_CHECK slk_err slk_dev_pool_add(slk_devnet *devnet, slk_dev_message **ret_message,
                                        slk_signed_message *message, const char *uuid,
                                        slk_error *error);
/* The first pending message that can be included now; NULL none. */
slk_dev_message *slk_dev_pool_next(slk_devnet *devnet);
bool slk_dev_pool_empty(slk_devnet *devnet);
void slk_dev_messages_done(slk_devnet *devnet);

/* --- epoch.c -------------------------------------------------------------------------------- */
SLK_MUST_CHECK slk_err slk_dev_epoch_make(slk_devnet *devnet, uint64_t n, bool null_round,
                                          slk_error *error);
SLK_MUST_CHECK slk_err slk_dev_reorg(slk_devnet *devnet, uint64_t depth, bool reinclude,
                                     slk_error *error);
SLK_MUST_CHECK slk_err slk_dev_fund(slk_devnet *devnet, const slk_address *address,
                                    const slk_bigint *amount, slk_error *error);
SLK_MUST_CHECK slk_err slk_dev_create_miner(slk_devnet *devnet, uint64_t *ret_id,
                                            uint64_t sector_bytes, slk_error *error);
SLK_MUST_CHECK slk_err slk_dev_drop(slk_devnet *devnet, const slk_cid *cid, slk_error *error);
/* The dry run of GasEstimateMessageGas: everything pending of the sender first. Undone after. */
SLK_MUST_CHECK slk_err slk_dev_dry_run(slk_devnet *devnet, slk_dev_result *result,
                                       const slk_message *message);
SLK_MUST_CHECK slk_err slk_dev_genesis_replay(slk_devnet *devnet, slk_cbor *c, slk_error *error);
SLK_MUST_CHECK slk_err slk_dev_replay_record(slk_devnet *devnet, const uint8_t *in, size_t n,
                                             slk_error *error);

/* --- store.c -------------------------------------------------------------------------------- */
enum {
    DEV_RECORD_GENESIS = 0,
    DEV_RECORD_PUSH = 1,
    DEV_RECORD_EPOCH = 2,
    DEV_RECORD_EMPTY = 3, /* several epochs without messages */
    DEV_RECORD_FUND = 4,
    DEV_RECORD_MINER = 5,
    DEV_RECORD_REORG = 6,
    DEV_RECORD_DROP = 7,
    DEV_RECORD_CLOCK = 8,
};
/* Opens or makes the log and replays it; a torn last record is cut off. */
SLK_MUST_CHECK slk_err slk_dev_store_open(slk_devnet *devnet, slk_error *error);
/* Appends one record (nothing while replaying); durable: fsync. */
SLK_MUST_CHECK slk_err slk_dev_store_append(slk_devnet *devnet, const slk_buf *record, bool durable,
                                            slk_error *error);
void slk_dev_store_close(slk_devnet *devnet);

/* --- token.c -------------------------------------------------------------------------------- */
/* All there are here. */
#define DEV_PERMISSIONS (SLK_RPC_READ | SLK_RPC_WRITE | SLK_RPC_SIGN | SLK_RPC_ADMIN)
void slk_dev_token_make(const slk_devnet *devnet, char *out, size_t n, unsigned permissions);
/* The set that it allows; 0 when the token is not one of ours. */
unsigned slk_dev_token_check(const slk_devnet *devnet, const char *token);

/* --- rpc*.c --------------------------------------------------------------------------------- */
typedef struct slk_dev_rpc_error {
    int code;
    char message[400];
} slk_dev_rpc_error;
/* params holds exactly n_params items. Returns a new reference, or NULL with *error filled (code 0
 * then means out of memory). */
typedef json_t *slk_dev_rpc_function(slk_devnet *devnet, const json_t *params,
                                     slk_dev_rpc_error *error);
typedef struct slk_dev_rpc_method {
    const char *name; /* with namespace */
    unsigned permission; /* one bit of rpc/permission.h */
    size_t n_params;
    slk_dev_rpc_function *function;
} slk_dev_rpc_method;
extern const slk_dev_rpc_method slk_dev_rpc_chain_methods[];
extern const slk_dev_rpc_method slk_dev_rpc_miner_methods[];
extern const slk_dev_rpc_method slk_dev_rpc_pool_methods[];
extern const slk_dev_rpc_method slk_dev_rpc_control_methods[];

/* Makes what slk_devnet_handle answers by; its end, also of one that was not made. */
SLK_MUST_CHECK slk_err slk_dev_rpc_open(slk_devnet *devnet, slk_error *error);
void slk_dev_rpc_close(slk_devnet *devnet);

json_t *slk_dev_rpc_fail(slk_dev_rpc_error *error, int code, const char *format, ...)
    SLK_PRINTF(3, 4);
json_t *slk_dev_rpc_fail_error(slk_dev_rpc_error *error, const slk_error *why); /* code 1 */
bool slk_dev_rpc_address(slk_address *ret, const json_t *params, size_t at,
                         slk_dev_rpc_error *error);
bool slk_dev_rpc_i64(int64_t *ret, const json_t *params, size_t at, slk_dev_rpc_error *error);
/* Height of the tipset key at position at. */
bool slk_dev_rpc_view(const slk_devnet *devnet, int64_t *ret_height, const json_t *params,
                      size_t at, slk_dev_rpc_error *error);
slk_dev_actor *slk_dev_rpc_actor(const slk_devnet *devnet, const json_t *params, size_t at,
                                 slk_dev_rpc_error *error);
slk_dev_actor *slk_dev_rpc_miner(const slk_devnet *devnet, const json_t *params, size_t at,
                                 slk_dev_rpc_error *error);
json_t *slk_dev_rpc_address_json(const slk_address *address);
json_t *slk_dev_rpc_id_json(uint64_t id);

#endif
