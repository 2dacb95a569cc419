/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/schema.h"

#include "seal/load_impl.h"

/* source of table and column names: reference/remote-seal-wire, Tables */
static const char first[] =
    "CREATE TABLE seal_sequence (name TEXT PRIMARY KEY, value BIGINT NOT NULL);"
    "INSERT INTO seal_sequence (name, value) VALUES ('task', 0);"

    "CREATE TABLE node ("
    " name TEXT PRIMARY KEY, roles TEXT NOT NULL, starts BIGINT NOT NULL,"
    " started_ms BIGINT NOT NULL, seen_ms BIGINT NOT NULL);"

    "CREATE TABLE task ("
    " id BIGINT PRIMARY KEY, kind TEXT NOT NULL, pipeline TEXT NOT NULL, class TEXT NOT NULL,"
    " sp_id BIGINT NOT NULL, sector_number BIGINT NOT NULL,"
    " owner TEXT, lease_until_ms BIGINT NOT NULL DEFAULT 0, fence BIGINT NOT NULL DEFAULT 0,"
    " attempts BIGINT NOT NULL DEFAULT 0, waits BIGINT NOT NULL DEFAULT 0,"
    " not_before_ms BIGINT NOT NULL DEFAULT 0, last_error TEXT,"
    " progress_stage TEXT, progress_done BIGINT NOT NULL DEFAULT 0,"
    " progress_total BIGINT NOT NULL DEFAULT 0,"
    " created_ms BIGINT NOT NULL, started_ms BIGINT, stage_ms BIGINT,"
    " UNIQUE (kind, sp_id, sector_number));"
    "CREATE INDEX task_class ON task (class, not_before_ms);"
    "CREATE INDEX task_sector ON task (sp_id, sector_number);"

    "CREATE TABLE sector_event ("
    " id INTEGER PRIMARY KEY, sp_id BIGINT NOT NULL, sector_number BIGINT NOT NULL,"
    " role TEXT NOT NULL, at_ms BIGINT NOT NULL, node TEXT NOT NULL, actor TEXT NOT NULL,"
    " event TEXT NOT NULL, from_state TEXT, to_state TEXT, detail TEXT NOT NULL);"
    "CREATE INDEX sector_event_sector ON sector_event (sp_id, sector_number, id);";

static const char provider[] =
    "CREATE TABLE rseal_delegated_partners ("
    " id INTEGER PRIMARY KEY, partner_name TEXT NOT NULL UNIQUE,"
    " partner_token_hash TEXT NOT NULL UNIQUE, partner_token TEXT NOT NULL,"
    " previous_token_hash TEXT, previous_until_ms BIGINT NOT NULL DEFAULT 0,"
    " partner_url TEXT NOT NULL DEFAULT '',"
    " allowance_remaining BIGINT NOT NULL CHECK (allowance_remaining >= 0),"
    " allowance_total BIGINT NOT NULL CHECK (allowance_total >= 0),"
    " allowed_proof_types TEXT NOT NULL DEFAULT '',"
    " created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);"

    "CREATE TABLE rseal_provider_slots ("
    " slot_token TEXT PRIMARY KEY,"
    " partner_id BIGINT NOT NULL REFERENCES rseal_delegated_partners (id) ON DELETE CASCADE,"
    " expires_ms BIGINT NOT NULL);"

    "CREATE TABLE rseal_provider_pipeline ("
    " sp_id BIGINT NOT NULL, sector_number BIGINT NOT NULL,"
    " partner_id BIGINT NOT NULL REFERENCES rseal_delegated_partners (id),"
    " create_time BIGINT NOT NULL, reg_seal_proof BIGINT NOT NULL,"
    " state TEXT NOT NULL, state_ms BIGINT NOT NULL,"
    " ticket_epoch BIGINT, ticket_value BYTEA, ticket_source TEXT, task_id_ticket BIGINT,"
    " task_id_sdr BIGINT, after_sdr SMALLINT NOT NULL DEFAULT 0,"
    " task_id_tree_d BIGINT, after_tree_d SMALLINT NOT NULL DEFAULT 0,"
    " task_id_tree_c BIGINT, after_tree_c SMALLINT NOT NULL DEFAULT 0,"
    " task_id_tree_r BIGINT, after_tree_r SMALLINT NOT NULL DEFAULT 0,"
    " task_id_notify_client BIGINT, after_notify_client SMALLINT NOT NULL DEFAULT 0,"
    " tree_d_cid TEXT, tree_r_cid TEXT,"
    " after_c1_supplied SMALLINT NOT NULL DEFAULT 0,"
    " finalize_requested SMALLINT NOT NULL DEFAULT 0,"
    " task_id_finalize BIGINT, after_finalize SMALLINT NOT NULL DEFAULT 0,"
    " cleanup_requested SMALLINT NOT NULL DEFAULT 0, cleanup_timeout BIGINT,"
    " task_id_cleanup BIGINT, after_cleanup SMALLINT NOT NULL DEFAULT 0, cleaned_at BIGINT,"
    " failed SMALLINT NOT NULL DEFAULT 0, failed_at BIGINT,"
    " failed_reason VARCHAR(20) NOT NULL DEFAULT '', failed_reason_msg TEXT NOT NULL DEFAULT '',"
    " PRIMARY KEY (sp_id, sector_number));"
    "CREATE INDEX rseal_provider_pipeline_state ON rseal_provider_pipeline (state);"
    "CREATE INDEX rseal_provider_pipeline_partner"
    " ON rseal_provider_pipeline (partner_id, after_cleanup);";

