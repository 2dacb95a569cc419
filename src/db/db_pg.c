/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* PostgreSQL behind db.h. Results are read whole at the first step, so that a query holds a
 * connection only while the server answers; one further connection carries the transactions, one
 * at a time per process, as in SQLite: conflicts are only between processes. */
#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"
#include "base/rng.h"
#include "db/db_impl.h"
#include "db/db_pg_link_impl.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUSY_MS_DEFAULT 5000
#define LINKS 4u /* for single statements */
#define CLOCK_FRESH_MS 5000
#define PAUSE_MAX_MS 100

/* source: src/include/catalog/pg_type.dat of PostgreSQL 15 */
#define OID_BYTEA 17u
#define OID_INT8 20u
#define OID_TEXT 25u

typedef struct pg_db {
    slk_db base;
    char *url; /* may hold a password: never printed */
    int busy_ms;
    pthread_mutex_t mutex; /* guards all below but the contents of links in use */
    pthread_cond_t free_link;
    slk_pg_link link[LINKS];
    bool link_used[LINKS];
    bool tx_taken; /* the transaction connection is somebody's */
    pthread_t tx_owner; /* whose, while tx_open */
    bool tx_open;
    slk_pg_link tx;
    slk_pg_fate tx_fate; /* of the first statement that failed in it */
    slk_err tx_failure; /* SLK_OK: none did */
    bool clock_known;
    int64_t clock_ahead_ms; /* the server's time less our monotonic clock */
    int64_t clock_read_ms; /* when, by our monotonic clock */
} pg_db;

typedef struct pg_query {
    slk_pg_call call;
    char *owned[SLK_PG_PARAMS]; /* memory of the values */
    slk_err failure; /* of a bind, reported by the next step */
    PGresult *result; /* NULL: not run yet */
    int row; /* of the result; -1 before the first */
    unsigned char **blob; /* one per column: decoded, of this row */
} pg_query;

static pg_db *of(slk_db *db)
{
    return (pg_db *)(void *)db;
}

static void lock(pg_db *db)
{
    slk_assert(pthread_mutex_lock(&db->mutex) == 0);
}

static void unlock(pg_db *db)
{
    slk_assert(pthread_mutex_unlock(&db->mutex) == 0);
}

static int64_t longest_ms(const pg_db *db)
{
    return (int64_t)db->busy_ms * 3;
}

/* For one answer: a server that is alive says by itself that a statement took too long. */
static int answer_ms(const pg_db *db)
{
    return db->busy_ms * 2 + db->busy_ms / 2;
}

/* ---- whose turn ---- */

static bool wait_free(pg_db *db, int64_t until_ms)
{
    int64_t left = until_ms - slk_clock_monotonic_ms();
    if (left <= 0)
        return false;
    (void)slk_cond_wait_ms(&db->free_link, &db->mutex, left);
    return true;
}

static slk_err busy(const pg_db *db, slk_error *error)
{
    return slk_fail(error, SLK_E_BUSY, "the database %s is busy: this node's own statements wait",
                    db->base.name);
}

static slk_err take_link(pg_db *db, slk_pg_link **ret_link, slk_error *error)
{
    int64_t until_ms = slk_clock_monotonic_ms() + longest_ms(db);
    lock(db);
    slk_pg_link *found = NULL;
    do {
        for (unsigned i = 0; i < LINKS && !found; i++) {
            if (!db->link_used[i]) {
                db->link_used[i] = true;
                found = &db->link[i];
            }
        }
    } while (!found && wait_free(db, until_ms));
    unlock(db);
    if (!found)
        return busy(db, error);
    *ret_link = found;
    return SLK_OK;
}

static void give_link(pg_db *db, const slk_pg_link *link)
{
    lock(db);
    db->link_used[link - db->link] = false;
    (void)pthread_cond_broadcast(&db->free_link);
    unlock(db);
}

static bool pg_in_tx(slk_db *base)
{
    pg_db *db = of(base);
    lock(db);
    bool inside = db->tx_open && pthread_equal(db->tx_owner, pthread_self());
    unlock(db);
    return inside;
}

/* After a conflict: a little, chosen at random, longer each time. */
static void pause_before(unsigned round)
{
    uint8_t random;
    slk_rng_fill(&random, 1);
    int64_t most = round < 5 ? INT64_C(4) << round : PAUSE_MAX_MS;
    slk_clock_sleep_ms(1 + most * random / 256);
}

