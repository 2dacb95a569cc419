/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "db/db.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BUSY_MS_DEFAULT 5000
#define TX_ROUNDS 3
#define CACHE_SLOTS 256u /* a node has fewer statements; more are compiled each time */

typedef struct cached {
    const slk_sql *sql;
    sqlite3_stmt *stmt;
    bool in_use;
} cached;

struct slk_db {
    sqlite3 *handle;
    char *path;
    int busy_ms;
    pthread_mutex_t mutex; /* recursive */
    bool mutex_ready;
    unsigned tx_depth; /* 0 or 1; guarded by mutex */
    unsigned open_queries; /* guarded by mutex */
    cached cache[CACHE_SLOTS];
};

static slk_err code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return SLK_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SLK_E_BUSY;
    case SQLITE_CONSTRAINT:
        return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY
                   ? SLK_E_EXISTS
                   : SLK_E_CONFLICT;
    case SQLITE_NOMEM:
        return SLK_E_NOMEM;
    case SQLITE_FULL:
        return SLK_E_NOSPACE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return SLK_E_CORRUPT;
    case SQLITE_TOOBIG:
        return SLK_E_LIMIT;
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return SLK_E_IO;
    default:
        return SLK_E_INTERNAL;
    }
}

/* The library's own text for constraints names table and column, never a value; for the other
 * codes the stock sentence is as good and surely without values. */
static slk_err fail_sql(const slk_db *db, int rc, const char *name, slk_error *error)
{
    bool detailed = (rc & 0xff) == SQLITE_CONSTRAINT || (rc & 0xff) == SQLITE_ERROR;
    return slk_fail(error, code_of(rc), "database statement %s: %s", name,
                    detailed ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc));
}

/* ---- open and close ---- */

static slk_err create_private(const char *path, slk_error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return slk_fail_errno(error, errno, "cannot open the database %s", path);
    (void)close(fd);
    return SLK_OK;
}

static slk_err exec_text(slk_db *db, const char *name, const char *text, slk_error *error)
{
    int rc = sqlite3_exec(db->handle, text, NULL, NULL, NULL);
    return rc == SQLITE_OK ? SLK_OK : fail_sql(db, rc, name, error);
}

static slk_err quick_check(slk_db *db, slk_error *error)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db->handle, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    bool ok = false;
    if (rc == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(stmt, 0);
        ok = text && strcmp((const char *)text, "ok") == 0;
        rc = SQLITE_CORRUPT;
    }
    (void)sqlite3_finalize(stmt);
    if (ok)
        return SLK_OK;
    return slk_fail(error, code_of(rc), "the database %s is not usable: %s", db->path,
                    sqlite3_errstr(rc));
}

static slk_err open_checked(slk_db *db, slk_error *error)
{
    SLK_TRY(create_private(db->path, error));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(db->path, &db->handle, flags, NULL);
    if (rc != SQLITE_OK)
        return slk_fail(error, code_of(rc), "cannot open the database %s: %s", db->path,
                        sqlite3_errstr(rc));
    (void)sqlite3_busy_timeout(db->handle, db->busy_ms);
    SLK_TRY(quick_check(db, error));
    return exec_text(db, "settings",
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                     "PRAGMA trusted_schema=OFF;",
                     error);
}

static slk_err init_mutex(slk_db *db, slk_error *error)
{
    pthread_mutexattr_t attr;
    int rc = pthread_mutexattr_init(&attr);
    if (rc == 0) {
        (void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
        rc = pthread_mutex_init(&db->mutex, &attr);
        (void)pthread_mutexattr_destroy(&attr);
    }
    if (rc != 0)
        return slk_fail_errno(error, rc, "cannot make a mutex");
    db->mutex_ready = true;
    return SLK_OK;
}

slk_err slk_db_open(slk_db **ret_db, const char *path, int busy_ms, slk_error *error)
{
    SLK_CLEANUP(slk_db_closep) slk_db *db = slk_calloc(1, sizeof *db);
    if (!db || !(db->path = slk_strdup(path)))
        return slk_fail(error, SLK_E_NOMEM, "out of memory opening the database");
    db->busy_ms = busy_ms > 0 ? busy_ms : BUSY_MS_DEFAULT;
    SLK_TRY(init_mutex(db, error));
    SLK_TRY(open_checked(db, error));
    *ret_db = db;
    db = NULL;
    return SLK_OK;
}

void slk_db_close(slk_db *db)
{
    if (!db)
        return;
    slk_assert(db->open_queries == 0 && db->tx_depth == 0);
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        (void)sqlite3_finalize(db->cache[i].stmt);
    (void)sqlite3_close_v2(db->handle);
    if (db->mutex_ready)
        (void)pthread_mutex_destroy(&db->mutex);
    slk_free(db->path);
    slk_free(db);
}

void slk_db_closep(slk_db **db)
{
    slk_db_close(*db);
}

/* ---- statements ---- */

static void lock(slk_db *db)
{
    slk_assert(pthread_mutex_lock(&db->mutex) == 0);
}

static void unlock(slk_db *db)
{
    slk_assert(pthread_mutex_unlock(&db->mutex) == 0);
}

/* The slot of a statement: its own when idle, else the first free one, else NULL. */
static cached *cache_slot(slk_db *db, const slk_sql *sql)
{
    cached *free_slot = NULL;
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        cached *slot = &db->cache[i];
        if (slot->sql == sql && !slot->in_use)
            return slot;
        if (!slot->sql && !free_slot)
            free_slot = slot;
    }
    return free_slot;
}

