/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/state.h"

#include "base/mem.h"
#include "db/args.h"

#include <stdio.h>
#include <string.h>

static const char *const pipeline_name[SLK_PIPELINE_COUNT] = {
    [SLK_PIPELINE_PROVIDER] = "provider",
    [SLK_PIPELINE_CLIENT] = "client",
};

static const char *const state_name[SLK_STATE_COUNT] = {
    [SLK_PS_ORDERED] = "ordered",
    [SLK_PS_TICKETED] = "ticketed",
    [SLK_PS_LABELED] = "labeled",
    [SLK_PS_SEALED] = "sealed",
    [SLK_PS_FINALIZED] = "finalized",
    [SLK_PS_CLEANED] = "cleaned",
    [SLK_CS_NEW] = "new",
    [SLK_CS_ORDERED] = "ordered",
    [SLK_CS_SEALED] = "sealed",
    [SLK_CS_FETCHED] = "fetched",
    [SLK_CS_VERIFIED] = "verified",
    [SLK_CS_PRECOMMIT_SENT] = "precommit_sent",
    [SLK_CS_PRECOMMITTED] = "precommitted",
    [SLK_CS_SEEDED] = "seeded",
    [SLK_CS_VANILLA] = "vanilla",
    [SLK_CS_PROVEN] = "proven",
    [SLK_CS_COMMIT_SENT] = "commit_sent",
    [SLK_CS_PROVING] = "proving",
};

static const char *const state_next[SLK_STATE_COUNT] = {
    [SLK_PS_ORDERED] = "a ticket is drawn",
    [SLK_PS_TICKETED] = "the layers are labelled",
    [SLK_PS_LABELED] = "trees and replica are made",
    [SLK_PS_SEALED] = "the client fetches it and asks for C1",
    [SLK_PS_FINALIZED] = "the client asks to clean up",
    [SLK_PS_CLEANED] = "nothing: it is done, and the record is dropped later",
    [SLK_CS_NEW] = "a provider is asked to seal it",
    [SLK_CS_ORDERED] = "the provider seals it",
    [SLK_CS_SEALED] = "replica and cache are fetched",
    [SLK_CS_FETCHED] = "the replica is checked",
    [SLK_CS_VERIFIED] = "the pre-commit is sent",
    [SLK_CS_PRECOMMIT_SENT] = "the pre-commit lands",
    [SLK_CS_PRECOMMITTED] = "the seed's epoch comes",
    [SLK_CS_SEEDED] = "the provider makes C1 for the seed",
    [SLK_CS_VANILLA] = "the proof is made",
    [SLK_CS_PROVEN] = "the commit is sent",
    [SLK_CS_COMMIT_SENT] = "the commit lands",
    [SLK_CS_PROVING] = "nothing: it is done",
};

static const char *const event_name[SLK_EVENT_COUNT] = {
    [SLK_EV_TICKETED] = "ticketed",
    [SLK_EV_LABELED] = "labeled",
    [SLK_EV_RELABEL] = "relabel",
    [SLK_EV_TREES_DONE] = "trees_done",
    [SLK_EV_NOTIFIED] = "notified",
    [SLK_EV_FINALIZE_ASKED] = "finalize_asked",
    [SLK_EV_FINALIZED] = "finalized",
    [SLK_EV_CLEANUP_ASKED] = "cleanup_asked",
    [SLK_EV_CLEANED] = "cleaned",
    [SLK_EV_ORDERED] = "ordered",
    [SLK_EV_REFUSED] = "refused",
    [SLK_EV_SEALED] = "sealed",
    [SLK_EV_FETCHED] = "fetched",
    [SLK_EV_REORDER] = "reorder",
    [SLK_EV_REFETCH] = "refetch",
    [SLK_EV_RECHECK] = "recheck",
    [SLK_EV_VERIFIED] = "verified",
    [SLK_EV_PRECOMMIT_SENT] = "precommit_sent",
    [SLK_EV_PRECOMMIT_AGAIN] = "precommit_again",
    [SLK_EV_PRECOMMITTED] = "precommitted",
    [SLK_EV_SEEDED] = "seeded",
    [SLK_EV_RESEED] = "reseed",
    [SLK_EV_C1_AGAIN] = "c1_again",
    [SLK_EV_PROVE_AGAIN] = "prove_again",
    [SLK_EV_VANILLA] = "vanilla",
    [SLK_EV_PROVEN] = "proven",
    [SLK_EV_COMMIT_SENT] = "commit_sent",
    [SLK_EV_COMMIT_AGAIN] = "commit_again",
    [SLK_EV_ON_CHAIN] = "on_chain",
    [SLK_EV_RELEASED] = "released",
    [SLK_EV_RENEWED] = "renewed",
    [SLK_EV_LET_GO] = "let_go",
    [SLK_EV_FAILED] = "failed",
    [SLK_EV_RETRY] = "retry",
};

