/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/calls.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_END ".result"

#define COLUMNS                                                                              \
    "id, sp_id, sector_number, call_id, task, params_key, session, hostname, state, result," \
    " result_file, failed, fault_code, fault, created_ms, ended_ms, identity, batch"

struct slk_farm_calls {
    slk_db *db;
    const char *node;
    char *folder;
};

static const slk_sql find_keyed = {
    "call.find_keyed", "SELECT " COLUMNS " FROM worker_call WHERE node = $1 AND sp_id = $2"
                       " AND sector_number = $3 AND task = $4 AND params_key = $5"
                       " AND state <> 'early' ORDER BY id DESC LIMIT 1"};
static const slk_sql find_any = {"call.find_any", "SELECT " COLUMNS
                                                  " FROM worker_call WHERE node = $1 AND sp_id = $2"
                                                  " AND sector_number = $3 AND task = $4"
                                                  " AND state <> 'early' ORDER BY id DESC LIMIT 1"};
static const slk_sql get_row = {"call.get",
                                "SELECT " COLUMNS " FROM worker_call WHERE node = $1 AND id = $2"};
static const slk_sql list_rows = {"call.list",
                                  "SELECT " COLUMNS " FROM worker_call WHERE node = $1"
                                  " AND state IN ('running', 'done') ORDER BY id LIMIT $2"};
static const slk_sql insert_row = {
    "call.begin", "INSERT INTO worker_call (node, sp_id, sector_number, task, params_key, session,"
                  " hostname, identity, state, created_ms, batch)"
                  " VALUES ($1, $2, $3, $4, $5, $6, $7, $9, 'starting', $8, $10)"
                  " RETURNING id"};
static const slk_sql name_row = {"call.named",
                                 "UPDATE worker_call SET call_id = $3, state = 'running'"
                                 " WHERE node = $1 AND id = $2 AND state = 'starting'"};
/* What was returned before the id was known here becomes the row's outcome. */
static const slk_sql take_early = {
    "call.take_early",
    "UPDATE worker_call SET state = 'done', ended_ms = e.ended_ms, result = e.result,"
    " result_file = e.result_file, failed = e.failed, fault_code = e.fault_code, fault = e.fault"
    " FROM (SELECT * FROM worker_call WHERE node = $1 AND call_id = $3 AND state = 'early') AS e"
    " WHERE worker_call.node = $1 AND worker_call.id = $2"};
static const slk_sql drop_early = {"call.drop_early",
                                   "DELETE FROM worker_call WHERE node = $1 AND call_id = $2"
                                   " AND state = 'early'"};
static const slk_sql end_row = {"call.returned",
                                "UPDATE worker_call SET state = 'done', ended_ms = $3, result = $4,"
                                " result_file = $5, failed = $6, fault_code = $7, fault = $8"
                                " WHERE node = $1 AND call_id = $2 AND state = 'running'"};
static const slk_sql known_row = {"call.known",
                                  "SELECT state FROM worker_call WHERE node = $1 AND call_id = $2"};
static const slk_sql orphan = {
    "call.orphan",
    "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM worker_call"
    " WHERE call_id = $1 AND state <> 'early') AND NOT EXISTS (SELECT 1 FROM worker_call"
    " WHERE sp_id = $2 AND sector_number = $3 AND state = 'starting') AND (EXISTS (SELECT 1 FROM"
    " rseal_provider_pipeline WHERE sp_id = $2 AND sector_number = $3) OR EXISTS (SELECT 1 FROM"
    " rseal_client_pipeline WHERE sp_id = $2 AND sector_number = $3))"};
static const slk_sql may_be_early = {
    "call.may_be_early", "SELECT count(*) FROM worker_call WHERE node = $1 AND sp_id = $2"
                         " AND sector_number = $3 AND state = 'starting'"};
static const slk_sql insert_early = {
    "call.early",
    "INSERT INTO worker_call (node, call_id, state, created_ms, ended_ms, result, result_file,"
    " failed, fault_code, fault, sp_id, sector_number, task) VALUES ($1, $2, 'early', $3, $3, $4,"
    " $5, $6, $7, $8, $9, $10, '')"};
