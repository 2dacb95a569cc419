/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The states of a sector on either side, and the one function that changes them.
 *
 * A row's `state` says what has been achieved; what is being attempted is the row's task (task.h).
 * `failed` is a brake on a state, not a state: a failed row stands where it stopped, keeps its
 * reason, and an operator's `retry` lets go of the brake. Every change is one edge of the tables
 * below, made inside a transaction by slk_state_apply, which guards the UPDATE by the state it
 * leaves, sets the after_* columns that operators query, and writes the timeline (sector_event).
 *
 * Provider (rseal_provider_pipeline.state)
 *
 *   ordered --ticketed--> ticketed --labeled--> labeled --sealed--> sealed --finalized--> finalized
 *                            ^---------relabel-----+------------------'  notified, finalize_asked
 *   any --cleaned--> cleaned          any but cleaned: cleanup_asked  '--> (itself)
 *
 *   ordered    accepted and counted against the allowance; nothing on disk
 *   ticketed   ticket_value (32 bytes) and ticket_epoch are set and never change again
 *   labeled    layers and tree-d are complete on disk; after_sdr, after_tree_d
 *   sealed     replica, trees, p_aux, t_aux complete; tree_d_cid and tree_r_cid set; the client can
 *              fetch, and ask C1 as often as it likes; after_tree_c, after_tree_r
 *   finalized  layers are gone, replica and finalised cache remain; only because the client asked
 *   cleaned    no file of the sector remains; the row counts nowhere; after_cleanup
 *
 * Client (rseal_client_pipeline.state, details in sectors_sdr_pipeline)
 *
 *   new --ordered--> ordered --sealed--> sealed --fetched--> fetched --verified--> verified
 *    ^---refused---'                                                                  |
 *   verified --precommit_sent--> precommit_sent --precommitted--> precommitted        |
 *        ^-----precommit_again------'                                  ^--precommitted'
 *   precommitted --seeded--> seeded --vanilla--> vanilla --proven--> proven --commit_sent-->
 *   commit_sent --on_chain--> proving      commit_sent --commit_again--> proven
 *   precommitted ... commit_sent --on_chain--> proving                 (the chain already has it)
 *   sealed ... commit_sent --renewed--> (itself)                       (its provider keeps it longer)
 *   proving --released--> (itself)         any --let_go--> (itself)    (former providers were told)
 *
 * and backwards, each time logged, by a step that found out or an operator's retry --from:
 *
 *   new ... precommit_sent --reorder--> new                 another provider is to seal it
 *   fetched ... commit_sent --refetch--> sealed             the replica is not what it must be
 *   verified ... commit_sent --recheck--> fetched
 *   seeded, vanilla, proven, commit_sent --reseed--> precommitted      (P moved in a reorg)
 *   vanilla, proven --c1_again--> seeded
 *   proven --prove_again--> vanilla
 *
 *   new             number allocated, nobody works on it; provider_id may name who was asked
 *   ordered         that provider accepted; provider_id changes only by way of reorder
 *   sealed          the provider says done: CIDs and ticket are noted, believed by nobody yet
 *   fetched         sealed file and cache lie under their final names
 *   verified        replica, tree-r-last, p_aux, CommR, CommD and ticket checked here: only now may
 *                   money be risked (I7)
 *   precommit_sent  one pre-commit message of it exists, shared with others or not; its CID and
 *                   signed bytes are stored (message_batch)
 *   precommitted    the chain has our pre-commit; precommit_epoch P is known
 *   seeded          seed_epoch = P + D and seed_value are stored
 *   vanilla         C1 for that seed lies on disk and verified
 *   proven          porep_proof stored and verified
 *   commit_sent     the prove-commit message exists, stored in the same way
 *   proving         the chain has the sector; after_cleanup says that the provider was released
 *
 * failed_reason is the step's name when its attempts are used up ("sdr", "fetch", "porep" …), or
 *   provider-failed provider-gone   what the provider says of itself
 *   bad-completion wrong-comm-d wrong-ticket replica-invalid replica-damaged c1-invalid
 *                                   what it said or sent is refuted: it gets no new orders
 *   no-provider                     every provider of the miner has had the sector already
 *   ticket-expired number-taken too-many-messages precommit-exit-N precommit-lost
 *   commit-expired commit-exit-N    what the chain says
 *   canceled                        given up by the operator
 * and failed_reason_msg is the sentence with the operator's next step.
 *
 * Invariants checked by slk_state_check: after_* flags agree with the state; what a state promises
 * is there; a failed row has a reason; no task exists for a row whose state is past its step. */
#ifndef SLK_SEAL_STATE_H
#define SLK_SEAL_STATE_H

#include "base/err.h"
#include "db/db.h"
#include "seal/ops.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum slk_pipeline {
    SLK_PIPELINE_PROVIDER,
    SLK_PIPELINE_CLIENT,
    SLK_PIPELINE_COUNT,
} slk_pipeline;

const char *slk_pipeline_name(slk_pipeline pipeline); /* "provider", "client" */

