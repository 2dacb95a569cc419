/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "access/access.h"

#include "base/file.h"
#include "codec/json.h"
#include "db/place_test.h"
#include "seal/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1800000000000)
#define HOUR INT64_C(3600000)

typedef struct fixture {
    char folder[64];
    char path[96];
    slk_db *db;
} fixture;

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    char where[PLACE_CHARS];
    size_t n;
    const slk_migration *list = slk_seal_migrations(&n);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/slk_access_test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof f->path, "%s/node.db", f->folder);
    place_make(where, f->path);
    assert_int_equal(slk_db_open(&f->db, where, 5000, NULL), SLK_OK);
    assert_int_equal(slk_db_migrate(f->db, list, n, NULL), SLK_OK);
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

static void create(char token[65], fixture *f, const char *name, slk_role role, int64_t expires_ms,
                   bool once)
{
    const slk_access_grant grant = {name, role, expires_ms, once};
    assert_int_equal(slk_access_create(token, NULL, f->db, &grant, NOW, NULL), SLK_OK);
}

static void test_token(void **state)
{
    fixture *f = *state;
    char token[65], other[65], name[64];
    slk_access_who who;
    create(token, f, "grafana", SLK_ROLE_READ, 0, false);
    assert_int_equal(strlen(token), 64);
    assert_int_equal(slk_access_check(&who, f->db, token, NOW, NULL), SLK_OK);
    assert_int_equal(who.role, SLK_ROLE_READ);
    assert_string_equal(who.name, "grafana");

    const slk_access_grant again = {"grafana", SLK_ROLE_ADMIN, 0, false};
    assert_int_equal(slk_access_create(other, NULL, f->db, &again, NOW, NULL), SLK_E_EXISTS);
    const slk_access_grant bad = {"graf ana", SLK_ROLE_ADMIN, 0, false};
    assert_int_equal(slk_access_create(other, NULL, f->db, &bad, NOW, NULL), SLK_E_INVAL);
    const slk_access_grant late = {"late", SLK_ROLE_ADMIN, NOW, false};
    assert_int_equal(slk_access_create(other, NULL, f->db, &late, NOW, NULL), SLK_E_INVAL);
    const slk_access_grant unnamed = {"", SLK_ROLE_WRITE, 0, false};
    assert_int_equal(slk_access_create(other, name, f->db, &unnamed, NOW, NULL), SLK_OK);
    assert_int_equal(strncmp(name, "write-", 6), 0);

    assert_int_equal(slk_access_check(&who, f->db, NULL, NOW, NULL), SLK_E_AUTH);
    assert_int_equal(slk_access_check(&who, f->db, "", NOW, NULL), SLK_E_AUTH);
    assert_int_equal(slk_access_check(&who, f->db, "' OR 1=1 --", NOW, NULL), SLK_E_AUTH);
    token[0] = token[0] == 'a' ? 'b' : 'a';
    assert_int_equal(slk_access_check(&who, f->db, token, NOW, NULL), SLK_E_AUTH);
}

static void test_expiry(void **state)
{
    fixture *f = *state;
    char token[65], session[65];
    slk_access_who who;
    create(token, f, "short", SLK_ROLE_WRITE, NOW + HOUR, false);
    assert_int_equal(slk_access_check(&who, f->db, token, NOW + HOUR - 1, NULL), SLK_OK);
    assert_int_equal(slk_access_check(&who, f->db, token, NOW + HOUR, NULL), SLK_E_AUTH);
    /* A session ends with its token, or at the end of its own life. */
    assert_int_equal(slk_access_login(session, &who, f->db, token, 10 * HOUR, NOW, NULL), SLK_OK);
    assert_int_equal(who.expires_ms, NOW + HOUR);
    assert_int_equal(slk_access_session(&who, f->db, session, NOW + HOUR - 1, NULL), SLK_OK);
    assert_int_equal(slk_access_session(&who, f->db, session, NOW + HOUR, NULL), SLK_E_AUTH);
    assert_int_equal(slk_access_login(session, &who, f->db, token, HOUR / 2, NOW, NULL), SLK_OK);
    assert_int_equal(slk_access_session(&who, f->db, session, NOW + HOUR / 2, NULL), SLK_E_AUTH);
}