static const char client[] =
    "CREATE TABLE rseal_client_providers ("
    " id INTEGER PRIMARY KEY, sp_id BIGINT NOT NULL, provider_url TEXT NOT NULL,"
    " provider_token TEXT NOT NULL, provider_token_hash TEXT NOT NULL,"
    " provider_name TEXT NOT NULL DEFAULT '',"
    " created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,"
    " enabled SMALLINT NOT NULL DEFAULT 1, disabled_reason TEXT NOT NULL DEFAULT '',"
    " UNIQUE (sp_id, provider_url));"
    "CREATE INDEX rseal_client_providers_token ON rseal_client_providers (provider_token_hash);"

    "CREATE TABLE rseal_client_pipeline ("
    " sp_id BIGINT NOT NULL, sector_number BIGINT NOT NULL,"
    " provider_id BIGINT REFERENCES rseal_client_providers (id),"
    " create_time BIGINT NOT NULL, reg_seal_proof BIGINT NOT NULL,"
    " user_sector_duration_epochs BIGINT NOT NULL DEFAULT 0,"
    " state TEXT NOT NULL, state_ms BIGINT NOT NULL,"
    " task_id_delegate BIGINT, after_delegate SMALLINT NOT NULL DEFAULT 0,"
    " task_id_poll BIGINT, after_sdr SMALLINT NOT NULL DEFAULT 0,"
    " task_id_fetch BIGINT, after_fetch SMALLINT NOT NULL DEFAULT 0,"
    " task_id_verify BIGINT, after_verify SMALLINT NOT NULL DEFAULT 0,"
    " abandon_requested SMALLINT NOT NULL DEFAULT 0,"
    " task_id_cleanup BIGINT, after_cleanup SMALLINT NOT NULL DEFAULT 0,"
    " failed SMALLINT NOT NULL DEFAULT 0, failed_at BIGINT,"
    " failed_reason VARCHAR(20) NOT NULL DEFAULT '', failed_reason_msg TEXT NOT NULL DEFAULT '',"
    " PRIMARY KEY (sp_id, sector_number));"
    "CREATE INDEX rseal_client_pipeline_state ON rseal_client_pipeline (state);"

    "CREATE TABLE sectors_sdr_pipeline ("
    " sp_id BIGINT NOT NULL, sector_number BIGINT NOT NULL,"
    " create_time BIGINT NOT NULL, reg_seal_proof BIGINT NOT NULL,"
    " ticket_epoch BIGINT, ticket_value BYTEA, tree_d_cid TEXT, tree_r_cid TEXT,"
    " precommit_uuid TEXT, precommit_tries BIGINT NOT NULL DEFAULT 0,"
    " task_id_precommit_msg BIGINT, after_precommit_msg SMALLINT NOT NULL DEFAULT 0,"
    " precommit_msg_cid TEXT, precommit_signed_msg TEXT, precommit_expiration BIGINT,"
    " task_id_precommit_wait BIGINT, after_precommit_msg_success SMALLINT NOT NULL DEFAULT 0,"
    " precommit_epoch BIGINT,"
    " task_id_seed BIGINT, seed_epoch BIGINT, seed_value BYTEA,"
    " task_id_c1 BIGINT, after_c1 SMALLINT NOT NULL DEFAULT 0,"
    " task_id_porep BIGINT, after_porep SMALLINT NOT NULL DEFAULT 0, porep_proof BYTEA,"
    " commit_uuid TEXT, commit_tries BIGINT NOT NULL DEFAULT 0,"
    " task_id_commit_msg BIGINT, after_commit_msg SMALLINT NOT NULL DEFAULT 0,"
    " commit_msg_cid TEXT, commit_signed_msg TEXT,"
    " task_id_commit_wait BIGINT, after_commit_msg_success SMALLINT NOT NULL DEFAULT 0,"
    " after_finalize SMALLINT NOT NULL DEFAULT 0, after_move_storage SMALLINT NOT NULL DEFAULT 0,"
    " failed SMALLINT NOT NULL DEFAULT 0, failed_at BIGINT,"
    " failed_reason VARCHAR(20) NOT NULL DEFAULT '', failed_reason_msg TEXT NOT NULL DEFAULT '',"
    " PRIMARY KEY (sp_id, sector_number));";

static const char access[] =
    "CREATE TABLE access_token ("
    " name TEXT PRIMARY KEY, token_hash TEXT NOT NULL UNIQUE, role TEXT NOT NULL,"
    " once SMALLINT NOT NULL DEFAULT 0, created_ms BIGINT NOT NULL,"
    " expires_ms BIGINT NOT NULL DEFAULT 0, used_ms BIGINT NOT NULL DEFAULT 0);"
    "CREATE TABLE access_session ("
    " session_hash TEXT PRIMARY KEY, token_name TEXT NOT NULL, role TEXT NOT NULL,"
    " created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL);"
    "CREATE INDEX access_session_token ON access_session (token_name);"
    "CREATE INDEX sector_event_at ON sector_event (at_ms);";

