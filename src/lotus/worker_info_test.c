/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The literal examples of reference/lotus-worker 4.3 and 5.2. */
#include "lotus/worker_info.h"

#include "base/mem.h"
#include "codec/json.h"
#include "lotus/json_test.h"

#include <string.h>

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#define JSON(name, text) SLK_CLEANUP(slk_json_decrefp) json_t *name = test_json(text)
#define INFO                                                                             \
    "{\"Hostname\":\"w1\",\"IgnoreResources\":false,\"Resources\":{\"MemPhysical\":100," \
    "\"MemUsed\":20,\"MemSwap\":50,\"MemSwapUsed\":1,\"CPUs\":2,\"GPUs\":null,"          \
    "\"Resources\":null}}"

static void what_a_worker_is(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_worker_info info = {0};
    JSON(value, INFO);
    assert_int_equal(slk_lotus_worker_info_read(&info, value, "info", &error), SLK_OK);
    assert_true(info.machine.mem_physical == 100 && info.machine.cpus == 2 && info.table == NULL);
    test_prints(slk_lotus_worker_info_json(&info), INFO);
    assert_int_equal(slk_lotus_worker_need(&info, SLK_LOTUS_FETCH, 5).min_memory, 1 << 20);
    slk_lotus_worker_info_done(&info);
    JSON(own, "{\"Hostname\":\"w1\",\"IgnoreResources\":true,\"Resources\":{\"MemPhysical\":1,"
              "\"CPUs\":2,\"GPUs\":[\"a\"],\"Resources\":{\"seal/v0/fetch\":{\"5\":{"
              "\"MinMemory\":77}}}}}");
    assert_int_equal(slk_lotus_worker_info_read(&info, own, "info", &error), SLK_OK);
    assert_true(info.ignore_resources && info.machine.gpus.n == 1);
    assert_int_equal(slk_lotus_worker_need(&info, SLK_LOTUS_FETCH, 5).min_memory, 77);
    assert_int_equal(slk_lotus_worker_need(&info, SLK_LOTUS_FETCH, 6).min_memory, 1 << 20);
    slk_lotus_worker_info_done(&info);
    const char *const wrong[] = {
        "{\"Hostname\":\"w1\"}",
        "{\"Hostname\":\"w1\",\"Resources\":{\"CPUs\":2}}",
        "{\"Hostname\":5,\"Resources\":{\"MemPhysical\":1,\"CPUs\":2}}",
        "{\"Resources\":{\"MemPhysical\":1,\"CPUs\":1000001}}",
        "{\"Resources\":{\"MemPhysical\":1,\"CPUs\":2,\"GPUs\":[\"a\"],\"Resources\":[]}}",
        "null",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        JSON(bad, wrong[i]);
        assert_int_equal(slk_lotus_worker_info_read(&info, bad, "info", &error), SLK_E_INVAL);
        assert_ptr_equal(strstr(error.message, "info: "), error.message);
    }
}

static void what_version_a_miner_is(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_version version = {0};
    const char *const literal =
        "{\"Version\":\"1.36.2-dev\",\"APIVersion\":66816,\"BlockDelay\":30,\"Agent\":\"a\"}";
    JSON(value, literal);
    assert_int_equal(slk_lotus_version_read(&version, value, "version", &error), SLK_OK);
    assert_int_equal(version.api_version, SLK_LOTUS_MINER_API_VERSION);
    test_prints(slk_lotus_version_json(&version), literal);
    assert_int_equal(SLK_LOTUS_WORKER_API_VERSION, 1 << 16 | 7 << 8);
    assert_int_equal(SLK_LOTUS_MINER_API_VERSION, 1 << 16 | 5 << 8);
}

static void how_busy_a_worker_is(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_worker_stats stats = {.tasks = SLK_LOTUS_TASK_BIT(SLK_LOTUS_ADD_PIECE),
                                    .enabled = true,
                                    .load = {.mem_min = 7, .mem_max = 8, .threads = 1}};
    const char *const literal =
        "{\"Info\":" INFO ",\"Tasks\":[\"seal/v0/addpiece\"],\"Enabled\":true,\"MemUsedMin\":7,"
        "\"MemUsedMax\":8,\"GpuUsed\":0,\"CpuUse\":1,\"TaskCounts\":{\"5:seal/v0/addpiece\":1}}";
    JSON(info, INFO);
    assert_int_equal(slk_lotus_worker_info_read(&stats.info, info, "info", &error), SLK_OK);
    stats.load.running[SLK_LOTUS_ADD_PIECE][5] = 1;
    test_prints(slk_lotus_worker_stats_json(&stats), literal);
    slk_lotus_worker_info_done(&stats.info);
}

