/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rows of the two pipelines in memory, their files' places, and what both roles' code shares. */
#ifndef SLK_SEAL_ROWS_IMPL_H
#define SLK_SEAL_ROWS_IMPL_H

#include "base/buf.h"
#include "base/err.h"
#include "seal/ops.h"
#include "seal/seal.h"
#include "seal/state.h"
#include "seal/task.h"

#include <stdbool.h>
#include <stdint.h>

#define SLK_CID_CHARS 130u

/* SLK_E_NOTFOUND for a key that no row can have: the database's numbers are signed. */
SLK_MUST_CHECK slk_err slk_seal_check_key(uint64_t sp_id, uint64_t number, slk_error *error);

typedef struct slk_provider_row {
    slk_seal_sector sector;
    int64_t partner_id;
    slk_state state;
    bool failed;
    bool has_ticket;
    int64_t ticket_epoch;
    uint8_t ticket[32];
    slk_seal_completion completion; /* CIDs "" before the trees */
    bool finalize_requested;
    bool cleanup_requested;
    bool notified;
    bool withheld; /* from its partner (permit.h) */
    char failed_reason[24];
    char failed_message[SLK_SEAL_REASON_CHARS];
    char partner_url[512];
    char partner_token[512]; /* wrapped */
    int64_t lease_until_ms; /* lived time; 0: none yet */
    char cleanup_reason[64]; /* why it goes, once cleanup_requested */
    char folder_id[80]; /* where its files are, "" none yet */
} slk_provider_row;

SLK_MUST_CHECK slk_err slk_provider_row_read(slk_provider_row *ret_row, slk_seal *seal,
                                             uint64_t sp_id, uint64_t number, slk_error *error);

/* The row, if it is that partner's; another's is SLK_E_NOTFOUND like one that is not there. */
SLK_MUST_CHECK slk_err slk_provider_own_row(slk_provider_row *ret_row, slk_seal *seal,
                                            int64_t partner_id, uint64_t sp_id, uint64_t number,
                                            slk_error *error);

typedef struct slk_client_row {
    slk_seal_sector sector;
    slk_state state;
    bool failed;
    bool has_provider;
    int64_t provider_id;
    char provider_url[512];
    char provider_token[512]; /* wrapped */
    bool provider_enabled;
    int64_t duration_epochs;
    bool cancel_requested;
    int64_t state_ms; /* when the state was reached */
    bool provider_left; /* its orders go elsewhere */
    bool replica_anew; /* what lies in the storage folder is not to be used */
    int64_t refetches; /* from this provider */
    char remote_state[16]; /* what the provider last said that was new … */
    char remote_stage[32]; /* … "" when it tells no stages … */
    int64_t remote_done; /* … the most of that stage … */
    int64_t remote_moved_ms; /* … and when; 0 nothing yet */
    bool c1_anew;
    /* sectors_sdr_pipeline */
    bool has_completion;
    slk_seal_completion completion;
    bool precommit_joined; /* it waits for others, or is in a batch */
    char precommit_uuid[40]; /* "" none */
    int64_t precommit_tries;
    char precommit_cid[SLK_CID_CHARS];
    int64_t precommit_expiration;
    bool has_precommit_epoch;
    int64_t precommit_epoch;
    bool has_seed;
    int64_t seed_epoch;
    uint8_t seed[32];
    uint8_t proof[SLK_SEAL_PROOF_MAX_BYTES];
    size_t proof_bytes;
    char commit_uuid[40];
    int64_t commit_tries;
    char commit_cid[SLK_CID_CHARS];
} slk_client_row;

SLK_MUST_CHECK slk_err slk_client_row_read(slk_client_row *ret_row, slk_seal *seal, uint64_t sp_id,
                                           uint64_t number, slk_error *error);

/* CommD and CommR out of the CIDs; SLK_E_INVAL naming the one that is wrong. */
SLK_MUST_CHECK slk_err slk_seal_parse_cids(slk_seal_commitments *ret,
                                           const slk_seal_completion *completion, slk_error *error);

/* Files of a sector under a folder: folder/sealed/s-t01000-7, folder/cache/s-t01000-7, and the
 * folder of its C1 files, folder/c1/s-t01000-7. Heap, slk_seal_places_done. */
typedef struct slk_seal_places {
    char *sealed;
    char *cache;
    char *c1;
} slk_seal_places;
SLK_MUST_CHECK slk_err slk_seal_places_of(slk_seal_places *ret, const char *folder, uint64_t sp_id,
                                          uint64_t number, slk_error *error);
void slk_seal_places_done(slk_seal_places *places);
/* c1/s-t01000-7/<seed hex>.json; NULL when out of memory. */
char *slk_seal_c1_path(const slk_seal_places *places, const uint8_t seed[32]) SLK_MUST_CHECK;

/* The peer's token in clear, for the length of a scope; wiped by slk_seal_token_done. */
typedef struct slk_seal_token {
    slk_buf text;
} slk_seal_token;
SLK_MUST_CHECK slk_err slk_seal_token_open(slk_seal_token *ret, slk_seal *seal, const char *wrapped,
                                           slk_error *error);
