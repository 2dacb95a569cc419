/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tasks done by a process of their own, which here is this test with a prover that answers, fails, waits
 * or crashes as the sector's number says. How often it did what is counted in files. */
#include "app/compute.h"

#include "app/compute_serve.h"
#include "app/compute_wire.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GOOD = 1, FAILS, CRASHES_ONCE, CRASHES, WAITS, DEAF };

/* ---- in the process ---- */

/* Times that this was called for that cache so far, this one included. */
static size_t count(const slk_seal_paths *paths)
{
    const int fd = open(paths->cache, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const ssize_t n = write(fd, "x", 1);
    const off_t end = lseek(fd, 0, SEEK_END);
    (void)close(fd);
    return n == 1 ? (size_t)end : 0;
}

static void wait_canceled(slk_job *job, bool deaf)
{
    while (deaf || slk_job_check(job, NULL) == SLK_OK)
        slk_clock_sleep_ms(5);
}

/* By the signal, also where a sanitizer would turn it into an exit. */
static void crash(void)
{
    (void)signal(SIGSEGV, SIG_DFL);
    (void)raise(SIGSEGV);
}

static slk_err stub_pc1(void *ctx, const slk_seal_sector *sector, const uint8_t ticket[32],
                        const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    (void)ctx;
    const size_t times = count(paths);
    slk_job_stage(job, "layer 2", 100);
    slk_job_advance(job, 40);
    if (ticket[31] != 9)
        return slk_fail(error, SLK_E_CORRUPT, "the ticket did not arrive");
    if (sector->number == FAILS)
        return slk_fail(error, SLK_E_NOSPACE, "no room for \"labels\"");
    if (sector->number == CRASHES || (sector->number == CRASHES_ONCE && times == 1))
        crash();
    if (sector->number == WAITS || sector->number == DEAF)
        wait_canceled(job, sector->number == DEAF);
    return slk_job_check(job, error);
}

static void stub_pc1_batch(void *ctx, const slk_seal_lane *lanes, size_t n,
                           slk_seal_lane_ended *ended, void *context)
{
    for (size_t i = 0; i < n; i++) {
        slk_error error = {0};
        const slk_err code =
            stub_pc1(ctx, lanes[i].sector, lanes[i].ticket, &lanes[i].paths, lanes[i].job, &error);
        ended(context, i, code, &error);
    }
}

static slk_err stub_pc2(void *ctx, slk_seal_commitments *ret, const slk_seal_sector *sector,
                        const slk_seal_paths *paths, slk_job *job, slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)paths;
    (void)job;
    (void)error;
    memset(ret->comm_d, 4, 32);
    memset(ret->comm_r, 5, 32);
    return SLK_OK;
}

static slk_err stub_c1(void *ctx, const slk_seal_sector *sector, const slk_seal_commitments *comm,
                       const uint8_t ticket[32], const uint8_t seed[32],
                       const slk_seal_paths *paths, const char *out_path, slk_job *job,
                       slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)paths;
    (void)job;
    const uint8_t said[] = {comm->comm_d[0], comm->comm_r[31], ticket[0], seed[7]};
    return slk_file_write_atomic(out_path, said, sizeof said, 0600, error);
}

static slk_err stub_finalise(void *ctx, const slk_seal_sector *sector, const slk_seal_paths *paths,
                             slk_job *job, slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)paths;
    (void)job;
    (void)error;
    return SLK_OK;
}

static slk_err stub_check(void *ctx, bool *ret_valid, char *why, const slk_seal_sector *sector,
                          const slk_seal_commitments *comm, const uint8_t ticket[32],
                          const slk_seal_paths *paths, slk_gate *arriving, slk_job *job,
                          slk_error *error)
{
    (void)ctx;
    (void)comm;
    (void)ticket;
    (void)paths;
    (void)job;
    if (arriving && !slk_gate_wait(arriving, 3))
        return slk_fail(error, SLK_E_CANCELED, "no more comes");
    *ret_valid = sector->number == GOOD;
    (void)snprintf(why, SLK_SEAL_REASON_CHARS, "a node differs");
    return SLK_OK;
}

static slk_err stub_c2(void *ctx, slk_buf *proof, const slk_seal_sector *sector,
                       const char *c1_path, slk_job *job, slk_error *error)
{
    (void)ctx;
    (void)sector;
    (void)c1_path;
    (void)job;
    (void)error;
    return slk_buf_append(proof, "proof", 5);
}

static const slk_seal_prover stub = {.pc1 = stub_pc1,
                                     .pc1_batch = stub_pc1_batch,
                                     .pc2 = stub_pc2,
                                     .c1 = stub_c1,
                                     .finalise = stub_finalise,
                                     .check_replica = stub_check,
                                     .c2 = stub_c2};

static _Noreturn void be_the_process(int fd)
{
    slk_buf inbox;
    json_t *start = NULL;
    slk_buf_init(&inbox, SLK_COMPUTE_MESSAGE_MAX);
    while (!start)
        if (slk_compute_next(&start, &inbox, NULL) != SLK_OK ||
            (!start && slk_compute_receive(&inbox, fd, NULL) != SLK_OK))
            _exit(1);
    json_decref(start);
    slk_compute_serve(fd, &stub);
}

