/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/peaks.h"

#include "base/file.h"
#include "seal/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GIB (UINT64_C(1) << 30)
#define PC1 SLK_LOTUS_PRECOMMIT1
#define P32 8 /* 32 GiB */

static void a_peak_raises_what_the_table_says(void **state)
{
    (void)state;
    const slk_lotus_need table = slk_lotus_need_builtin(PC1, P32); /* 56, 64 GiB and 10 MiB */
    slk_lotus_need need, own = table;
    assert_int_equal(slk_farm_need_of(&need, &table, PC1, P32, 0, 128 * GIB), SLK_FARM_OF_TABLE);
    assert_int_equal(slk_farm_need_of(&need, &table, PC1, P32, 50 * GIB, 128 * GIB),
                     SLK_FARM_OF_TABLE); /* it may have been lucky */
    assert_int_equal(need.min_memory, 56 * GIB);
    assert_int_equal(slk_farm_need_of(&need, &table, PC1, P32, 70 * GIB, 128 * GIB),
                     SLK_FARM_OF_MEASURE);
    assert_int_equal(need.min_memory + need.base_min_memory, 70 * GIB);
    assert_int_equal(need.max_memory, need.min_memory);
    assert_int_equal(slk_farm_need_of(&need, &table, PC1, P32, 60 * GIB, 128 * GIB),
                     SLK_FARM_OF_MEASURE);
    assert_int_equal(need.max_memory, 64 * GIB);
    /* Whatever a worker says, the machine is not too small for it alone. */
    assert_int_equal(slk_farm_need_of(&need, &table, PC1, P32, 1000 * GIB, 128 * GIB),
                     SLK_FARM_OF_MEASURE);
    assert_int_equal(need.min_memory + need.base_min_memory, 128 * GIB);
    own.min_memory = 40 * GIB; /* an operator knows better */
    assert_int_equal(slk_farm_need_of(&need, &own, PC1, P32, 70 * GIB, 128 * GIB),
                     SLK_FARM_OF_OVERRIDE);
    assert_int_equal(need.min_memory, 40 * GIB);
    const slk_lotus_need free = slk_lotus_need_builtin(SLK_LOTUS_FINALIZE, P32);
    assert_int_equal(slk_farm_need_of(&need, &free, SLK_LOTUS_FINALIZE, P32, GIB, 128 * GIB),
                     SLK_FARM_OF_TABLE);
    assert_int_equal(need.min_memory, 0);
}

static bool read_peaks(slk_farm_peaks *peaks, const char *text)
{
    bool more = false;
    json_t *list = json_loads(text, 0, NULL);
    assert_int_equal(slk_farm_peaks_read(peaks, &more, list, NULL), SLK_OK);
    json_decref(list);
    return more;
}

static void the_most_is_kept(void **state)
{
    (void)state;
    char folder[] = "/tmp/selkie-peaks-XXXXXX", path[64];
    slk_db *db = NULL;
    size_t n;
    slk_farm_peaks peaks = {0}, again = {0}, other = {0};
    slk_error error = {0};
    bool more;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/db", folder);
    assert_int_equal(slk_db_open(&db, path, 0, NULL), SLK_OK);
    const slk_migration *list = slk_seal_migrations(&n);
    assert_int_equal(slk_db_migrate(db, list, n, NULL), SLK_OK);
    assert_true(read_peaks(&peaks, "[{\"Task\":\"seal/v0/precommit/1\",\"Proof\":8,\"Bytes\":700},"
                                   "{\"Task\":\"seal/v9/none\",\"Proof\":8,\"Bytes\":7},"
                                   "{\"Task\":\"seal/v0/commit/2\",\"Proof\":99,\"Bytes\":7},"
                                   "{\"Task\":\"seal/v0/commit/2\",\"Proof\":5,\"Bytes\":-7},"
                                   "{\"Task\":7}, 7]"));
    assert_int_equal(peaks.bytes[PC1][P32], 700);
    assert_int_equal(slk_farm_peaks_store(&peaks, db, "alpha", &error), SLK_OK);
    assert_false(
        read_peaks(&peaks, "[{\"Task\":\"seal/v0/precommit/1\",\"Proof\":8,\"Bytes\":600}]"));
    slk_farm_peaks less = peaks;
    less.bytes[PC1][P32] = 600; /* another node that shares the database knows of less */
    assert_int_equal(slk_farm_peaks_store(&less, db, "alpha", &error), SLK_OK);
    assert_int_equal(slk_farm_peaks_load(&again, db, "alpha", &error), SLK_OK);
    assert_memory_equal(&again, &peaks, sizeof peaks);
    assert_int_equal(slk_farm_peaks_load(&other, db, "beta", &error), SLK_OK);
    assert_int_equal(other.bytes[PC1][P32], 0);
    assert_true(read_peaks(&peaks, "[{\"Task\":\"seal/v0/precommit/1\",\"Proof\":8,"
                                   "\"Bytes\":9223372036854775807}]"));
    assert_int_equal(peaks.bytes[PC1][P32], SLK_LOTUS_NEED_MAX_BYTES);
    json_t *none = json_object();
    assert_int_equal(slk_farm_peaks_read(&peaks, &more, none, &error), SLK_E_PROTO);
    json_decref(none);
    slk_db_close(db);
    assert_int_equal(slk_remove_tree(folder, NULL), SLK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peak_raises_what_the_table_says),
        cmocka_unit_test(the_most_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
