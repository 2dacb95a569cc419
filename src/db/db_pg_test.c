/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What only a server can do to us: conflicts, lost and stalled connections. */
#include "base/clock.h"
#include "base/mem.h"
#include "db/db.h"
#include "db/place_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const slk_migration schema[] = {
    {1, "first",
     "CREATE TABLE place (id INTEGER PRIMARY KEY, who BIGINT NOT NULL);"
     "CREATE TABLE counter (id BIGINT PRIMARY KEY, n BIGINT NOT NULL);"
     "INSERT INTO counter VALUES (1, 0);"},
};
static const slk_sql count_places = {"place.count", "SELECT count(*) FROM place"};
static const slk_sql insert_place = {"place.insert", "INSERT INTO place (who) VALUES ($1)"};
static const slk_sql count_up = {"counter.up", "UPDATE counter SET n = n + 1 WHERE id = 1"};
static const slk_sql read_counter = {"counter.read", "SELECT n FROM counter WHERE id = 1"};
static const slk_sql own_pid = {"pid", "SELECT pg_backend_pid()"};
static const slk_sql kill_others = {
    "kill", "SELECT count(pg_terminate_backend(pid, 2000)) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND application_name = 'selkie'"};

#define BUSY_MS 300

typedef struct fixture {
    char path[96];
    char where[PLACE_CHARS];
    slk_db *db;
    slk_db *other;
} fixture;

static int make(void **state)
{
    static int made;
    fixture *f = calloc(1, sizeof *f);
    (void)snprintf(f->path, sizeof f->path, "db_pg_%d_%d", (int)getpid(), made++);
    assert_true(place_is_server());
    place_make(f->where, f->path);
    assert_int_equal(slk_db_open(&f->db, f->where, BUSY_MS, NULL), SLK_OK);
    assert_int_equal(slk_db_open(&f->other, f->where, BUSY_MS, NULL), SLK_OK);
    assert_int_equal(slk_db_migrate(f->db, schema, 1, NULL), SLK_OK);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    slk_db_close(f->db);
    slk_db_close(f->other);
    place_drop(f->path);
    free(f);
    return 0;
}

static int64_t number(slk_db *db, const slk_sql *sql)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    slk_error e = {0};
    if (slk_query_init(&q, db, sql, &e) != SLK_OK || slk_query_step(&q, &row, &e) != SLK_OK)
        fail_msg("%s", e.message);
    assert_true(row);
    return slk_column_i64(&q, 0);
}

static slk_err take_place(slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_query_init(&q, db, &insert_place, error));
    slk_bind_i64(&q, 1, 1);
    return slk_query_run(&q, error);
}

/* ---- isolation ---- */

/* Room for ten: right only when the count is still true at COMMIT. */
static slk_err take_if_room(slk_db *db, void *context, slk_error *error)
{
    (void)context;
    return number(db, &count_places) < 10 ? take_place(db, error) : SLK_OK;
}

static void *crowd(void *context)
{
    slk_db *db;
    if (slk_db_open(&db, context, 3000, NULL) != SLK_OK)
        return context;
    slk_err code = SLK_OK;
    for (int i = 0; i < 8 && code == SLK_OK; i++)
        code = slk_db_tx(db, take_if_room, NULL, NULL);
    slk_db_close(db);
    return code == SLK_OK ? NULL : context;
}

static void the_last_place_is_given_once(void **state)
{
    fixture *f = *state;
    pthread_t threads[6];
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crowd, f->where), 0);
    for (int i = 0; i < 6; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(number(f->db, &count_places), 10);
}

