/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "db/db.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "db/db_impl.h"

#include <string.h>

#define SCHEMA_MAX_BYTES (1u << 20)

/* ---- open and close ---- */

slk_err slk_db_open(slk_db **ret_db, const char *where, int busy_ms, slk_error *error)
{
    return slk_db_is_url(where) ? slk_db_pg_open(ret_db, where, busy_ms, error)
                                : slk_db_sqlite_open(ret_db, where, busy_ms, error);
}

slk_err slk_db_check(slk_db *db, slk_error *error)
{
    return db->backend->check(db, error);
}

bool slk_db_is_url(const char *where)
{
    return strncmp(where, "postgresql://", 13) == 0 || strncmp(where, "postgres://", 11) == 0;
}

bool slk_db_is_server(const slk_db *db)
{
    return slk_db_is_url(db->name);
}

const char *slk_db_name(const slk_db *db)
{
    return db->name;
}

void slk_db_close(slk_db *db)
{
    if (db)
        db->backend->close(db);
}

void slk_db_closep(slk_db **db)
{
    slk_db_close(*db);
}

slk_err slk_db_now_ms(int64_t *ret_now_ms, slk_db *db, slk_error *error)
{
    return db->backend->now_ms(ret_now_ms, db, error);
}

uint64_t slk_db_work(slk_db *db)
{
    return db->backend->work(db);
}

/* ---- queries ---- */

slk_err slk_query_init(slk_query *ret_query, slk_db *db, const slk_sql *sql, slk_error *error)
{
    return db->backend->query_init(ret_query, db, sql, error);
}

void slk_query_done(slk_query *query)
{
    if (query->db)
        query->db->backend->query_done(query);
    *query = (slk_query){0};
}

static void bind(slk_query *query, int position, slk_db_value value)
{
    slk_assert(query->db != NULL && position >= 1);
    if (query->stepped) {
        query->db->backend->reset(query);
        query->stepped = false;
    }
    query->db->backend->bind(query, position, &value);
}

void slk_bind_i64(slk_query *query, int position, int64_t value)
{
    bind(query, position, (slk_db_value){.kind = SLK_DB_I64, .i64 = value});
}

void slk_bind_bool(slk_query *query, int position, bool value)
{
    slk_bind_i64(query, position, value ? 1 : 0);
}

void slk_bind_text(slk_query *query, int position, const char *text)
{
    if (!text) {
        slk_bind_null(query, position);
        return;
    }
    SLK_CLEANUP(slk_freep) char *mended = slk_text_is_utf8(text) ? NULL : slk_strdup(text);
    if (mended)
        slk_text_mend(mended);
    const char *bound = mended ? mended : text;
    bind(query, position, (slk_db_value){.kind = SLK_DB_TEXT, .bytes = bound, .n = strlen(bound)});
}

void slk_bind_blob(slk_query *query, int position, const void *bytes, size_t n)
{
    if (!bytes) {
        slk_bind_null(query, position);
        return;
    }
    bind(query, position, (slk_db_value){.kind = SLK_DB_BLOB, .bytes = bytes, .n = n});
}

void slk_bind_null(slk_query *query, int position)
{
    bind(query, position, (slk_db_value){.kind = SLK_DB_NULL});
}

slk_err slk_query_step(slk_query *query, bool *ret_row, slk_error *error)
{
    slk_assert(query->db != NULL);
    return query->db->backend->step(query, ret_row, error);
}

slk_err slk_query_run(slk_query *query, slk_error *error)
{
    bool row = true;
    while (row)
        SLK_TRY(slk_query_step(query, &row, error));
    query->db->backend->reset(query);
    query->stepped = false;
    return SLK_OK;
}

int64_t slk_query_changes(const slk_query *query)
{
    return query->changes;
}

slk_err slk_db_run(slk_db *db, const slk_sql *sql, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query query = {0};
    SLK_TRY(slk_query_init(&query, db, sql, error));
    return slk_query_run(&query, error);
}

/* ---- columns ---- */

int64_t slk_column_i64(const slk_query *query, int column)
{
    return query->db->backend->column_i64(query, column);
}

bool slk_column_bool(const slk_query *query, int column)
{
    return slk_column_i64(query, column) != 0;
}

const char *slk_column_text(const slk_query *query, int column)
{
    return query->db->backend->column_text(query, column);
}

const uint8_t *slk_column_blob(const slk_query *query, int column, size_t *ret_n)
{
    return query->db->backend->column_blob(query, column, ret_n);
}

bool slk_column_is_null(const slk_query *query, int column)
{
    return query->db->backend->column_is_null(query, column);
}

slk_err slk_column_bytes(const slk_query *query, int column, uint8_t *out, size_t n,
                         slk_error *error)
{
    size_t have;
    const uint8_t *bytes = slk_column_blob(query, column, &have);
    if (!bytes || have != n)
        return slk_fail(error, SLK_E_CORRUPT,
                        "database statement %s: column %d has %zu bytes where %zu belong",
                        query->sql->name, column, have, n);
    memcpy(out, bytes, n);
    return SLK_OK;
}