static const slk_sql prune_early = {
    "call.prune_early",
    "DELETE FROM worker_call WHERE node = $1 AND state = 'early' AND (NOT EXISTS (SELECT 1 FROM"
    " worker_call s WHERE s.node = $1 AND s.sp_id = worker_call.sp_id AND s.sector_number ="
    " worker_call.sector_number AND s.state = 'starting') OR id NOT IN"
    " (SELECT id FROM worker_call WHERE node = $1 AND state = 'early' ORDER BY id DESC LIMIT $2))"
    " RETURNING call_id"};
static const slk_sql drop_starting = {
    "call.drop_starting", "DELETE FROM worker_call WHERE node = $1 AND state = 'starting'"};
static const slk_sql drop_row = {
    "call.drop", "DELETE FROM worker_call WHERE node = $1 AND id = $2 RETURNING call_id"};
static const slk_sql drop_rows = {"call.drop_sector",
                                  "DELETE FROM worker_call WHERE node = $1 AND sp_id = $2"
                                  " AND sector_number = $3 RETURNING call_id"};
static const slk_sql over_rows = {
    "call.over",
    "SELECT DISTINCT w.sp_id, w.sector_number FROM worker_call w WHERE w.node = $1"
    " AND w.state <> 'early' AND w.task <> 'C2' AND NOT EXISTS (SELECT 1 FROM"
    " rseal_provider_pipeline p WHERE p.sp_id = w.sp_id AND p.sector_number = w.sector_number"
    " AND p.after_cleanup = 0 AND p.after_finalize = 0) LIMIT $2"};

void slk_farm_outcome_done(slk_farm_outcome *outcome)
{
    json_decref(outcome->result);
    outcome->result = NULL;
}

void slk_farm_call_done(slk_farm_call *call)
{
    slk_farm_outcome_done(&call->outcome);
}

/* ---- files ---- */

char *slk_farm_calls_file(const slk_farm_calls *calls, const char *uuid)
{
    slk_assert(slk_uuid_is(uuid));
    return slk_strf("%s/%s" FILE_END, calls->folder, uuid);
}

static slk_err drop_file(const slk_farm_calls *calls, const char *uuid, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_farm_calls_file(calls, uuid);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
    return slk_remove_tree(path, error);
}

/* Steps through rows (call_id) that a DELETE gave back, and removes their files. */
static slk_err drop_files(slk_query *q, const slk_farm_calls *calls, slk_error *error)
{
    bool row = false;
    slk_err code = slk_query_step(q, &row, error);
    for (; code == SLK_OK && row; code = slk_query_step(q, &row, error)) {
        const char *uuid = slk_column_text(q, 0);
        if (uuid && slk_uuid_is(uuid))
            SLK_TRY(drop_file(calls, uuid, error));
    }
    return code;
}

static slk_err is_known(bool *ret_known, char ret_state[16], const slk_farm_calls *calls,
                        const char *uuid, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_query_init(&q, calls->db, &known_row, error));
    slk_bind_text(&q, 1, calls->node);
    slk_bind_text(&q, 2, uuid);
    SLK_TRY(slk_query_step(&q, &row, error));
    *ret_known = row;
    if (row)
        (void)snprintf(ret_state, 16, "%s", slk_column_text(&q, 0));
    return SLK_OK;
}

/* Files of results whose rows are gone: this node ended between the two. */
static slk_err sweep(const slk_farm_calls *calls, slk_error *error)
{
    DIR *folder = opendir(calls->folder);
    if (!folder)
        return slk_fail_errno(error, errno, "cannot read %s", calls->folder);
    slk_err code = SLK_OK;
    for (const struct dirent *e; code == SLK_OK && (e = readdir(folder)) != NULL;) {
        char uuid[SLK_UUID_CHARS] = "", state[16];
        bool known = false;
        const size_t n = strlen(e->d_name), end = strlen(FILE_END);
        if (n != SLK_UUID_CHARS - 1 + end || strcmp(e->d_name + n - end, FILE_END) != 0)
            continue;
        memcpy(uuid, e->d_name, SLK_UUID_CHARS - 1);
        if (!slk_uuid_is(uuid))
            continue;
        code = is_known(&known, state, calls, uuid, error);
        if (code == SLK_OK && !known)
            code = drop_file(calls, uuid, error);
    }
    (void)closedir(folder);
    return code;
}

