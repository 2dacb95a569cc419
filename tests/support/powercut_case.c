/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What tests/e2e/powercut_test.py cuts: `powercut_case files|database FOLDER [quiet]` writes files, or a
 * database, in the folder as every module of ours does. After each step it appends to FOLDER/said what
 * must from now on survive ("NAME VERSION"); quiet says nothing. Run again on what a cut left, it goes
 * on to the same end. */
#include "base/file.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "db/db.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_VERSIONS 12u
#define NAMES 3u /* each with several versions */
#define ENTRIES 40 /* transactions */
#define ENTRIES_KEPT 15
#define ENTRIES_PER_OPEN 9 /* closing writes the log back into the database */

typedef struct run {
    const char *folder;
    int said_fd; /* -1: quiet */
} run;

static slk_err say(const run *r, const char *name, int64_t version, slk_error *error)
{
    char line[64];
    const int n = snprintf(line, sizeof line, "%s %lld\n", name, (long long)version);
    if (r->said_fd >= 0 && write(r->said_fd, line, (size_t)n) != n)
        return slk_fail(error, SLK_E_IO, "cannot say %s", line);
    return SLK_OK;
}

/* Bytes that tell their version and whether they are whole: a line, again and again. */
static slk_err content(slk_buf *buf, unsigned version)
{
    char line[16];
    (void)snprintf(line, sizeof line, "%07u\n", version % 10000000u);
    slk_buf_reset(buf);
    for (unsigned i = 0; i < 100 + version * 331 % 2000; i++)
        SLK_TRY(slk_buf_append(buf, line, 8));
    return SLK_OK;
}

/* In three parts, the last one first. */
static slk_err write_large(const char *path, const slk_buf *bytes, slk_error *error)
{
    SLK_CLEANUP(slk_outfile_done) slk_outfile file = SLK_OUTFILE_NONE;
    SLK_TRY(slk_outfile_open(&file, path, NULL, bytes->len, error));
    const size_t third = bytes->len / 3;
    SLK_TRY(slk_outfile_write(&file, bytes->data + 2 * third, bytes->len - 2 * third, 2 * third,
                              error));
    SLK_TRY(slk_outfile_write(&file, bytes->data, third, 0, error));
    SLK_TRY(slk_outfile_write(&file, bytes->data + third, third, third, error));
    return slk_outfile_commit(&file, error);
}

static slk_err write_version(const run *r, unsigned version, slk_buf *bytes, slk_error *error)
{
    char name[64], path[512], deep[512];
    SLK_TRY(content(bytes, version));
    (void)snprintf(name, sizeof name, "small%u", version % NAMES);
    (void)snprintf(path, sizeof path, "%s/%s", r->folder, name);
    SLK_TRY(slk_file_write_atomic(path, bytes->data, bytes->len, 0600, error));
    SLK_TRY(say(r, name, version, error));
    (void)snprintf(name, sizeof name, "large%u", version % NAMES);
    (void)snprintf(path, sizeof path, "%s/%s", r->folder, name);
    SLK_TRY(write_large(path, bytes, error));
    SLK_TRY(say(r, name, version, error));
    (void)snprintf(name, sizeof name, "below/%u/deep/file", version);
    (void)snprintf(deep, sizeof deep, "%s/below/%u/deep", r->folder, version);
    (void)snprintf(path, sizeof path, "%s/%s", r->folder, name);
    SLK_TRY(slk_folder_make(deep, 0700, error));
    SLK_TRY(slk_file_write_atomic(path, bytes->data, bytes->len, 0600, error));
    return say(r, name, version, error);
}

static slk_err write_files(const run *r, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, 1 << 20);
    for (unsigned version = 0; version < FILE_VERSIONS; version++)
        SLK_TRY(write_version(r, version, &bytes, error));
    return SLK_OK;
}

/* ---- the database ---- */

static const slk_migration schema[] = {
    {1, "first",
     "CREATE TABLE total (id BIGINT PRIMARY KEY, n BIGINT NOT NULL);"
     "CREATE TABLE entries (id BIGINT PRIMARY KEY, bytes BYTEA NOT NULL);"
     "INSERT INTO total VALUES (1, 0);"},
};
static const slk_sql read_total = {"total.read", "SELECT n FROM total WHERE id = 1"};
static const slk_sql write_total = {"total.write", "UPDATE total SET n = $1 WHERE id = 1"};
static const slk_sql insert_entry = {"entries.insert", "INSERT INTO entries VALUES ($1, $2)"};
static const slk_sql delete_entry = {"entries.delete", "DELETE FROM entries WHERE id <= $1"};

static slk_err run_one(slk_db *db, const slk_sql *sql, int64_t value, const slk_buf *bytes,
                       slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, sql, error));
    slk_bind_i64(&q, 1, value);
    if (bytes)
        slk_bind_blob(&q, 2, bytes->data, bytes->len);
    return slk_query_run(&q, error);
}

static slk_err total_of(int64_t *ret_total, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_query_init(&q, db, &read_total, error));
    SLK_TRY(slk_query_step(&q, &row, error));
    *ret_total = slk_column_i64(&q, 0);
    return SLK_OK;
}

static slk_err add_entry(slk_db *db, void *context, slk_error *error)
{
    const int64_t id = *(const int64_t *)context;
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, 1 << 20);
    SLK_TRY(content(&bytes, (unsigned)id));
    SLK_TRY(run_one(db, &insert_entry, id, &bytes, error));
    SLK_TRY(run_one(db, &delete_entry, id - ENTRIES_KEPT, NULL, error));
    return run_one(db, &write_total, id, NULL, error);
}

static slk_err write_some(bool *ret_more, const run *r, const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_db_closep) slk_db *db = NULL;
    int64_t id;
    SLK_TRY(slk_db_open(&db, path, 0, error));
    SLK_TRY(slk_db_check(db, error));
    SLK_TRY(slk_db_migrate(db, schema, sizeof schema / sizeof *schema, error));
    SLK_TRY(total_of(&id, db, error));
    for (unsigned i = 0; i < ENTRIES_PER_OPEN && id < ENTRIES; i++) {
        id++;
        SLK_TRY(slk_db_tx(db, add_entry, &id, error));
        SLK_TRY(say(r, "node.db", id, error));
    }
    *ret_more = id < ENTRIES;
    return SLK_OK;
}

static slk_err write_database(const run *r, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(r->folder, "node.db");
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    for (bool more = true; more;)
        SLK_TRY(write_some(&more, r, path, error));
    return SLK_OK;
}

static slk_err run_case(const char *what, const char *folder, bool quiet, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *said = slk_path_join(folder, "said");
    SLK_CLEANUP(slk_closep) int fd = -1;
    if (!quiet)
        SLK_TRY(slk_file_create(&fd, said, 0600, error));
    const run r = {.folder = folder, .said_fd = fd};
    return strcmp(what, "files") == 0 ? write_files(&r, error) : write_database(&r, error);
}

int main(int argc, char **argv)
{
    slk_error error = {0};
    if (argc >= 3 && run_case(argv[1], argv[2], argc > 3, &error) == SLK_OK)
        return 0;
    (void)fprintf(stderr, "%s\n", argc < 3 ? "which case, and where?" : error.message);
    return 1;
}