static void *migrate(void *context)
{
    slk_db *db;
    if (slk_db_open(&db, context, 3000, NULL) != SLK_OK)
        return context;
    static const slk_migration more[] = {
        {1, "first", ""},
        {2, "second", "CREATE TABLE second (id INTEGER PRIMARY KEY, n BIGINT);"},
        {3, "third", "CREATE TABLE third (id INTEGER PRIMARY KEY, n BIGINT);"},
    };
    slk_error e = {0};
    slk_err code = slk_db_migrate(db, more, 3, &e);
    if (code != SLK_OK)
        (void)fprintf(stderr, "%s\n", e.message);
    slk_db_close(db);
    return code == SLK_OK ? NULL : context;
}

static void nodes_that_start_at_once_migrate_once(void **state)
{
    fixture *f = *state;
    pthread_t threads[6];
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, migrate, f->where), 0);
    for (int i = 0; i < 6; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    static const slk_sql versions = {"versions", "SELECT count(*) FROM schema_migrations"};
    assert_int_equal(number(f->db, &versions), 3);
}

/* ---- waiting ---- */

static slk_err hold_and_try(slk_db *db, void *context, slk_error *error)
{
    fixture *f = context;
    SLK_TRY(slk_db_run(db, &count_up, error));
    int64_t start_ms = slk_clock_monotonic_ms();
    slk_error e = {0};
    assert_int_equal(slk_db_run(f->other, &count_up, &e), SLK_E_BUSY);
    assert_non_null(strstr(e.message, "counter.up"));
    assert_true(slk_clock_monotonic_ms() - start_ms < 4 * BUSY_MS);
    assert_int_equal(number(f->other, &read_counter), 0); /* readers do not wait */
    return SLK_OK;
}

static void a_locked_row_is_busy_and_readable(void **state)
{
    fixture *f = *state;
    assert_int_equal(slk_db_tx(f->db, hold_and_try, f, NULL), SLK_OK);
    assert_int_equal(number(f->other, &read_counter), 1);
}

/* The server's process for that connection stands still: bounded, and a read goes on elsewhere. */
static void a_stalled_server_is_given_up(void **state)
{
    fixture *f = *state;
    pid_t pid = (pid_t)number(f->db, &own_pid);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    int64_t start_ms = slk_clock_monotonic_ms();
    assert_int_equal(number(f->db, &read_counter), 0);
    assert_true(slk_clock_monotonic_ms() - start_ms >= BUSY_MS);
    pid_t second = (pid_t)number(f->db, &own_pid);
    assert_int_equal(kill(second, SIGSTOP), 0);
    slk_error e = {0};
    assert_int_equal(slk_db_run(f->db, &count_up, &e), SLK_E_UNREACHABLE);
    assert_non_null(strstr(e.message, "not known"));
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(kill(second, SIGCONT), 0);
}

/* ---- lost connections ---- */

static slk_err count_in_tx(slk_db *db, void *context, slk_error *error)
{
    (void)context;
    return slk_db_run(db, &count_up, error);
}

static void a_restarted_server_costs_no_statement(void **state)
{
    fixture *f = *state;
    assert_int_equal(slk_db_tx(f->db, count_in_tx, NULL, NULL), SLK_OK);
    assert_int_equal(slk_db_run(f->db, &count_up, NULL), SLK_OK);
    (void)number(f->other, &kill_others);
    assert_int_equal(slk_db_run(f->db, &count_up, NULL), SLK_OK);
    (void)number(f->other, &kill_others);
    assert_int_equal(slk_db_tx(f->db, count_in_tx, NULL, NULL), SLK_OK);
    assert_int_equal(number(f->db, &read_counter), 4);
}

struct lossy {
    fixture *f;
    int runs;
};

static slk_err lose_once(slk_db *db, void *context, slk_error *error)
{
    struct lossy *l = context;
    SLK_TRY(slk_db_run(db, &count_up, error));
    if (l->runs++ == 0)
        (void)number(l->f->other, &kill_others);
    return slk_db_run(db, &count_up, error);
}

static void a_body_whose_connection_is_lost_runs_again(void **state)
{
    fixture *f = *state;
    struct lossy l = {f, 0};
    assert_int_equal(slk_db_tx(f->db, lose_once, &l, NULL), SLK_OK);
    assert_int_equal(l.runs, 2);
    assert_int_equal(number(f->db, &read_counter), 2);
}

