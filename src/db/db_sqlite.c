/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "db/db_impl.h"

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

typedef struct sqlite_db {
    slk_db base;
    sqlite3 *handle;
    int busy_ms;
    pthread_mutex_t mutex; /* recursive */
    bool mutex_ready;
    unsigned tx_depth; /* 0 or 1; guarded by mutex */
    unsigned open_queries; /* guarded by mutex */
    uint64_t work; /* guarded by mutex */
    cached cache[CACHE_SLOTS];
} sqlite_db;

static sqlite_db *of(slk_db *db)
{
    return (sqlite_db *)(void *)db;
}

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
static slk_err fail_sql(const sqlite_db *db, int rc, const char *name, slk_error *error)
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

static slk_err exec_text(sqlite_db *db, const char *name, const char *text, slk_error *error)
{
    int rc = sqlite3_exec(db->handle, text, NULL, NULL, NULL);
    return rc == SQLITE_OK ? SLK_OK : fail_sql(db, rc, name, error);
}

static slk_err sqlite_check(slk_db *base, slk_error *error)
{
    const sqlite_db *db = of(base);
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
    return slk_fail(error, code_of(rc), "the database %s is not usable: %s", db->base.name,
                    sqlite3_errstr(rc));
}

static slk_err open_handle(sqlite_db *db, slk_error *error)
{
    SLK_TRY(create_private(db->base.name, error));
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(db->base.name, &db->handle, flags, NULL);
    if (rc != SQLITE_OK)
        return slk_fail(error, code_of(rc), "cannot open the database %s: %s", db->base.name,
                        sqlite3_errstr(rc));
    (void)sqlite3_busy_timeout(db->handle, db->busy_ms);
    return exec_text(db, "settings",
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                     "PRAGMA trusted_schema=OFF;",
                     error);
}

static slk_err init_mutex(sqlite_db *db, slk_error *error)
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

static void sqlite_close(slk_db *base)
{
    sqlite_db *db = of(base);
    slk_assert(db->open_queries == 0 && db->tx_depth == 0);
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        (void)sqlite3_finalize(db->cache[i].stmt);
    (void)sqlite3_close_v2(db->handle);
    if (db->mutex_ready)
        (void)pthread_mutex_destroy(&db->mutex);
    slk_free(db->base.name);
    slk_free(db);
}

/* ---- statements ---- */

static void lock(sqlite_db *db)
{
    slk_assert(pthread_mutex_lock(&db->mutex) == 0);
}

static void unlock(sqlite_db *db)
{
    slk_assert(pthread_mutex_unlock(&db->mutex) == 0);
}

/* The slot of a statement: its own when idle, else the first free one, else NULL. */
static cached *cache_slot(sqlite_db *db, const slk_sql *sql)
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

static slk_err prepare(sqlite_db *db, const slk_sql *sql, sqlite3_stmt **ret_stmt, slk_error *error)
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

static void give_back(sqlite_db *db, sqlite3_stmt *stmt)
{
    (void)sqlite3_reset(stmt);
    (void)sqlite3_clear_bindings(stmt);
    db->work += (uint64_t)sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 1);
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        if (db->cache[i].stmt == stmt) {
            db->cache[i].in_use = false;
            return;
        }
    }
    (void)sqlite3_finalize(stmt);
}

static slk_err sqlite_query_init(slk_query *ret_query, slk_db *base, const slk_sql *sql,
                                 slk_error *error)
{
    sqlite_db *db = of(base);
    lock(db);
    sqlite3_stmt *stmt = NULL;
    slk_err code = prepare(db, sql, &stmt, error);
    if (code != SLK_OK) {
        unlock(db);
        return code;
    }
    db->open_queries++;
    *ret_query = (slk_query){.db = base, .sql = sql, .handle = stmt};
    return SLK_OK;
}

static void sqlite_query_done(slk_query *query)
{
    sqlite_db *db = of(query->db);
    give_back(db, query->handle);
    slk_assert(db->open_queries > 0);
    db->open_queries--;
    unlock(db);
}

/* ---- parameters ---- */

/* $n is a name to SQLite, so $2 may come before $1 in the text. */
static void sqlite_bind(slk_query *query, int position, const slk_db_value *value)
{
    char name[16];
    (void)snprintf(name, sizeof name, "$%d", position);
    int place = sqlite3_bind_parameter_index(query->handle, name);
    int rc = SQLITE_OK;
    switch (value->kind) {
    case SLK_DB_NULL:
        rc = sqlite3_bind_null(query->handle, place);
        break;
    case SLK_DB_I64:
        rc = sqlite3_bind_int64(query->handle, place, value->i64);
        break;
    case SLK_DB_TEXT:
        rc = sqlite3_bind_text64(query->handle, place, value->bytes, value->n, SQLITE_TRANSIENT,
                                 SQLITE_UTF8);
        break;
    case SLK_DB_BLOB:
        rc = sqlite3_bind_blob64(query->handle, place, value->bytes, value->n, SQLITE_TRANSIENT);
        break;
    }
    if (rc != SQLITE_OK && query->bind_failure == SQLITE_OK)
        query->bind_failure = rc;
}