/* Terms of partners, reservations of disk, shares of the machine, leases, drain. */
static const char business[] =
    "ALTER TABLE rseal_delegated_partners ADD COLUMN weight BIGINT NOT NULL DEFAULT 1;"
    "ALTER TABLE rseal_delegated_partners ADD COLUMN expires_ms BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_delegated_partners ADD COLUMN share BIGINT NOT NULL DEFAULT 0;"

    "CREATE TABLE rseal_partner_miners ("
    " partner_id BIGINT NOT NULL, sp_id BIGINT NOT NULL, max_sectors BIGINT NOT NULL,"
    " PRIMARY KEY (partner_id, sp_id));"

    "ALTER TABLE rseal_provider_slots ADD COLUMN reserved_bytes BIGINT NOT NULL DEFAULT 0;"

    "ALTER TABLE rseal_provider_pipeline ADD COLUMN sector_bytes BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_provider_pipeline ADD COLUMN reserved_bytes BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_provider_pipeline ADD COLUMN started_ms BIGINT;"
    "ALTER TABLE rseal_provider_pipeline ADD COLUMN sealed_ms BIGINT;"
    "ALTER TABLE rseal_provider_pipeline ADD COLUMN lease_warned SMALLINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_provider_pipeline ADD COLUMN cleanup_reason TEXT NOT NULL DEFAULT '';"
    "CREATE INDEX rseal_provider_pipeline_lease ON rseal_provider_pipeline (cleanup_timeout);"

    "CREATE TABLE provider_setting ("
    " name TEXT PRIMARY KEY, value BIGINT NOT NULL, since_ms BIGINT NOT NULL);"

    "INSERT INTO seal_sequence (name, value) VALUES ('admission', 0), ('share', 0);";

/* Sectors that are there when this migration runs get the placement they are in. */
static const char placement[] =
    "ALTER TABLE rseal_client_pipeline RENAME COLUMN abandon_requested TO cancel_requested;"
    "ALTER TABLE rseal_client_pipeline ADD COLUMN replica_anew SMALLINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_client_pipeline ADD COLUMN refetches BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_client_pipeline ADD COLUMN remote_state TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE rseal_client_pipeline ADD COLUMN remote_done BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_client_pipeline ADD COLUMN remote_moved_ms BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_client_pipeline ADD COLUMN task_id_let_go BIGINT;"
    "ALTER TABLE sectors_sdr_pipeline ADD COLUMN c1_anew SMALLINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_client_providers ADD COLUMN price TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE rseal_client_providers ADD COLUMN move_orders SMALLINT NOT NULL DEFAULT 0;"

    "CREATE TABLE rseal_client_placement ("
    " sp_id BIGINT NOT NULL, sector_number BIGINT NOT NULL,"
    " provider_id BIGINT NOT NULL REFERENCES rseal_client_providers (id),"
    " ordered_ms BIGINT NOT NULL, sealed_ms BIGINT, verified_ms BIGINT, ended_ms BIGINT,"
    " outcome TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '',"
    " release_owed SMALLINT NOT NULL DEFAULT 0,"
    " PRIMARY KEY (sp_id, sector_number, provider_id));"
    "CREATE INDEX rseal_client_placement_provider"
    " ON rseal_client_placement (provider_id, sealed_ms);"
    "CREATE INDEX rseal_client_placement_owed ON rseal_client_placement (release_owed);"
    "INSERT INTO rseal_client_placement (sp_id, sector_number, provider_id, ordered_ms, sealed_ms,"
    " ended_ms, outcome) SELECT sp_id, sector_number, provider_id, create_time,"
    " CASE WHEN after_sdr = 1 THEN state_ms END, CASE WHEN after_cleanup = 1 THEN state_ms END,"
    " CASE WHEN after_verify = 1 THEN 'verified' ELSE '' END"
    " FROM rseal_client_pipeline WHERE provider_id IS NOT NULL;"

    "CREATE TABLE rseal_client_number ("
    " sp_id BIGINT NOT NULL, sector_number BIGINT NOT NULL, PRIMARY KEY (sp_id, sector_number));"
    "INSERT INTO rseal_client_number (sp_id, sector_number)"
    " SELECT sp_id, sector_number FROM rseal_client_pipeline;";

static const char alerts[] =
    "CREATE TABLE alert ("
    " rule TEXT NOT NULL, subject TEXT NOT NULL, severity TEXT NOT NULL, summary TEXT NOT NULL,"
    " next_step TEXT NOT NULL, node TEXT NOT NULL, raised_ms BIGINT NOT NULL,"
    " seen_ms BIGINT NOT NULL, cleared_ms BIGINT NOT NULL DEFAULT 0,"
    " times BIGINT NOT NULL DEFAULT 1, acked_ms BIGINT NOT NULL DEFAULT 0,"
    " acked_by TEXT NOT NULL DEFAULT '', raise_change BIGINT NOT NULL,"
    " clear_change BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (rule, subject));"
    "CREATE INDEX alert_cleared ON alert (cleared_ms);"
    "CREATE TABLE alert_receiver ("
    " name TEXT PRIMARY KEY, change BIGINT NOT NULL DEFAULT 0, sent_ms BIGINT NOT NULL DEFAULT 0,"
    " next_ms BIGINT NOT NULL DEFAULT 0, failures BIGINT NOT NULL DEFAULT 0,"
    " last_error TEXT NOT NULL DEFAULT '', owner TEXT,"
    " lease_until_ms BIGINT NOT NULL DEFAULT 0);"
    "INSERT INTO seal_sequence (name, value) VALUES ('alert', 0);"
    "ALTER TABLE sector_event ADD COLUMN took_ms BIGINT;"
    "CREATE INDEX sector_event_passage ON sector_event (role, from_state, at_ms);"
    "ALTER TABLE task ADD COLUMN failing_since_ms BIGINT NOT NULL DEFAULT 0;";
