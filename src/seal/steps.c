/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of all steps: which rows are ready for what, who does it, and how stubbornly. */
#include "seal/task.h"

#include "seal/rows_impl.h"

/* A row is ready when its state and flags say so and the task is not there yet. That the row bears no
 * task's id is what the indexes go by (schema.c), so that those that wait with their tasks are not
 * looked at; that there is no task is what counts. */
#define PROVIDER_ROWS(where, column) \
    "FROM rseal_provider_pipeline r WHERE " where " AND r." column " IS NULL AND $1 > 0"
#define CLIENT_ROWS(where, column) \
    "FROM rseal_client_pipeline r WHERE " where " AND r." column " IS NULL AND $1 > 0"
/* The step that a state asks for. */
#define CLIENT_STATE(state) CLIENT_ROWS("r.state = '" state "' AND r.failed = 0", "task_id_step")
#define READY_BY(order, kind, rows)         \
    "SELECT r.sp_id, r.sector_number " rows \
    " AND " SLK_STEP_NO_TASK(kind) " ORDER BY r." order ", r.sector_number LIMIT 64"
#define READY(kind, rows) READY_BY("create_time", kind, rows)

/* Which of them, provider_share.c says. */
#define PROVIDER_TICKET_ROWS                                                          \
    PROVIDER_ROWS("r.state = 'ordered' AND r.failed = 0 AND r.cleanup_requested = 0", \
                  "task_id_ticket")
static const slk_sql provider_ticket_mark = {
    "provider.ticket.mark",
    "UPDATE rseal_provider_pipeline SET task_id_ticket = $3 WHERE sp_id = $1 "
    "AND sector_number = $2"};
static const slk_sql provider_ticket_unmark = {
    "provider.ticket.unmark",
    "UPDATE rseal_provider_pipeline SET task_id_ticket = NULL WHERE sp_id = $1 "
    "AND sector_number = $2"};

#define PROVIDER_SDR_ROWS                                                              \
    PROVIDER_ROWS("r.state = 'ticketed' AND r.failed = 0 AND r.cleanup_requested = 0", \
                  "task_id_sdr")
static const slk_sql provider_sdr_ready = {"provider.sdr.ready",
                                           READY("provider.sdr", PROVIDER_SDR_ROWS)};
/* Those of the same proof, also the ones that only wait for company (no failure, no bad luck). */
static const slk_sql provider_sdr_mates = {
    "provider.sdr.mates",
    "SELECT t.id, t.sp_id, t.sector_number, t.attempts, t.created_ms, t.fence, t.folder_id"
    " FROM task t"
    " JOIN rseal_provider_pipeline r ON r.sp_id = t.sp_id AND r.sector_number = t.sector_number"
    " WHERE t.kind = 'provider.sdr' AND t.id <> $1 AND t.owner IS NULL"
    " AND (t.not_before_ms <= $2 OR (t.attempts = 0 AND t.waits = 0))"
    " AND (t.folder_id = '' OR t.folder_id = $3) AND r.reg_seal_proof ="
    " (SELECT x.reg_seal_proof FROM rseal_provider_pipeline x JOIN task y ON y.sp_id = x.sp_id"
    " AND y.sector_number = x.sector_number WHERE y.id = $1) ORDER BY t.id"};
static const slk_sql provider_sdr_mark = {
    "provider.sdr.mark", "UPDATE rseal_provider_pipeline SET task_id_sdr = $3, task_id_tree_d = $3 "
                         "WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql provider_sdr_unmark = {
    "provider.sdr.unmark",
    "UPDATE rseal_provider_pipeline SET task_id_sdr = NULL, task_id_tree_d = "
    "NULL WHERE sp_id = $1 AND sector_number = $2"};

#define PROVIDER_TREES_ROWS                                                           \
    PROVIDER_ROWS("r.state = 'labeled' AND r.failed = 0 AND r.cleanup_requested = 0", \
                  "task_id_tree_r")
static const slk_sql provider_trees_ready = {"provider.trees.ready",
                                             READY("provider.trees", PROVIDER_TREES_ROWS)};