static const struct edge {
    slk_state from;
    slk_event event;
    slk_state to;
} edges[] = {
    {SLK_PS_ORDERED, SLK_EV_TICKETED, SLK_PS_TICKETED},
    {SLK_PS_TICKETED, SLK_EV_LABELED, SLK_PS_LABELED},
    {SLK_PS_LABELED, SLK_EV_RELABEL, SLK_PS_TICKETED},
    {SLK_PS_SEALED, SLK_EV_RELABEL, SLK_PS_TICKETED},
    {SLK_PS_LABELED, SLK_EV_TREES_DONE, SLK_PS_SEALED},
    {SLK_PS_SEALED, SLK_EV_NOTIFIED, SLK_PS_SEALED},
    {SLK_PS_FINALIZED, SLK_EV_NOTIFIED, SLK_PS_FINALIZED},
    {SLK_PS_SEALED, SLK_EV_FINALIZE_ASKED, SLK_PS_SEALED},
    {SLK_PS_SEALED, SLK_EV_FINALIZED, SLK_PS_FINALIZED},
    {SLK_PS_ORDERED, SLK_EV_CLEANUP_ASKED, SLK_PS_ORDERED},
    {SLK_PS_TICKETED, SLK_EV_CLEANUP_ASKED, SLK_PS_TICKETED},
    {SLK_PS_LABELED, SLK_EV_CLEANUP_ASKED, SLK_PS_LABELED},
    {SLK_PS_SEALED, SLK_EV_CLEANUP_ASKED, SLK_PS_SEALED},
    {SLK_PS_FINALIZED, SLK_EV_CLEANUP_ASKED, SLK_PS_FINALIZED},
    {SLK_PS_ORDERED, SLK_EV_CLEANED, SLK_PS_CLEANED},
    {SLK_PS_TICKETED, SLK_EV_CLEANED, SLK_PS_CLEANED},
    {SLK_PS_LABELED, SLK_EV_CLEANED, SLK_PS_CLEANED},
    {SLK_PS_SEALED, SLK_EV_CLEANED, SLK_PS_CLEANED},
    {SLK_PS_FINALIZED, SLK_EV_CLEANED, SLK_PS_CLEANED},

    {SLK_CS_NEW, SLK_EV_ORDERED, SLK_CS_ORDERED},
    {SLK_CS_NEW, SLK_EV_REFUSED, SLK_CS_NEW},
    {SLK_CS_NEW, SLK_EV_REORDER, SLK_CS_NEW},
    {SLK_CS_ORDERED, SLK_EV_REORDER, SLK_CS_NEW},
    {SLK_CS_SEALED, SLK_EV_REORDER, SLK_CS_NEW},
    {SLK_CS_FETCHED, SLK_EV_REORDER, SLK_CS_NEW},
    {SLK_CS_VERIFIED, SLK_EV_REORDER, SLK_CS_NEW},
    {SLK_CS_PRECOMMIT_SENT, SLK_EV_REORDER, SLK_CS_NEW},
    {SLK_CS_ORDERED, SLK_EV_SEALED, SLK_CS_SEALED},
    {SLK_CS_SEALED, SLK_EV_FETCHED, SLK_CS_FETCHED},
    {SLK_CS_FETCHED, SLK_EV_REFETCH, SLK_CS_SEALED},
    {SLK_CS_VERIFIED, SLK_EV_REFETCH, SLK_CS_SEALED},
    {SLK_CS_PRECOMMIT_SENT, SLK_EV_REFETCH, SLK_CS_SEALED},
    {SLK_CS_PRECOMMITTED, SLK_EV_REFETCH, SLK_CS_SEALED},
    {SLK_CS_SEEDED, SLK_EV_REFETCH, SLK_CS_SEALED},
    {SLK_CS_VANILLA, SLK_EV_REFETCH, SLK_CS_SEALED},
    {SLK_CS_PROVEN, SLK_EV_REFETCH, SLK_CS_SEALED},
    {SLK_CS_COMMIT_SENT, SLK_EV_REFETCH, SLK_CS_SEALED},
    {SLK_CS_VERIFIED, SLK_EV_RECHECK, SLK_CS_FETCHED},
    {SLK_CS_PRECOMMIT_SENT, SLK_EV_RECHECK, SLK_CS_FETCHED},
    {SLK_CS_PRECOMMITTED, SLK_EV_RECHECK, SLK_CS_FETCHED},
    {SLK_CS_SEEDED, SLK_EV_RECHECK, SLK_CS_FETCHED},
    {SLK_CS_VANILLA, SLK_EV_RECHECK, SLK_CS_FETCHED},
    {SLK_CS_PROVEN, SLK_EV_RECHECK, SLK_CS_FETCHED},
    {SLK_CS_COMMIT_SENT, SLK_EV_RECHECK, SLK_CS_FETCHED},
    {SLK_CS_FETCHED, SLK_EV_VERIFIED, SLK_CS_VERIFIED},
    {SLK_CS_VERIFIED, SLK_EV_PRECOMMIT_SENT, SLK_CS_PRECOMMIT_SENT},
    {SLK_CS_VERIFIED, SLK_EV_PRECOMMITTED, SLK_CS_PRECOMMITTED},
    {SLK_CS_VERIFIED, SLK_EV_ON_CHAIN, SLK_CS_PROVING},
    {SLK_CS_PRECOMMIT_SENT, SLK_EV_PRECOMMIT_AGAIN, SLK_CS_VERIFIED},
    {SLK_CS_PRECOMMIT_SENT, SLK_EV_PRECOMMITTED, SLK_CS_PRECOMMITTED},
    {SLK_CS_PRECOMMIT_SENT, SLK_EV_ON_CHAIN, SLK_CS_PROVING},
    {SLK_CS_PRECOMMITTED, SLK_EV_PRECOMMIT_AGAIN, SLK_CS_VERIFIED},
    {SLK_CS_PRECOMMITTED, SLK_EV_SEEDED, SLK_CS_SEEDED},
    {SLK_CS_PRECOMMITTED, SLK_EV_ON_CHAIN, SLK_CS_PROVING},
    {SLK_CS_SEEDED, SLK_EV_RESEED, SLK_CS_PRECOMMITTED},
    {SLK_CS_SEEDED, SLK_EV_VANILLA, SLK_CS_VANILLA},
    {SLK_CS_SEEDED, SLK_EV_ON_CHAIN, SLK_CS_PROVING},
    {SLK_CS_VANILLA, SLK_EV_RESEED, SLK_CS_PRECOMMITTED},
    {SLK_CS_VANILLA, SLK_EV_C1_AGAIN, SLK_CS_SEEDED},
    {SLK_CS_PROVEN, SLK_EV_C1_AGAIN, SLK_CS_SEEDED},
    {SLK_CS_PROVEN, SLK_EV_PROVE_AGAIN, SLK_CS_VANILLA},
    {SLK_CS_VANILLA, SLK_EV_PROVEN, SLK_CS_PROVEN},
    {SLK_CS_VANILLA, SLK_EV_ON_CHAIN, SLK_CS_PROVING},
    {SLK_CS_PROVEN, SLK_EV_RESEED, SLK_CS_PRECOMMITTED},
    {SLK_CS_PROVEN, SLK_EV_COMMIT_SENT, SLK_CS_COMMIT_SENT},
    {SLK_CS_PROVEN, SLK_EV_ON_CHAIN, SLK_CS_PROVING},
    {SLK_CS_COMMIT_SENT, SLK_EV_RESEED, SLK_CS_PRECOMMITTED},
    {SLK_CS_COMMIT_SENT, SLK_EV_COMMIT_AGAIN, SLK_CS_PROVEN},
    {SLK_CS_COMMIT_SENT, SLK_EV_ON_CHAIN, SLK_CS_PROVING},
    {SLK_CS_PROVING, SLK_EV_RELEASED, SLK_CS_PROVING},
};