/* ---- opening ---- */

static slk_err prune(const slk_farm_calls *calls, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, calls->db, &prune_early, error));
    slk_bind_text(&q, 1, calls->node);
    slk_bind_i64(&q, 2, SLK_FARM_EARLY_MAX);
    return drop_files(&q, calls, error);
}

static slk_err open_calls(const slk_farm_calls *calls, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_folder_make(calls->folder, 0700, error));
    SLK_TRY(slk_query_init(&q, calls->db, &drop_starting, error));
    slk_bind_text(&q, 1, calls->node);
    SLK_TRY(slk_query_run(&q, error));
    slk_query_done(&q);
    SLK_TRY(prune(calls, error));
    return sweep(calls, error);
}

slk_err slk_farm_calls_new(slk_farm_calls **ret_calls, slk_db *db, const char *node_name,
                           const char *folder, slk_error *error)
{
    slk_farm_calls *calls = slk_calloc(1, sizeof *calls);
    if (!calls)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for calls of workers");
    *calls = (slk_farm_calls){.db = db, .node = node_name, .folder = slk_strdup(folder)};
    const slk_err code = calls->folder ? open_calls(calls, error)
                                       : slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
    if (code != SLK_OK) {
        slk_farm_calls_free(calls);
        return code;
    }
    *ret_calls = calls;
    return SLK_OK;
}

void slk_farm_calls_free(slk_farm_calls *calls)
{
    if (!calls)
        return;
    slk_free(calls->folder);
    slk_free(calls);
}

/* ---- reading ---- */

static void copy_text(char *out, size_t size, const slk_query *q, int column)
{
    const char *text = slk_column_text(q, column);
    (void)snprintf(out, size, "%s", text ? text : "");
}

static slk_err read_outcome(slk_farm_outcome *ret, const slk_query *q, slk_error *error)
{
    const char *text = slk_column_text(q, 9);
    slk_farm_outcome outcome = {.result_file = slk_column_bool(q, 10)};
    outcome.fault.failed = slk_column_bool(q, 11);
    outcome.fault.code = slk_column_i64(q, 12);
    copy_text(outcome.fault.message, sizeof outcome.fault.message, q, 13);
    if (text && slk_json_parse(&outcome.result, text, strlen(text), SLK_FARM_RESULT_MAX_BYTES,
                               error) != SLK_OK)
        return slk_fail_context(error, SLK_E_CORRUPT, "the stored result of a worker");
    *ret = outcome;
    return SLK_OK;
}

static slk_farm_call_state state_of(const char *text)
{
    return strcmp(text, "starting") == 0  ? SLK_FARM_CALL_STARTING
           : strcmp(text, "running") == 0 ? SLK_FARM_CALL_RUNNING
                                          : SLK_FARM_CALL_DONE;
}

/* All but the outcome. */
static slk_err read_row(slk_farm_call *ret, const slk_query *q, slk_error *error)
{
    slk_farm_call call = {
        .id = slk_column_i64(q, 0),
        .call.sector = {(uint64_t)slk_column_i64(q, 1), (uint64_t)slk_column_i64(q, 2)},
        .created_ms = slk_column_i64(q, 14),
        .ended_ms = slk_column_i64(q, 15)};
    char state[16], task[16];
    copy_text(call.call.uuid, sizeof call.call.uuid, q, 3);
    copy_text(task, sizeof task, q, 4);
    copy_text(call.key, sizeof call.key, q, 5);
    copy_text(call.session, sizeof call.session, q, 6);
    copy_text(call.hostname, sizeof call.hostname, q, 7);
    copy_text(state, sizeof state, q, 8);
    copy_text(call.identity, sizeof call.identity, q, 16);
    copy_text(call.batch, sizeof call.batch, q, 17);
    call.state = state_of(state);
    if (!slk_lotus_task_of_short(&call.task, task))
        return slk_fail(error, SLK_E_CORRUPT, "a call of the unknown task `%s` is stored", task);
    *ret = call;
    return SLK_OK;
}