static const slk_sql provider_trees_mark = {
    "provider.trees.mark",
    "UPDATE rseal_provider_pipeline SET task_id_tree_c = $3, task_id_tree_r = "
    "$3 WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql provider_trees_unmark = {
    "provider.trees.unmark",
    "UPDATE rseal_provider_pipeline SET task_id_tree_c = NULL, task_id_tree_r = "
    "NULL WHERE sp_id = $1 AND sector_number = $2"};

#define PROVIDER_NOTIFY_ROWS                                                                 \
    PROVIDER_ROWS(                                                                           \
        "r.state IN ('sealed', 'finalized') AND r.failed = 0 AND r.after_notify_client = 0 " \
        "AND r.cleanup_requested = 0 AND r.withheld = 0",                                    \
        "task_id_notify_client")
static const slk_sql provider_notify_ready = {"provider.notify.ready",
                                              READY("provider.notify", PROVIDER_NOTIFY_ROWS)};
static const slk_sql provider_notify_mark = {
    "provider.notify.mark",
    "UPDATE rseal_provider_pipeline SET task_id_notify_client = $3 WHERE sp_id "
    "= $1 AND sector_number = $2"};
static const slk_sql provider_notify_unmark = {
    "provider.notify.unmark",
    "UPDATE rseal_provider_pipeline SET task_id_notify_client = NULL WHERE "
    "sp_id = $1 AND sector_number = $2"};

#define PROVIDER_FINALIZE_ROWS                                                            \
    PROVIDER_ROWS("r.state = 'sealed' AND r.failed = 0 AND r.finalize_requested = 1 AND " \
                  "r.cleanup_requested = 0",                                              \
                  "task_id_finalize")
static const slk_sql provider_finalize_ready = {"provider.finalize.ready",
                                                READY("provider.finalize", PROVIDER_FINALIZE_ROWS)};
static const slk_sql provider_finalize_mark = {
    "provider.finalize.mark",
    "UPDATE rseal_provider_pipeline SET task_id_finalize = $3 WHERE sp_id = $1 "
    "AND sector_number = $2"};
static const slk_sql provider_finalize_unmark = {
    "provider.finalize.unmark",
    "UPDATE rseal_provider_pipeline SET task_id_finalize = NULL WHERE sp_id = "
    "$1 AND sector_number = $2"};

#define PROVIDER_CLEANUP_ROWS \
    PROVIDER_ROWS("r.state <> 'cleaned' AND r.cleanup_requested = 1", "task_id_cleanup")
static const slk_sql provider_cleanup_ready = {"provider.cleanup.ready",
                                               READY("provider.cleanup", PROVIDER_CLEANUP_ROWS)};
static const slk_sql provider_cleanup_mark = {
    "provider.cleanup.mark",
    "UPDATE rseal_provider_pipeline SET task_id_cleanup = $3 WHERE sp_id = $1 "
    "AND sector_number = $2"};
static const slk_sql provider_cleanup_unmark = {
    "provider.cleanup.unmark",
    "UPDATE rseal_provider_pipeline SET task_id_cleanup = NULL WHERE sp_id = $1 "
    "AND sector_number = $2"};

/* A task that ends after its row has moved on leaves the mark of the next one. */
#define STEP_UNMARK(column)                                                                       \
    "task_id_step = CASE WHEN task_id_step = " column " THEN NULL ELSE task_id_step END, " column \
    " = NULL"
#define CLIENT_DELEGATE_ROWS \
    CLIENT_ROWS("r.state = 'new' AND r.failed = 0 AND r.held = 0", "task_id_step")
static const slk_sql client_delegate_ready = {"client.delegate.ready",
                                              READY("client.delegate", CLIENT_DELEGATE_ROWS)};
static const slk_sql client_delegate_mark = {
    "client.delegate.mark",
    "UPDATE rseal_client_pipeline SET task_id_delegate = $3, task_id_step = $3"
    " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql client_delegate_unmark = {
    "client.delegate.unmark", "UPDATE rseal_client_pipeline SET " STEP_UNMARK(
                                  "task_id_delegate") " WHERE sp_id = $1 AND sector_number = $2"};