/* A trigger that ends the connection from within COMMIT. */
static const slk_migration trap[] = {
    {1, "first", ""},
    {2, "trap",
     "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM"
     " pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;"
     "CREATE CONSTRAINT TRIGGER trap AFTER UPDATE ON counter DEFERRABLE INITIALLY DEFERRED"
     " FOR EACH ROW EXECUTE FUNCTION die();"},
};

static slk_err count_runs(slk_db *db, void *context, slk_error *error)
{
    (*(int *)context)++;
    return slk_db_run(db, &count_up, error);
}

static void lost_at_commit_is_said_to_be_unknown(void **state)
{
    fixture *f = *state;
    assert_int_equal(slk_db_migrate(f->db, trap, 2, NULL), SLK_OK);
    int runs = 0;
    slk_error e = {0};
    assert_int_equal(slk_db_tx(f->db, count_runs, &runs, &e), SLK_E_UNREACHABLE);
    assert_non_null(strstr(e.message, "COMMIT"));
    assert_int_equal(runs, 1); /* never repeated by itself */
}

static slk_err go_on_after_refusal(slk_db *db, void *context, slk_error *error)
{
    (void)context;
    static const slk_sql again = {"counter.insert", "INSERT INTO counter VALUES (1, 7)"};
    assert_int_equal(slk_db_run(db, &again, error), SLK_E_EXISTS);
    assert_int_equal(slk_db_run(db, &count_up, error), SLK_E_EXISTS);
    return SLK_OK;
}

static void a_refusal_ends_the_transaction(void **state)
{
    fixture *f = *state;
    assert_int_equal(slk_db_tx(f->db, go_on_after_refusal, NULL, NULL), SLK_E_EXISTS);
    assert_int_equal(number(f->db, &read_counter), 0);
    assert_int_equal(slk_db_tx(f->db, count_in_tx, NULL, NULL), SLK_OK);
}

/* ---- statements the server keeps ---- */

static slk_err read_in_tx(slk_db *db, void *context, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    SLK_TRY(slk_query_init(&q, db, &read_counter, error));
    SLK_TRY(slk_query_step(&q, &row, error));
    assert_true(row);
    *(int64_t *)context = slk_column_i64(&q, 0);
    return SLK_OK;
}

static void kept_statements_outlive_changes(void **state)
{
    fixture *f = *state;
    static const slk_sql changes[] = {
        {"narrow", "ALTER TABLE counter ALTER COLUMN n TYPE INTEGER"},
        {"widen", "ALTER TABLE counter ALTER COLUMN n TYPE BIGINT"},
        {"forget", "DEALLOCATE ALL"},
    };
    int64_t n = 0, expected = 0;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        for (int k = 0; k < 4; k++) {
            assert_int_equal(slk_db_run(f->db, &count_up, NULL), SLK_OK);
            assert_int_equal(number(f->db, &read_counter), ++expected);
            assert_int_equal(slk_db_tx(f->db, read_in_tx, &n, NULL), SLK_OK);
            assert_int_equal(n, expected);
        }
        assert_int_equal(slk_db_run(f->db, &changes[i], NULL), SLK_OK);
    }
    assert_int_equal(number(f->db, &read_counter), expected);
    assert_int_equal(slk_db_run(f->db, &count_up, NULL), SLK_OK);
    assert_int_equal(slk_db_tx(f->db, read_in_tx, &n, NULL), SLK_OK);
    assert_int_equal(n, expected + 1);
}