const char *slk_pipeline_name(slk_pipeline pipeline)
{
    slk_assert(pipeline < SLK_PIPELINE_COUNT);
    return pipeline_name[pipeline];
}

const char *slk_state_name(slk_state state)
{
    slk_assert(state < SLK_STATE_COUNT);
    return state_name[state];
}

const char *slk_event_name(slk_event event)
{
    slk_assert(event < SLK_EVENT_COUNT);
    return event_name[event];
}

const char *slk_state_next(slk_state state)
{
    slk_assert(state < SLK_STATE_COUNT);
    return state_next[state];
}

slk_pipeline slk_state_pipeline(slk_state state)
{
    return state < SLK_CS_NEW ? SLK_PIPELINE_PROVIDER : SLK_PIPELINE_CLIENT;
}

bool slk_state_parse(slk_state *ret_state, slk_pipeline pipeline, const char *name)
{
    for (slk_state s = 0; s < SLK_STATE_COUNT; s++) {
        if (slk_state_pipeline(s) == pipeline && strcmp(state_name[s], name) == 0) {
            *ret_state = s;
            return true;
        }
    }
    return false;
}

/* With the brake on only clean-up moves: the provider's files go, the client lets its provider go. */
static bool edge_while_failed(slk_state *ret_to, slk_state from, slk_event event)
{
    bool client = slk_state_pipeline(from) == SLK_PIPELINE_CLIENT;
    if (event == SLK_EV_RETRY && from != SLK_PS_CLEANED) {
        *ret_to = from;
        return true;
    }
    if (event == SLK_EV_RELEASED && client) {
        *ret_to = from;
        return true;
    }
    return false;
}

/* Events that leave the state as it is, wherever it stands. */
static bool applies_anywhere(slk_state from, bool failed, slk_event event)
{
    if (event == SLK_EV_LET_GO)
        return slk_state_pipeline(from) == SLK_PIPELINE_CLIENT;
    if (event == SLK_EV_RENEWED)
        return from >= SLK_CS_SEALED && from <= SLK_CS_COMMIT_SENT;
    return !failed && from != SLK_PS_CLEANED && from != SLK_CS_PROVING;
}

bool slk_state_edge(slk_state *ret_to, slk_state from, bool failed, slk_event event)
{
    if (event == SLK_EV_FAILED || event == SLK_EV_LET_GO || event == SLK_EV_RENEWED) {
        bool applies = applies_anywhere(from, failed, event);
        if (applies)
            *ret_to = from;
        return applies;
    }
    if (failed && edge_while_failed(ret_to, from, event))
        return true;
    if (failed && event != SLK_EV_CLEANUP_ASKED && event != SLK_EV_CLEANED)
        return false;
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        if (edges[i].from == from && edges[i].event == event) {
            *ret_to = edges[i].to;
            return true;
        }
    }
    return false;
}