#define CLIENT_POLL_ROWS CLIENT_STATE("ordered")
static const slk_sql client_poll_ready = {"client.poll.ready",
                                          READY("client.poll", CLIENT_POLL_ROWS)};
static const slk_sql client_poll_mark = {
    "client.poll.mark", "UPDATE rseal_client_pipeline SET task_id_poll = $3, task_id_step = $3"
                        " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql client_poll_unmark = {
    "client.poll.unmark", "UPDATE rseal_client_pipeline SET " STEP_UNMARK(
                              "task_id_poll") " WHERE sp_id = $1 AND sector_number = $2"};

#define CLIENT_FETCH_ROWS CLIENT_STATE("sealed")
static const slk_sql client_fetch_ready = {"client.fetch.ready",
                                           READY("client.fetch", CLIENT_FETCH_ROWS)};
static const slk_sql client_fetch_mark = {
    "client.fetch.mark", "UPDATE rseal_client_pipeline SET task_id_fetch = $3, task_id_step = $3"
                         " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql client_fetch_unmark = {
    "client.fetch.unmark", "UPDATE rseal_client_pipeline SET " STEP_UNMARK(
                               "task_id_fetch") " WHERE sp_id = $1 AND sector_number = $2"};

#define CLIENT_VERIFY_ROWS CLIENT_STATE("fetched")
static const slk_sql client_verify_ready = {"client.verify.ready",
                                            READY("client.verify", CLIENT_VERIFY_ROWS)};
static const slk_sql client_verify_mark = {
    "client.verify.mark", "UPDATE rseal_client_pipeline SET task_id_verify = $3, task_id_step = $3"
                          " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql client_verify_unmark = {
    "client.verify.unmark", "UPDATE rseal_client_pipeline SET " STEP_UNMARK(
                                "task_id_verify") " WHERE sp_id = $1 AND sector_number = $2"};

/* From here to the commit the step's own column is in the other table. */
static const slk_sql client_step_mark = {"client.step.mark",
                                         "UPDATE rseal_client_pipeline SET task_id_step = $3"
                                         " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql client_step_unmark = {"client.step.unmark",
                                           "UPDATE rseal_client_pipeline SET task_id_step = NULL"
                                           " WHERE sp_id = $1 AND sector_number = $2"};

#define CLIENT_PRECOMMIT_ROWS CLIENT_STATE("verified")
static const slk_sql client_precommit_ready = {"client.precommit.ready",
                                               READY("client.precommit", CLIENT_PRECOMMIT_ROWS)};
static const slk_sql client_precommit_mark = {
    "client.precommit.mark",
    "UPDATE sectors_sdr_pipeline SET task_id_precommit_msg = $3 WHERE sp_id = "
    "$1 AND sector_number = $2"};
static const slk_sql client_precommit_unmark = {
    "client.precommit.unmark",
    "UPDATE sectors_sdr_pipeline SET task_id_precommit_msg = NULL WHERE sp_id = "
    "$1 AND sector_number = $2"};

#define CLIENT_PRECOMMIT_WAIT_ROWS CLIENT_STATE("precommit_sent")
static const slk_sql client_precommit_wait_ready = {
    "client.precommit_wait.ready", READY("client.precommit_wait", CLIENT_PRECOMMIT_WAIT_ROWS)};
static const slk_sql client_precommit_wait_mark = {
    "client.precommit_wait.mark",
    "UPDATE sectors_sdr_pipeline SET task_id_precommit_wait = $3 WHERE sp_id = "
    "$1 AND sector_number = $2"};
static const slk_sql client_precommit_wait_unmark = {
    "client.precommit_wait.unmark",
    "UPDATE sectors_sdr_pipeline SET task_id_precommit_wait = NULL WHERE sp_id "
    "= $1 AND sector_number = $2"};

#define CLIENT_SEED_ROWS CLIENT_STATE("precommitted")
static const slk_sql client_seed_ready = {"client.seed.ready",
                                          READY("client.seed", CLIENT_SEED_ROWS)};
