/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ten thousand random histories of deliveries and payments, in each of which the process dies by SIGKILL at
 * some moment and another goes on: in the end each delivery is charged once, and each charge has its
 * delivery. Another process, so that what it had open is really gone. */
#include "service/ledger.h"

#include "base/file.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOOKS 50u /* databases, one after the other */
#define DEATHS 200u /* in each */
#define CUSTOMERS 3u
#define STEPS_AT_ONCE 40u /* of one life, at most */

static const slk_sql make_table = {
    "history.table",
    "CREATE TABLE delivery (step BIGINT PRIMARY KEY, customer_id BIGINT NOT NULL)"};
static const slk_sql deliver = {"history.deliver",
                                "INSERT INTO delivery (step, customer_id) VALUES ($1, $2)"};
static const slk_sql last = {"history.last", "SELECT COALESCE(max(step), 0) FROM delivery"};
static const slk_sql delivered = {"history.delivered",
                                  "SELECT count(*) FROM delivery WHERE customer_id = $1"};
static const slk_sql charged = {"history.charged", "SELECT count(*) FROM service_ledger"
                                                   " WHERE customer_id = $1"};
static const slk_sql orphans = {
    "history.orphans",
    "SELECT count(*) FROM delivery d WHERE NOT EXISTS (SELECT 1 FROM service_ledger l WHERE"
    " l.customer_id = d.customer_id AND l.reference = CAST(d.step AS TEXT))"};

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static slk_err open_book(slk_db **ret, const char *path)
{
    size_t n;
    const slk_migration *list = slk_seal_migrations(&n);
    SLK_TRY(slk_db_open(ret, path, 5000, NULL));
    return slk_db_migrate(*ret, list, n, NULL);
}

/* ---- one step: a delivery and what it costs, or a payment ---- */

struct step {
    int64_t number;
    const slk_signing_key *key;
};

static slk_err step_body(slk_db *db, void *context, slk_error *error)
{
    const struct step *s = context;
    uint64_t seed = (uint64_t)s->number; /* the same step is the same in each life */
    char reference[32];
    slk_ledger_entry entry;
    bool is_new = false;
    const bool pays = next(&seed) % 4 == 0;
    (void)snprintf(reference, sizeof reference, "%lld", (long long)s->number);
    const slk_ledger_posting posting = {
        .customer_id = 1 + (int64_t)(next(&seed) % CUSTOMERS),
        .at_ms = s->number,
        .kind = pays ? SLK_LEDGER_PAYMENT : SLK_LEDGER_CHARGE,
        .item = pays ? SLK_ITEM_MONEY : SLK_ITEM_SECTOR,
        .order_id = "",
        .quantity = 1 + next(&seed) % 3,
        .unit = {slk_bigint_from_u64(next(&seed) % 1000), false},
        .currency = "EUR",
        .reference = reference,
        .note = "",
    };
    slk_ledger_posting signed_posting = posting;
    if (pays)
        signed_posting.unit = slk_money_minus(&posting.unit);
    SLK_TRY(slk_ledger_post(&entry, &is_new, db, s->key, &signed_posting, error));
    if (!is_new)
        return SLK_OK;
    return slk_sql_run(db, &deliver, SLK_ARGS(slk_arg_i(s->number), slk_arg_i(posting.customer_id)),
                       NULL, error);
}

/* A life: goes on after the last step, and repeats that one as somebody would who does not know whether it
 * was done. */
static void live(const char *path, const slk_signing_key *key)
{
    slk_db *db = NULL;
    int64_t done = 0;
    if (open_book(&db, path) != SLK_OK || slk_sql_number(&done, db, &last, NULL, 0, NULL) != SLK_OK)
        _exit(1);
    for (int64_t i = done > 0 ? done : 1; i < done + STEPS_AT_ONCE; i++) {
        struct step step = {i, key};
        if (slk_db_tx(db, step_body, &step, NULL) != SLK_OK)
            _exit(2);
    }
    _exit(0);
}

static void die(const char *path, const slk_signing_key *key, uint64_t *seed, unsigned *killed)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        live(path, key);
    (void)usleep(
        (useconds_t)(next(seed) % 6000)); /* the moment of death, not a wait for anything */
    (void)kill(pid, SIGKILL);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    *killed += WIFSIGNALED(status) ? 1 : 0;
}

static int64_t number(slk_db *db, const slk_sql *sql, int64_t customer)
{
    int64_t n = -1;
    assert_int_equal(slk_sql_number(&n, db, sql, SLK_ARGS(slk_arg_i(customer)), NULL), SLK_OK);
    return n;
}

static int64_t check_book(const char *path, const slk_ledger_keys *keys)
{
    slk_db *db = NULL;
    int64_t steps = 0, sum = 0, lost = -1;
    assert_int_equal(open_book(&db, path), SLK_OK);
    assert_int_equal(slk_sql_number(&steps, db, &last, NULL, 0, NULL), SLK_OK);
    assert_int_equal(slk_sql_number(&lost, db, &orphans, NULL, 0, NULL), SLK_OK);
    assert_int_equal(lost, 0);
    for (int64_t c = 1; c <= (int64_t)CUSTOMERS; c++) {
        uint64_t n = 0;
        assert_int_equal(slk_ledger_check_all(&n, db, c, keys, NULL), SLK_OK);
        assert_int_equal(n, number(db, &charged, c));
        assert_int_equal(n, number(db, &delivered, c));
        sum += (int64_t)n;
    }
    assert_int_equal(sum, steps); /* none was skipped */
    slk_db_close(db);
    return steps;
}

static void test_histories(void **state)
{
    (void)state;
    const uint8_t secret[32] = {5};
    uint8_t public[1][32];
    uint64_t seed = 11;
    unsigned killed = 0;
    int64_t steps = 0;
    slk_signing_key *key = NULL;
    char folder[64];
    (void)snprintf(folder, sizeof folder, "%s/slk_history_test.XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(slk_signing_key_new(&key, secret, NULL), SLK_OK);
    slk_signing_public(public[0], key);
    const slk_ledger_keys keys = {(const uint8_t(*)[32]) public, 1};
    for (unsigned b = 0; b < BOOKS; b++) {
        char path[96];
        slk_db *db = NULL;
        (void)snprintf(path, sizeof path, "%s/%u.db", folder, b);
        assert_int_equal(open_book(&db, path), SLK_OK);
        assert_int_equal(slk_db_run(db, &make_table, NULL), SLK_OK);
        slk_db_close(db);
        for (unsigned d = 0; d < DEATHS; d++)
            die(path, key, &seed, &killed);
        steps += check_book(path, &keys);
    }
    (void)printf("# %u of %u lives were killed, %lld steps were taken\n", killed, BOOKS * DEATHS,
                 (long long)steps);
    assert_true(killed > BOOKS * DEATHS / 2 && steps > BOOKS * DEATHS);
    slk_signing_key_free(key);
    assert_int_equal(slk_remove_tree(folder, NULL), SLK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