static void jobs(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_job job = {0};
    char text[SLK_LOTUS_JOB_STATE_CHARS];
    const char *const literal =
        "{\"ID\":{\"Sector\":{\"Miner\":1000,\"Number\":1},\"ID\":\"" UUID_A "\"},"
        "\"Sector\":{\"Miner\":1000,\"Number\":1},\"Task\":\"seal/v0/precommit/1\",\"RunWait\":0,"
        "\"Start\":\"2026-11-21T03:17:00.123Z\",\"Hostname\":\"w1\"}";
    JSON(value, literal);
    assert_int_equal(slk_lotus_job_read(&job, value, "job", &error), SLK_OK);
    assert_true(job.task == SLK_LOTUS_PRECOMMIT1 && job.start_ms == INT64_C(1795231020123));
    test_prints(slk_lotus_job_json(&job), literal);
    const struct {
        const char *text;
        int64_t ms;
    } times[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T01:00:00.5+01:00", 500},
        {"1969-12-31T23:30:00.123456789-00:30", 123},
        {"0001-01-01T00:00:00Z", INT64_C(-62135596800000)},
    };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        assert_int_equal(json_object_set_new(value, "Start", json_string(times[i].text)), 0);
        assert_int_equal(slk_lotus_job_read(&job, value, "job", &error), SLK_OK);
        assert_int_equal(job.start_ms, times[i].ms);
    }
    const char *const wrong[] = {"",
                                 "2026-11-21",
                                 "2026-11-21T03:17:00",
                                 "2026-11-21T03:17:00.Z",
                                 "2026-11-21T03:17:00+25:00",
                                 "2026-13-21T03:17:00Z",
                                 "2026-11-21T03:17:00Zx"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(json_object_set_new(value, "Start", json_string(wrong[i])), 0);
        assert_int_equal(slk_lotus_job_read(&job, value, "job", &error), SLK_E_INVAL);
        assert_ptr_equal(strstr(error.message, "job: Start: "), error.message);
    }
    const struct {
        int64_t wait;
        const char *text;
    } states[] = {{-3, "ret-done"}, {-2, "returned"},   {-1, "ret-wait"},   {0, "running"},
                  {1, "prepared"},  {2, "assigned(1)"}, {5, "assigned(4)"}, {-4, "unknown(-4)"}};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        slk_lotus_job_state(text, states[i].wait);
        assert_string_equal(text, states[i].text);
    }
}

static void queue(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_lotus_waiting waiting = {0};
    slk_lotus_strings windows = {0};
    const char *const literal =
        "{\"Sector\":{\"Miner\":1000,\"Number\":1},\"TaskType\":\"seal/v0/precommit/1\","
        "\"Priority\":9,\"SchedId\":\"" UUID_A "\"}";
    JSON(value, literal);
    assert_int_equal(slk_lotus_waiting_read(&waiting, value, "request", &error), SLK_OK);
    assert_int_equal(slk_lotus_strings_add(&windows, UUID_B), SLK_OK);
    SLK_CLEANUP(slk_freep)
    char *all = slk_strf("{\"SchedInfo\":{\"Requests\":[%s],\"OpenWindows\":[\"" UUID_B
                         "\"]},\"ReturnedWork\":null,\"Waiting\":null,\"CallToWork\":{},"
                         "\"EarlyRet\":null}",
                         literal);
    test_prints(slk_lotus_sched_diag_json(&waiting, 1, &windows), all);
    slk_lotus_strings_done(&windows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_worker_is),
        cmocka_unit_test(what_version_a_miner_is),
        cmocka_unit_test(how_busy_a_worker_is),
        cmocka_unit_test(jobs),
        cmocka_unit_test(queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