/* ---- in the node ---- */

struct world {
    char folder[64], cache[96], out[96];
    slk_compute *compute;
    slk_seal_prover ops;
    slk_seal_paths paths;
    slk_job job;
    slk_error error;
};

static const uint8_t ticket[32] = {[0] = 3, [31] = 9}, seed[32] = {[7] = 6};

#define SOON_MS 300
#define NEVER_MS 600000 /* in a test */

static void begin_with(struct world *w, int64_t cancel_ms)
{
    memset(w, 0, sizeof *w);
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/compute-test-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->cache, sizeof w->cache, "%s/cache", w->folder);
    (void)snprintf(w->out, sizeof w->out, "%s/c1", w->folder);
    w->paths = (slk_seal_paths){"/sealed", w->cache};
    const slk_compute_options options = {
        .prover = &stub, .parameters_folder = "/", .lock = "/", .cancel_ms = cancel_ms};
    assert_int_equal(slk_compute_new(&w->compute, &options, &w->error), SLK_OK);
    slk_compute_fill(&w->ops, w->compute);
    slk_job_init(&w->job);
}

static void begin(struct world *w)
{
    begin_with(w, SOON_MS);
}

static void end(struct world *w)
{
    slk_compute_free(w->compute);
    assert_int_equal(slk_remove_tree(w->folder, &w->error), SLK_OK);
}

static uint64_t times(const char *path)
{
    uint64_t n = 0;
    return slk_file_size(&n, path, NULL) == SLK_OK ? n : 0;
}

static slk_err label(struct world *w, uint64_t number)
{
    const slk_seal_sector sector = {1000, number, 5};
    return w->ops.pc1(w->ops.ctx, &sector, ticket, &w->paths, &w->job, &w->error);
}

static void everything_comes_through(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    const slk_seal_sector good = {1000, GOOD, 5}, bad = {1000, FAILS, 5};
    slk_seal_commitments comm;
    bool valid = false;
    char why[SLK_SEAL_REASON_CHARS] = "";
    uint8_t said[4];
    int fd = -1;
    slk_buf proof;
    slk_buf_init(&proof, SLK_SEAL_PROOF_MAX_BYTES);
    assert_int_equal(label(&w, GOOD), SLK_OK);
    assert_int_equal(label(&w, FAILS), SLK_E_NOSPACE);
    assert_string_equal(w.error.message, "no room for \"labels\"");
    assert_int_equal(w.ops.pc2(w.ops.ctx, &comm, &good, &w.paths, &w.job, &w.error), SLK_OK);
    assert_int_equal(comm.comm_d[31], 4);
    assert_int_equal(comm.comm_r[0], 5);
    assert_int_equal(
        w.ops.c1(w.ops.ctx, &good, &comm, ticket, seed, &w.paths, w.out, &w.job, &w.error), SLK_OK);
    assert_int_equal(slk_file_open_read(&fd, w.out, &w.error), SLK_OK);
    assert_int_equal(slk_file_read_at(fd, said, 4, 0, w.out, &w.error), SLK_OK);
    (void)close(fd);
    assert_memory_equal(said, ((uint8_t[]){4, 5, 3, 6}), 4);
    assert_int_equal(w.ops.check_replica(w.ops.ctx, &valid, why, &good, &comm, ticket, &w.paths,
                                         NULL, &w.job, &w.error),
                     SLK_OK);
    assert_true(valid);
    assert_string_equal(why, "");
    assert_int_equal(w.ops.check_replica(w.ops.ctx, &valid, why, &bad, &comm, ticket, &w.paths,
                                         NULL, &w.job, &w.error),
                     SLK_OK);
    assert_false(valid);
    assert_string_equal(why, "a node differs");
    assert_int_equal(w.ops.c2(w.ops.ctx, &proof, &good, w.out, &w.job, &w.error), SLK_OK);
    assert_int_equal(proof.len, 5);
    assert_memory_equal(proof.data, "proof", 5);
    slk_buf_done(&proof);
    end(&w);
}

static void a_crash_costs_nothing(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    assert_int_equal(label(&w, CRASHES_ONCE), SLK_OK);
    assert_int_equal(times(w.cache), 2);
    end(&w);
}

static void three_crashes_are_the_task(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    assert_int_equal(label(&w, CRASHES), SLK_E_INTERNAL);
    assert_non_null(strstr(w.error.message, "3 times"));
    assert_non_null(strstr(w.error.message, "signal 11"));
    assert_int_equal(times(w.cache), 3);
    assert_int_equal(label(&w, GOOD), SLK_OK); /* the next one has a process */
    end(&w);
}

struct outcomes {
    slk_err code[4];
    unsigned told[4];
};

static void lane_ended(void *context, size_t index, slk_err code, const slk_error *error)
{
    (void)error;
    struct outcomes *o = context;
    o->code[index] = code;
    o->told[index]++;
}