static const slk_sql client_seed_mark = {
    "client.seed.mark", "UPDATE sectors_sdr_pipeline SET task_id_seed = $3 WHERE sp_id = $1 AND "
                        "sector_number = $2"};
static const slk_sql client_seed_unmark = {
    "client.seed.unmark",
    "UPDATE sectors_sdr_pipeline SET task_id_seed = NULL WHERE sp_id = $1 AND "
    "sector_number = $2"};

#define CLIENT_C1_ROWS CLIENT_STATE("seeded")
static const slk_sql client_c1_ready = {"client.c1.ready", READY("client.c1", CLIENT_C1_ROWS)};
static const slk_sql client_c1_mark = {
    "client.c1.mark", "UPDATE sectors_sdr_pipeline SET task_id_c1 = $3 WHERE sp_id = $1 AND "
                      "sector_number = $2"};
static const slk_sql client_c1_unmark = {
    "client.c1.unmark", "UPDATE sectors_sdr_pipeline SET task_id_c1 = NULL WHERE sp_id = $1 AND "
                        "sector_number = $2"};

#define CLIENT_POREP_ROWS CLIENT_STATE("vanilla")
static const slk_sql client_porep_ready = {"client.porep.ready",
                                           READY("client.porep", CLIENT_POREP_ROWS)};
static const slk_sql client_porep_mark = {
    "client.porep.mark", "UPDATE sectors_sdr_pipeline SET task_id_porep = $3 WHERE sp_id = $1 AND "
                         "sector_number = $2"};
static const slk_sql client_porep_unmark = {
    "client.porep.unmark",
    "UPDATE sectors_sdr_pipeline SET task_id_porep = NULL WHERE sp_id = $1 AND "
    "sector_number = $2"};

#define CLIENT_COMMIT_ROWS CLIENT_STATE("proven")
static const slk_sql client_commit_ready = {"client.commit.ready",
                                            READY("client.commit", CLIENT_COMMIT_ROWS)};
static const slk_sql client_commit_mark = {
    "client.commit.mark",
    "UPDATE sectors_sdr_pipeline SET task_id_commit_msg = $3 WHERE sp_id = $1 "
    "AND sector_number = $2"};
static const slk_sql client_commit_unmark = {
    "client.commit.unmark",
    "UPDATE sectors_sdr_pipeline SET task_id_commit_msg = NULL WHERE sp_id = $1 "
    "AND sector_number = $2"};

#define CLIENT_COMMIT_WAIT_ROWS CLIENT_STATE("commit_sent")
static const slk_sql client_commit_wait_ready = {
    "client.commit_wait.ready", READY("client.commit_wait", CLIENT_COMMIT_WAIT_ROWS)};
static const slk_sql client_commit_wait_mark = {
    "client.commit_wait.mark",
    "UPDATE sectors_sdr_pipeline SET task_id_commit_wait = $3 WHERE sp_id = $1 "
    "AND sector_number = $2"};
static const slk_sql client_commit_wait_unmark = {
    "client.commit_wait.unmark",
    "UPDATE sectors_sdr_pipeline SET task_id_commit_wait = NULL WHERE sp_id = "
    "$1 AND sector_number = $2"};

#define CLIENT_RELEASE_ROWS                                                          \
    CLIENT_ROWS("r.after_cleanup = 0 AND (r.state = 'proving' OR (r.failed = 1 AND " \
                "r.cancel_requested = 1))",                                          \
                "task_id_cleanup")
static const slk_sql client_release_ready = {"client.release.ready",
                                             READY("client.release", CLIENT_RELEASE_ROWS)};
static const slk_sql client_release_mark = {
    "client.release.mark",
    "UPDATE rseal_client_pipeline SET task_id_cleanup = $3 WHERE sp_id = $1 AND "
    "sector_number = $2"};
static const slk_sql client_release_unmark = {
    "client.release.unmark",
    "UPDATE rseal_client_pipeline SET task_id_cleanup = NULL WHERE sp_id = $1 "
    "AND sector_number = $2"};