/* Of a query with its parameters bound. */
static slk_err read_one(slk_farm_call *ret, slk_query *q, slk_error *error)
{
    bool row = false;
    SLK_TRY(slk_query_step(q, &row, error));
    if (!row)
        return slk_fail(error, SLK_E_NOTFOUND, "no such call of a worker");
    slk_farm_call call = {0};
    SLK_TRY(read_row(&call, q, error));
    if (call.state == SLK_FARM_CALL_DONE)
        SLK_TRY(read_outcome(&call.outcome, q, error));
    *ret = call;
    return SLK_OK;
}

slk_err slk_farm_calls_find(slk_farm_call *ret_call, slk_farm_calls *calls,
                            const slk_lotus_sector *sector, slk_lotus_task task, const char *key,
                            slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, calls->db, key ? &find_keyed : &find_any, error));
    slk_bind_text(&q, 1, calls->node);
    slk_bind_i64(&q, 2, slk_i64(sector->miner));
    slk_bind_i64(&q, 3, slk_i64(sector->number));
    slk_bind_text(&q, 4, slk_lotus_task_short(task));
    if (key)
        slk_bind_text(&q, 5, key);
    return read_one(ret_call, &q, error);
}

slk_err slk_farm_calls_get(slk_farm_call *ret_call, slk_farm_calls *calls, int64_t id,
                           slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, calls->db, &get_row, error));
    slk_bind_text(&q, 1, calls->node);
    slk_bind_i64(&q, 2, id);
    return read_one(ret_call, &q, error);
}

slk_err slk_farm_calls_list(slk_farm_call **ret_list, size_t *ret_n, slk_farm_calls *calls,
                            size_t max, slk_error *error)
{
    SLK_CLEANUP(slk_freep) slk_farm_call *list = slk_calloc(max, sizeof *list);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    if (!list)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a list of calls");
    SLK_TRY(slk_query_init(&q, calls->db, &list_rows, error));
    slk_bind_text(&q, 1, calls->node);
    slk_bind_i64(&q, 2, (int64_t)max);
    bool row = false;
    size_t n = 0;
    for (;;) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row || n == max)
            break;
        SLK_TRY(read_row(&list[n++], &q, error));
    }
    *ret_list = list;
    list = NULL;
    *ret_n = n;
    return SLK_OK;
}

slk_err slk_farm_calls_over(slk_lotus_sector *ret_sectors, size_t *ret_n, size_t max,
                            slk_farm_calls *calls, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, calls->db, &over_rows, error));
    slk_bind_text(&q, 1, calls->node);
    slk_bind_i64(&q, 2, (int64_t)max);
    size_t n = 0;
    for (bool row = true; n < max;) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        ret_sectors[n++] =
            (slk_lotus_sector){(uint64_t)slk_column_i64(&q, 0), (uint64_t)slk_column_i64(&q, 1)};
    }
    *ret_n = n;
    return SLK_OK;
}

slk_err slk_farm_calls_is_orphan(bool *ret_is, slk_farm_calls *calls, const slk_lotus_call_id *call,
                                 slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, calls->db, &orphan, error));
    slk_bind_text(&q, 1, call->uuid);
    slk_bind_i64(&q, 2, slk_i64(call->sector.miner));
    slk_bind_i64(&q, 3, slk_i64(call->sector.number));
    return slk_query_step(&q, ret_is, error);
}

/* ---- changes ---- */

