/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Statements with their arguments in one call. */
#ifndef SLK_DB_ARGS_H
#define SLK_DB_ARGS_H

#include "base/num.h"
#include "db/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slk_arg {
    enum { SLK_ARG_I64, SLK_ARG_TEXT, SLK_ARG_BLOB } kind;
    int64_t i64;
    const char *text; /* NULL binds NULL */
    const void *blob; /* NULL binds NULL */
    size_t n;
} slk_arg;

static inline slk_arg slk_arg_i(int64_t v)
{
    return (slk_arg){.kind = SLK_ARG_I64, .i64 = v};
}
static inline slk_arg slk_arg_u(uint64_t v)
{
    return slk_arg_i(slk_i64(v));
}
static inline slk_arg slk_arg_t(const char *v)
{
    return (slk_arg){.kind = SLK_ARG_TEXT, .text = v};
}
static inline slk_arg slk_arg_b(const void *v, size_t n)
{
    return (slk_arg){.kind = SLK_ARG_BLOB, .blob = v, .n = n};
}

/* The arguments $1, $2 … and their number, as two parameters of the functions below. */
#define SLK_ARGS(...) \
    (const slk_arg[]){__VA_ARGS__}, sizeof((const slk_arg[]){__VA_ARGS__}) / sizeof(slk_arg)

/* Starts a query with its arguments bound; the caller steps it. */
SLK_MUST_CHECK slk_err slk_sql_open(slk_query *ret_query, slk_db *db, const slk_sql *sql,
                                    const slk_arg *args, size_t n, slk_error *error);
/* As slk_sql_open, stepped onto its first row; SLK_E_NOTFOUND without one (what names it). */
SLK_MUST_CHECK slk_err slk_sql_row(slk_query *ret_query, slk_db *db, const slk_sql *sql,
                                   const slk_arg *args, size_t n, const char *what,
                                   slk_error *error);
/* Runs a statement to its end; ret_changes may be NULL. */
SLK_MUST_CHECK slk_err slk_sql_run(slk_db *db, const slk_sql *sql, const slk_arg *args, size_t n,
                                   int64_t *ret_changes, slk_error *error);
/* First column of the first row as a number; 0 without a row. */
SLK_MUST_CHECK slk_err slk_sql_number(int64_t *ret, slk_db *db, const slk_sql *sql,
                                      const slk_arg *args, size_t n, slk_error *error);

/* Copies a text column, cut to n; "" for NULL. */
void slk_sql_copy_text(char *out, size_t n, const slk_query *query, int column);

#endif