/* ---- queries ---- */

/* The highest $n of the text: the number of its parameters. */
static int params_of(const char *text)
{
    int most = 0;
    while ((text = strchr(text, '$')) != NULL) {
        int n = atoi(++text);
        most = n > most ? n : most;
    }
    return most;
}

static slk_err pg_query_init(slk_query *ret_query, slk_db *base, const slk_sql *sql,
                             slk_error *error)
{
    pg_query *q = slk_calloc(1, sizeof *q);
    if (!q)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    q->call.name = sql->name;
    q->call.text = sql->text;
    q->call.params = params_of(sql->text);
    slk_assert(q->call.params <= (int)SLK_PG_PARAMS);
    *ret_query = (slk_query){.db = base, .sql = sql, .handle = q};
    return SLK_OK;
}

static void forget_blobs(pg_query *q)
{
    int columns = q->blob ? PQnfields(q->result) : 0;
    for (int i = 0; i < columns; i++) {
        PQfreemem(q->blob[i]);
        q->blob[i] = NULL;
    }
}

static void pg_reset(slk_query *query)
{
    pg_query *q = query->handle;
    forget_blobs(q);
    slk_free(q->blob);
    q->blob = NULL;
    PQclear(q->result);
    q->result = NULL;
}

static void pg_query_done(slk_query *query)
{
    pg_query *q = query->handle;
    pg_reset(query);
    for (size_t i = 0; i < SLK_PG_PARAMS; i++)
        slk_free(q->owned[i]);
    slk_free(q);
}

static char *copy_of(const slk_db_value *value)
{
    char *copy = slk_calloc(1, value->kind == SLK_DB_I64 ? 24 : value->n + 1);
    if (!copy)
        return NULL;
    if (value->kind == SLK_DB_I64) {
        (void)snprintf(copy, 24, "%lld", (long long)value->i64);
        return copy;
    }
    memcpy(copy, value->bytes, value->n);
    copy[value->n] = 0;
    return copy;
}

/* Types are said, not guessed: $1 < 0 would make $1 an int4. NULL fits where it stands. */
static void pg_bind(slk_query *query, int position, const slk_db_value *value)
{
    static const Oid type[] = {[SLK_DB_NULL] = 0,
                               [SLK_DB_I64] = OID_INT8,
                               [SLK_DB_TEXT] = OID_TEXT,
                               [SLK_DB_BLOB] = OID_BYTEA};
    pg_query *q = query->handle;
    if (position > q->call.params) {
        q->failure = SLK_E_INTERNAL;
        return;
    }
    int at = position - 1;
    slk_free(q->owned[at]);
    q->owned[at] = value->kind == SLK_DB_NULL ? NULL : copy_of(value);
    if (value->kind != SLK_DB_NULL && !q->owned[at])
        q->failure = SLK_E_NOMEM;
    q->call.type[at] = type[value->kind];
    q->call.value[at] = q->owned[at];
    q->call.length[at] = value->kind == SLK_DB_BLOB ? (int)value->n : 0;
    q->call.format[at] = value->kind == SLK_DB_BLOB ? 1 : 0;
}

/* ---- running ---- */

/* Inside a transaction: its first failure decides what becomes of it. */
static slk_err call_in_tx(pg_db *db, PGresult **ret_result, const slk_pg_call *call,
                          slk_error *error)
{
    if (db->tx_failure != SLK_OK)
        return slk_fail(error, db->tx_failure, "database statement %s: the transaction has failed",
                        call->name);
    slk_pg_fate fate = SLK_PG_SAID_NO;
    slk_err code = slk_pg_link_call(ret_result, &fate, &db->tx, call, answer_ms(db), error);
    if (code != SLK_OK) {
        db->tx_failure = code;
        db->tx_fate = fate;
    }
    return code;
}

static bool only_reads(const slk_pg_call *call)
{
    return strncmp(call->text, "SELECT", 6) == 0;
}