slk_err slk_farm_calls_begin(slk_farm_call *call, slk_farm_calls *calls, slk_error *error)
{
    const slk_lotus_sector *sector = &call->call.sector;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_query_init(&q, calls->db, &insert_row, error));
    slk_bind_text(&q, 1, calls->node);
    slk_bind_i64(&q, 2, slk_i64(sector->miner));
    slk_bind_i64(&q, 3, slk_i64(sector->number));
    slk_bind_text(&q, 4, slk_lotus_task_short(call->task));
    slk_bind_text(&q, 5, call->key);
    slk_bind_text(&q, 6, call->session);
    slk_bind_text(&q, 7, call->hostname);
    slk_bind_i64(&q, 8, slk_clock_wall_ms());
    slk_bind_text(&q, 9, call->identity);
    slk_bind_text(&q, 10, call->batch);
    SLK_TRY(slk_query_step(&q, &row, error));
    if (!row)
        return slk_fail(error, SLK_E_INTERNAL, "a new row has no number");
    call->id = slk_column_i64(&q, 0);
    return SLK_OK;
}

struct naming {
    const slk_farm_calls *calls;
    int64_t id;
    const char *uuid;
    bool done;
};

static slk_err run_named(const struct naming *n, const slk_sql *sql, int64_t *ret_changes,
                         slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, n->calls->db, sql, error));
    slk_bind_text(&q, 1, n->calls->node);
    slk_bind_i64(&q, 2, n->id);
    slk_bind_text(&q, 3, n->uuid);
    SLK_TRY(slk_query_run(&q, error));
    *ret_changes = slk_query_changes(&q);
    return SLK_OK;
}

static slk_err named_body(slk_db *db, void *context, slk_error *error)
{
    struct naming *n = context;
    int64_t changes = 0;
    SLK_TRY(run_named(n, &name_row, &changes, error));
    if (changes == 0)
        return slk_fail(error, SLK_E_CONFLICT, "the call was dropped meanwhile");
    SLK_TRY(run_named(n, &take_early, &changes, error));
    n->done = changes > 0;
    if (!n->done)
        return SLK_OK;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &drop_early, error));
    slk_bind_text(&q, 1, n->calls->node);
    slk_bind_text(&q, 2, n->uuid);
    return slk_query_run(&q, error);
}

slk_err slk_farm_calls_named(bool *ret_done, slk_farm_calls *calls, int64_t id, const char *uuid,
                             slk_error *error)
{
    struct naming n = {.calls = calls, .id = id, .uuid = uuid};
    if (!slk_uuid_is(uuid))
        return slk_fail(error, SLK_E_PROTO, "the worker's id of a call is no UUID");
    SLK_TRY(slk_db_tx(calls->db, named_body, &n, error));
    *ret_done = n.done;
    return SLK_OK;
}

struct returning {
    const slk_farm_calls *calls;
    const slk_lotus_call_id *call;
    const slk_farm_outcome *outcome;
    const char *result; /* NULL none */
    bool known;
    bool stray; /* it has no row */
};

/* Parameters 4 to 8 of end_row and insert_early. */
static void bind_outcome(slk_query *q, const struct returning *r)
{
    slk_bind_text(q, 4, r->result);
    slk_bind_bool(q, 5, r->outcome->result_file);
    slk_bind_bool(q, 6, r->outcome->fault.failed);
    slk_bind_i64(q, 7, r->outcome->fault.code);
    slk_bind_text(q, 8, r->outcome->fault.message);
}

static slk_err end_call(int64_t *ret_changes, const struct returning *r, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, r->calls->db, &end_row, error));
    slk_bind_text(&q, 1, r->calls->node);
    slk_bind_text(&q, 2, r->call->uuid);
    slk_bind_i64(&q, 3, slk_clock_wall_ms());
    bind_outcome(&q, r);
    SLK_TRY(slk_query_run(&q, error));
    *ret_changes = slk_query_changes(&q);
    return SLK_OK;
}

