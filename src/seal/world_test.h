/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A small world for the tests of this folder: one provider and one client with their databases and
 * folders, a stub prover whose "replicas" are a few bytes, a stub chain that can be moved, delayed
 * and made to fail, peers that call each other directly, and one clock that the test turns. */
#ifndef SLK_SEAL_WORLD_TEST_H
#define SLK_SEAL_WORLD_TEST_H

#include "base/err.h"
#include "db/db.h"
#include "db/place_test.h"
#include "seal/client.h"
#include "seal/provider.h"
#include "seal/seal.h"
#include "seal/view.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define WORLD_SP 1000u
#define WORLD_PROOF 5
#define WORLD_SECTORS 32u
#define WORLD_MESSAGES 64u

typedef enum world_op {
    OP_PC1,
    OP_PC2,
    OP_C1,
    OP_FINALISE,
    OP_CHECK_REPLICA,
    OP_VERIFY_C1,
    OP_C2,
    OP_VERIFY_PROOF,
    OP_HEAD,
    OP_TICKET,
    OP_SEED,
    OP_PRECOMMIT_INFO,
    OP_PRICE,
    OP_REHEARSE,
    OP_SEND_PRECOMMIT,
    OP_SEND_COMMIT,
    OP_SEARCH,
    OP_FUNDS,
    OP_AVAILABLE,
    OP_ORDER,
    OP_STATUS,
    OP_FETCH,
    OP_COMMIT1,
    OP_FINALIZE,
    OP_CLEANUP,
    OP_RENEW,
    OP_CLIENT_TICKET,
    OP_COMPLETE,
    OP_COUNT,
} world_op;

/* A sector in a message. */
typedef struct world_member {
    uint64_t number;
    int64_t seal_proof;
    uint8_t comm_r[32];
    int64_t ticket_epoch;
    int64_t expiration;
    uint8_t proof[192];
    int64_t exit_code; /* of a commit: what the batch says of the sector */
} world_member;

typedef struct world_message {
    bool used;
    bool commit;
    char uuid[40];
    char cid[64];
    char earlier_cid[64]; /* before its fee was raised; "" */
    unsigned node; /* whose pool took it */
    bool gossiped; /* the other node's pool has it, too */
    unsigned fee; /* raised so many times */
    unsigned fee_needed; /* it does not land below */
    size_t n;
    world_member members[WORLD_SECTORS];
    bool replaced; /* another message took its nonce */
    bool lost; /* the node forgot it before it landed */
    bool landed;
    int64_t landed_epoch;
    int64_t exit_code;
} world_message;

typedef struct world_chain_sector {
    bool precommitted;
    bool proven;
    bool allocated;
    int64_t seal_proof;
    uint8_t comm_r[32];
    int64_t ticket_epoch;
    int64_t precommit_epoch;
    int64_t activation;
    int64_t expiration;
} world_chain_sector;

/* How a dishonest provider behaves. */
typedef enum world_lie {
    LIE_NONE,
    LIE_REPLICA,
    LIE_BLOCKS,
    LIE_COMM_D,
    LIE_TICKET,
    LIE_C1,
    LIE_CIDS,
    LIE_FAILED,
    LIE_GONE,
} world_lie;

typedef struct world world;

/* One node: how to open it again after it was stopped or "killed". */
typedef struct world_node {
    world *w;
    bool provider;
    slk_db *db;
    slk_seal *seal;
    slk_seal_options options;
    slk_seal_ops ops;
    char db_place[PLACE_CHARS]; /* what is opened: db_path, or a schema on a server */
    char folder[96], db_path[128], scratch[128], storage[128];
} world_node;