static void test_session(void **state)
{
    fixture *f = *state;
    char token[65], one[65], two[65];
    slk_access_who who;
    create(token, f, "anna", SLK_ROLE_ADMIN, 0, false);
    assert_int_equal(slk_access_login(one, &who, f->db, token, HOUR, NOW, NULL), SLK_OK);
    assert_int_equal(slk_access_login(two, &who, f->db, token, HOUR, NOW, NULL), SLK_OK);
    assert_string_not_equal(one, two);
    assert_string_not_equal(one, token);
    /* Neither is the other: a session is no token, a token no session. */
    assert_int_equal(slk_access_check(&who, f->db, one, NOW, NULL), SLK_E_AUTH);
    assert_int_equal(slk_access_session(&who, f->db, token, NOW, NULL), SLK_E_AUTH);
    assert_int_equal(slk_access_session(&who, f->db, one, NOW, NULL), SLK_OK);
    assert_int_equal(who.role, SLK_ROLE_ADMIN);
    assert_int_equal(slk_access_logout(f->db, one, NULL), SLK_OK);
    assert_int_equal(slk_access_logout(f->db, one, NULL), SLK_OK);
    assert_int_equal(slk_access_session(&who, f->db, one, NOW, NULL), SLK_E_AUTH);
    assert_int_equal(slk_access_session(&who, f->db, two, NOW, NULL), SLK_OK);
    assert_int_equal(slk_access_revoke(f->db, "anna", NULL), SLK_OK);
    assert_int_equal(slk_access_session(&who, f->db, two, NOW, NULL), SLK_E_AUTH);
    assert_int_equal(slk_access_check(&who, f->db, token, NOW, NULL), SLK_E_AUTH);
    assert_int_equal(slk_access_revoke(f->db, "anna", NULL), SLK_E_NOTFOUND);
}

struct racer {
    slk_db *db;
    const char *token;
    slk_err code;
};

static void *race(void *context)
{
    struct racer *r = context;
    char session[65];
    slk_access_who who;
    r->code = slk_access_login(session, &who, r->db, r->token, HOUR, NOW, NULL);
    return NULL;
}

static void test_once(void **state)
{
    fixture *f = *state;
    char token[65];
    slk_access_who who;
    create(token, f, "", SLK_ROLE_ADMIN, NOW + HOUR, true);
    assert_int_equal(slk_access_check(&who, f->db, token, NOW, NULL), SLK_E_AUTH);
    struct racer racers[8];
    pthread_t threads[8];
    for (unsigned i = 0; i < 8; i++) {
        racers[i] = (struct racer){f->db, token, SLK_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    unsigned in = 0;
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(racers[i].code == SLK_OK || racers[i].code == SLK_E_AUTH);
        in += racers[i].code == SLK_OK;
    }
    assert_int_equal(in, 1);
}

static void test_list(void **state)
{
    fixture *f = *state;
    char token[65], session[65];
    slk_access_who who;
    create(token, f, "bo", SLK_ROLE_READ, NOW + HOUR, false);
    assert_int_equal(slk_access_login(session, &who, f->db, token, HOUR, NOW, NULL), SLK_OK);
    json_t *list = NULL;
    assert_int_equal(slk_access_list(&list, f->db, NOW, NULL), SLK_OK);
    assert_int_equal(json_array_size(list), 1);
    const json_t *row = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(row, "role")), "read");
    assert_int_equal(json_integer_value(json_object_get(row, "sessions")), 1);
    assert_int_equal(json_integer_value(json_object_get(row, "used_ms")), NOW);
    char *text = json_dumps(list, 0);
    assert_null(strstr(text, token));
    assert_null(strstr(text, "hash"));
    free(text);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_token, make, unmake),
        cmocka_unit_test_setup_teardown(test_expiry, make, unmake),
        cmocka_unit_test_setup_teardown(test_session, make, unmake),
        cmocka_unit_test_setup_teardown(test_once, make, unmake),
        cmocka_unit_test_setup_teardown(test_list, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
