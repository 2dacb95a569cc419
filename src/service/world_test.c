/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/world_test.h"

#include "base/file.h"
#include "db/place_test.h"
#include "seal/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

int world_make(void **state)
{
    world *w = calloc(1, sizeof *w);
    char where[PLACE_CHARS];
    const uint8_t secret[32] = {9};
    size_t n;
    const slk_migration *list = slk_seal_migrations(&n);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/slk_service_test.XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->path, sizeof w->path, "%s/node.db", w->folder);
    place_make(where, w->path);
    assert_int_equal(slk_db_open(&w->db, where, 5000, NULL), SLK_OK);
    assert_int_equal(slk_db_migrate(w->db, list, n, NULL), SLK_OK);
    assert_int_equal(slk_signing_key_new(&w->key, secret, NULL), SLK_OK);
    slk_signing_public(w->public[0], w -> key);
    w->keys = (slk_ledger_keys){(const uint8_t(*)[32])w->public, 1};
    *state = w;
    return 0;
}

int world_unmake(void **state)
{
    world *w = *state;
    slk_signing_key_free(w->key);
    slk_db_close(w->db);
    place_drop(w->path);
    assert_int_equal(slk_remove_tree(w->folder, NULL), SLK_OK);
    free(w);
    return 0;
}

void world_balance_is(world *w, int64_t customer_id, const char *want)
{
    slk_money balance;
    char text[SLK_MONEY_CHARS];
    uint64_t n = 0;
    assert_int_equal(slk_ledger_balance(&balance, w->db, customer_id, NULL), SLK_OK);
    slk_money_print(text, &balance);
    assert_string_equal(text, want);
    assert_int_equal(slk_ledger_check_all(&n, w->db, customer_id, &w->keys, NULL), SLK_OK);
}