/* From the few releases that are owed, not from all sectors there ever were. */
#define CLIENT_LET_GO_ROWS                                                                        \
    "FROM rseal_client_placement r WHERE r.release_owed = 1 AND r.task_id_let_go IS NULL AND $1 " \
    "> 0"                                                                                         \
    " AND EXISTS (SELECT 1 FROM rseal_client_pipeline c WHERE c.sp_id = r.sp_id"                  \
    " AND c.sector_number = r.sector_number)"
/* A sector with two of them comes twice; the second time its task is there. */
static const slk_sql client_let_go_ready = {
    "client.let_go.ready", READY_BY("ordered_ms", "client.let_go", CLIENT_LET_GO_ROWS)};
static const slk_sql client_placement_mark = {
    "client.placement.mark", "UPDATE rseal_client_placement SET task_id_let_go = $3"
                             " WHERE sp_id = $1 AND sector_number = $2 AND release_owed = 1"};
static const slk_sql client_placement_unmark = {
    "client.placement.unmark",
    "UPDATE rseal_client_placement SET task_id_let_go = NULL"
    " WHERE sp_id = $1 AND sector_number = $2 AND task_id_let_go IS NOT NULL"};
static const slk_sql client_let_go_mark = {
    "client.let_go.mark",
    "UPDATE rseal_client_pipeline SET task_id_let_go = $3 WHERE sp_id = $1 AND "
    "sector_number = $2"};
static const slk_sql client_let_go_unmark = {
    "client.let_go.unmark",
    "UPDATE rseal_client_pipeline SET task_id_let_go = NULL WHERE sp_id = $1 "
    "AND sector_number = $2"};

#define CLIENT_RENEW_ROWS                                                                          \
    CLIENT_ROWS("r.after_cleanup = 0 AND r.state IN ('sealed', 'fetched', 'verified',"             \
                " 'precommit_sent', 'precommitted', 'seeded', 'vanilla', 'proven', 'commit_sent')" \
                " AND r.cancel_requested = 0 AND r.renew_ms <= $1",                                \
                "task_id_renew")
static const slk_sql client_renew_ready = {"client.renew.ready",
                                           READY_BY("renew_ms", "client.renew", CLIENT_RENEW_ROWS)};
static const slk_sql client_renew_mark = {
    "client.renew.mark",
    "UPDATE rseal_client_pipeline SET task_id_renew = $3 WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql client_renew_unmark = {"client.renew.unmark",
                                            "UPDATE rseal_client_pipeline SET task_id_renew = NULL "
                                            "WHERE sp_id = $1 AND sector_number = $2"};

/* Most looks find nothing: one question for all steps of a role. */
#define HAS(kind, rows) "SELECT '" kind "' WHERE EXISTS (SELECT 1 " rows ")"
#define OR_HAS(kind, rows) " UNION ALL " HAS(kind, rows)
/* clang-format off */
static const slk_sql provider_work = {
    "provider.work",
    HAS("provider.ticket", PROVIDER_TICKET_ROWS)
    OR_HAS("provider.sdr", PROVIDER_SDR_ROWS)
    OR_HAS("provider.trees", PROVIDER_TREES_ROWS)
    OR_HAS("provider.notify", PROVIDER_NOTIFY_ROWS)
    OR_HAS("provider.finalize", PROVIDER_FINALIZE_ROWS)
    OR_HAS("provider.cleanup", PROVIDER_CLEANUP_ROWS)};
static const slk_sql client_work = {
    "client.work",
    HAS("client.delegate", CLIENT_DELEGATE_ROWS)
    OR_HAS("client.poll", CLIENT_POLL_ROWS)
    OR_HAS("client.fetch", CLIENT_FETCH_ROWS)
    OR_HAS("client.verify", CLIENT_VERIFY_ROWS)
    OR_HAS("client.precommit", CLIENT_PRECOMMIT_ROWS)
    OR_HAS("client.precommit_wait", CLIENT_PRECOMMIT_WAIT_ROWS)
    OR_HAS("client.seed", CLIENT_SEED_ROWS)
    OR_HAS("client.c1", CLIENT_C1_ROWS)
    OR_HAS("client.porep", CLIENT_POREP_ROWS)
    OR_HAS("client.commit", CLIENT_COMMIT_ROWS)
    OR_HAS("client.commit_wait", CLIENT_COMMIT_WAIT_ROWS)
    OR_HAS("client.release", CLIENT_RELEASE_ROWS)
    OR_HAS("client.let_go", CLIENT_LET_GO_ROWS)
    OR_HAS("client.renew", CLIENT_RENEW_ROWS)};