struct world {
    pthread_mutex_t mutex;
    char folder[64];
    int64_t now_ms;
    int64_t clock_off_ms; /* so wrong is the wall clock */
    bool clock_kept; /* the kernel says that it is right, and knows the right time */
    int64_t head;
    world_node provider, client;
    world_node other; /* a second provider, honest; see world_second */
    char other_token[SLK_TOKEN_CHARS];
    int64_t other_id;
    bool asleep; /* the first provider answers and does nothing */
    const char *says_stage; /* it says that it labels, at that stage; NULL: what is so */
    int64_t says_done;
    int64_t partner_id;
    char token[SLK_TOKEN_CHARS];
    int64_t provider_id;
    bool repeats_c1; /* the provider is one that can be asked for C1 again */
    bool no_renewals; /* the provider is one that renews no leases */
    bool callback; /* the provider knows the client's address */
    bool auto_land; /* messages land one epoch after they were sent */
    int64_t next_exit_code; /* of the next message to land */
    int64_t next_batch_exit; /* of the first sector of the next commit */
    uint64_t refused_number; /* a message with it is refused; WORLD_SECTORS none */
    size_t most_sectors; /* one with more runs out of gas; 0 no limit */
    bool node_down[2]; /* chain nodes: nothing is pushed there, their pools are not to be seen */
    unsigned answers_lost; /* so many pushes arrive, and the node dies before it answers */
    unsigned fee_needed; /* of messages to come */
    bool dear_alone; /* gas for one sector is above its cap */
    bool pool_hidden; /* nodes do not say what is in their pools */
    unsigned fee_cap; /* fees cannot be raised further */
    const char *network; /* the chain's name */
    slk_seal_funds funds; /* deposit 120, pledge 200, sender 1000000 attoFIL */
    bool always_refuse; /* every commit lands with exit code 16 */
    bool steal_slots; /* slots are gone when the order comes */
    world_lie lie;
    bool disk_full; /* the test lets writes fail: nodes may say so */
    bool cut_fetch; /* leaves a part of the file and fails for good */
    unsigned calls[OP_COUNT];
    unsigned work[OP_COUNT]; /* calls that had to make something */
    world_op fail_op;
    unsigned fail_after; /* that many calls pass first */
    unsigned fail_count; /* then so many fail */
    slk_err fail_code;
    world_message messages[WORLD_MESSAGES];
    world_chain_sector sectors[WORLD_SECTORS];
    unsigned batches; /* calls of pc1_batch */
    unsigned batch_room; /* what the prover says of it */
    size_t batch_most; /* sectors of the largest */
    void (*in_pc1)(world *w, slk_job *job); /* runs inside pc1 when set */
    void (*in_c1)(world *w, slk_job *job); /* the same of c1 */
    /* crash: at the n-th point that any node passes (0: never), that node plays dead */
    uint64_t crash_at_point;
    const char *crash_at_place; /* or where it is first passed */
    uint64_t points;
    char crashed_at[64];
    world_node *crashed;
};

/* A world with a partner, a provider entry and both nodes open (threads not started). */
world *world_new(void);
void world_free(world *w);

void world_node_open(world_node *node);
/* Closes database and seal as they are (a seal that plays dead writes nothing more). */
void world_node_close(world_node *node);

/* Opens a second provider at https://other, whom the client knows, too. */
void world_second(world *w);

/* Turns clock and chain and runs both nodes' ready tasks until the client's sector reaches the
 * state or fails, or `turns` turns are over; restarts a node that plays dead. */
void world_run(world *w, uint64_t number, const char *state, unsigned turns);
/* One turn: everything ready runs, then one second and one epoch pass. */
void world_turn(world *w);
/* One epoch passes; what was sent lands. */
void world_epoch(world *w);
uint64_t world_order(world *w);
slk_err world_cancel(world *w, uint64_t number);

/* State names as stored, "" when there is no such row. */
const char *world_state(world_node *node, uint64_t number, char out[32]);
bool world_failed(world_node *node, uint64_t number, char reason[32]);
void world_fail(world *w, world_op op, unsigned after, unsigned count, slk_err code);
/* How many messages the chain ever saw, of one kind. */
unsigned world_all_messages(const world *w, bool commit);
/* Messages of one kind that the chain ever saw for the sector. */
unsigned world_messages(const world *w, uint64_t number, bool commit);
/* Both databases keep their invariants, no temporary file is left. */
void world_check(world *w);

#endif
