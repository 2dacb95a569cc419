/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "db/db.h"

#include "base/file.h"
#include "base/mem.h"
#include "db/place_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const slk_migration schema[] = {
    {1, "first",
     "CREATE TABLE orders (id BIGINT PRIMARY KEY, name TEXT NOT NULL, token BYTEA, paid SMALLINT);"
     "CREATE TABLE counter (id BIGINT PRIMARY KEY, n BIGINT NOT NULL);"
     "INSERT INTO counter VALUES (1, 0);"},
    {2, "notes", "CREATE TABLE notes (order_id BIGINT NOT NULL REFERENCES orders(id), text TEXT);"},
};

static const slk_sql insert_order = {
    "orders.insert", "INSERT INTO orders (id, name, token, paid) VALUES ($1, $2, $3, $4)"};
static const slk_sql select_order = {"orders.find",
                                     "SELECT id, name, token, paid FROM orders WHERE id = $1"};
static const slk_sql rename_order = {"orders.rename", "UPDATE orders SET name = $2 WHERE id = $1"};
static const slk_sql count_orders = {"orders.count", "SELECT count(*) FROM orders"};
static const slk_sql insert_note = {"notes.insert",
                                    "INSERT INTO notes (order_id, text) VALUES ($1, $2)"};
static const slk_sql read_counter = {"counter.read", "SELECT n FROM counter WHERE id = 1"};
static const slk_sql write_counter = {"counter.write", "UPDATE counter SET n = $1 WHERE id = 1"};
static const slk_sql delete_orders = {"orders.delete", "DELETE FROM orders"};
static const slk_sql nonsense = {"nonsense", "SELEKT 1"};

typedef struct fixture {
    char folder[64];
    char path[96];
    char where[PLACE_CHARS];
    slk_db *db;
} fixture;

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/slk_db_test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof f->path, "%s/node.db", f->folder);
    place_make(f->where, f->path);
    slk_error e = {0};
    if (slk_db_open(&f->db, f->where, 200, &e) != SLK_OK)
        fail_msg("%s", e.message);
    if (slk_db_migrate(f->db, schema, 2, &e) != SLK_OK)
        fail_msg("%s", e.message);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    slk_db_close(f->db);
    place_drop(f->path);
    assert_int_equal(slk_remove_tree(f->folder, NULL), SLK_OK);
    free(f);
    return 0;
}

static slk_err add_order(slk_db *db, int64_t id, const char *name, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &insert_order, error));
    slk_bind_i64(&q, 1, id);
    slk_bind_text(&q, 2, name);
    slk_bind_blob(&q, 3, "\0\1\2", 3);
    slk_bind_bool(&q, 4, true);
    return slk_query_run(&q, error);
}

static int64_t number(slk_db *db, const slk_sql *sql)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    assert_int_equal(slk_query_init(&q, db, sql, NULL), SLK_OK);
    assert_int_equal(slk_query_step(&q, &row, NULL), SLK_OK);
    assert_true(row);
    return slk_column_i64(&q, 0);
}

static void values_round_trip(void **state)
{
    fixture *f = *state;
    assert_int_equal(add_order(f->db, INT64_MAX, "höher", NULL), SLK_OK);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    assert_int_equal(slk_query_init(&q, f->db, &select_order, NULL), SLK_OK);
    slk_bind_i64(&q, 1, INT64_MAX);
    bool row;
    assert_int_equal(slk_query_step(&q, &row, NULL), SLK_OK);
    assert_true(row);
    assert_true(slk_column_i64(&q, 0) == INT64_MAX);
    assert_string_equal(slk_column_text(&q, 1), "höher");
    uint8_t token[3];
    assert_int_equal(slk_column_bytes(&q, 2, token, 3, NULL), SLK_OK);
    assert_memory_equal(token, "\0\1\2", 3);
    assert_int_equal(slk_column_bytes(&q, 2, token, 2, NULL), SLK_E_CORRUPT);
    assert_true(slk_column_bool(&q, 3));
    assert_int_equal(slk_query_step(&q, &row, NULL), SLK_OK);
    assert_false(row);
    /* binding again starts anew */
    slk_bind_i64(&q, 1, 5);
    assert_int_equal(slk_query_step(&q, &row, NULL), SLK_OK);
    assert_false(row);
}

static void nulls_are_nulls(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    assert_int_equal(add_order(f->db, 1, NULL, &e), SLK_E_CONFLICT);
    assert_non_null(strstr(e.message, "orders.insert"));
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    assert_int_equal(slk_query_init(&q, f->db, &insert_order, NULL), SLK_OK);
    slk_bind_i64(&q, 1, 1);
    slk_bind_text(&q, 2, "");
    slk_bind_null(&q, 3);
    slk_bind_blob(&q, 4, NULL, 0);
    assert_int_equal(slk_query_run(&q, NULL), SLK_OK);
    assert_int_equal(slk_query_changes(&q), 1);
    SLK_CLEANUP(slk_query_done) slk_query r = {0};
    assert_int_equal(slk_query_init(&r, f->db, &select_order, NULL), SLK_OK);
    slk_bind_i64(&r, 1, 1);
    bool row;
    assert_int_equal(slk_query_step(&r, &row, NULL), SLK_OK);
    assert_string_equal(slk_column_text(&r, 1), "");
    size_t n = 9;
    assert_null(slk_column_blob(&r, 2, &n));
    assert_int_equal(n, 0);
    assert_true(slk_column_is_null(&r, 3));
}