/* ---- transactions ---- */

slk_err slk_db_tx(slk_db *db, slk_db_body *body, void *context, slk_error *error)
{
    slk_assert(!slk_db_in_tx(db));
    return db->backend->tx(db, body, context, error);
}

bool slk_db_in_tx(slk_db *db)
{
    return db->backend->in_tx(db);
}

/* ---- schema ---- */

static const slk_sql create_table = {
    "schema.create", "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY,"
                     " name TEXT NOT NULL, applied_ms BIGINT NOT NULL)"};
static const slk_sql select_newest = {"schema.newest",
                                      "SELECT max(version) FROM schema_migrations"};
static const slk_sql select_name = {"schema.name",
                                    "SELECT name FROM schema_migrations WHERE version = $1"};
static const slk_sql insert_version = {
    "schema.record",
    "INSERT INTO schema_migrations (version, name, applied_ms) VALUES ($1, $2, $3)"};

/* *ret_applied: already there under that name. */
static slk_err find_version(slk_db *db, const slk_migration *migration, bool *ret_applied,
                            slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query query = {0};
    SLK_TRY(slk_query_init(&query, db, &select_name, error));
    slk_bind_i64(&query, 1, migration->version);
    bool row;
    SLK_TRY(slk_query_step(&query, &row, error));
    if (row) {
        const char *name = slk_column_text(&query, 0);
        if (!name || strcmp(name, migration->name) != 0)
            return slk_fail(error, SLK_E_CONFLICT,
                            "the database has schema step %lld as \"%s\" where this program knows "
                            "\"%s\": it belongs to another program",
                            (long long)migration->version, name ? name : "", migration->name);
    }
    *ret_applied = row;
    return SLK_OK;
}

static slk_err record_version(slk_db *db, const slk_migration *migration, slk_error *error)
{
    int64_t now_ms;
    SLK_TRY(slk_db_now_ms(&now_ms, db, error));
    SLK_CLEANUP(slk_query_done) slk_query query = {0};
    SLK_TRY(slk_query_init(&query, db, &insert_version, error));
    slk_bind_i64(&query, 1, migration->version);
    slk_bind_text(&query, 2, migration->name);
    slk_bind_i64(&query, 3, now_ms);
    return slk_query_run(&query, error);
}

static slk_err translate(slk_buf *out, const slk_db *db, const char *text)
{
    static const char marker[] = "INTEGER PRIMARY KEY";
    const char *at;
    while ((at = strstr(text, marker)) != NULL) {
        SLK_TRY(slk_buf_append(out, text, (size_t)(at - text)));
        SLK_TRY(slk_buf_text(out, db->backend->identity));
        text = at + sizeof marker - 1;
    }
    return slk_buf_text(out, text);
}

/* The version is recorded first: of two nodes that start at once the second waits at its key. */
static slk_err apply_one(slk_db *db, void *context, slk_error *error)
{
    const slk_migration *migration = context;
    bool applied = false;
    SLK_TRY(find_version(db, migration, &applied, error));
    if (applied)
        return SLK_OK;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SCHEMA_MAX_BYTES);
    if (translate(&text, db, migration->sql) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(record_version(db, migration, error));
    return db->backend->script(db, migration->name, slk_buf_str(&text), error);
}

static slk_err refuse_newer(slk_db *db, int64_t known, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query query = {0};
    SLK_TRY(slk_query_init(&query, db, &select_newest, error));
    bool row;
    SLK_TRY(slk_query_step(&query, &row, error));
    int64_t newest = row ? slk_column_i64(&query, 0) : 0;
    if (newest > known)
        return slk_fail(error, SLK_E_UNSUPPORTED,
                        "the database %s has schema %lld, this program knows up to %lld: run the "
                        "newer program",
                        db->name, (long long)newest, (long long)known);
    return SLK_OK;
}

slk_err slk_db_migrate(slk_db *db, const slk_migration *list, size_t n, slk_error *error)
{
    for (size_t i = 0; i < n; i++)
        slk_assert(list[i].version > (i ? list[i - 1].version : 0));
    /* Of two nodes that make the table at once one may be told that it exists. */
    slk_err made = slk_db_run(db, &create_table, error);
    if (made == SLK_E_EXISTS)
        made = slk_db_run(db, &create_table, error);
    SLK_TRY(made);
    SLK_TRY(refuse_newer(db, n ? list[n - 1].version : 0, error));
    for (size_t i = 0; i < n; i++) {
        slk_migration step = list[i];
        slk_err code = slk_db_tx(db, apply_one, &step, error);
        if (code == SLK_E_EXISTS) /* another node was quicker: it must be there now */
            code = slk_db_tx(db, apply_one, &step, error);
        if (code != SLK_OK)
            return slk_fail_context(error, code, "schema step %lld (%s)", (long long)step.version,
                                    step.name);
    }
    return SLK_OK;
}