/* A statement by itself, tried again when that is surely harmless. */
static slk_err call_alone(pg_db *db, PGresult **ret_result, const slk_pg_call *call,
                          slk_error *error)
{
    slk_pg_link *link = NULL;
    SLK_TRY(take_link(db, &link, error));
    int64_t until_ms = slk_clock_monotonic_ms() + longest_ms(db);
    slk_err code;
    for (unsigned round = 0;; round++) {
        slk_pg_fate fate = SLK_PG_SAID_NO;
        bool sent = false;
        code = slk_pg_link_open(link, db->url, db->busy_ms, error);
        if (code == SLK_E_UNREACHABLE)
            fate = SLK_PG_NOT_DONE;
        if (code == SLK_OK) {
            sent = true;
            code = slk_pg_link_call(ret_result, &fate, link, call, answer_ms(db), error);
        }
        bool again = code != SLK_OK &&
                     (fate == SLK_PG_NOT_DONE || (fate == SLK_PG_LOST && only_reads(call)));
        if (!again || (round > 0 && slk_clock_monotonic_ms() >= until_ms)) {
            if (sent && code != SLK_OK && fate == SLK_PG_LOST && !only_reads(call))
                code = slk_fail_context(error, code, "whether it took effect is not known");
            break;
        }
        pause_before(round);
    }
    give_link(db, link);
    return code;
}

static slk_err call(pg_db *db, PGresult **ret_result, const slk_pg_call *call, slk_error *error)
{
    return pg_in_tx(&db->base) ? call_in_tx(db, ret_result, call, error)
                               : call_alone(db, ret_result, call, error);
}