/* A parameter that is NULL once and a number then, of one statement. */
static void kept_statements_know_their_types(void **state)
{
    fixture *f = *state;
    static const slk_sql pick = {"pick", "SELECT coalesce($1, -1)"};
    for (int i = 0; i < 8; i++) {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        bool row = false;
        assert_int_equal(slk_query_init(&q, f->db, &pick, NULL), SLK_OK);
        if (i % 4 < 2)
            slk_bind_null(&q, 1);
        else
            slk_bind_i64(&q, 1, INT64_MAX - i);
        assert_int_equal(slk_query_step(&q, &row, NULL), SLK_OK);
        assert_int_equal(slk_column_i64(&q, 0), i % 4 < 2 ? -1 : INT64_MAX - i);
    }
}

#define ALIKE 100u

static void read_kept(char out[33], slk_db *db)
{
    static const slk_sql kept = {
        "kept", "SELECT md5(string_agg(name || statement, ' ' ORDER BY name)) FROM"
                " pg_prepared_statements WHERE statement LIKE 'SELECT % AS alike'"};
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    assert_int_equal(slk_query_init(&q, db, &kept, NULL), SLK_OK);
    assert_int_equal(slk_query_step(&q, &row, NULL), SLK_OK);
    const char *digest = slk_column_text(&q, 0);
    assert_non_null(digest);
    (void)snprintf(out, 33, "%s", digest);
}

/* A pool may give one node the connection on which another one kept its statements: the same name must
 * not stand for two of them, in whatever order each node came to run them. */
static void kept_statements_are_named_by_what_they_are(void **state)
{
    fixture *f = *state;
    char text[ALIKE][32], ours[33], theirs[33];
    for (unsigned i = 0; i < ALIKE; i++)
        (void)snprintf(text[i], sizeof text[i], "SELECT %u AS alike", i);
    for (unsigned i = 0; i < 2 * ALIKE; i++) {
        const slk_sql up = {"up", text[i % ALIKE]}, down = {"down", text[ALIKE - 1 - i % ALIKE]};
        assert_int_equal(number(f->db, &up), i % ALIKE);
        assert_int_equal(number(f->other, &down), ALIKE - 1 - i % ALIKE);
    }
    read_kept(ours, f->db);
    read_kept(theirs, f->other);
    assert_string_equal(ours, theirs);
}

/* ---- the rest ---- */

static void a_password_is_never_printed(void **state)
{
    (void)state;
    static const char *const url[] = {
        "postgresql://someone:canary@127.0.0.1:1/x",
        "postgresql://someone:canary@127.0.0.1:port/x",
        "postgres://someone@127.0.0.1:1/x?password=canary",
        "postgres://someone@127.0.0.1:1/x?password=canary&canary",
    };
    for (size_t i = 0; i < sizeof url / sizeof *url; i++) {
        slk_db *db;
        slk_error e = {0};
        assert_int_not_equal(slk_db_open(&db, url[i], 50, &e), SLK_OK);
        assert_null(strstr(e.message, "canary"));
        assert_int_not_equal(strlen(e.message), 0);
    }
}

static void the_clock_is_the_servers(void **state)
{
    fixture *f = *state;
    int64_t first, second;
    assert_int_equal(slk_db_now_ms(&first, f->db, NULL), SLK_OK);
    assert_true(llabs(first - slk_clock_wall_ms()) < 2000);
    (void)number(f->other, &kill_others);
    assert_int_equal(slk_db_now_ms(&second, f->db, NULL), SLK_OK);
    assert_true(second >= first && second - first < 2000);
}

#define T(function) cmocka_unit_test_setup_teardown(function, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_last_place_is_given_once),
        T(nodes_that_start_at_once_migrate_once),
        T(a_locked_row_is_busy_and_readable),
        T(a_stalled_server_is_given_up),
        T(a_restarted_server_costs_no_statement),
        T(a_body_whose_connection_is_lost_runs_again),
        T(lost_at_commit_is_said_to_be_unknown),
        T(a_refusal_ends_the_transaction),
        T(kept_statements_outlive_changes),
        T(kept_statements_know_their_types),
        T(kept_statements_are_named_by_what_they_are),
        T(a_password_is_never_printed),
        T(the_clock_is_the_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
