/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/index.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define A "6f6b1d0a-7d0e-4c38-9a52-5f2c1a3f9d77"
#define B "0c1b5a52-1111-4c38-9a52-5f2c1a3f9d01"
#define KIB2 2048u

static slk_farm_index *new_index(void)
{
    slk_farm_index *index = NULL;
    assert_int_equal(slk_farm_index_new(&index, NULL), SLK_OK);
    return index;
}

static void attach(slk_farm_index *index, const char *id, const char *url, uint64_t weight,
                   bool can_seal, int64_t available)
{
    slk_lotus_path path = {.weight = weight, .can_seal = can_seal, .can_store = !can_seal};
    slk_error error = {0};
    (void)snprintf(path.id, sizeof path.id, "%s", id);
    assert_int_equal(slk_lotus_strings_add(&path.urls, url), SLK_OK);
    const slk_lotus_fs_stat stat = {.capacity = 1 << 30, .available = available};
    assert_int_equal(slk_farm_index_attach(index, &path, &stat, 1000, &error), SLK_OK);
    slk_lotus_path_done(&path);
}

static const slk_lotus_sector one = {1000, 1};

static void found_where_declared(void **state)
{
    (void)state;
    slk_farm_index *index = new_index();
    slk_lotus_places places;
    slk_error error = {0};
    attach(index, A, "http://10.0.0.1:3456/remote", 10, true, 1 << 20);
    attach(index, B, "http://10.0.0.2:3456/remote", 3, true, 1 << 20);
    assert_int_equal(slk_farm_index_find(&places, index, &one, 1, KIB2, false, 1000, &error),
                     SLK_OK);
    assert_int_equal(places.n, 0); /* unknown: none */
    slk_lotus_places_done(&places);
    assert_int_equal(slk_farm_index_declare(index, A, &one, SLK_LOTUS_SEALED, false, &error),
                     SLK_OK);
    assert_int_equal(slk_farm_index_declare(index, A, &one, SLK_LOTUS_CACHE, true, &error), SLK_OK);
    assert_int_equal(slk_farm_index_on(index, A, &one), 6);
    assert_int_equal(slk_farm_index_on(index, B, &one), 0);
    assert_int_equal(slk_farm_index_find(&places, index, &one, 6, KIB2, true, 1000, &error),
                     SLK_OK);
    assert_int_equal(places.n, 2);
    assert_string_equal(places.item[0].id, A);
    assert_int_equal(places.item[0].weight, 20); /* two types */
    assert_false(places.item[0].primary); /* the sealed file is a copy */
    assert_string_equal(places.item[0].base_urls.item[0], "http://10.0.0.1:3456/remote");
    assert_string_equal(places.item[0].urls.item[0],
                        "http://10.0.0.1:3456/remote/sealed/s-t01000-1");
    assert_string_equal(places.item[1].id, B); /* might fetch it */
    assert_int_equal(places.item[1].weight, 0);
    slk_lotus_places_done(&places);
    slk_farm_index_drop(index, A, &one, SLK_LOTUS_SEALED);
    assert_int_equal(slk_farm_index_on(index, A, &one), SLK_LOTUS_CACHE);
    slk_farm_index_drop(index, A, &one, SLK_LOTUS_CACHE | SLK_LOTUS_UNSEALED);
    assert_int_equal(slk_farm_index_on(index, A, &one), 0);
    assert_int_equal(slk_farm_index_declare(index, "nowhere", &one, 1, false, &error),
                     SLK_E_NOTFOUND);
    slk_farm_index_free(index);
}