static slk_err pg_step(slk_query *query, bool *ret_row, slk_error *error)
{
    pg_query *q = query->handle;
    if (q->failure != SLK_OK)
        return slk_fail(error, q->failure, "database statement %s: a parameter cannot be bound",
                        query->sql->name);
    if (!q->result) {
        query->stepped = true;
        SLK_TRY(call(of(query->db), &q->result, &q->call, error));
        q->row = -1;
        query->changes = strtoll(PQcmdTuples(q->result), NULL, 10);
        if (PQnfields(q->result) > 0 &&
            !(q->blob = slk_calloc((size_t)PQnfields(q->result), sizeof *q->blob)))
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
    forget_blobs(q);
    q->row++;
    *ret_row = q->row < PQntuples(q->result);
    return SLK_OK;
}

/* ---- columns ---- */

static const pg_query *at_column(const slk_query *query, int column)
{
    const pg_query *q = query->handle;
    slk_assert(q->result && q->row >= 0 && q->row < PQntuples(q->result) && column >= 0 &&
               column < PQnfields(q->result));
    return q;
}

static bool pg_column_is_null(const slk_query *query, int column)
{
    const pg_query *q = at_column(query, column);
    return PQgetisnull(q->result, q->row, column) != 0;
}

static const char *pg_column_text(const slk_query *query, int column)
{
    const pg_query *q = at_column(query, column);
    return pg_column_is_null(query, column) ? NULL : PQgetvalue(q->result, q->row, column);
}

static int64_t pg_column_i64(const slk_query *query, int column)
{
    const char *text = pg_column_text(query, column);
    return text ? strtoll(text, NULL, 10) : 0;
}

static const uint8_t *pg_column_blob(const slk_query *query, int column, size_t *ret_n)
{
    const pg_query *q = at_column(query, column);
    const char *text = pg_column_text(query, column);
    *ret_n = 0;
    if (!text)
        return NULL;
    if (PQftype(q->result, column) != OID_BYTEA) {
        *ret_n = strlen(text);
        return (const uint8_t *)text;
    }
    PQfreemem(q->blob[column]);
    q->blob[column] = PQunescapeBytea((const unsigned char *)text, ret_n);
    return q->blob[column];
}

/* ---- transactions ---- */

static slk_err run_text(pg_db *db, const char *name, const char *text, slk_error *error)
{
    const slk_pg_call call = {.name = name, .text = text, .params = -1};
    PGresult *result = NULL;
    SLK_TRY(call_in_tx(db, &result, &call, error));
    PQclear(result);
    return SLK_OK;
}

static void set_open(pg_db *db, bool open)
{
    lock(db);
    db->tx_open = open;
    db->tx_owner = pthread_self();
    unlock(db);
}

static slk_err commit(pg_db *db, slk_error *error)
{
    const slk_pg_call call = {.name = "COMMIT", .text = "COMMIT", .params = -1};
    PGresult *result = NULL;
    slk_err code = call_in_tx(db, &result, &call, error);
    if (code == SLK_OK)
        PQclear(result);
    else if (db->tx_fate == SLK_PG_LOST)
        return slk_fail(error, SLK_E_UNREACHABLE,
                        "the database %s was lost at COMMIT: whether the change took effect is not "
                        "known; look, then repeat",
                        db->base.name);
    return code;
}

/* One attempt. *ret_again: it had no effect for a reason that may be gone next time. */
static slk_err tx_once(pg_db *db, slk_db_body *body, void *context, bool *ret_again,
                       slk_error *error)
{
    db->tx_failure = SLK_OK;
    db->tx_fate = SLK_PG_SAID_NO;
    *ret_again = true;
    slk_err code = slk_pg_link_open(&db->tx, db->url, db->busy_ms, error);
    if (code != SLK_OK) {
        *ret_again = code == SLK_E_UNREACHABLE;
        return code;
    }
    set_open(db, true);
    code = run_text(db, "BEGIN", "BEGIN ISOLATION LEVEL SERIALIZABLE", error);
    if (code == SLK_OK)
        code = body(&db->base, context, error);
    if (code == SLK_OK && db->tx_failure != SLK_OK) /* body went on after a refusal */
        code = slk_fail(error, db->tx_failure, "a statement of the transaction was refused");
    bool committing = code == SLK_OK;
    if (committing)
        code = commit(db, error);
    set_open(db, false);
    *ret_again = db->tx_failure != SLK_OK &&
                 (db->tx_fate == SLK_PG_NOT_DONE || (db->tx_fate == SLK_PG_LOST && !committing));
    return code;
}

/* Back to where nothing is open; a connection that cannot be brought there is closed. */
static void tx_settle(pg_db *db)
{
    if (!db->tx.pg || PQtransactionStatus(db->tx.pg) == PQTRANS_IDLE)
        return;
    const slk_pg_call call = {.name = "ROLLBACK", .text = "ROLLBACK", .params = -1};
    PGresult *result = NULL;
    slk_pg_fate fate;
    if (slk_pg_link_call(&result, &fate, &db->tx, &call, db->busy_ms, NULL) == SLK_OK)
        PQclear(result);
    else
        slk_pg_link_close(&db->tx);
}

static slk_err tx_take(pg_db *db, int64_t until_ms, slk_error *error)
{
    lock(db);
    while (db->tx_taken && wait_free(db, until_ms))
        continue;
    bool mine = !db->tx_taken;
    db->tx_taken = true;
    unlock(db);
    return mine ? SLK_OK : busy(db, error);
}

static void tx_give(pg_db *db)
{
    lock(db);
    db->tx_taken = false;
    (void)pthread_cond_broadcast(&db->free_link);
    unlock(db);
}

static slk_err pg_tx(slk_db *base, slk_db_body *body, void *context, slk_error *error)
{
    pg_db *db = of(base);
    int64_t until_ms = slk_clock_monotonic_ms() + longest_ms(db);
    SLK_TRY(tx_take(db, until_ms, error));
    slk_err code;
    bool again;
    for (unsigned round = 0;; round++) {
        code = tx_once(db, body, context, &again, error);
        tx_settle(db);
        if (code == SLK_OK || !again || (round > 0 && slk_clock_monotonic_ms() >= until_ms))
            break;
        pause_before(round);
    }
    tx_give(db);
    return code;
}

static slk_err pg_script(slk_db *base, const char *name, const char *text, slk_error *error)
{
    slk_assert(pg_in_tx(base));
    return run_text(of(base), name, text, error);
}

/* ---- the server's clock ---- */

static const slk_sql read_clock = {
    "clock", "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"};

static slk_err ask_clock(pg_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query query = {0};
    SLK_TRY(slk_query_init(&query, &db->base, &read_clock, error));
    bool row;
    SLK_TRY(slk_query_step(&query, &row, error));
    int64_t read_ms = slk_clock_monotonic_ms(); /* late by the answer's way to us */
    lock(db);
    db->clock_ahead_ms = slk_column_i64(&query, 0) - read_ms;
    db->clock_read_ms = read_ms;
    db->clock_known = true;
    unlock(db);
    return SLK_OK;
}

static slk_err pg_now_ms(int64_t *ret_now_ms, slk_db *base, slk_error *error)
{
    pg_db *db = of(base);
    int64_t monotonic_ms = slk_clock_monotonic_ms();
    lock(db);
    bool known = db->clock_known, fresh = monotonic_ms - db->clock_read_ms < CLOCK_FRESH_MS;
    unlock(db);
    if (!known)
        SLK_TRY(ask_clock(db, error));
    else if (!fresh && !pg_in_tx(base) && ask_clock(db, NULL) != SLK_OK) {
        lock(db);
        db->clock_read_ms = monotonic_ms; /* what we knew serves another while */
        unlock(db);
    }
    lock(db);
    *ret_now_ms = slk_clock_monotonic_ms() + db->clock_ahead_ms;
    unlock(db);
    return SLK_OK;
}

/* ---- opening ---- */

static void pg_close(slk_db *base)
{
    pg_db *db = of(base);
    slk_assert(!db->tx_taken);
    for (unsigned i = 0; i < LINKS; i++)
        slk_pg_link_close(&db->link[i]);
    slk_pg_link_close(&db->tx);
    (void)pthread_cond_destroy(&db->free_link);
    (void)pthread_mutex_destroy(&db->mutex);
    if (db->url)
        explicit_bzero(db->url, strlen(db->url));
    slk_free(db->url);
    slk_free(db->base.name);
    slk_free(db);
}

/* "postgresql://host:port/database": what may be shown of the URL. */
static char *shown(const char *url)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);
    PQfreemem(why); /* may quote the URL */
    if (!options)
        return NULL;
    const char *host = "localhost", *port = "5432", *database = "";
    for (const PQconninfoOption *o = options; o->keyword; o++) {
        if (!o->val)
            continue;
        host = strcmp(o->keyword, "host") == 0 ? o->val : host;
        port = strcmp(o->keyword, "port") == 0 ? o->val : port;
        database = strcmp(o->keyword, "dbname") == 0 ? o->val : database;
    }
    char *name = slk_strf("postgresql://%s:%s/%s", host, port, database);
    PQconninfoFree(options);
    return name;
}