static const char newest[] =
    "CREATE INDEX rseal_provider_pipeline_newest"
    " ON rseal_provider_pipeline (create_time DESC, sp_id, sector_number DESC);"
    "CREATE INDEX rseal_client_pipeline_newest"
    " ON rseal_client_pipeline (create_time DESC, sp_id, sector_number DESC);"
    "CREATE INDEX sector_event_reached ON sector_event (event, at_ms);";

static const char flow[] =
    "CREATE TABLE rseal_client_miner ("
    " sp_id BIGINT PRIMARY KEY, keep_in_flight BIGINT NOT NULL DEFAULT -1,"
    " reg_seal_proof BIGINT NOT NULL DEFAULT -1, duration_epochs BIGINT NOT NULL DEFAULT -1,"
    " reserve TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT '');";

/* Messages that were sent before there were batches become batches of one. Their parameters are not
 * known any more; nothing needs those of a message for one sector that was sent. One that was only
 * prepared is prepared anew. */
static const char batches[] =
    "CREATE TABLE message_batch ("
    " uuid TEXT PRIMARY KEY, kind TEXT NOT NULL, sp_id BIGINT NOT NULL,"
    " sectors BIGINT NOT NULL, params BYTEA, value TEXT NOT NULL DEFAULT '',"
    " max_fee TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '',"
    " tries BIGINT NOT NULL DEFAULT 0, tried_ms BIGINT,"
    " message_cid TEXT, earlier_cid TEXT, signed_msg TEXT, state TEXT NOT NULL,"
    " create_ms BIGINT NOT NULL, sent_ms BIGINT, landed_ms BIGINT, landed_height BIGINT,"
    " exit_code BIGINT, gas_used BIGINT, return_value BYTEA);"
    "CREATE INDEX message_batch_time ON message_batch (create_ms);"
    "INSERT INTO message_batch (uuid, kind, sp_id, sectors, message_cid, signed_msg, state,"
    " create_ms, sent_ms, tries) SELECT precommit_uuid, 'precommit', sp_id, 1, precommit_msg_cid,"
    " precommit_signed_msg, 'sent', create_time, create_time, 1 FROM sectors_sdr_pipeline"
    " WHERE precommit_msg_cid IS NOT NULL AND precommit_uuid IS NOT NULL;"
    "INSERT INTO message_batch (uuid, kind, sp_id, sectors, message_cid, signed_msg, state,"
    " create_ms, sent_ms, tries) SELECT commit_uuid, 'commit', sp_id, 1, commit_msg_cid,"
    " commit_signed_msg, 'sent', create_time, create_time, 1 FROM sectors_sdr_pipeline"
    " WHERE commit_msg_cid IS NOT NULL AND commit_uuid IS NOT NULL;"
    "UPDATE sectors_sdr_pipeline SET precommit_uuid = NULL WHERE precommit_msg_cid IS NULL;"
    "UPDATE sectors_sdr_pipeline SET commit_uuid = NULL WHERE commit_msg_cid IS NULL;"
    "ALTER TABLE sectors_sdr_pipeline DROP COLUMN precommit_signed_msg;"
    "ALTER TABLE sectors_sdr_pipeline DROP COLUMN commit_signed_msg;"
    "ALTER TABLE sectors_sdr_pipeline ADD COLUMN precommit_ready_ms BIGINT;"
    "ALTER TABLE sectors_sdr_pipeline ADD COLUMN precommit_group BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE sectors_sdr_pipeline ADD COLUMN precommit_deposit TEXT;"
    "ALTER TABLE sectors_sdr_pipeline ADD COLUMN commit_ready_ms BIGINT;"
    "ALTER TABLE sectors_sdr_pipeline ADD COLUMN commit_group BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE sectors_sdr_pipeline ADD COLUMN initial_pledge TEXT;"
    "CREATE INDEX sectors_sdr_pipeline_precommit ON sectors_sdr_pipeline (precommit_uuid);"
    "CREATE INDEX sectors_sdr_pipeline_commit ON sectors_sdr_pipeline (commit_uuid);";

/* Lists go by time, a provider's counts by its rows. */
static const char lists[] =
    "CREATE INDEX rseal_provider_pipeline_create_time ON rseal_provider_pipeline (create_time);"
    "CREATE INDEX rseal_client_pipeline_create_time ON rseal_client_pipeline (create_time);"
    "CREATE INDEX rseal_client_pipeline_provider ON rseal_client_pipeline (provider_id, state);";

/* Several nodes on one database: who lives (member.h), and where a sector's files are. */
static const char members[] =
    "ALTER TABLE node ADD COLUMN instance TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE node ADD COLUMN provider_folder_id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE node ADD COLUMN client_folder_id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE task ADD COLUMN folder_id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE rseal_provider_pipeline ADD COLUMN folder_id TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE rseal_client_pipeline ADD COLUMN folder_id TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE node_shared (name TEXT PRIMARY KEY, value TEXT NOT NULL);";

static const char network[] =
    "CREATE TABLE chain_network ("
    " id SMALLINT PRIMARY KEY, name TEXT NOT NULL, since_ms BIGINT NOT NULL);";

/* What every node looks at each second, among rows that are kept for ever. */
static const char looks[] =
    "CREATE INDEX task_due ON task (not_before_ms);"
    "CREATE INDEX rseal_client_pipeline_live ON rseal_client_pipeline (after_cleanup, state);";

