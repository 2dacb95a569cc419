/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "worker/journal.h"

#include "base/file.h"
#include "base/mem.h"
#include "codec/json.h"
#include "db/db.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX_BYTES ((size_t)4 << 20) /* of one row's parameters or result */
#define BLOB_FOLDER "calls"

struct slk_worker_journal {
    slk_db *db;
    char *folder; /* of the blobs */
    int64_t last_seq; /* of the rows that were there at the opening */
};

static const slk_migration migrations[] = {
    {1, "calls",
     "CREATE TABLE worker_taken (\n"
     "  seq INTEGER PRIMARY KEY,\n"
     "  uuid TEXT NOT NULL UNIQUE,\n"
     "  miner BIGINT NOT NULL,\n"
     "  number BIGINT NOT NULL,\n"
     "  method TEXT NOT NULL,\n"
     "  batch TEXT NOT NULL,\n"
     "  params TEXT NOT NULL,\n"
     "  repeatable SMALLINT NOT NULL,\n"
     "  taken_ms BIGINT NOT NULL,\n"
     "  done SMALLINT NOT NULL,\n"
     "  result TEXT,\n"
     "  result_file SMALLINT NOT NULL,\n"
     "  failed SMALLINT NOT NULL,\n"
     "  fault BIGINT NOT NULL,\n"
     "  message TEXT NOT NULL\n"
     ");\n"},
};

/* ---- calls in memory ---- */

slk_worker_call *slk_worker_call_new(void)
{
    return slk_calloc(1, sizeof(slk_worker_call));
}

void slk_worker_call_free(slk_worker_call *call)
{
    if (!call)
        return;
    json_decref(call->params);
    json_decref(call->outcome.result);
    slk_free(call);
}

/* ---- blobs ---- */

static char *blob_path(const slk_worker_journal *journal, const char *uuid, const char *ending)
{
    return slk_strf("%s/%s.%s", journal->folder, uuid, ending);
}

char *slk_worker_journal_in(const slk_worker_journal *journal, const char *uuid)
{
    return blob_path(journal, uuid, "in");
}

char *slk_worker_journal_out(const slk_worker_journal *journal, const char *uuid)
{
    return blob_path(journal, uuid, "out");
}

static slk_err has_row(bool *ret, slk_db *db, const char *uuid, slk_error *error)
{
    static const slk_sql find = {"taken.find", "SELECT 1 FROM worker_taken WHERE uuid = $1"};
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &find, error));
    slk_bind_text(&q, 1, uuid);
    return slk_query_step(&q, ret, error);
}

/* A file of no call: its call was never taken, or its end was cut short after the row's. */
static slk_err drop_if_stray(const slk_worker_journal *journal, const char *name, slk_error *error)
{
    char uuid[SLK_UUID_CHARS] = "";
    bool found = false;
    (void)snprintf(uuid, sizeof uuid, "%s", name);
    SLK_TRY(has_row(&found, journal->db, uuid, error));
    if (found)
        return SLK_OK;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(journal->folder, name);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker's calls");
    return slk_remove_tree(path, error);
}