static void constraints_and_mistakes_have_codes(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    assert_int_equal(add_order(f->db, 7, "secret-value", NULL), SLK_OK);
    assert_int_equal(add_order(f->db, 7, "secret-value", &e), SLK_E_EXISTS);
    assert_null(strstr(e.message, "secret-value"));
    slk_query q = {0};
    assert_int_equal(slk_query_init(&q, f->db, &insert_note, NULL), SLK_OK);
    slk_bind_i64(&q, 1, 99);
    slk_bind_null(&q, 2);
    assert_int_equal(slk_query_run(&q, NULL), SLK_E_CONFLICT); /* foreign key */
    slk_query_done(&q);
    assert_int_equal(slk_db_run(f->db, &nonsense, &e), SLK_E_INTERNAL);
    assert_non_null(strstr(e.message, "nonsense"));
    assert_int_equal(slk_query_init(&q, f->db, &select_order, NULL), SLK_OK);
    slk_bind_i64(&q, 2, 1);
    bool row;
    assert_int_equal(slk_query_step(&q, &row, &e), SLK_E_INTERNAL);
    slk_query_done(&q);
    slk_query_done(&q); /* idempotent */
    assert_int_equal(slk_query_init(&q, f->db, &rename_order, NULL), SLK_OK);
    slk_bind_i64(&q, 1, 8);
    slk_bind_text(&q, 2, "x");
    assert_int_equal(slk_query_run(&q, NULL), SLK_OK);
    assert_int_equal(slk_query_changes(&q), 0);
    slk_bind_i64(&q, 1, 7);
    assert_int_equal(slk_query_run(&q, NULL), SLK_OK);
    assert_int_equal(slk_query_changes(&q), 1);
    slk_query_done(&q);
}

static slk_err add_two_and_fail(slk_db *db, void *context, slk_error *error)
{
    assert_true(slk_db_in_tx(db));
    SLK_TRY(add_order(db, 1, "a", error));
    SLK_TRY(add_order(db, 2, "b", error));
    return *(slk_err *)context;
}

static void transactions_are_all_or_nothing(void **state)
{
    fixture *f = *state;
    slk_err verdict = SLK_E_AUTH;
    assert_int_equal(slk_db_tx(f->db, add_two_and_fail, &verdict, NULL), SLK_E_AUTH);
    assert_int_equal(number(f->db, &count_orders), 0);
    verdict = SLK_OK;
    assert_int_equal(slk_db_tx(f->db, add_two_and_fail, &verdict, NULL), SLK_OK);
    assert_int_equal(number(f->db, &count_orders), 2);
    assert_int_equal(slk_db_tx(f->db, add_two_and_fail, &verdict, NULL), SLK_E_EXISTS);
    assert_int_equal(number(f->db, &count_orders), 2);
    assert_false(slk_db_in_tx(f->db));
}

/* Read, then write one more: loses counts unless transactions exclude each other. */
static slk_err count_up(slk_db *db, void *context, slk_error *error)
{
    (void)context;
    int64_t n = number(db, &read_counter);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &write_counter, error));
    slk_bind_i64(&q, 1, n + 1);
    return slk_query_run(&q, error);
}

static void *count_many(void *context)
{
    for (int i = 0; i < 25; i++) {
        if (slk_db_tx(context, count_up, NULL, NULL) != SLK_OK)
            return context;
        (void)number(context, &count_orders);
    }
    return NULL;
}

static void threads_share_one_handle(void **state)
{
    fixture *f = *state;
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, f->db), 0);
    for (int i = 0; i < 8; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(number(f->db, &read_counter), 200);
}

static void *count_on_own_connection(void *context)
{
    slk_db *db;
    if (slk_db_open(&db, context, 5000, NULL) != SLK_OK)
        return context;
    void *failed = count_many(db);
    slk_db_close(db);
    return failed ? context : NULL;
}

static void connections_share_one_file(void **state)
{
    fixture *f = *state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_on_own_connection, f->where), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(number(f->db, &read_counter), 100);
}

static slk_err write_from_the_other(slk_db *db, void *context, slk_error *error)
{
    fixture *f = context;
    assert_ptr_not_equal(db, f->db);
    SLK_TRY(add_order(db, 2, "mine", error));
    slk_error e = {0};
    slk_err ok = SLK_OK;
    assert_int_equal(slk_db_tx(f->db, add_two_and_fail, &ok, &e), SLK_E_BUSY);
    assert_non_null(strstr(e.message, place_is_server() ? "lock" : "BEGIN"));
    return SLK_OK;
}