static slk_err prepare(slk_db *db, const slk_sql *sql, sqlite3_stmt **ret_stmt, slk_error *error)
{
    cached *slot = cache_slot(db, sql);
    if (slot && slot->stmt) {
        slot->in_use = true;
        *ret_stmt = slot->stmt;
        return SLK_OK;
    }
    sqlite3_stmt *stmt = NULL;
    unsigned flags = slot ? SQLITE_PREPARE_PERSISTENT : 0;
    int rc = sqlite3_prepare_v3(db->handle, sql->text, -1, flags, &stmt, NULL);
    if (rc != SQLITE_OK)
        return fail_sql(db, rc, sql->name, error);
    if (slot)
        *slot = (cached){.sql = sql, .stmt = stmt, .in_use = true};
    *ret_stmt = stmt;
    return SLK_OK;
}

static void give_back(slk_db *db, sqlite3_stmt *stmt)
{
    (void)sqlite3_reset(stmt);
    (void)sqlite3_clear_bindings(stmt);
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        if (db->cache[i].stmt == stmt) {
            db->cache[i].in_use = false;
            return;
        }
    }
    (void)sqlite3_finalize(stmt);
}

slk_err slk_query_init(slk_query *ret_query, slk_db *db, const slk_sql *sql, slk_error *error)
{
    lock(db);
    sqlite3_stmt *stmt = NULL;
    slk_err code = prepare(db, sql, &stmt, error);
    if (code != SLK_OK) {
        unlock(db);
        return code;
    }
    db->open_queries++;
    *ret_query = (slk_query){.db = db, .sql = sql, .handle = stmt};
    return SLK_OK;
}

void slk_query_done(slk_query *query)
{
    slk_db *db = query->db;
    if (!db)
        return;
    give_back(db, query->handle);
    *query = (slk_query){0};
    slk_assert(db->open_queries > 0);
    db->open_queries--;
    unlock(db);
}

/* ---- parameters ---- */

/* $n is a name to SQLite, so $2 may come before $1 in the text; plain ? go by position. */
static int place_of(slk_query *query, int position)
{
    if (query->stepped) {
        (void)sqlite3_reset(query->handle);
        query->stepped = false;
    }
    char name[16];
    (void)snprintf(name, sizeof name, "$%d", position);
    int index = sqlite3_bind_parameter_index(query->handle, name);
    return index ? index : position;
}

static void note(slk_query *query, int rc)
{
    if (rc != SQLITE_OK && query->bind_failure == SQLITE_OK)
        query->bind_failure = rc;
}

void slk_bind_i64(slk_query *query, int position, int64_t value)
{
    note(query, sqlite3_bind_int64(query->handle, place_of(query, position), value));
}

void slk_bind_bool(slk_query *query, int position, bool value)
{
    slk_bind_i64(query, position, value ? 1 : 0);
}

void slk_bind_text(slk_query *query, int position, const char *text)
{
    int place = place_of(query, position);
    if (!text) {
        note(query, sqlite3_bind_null(query->handle, place));
        return;
    }
    note(query, sqlite3_bind_text64(query->handle, place, text, strlen(text), SQLITE_TRANSIENT,
                                    SQLITE_UTF8));
}

void slk_bind_blob(slk_query *query, int position, const void *bytes, size_t n)
{
    int place = place_of(query, position);
    note(query, bytes ? sqlite3_bind_blob64(query->handle, place, bytes, n, SQLITE_TRANSIENT)
                      : sqlite3_bind_null(query->handle, place));
}

void slk_bind_null(slk_query *query, int position)
{
    note(query, sqlite3_bind_null(query->handle, place_of(query, position)));
}

/* ---- running ---- */

