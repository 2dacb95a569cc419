/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "db/place_test.h"

#include "db/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *server(void)
{
    const char *url = getenv("SELKIE_TEST_DATABASE");
    return url && *url ? url : NULL;
}

bool place_is_server(void)
{
    return server() != NULL;
}

/* The end of the path, in letters PostgreSQL takes for a name. */
static void schema_of(char out[64], const char *path)
{
    size_t n = strlen(path), from = n > 60 ? n - 60 : 0;
    out[0] = 't';
    for (size_t i = from; i <= n; i++)
        out[1 + i - from] = (char)(path[i] && !isalnum((unsigned char)path[i]) ? '_' : path[i]);
}

static void run_on_server(const char *verb, const char *path, const char *tail)
{
    char schema[64], text[160];
    schema_of(schema, path);
    (void)snprintf(text, sizeof text, "%s \"%s\"%s", verb, schema, tail);
    slk_db *db;
    slk_error error = {0};
    if (slk_db_open(&db, server(), 0, &error) != SLK_OK)
        fail_msg("%s", error.message);
    const slk_sql sql = {"place", text};
    if (slk_db_run(db, &sql, &error) != SLK_OK)
        fail_msg("%s", error.message);
    slk_db_close(db);
}

void place_make(char out[PLACE_CHARS], const char *path)
{
    if (!place_is_server()) {
        (void)snprintf(out, PLACE_CHARS, "%s", path);
        return;
    }
    char schema[64];
    schema_of(schema, path);
    run_on_server("CREATE SCHEMA", path, "");
    (void)snprintf(out, PLACE_CHARS, "%s&options=-csearch_path%%3D%%22%s%%22", server(), schema);
}

void place_drop(const char *path)
{
    if (place_is_server())
        run_on_server("DROP SCHEMA IF EXISTS", path, " CASCADE");
}