/* ---- applying an edge ---- */

static const slk_sql read_row[SLK_PIPELINE_COUNT] = {
    [SLK_PIPELINE_PROVIDER] = {"provider.state", "SELECT state, failed FROM rseal_provider_pipeline"
                                                 " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_PIPELINE_CLIENT] = {"client.state", "SELECT state, failed FROM rseal_client_pipeline"
                                             " WHERE sp_id = $1 AND sector_number = $2"},
};

/* state_ms is when the state was reached: a self edge leaves it. So it leaves the client's task; what
 * another state asks for is another one. The row is found by its key, and not by its state: without statistics
 * PostgreSQL might read all of the miner's rows in that state. */
#define IS_STATE "CASE WHEN state = $3 THEN 1 ELSE 0 END = 1"
static const slk_sql write_row[SLK_PIPELINE_COUNT] = {
    [SLK_PIPELINE_PROVIDER] = {"provider.move",
                               "UPDATE rseal_provider_pipeline SET state = $4,"
                               " state_ms = CASE WHEN state = $4 THEN state_ms ELSE $5 END"
                               " WHERE sp_id = $1 AND sector_number = $2 AND " IS_STATE},
    [SLK_PIPELINE_CLIENT] = {"client.move",
                             "UPDATE rseal_client_pipeline SET state = $4,"
                             " state_ms = CASE WHEN state = $4 THEN state_ms ELSE $5 END,"
                             " task_id_step = CASE WHEN state = $4 THEN task_id_step END"
                             " WHERE sp_id = $1 AND sector_number = $2 AND " IS_STATE},
};

static const slk_sql brake[SLK_PIPELINE_COUNT] = {
    [SLK_PIPELINE_PROVIDER] = {"provider.brake",
                               "UPDATE rseal_provider_pipeline SET failed = $3, failed_at = $4,"
                               " failed_reason = $5, failed_reason_msg = $6"
                               " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_PIPELINE_CLIENT] = {"client.brake",
                             "UPDATE rseal_client_pipeline SET failed = $3, failed_at = $4,"
                             " failed_reason = $5, failed_reason_msg = $6"
                             " WHERE sp_id = $1 AND sector_number = $2"},
};
static const slk_sql brake_sdr = {"sdr.brake",
                                  "UPDATE sectors_sdr_pipeline SET failed = $3, failed_at = $4,"
                                  " failed_reason = $5, failed_reason_msg = $6"
                                  " WHERE sp_id = $1 AND sector_number = $2"};

/* A sector that has been sent to the chain was verified, whatever is looked at again. */
#define STILL_VERIFIED                                                                     \
    " after_verify = CASE WHEN EXISTS (SELECT 1 FROM sectors_sdr_pipeline s WHERE s.sp_id" \
    " = $1 AND s.sector_number = $2 AND (s.precommit_uuid IS NOT NULL OR"                  \
    " s.after_precommit_msg = 1)) THEN 1 ELSE 0 END"