slk_err slk_query_step(slk_query *query, bool *ret_row, slk_error *error)
{
    slk_assert(query->db != NULL);
    if (query->bind_failure != SQLITE_OK)
        return fail_sql(query->db, query->bind_failure, query->sql->name, error);
    query->stepped = true;
    int rc = sqlite3_step(query->handle);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return fail_sql(query->db, rc, query->sql->name, error);
    if (rc == SQLITE_DONE && !sqlite3_stmt_readonly(query->handle))
        query->changes = sqlite3_changes64(query->db->handle);
    *ret_row = rc == SQLITE_ROW;
    return SLK_OK;
}

slk_err slk_query_run(slk_query *query, slk_error *error)
{
    bool row = true;
    while (row)
        SLK_TRY(slk_query_step(query, &row, error));
    (void)sqlite3_reset(query->handle);
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

static sqlite3_stmt *column_of(const slk_query *query, int column)
{
    slk_assert(column >= 0 && column < sqlite3_column_count(query->handle));
    return query->handle;
}

int64_t slk_column_i64(const slk_query *query, int column)
{
    return sqlite3_column_int64(column_of(query, column), column);
}

bool slk_column_bool(const slk_query *query, int column)
{
    return slk_column_i64(query, column) != 0;
}

const char *slk_column_text(const slk_query *query, int column)
{
    return (const char *)sqlite3_column_text(column_of(query, column), column);
}

const uint8_t *slk_column_blob(const slk_query *query, int column, size_t *ret_n)
{
    const uint8_t *bytes = sqlite3_column_blob(column_of(query, column), column);
    *ret_n = (size_t)sqlite3_column_bytes(query->handle, column);
    return bytes;
}

bool slk_column_is_null(const slk_query *query, int column)
{
    return sqlite3_column_type(column_of(query, column), column) == SQLITE_NULL;
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

bool slk_db_in_tx(slk_db *db)
{
    if (pthread_mutex_trylock(&db->mutex) != 0)
        return false; /* another thread is in there, so this one is not */
    bool inside = db->tx_depth > 0;
    unlock(db);
    return inside;
}

static slk_err tx_once(slk_db *db, slk_db_body *body, void *context, bool *ret_body_ran,
                       slk_error *error)
{
    SLK_TRY(exec_text(db, "BEGIN", "BEGIN IMMEDIATE", error));
    *ret_body_ran = true;
    db->tx_depth = 1;
    unsigned queries = db->open_queries;
    slk_err code = body(db, context, error);
    slk_assert(db->open_queries == queries);
    db->tx_depth = 0;
    if (code == SLK_OK)
        code = exec_text(db, "COMMIT", "COMMIT", error);
    /* SQLite may have rolled back by itself (disk full, I/O error): then there is nothing to do. */
    if (code != SLK_OK && !sqlite3_get_autocommit(db->handle))
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

slk_err slk_db_tx(slk_db *db, slk_db_body *body, void *context, slk_error *error)
{
    lock(db);
    slk_assert(db->tx_depth == 0);
    slk_err code = SLK_E_BUSY;
    for (int round = 0; round < TX_ROUNDS && code == SLK_E_BUSY; round++) {
        bool body_ran = false;
        code = tx_once(db, body, context, &body_ran, error);
        /* A body may say BUSY for reasons of its own: only the lock is worth another round. */
        if (body_ran)
            break;
    }
    unlock(db);
    return code;
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

static slk_err apply_one(slk_db *db, void *context, slk_error *error)
{
    const slk_migration *migration = context;
    bool applied = false;
    SLK_TRY(find_version(db, migration, &applied, error));
    if (applied)
        return SLK_OK;
    SLK_TRY(exec_text(db, migration->name, migration->sql, error));
    SLK_CLEANUP(slk_query_done) slk_query query = {0};
    SLK_TRY(slk_query_init(&query, db, &insert_version, error));
    slk_bind_i64(&query, 1, migration->version);
    slk_bind_text(&query, 2, migration->name);
    slk_bind_i64(&query, 3, slk_clock_wall_ms());
    return slk_query_run(&query, error);
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
                        db->path, (long long)newest, (long long)known);
    return SLK_OK;
}

slk_err slk_db_migrate(slk_db *db, const slk_migration *list, size_t n, slk_error *error)
{
    for (size_t i = 0; i < n; i++)
        slk_assert(list[i].version > (i ? list[i - 1].version : 0));
    SLK_TRY(slk_db_run(db, &create_table, error));
    SLK_TRY(refuse_newer(db, n ? list[n - 1].version : 0, error));
    for (size_t i = 0; i < n; i++) {
        slk_migration step = list[i];
        slk_err code = slk_db_tx(db, apply_one, &step, error);
        if (code != SLK_OK)
            return slk_fail_context(error, code, "schema step %lld (%s)", (long long)step.version,
                                    step.name);
    }
    return SLK_OK;
}