/* Where the other nodes reach one, and the key its certificate has. */
static const char addresses[] = "ALTER TABLE node ADD COLUMN url TEXT NOT NULL DEFAULT '';"
                                "ALTER TABLE node ADD COLUMN pin TEXT NOT NULL DEFAULT '';";

/* Tests of the way back: nonces that providers were asked to bring to a client's own address. */
static const char call_backs[] =
    "CREATE TABLE rseal_client_call_back ("
    " nonce_hash TEXT PRIMARY KEY, made_ms BIGINT NOT NULL, seen_ms BIGINT NOT NULL DEFAULT 0);";

/* Until when the provider keeps a client's sector (0: it did not say), and when that is to be renewed. */
static const char renewals[] =
    "ALTER TABLE rseal_client_pipeline ADD COLUMN lease_until_ms BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_client_pipeline ADD COLUMN renew_ms BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_client_pipeline ADD COLUMN task_id_renew BIGINT;";

/* Of which stage of its work remote_done is. */
static const char stages[] =
    "ALTER TABLE rseal_client_pipeline ADD COLUMN remote_stage TEXT NOT NULL DEFAULT '';";

/* A look for work and a claim touch what they find, not all that waits: rows that are ready and have no
 * task yet, and tasks in the order of their turn. Conditions stand here as in the statements (steps.c,
 * provider_share.c, provider_lease.c, task_find.c), and columns that have one value are in the key,
 * too, so that a planner without statistics prefers these indexes. task_id_step: the task that the
 * sector's state asks for; task_id_let_go of a placement: the one that tells that provider. */
static const char queues[] =
    "ALTER TABLE rseal_client_pipeline ADD COLUMN task_id_step BIGINT;"
    "ALTER TABLE rseal_client_placement ADD COLUMN task_id_let_go BIGINT;"
    "UPDATE rseal_client_pipeline SET task_id_step = COALESCE(task_id_delegate, task_id_poll,"
    " task_id_fetch, task_id_verify, (SELECT COALESCE(s.task_id_precommit_msg,"
    " s.task_id_precommit_wait, s.task_id_seed, s.task_id_c1, s.task_id_porep,"
    " s.task_id_commit_msg, s.task_id_commit_wait) FROM sectors_sdr_pipeline s"
    " WHERE s.sp_id = rseal_client_pipeline.sp_id"
    " AND s.sector_number = rseal_client_pipeline.sector_number));"

    "CREATE INDEX rseal_provider_pipeline_unticketed ON rseal_provider_pipeline"
    " (state, failed, cleanup_requested, partner_id, create_time, sp_id, sector_number)"
    " WHERE state = 'ordered' AND task_id_ticket IS NULL;"
    "CREATE INDEX rseal_provider_pipeline_ticketing ON rseal_provider_pipeline"
    " (state, failed, cleanup_requested, partner_id, sector_bytes)"
    " WHERE state = 'ordered' AND task_id_ticket IS NOT NULL;"
    "CREATE INDEX rseal_provider_pipeline_ticketed ON rseal_provider_pipeline"
    " (state, failed, cleanup_requested, folder_id) WHERE state = 'ticketed';"
    "CREATE INDEX rseal_provider_pipeline_sdr ON rseal_provider_pipeline"
    " (state, failed, cleanup_requested, task_id_sdr, create_time, sector_number)"
    " WHERE state = 'ticketed' AND task_id_sdr IS NULL;"
    "CREATE INDEX rseal_provider_pipeline_trees ON rseal_provider_pipeline"
    " (state, failed, cleanup_requested, create_time, sector_number)"
    " WHERE state = 'labeled' AND task_id_tree_r IS NULL;"
    "CREATE INDEX rseal_provider_pipeline_notify ON rseal_provider_pipeline"
    " (after_notify_client, failed, cleanup_requested, create_time, sector_number)"
    " WHERE after_notify_client = 0 AND state IN ('sealed', 'finalized')"
    " AND task_id_notify_client IS NULL;"
    "CREATE INDEX rseal_provider_pipeline_finalize ON rseal_provider_pipeline"
    " (state, finalize_requested, failed, cleanup_requested, create_time, sector_number)"
    " WHERE state = 'sealed' AND finalize_requested = 1 AND task_id_finalize IS NULL;"
    "CREATE INDEX rseal_provider_pipeline_cleanup ON rseal_provider_pipeline"
    " (cleanup_requested, create_time, sector_number)"
    " WHERE state <> 'cleaned' AND cleanup_requested = 1 AND task_id_cleanup IS NULL;"
    "CREATE INDEX rseal_provider_pipeline_due ON rseal_provider_pipeline"
    " (after_cleanup, cleanup_requested, lease_warned, cleanup_timeout)"
    " WHERE after_cleanup = 0 AND cleanup_requested = 0;"

    "CREATE INDEX rseal_client_pipeline_step ON rseal_client_pipeline"
    " (state, failed, create_time, sector_number) WHERE task_id_step IS NULL;"
    "CREATE INDEX rseal_client_pipeline_release ON rseal_client_pipeline"
    " (after_cleanup, task_id_cleanup, create_time, sector_number) WHERE after_cleanup = 0"
    " AND task_id_cleanup IS NULL"
    " AND (state = 'proving' OR (failed = 1 AND cancel_requested = 1));"
    "CREATE INDEX rseal_client_pipeline_renew ON rseal_client_pipeline"
    " (after_cleanup, cancel_requested, task_id_renew, renew_ms, sector_number)"
    " WHERE after_cleanup = 0 AND cancel_requested = 0 AND task_id_renew IS NULL"
    " AND state IN ('sealed', 'fetched', 'verified', 'precommit_sent', 'precommitted', 'seeded',"
    " 'vanilla', 'proven', 'commit_sent');"
    "CREATE INDEX rseal_client_placement_let_go ON rseal_client_placement"
    " (release_owed, task_id_let_go, ordered_ms, sector_number)"
    " WHERE release_owed = 1 AND task_id_let_go IS NULL;"

    "DROP INDEX task_class;"
    "CREATE INDEX task_turn ON task (class, pipeline, folder_id, not_before_ms, id)"
    " WHERE owner IS NULL;"
    "CREATE INDEX task_running ON task (class, lease_until_ms) WHERE owner IS NOT NULL;"
    "CREATE INDEX task_owner ON task (owner) WHERE owner IS NOT NULL;"
    "CREATE INDEX task_untried ON task (kind, attempts, waits) WHERE attempts = 0 AND waits = 0;";

