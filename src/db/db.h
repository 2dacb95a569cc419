/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One database of one node behind a narrow SQL interface: SQLite now, PostgreSQL later.
 *
 * Dialect: the subset both speak. Parameters are written $1, $2 …; UPSERT (ON CONFLICT … DO) and
 * RETURNING are fine; no AUTOINCREMENT (use INTEGER PRIMARY KEY or RETURNING), no rowid, no
 * PRAGMA, no REPLACE, no type-juggling: integers are int64, a bool is the integer 0 or 1.
 * Schema text lives in migrations, which are written per back-end.
 *
 * Threads: a slk_db may be used from any number of threads. It holds one connection behind one
 * recursive mutex: a slk_query holds the mutex from _init to _done and a transaction holds it for
 * its whole body, so neither may wait for the network or for long computations meanwhile.
 * Other processes may open the same file; they wait for each other's write locks (busy_ms).
 *
 * Durability: write-ahead log with synchronous=FULL: what a finished transaction or statement
 * wrote survives kill -9 and a power cut. */
#ifndef SLK_DB_DB_H
#define SLK_DB_DB_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_db slk_db;

/* Opens or creates (mode 0600) the database file and checks its structure (quick_check).
 * busy_ms: how long to wait for another process's write lock, 0 means 5000.
 * SLK_E_CORRUPT when the file is damaged or no database; SLK_E_NOTFOUND, SLK_E_IO for the path. */
SLK_MUST_CHECK slk_err slk_db_open(slk_db **ret_db, const char *path, int busy_ms,
                                   slk_error *error);
/* No query or transaction may be in progress. NULL allowed. */
void slk_db_close(slk_db *db);
void slk_db_closep(slk_db **db); /* for SLK_CLEANUP */

/* One statement of the program; keep it `static const`: the statement cache and the error
 * messages know it by its address and name. Messages carry the name, never bound values. */
typedef struct slk_sql {
    const char *name; /* "orders.insert" */
    const char *text;
} slk_sql;

/* ---- queries ----
 *
 *     SLK_CLEANUP(slk_query_done) slk_query q = {0};
 *     SLK_TRY(slk_query_init(&q, db, &find_order, error));
 *     slk_bind_i64(&q, 1, sp_id);
 *     bool row;
 *     SLK_TRY(slk_query_step(&q, &row, error));
 *     if (row)
 *         count = slk_column_i64(&q, 0);
 */
typedef struct slk_query {
    slk_db *db; /* NULL when not in use */
    const slk_sql *sql;
    void *handle;
    int64_t changes;
    int bind_failure; /* first refusal of a bind, reported by the next step */
    bool stepped;
} slk_query;

/* Takes the database's mutex and a prepared statement (from the cache where possible).
 * SLK_E_INTERNAL when the SQL does not compile. The same slk_sql may be in use twice at once. */
SLK_MUST_CHECK slk_err slk_query_init(slk_query *ret_query, slk_db *db, const slk_sql *sql,
                                      slk_error *error);
/* Ends the query, forgets bound values, releases the mutex. A zeroed query is allowed. */
void slk_query_done(slk_query *query);

/* Binds parameter $position (from 1). Bytes are copied. Text NULL or blob NULL binds SQL NULL.
 * Binding after a step starts the statement anew (other bindings stay). */
void slk_bind_i64(slk_query *query, int position, int64_t value);
void slk_bind_bool(slk_query *query, int position, bool value);
void slk_bind_text(slk_query *query, int position, const char *text);
void slk_bind_blob(slk_query *query, int position, const void *bytes, size_t n);
void slk_bind_null(slk_query *query, int position);

/* Next row: *ret_row says whether there is one. SLK_E_EXISTS when a UNIQUE or PRIMARY KEY
 * constraint refused, SLK_E_CONFLICT for other constraints, SLK_E_BUSY when another process holds
 * the lock too long, SLK_E_NOSPACE, SLK_E_IO, SLK_E_CORRUPT. */
SLK_MUST_CHECK slk_err slk_query_step(slk_query *query, bool *ret_row, slk_error *error);
/* Steps to the end, ignoring rows, and makes it ready for new bindings. */
SLK_MUST_CHECK slk_err slk_query_run(slk_query *query, slk_error *error);
/* Rows changed by the INSERT, UPDATE or DELETE this query last ran to its end. */
int64_t slk_query_changes(const slk_query *query);

/* Columns of the current row (from 0). Text and blob are valid until the next step or _done.
 * A NULL column reads as 0, false, NULL and length 0. Text holds no inner NUL beyond what was
 * bound. Asking for a column the statement does not have is a bug (asserted). */
int64_t slk_column_i64(const slk_query *query, int column);
bool slk_column_bool(const slk_query *query, int column);
const char *slk_column_text(const slk_query *query, int column);
const uint8_t *slk_column_blob(const slk_query *query, int column, size_t *ret_n);
bool slk_column_is_null(const slk_query *query, int column);
/* Exactly n bytes into out; SLK_E_CORRUPT when the column is NULL or of another length. */
SLK_MUST_CHECK slk_err slk_column_bytes(const slk_query *query, int column, uint8_t *out, size_t n,
                                        slk_error *error);

/* Runs a statement without parameters to its end. */
SLK_MUST_CHECK slk_err slk_db_run(slk_db *db, const slk_sql *sql, slk_error *error);

/* ---- transactions ----
 * BEGIN IMMEDIATE, body, COMMIT; ROLLBACK when body returns an error, which is passed on.
 * When another process holds the lock the whole is tried again, body included, for a bounded time
 * (busy_ms, three rounds), so body must set its outputs anew on each call. Body must have ended
 * its queries. Inside body slk_db_tx is a bug (asserted): pass slk_db down and let the outermost
 * decide. */
typedef slk_err slk_db_body(slk_db *db, void *context, slk_error *error);
SLK_MUST_CHECK slk_err slk_db_tx(slk_db *db, slk_db_body *body, void *context, slk_error *error);

/* Whether the calling thread is inside slk_db_tx of db. */
bool slk_db_in_tx(slk_db *db);

/* ---- schema ---- */
typedef struct slk_migration {
    int64_t version; /* from 1, rising */
    const char *name;
    const char *sql; /* one or more statements */
} slk_migration;

/* Applies what is missing, each migration in its own transaction, and records it in
 * schema_migrations. Safe when two processes start at once. SLK_E_UNSUPPORTED when the file's
 * schema is newer than the list; SLK_E_CONFLICT when a recorded migration has another name. */
SLK_MUST_CHECK slk_err slk_db_migrate(slk_db *db, const slk_migration *list, size_t n,
                                      slk_error *error);

#endif