void slk_seal_token_done(slk_seal_token *token);

/* The network's constants. SLK_E_BUSY, which waits and blames nobody: the chain node is on another
 * network than the one that this database's sectors are for, which is the first it ever met. */
SLK_MUST_CHECK slk_err slk_seal_network_read(slk_seal_network *ret_network, slk_seal *seal,
                                             slk_error *error);

/* A change by this node, now. */
slk_change slk_seal_change(const slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id,
                           uint64_t number, slk_event event, const char *actor, const char *detail);
/* One edge, or one note, in a transaction of its own. */
SLK_MUST_CHECK slk_err slk_seal_apply(slk_seal *seal, const slk_change *change, slk_error *error);
SLK_MUST_CHECK slk_err slk_seal_note(slk_seal *seal, const slk_change *change, const char *event,
                                     slk_error *error);

/* Random version-4 UUID as text. */
void slk_seal_uuid(char out37[37]);
/* n random bytes as hex, n <= 32. */
void slk_seal_random_hex(char *out, size_t n);

/* Run function helpers. */
slk_err slk_task_wait(slk_task *task, int64_t ms, const char *format, ...) SLK_PRINTF(3, 4);
/* Wait so long for files that another process uses: it tells nobody here when they are free. */
#define SLK_TASK_FILES_WAIT_MS 200
/* SLK_E_CANCELED when the task was dropped or taken over meanwhile. For who has just taken a sector's
 * files: they may have been removed, for good, while it waited for them. */
SLK_MUST_CHECK slk_err slk_task_check_ours(const slk_task *task, slk_error *error);
void slk_task_reason(slk_task *task, const char *reason); /* should it fail, this is why */
void slk_task_give_up(slk_task *task, const char *reason); /* it fails now, for this reason */
void slk_task_note(slk_task *task, const char *format, ...) SLK_PRINTF(2, 3);

/* That the row r has no task of that kind. A look at one key for each row: a planner may not make it a join,
 * which PostgreSQL, as long as it has no statistics, does by reading all tasks of the kind for each row. */
#define SLK_STEP_NO_TASK(kind)                                                 \
    "(SELECT t.id FROM task t WHERE t.kind = '" kind "' AND t.sp_id = r.sp_id" \
    " AND t.sector_number = r.sector_number) IS NULL"

/* Run functions of the steps (provider_steps.c, client_*.c) and their save functions. */
slk_err slk_step_provider_ticket(slk_task *task, slk_error *error);
slk_err slk_step_provider_ticket_save(slk_task *task, slk_db *db, slk_error *error);
slk_err slk_step_provider_ticket_find(uint64_t ret_keys[SLK_STEP_FIND_MAX][2], size_t *ret_n,
                                      slk_seal *seal, slk_db *db, slk_error *error);
slk_err slk_step_provider_sdr(slk_task *task, slk_error *error);
void slk_step_provider_sdr_many(slk_task *const *tasks, size_t n, slk_task_ended *ended,
                                void *context);
slk_err slk_step_provider_trees(slk_task *task, slk_error *error);
slk_err slk_step_provider_trees_save(slk_task *task, slk_db *db, slk_error *error);
slk_err slk_step_provider_notify(slk_task *task, slk_error *error);
slk_err slk_step_provider_finalize(slk_task *task, slk_error *error);
slk_err slk_step_provider_cleanup(slk_task *task, slk_error *error);
slk_err slk_step_client_delegate(slk_task *task, slk_error *error);
slk_err slk_step_client_renew(slk_task *task, slk_error *error);
slk_err slk_step_client_renew_save(slk_task *task, slk_db *db, slk_error *error);
slk_err slk_step_client_let_go(slk_task *task, slk_error *error);
slk_err slk_step_client_poll(slk_task *task, slk_error *error);
slk_err slk_step_client_poll_save(slk_task *task, slk_db *db, slk_error *error);
slk_err slk_step_client_fetch(slk_task *task, slk_error *error);
slk_err slk_step_client_verify(slk_task *task, slk_error *error);
slk_err slk_step_client_precommit(slk_task *task, slk_error *error);
slk_err slk_step_client_precommit_wait(slk_task *task, slk_error *error);
slk_err slk_step_client_seed(slk_task *task, slk_error *error);
slk_err slk_step_client_c1(slk_task *task, slk_error *error);
slk_err slk_step_client_c2(slk_task *task, slk_error *error);
slk_err slk_step_client_c2_save(slk_task *task, slk_db *db, slk_error *error);
slk_err slk_step_client_commit(slk_task *task, slk_error *error);
slk_err slk_step_client_commit_wait(slk_task *task, slk_error *error);
/* Of all steps that look at the chain. */
slk_err slk_step_client_chain_save(slk_task *task, slk_db *db, slk_error *error);
slk_err slk_step_client_release(slk_task *task, slk_error *error);