/* What is here and reserved, without counting all rows: rseal_provider_sum holds it as it was when each row was
 * last settled (load_impl.h), counted_* of a row what it holds of that row, and the view adds what has changed
 * since. Reserved bytes are counted negative as long as nothing was begun. */
#define BEGUN "state NOT IN ('ordered', 'ticketed')"
#define COUNTS "after_cleanup = 0 AND failed = 0"
static const char load[] =
    "ALTER TABLE rseal_provider_pipeline ADD COLUMN counted_sectors BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_provider_pipeline ADD COLUMN counted_bytes BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_provider_pipeline ADD COLUMN counted_folder_id TEXT NOT NULL DEFAULT '';"
    "CREATE INDEX rseal_provider_pipeline_unsettled ON rseal_provider_pipeline "
    "((" SLK_LOAD_UNSETTLED "))"
    " WHERE " SLK_LOAD_UNSETTLED " = 1;"
    "CREATE TABLE rseal_provider_sum ("
    " partner_id BIGINT NOT NULL, sp_id BIGINT NOT NULL, folder_id TEXT NOT NULL,"
    " sectors BIGINT NOT NULL, waiting_bytes BIGINT NOT NULL, started_bytes BIGINT NOT NULL,"
    " PRIMARY KEY (partner_id, sp_id, folder_id));"
    "CREATE VIEW rseal_provider_change AS"
    " SELECT partner_id, sp_id, counted_folder_id AS folder_id, 0 - counted_sectors AS sectors,"
    " CASE WHEN counted_bytes < 0 THEN counted_bytes ELSE 0 END AS waiting_bytes,"
    " CASE WHEN counted_bytes > 0 THEN 0 - counted_bytes ELSE 0 END AS started_bytes"
    " FROM rseal_provider_pipeline WHERE " SLK_LOAD_UNSETTLED " = 1 UNION ALL"
    " SELECT partner_id, sp_id, folder_id, 1 - after_cleanup,"
    " CASE WHEN " COUNTS " AND NOT (" BEGUN ") THEN reserved_bytes ELSE 0 END,"
    " CASE WHEN " COUNTS " AND " BEGUN " THEN reserved_bytes ELSE 0 END"
    " FROM rseal_provider_pipeline WHERE " SLK_LOAD_UNSETTLED " = 1;"
    "CREATE VIEW rseal_provider_load AS SELECT partner_id, sp_id, folder_id, sectors,"
    " waiting_bytes, started_bytes FROM rseal_provider_sum UNION ALL SELECT partner_id, sp_id,"
    " folder_id, sectors, waiting_bytes, started_bytes FROM rseal_provider_change;";

/* Calls that a node has under way at its workers (farm/calls.h). state: starting, running, done, and early
 * for what was returned before anybody knew the call. */
static const char worker_calls[] =
    "CREATE TABLE worker_call ("
    " id INTEGER PRIMARY KEY, node TEXT NOT NULL, sp_id BIGINT NOT NULL,"
    " sector_number BIGINT NOT NULL, call_id TEXT NOT NULL DEFAULT '', task TEXT NOT NULL,"
    " params_key TEXT NOT NULL DEFAULT '', session TEXT NOT NULL DEFAULT '',"
    " hostname TEXT NOT NULL DEFAULT '', state TEXT NOT NULL, result TEXT,"
    " result_file SMALLINT NOT NULL DEFAULT 0, failed SMALLINT NOT NULL DEFAULT 0,"
    " fault_code BIGINT NOT NULL DEFAULT 0, fault TEXT NOT NULL DEFAULT '',"
    " created_ms BIGINT NOT NULL, ended_ms BIGINT NOT NULL DEFAULT 0);"
    "CREATE INDEX worker_call_sector ON worker_call (node, sp_id, sector_number, task);"
    "CREATE INDEX worker_call_id ON worker_call (node, call_id);";

/* A provider's record, who may share a message, and how many sectors are where, among all placements and
 * sectors there ever were. */