static void a_held_lock_is_busy(void **state)
{
    fixture *f = *state;
    slk_db *other;
    assert_int_equal(slk_db_open(&other, f->where, 200, NULL), SLK_OK);
    assert_int_equal(slk_db_tx(other, write_from_the_other, f, NULL), SLK_OK);
    assert_int_equal(slk_db_run(other, &delete_orders, NULL), SLK_OK);
    slk_db_close(other);
    slk_err ok = SLK_OK;
    assert_int_equal(slk_db_tx(f->db, add_two_and_fail, &ok, NULL), SLK_OK);
}

static slk_err add_and_die(slk_db *db, void *context, slk_error *error)
{
    (void)context;
    SLK_TRY(add_order(db, 51, "lost", error));
    _exit(0);
}

static void a_killed_writer_leaves_nothing_half(void **state)
{
    fixture *f = *state;
    pid_t child = fork();
    if (child == 0) {
        slk_db *db;
        if (slk_db_open(&db, f->where, 1000, NULL) != SLK_OK || add_order(db, 50, "kept", NULL) ||
            slk_db_tx(db, add_and_die, NULL, NULL))
            _exit(1);
        _exit(2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(number(f->db, &count_orders), 1);
}

static void migrations_are_ordered_and_guarded(void **state)
{
    fixture *f = *state;
    slk_error e = {0};
    assert_int_equal(slk_db_migrate(f->db, schema, 2, NULL), SLK_OK); /* again: nothing */
    assert_int_equal(number(f->db, &read_counter), 0);
    assert_int_equal(slk_db_migrate(f->db, schema, 1, &e), SLK_E_UNSUPPORTED);
    slk_migration other[2] = {schema[0], {2, "something else", ""}};
    assert_int_equal(slk_db_migrate(f->db, other, 2, &e), SLK_E_CONFLICT);
    slk_migration broken[3] = {
        schema[0], schema[1], {3, "broken", "INSERT INTO counter VALUES (2, 5); SELEKT;"}};
    assert_int_equal(slk_db_migrate(f->db, broken, 3, &e), SLK_E_INTERNAL);
    assert_non_null(strstr(e.message, "broken"));
    static const slk_sql rows = {"rows", "SELECT count(*) FROM counter"};
    assert_int_equal(number(f->db, &rows), 1); /* the half before the fault is undone */
    assert_int_equal(slk_db_migrate(f->db, schema, 2, NULL), SLK_OK);
}

/* One page in the middle of the file is overwritten. */
static void damage_is_found(const fixture *f)
{
    char path[128], junk[4096];
    slk_db *db = NULL;
    (void)snprintf(path, sizeof path, "%s/hurt.db", f->folder);
    memset(junk, 'x', sizeof junk);
    assert_int_equal(slk_db_open(&db, path, 0, NULL), SLK_OK);
    assert_int_equal(slk_db_migrate(db, schema, 2, NULL), SLK_OK);
    assert_int_equal(slk_db_check(db, NULL), SLK_OK);
    slk_db_close(db);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 2 * (long)sizeof junk, SEEK_SET), 0);
    assert_int_equal(fwrite(junk, sizeof junk, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(slk_db_open(&db, path, 0, NULL), SLK_OK);
    assert_int_equal(slk_db_check(db, NULL), SLK_E_CORRUPT);
    slk_db_close(db);
}

static void files_are_private_and_checked(void **state)
{
    if (place_is_server())
        return;
    fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char wal[128];
    (void)snprintf(wal, sizeof wal, "%s-wal", f->path);
    assert_int_equal(stat(wal, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char bad[128];
    (void)snprintf(bad, sizeof bad, "%s/bad.db", f->folder);
    char junk[4096];
    memset(junk, 'x', sizeof junk);
    assert_int_equal(slk_file_write_atomic(bad, junk, sizeof junk, 0600, NULL), SLK_OK);
    slk_db *db;
    assert_int_equal(slk_db_open(&db, bad, 0, NULL), SLK_E_CORRUPT);
    damage_is_found(f);
    (void)snprintf(bad, sizeof bad, "%s/none/x.db", f->folder);
    assert_int_equal(slk_db_open(&db, bad, 0, NULL), SLK_E_NOTFOUND);
    assert_int_equal(slk_db_open(&db, f->folder, 0, NULL), SLK_E_IO);
}

#define T(function) cmocka_unit_test_setup_teardown(function, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(values_round_trip),
        T(nulls_are_nulls),
        T(constraints_and_mistakes_have_codes),
        T(transactions_are_all_or_nothing),
        T(threads_share_one_handle),
        T(connections_share_one_file),
        T(a_held_lock_is_busy),
        T(a_killed_writer_leaves_nothing_half),
        T(migrations_are_ordered_and_guarded),
        T(files_are_private_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
