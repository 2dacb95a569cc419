/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One database behind a narrow SQL interface, with two back-ends: SQLite, a file of one node (the
 * default), and PostgreSQL 15 or YugabyteDB, where several nodes share one.
 *
 * Dialect: the subset all of them speak. Parameters are written $1, $2 …; UPSERT (ON CONFLICT …
 * DO), RETURNING and CASE are fine; no AUTOINCREMENT, no rowid, no PRAGMA, no REPLACE, no advisory
 * locks, no type-juggling: integers are int64, a bool is the integer 0 or 1 (SMALLINT), and a
 * number is never compared with a text. In a schema the words INTEGER PRIMARY KEY, and only they,
 * are translated: to a key that numbers itself.
 *
 * Threads: a slk_db may be used from any number of threads. Neither a query (from _init to _done)
 * nor a transaction may wait for the network or for long computations.
 *   SQLite: one connection behind one recursive mutex, held by a query and by a whole transaction;
 *   other processes may open the same file; they wait for each other's write locks (busy_ms).
 *   PostgreSQL: transactions of one process take turns on one connection; single statements have
 *   connections of their own (at most four), so that reading never waits for a transaction. Lost
 *   connections are made anew.
 *
 * Isolation: transactions are SERIALIZABLE, because a body decides by what it has read (room left,
 * rows ready) and must be as right as if it were alone, which it is in SQLite; REPEATABLE READ would
 * let two nodes give away the same last place. The price is that PostgreSQL may refuse one of two
 * (40001, 40P01): then the body runs again. A statement outside slk_db_tx is a transaction of its
 * own at READ COMMITTED: it must be right by the rows it changes and their unique keys alone.
 *
 * Bounds: a statement waits for a lock at most busy_ms, in all (turns, repetitions, reconnecting)
 * three times that; then SLK_E_BUSY, or SLK_E_UNREACHABLE when the server is not there. When the
 * connection is lost at COMMIT, or at a changing statement outside a transaction, its effect is not
 * known: SLK_E_UNREACHABLE says so, and the caller's change must be one that may be repeated.
 *
 * Durability: what a finished transaction or statement wrote survives kill -9 and a power cut
 * (SQLite: write-ahead log with synchronous=FULL; PostgreSQL: as its administrator set it up). */
#ifndef SLK_DB_DB_H
#define SLK_DB_DB_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_db slk_db;

/* where: a postgresql:// or postgres:// URL, else the path of an SQLite file.
 * busy_ms: how long to wait for another's lock, 0 means 5000.
 * A file is opened or created (mode 0600): SLK_E_CORRUPT when it is no database; SLK_E_NOTFOUND,
 * SLK_E_IO for the path.
 * A URL's server is asked for its time: SLK_E_INVAL when the URL cannot be read, SLK_E_UNREACHABLE,
 * SLK_E_AUTH, SLK_E_NOTFOUND (no such database). The URL may hold a password, though PGPASSFILE is
 * the better place: neither is ever printed. */
SLK_MUST_CHECK slk_err slk_db_open(slk_db **ret_db, const char *where, int busy_ms,
                                   slk_error *error);

/* Looks whether the structure of a file is whole, which takes as long as reading it: SLK_E_CORRUPT. A
 * server sees to itself. */
SLK_MUST_CHECK slk_err slk_db_check(slk_db *db, slk_error *error);
/* Whether where names a server, not a file. */
bool slk_db_is_url(const char *where);
bool slk_db_is_server(const slk_db *db); /* was opened by a URL: other nodes may share it */
/* For messages: the path, or the URL without user, password and options. */
const char *slk_db_name(const slk_db *db);
/* Milliseconds since 1970 by the clock all nodes of this database share: the server's (asked every
 * few seconds, carried on by the monotonic clock between: a jump of this machine's clock changes
 * nothing), or this machine's for a file. */
SLK_MUST_CHECK slk_err slk_db_now_ms(int64_t *ret_now_ms, slk_db *db, slk_error *error);
/* How much work the queries that have ended were, in steps of SQLite's machine: it grows with the rows that
 * are looked at, whoever else uses the processor. 0 of a server. */
uint64_t slk_db_work(slk_db *db);
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

/* SLK_E_INTERNAL, here or from the first step, when the SQL does not compile. The same slk_sql may be
 * in use twice at once. */
SLK_MUST_CHECK slk_err slk_query_init(slk_query *ret_query, slk_db *db, const slk_sql *sql,
                                      slk_error *error);
/* Ends the query and forgets bound values. A zeroed query is allowed. */
void slk_query_done(slk_query *query);

/* Binds parameter $position (from 1); every parameter of the text is bound. Bytes are copied. Text NULL or blob NULL binds SQL NULL.
 * Text that is not UTF-8 is bound as slk_text_mend makes it: a server refuses any other.
 * Binding after a step starts the statement anew (other bindings stay). */
void slk_bind_i64(slk_query *query, int position, int64_t value);
void slk_bind_bool(slk_query *query, int position, bool value);
void slk_bind_text(slk_query *query, int position, const char *text);
void slk_bind_blob(slk_query *query, int position, const void *bytes, size_t n);
void slk_bind_null(slk_query *query, int position);

/* Next row: *ret_row says whether there is one. SLK_E_EXISTS when a UNIQUE or PRIMARY KEY
 * constraint refused, SLK_E_CONFLICT for other constraints, SLK_E_BUSY when another holds the lock
 * too long, SLK_E_UNREACHABLE, SLK_E_NOSPACE, SLK_E_IO, SLK_E_CORRUPT. Inside a transaction a
 * failed statement is the end of it: body returns. */
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
 * BEGIN, body, COMMIT; ROLLBACK when body returns an error, which is passed on. When another's lock
 * or transaction was in the way, or the connection was lost before COMMIT, the whole is tried again,
 * body included, for a bounded time, so body must set its outputs anew on each call. Body must have
 * ended its queries. Inside body slk_db_tx is a bug (asserted): pass slk_db down and let the
 * outermost decide. */
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
 * schema_migrations. Safe when two processes start at once. SLK_E_UNSUPPORTED when the
 * schema there is newer than the list; SLK_E_CONFLICT when a recorded migration has another name. */
SLK_MUST_CHECK slk_err slk_db_migrate(slk_db *db, const slk_migration *list, size_t n,
                                      slk_error *error);

#endif