/* clang-format on */

static const slk_step steps[] = {
    {
        .name = "provider.ticket",
        .pipeline = SLK_PIPELINE_PROVIDER,
        .class = SLK_CLASS_CALL,
        .find = slk_step_provider_ticket_find,
        .mark = {&provider_ticket_mark},
        .unmark = {&provider_ticket_unmark},
        .interval_ms = 1000,
        .backoff_ms = 5000,
        .backoff_max_ms = 300000,
        .max_attempts = 20,
        .run = slk_step_provider_ticket,
        .save = slk_step_provider_ticket_save,
        .advice = "Check that the client's address or our own chain node can be "
                  "reached, then retry the sector.",
    },
    {
        .name = "provider.sdr",
        .pipeline = SLK_PIPELINE_PROVIDER,
        .class = SLK_CLASS_COMPUTE,
        .files = true,
        .ready = &provider_sdr_ready,
        .mark = {&provider_sdr_mark},
        .unmark = {&provider_sdr_unmark},
        .interval_ms = 5000,
        .backoff_ms = 10000,
        .backoff_max_ms = 600000,
        .max_attempts = 3,
        .run = slk_step_provider_sdr,
        .mates = &provider_sdr_mates,
        .run_many = slk_step_provider_sdr_many,
        .save = NULL,
        .advice = "Look at disk and memory of this machine, then retry the sector; "
                  "layers that are whole are reused.",
    },
    {
        .name = "provider.trees",
        .pipeline = SLK_PIPELINE_PROVIDER,
        .class = SLK_CLASS_COMPUTE,
        .files = true,
        .ready = &provider_trees_ready,
        .mark = {&provider_trees_mark},
        .unmark = {&provider_trees_unmark},
        .interval_ms = 5000,
        .backoff_ms = 10000,
        .backoff_max_ms = 600000,
        .max_attempts = 3,
        .run = slk_step_provider_trees,
        .save = slk_step_provider_trees_save,
        .advice = "Look at disk and memory of this machine, then retry the sector; "
                  "layers that are whole are reused.",
    },
    {
        .name = "provider.notify",
        .pipeline = SLK_PIPELINE_PROVIDER,
        .class = SLK_CLASS_CALL,
        .ready = &provider_notify_ready,
        .mark = {&provider_notify_mark},
        .unmark = {&provider_notify_unmark},
        .interval_ms = 15000,
        .backoff_ms = 15000,
        .backoff_max_ms = 3600000,
        .max_attempts = 0,
        .run = slk_step_provider_notify,
        .save = NULL,
        .advice = "Nothing is lost: the client finds out when it polls.",
    },
    {
        .name = "provider.finalize",
        .pipeline = SLK_PIPELINE_PROVIDER,
        .class = SLK_CLASS_COMPUTE,
        .files = true,
        .ready = &provider_finalize_ready,
        .mark = {&provider_finalize_mark},
        .unmark = {&provider_finalize_unmark},
        .interval_ms = 1000,
        .backoff_ms = 10000,
        .backoff_max_ms = 600000,
        .max_attempts = 0,
        .run = slk_step_provider_finalize,
        .save = NULL,
        .advice = "Look at the disk of this machine; it is tried again by itself.",
    },
    {
        .name = "provider.cleanup",
        .pipeline = SLK_PIPELINE_PROVIDER,
        .class = SLK_CLASS_CALL,
        .files = true,
        .ready = &provider_cleanup_ready,
        .mark = {&provider_cleanup_mark},
        .unmark = {&provider_cleanup_unmark},
        .interval_ms = 1000,
        .backoff_ms = 10000,
        .backoff_max_ms = 600000,
        .max_attempts = 0,
        .run = slk_step_provider_cleanup,
        .save = NULL,
        .advice = "Look at the disk of this machine; it is tried again by itself.",
    },
    {
        .name = "client.delegate",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_CALL,
        .ready = &client_delegate_ready,
        .mark = {&client_delegate_mark},
        .unmark = {&client_delegate_unmark},
        .interval_ms = 5000,
        .backoff_ms = 20000,
        .backoff_max_ms = 300000,
        .max_attempts = 100,
        .run = slk_step_client_delegate,
        .save = NULL,
        .advice = "Add or enable a provider for this miner, then retry the sector.",
    },
    {
        .name = "client.poll",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_CALL,
        .ready = &client_poll_ready,
        .mark = {&client_poll_mark},
        .unmark = {&client_poll_unmark},
        .interval_ms = 30000,
        .backoff_ms = 30000,
        .backoff_max_ms = 300000,
        .max_attempts = 100,
        .run = slk_step_client_poll,
        .save = slk_step_client_poll_save,
        .advice = "Ask the provider what happened. Retry asks it again; cancel lets "
                  "it clean up, then order anew.",
    },
    {
        .name = "client.fetch",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_TRANSFER,
        .files = true,
        .ready = &client_fetch_ready,
        .mark = {&client_fetch_mark},
        .unmark = {&client_fetch_unmark},
        .interval_ms = 5000,
        .backoff_ms = 30000,
        .backoff_max_ms = 600000,
        .max_attempts = 20,
        .run = slk_step_client_fetch,
        .save = NULL,
        .advice = "Look at the connection and the disk, then retry: what was fetched "
                  "is kept. If the ticket is too old or the provider lied, cancel "
                  "and order anew.",
    },
    {
        .name = "client.verify",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_COMPUTE,
        .files = true,
        .ready = &client_verify_ready,
        .mark = {&client_verify_mark},
        .unmark = {&client_verify_unmark},
        .interval_ms = 5000,
        .backoff_ms = 30000,
        .backoff_max_ms = 600000,
        .max_attempts = 3,
        .run = slk_step_client_verify,
        .save = NULL,
        .advice = "No deposit was risked. Retry fetches the replica again; cancel "
                  "and order from another provider otherwise.",
    },
    {
        .name = "client.precommit",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_CHAIN,
        .ready = &client_precommit_ready,
        .mark = {&client_precommit_mark, &client_step_mark},
        .unmark = {&client_precommit_unmark, &client_step_unmark},
        .interval_ms = 0,
        .backoff_ms = 10000,
        .backoff_max_ms = 120000,
        .max_attempts = 50,
        .run = slk_step_client_precommit,
        .save = slk_step_client_chain_save,
        .advice = "Read the message above; when the cause is gone, retry. If the "
                  "ticket is too old, cancel and order anew.",
    },
    {
        .name = "client.precommit_wait",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_CHAIN,
        .ready = &client_precommit_wait_ready,
        .mark = {&client_precommit_wait_mark, &client_step_mark},
        .unmark = {&client_precommit_wait_unmark, &client_step_unmark},
        .interval_ms = 0,
        .backoff_ms = 10000,
        .backoff_max_ms = 120000,
        .max_attempts = 200,
        .run = slk_step_client_precommit_wait,
        .save = slk_step_client_chain_save,
        .advice = "Look at the message on chain; when the cause is gone, retry.",
    },
    {
        .name = "client.seed",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_CHAIN,
        .ready = &client_seed_ready,
        .mark = {&client_seed_mark, &client_step_mark},
        .unmark = {&client_seed_unmark, &client_step_unmark},
        .interval_ms = 0,
        .backoff_ms = 10000,
        .backoff_max_ms = 120000,
        .max_attempts = 200,
        .run = slk_step_client_seed,
        .save = slk_step_client_chain_save,
        .advice = "Look at the pre-commit on chain; when it is there, retry.",
    },
    {
        .name = "client.c1",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_TRANSFER,
        .files = true,
        .ready = &client_c1_ready,
        .mark = {&client_c1_mark, &client_step_mark},
        .unmark = {&client_c1_unmark, &client_step_unmark},
        .interval_ms = 5000,
        .backoff_ms = 15000,
        .backoff_max_ms = 600000,
        .max_attempts = 3,
        .run = slk_step_client_c1,
        .save = NULL,
        .advice = "The deposit is on chain: make the provider answer, then retry "
                  "before the commit deadline.",
    },
    {
        .name = "client.porep",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_SNARK,
        .files = true,
        .ready = &client_porep_ready,
        .mark = {&client_porep_mark, &client_step_mark},
        .unmark = {&client_porep_unmark, &client_step_unmark},
        .interval_ms = 5000,
        .backoff_ms = 15000,
        .backoff_max_ms = 600000,
        .max_attempts = 3,
        .run = slk_step_client_c2,
        .save = slk_step_client_c2_save,
        .advice = "Check memory and proof parameters of this machine, then retry.",
    },
    {
        .name = "client.commit",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_CHAIN,
        .ready = &client_commit_ready,
        .mark = {&client_commit_mark, &client_step_mark},
        .unmark = {&client_commit_unmark, &client_step_unmark},
        .interval_ms = 0,
        .backoff_ms = 10000,
        .backoff_max_ms = 120000,
        .max_attempts = 50,
        .run = slk_step_client_commit,
        .save = slk_step_client_chain_save,
        .advice = "Read the message above; when the cause is gone, retry before the "
                  "commit deadline.",
    },
    {
        .name = "client.commit_wait",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_CHAIN,
        .ready = &client_commit_wait_ready,
        .mark = {&client_commit_wait_mark, &client_step_mark},
        .unmark = {&client_commit_wait_unmark, &client_step_unmark},
        .interval_ms = 0,
        .backoff_ms = 10000,
        .backoff_max_ms = 120000,
        .max_attempts = 200,
        .run = slk_step_client_commit_wait,
        .save = slk_step_client_chain_save,
        .advice = "Look at the message on chain; when the cause is gone, retry.",
    },
    {
        .name = "client.release",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_CALL,
        .files = true,
        .ready = &client_release_ready,
        .mark = {&client_release_mark},
        .unmark = {&client_release_unmark},
        .interval_ms = 5000,
        .backoff_ms = 30000,
        .backoff_max_ms = 3600000,
        .max_attempts = 0,
        .run = slk_step_client_release,
        .save = NULL,
        .advice = "Nothing is lost: the provider cleans up by its own time-out.",
    },
    {
        .name = "client.renew",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_CALL,
        .ready = &client_renew_ready,
        .mark = {&client_renew_mark},
        .unmark = {&client_renew_unmark},
        .interval_ms = 30000,
        .backoff_ms = 30000,
        .backoff_max_ms = 3600000,
        .max_attempts = 0,
        .run = slk_step_client_renew,
        .save = slk_step_client_renew_save,
        .advice = "Ask the provider to keep the sector; it goes when its lease ends.",
    },
    {
        .name = "client.let_go",
        .pipeline = SLK_PIPELINE_CLIENT,
        .class = SLK_CLASS_CALL,
        .ready = &client_let_go_ready,
        .mark = {&client_let_go_mark, &client_placement_mark},
        .unmark = {&client_let_go_unmark, &client_placement_unmark},
        .interval_ms = 5000,
        .backoff_ms = 30000,
        .backoff_max_ms = 3600000,
        .max_attempts = 0,
        .run = slk_step_client_let_go,
        .save = NULL,
        .advice = "Nothing is lost: the former provider cleans up by its own time-out.",
    },
};

const slk_step *slk_seal_steps(size_t *ret_n)
{
    *ret_n = sizeof steps / sizeof *steps;
    return steps;
}

const slk_sql *slk_seal_work(slk_pipeline pipeline)
{
    return pipeline == SLK_PIPELINE_PROVIDER ? &provider_work : &client_work;
}