typedef enum slk_state {
    /* provider */
    SLK_PS_ORDERED,
    SLK_PS_TICKETED,
    SLK_PS_LABELED,
    SLK_PS_SEALED,
    SLK_PS_FINALIZED,
    SLK_PS_CLEANED,
    /* client */
    SLK_CS_NEW,
    SLK_CS_ORDERED,
    SLK_CS_SEALED,
    SLK_CS_FETCHED,
    SLK_CS_VERIFIED,
    SLK_CS_PRECOMMIT_SENT,
    SLK_CS_PRECOMMITTED,
    SLK_CS_SEEDED,
    SLK_CS_VANILLA,
    SLK_CS_PROVEN,
    SLK_CS_COMMIT_SENT,
    SLK_CS_PROVING,
    SLK_STATE_COUNT,
} slk_state;

typedef enum slk_event {
    /* provider */
    SLK_EV_TICKETED,
    SLK_EV_LABELED,
    SLK_EV_RELABEL,
    SLK_EV_TREES_DONE,
    SLK_EV_NOTIFIED,
    SLK_EV_FINALIZE_ASKED,
    SLK_EV_FINALIZED,
    SLK_EV_CLEANUP_ASKED,
    SLK_EV_CLEANED,
    /* client */
    SLK_EV_ORDERED,
    SLK_EV_REFUSED,
    SLK_EV_SEALED,
    SLK_EV_FETCHED,
    SLK_EV_REORDER,
    SLK_EV_REFETCH,
    SLK_EV_RECHECK,
    SLK_EV_VERIFIED,
    SLK_EV_PRECOMMIT_SENT,
    SLK_EV_PRECOMMIT_AGAIN,
    SLK_EV_PRECOMMITTED,
    SLK_EV_SEEDED,
    SLK_EV_RESEED,
    SLK_EV_C1_AGAIN,
    SLK_EV_PROVE_AGAIN,
    SLK_EV_VANILLA,
    SLK_EV_PROVEN,
    SLK_EV_COMMIT_SENT,
    SLK_EV_COMMIT_AGAIN,
    SLK_EV_ON_CHAIN,
    SLK_EV_RELEASED,
    SLK_EV_RENEWED,
    SLK_EV_LET_GO,
    /* both */
    SLK_EV_FAILED,
    SLK_EV_RETRY,
    SLK_EVENT_COUNT,
} slk_event;

/* Names as in the database and in JSON. */
const char *slk_state_name(slk_state state);
const char *slk_event_name(slk_event event);
slk_pipeline slk_state_pipeline(slk_state state);
/* What happens next to a sector that stands there and has not failed: "the replica is fetched". */
const char *slk_state_next(slk_state state);
/* false: no such state of that pipeline. */
bool slk_state_parse(slk_state *ret_state, slk_pipeline pipeline, const char *name);

/* Where the edge leads; false when there is none from that state, or the brake forbids it. */
bool slk_state_edge(slk_state *ret_to, slk_state from, bool failed, slk_event event);

/* Who changes what, and why: what the timeline shows. Strings are borrowed. */
typedef struct slk_change {
    slk_pipeline pipeline;
    uint64_t sp_id;
    uint64_t number;
    slk_event event;
    const char *actor; /* "provider.sdr", "endpoint", "operator" */
    const char *node; /* name of this node */
    const char *detail; /* a sentence for people, may be "" */
    int64_t now_ms;
    /* SLK_EV_FAILED only: at most 20 characters ("ticket-expired"), and the next step in detail. */
    const char *failed_reason;
} slk_change;

/* Applies one edge inside slk_db_tx (asserted). SLK_E_NOTFOUND no such row; SLK_E_CONFLICT no such
 * edge from where the row stands, or it moved meanwhile. */
SLK_MUST_CHECK slk_err slk_state_apply(slk_db *db, const slk_change *change, slk_error *error);

/* Where the row stands. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_state_read(slk_state *ret_state, bool *ret_failed, slk_db *db,
                                      slk_pipeline pipeline, uint64_t sp_id, uint64_t number,
                                      slk_error *error);

/* Writes a timeline entry without an edge, inside a transaction. event is free text here. */
SLK_MUST_CHECK slk_err slk_state_note(slk_db *db, const slk_change *change, const char *event,
                                      slk_error *error);

/* Calls visit for every row that breaks a promise: its sentence and the two numbers (sp_id,
 * sector_number) the statement selects. */
typedef slk_err slk_state_visit(void *context, const char *promise, int64_t a, int64_t b,
                                slk_error *error);
SLK_MUST_CHECK slk_err slk_state_visit_rows(slk_db *db, const slk_sql *promise,
                                            slk_state_visit *visit, void *context,
                                            slk_error *error);
/* The same for every promise of this file. */
SLK_MUST_CHECK slk_err slk_state_visit_broken(slk_db *db, slk_state_visit *visit, void *context,
                                              slk_error *error);
/* Looks for rows that break the invariants above (for `fsck` and tests): *ret_broken of them, the
 * first one described in what (at least SLK_SEAL_REASON_CHARS). */
SLK_MUST_CHECK slk_err slk_state_check(uint64_t *ret_broken, char *what, slk_db *db,
                                       slk_error *error);

#endif