/* What an event sets in the columns operators query, beyond state. text NULL: nothing. */
static const slk_sql effect[SLK_EVENT_COUNT] = {
    [SLK_EV_LABELED] = {"provider.labeled",
                        "UPDATE rseal_provider_pipeline SET after_sdr = 1, after_tree_d = 1"
                        " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_RELABEL] = {"provider.relabel",
                        "UPDATE rseal_provider_pipeline SET after_sdr = 0, after_tree_d = 0,"
                        " after_tree_c = 0, after_tree_r = 0, cleanup_timeout = NULL"
                        " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_TREES_DONE] = {"provider.trees_done",
                           "UPDATE rseal_provider_pipeline SET after_tree_c = 1, after_tree_r = 1"
                           " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_NOTIFIED] = {"provider.notified",
                         "UPDATE rseal_provider_pipeline SET after_notify_client = 1"
                         " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_FINALIZE_ASKED] =
        {"provider.finalize_asked",
         "UPDATE rseal_provider_pipeline SET finalize_requested = 1, after_c1_supplied = 1"
         " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_FINALIZED] = {"provider.finalized",
                          "UPDATE rseal_provider_pipeline SET after_finalize = 1,"
                          " reserved_bytes = 0 WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_CLEANUP_ASKED] = {"provider.cleanup_asked",
                              "UPDATE rseal_provider_pipeline SET cleanup_requested = 1"
                              " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_CLEANED] =
        {"provider.cleaned",
         "UPDATE rseal_provider_pipeline SET after_cleanup = 1, cleaned_at = state_ms,"
         " reserved_bytes = 0 WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_ORDERED] = {"client.ordered", "UPDATE rseal_client_pipeline SET after_delegate = 1"
                                          " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_REFUSED] = {"client.refused", "UPDATE rseal_client_pipeline SET provider_id = NULL"
                                          " WHERE sp_id = $1 AND sector_number = $2"},
    /* Until when it is kept is known if it was asked: else it is, within the hour. */
    [SLK_EV_SEALED] = {"client.sealed",
                       "UPDATE rseal_client_pipeline SET after_sdr = 1, renew_ms ="
                       " CASE WHEN renew_ms > 0 THEN renew_ms ELSE 3600000 +"
                       " COALESCE((SELECT lived_ms FROM seal_time WHERE id = 1), 0) END"
                       " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_FETCHED] = {"client.fetched", "UPDATE rseal_client_pipeline SET after_fetch = 1"
                                          " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_REORDER] =
        {"client.reorder",
         "UPDATE rseal_client_pipeline SET provider_id = NULL, after_delegate = 0,"
         " after_sdr = 0, after_fetch = 0, after_verify = 0, after_cleanup = 0,"
         " replica_anew = 1, refetches = 0, remote_state = '', remote_stage = '', remote_done = 0,"
         " remote_moved_ms = 0, lease_until_ms = 0, renew_ms = 0"
         " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_REFETCH] = {"client.refetch",
                        "UPDATE rseal_client_pipeline SET after_fetch = 0, replica_anew = 1,"
                        " refetches = refetches + 1," STILL_VERIFIED
                        " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_RECHECK] = {"client.recheck", "UPDATE rseal_client_pipeline SET" STILL_VERIFIED
                                          " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_VERIFIED] = {"client.verified", "UPDATE rseal_client_pipeline SET after_verify = 1"
                                            " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_PRECOMMIT_SENT] = {"client.precommit_sent",
                               "UPDATE sectors_sdr_pipeline SET after_precommit_msg = 1"
                               " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_PRECOMMIT_AGAIN] =
        {"client.precommit_again",
         "UPDATE sectors_sdr_pipeline SET after_precommit_msg = 0,"
         " after_precommit_msg_success = 0, precommit_uuid = NULL, precommit_msg_cid = NULL,"
         " precommit_ready_ms = NULL, precommit_epoch = NULL, precommit_deposit = NULL,"
         " precommit_tries = precommit_tries + 1 WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_PRECOMMITTED] = {"client.precommitted",
                             "UPDATE sectors_sdr_pipeline SET after_precommit_msg = 1,"
                             " after_precommit_msg_success = 1"
                             " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_RESEED] = {"client.reseed",
                       "UPDATE sectors_sdr_pipeline SET seed_epoch = NULL, seed_value = NULL,"
                       " after_c1 = 0, after_porep = 0, porep_proof = NULL, commit_uuid = NULL,"
                       " commit_msg_cid = NULL, commit_ready_ms = NULL, after_commit_msg = 0,"
                       " commit_tries = commit_tries + 1"
                       " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_C1_AGAIN] =
        {"client.c1_again",
         "UPDATE sectors_sdr_pipeline SET after_c1 = 0, after_porep = 0,"
         " c1_anew = 1, porep_proof = NULL WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_PROVE_AGAIN] = {"client.prove_again",
                            "UPDATE sectors_sdr_pipeline SET after_porep = 0, porep_proof = NULL"
                            " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_VANILLA] = {"client.vanilla", "UPDATE sectors_sdr_pipeline SET after_c1 = 1"
                                          " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_PROVEN] = {"client.proven", "UPDATE sectors_sdr_pipeline SET after_porep = 1"
                                        " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_COMMIT_SENT] = {"client.commit_sent",
                            "UPDATE sectors_sdr_pipeline SET after_commit_msg = 1"
                            " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_COMMIT_AGAIN] = {"client.commit_again",
                             "UPDATE sectors_sdr_pipeline SET commit_uuid = NULL,"
                             " commit_msg_cid = NULL, commit_ready_ms = NULL,"
                             " after_commit_msg = 0, commit_tries = commit_tries + 1"
                             " WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_ON_CHAIN] = {"client.on_chain",
                         "UPDATE sectors_sdr_pipeline SET after_precommit_msg = 1,"
                         " after_precommit_msg_success = 1, after_commit_msg = 1,"
                         " after_commit_msg_success = 1, after_finalize = 1,"
                         " after_move_storage = 1 WHERE sp_id = $1 AND sector_number = $2"},
    [SLK_EV_RELEASED] = {"client.released", "UPDATE rseal_client_pipeline SET after_cleanup = 1"
                                            " WHERE sp_id = $1 AND sector_number = $2"},
};

/* What an event means to the placement of the sector (schema.h): $3 is the time of the change. */
static const struct placement_effect {
    slk_event event;
    slk_sql sql;
} placement_effect[] = {
    {SLK_EV_ORDERED,
     {"placement.ordered",
      "UPDATE rseal_client_placement SET ordered_ms = $3 WHERE sp_id = $1 AND sector_number = $2"
      " AND ended_ms IS NULL"}},
    {SLK_EV_REFUSED,
     {"placement.refused", "DELETE FROM rseal_client_placement WHERE sp_id = $1"
                           " AND sector_number = $2 AND ended_ms IS NULL AND $3 > 0"}},
    {SLK_EV_SEALED,
     {"placement.sealed",
      "UPDATE rseal_client_placement SET sealed_ms = $3 WHERE sp_id = $1 AND sector_number = $2"
      " AND ended_ms IS NULL AND sealed_ms IS NULL"}},
    {SLK_EV_VERIFIED,
     {"placement.verified",
      "UPDATE rseal_client_placement SET outcome = 'verified', verified_ms = $3"
      " WHERE sp_id = $1 AND sector_number = $2 AND ended_ms IS NULL"}},
    {SLK_EV_RELEASED,
     {"placement.released",
      "UPDATE rseal_client_placement SET ended_ms = $3 WHERE sp_id = $1 AND sector_number = $2"
      " AND ended_ms IS NULL"}},
    {SLK_EV_REORDER,
     {"placement.reorder", "UPDATE rseal_client_placement SET ended_ms = $3, release_owed = 1,"
                           " outcome = CASE WHEN outcome = '' THEN 'withdrawn' ELSE outcome END"
                           " WHERE sp_id = $1 AND sector_number = $2 AND ended_ms IS NULL"}},
};

/* What a sector that is ordered anew forgets: all that its last provider said or made. */
static const slk_sql forget_details = {
    "client.forget_details",
    "UPDATE sectors_sdr_pipeline SET ticket_epoch = NULL, ticket_value = NULL, tree_d_cid = NULL,"
    " tree_r_cid = NULL, precommit_uuid = NULL, precommit_msg_cid = NULL,"
    " precommit_ready_ms = NULL, precommit_group = 0, precommit_expiration = NULL,"
    " precommit_epoch = NULL, precommit_deposit = NULL, after_precommit_msg = 0,"
    " after_precommit_msg_success = 0, seed_epoch = NULL, seed_value = NULL, after_c1 = 0,"
    " after_porep = 0, porep_proof = NULL, commit_uuid = NULL, commit_msg_cid = NULL,"
    " commit_ready_ms = NULL, commit_group = 0, after_commit_msg = 0"
    " WHERE sp_id = $1 AND sector_number = $2"};

static const slk_sql insert_event = {
    "event.insert",
    "INSERT INTO sector_event (sp_id, sector_number, role, at_ms, node, actor, event, from_state,"
    " to_state, detail, took_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
    " (SELECT $4 - max(CASE WHEN e.role = $3 AND e.to_state = $8 THEN e.at_ms END)"
    " FROM sector_event e WHERE e.sp_id = $1 AND e.sector_number = $2))"};

static slk_err write_event(slk_db *db, const slk_change *c, const char *event, const char *from,
                           const char *to, slk_error *error)
{
    return slk_sql_run(
        db, &insert_event,
        SLK_ARGS(slk_arg_u(c->sp_id), slk_arg_u(c->number), slk_arg_t(pipeline_name[c->pipeline]),
                 slk_arg_i(c->now_ms), slk_arg_t(c->node), slk_arg_t(c->actor), slk_arg_t(event),
                 slk_arg_t(from), slk_arg_t(to), slk_arg_t(c->detail ? c->detail : "")),
        NULL, error);
}

slk_err slk_state_note(slk_db *db, const slk_change *change, const char *event, slk_error *error)
{
    return write_event(db, change, event, NULL, NULL, error);
}

slk_err slk_state_read(slk_state *ret_state, bool *ret_failed, slk_db *db, slk_pipeline pipeline,
                       uint64_t sp_id, uint64_t number, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_row(&q, db, &read_row[pipeline], SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)),
                        "sector", error));
    const char *name = slk_column_text(&q, 0);
    slk_state state = SLK_STATE_COUNT;
    if (!name || !slk_state_parse(&state, pipeline, name))
        return slk_fail(error, SLK_E_CORRUPT, "sector %lu of f0%lu has the unknown state %s",
                        (unsigned long)number, (unsigned long)sp_id, name ? name : "(none)");
    *ret_failed = slk_column_bool(&q, 1);
    *ret_state = state;
    return SLK_OK;
}

/* The columns beyond state that go with the event. */
static slk_err apply_effects(slk_db *db, const slk_change *c, slk_error *error)
{
    const slk_arg args[] = {slk_arg_u(c->sp_id), slk_arg_u(c->number), slk_arg_i(c->now_ms)};
    if (effect[c->event].text)
        SLK_TRY(slk_sql_run(db, &effect[c->event], args, 2, NULL, error));
    if (c->pipeline != SLK_PIPELINE_CLIENT)
        return SLK_OK;
    for (size_t i = 0; i < sizeof placement_effect / sizeof *placement_effect; i++)
        if (placement_effect[i].event == c->event)
            SLK_TRY(slk_sql_run(db, &placement_effect[i].sql, args, 3, NULL, error));
    if (c->event == SLK_EV_REORDER)
        return slk_sql_run(db, &forget_details, args, 2, NULL, error);
    return SLK_OK;
}

static slk_err set_brake(slk_db *db, const slk_change *c, slk_error *error)
{
    bool on = c->event == SLK_EV_FAILED;
    const char *reason = on && c->failed_reason ? c->failed_reason : "";
    const char *message = on && c->detail ? c->detail : "";
    slk_arg args[] = {slk_arg_u(c->sp_id),   slk_arg_u(c->number),
                      slk_arg_i(on ? 1 : 0), on ? slk_arg_i(c->now_ms) : slk_arg_t(NULL),
                      slk_arg_t(reason),     slk_arg_t(message)};
    SLK_TRY(slk_sql_run(db, &brake[c->pipeline], args, 6, NULL, error));
    if (c->pipeline == SLK_PIPELINE_CLIENT)
        SLK_TRY(slk_sql_run(db, &brake_sdr, args, 6, NULL, error));
    return SLK_OK;
}

slk_err slk_state_apply(slk_db *db, const slk_change *c, slk_error *error)
{
    slk_assert(slk_db_in_tx(db));
    slk_state from, to;
    bool failed;
    SLK_TRY(slk_state_read(&from, &failed, db, c->pipeline, c->sp_id, c->number, error));
    if (!slk_state_edge(&to, from, failed, c->event))
        return slk_fail(error, SLK_E_CONFLICT, "sector %lu of f0%lu is %s%s: %s does not apply",
                        (unsigned long)c->number, (unsigned long)c->sp_id, state_name[from],
                        failed ? " and failed" : "", event_name[c->event]);
    int64_t changes = 0;
    SLK_TRY(
        slk_sql_run(db, &write_row[c->pipeline],
                    SLK_ARGS(slk_arg_u(c->sp_id), slk_arg_u(c->number), slk_arg_t(state_name[from]),
                             slk_arg_t(state_name[to]), slk_arg_i(c->now_ms)),
                    &changes, error));
    if (changes != 1)
        return slk_fail(error, SLK_E_CONFLICT, "sector %lu of f0%lu moved meanwhile",
                        (unsigned long)c->number, (unsigned long)c->sp_id);
    SLK_TRY(apply_effects(db, c, error));
    if (c->event == SLK_EV_FAILED || c->event == SLK_EV_RETRY)
        SLK_TRY(set_brake(db, c, error));
    return write_event(db, c, event_name[c->event], state_name[from], state_name[to], error);
}

/* ---- fsck ---- */

/* Each selects rows that break one promise of state.h: sp_id, sector_number. */
static const slk_sql broken[] = {
    {"provider: a ticketed sector has no ticket of 32 bytes",
     "SELECT sp_id, sector_number FROM rseal_provider_pipeline WHERE state IN"
     " ('ticketed', 'labeled', 'sealed', 'finalized')"
     " AND (ticket_epoch IS NULL OR ticket_value IS NULL OR length(ticket_value) <> 32)"},
    {"provider: after_sdr disagrees with the state",
     "SELECT sp_id, sector_number FROM rseal_provider_pipeline WHERE state <> 'cleaned' AND"
     " after_sdr <> CASE WHEN state IN ('labeled', 'sealed', 'finalized') THEN 1 ELSE 0 END"},
    {"provider: after_tree_r disagrees with the state",
     "SELECT sp_id, sector_number FROM rseal_provider_pipeline WHERE state <> 'cleaned' AND"
     " after_tree_r <> CASE WHEN state IN ('sealed', 'finalized') THEN 1 ELSE 0 END"},
    {"provider: a sealed sector lacks its CIDs or its time-out",
     "SELECT sp_id, sector_number FROM rseal_provider_pipeline WHERE state IN"
     " ('sealed', 'finalized')"
     " AND (tree_d_cid IS NULL OR tree_r_cid IS NULL OR cleanup_timeout IS NULL)"},
    {"provider: a finalized sector was never asked to be",
     "SELECT sp_id, sector_number FROM rseal_provider_pipeline WHERE state = 'finalized'"
     " AND (finalize_requested = 0 OR after_finalize = 0)"},
    {"provider: after_cleanup disagrees with the state",
     "SELECT sp_id, sector_number FROM rseal_provider_pipeline WHERE"
     " after_cleanup <> CASE WHEN state = 'cleaned' THEN 1 ELSE 0 END"},
    {"client: an ordered sector has no provider",
     "SELECT sp_id, sector_number FROM rseal_client_pipeline WHERE state <> 'new'"
     " AND ((provider_id IS NULL AND after_cleanup = 0) OR after_delegate = 0)"},
    {"client: a sector without its details",
     "SELECT sp_id, sector_number FROM rseal_client_pipeline c WHERE NOT EXISTS (SELECT 1 FROM"
     " sectors_sdr_pipeline s WHERE s.sp_id = c.sp_id AND s.sector_number = c.sector_number)"},
    {"client: a sector in work has no placement with its provider",
     "SELECT c.sp_id, c.sector_number FROM rseal_client_pipeline c WHERE c.provider_id IS NOT NULL"
     " AND c.after_cleanup = 0 AND NOT EXISTS (SELECT 1 FROM rseal_client_placement p WHERE"
     " p.sp_id = c.sp_id AND p.sector_number = c.sector_number AND p.provider_id = c.provider_id"
     " AND p.ended_ms IS NULL)"},
    {"client: a placement is open with a provider that does not have the sector",
     "SELECT p.sp_id, p.sector_number FROM rseal_client_placement p WHERE p.ended_ms IS NULL AND"
     " NOT EXISTS (SELECT 1 FROM rseal_client_pipeline c WHERE c.sp_id = p.sp_id AND"
     " c.sector_number = p.sector_number AND c.provider_id = p.provider_id)"},
    {"client: a sealed sector lacks ticket or CIDs",
     "SELECT c.sp_id, c.sector_number FROM rseal_client_pipeline c JOIN sectors_sdr_pipeline s"
     " ON s.sp_id = c.sp_id AND s.sector_number = c.sector_number"
     " WHERE c.state NOT IN ('new', 'ordered') AND (s.ticket_value IS NULL OR"
     " length(s.ticket_value) <> 32 OR s.tree_r_cid IS NULL OR s.tree_d_cid IS NULL)"},
    {"client: a message before the replica was verified",
     "SELECT c.sp_id, c.sector_number FROM rseal_client_pipeline c JOIN sectors_sdr_pipeline s"
     " ON s.sp_id = c.sp_id AND s.sector_number = c.sector_number"
     " WHERE c.after_verify = 0 AND (s.precommit_uuid IS NOT NULL OR s.after_precommit_msg = 1)"},
    {"client: a sector's message batch is not there, or was dissolved",
     "SELECT s.sp_id, s.sector_number FROM sectors_sdr_pipeline s WHERE"
     " (s.precommit_uuid IS NOT NULL AND NOT EXISTS (SELECT 1 FROM message_batch b"
     " WHERE b.uuid = s.precommit_uuid AND b.state <> 'dissolved')) OR"
     " (s.commit_uuid IS NOT NULL AND NOT EXISTS (SELECT 1 FROM message_batch b"
     " WHERE b.uuid = s.commit_uuid AND b.state <> 'dissolved'))"},
    {"client: a sector whose message was sent has none",
     "SELECT c.sp_id, c.sector_number FROM rseal_client_pipeline c JOIN sectors_sdr_pipeline s"
     " ON s.sp_id = c.sp_id AND s.sector_number = c.sector_number WHERE"
     " (c.state = 'precommit_sent' AND (s.precommit_uuid IS NULL OR s.precommit_msg_cid IS NULL))"
     " OR (c.state = 'commit_sent' AND (s.commit_uuid IS NULL OR s.commit_msg_cid IS NULL))"},
    {"client: a seeded sector lacks its seed",
     "SELECT c.sp_id, c.sector_number FROM rseal_client_pipeline c JOIN sectors_sdr_pipeline s"
     " ON s.sp_id = c.sp_id AND s.sector_number = c.sector_number WHERE c.state IN"
     " ('seeded', 'vanilla', 'proven', 'commit_sent')"
     " AND (s.seed_value IS NULL OR s.precommit_epoch IS NULL)"},
    {"client: a proven sector lacks its proof",
     "SELECT c.sp_id, c.sector_number FROM rseal_client_pipeline c JOIN sectors_sdr_pipeline s"
     " ON s.sp_id = c.sp_id AND s.sector_number = c.sector_number WHERE c.state IN"
     " ('proven', 'commit_sent') AND (s.porep_proof IS NULL OR s.after_porep = 0)"},
    {"a failed sector has no reason",
     "SELECT sp_id, sector_number FROM rseal_provider_pipeline WHERE failed = 1 AND"
     " (failed_reason = '' OR failed_reason_msg = '') UNION ALL"
     " SELECT sp_id, sector_number FROM rseal_client_pipeline WHERE failed = 1 AND"
     " (failed_reason = '' OR failed_reason_msg = '')"},
    {"a task for a sector that is not there",
     "SELECT sp_id, sector_number FROM task t WHERE NOT EXISTS (SELECT 1 FROM"
     " rseal_provider_pipeline p WHERE t.pipeline = 'provider' AND p.sp_id = t.sp_id AND"
     " p.sector_number = t.sector_number) AND NOT EXISTS (SELECT 1 FROM rseal_client_pipeline c"
     " WHERE t.pipeline = 'client' AND c.sp_id = t.sp_id AND c.sector_number = t.sector_number)"},
    {"a partner has a negative allowance",
     "SELECT id, 0 FROM rseal_delegated_partners WHERE allowance_remaining < 0"},
};

slk_err slk_state_visit_broken(slk_db *db, slk_state_visit *visit, void *context, slk_error *error)
{
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        SLK_TRY(slk_state_visit_rows(db, &broken[i], visit, context, error));
    return SLK_OK;
}

slk_err slk_state_visit_rows(slk_db *db, const slk_sql *promise, slk_state_visit *visit,
                             void *context, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, promise, error));
    while (true) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            return SLK_OK;
        SLK_TRY(visit(context, promise->name, slk_column_i64(&q, 0), slk_column_i64(&q, 1), error));
    }
}

struct first_broken {
    uint64_t n;
    char *what;
};

static slk_err note_first(void *context, const char *promise, int64_t a, int64_t b,
                          slk_error *error)
{
    struct first_broken *f = context;
    (void)error;
    if (f->n++ == 0)
        (void)snprintf(f->what, SLK_SEAL_REASON_CHARS, "%s (f0%ld, %ld)", promise, (long)a,
                       (long)b);
    return SLK_OK;
}

slk_err slk_state_check(uint64_t *ret_broken, char *what, slk_db *db, slk_error *error)
{
    struct first_broken f = {0, what};
    SLK_TRY(slk_state_visit_broken(db, note_first, &f, error));
    *ret_broken = f.n;
    return SLK_OK;
}