/* ---- running ---- */

static slk_err sqlite_step(slk_query *query, bool *ret_row, slk_error *error)
{
    sqlite_db *db = of(query->db);
    if (query->bind_failure != SQLITE_OK)
        return fail_sql(db, query->bind_failure, query->sql->name, error);
    query->stepped = true;
    int rc = sqlite3_step(query->handle);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return fail_sql(db, rc, query->sql->name, error);
    if (rc == SQLITE_DONE && !sqlite3_stmt_readonly(query->handle))
        query->changes = sqlite3_changes64(db->handle);
    *ret_row = rc == SQLITE_ROW;
    return SLK_OK;
}

static void sqlite_reset(slk_query *query)
{
    (void)sqlite3_reset(query->handle);
}

/* ---- columns ---- */

static sqlite3_stmt *column_of(const slk_query *query, int column)
{
    slk_assert(column >= 0 && column < sqlite3_column_count(query->handle));
    return query->handle;
}

static int64_t sqlite_column_i64(const slk_query *query, int column)
{
    return sqlite3_column_int64(column_of(query, column), column);
}

static const char *sqlite_column_text_of(const slk_query *query, int column)
{
    return (const char *)sqlite3_column_text(column_of(query, column), column);
}

static const uint8_t *sqlite_column_blob_of(const slk_query *query, int column, size_t *ret_n)
{
    const uint8_t *bytes = sqlite3_column_blob(column_of(query, column), column);
    *ret_n = (size_t)sqlite3_column_bytes(query->handle, column);
    return bytes;
}

static bool sqlite_column_is_null(const slk_query *query, int column)
{
    return sqlite3_column_type(column_of(query, column), column) == SQLITE_NULL;
}

/* ---- transactions ---- */

static bool sqlite_in_tx(slk_db *base)
{
    sqlite_db *db = of(base);
    if (pthread_mutex_trylock(&db->mutex) != 0)
        return false; /* another thread is in there, so this one is not */
    bool inside = db->tx_depth > 0;
    unlock(db);
    return inside;
}

static slk_err tx_once(sqlite_db *db, slk_db_body *body, void *context, bool *ret_body_ran,
                       slk_error *error)
{
    SLK_TRY(exec_text(db, "BEGIN", "BEGIN IMMEDIATE", error));
    *ret_body_ran = true;
    db->tx_depth = 1;
    unsigned queries = db->open_queries;
    slk_err code = body(&db->base, context, error);
    slk_assert(db->open_queries == queries);
    db->tx_depth = 0;
    if (code == SLK_OK)
        code = exec_text(db, "COMMIT", "COMMIT", error);
    /* SQLite may have rolled back by itself (disk full, I/O error): then there is nothing to do. */
    if (code != SLK_OK && !sqlite3_get_autocommit(db->handle))
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

static slk_err sqlite_tx(slk_db *base, slk_db_body *body, void *context, slk_error *error)
{
    sqlite_db *db = of(base);
    lock(db);
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

static slk_err sqlite_script(slk_db *base, const char *name, const char *text, slk_error *error)
{
    return exec_text(of(base), name, text, error);
}

static slk_err sqlite_now_ms(int64_t *ret_now_ms, slk_db *base, slk_error *error)
{
    (void)base;
    (void)error;
    *ret_now_ms = slk_clock_wall_ms();
    return SLK_OK;
}

static uint64_t sqlite_work(slk_db *base)
{
    sqlite_db *db = of(base);
    lock(db);
    const uint64_t work = db->work;
    unlock(db);
    return work;
}

static const slk_db_backend sqlite_backend = {
    .identity = "INTEGER PRIMARY KEY",
    .close = sqlite_close,
    .check = sqlite_check,
    .query_init = sqlite_query_init,
    .query_done = sqlite_query_done,
    .bind = sqlite_bind,
    .step = sqlite_step,
    .reset = sqlite_reset,
    .column_i64 = sqlite_column_i64,
    .column_text = sqlite_column_text_of,
    .column_blob = sqlite_column_blob_of,
    .column_is_null = sqlite_column_is_null,
    .tx = sqlite_tx,
    .in_tx = sqlite_in_tx,
    .script = sqlite_script,
    .work = sqlite_work,
    .now_ms = sqlite_now_ms,
};

slk_err slk_db_sqlite_open(slk_db **ret_db, const char *path, int busy_ms, slk_error *error)
{
    sqlite_db *db = slk_calloc(1, sizeof *db);
    if (!db)
        return slk_fail(error, SLK_E_NOMEM, "out of memory opening the database");
    db->base.backend = &sqlite_backend;
    db->base.name = slk_strdup(path);
    db->busy_ms = busy_ms > 0 ? busy_ms : BUSY_MS_DEFAULT;
    slk_err code =
        db->base.name ? init_mutex(db, error) : slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (code == SLK_OK)
        code = open_handle(db, error);
    if (code == SLK_OK)
        *ret_db = &db->base;
    else
        sqlite_close(&db->base);
    return code;
}