static slk_err drop_strays(const slk_worker_journal *journal, slk_error *error)
{
    DIR *dir = opendir(journal->folder);
    if (!dir)
        return slk_fail(error, SLK_E_IO, "cannot read %s", journal->folder);
    slk_err code = SLK_OK;
    for (const struct dirent *entry; code == SLK_OK && (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            code = drop_if_stray(journal, entry->d_name, error);
    (void)closedir(dir);
    return code;
}

/* ---- opening ---- */

static slk_err note_last(slk_worker_journal *journal, slk_error *error)
{
    static const slk_sql last = {"taken.last", "SELECT max(seq) FROM worker_taken"};
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_query_init(&q, journal->db, &last, error));
    SLK_TRY(slk_query_step(&q, &row, error));
    journal->last_seq = row ? slk_column_i64(&q, 0) : 0;
    return SLK_OK;
}

static slk_err open_parts(slk_worker_journal *journal, const char *folder, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *file = slk_path_join(folder, "calls.db");
    journal->folder = slk_path_join(folder, BLOB_FOLDER);
    if (!file || !journal->folder)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker's calls");
    SLK_TRY(slk_folder_make(journal->folder, 0700, error));
    SLK_TRY(slk_db_open(&journal->db, file, 0, error));
    SLK_TRY(slk_db_migrate(journal->db, migrations, sizeof migrations / sizeof *migrations, error));
    SLK_TRY(note_last(journal, error));
    return drop_strays(journal, error);
}

slk_err slk_worker_journal_open(slk_worker_journal **ret_journal, const char *folder,
                                slk_error *error)
{
    slk_worker_journal *journal = slk_calloc(1, sizeof *journal);
    if (!journal)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker's calls");
    const slk_err code = open_parts(journal, folder, error);
    if (code != SLK_OK) {
        slk_worker_journal_close(journal);
        return code;
    }
    *ret_journal = journal;
    return SLK_OK;
}

void slk_worker_journal_close(slk_worker_journal *journal)
{
    if (!journal)
        return;
    slk_db_close(journal->db);
    slk_free(journal->folder);
    slk_free(journal);
}

/* ---- rows ---- */

/* value as text; NULL for no value. */
static slk_err to_text(slk_buf *out, const json_t *value, slk_error *error)
{
    slk_buf_init(out, TEXT_MAX_BYTES);
    if (!value)
        return SLK_OK;
    const slk_err code = slk_json_print(out, value);
    if (code != SLK_OK)
        return slk_fail(error, code, "a call of more than %zu bytes cannot be kept",
                        TEXT_MAX_BYTES);
    return SLK_OK;
}

static slk_err insert(slk_db *db, const slk_worker_call *call, slk_error *error)
{
    static const slk_sql add = {"taken.add",
                                "INSERT INTO worker_taken (uuid, miner, number, method, batch, "
                                "params, repeatable, taken_ms,"
                                " done, result_file, failed, fault, message)"
                                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, 0, 0, '')"};
    SLK_CLEANUP(slk_buf_done) slk_buf params = {0};
    SLK_TRY(to_text(&params, call->params, error));
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &add, error));
    slk_bind_text(&q, 1, call->id.uuid);
    slk_bind_i64(&q, 2, (int64_t)call->id.sector.miner);
    slk_bind_i64(&q, 3, (int64_t)call->id.sector.number);
    slk_bind_text(&q, 4, call->method);
    slk_bind_text(&q, 5, call->batch);
    slk_bind_text(&q, 6, slk_buf_str(&params));
    slk_bind_bool(&q, 7, call->repeatable);
    slk_bind_i64(&q, 8, call->taken_ms);
    return slk_query_run(&q, error);
}

struct taking {
    slk_worker_call *const *calls;
    size_t n;
};

static slk_err insert_all(slk_db *db, void *context, slk_error *error)
{
    const struct taking *taking = context;
    for (size_t i = 0; i < taking->n; i++)
        SLK_TRY(insert(db, taking->calls[i], error));
    return SLK_OK;
}

slk_err slk_worker_journal_take(slk_worker_journal *journal, slk_worker_call *const *calls,
                                size_t n, slk_error *error)
{
    struct taking taking = {calls, n};
    return slk_db_tx(journal->db, insert_all, &taking, error);
}

static slk_err sync_out(const slk_worker_journal *journal, const char *uuid, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_worker_journal_out(journal, uuid);
    SLK_CLEANUP(slk_closep) int fd = -1;
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a result");
    SLK_TRY(slk_file_open_read(&fd, path, error));
    SLK_TRY(slk_file_sync(fd, path, error));
    return slk_file_sync_folder_of(path, error);
}

slk_err slk_worker_journal_end(slk_worker_journal *journal, const slk_worker_call *call,
                               slk_error *error)
{
    static const slk_sql end = {
        "taken.end",
        "UPDATE worker_taken SET done = 1, result = $2, result_file = $3, failed = $4, fault = $5,"
        " message = $6 WHERE uuid = $1"};
    const slk_worker_outcome *o = &call->outcome;
    SLK_CLEANUP(slk_buf_done) slk_buf result = {0};
    SLK_TRY(to_text(&result, o->result, error));
    if (o->result_file)
        SLK_TRY(sync_out(journal, call->id.uuid, error));
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, journal->db, &end, error));
    slk_bind_text(&q, 1, call->id.uuid);
    slk_bind_text(&q, 2, o->result ? slk_buf_str(&result) : NULL);
    slk_bind_bool(&q, 3, o->result_file);
    slk_bind_bool(&q, 4, o->fault.failed);
    slk_bind_i64(&q, 5, o->fault.code);
    slk_bind_text(&q, 6, o->fault.message);
    return slk_query_run(&q, error);
}