static const char records[] =
    "CREATE INDEX rseal_client_placement_record ON rseal_client_placement"
    " (provider_id, ordered_ms, outcome);"
    "CREATE INDEX rseal_provider_pipeline_counts ON rseal_provider_pipeline"
    " (state, sp_id, failed);"
    "CREATE INDEX rseal_client_pipeline_counts ON rseal_client_pipeline (state, sp_id, failed);"
    "CREATE INDEX rseal_client_placement_open ON rseal_client_placement (provider_id)"
    " WHERE ended_ms IS NULL;"
    "CREATE INDEX sectors_sdr_pipeline_precommit_joined ON sectors_sdr_pipeline"
    " (sp_id, precommit_group, precommit_ready_ms, sector_number)"
    " WHERE precommit_ready_ms IS NOT NULL AND precommit_uuid IS NULL;"
    "CREATE INDEX sectors_sdr_pipeline_commit_joined ON sectors_sdr_pipeline"
    " (sp_id, commit_group, commit_ready_ms, sector_number)"
    " WHERE commit_ready_ms IS NOT NULL AND commit_uuid IS NULL;";

/* Times that no wall clock moves (times.h). cleanup_timeout and renew_ms are lived times from here on: in
 * an older database lived time begins where the wall clock was when its nodes were seen last. */
static const char times[] =
    "CREATE TABLE seal_time ("
    " id SMALLINT PRIMARY KEY, lived_ms BIGINT NOT NULL, believed_ms BIGINT NOT NULL,"
    " jumps BIGINT NOT NULL, jumped_ms BIGINT NOT NULL);";

/* What tasks took of memory on the hosts of workers, the most there was (farm/peaks.h). */
static const char peaks[] =
    "CREATE TABLE worker_peak ("
    " hostname TEXT NOT NULL, task TEXT NOT NULL, seal_proof BIGINT NOT NULL,"
    " bytes BIGINT NOT NULL, at_ms BIGINT NOT NULL, PRIMARY KEY (hostname, task, seal_proof));";

/* The service: sectors that a partner may order and no others, and what is withheld from it
 * (permit.h); what is offered, to whom; what customers owe and have paid (service/ledger.h), and the keys that
 * signed it. */
static const char service[] =
    "ALTER TABLE rseal_delegated_partners ADD COLUMN permits_only SMALLINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_provider_pipeline ADD COLUMN withheld SMALLINT NOT NULL DEFAULT 0;"
    "ALTER TABLE rseal_client_pipeline ADD COLUMN only_provider_id BIGINT;"
    "ALTER TABLE rseal_client_pipeline ADD COLUMN held SMALLINT NOT NULL DEFAULT 0;"
    "CREATE TABLE rseal_partner_permits ("
    " sp_id BIGINT NOT NULL, sector_number BIGINT NOT NULL,"
    " partner_id BIGINT NOT NULL REFERENCES rseal_delegated_partners (id) ON DELETE CASCADE,"
    " reg_seal_proof BIGINT NOT NULL, withheld SMALLINT NOT NULL,"
    " PRIMARY KEY (sp_id, sector_number));"
    "CREATE TABLE service_offer ("
    " name TEXT NOT NULL, version BIGINT NOT NULL, document TEXT NOT NULL,"
    " created_ms BIGINT NOT NULL, withdrawn_ms BIGINT NOT NULL DEFAULT 0,"
    " PRIMARY KEY (name, version));"
    "CREATE TABLE service_customer ("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, currency TEXT NOT NULL,"
    " credit_limit TEXT NOT NULL, payer TEXT NOT NULL, partner_id BIGINT NOT NULL,"
    " pays_first SMALLINT NOT NULL DEFAULT 0, closed SMALLINT NOT NULL DEFAULT 0,"
    " created_ms BIGINT NOT NULL);"
    "CREATE TABLE service_token ("
    " customer_id BIGINT NOT NULL REFERENCES service_customer (id), name TEXT NOT NULL,"
    " token_hash TEXT NOT NULL UNIQUE, created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL,"
    " used_ms BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (customer_id, name));"
    "CREATE TABLE service_quote ("
    " id TEXT PRIMARY KEY, customer_id BIGINT NOT NULL REFERENCES service_customer (id),"
    " terms TEXT NOT NULL, made_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL,"
    " order_id TEXT NOT NULL DEFAULT '');"
    "CREATE INDEX service_quote_customer ON service_quote (customer_id, order_id, expires_ms);"
    "CREATE TABLE service_order ("
    " id TEXT PRIMARY KEY, customer_id BIGINT NOT NULL REFERENCES service_customer (id),"
    " idempotency_key TEXT NOT NULL, request_hash BYTEA NOT NULL, quote_id TEXT NOT NULL,"
    " sp_id BIGINT NOT NULL, terms TEXT NOT NULL, state TEXT NOT NULL, fed SMALLINT NOT NULL,"
    " created_ms BIGINT NOT NULL, state_ms BIGINT NOT NULL, promised_ms BIGINT NOT NULL,"
    " outstanding TEXT NOT NULL, UNIQUE (customer_id, idempotency_key));"
    "CREATE INDEX service_order_newest ON service_order (created_ms);"
    "CREATE INDEX service_order_open ON service_order (customer_id)"
    " WHERE state IN ('waiting', 'open');"
    "CREATE TABLE service_sector ("
    " sp_id BIGINT NOT NULL, sector_number BIGINT NOT NULL,"
    " order_id TEXT NOT NULL REFERENCES service_order (id), position BIGINT NOT NULL,"
    " state TEXT NOT NULL, state_ms BIGINT NOT NULL, PRIMARY KEY (order_id, position));"
    "CREATE UNIQUE INDEX service_sector_number ON service_sector (sp_id, sector_number)"
    " WHERE state <> 'canceled';"
    "CREATE INDEX service_sector_live ON service_sector (state, sp_id, sector_number)"
    " WHERE state IN ('planned', 'sealing', 'charged');"
    "CREATE TABLE service_ledger ("
    " customer_id BIGINT NOT NULL, seq BIGINT NOT NULL, at_ms BIGINT NOT NULL,"
    " kind TEXT NOT NULL, item TEXT NOT NULL, order_id TEXT NOT NULL, sp_id BIGINT,"
    " sector_number BIGINT, quantity BIGINT NOT NULL, unit TEXT NOT NULL, amount TEXT NOT NULL,"
    " balance TEXT NOT NULL, currency TEXT NOT NULL, reference TEXT NOT NULL,"
    " note TEXT NOT NULL, previous_hash BYTEA NOT NULL, entry_hash BYTEA NOT NULL,"
    " signature BYTEA NOT NULL, key_id TEXT NOT NULL, PRIMARY KEY (customer_id, seq),"
    " UNIQUE (customer_id, reference));"
    "CREATE TABLE service_invoice ("
    " number TEXT PRIMARY KEY, customer_id BIGINT NOT NULL REFERENCES service_customer (id),"
    " first_seq BIGINT NOT NULL, last_seq BIGINT NOT NULL, closing TEXT NOT NULL,"
    " document TEXT NOT NULL, signature BYTEA NOT NULL, key_id TEXT NOT NULL,"
    " issued_ms BIGINT NOT NULL, due_ms BIGINT NOT NULL, UNIQUE (customer_id, first_seq));"
    "CREATE TABLE service_key ("
    " key_id TEXT PRIMARY KEY, public_key BYTEA NOT NULL, since_ms BIGINT NOT NULL);";

