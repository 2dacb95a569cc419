/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the client's steps against the chain share: one look at it, and what to make of it.
 *
 * Every step looks at the chain before it acts, so that whatever a crash, a reorg or another
 * operator's tool has done meanwhile is found, not fought. source: reference/chain 1.8, 1.9 */
#ifndef SLK_SEAL_CLIENT_CHAIN_IMPL_H
#define SLK_SEAL_CLIENT_CHAIN_IMPL_H

#include "seal/message_batch_impl.h"
#include "seal/rows_impl.h"

#include <stdbool.h>
#include <stdint.h>

/* Exit codes of a message that the steps tell apart. */
#define SLK_CHAIN_EXIT_INSUFFICIENT_FUNDS 6
#define SLK_CHAIN_EXIT_OUT_OF_GAS 7
#define SLK_CHAIN_EXIT_ILLEGAL_ARGUMENT 16
#define SLK_CHAIN_EXIT_NOT_FOUND 17
#define SLK_CHAIN_EXIT_FORBIDDEN 18
#define SLK_CHAIN_EXIT_NO_FUNDS 19

/* What row and chain say of the task's sector. */
typedef struct slk_look {
    slk_task *task;
    slk_seal *seal;
    const slk_seal_chain *chain;
    slk_client_row row;
    slk_seal_commitments comm;
    slk_seal_network net;
    int64_t head;
    slk_seal_precommit_info precommit;
    slk_seal_sector_info sector;
} slk_look;

SLK_MUST_CHECK slk_err slk_look_begin(slk_look *ret_look, slk_task *task, slk_error *error);

/* The pre-commit on chain is of this replica. */
bool slk_look_is_ours(const slk_look *look);
/* How long until the chain can have changed. */
int64_t slk_look_again_ms(const slk_look *look);
/* Epochs until the ticket is too old for a pre-commit, or the pre-commit for a commit. */
int64_t slk_look_epochs_left(const slk_look *look, slk_seal_message_kind kind);
int64_t slk_look_precommit_epoch(const slk_look *look);

/* What a step hands to slk_step_client_chain_save: the part that its event is about. */
typedef struct slk_chain_output {
    char cid[SLK_CID_CHARS]; /* PRECOMMIT_SENT, COMMIT_SENT */
    slk_seal_precommit_info precommit; /* PRECOMMITTED, SEEDED */
    int64_t seed_epoch; /* SEEDED */
    uint8_t seed[32];
    char pledge[SLK_SEAL_ATTO_CHARS]; /* ON_CHAIN */
    bool alone; /* PRECOMMIT_AGAIN, COMMIT_AGAIN: not with others any more */
} slk_chain_output;
/* The task's output, made; NULL when out of memory. */
slk_chain_output *slk_chain_output_new(slk_task *task);

/* The functions below decide what becomes of the task, and return what its step returns. */

/* The chain has a sector of this number: ours, and all is done once no reorg undoes it; or not, and
 * the number is lost. */
slk_err slk_look_sector_on_chain(slk_look *look, slk_error *error);
/* Our pre-commit is on chain: notes where. */
slk_err slk_look_precommitted(slk_look *look, slk_error *error);
slk_err slk_look_number_taken(slk_look *look, slk_error *error);
slk_err slk_look_ticket_expired(slk_look *look, slk_error *error);
slk_err slk_look_commit_expired(slk_look *look, slk_error *error);
/* Too many messages were sent for the sector without a person having looked. */
slk_err slk_look_check_sends(slk_look *look, int64_t tries, slk_seal_message_kind kind,
                             slk_error *error);
/* A message that ended with this code may do better when it is sent again. */
bool slk_look_worth_resending(int64_t exit_code);
/* The record of a pre-commit we saw is gone: cleaned up, or reorganised away. */
slk_err slk_look_precommit_missing(slk_look *look, slk_error *error);
/* The chain refused the whole message for the sake of one sector, nobody says which: takes the edge,
 * and the sector goes alone from now on. */
slk_err slk_look_go_alone(slk_look *look, slk_event event, slk_error *error);
/* Takes the edge, and says why. */
slk_err slk_look_take(slk_look *look, slk_event event, const char *why);

/* The sector is ready for a message of that kind: joins, and when its batch is closed sends it, or
 * waits for the member that does. */
slk_err slk_batch_step(slk_look *look, slk_seal_message_kind kind, slk_error *error);
/* Searches the sector's message, and keeps what was found. */
slk_err slk_batch_search(slk_seal_landing *ret_landing, slk_batch *batch, slk_seal *seal,
                         slk_error *error);
/* The message is in no block yet: unknown to the node it is pushed again, stuck it gets a higher
 * fee, otherwise it is waited for. */
slk_err slk_batch_urge(slk_look *look, slk_batch *batch, const slk_seal_landing *landing,
                       slk_error *error);

#endif
