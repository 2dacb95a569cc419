/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "db/args.h"

#include <stdio.h>

slk_err slk_sql_open(slk_query *ret_query, slk_db *db, const slk_sql *sql, const slk_arg *args,
                     size_t n, slk_error *error)
{
    SLK_TRY(slk_query_init(ret_query, db, sql, error));
    for (size_t i = 0; i < n; i++) {
        int position = (int)i + 1;
        switch (args[i].kind) {
        case SLK_ARG_I64:
            slk_bind_i64(ret_query, position, args[i].i64);
            break;
        case SLK_ARG_TEXT:
            slk_bind_text(ret_query, position, args[i].text);
            break;
        case SLK_ARG_BLOB:
            slk_bind_blob(ret_query, position, args[i].blob, args[i].n);
            break;
        }
    }
    return SLK_OK;
}

slk_err slk_sql_row(slk_query *ret_query, slk_db *db, const slk_sql *sql, const slk_arg *args,
                    size_t n, const char *what, slk_error *error)
{
    bool row = false;
    slk_err code = slk_sql_open(ret_query, db, sql, args, n, error);
    if (code == SLK_OK)
        code = slk_query_step(ret_query, &row, error);
    if (code == SLK_OK && !row)
        code = slk_fail(error, SLK_E_NOTFOUND, "there is no such %s", what);
    if (code != SLK_OK)
        slk_query_done(ret_query);
    return code;
}

slk_err slk_sql_run(slk_db *db, const slk_sql *sql, const slk_arg *args, size_t n,
                    int64_t *ret_changes, slk_error *error)
{
    slk_query query = {0};
    slk_err code = slk_sql_open(&query, db, sql, args, n, error);
    if (code == SLK_OK)
        code = slk_query_run(&query, error);
    if (code == SLK_OK && ret_changes)
        *ret_changes = slk_query_changes(&query);
    slk_query_done(&query);
    return code;
}

slk_err slk_sql_number(int64_t *ret, slk_db *db, const slk_sql *sql, const slk_arg *args, size_t n,
                       slk_error *error)
{
    slk_query query = {0};
    bool row = false;
    slk_err code = slk_sql_open(&query, db, sql, args, n, error);
    if (code == SLK_OK)
        code = slk_query_step(&query, &row, error);
    if (code == SLK_OK)
        *ret = row ? slk_column_i64(&query, 0) : 0;
    slk_query_done(&query);
    return code;
}

void slk_sql_copy_text(char *out, size_t n, const slk_query *query, int column)
{
    const char *text = slk_column_text(query, column);
    (void)snprintf(out, n, "%s", text ? text : "");
}