static void the_best_has_most_room_times_weight(void **state)
{
    (void)state;
    slk_farm_index *index = new_index();
    slk_lotus_path *list = NULL;
    size_t n = 0;
    slk_error error = {0};
    /* 2 KiB: sealed and cache need 30924 bytes. source: reference/lotus-worker 6.4 */
    attach(index, A, "http://a/remote", 10, true, 30924);
    attach(index, B, "http://b/remote", 1, true, 400000);
    assert_int_equal(
        slk_farm_index_best(&list, &n, index, 6, KIB2, SLK_LOTUS_PATH_SEALING, 1000, 2000, &error),
        SLK_OK);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].id, B); /* 400000 is more than 309240 */
    slk_lotus_path_done(&list[0]);
    slk_lotus_path_done(&list[1]);
    slk_free(list);
    assert_int_equal(slk_farm_index_takes(index, A, 6, KIB2, 1000, 2000, 1), 1);
    assert_int_equal(slk_farm_index_takes(index, A, 7, KIB2, 1000, 2000, 1), 0);
    /* No path may store; after 50 s without a report none counts. */
    assert_int_equal(
        slk_farm_index_best(&list, &n, index, 6, KIB2, SLK_LOTUS_PATH_STORAGE, 1000, 2000, &error),
        SLK_E_NOTFOUND);
    assert_string_equal(error.message, "no good path found");
    assert_int_equal(slk_farm_index_takes(index, A, 6, KIB2, 1000, 51000, 1), 1);
    assert_int_equal(slk_farm_index_takes(index, A, 6, KIB2, 1000, 51001, 1), 0);
    slk_lotus_health health = {.stat = {.available = 30924}};
    assert_int_equal(slk_farm_index_report(index, A, &health, 60000, &error), SLK_OK);
    assert_int_equal(slk_farm_index_takes(index, A, 6, KIB2, 1000, 60001, 1), 1);
    slk_lotus_fs_stat stat = {0};
    assert_int_equal(slk_farm_index_stat(&stat, index, A, &error), SLK_OK);
    assert_int_equal(stat.available, 30924);
    assert_int_equal(slk_farm_index_stat(&stat, index, "nobody", &error), SLK_E_NOTFOUND);
    (void)snprintf(health.problem, sizeof health.problem, "the disk is gone");
    assert_int_equal(slk_farm_index_report(index, A, &health, 60000, &error), SLK_OK);
    assert_int_equal(slk_farm_index_takes(index, A, 6, KIB2, 1000, 60001, 1), 0);
    slk_farm_index_free(index);
}

static void paths_come_and_go(void **state)
{
    (void)state;
    slk_farm_index *index = new_index();
    slk_lotus_path path;
    slk_error error = {0};
    attach(index, A, "http://a/remote", 10, true, 1 << 20);
    attach(index, A, "http://b/remote", 20, true, 5);
    assert_int_equal(slk_farm_index_path(&path, index, A, &error), SLK_OK);
    assert_int_equal(path.urls.n, 2);
    assert_int_equal(path.weight, 20);
    slk_lotus_path_done(&path);
    assert_int_equal(slk_farm_index_takes(index, A, 6, KIB2, 1, 1000, 1),
                     1); /* the stat is the first one's */
    for (uint64_t i = 0; i < 3000; i++) {
        const slk_lotus_sector sector = {1000 + i % 7, i};
        assert_int_equal(slk_farm_index_declare(index, A, &sector, 4, true, &error), SLK_OK);
    }
    for (uint64_t i = 0; i < 3000; i++) {
        const slk_lotus_sector sector = {1000 + i % 7, i};
        assert_int_equal(slk_farm_index_on(index, A, &sector), 4);
    }
    json_t *list = slk_farm_index_list(index);
    assert_int_equal(json_array_size(json_object_get(list, A)), 3000);
    json_decref(list);
    assert_int_equal(slk_farm_index_detach(index, A, "http://c/remote", &error), SLK_E_NOTFOUND);
    assert_int_equal(slk_farm_index_detach(index, A, "http://a/remote", &error), SLK_OK);
    assert_int_equal(slk_farm_index_on(index, A, &(slk_lotus_sector){1000, 0}), 4);
    assert_int_equal(slk_farm_index_detach(index, A, "http://b/remote", &error), SLK_OK);
    assert_int_equal(slk_farm_index_path(&path, index, A, &error), SLK_E_NOTFOUND);
    assert_string_equal(error.message, "sector store not found");
    assert_int_equal(slk_farm_index_on(index, A, &(slk_lotus_sector){1000, 0}), 0);
    slk_farm_index_free(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_where_declared),
        cmocka_unit_test(the_best_has_most_room_times_weight),
        cmocka_unit_test(paths_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