slk_err slk_worker_journal_drop_files(slk_worker_journal *journal, const char *uuid,
                                      slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *in = slk_worker_journal_in(journal, uuid);
    SLK_CLEANUP(slk_freep) char *out = slk_worker_journal_out(journal, uuid);
    if (!in || !out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker's calls");
    SLK_TRY(slk_remove_tree(in, error));
    return slk_remove_tree(out, error);
}

slk_err slk_worker_journal_drop(slk_worker_journal *journal, const char *uuid, slk_error *error)
{
    static const slk_sql drop = {"taken.drop", "DELETE FROM worker_taken WHERE uuid = $1"};
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_query_init(&q, journal->db, &drop, error));
        slk_bind_text(&q, 1, uuid);
        SLK_TRY(slk_query_run(&q, error));
    }
    return slk_worker_journal_drop_files(journal, uuid, error);
}

static slk_err from_text(json_t **ret, const char *text, slk_error *error)
{
    if (!text)
        return SLK_OK;
    return slk_json_parse(ret, text, strlen(text), TEXT_MAX_BYTES, error);
}

static slk_err read_row(slk_worker_call *call, const slk_query *q, slk_error *error)
{
    (void)snprintf(call->id.uuid, sizeof call->id.uuid, "%s", slk_column_text(q, 0));
    call->id.sector.miner = (uint64_t)slk_column_i64(q, 1);
    call->id.sector.number = (uint64_t)slk_column_i64(q, 2);
    (void)snprintf(call->method, sizeof call->method, "%s", slk_column_text(q, 3));
    (void)snprintf(call->batch, sizeof call->batch, "%s", slk_column_text(q, 4));
    call->restarted = true;
    call->repeatable = slk_column_bool(q, 6);
    call->taken_ms = slk_column_i64(q, 7);
    call->done = slk_column_bool(q, 8);
    call->outcome.result_file = slk_column_bool(q, 10);
    call->outcome.fault.failed = slk_column_bool(q, 11);
    call->outcome.fault.code = slk_column_i64(q, 12);
    (void)snprintf(call->outcome.fault.message, sizeof call->outcome.fault.message, "%s",
                   slk_column_text(q, 13));
    slk_err code = from_text(&call->params, slk_column_text(q, 5), error);
    if (code == SLK_OK)
        code = from_text(&call->outcome.result, slk_column_text(q, 9), error);
    if (code != SLK_OK && code != SLK_E_NOMEM)
        return slk_fail_context(error, SLK_E_CORRUPT, "call %s in calls.db", call->id.uuid);
    return code;
}

/* Rows into a list first: take may want the database itself. */
slk_err slk_worker_journal_load(slk_worker_journal *journal, slk_worker_journal_each *take,
                                void *context, slk_error *error)
{
    static const slk_sql next = {
        "taken.next",
        "SELECT uuid, miner, number, method, batch, params, repeatable, taken_ms, done, result,"
        " result_file, failed, fault, message, seq FROM worker_taken"
        " WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT 1"};
    for (int64_t after = -1;;) {
        slk_worker_call *call = slk_worker_call_new();
        if (!call)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for the worker's calls");
        slk_err code;
        bool row = false;
        {
            SLK_CLEANUP(slk_query_done) slk_query q = {0};
            code = slk_query_init(&q, journal->db, &next, error);
            slk_bind_i64(&q, 1, after);
            slk_bind_i64(&q, 2, journal->last_seq);
            if (code == SLK_OK)
                code = slk_query_step(&q, &row, error);
            if (code == SLK_OK && row)
                code = read_row(call, &q, error);
            if (code == SLK_OK && row)
                after = slk_column_i64(&q, 14);
        }
        if (code != SLK_OK || !row) {
            slk_worker_call_free(call);
            return code;
        }
        SLK_TRY(take(context, call, error));
    }
}