static slk_err keep_early(const struct returning *r, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, r->calls->db, &insert_early, error));
    slk_bind_text(&q, 1, r->calls->node);
    slk_bind_text(&q, 2, r->call->uuid);
    slk_bind_i64(&q, 3, slk_clock_wall_ms());
    bind_outcome(&q, r);
    slk_bind_i64(&q, 9, slk_i64(r->call->sector.miner));
    slk_bind_i64(&q, 10, slk_i64(r->call->sector.number));
    return slk_query_run(&q, error);
}

static slk_err can_be_early(bool *ret, const slk_farm_calls *calls, const slk_lotus_sector *sector,
                            slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_query_init(&q, calls->db, &may_be_early, error));
    slk_bind_text(&q, 1, calls->node);
    slk_bind_i64(&q, 2, slk_i64(sector->miner));
    slk_bind_i64(&q, 3, slk_i64(sector->number));
    SLK_TRY(slk_query_step(&q, &row, error));
    *ret = row && slk_column_i64(&q, 0) > 0;
    return SLK_OK;
}

static slk_err returned_body(slk_db *db, void *context, slk_error *error)
{
    (void)db;
    struct returning *r = context;
    char state[16] = "";
    bool any = false, early = false;
    int64_t changes = 0;
    r->known = false;
    SLK_TRY(end_call(&changes, r, error));
    if (changes == 0)
        SLK_TRY(is_known(&any, state, r->calls, r->call->uuid, error));
    r->known = changes > 0 || (any && strcmp(state, "early") != 0);
    if (changes == 0 && !any)
        SLK_TRY(can_be_early(&early, r->calls, &r->call->sector, error));
    r->stray = changes == 0 && !any && !early;
    return early ? keep_early(r, error) : SLK_OK;
}

slk_err slk_farm_calls_wants(bool *ret_wants, slk_farm_calls *calls, const slk_lotus_call_id *call,
                             slk_error *error)
{
    char state[16] = "";
    bool known = false, early = false;
    /* In this order: a row that gets its id meanwhile is seen by one of the two. */
    SLK_TRY(can_be_early(&early, calls, &call->sector, error));
    SLK_TRY(is_known(&known, state, calls, call->uuid, error));
    *ret_wants = known ? strcmp(state, "running") == 0 : early;
    return SLK_OK;
}

slk_err slk_farm_calls_returned(bool *ret_known, slk_farm_calls *calls,
                                const slk_lotus_call_id *call, const slk_farm_outcome *outcome,
                                slk_error *error)
{
    slk_buf text;
    slk_buf_init(&text, SLK_FARM_RESULT_MAX_BYTES);
    struct returning r = {.calls = calls, .call = call, .outcome = outcome};
    slk_err code = SLK_OK;
    if (outcome->result)
        code = slk_json_print(&text, outcome->result);
    if (code != SLK_OK)
        code = slk_fail(error, code, "the result of a worker is larger than a row may be");
    r.result = outcome->result ? slk_buf_str(&text) : NULL;
    if (code == SLK_OK)
        code = slk_db_tx(calls->db, returned_body, &r, error);
    if (code == SLK_OK && r.stray && outcome->result_file)
        code = drop_file(calls, call->uuid, error);
    if (code == SLK_OK && !r.known)
        code = prune(calls, error);
    slk_buf_done(&text);
    if (code == SLK_OK)
        *ret_known = r.known;
    return code;
}

slk_err slk_farm_calls_drop(slk_farm_calls *calls, int64_t id, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, calls->db, &drop_row, error));
    slk_bind_text(&q, 1, calls->node);
    slk_bind_i64(&q, 2, id);
    return drop_files(&q, calls, error);
}

slk_err slk_farm_calls_drop_sector(slk_farm_calls *calls, const slk_lotus_sector *sector,
                                   slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, calls->db, &drop_rows, error));
    slk_bind_text(&q, 1, calls->node);
    slk_bind_i64(&q, 2, slk_i64(sector->miner));
    slk_bind_i64(&q, 3, slk_i64(sector->number));
    return drop_files(&q, calls, error);
}