/* What had ended before the crash is not done again: it may be further already. */
static void a_batch_goes_on_with_the_rest(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    static const uint64_t number[4] = {GOOD, FAILS, CRASHES_ONCE, GOOD};
    slk_seal_sector sectors[4];
    slk_seal_lane lanes[4];
    slk_job jobs[4];
    char caches[4][96];
    struct outcomes o = {0};
    for (unsigned i = 0; i < 4; i++) {
        slk_job_init(&jobs[i]);
        (void)snprintf(caches[i], sizeof caches[i], "%s/%u", w.folder, i);
        sectors[i] = (slk_seal_sector){1000, number[i], 5};
        lanes[i] = (slk_seal_lane){&sectors[i], ticket, {"/sealed", caches[i]}, &jobs[i]};
    }
    w.ops.pc1_batch(w.ops.ctx, lanes, 4, lane_ended, &o);
    static const slk_err codes[4] = {SLK_OK, SLK_E_NOSPACE, SLK_OK, SLK_OK};
    static const uint64_t called[4] = {1, 1, 2, 1};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(o.told[i], 1);
        assert_int_equal(o.code[i], codes[i]);
        assert_int_equal(times(caches[i]), called[i]);
    }
    end(&w);
}

struct labelling {
    struct world *w;
    uint64_t number;
    slk_err code;
};

static void *label_there(void *context)
{
    struct labelling *l = context;
    l->code = label(l->w, l->number);
    return NULL;
}

/* Cancels it once its progress is here. */
static void cancel_in_the_middle(struct world *w, uint64_t number)
{
    struct labelling l = {w, number, SLK_OK};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, label_there, &l), 0);
    while (atomic_load(&w->job.done) != 40)
        slk_clock_sleep_ms(1);
    assert_string_equal(atomic_load(&w->job.stage), "layer 2");
    assert_int_equal(atomic_load(&w->job.total), 100);
    slk_job_cancel(&w->job);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(l.code, SLK_E_CANCELED);
    assert_int_equal(times(w->cache), 1);
    slk_job_init(&w->job);
}

static void a_cancel_reaches_it(void **state)
{
    (void)state;
    struct world w;
    begin_with(&w, NEVER_MS);
    cancel_in_the_middle(&w, WAITS);
    end(&w);
}

static void one_that_is_deaf_is_killed(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    cancel_in_the_middle(&w, DEAF);
    assert_int_equal(label(&w, GOOD), SLK_OK);
    end(&w);
}

struct arriving {
    struct world *w;
    slk_gate gate;
    slk_err code;
    bool valid;
};

static void *check_there(void *context)
{
    struct arriving *a = context;
    const slk_seal_sector sector = {1000, GOOD, 5};
    const slk_seal_commitments comm = {{0}, {0}};
    char why[SLK_SEAL_REASON_CHARS];
    struct world *w = a->w;
    a->code = w->ops.check_replica(w->ops.ctx, &a->valid, why, &sector, &comm, ticket, &w->paths,
                                   &a->gate, &w->job, &w->error);
    return NULL;
}

static void what_arrives_is_told(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    for (unsigned round = 0; round < 2; round++) {
        struct arriving a = {.w = &w};
        pthread_t thread;
        slk_gate_init(&a.gate);
        assert_int_equal(pthread_create(&thread, NULL, check_there, &a), 0);
        (void)slk_gate_raise(&a.gate, 1);
        if (round == 0)
            (void)slk_gate_raise(&a.gate, 3);
        slk_gate_close(&a.gate);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(a.code, round == 0 ? SLK_OK : SLK_E_CANCELED);
        assert_int_equal(a.valid, round == 0);
        slk_gate_done(&a.gate);
    }
    end(&w);
}

/* The quickest of many, for others work on this machine. */
static void it_costs_little(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    const slk_seal_sector sector = {1000, GOOD, 5};
    int64_t best_us = INT64_MAX;
    for (unsigned i = 0; i < 200; i++) {
        const int64_t start = (int64_t)slk_clock_monotonic_ns();
        assert_int_equal(w.ops.finalise(w.ops.ctx, &sector, &w.paths, &w.job, &w.error), SLK_OK);
        const int64_t us = ((int64_t)slk_clock_monotonic_ns() - start) / 1000;
        best_us = us < best_us ? us : best_us;
    }
    print_message("a task costs %lld us\n", (long long)best_us);
    assert_true(best_us < 5000);
    end(&w);
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && strcmp(argv[1], SLK_COMPUTE_WORD) == 0)
        be_the_process(atoi(argv[2]));
    slk_log_set_level(SLK_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_through),
        cmocka_unit_test(a_crash_costs_nothing),
        cmocka_unit_test(three_crashes_are_the_task),
        cmocka_unit_test(a_batch_goes_on_with_the_rest),
        cmocka_unit_test(a_cancel_reaches_it),
        cmocka_unit_test(one_that_is_deaf_is_killed),
        cmocka_unit_test(what_arrives_is_told),
        cmocka_unit_test(it_costs_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
