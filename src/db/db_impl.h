/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a back-end gives to db.c: one table of functions. Their meaning is that of db.h; db.c checks
 * what both have in common (a query in use, steps, schema). */
#ifndef SLK_DB_DB_IMPL_H
#define SLK_DB_DB_IMPL_H

#include "db/db.h"

/* A bound parameter; text and bytes are the caller's until bind returns. */
typedef struct slk_db_value {
    enum { SLK_DB_NULL, SLK_DB_I64, SLK_DB_TEXT, SLK_DB_BLOB } kind;
    int64_t i64;
    const void *bytes;
    size_t n;
} slk_db_value;

typedef struct slk_db_backend {
    /* What stands in a schema for the words INTEGER PRIMARY KEY. */
    const char *identity;
    void (*close)(slk_db *db);
    slk_err (*check)(slk_db *db, slk_error *error);

    slk_err (*query_init)(slk_query *ret_query, slk_db *db, const slk_sql *sql, slk_error *error);
    void (*query_done)(slk_query *query);
    void (*bind)(slk_query *query, int position, const slk_db_value *value);
    slk_err (*step)(slk_query *query, bool *ret_row, slk_error *error);
    void (*reset)(slk_query *query); /* ready for new bindings, old ones stay */
    int64_t (*column_i64)(const slk_query *query, int column);
    const char *(*column_text)(const slk_query *query, int column);
    const uint8_t *(*column_blob)(const slk_query *query, int column, size_t *ret_n);
    bool (*column_is_null)(const slk_query *query, int column);

    slk_err (*tx)(slk_db *db, slk_db_body *body, void *context, slk_error *error);
    bool (*in_tx)(slk_db *db);
    /* Several statements, inside a transaction. */
    slk_err (*script)(slk_db *db, const char *name, const char *text, slk_error *error);
    uint64_t (*work)(slk_db *db);
    slk_err (*now_ms)(int64_t *ret_now_ms, slk_db *db, slk_error *error);
} slk_db_backend;

/* First member of each back-end's own object. */
struct slk_db {
    const slk_db_backend *backend;
    char *name; /* for messages: the path, or the address without user and password */
};

SLK_MUST_CHECK slk_err slk_db_sqlite_open(slk_db **ret_db, const char *path, int busy_ms,
                                          slk_error *error);
SLK_MUST_CHECK slk_err slk_db_pg_open(slk_db **ret_db, const char *url, int busy_ms,
                                      slk_error *error);

#endif