/* By what a worker is known again (farm/calls.h). */
static const char identities[] =
    "ALTER TABLE worker_call ADD COLUMN identity TEXT NOT NULL DEFAULT '';";

/* batch: what calls have in common that a worker was given by one; '' it is alone. */
static const char batch_calls[] =
    "ALTER TABLE worker_call ADD COLUMN batch TEXT NOT NULL DEFAULT '';";

/* What a client bought of services (buying/buying.h). */
static const char buying[] =
    "CREATE TABLE buying_service ("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, url TEXT NOT NULL UNIQUE,"
    " token TEXT NOT NULL, partner_url TEXT NOT NULL, partner_token TEXT NOT NULL,"
    " public_key BYTEA NOT NULL, customer_id BIGINT NOT NULL, currency TEXT NOT NULL, added_ms "
    "BIGINT NOT NULL);"
    "CREATE TABLE buying_order ("
    " idempotency_key TEXT PRIMARY KEY,"
    " service_id BIGINT NOT NULL REFERENCES buying_service (id), quote_id TEXT NOT NULL,"
    " order_id TEXT NOT NULL DEFAULT '', sp_id BIGINT NOT NULL, terms TEXT NOT NULL,"
    " promised_ms BIGINT NOT NULL DEFAULT 0, state TEXT NOT NULL, note TEXT NOT NULL DEFAULT '',"
    " made_ms BIGINT NOT NULL);"
    "CREATE TABLE buying_sector ("
    " sp_id BIGINT NOT NULL, sector_number BIGINT NOT NULL,"
    " idempotency_key TEXT NOT NULL REFERENCES buying_order (idempotency_key),"
    " PRIMARY KEY (sp_id, sector_number));"
    "CREATE INDEX buying_sector_order ON buying_sector (idempotency_key, sector_number);"
    "CREATE TABLE buying_payment ("
    " service_id BIGINT NOT NULL REFERENCES buying_service (id), reference TEXT NOT NULL,"
    " amount TEXT NOT NULL, made_ms BIGINT NOT NULL, PRIMARY KEY (service_id, reference));";

static const slk_migration migrations[] = {
    {1, "seal: tasks, timeline, nodes", first},
    {2, "seal: provider role", provider},
    {3, "seal: client role", client},
    {4, "access: tokens and sessions; timeline by time", access},
    {5, "seal: terms, reservations, shares, leases of the provider", business},
    {6, "seal: who was to seal what, numbers given out", placement},
    {7, "alerts: what somebody should look at, and who was told", alerts},
    {8, "seal: the constant flow of a client", flow},
    {9, "seal: messages in batches", batches},
    {10, "seal: indexes of lists", lists},
    {11, "seal: nodes that share a database, folders of files", members},
    {12, "seal: lists, newest first; throughput", newest},
    {13, "seal: the network of the sectors", network},
    {14, "seal: indexes of the looks for work", looks},
    {15, "seal: where nodes reach each other", addresses},
    {16, "seal: tests of the way back", call_backs},
    {17, "seal: leases that clients renew", renewals},
    {18, "seal: how far a provider said it was", stages},
    {19, "seal: indexes of what is ready and of whose turn it is", queues},
    {20, "seal: what is here, counted", load},
    {21, "farm: calls of workers", worker_calls},
    {22, "seal: indexes of records, messages and counts", records},
    {23, "seal: lived and believed time", times},
    {24, "farm: what tasks took of memory", peaks},
    {25, "service: offers, customers, the ledger", service},
    {26, "farm: by what workers are known again", identities},
    {27, "farm: calls of workers that were made together", batch_calls},
    {28, "buying: what was bought of services", buying},
};

const slk_migration *slk_seal_migrations(size_t *ret_n)
{
    *ret_n = sizeof migrations / sizeof *migrations;
    return migrations;
}