static slk_err pg_check(slk_db *db, slk_error *error)
{
    (void)db;
    (void)error;
    return SLK_OK;
}

static uint64_t pg_work(slk_db *base)
{
    (void)base;
    return 0;
}

static const slk_db_backend pg_backend = {
    .identity = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    .close = pg_close,
    .check = pg_check,
    .query_init = pg_query_init,
    .query_done = pg_query_done,
    .bind = pg_bind,
    .step = pg_step,
    .reset = pg_reset,
    .column_i64 = pg_column_i64,
    .column_text = pg_column_text,
    .column_blob = pg_column_blob,
    .column_is_null = pg_column_is_null,
    .tx = pg_tx,
    .in_tx = pg_in_tx,
    .script = pg_script,
    .work = pg_work,
    .now_ms = pg_now_ms,
};

static slk_err init_threads(pg_db *db, slk_error *error)
{
    int rc = pthread_mutex_init(&db->mutex, NULL);
    rc = rc ? rc : slk_cond_init(&db->free_link);
    return rc == 0 ? SLK_OK : slk_fail_errno(error, rc, "cannot make a mutex");
}

slk_err slk_db_pg_open(slk_db **ret_db, const char *url, int busy_ms, slk_error *error)
{
    pg_db *db = slk_calloc(1, sizeof *db);
    if (!db)
        return slk_fail(error, SLK_E_NOMEM, "out of memory opening the database");
    slk_err code = init_threads(db, error);
    if (code != SLK_OK) {
        slk_free(db);
        return code;
    }
    db->base.backend = &pg_backend;
    db->busy_ms = busy_ms > 0 ? busy_ms : BUSY_MS_DEFAULT;
    db->base.name = shown(url);
    db->url = slk_strdup(url);
    if (!db->base.name)
        code = slk_fail(error, SLK_E_INVAL,
                        "the database's URL cannot be read: it should be "
                        "postgresql://USER@HOST:PORT/DATABASE");
    else if (!db->url)
        code = slk_fail(error, SLK_E_NOMEM, "out of memory opening the database");
    int64_t now_ms;
    if (code == SLK_OK)
        code = pg_now_ms(&now_ms, &db->base, error);
    if (code == SLK_OK)
        *ret_db = &db->base;
    else
        pg_close(&db->base);
    return code;
}