/* Ends what is over and notes what is about to be; cheap when there is nothing. */
SLK_MUST_CHECK slk_err slk_provider_leases_look(slk_seal *seal, slk_error *error);
/* A lease for failed rows that have none. */
SLK_MUST_CHECK slk_err slk_provider_leases_give(slk_seal *seal, slk_error *error);

/* The sector gets its turn: its partner's share moves on (provider_share.c). Inside a transaction. */
/* provider_relabel.c: whether layers that are lost may be made again: twice, counted anew after an
 * operator's retry. */
SLK_MUST_CHECK slk_err slk_provider_may_relabel(bool *ret_may, slk_seal *seal, uint64_t sp_id,
                                                uint64_t number, slk_error *error);
/* Inside a transaction: the room that labelling takes is reserved. */
SLK_MUST_CHECK slk_err slk_provider_reserve_labels(slk_db *db, uint64_t sp_id, uint64_t number,
                                                   int64_t seal_proof, slk_error *error);
/* C1 of a sealed sector cannot be made for lack of layers: it is labelled again (SLK_E_BUSY), or, when
 * that was done too often, has failed (SLK_E_CONFLICT). Never SLK_OK. */
SLK_MUST_CHECK slk_err slk_provider_lost_layers(slk_seal *seal, const slk_provider_row *row,
                                                const char *why, slk_error *error);
SLK_MUST_CHECK slk_err slk_provider_share_charge(slk_db *db, uint64_t sp_id, uint64_t number,
                                                 slk_error *error);

/* A step between seed and commit failed with code: a provider or parameters are waited for, but not
 * longer than the chain waits for us. Returns code; past the deadline the sector fails. */
slk_err slk_client_check_deadline(slk_task *task, const slk_client_row *row, slk_err code,
                                  slk_error *error);

/* A pre-commit of the replica went into a message or was seen on chain: no other replica can have
 * the number, so the sector stays with its provider. */
bool slk_client_may_have_deposit(const slk_client_row *row);
/* The present provider will not do (row: as read by the step): notes outcome and why on the
 * placement, then takes the edge reorder if another provider of the miner can have the sector and
 * there is no deposit to lose, else gives up with the reason (SLK_E_PROTO). */
SLK_MUST_CHECK slk_err slk_client_replace(slk_task *task, const slk_client_row *row,
                                          const char *outcome, const char *reason, const char *why,
                                          slk_error *error);
/* The same when nothing has moved for still_ms, if that is too long, when what moves has not ended for
 * ten days (and three times what is too long), or when the provider is to be left: *ret_moved tells
 * whether the task's edge is now the reorder. Where no other can have the sector, this one is waited
 * for. */
SLK_MUST_CHECK slk_err slk_client_leave_stalled(bool *ret_moved, slk_task *task,
                                                const slk_client_row *row, int64_t still_ms,
                                                const char *why, slk_error *error);
SLK_MUST_CHECK slk_err slk_client_note_outcome(slk_seal *seal, const slk_client_row *row,
                                               const char *outcome, const char *why,
                                               slk_error *error);
/* Median time from order to sealed of a provider's last deliveries; 0 when there are none. */
SLK_MUST_CHECK slk_err slk_client_usual_ms(int64_t *ret_ms, slk_db *db, int64_t provider_id,
                                           slk_error *error);
/* Enabled providers of the miner that never had the sector. */
SLK_MUST_CHECK slk_err slk_client_alternatives(uint64_t *ret_n, slk_db *db, uint64_t sp_id,
                                               uint64_t number, slk_error *error);

/* What the chain has of the sector or may yet get from a message of ours, as in "the chain has ...";
 * NULL: nothing, its files serve nobody. Only a node in sync and on our network is believed; with
 * any other it is an error. */
SLK_MUST_CHECK slk_err slk_client_chain_counts(const char **ret_what, slk_seal *seal,
                                               const slk_client_row *row, slk_error *error);

/* Drops the slots that are over at that time. */
SLK_MUST_CHECK slk_err slk_seal_collect_slots(slk_db *db, const slk_seal *seal, int64_t now_ms,
                                              slk_error *error);

/* Start of a client: all leases are to be renewed at once, for how much of them is over nobody knows. */
SLK_MUST_CHECK slk_err slk_client_leases_anew(slk_seal *seal, slk_error *error);
/* Notes for how long from now the provider keeps the sector, and when that is to be renewed; inside a
 * transaction. */
SLK_MUST_CHECK slk_err slk_client_store_lease(slk_db *db, const slk_seal *seal, uint64_t sp_id,
                                              uint64_t number, int64_t left_ms, slk_error *error);

/* Stops counting on a provider that lied: no new orders go to it, unfinished ones go elsewhere. */
SLK_MUST_CHECK slk_err slk_client_distrust(slk_seal *seal, int64_t provider_id, const char *why,
                                           slk_error *error);
/* Notes what a provider says it made; inside a transaction. The row is new or ordered. */
SLK_MUST_CHECK slk_err slk_client_store_completion(slk_db *db, const slk_seal_sector *sector,
                                                   const slk_seal_completion *completion,
                                                   slk_error *error);

#endif
