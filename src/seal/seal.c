/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/seal.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/args.h"
#include "fil/policy.h"
#include "seal/client.h"
#include "seal/disk.h"
#include "seal/load_impl.h"
#include "seal/rows_impl.h"
#include "seal/schema.h"
#include "seal/seal_impl.h"
#include "seal/task_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOUR_MS (INT64_C(3600) * 1000)
#define FLOW_MS 15000
#define CLOCKS_APART_MS 60000 /* slk_seal_slot_bound */

static const slk_sql next_due = {
    "task.next_due",
    "SELECT min(not_before_ms) FROM task WHERE owner IS NULL AND not_before_ms > $1"};
static const slk_sql collect_rows = {"provider.collect",
                                     "DELETE FROM rseal_provider_pipeline WHERE state = 'cleaned'"
                                     " AND cleaned_at < $1 AND counted_sectors = 0"};

slk_db *slk_seal_db(slk_seal *seal)
{
    return seal->db;
}

const slk_seal_ops *slk_seal_get_ops(const slk_seal *seal)
{
    return &seal->ops;
}

const slk_seal_options *slk_seal_get_options(const slk_seal *seal)
{
    return &seal->options;
}

int64_t slk_seal_slot_end(const slk_seal *seal, int64_t now_ms)
{
    return now_ms + seal->options.slot_ms;
}

int64_t slk_seal_slot_bound(const slk_seal *seal, int64_t now_ms)
{
    return slk_seal_slot_end(seal, now_ms) + CLOCKS_APART_MS;
}

/* ---- crash points ---- */

bool slk_seal_is_dead(const slk_seal *seal)
{
    return atomic_load(&seal->dead);
}

slk_err slk_seal_crash_point(slk_seal *seal, const char *point, slk_error *error)
{
    const slk_seal_options *o = &seal->options;
    if (!slk_seal_is_dead(seal) && o->crash_at && o->crash_at(o->crash_ctx, point))
        atomic_store(&seal->dead, true);
    const char *named = o->crash_at ? NULL : getenv("SELKIE_CRASH_AT");
    if (named && strcmp(named, point) == 0)
        _exit(137);
    if (slk_seal_is_dead(seal))
        return slk_fail(error, SLK_E_CANCELED, "stopped at %s", point);
    return SLK_OK;
}

void slk_seal_crash_here(slk_seal *seal, const char *point)
{
    if (slk_seal_crash_point(seal, point, NULL) != SLK_OK)
        return; /* dead: the caller has nothing left to do anyway */
}

/* ---- opening ---- */

static void default_i64(int64_t *value, int64_t unset_below, int64_t fallback)
{
    if (*value < unset_below)
        *value = fallback;
}

static void fill_defaults(slk_seal_options *o, bool shared)
{
    for (unsigned i = 0; i < SLK_CLASS_COUNT; i++)
        if (o->workers[i] == 0)
            o->workers[i] = i == SLK_CLASS_CALL || i == SLK_CLASS_CHAIN ? 2 : 1;
    if (o->capacity_sectors == 0)
        o->capacity_sectors = 16;
    if (o->batch_sectors == 0)
        o->batch_sectors = 1;
    default_i64(&o->slot_ms, 1, 30000);
    default_i64(&o->cleanup_timeout_ms, 1, 72 * HOUR_MS);
    default_i64(&o->keep_row_ms, 1, 24 * HOUR_MS);
    default_i64(&o->poll_ms, 1, 30000);
    default_i64(&o->seed_margin_epochs, 0, 3);
    default_i64(&o->ticket_slack_epochs, 0, 720);
    default_i64(&o->stall_ms, 1, 24 * HOUR_MS);
    default_i64(&o->stall_factor, 1, 3);
    for (unsigned kind = 0; kind < SLK_SEAL_MESSAGE_KINDS; kind++)
        if (o->batching[kind].most == 0)
            o->batching[kind].most = 1;
    default_i64(&o->schedule_ms, 1, 1000);
    default_i64(&o->lease_ms, 1, 60000);
    default_i64(&o->backoff_scale_percent, 1, 100);
    if (o->watch_ms == 0 && shared)
        o->watch_ms = 4000;
}

static slk_err check_batch(const slk_seal_options *o, slk_error *error)
{
    if (o->batch_sectors <= SLK_SEAL_BATCH_MAX)
        return SLK_OK;
    return slk_fail(error, SLK_E_INVAL, "at most %u sectors are labelled together",
                    SLK_SEAL_BATCH_MAX);
}

static slk_err check_batching(const slk_seal_options *o, slk_error *error)
{
    for (unsigned kind = 0; kind < SLK_SEAL_MESSAGE_KINDS; kind++)
        if (o->batching[kind].most > SLK_PRE_COMMIT_BATCH_MAX)
            return slk_fail(error, SLK_E_INVAL, "more than %u sectors in one message",
                            SLK_PRE_COMMIT_BATCH_MAX);
    return SLK_OK;
}

static slk_err check_options(const slk_seal_options *o, slk_error *error)
{
    size_t name_chars = o->node_name ? strlen(o->node_name) : 0;
    if (name_chars == 0 || name_chars > 63)
        return slk_fail(error, SLK_E_INVAL, "the node's name must have 1 to 63 characters");
    if (!o->provider && !o->client)
        return slk_fail(error, SLK_E_INVAL, "the node must be provider, client or both");
    if (!o->scratch_folder || !o->scratch_folder[0])
        return slk_fail(error, SLK_E_INVAL, "the scratch folder is not set");
    if (o->client && (!o->storage_folder || !o->storage_folder[0]))
        return slk_fail(error, SLK_E_INVAL, "the storage folder is not set");
    if (o->seal_proofs_n > SLK_SEAL_MAX_PROOFS)
        return slk_fail(error, SLK_E_INVAL, "more than %u seal proofs", SLK_SEAL_MAX_PROOFS);
    SLK_TRY(check_batching(o, error));
    unsigned workers = 0;
    for (unsigned i = 0; i < SLK_CLASS_COUNT; i++)
        workers += o->workers[i] < SLK_SEAL_MAX_WORKERS ? o->workers[i] : SLK_SEAL_MAX_WORKERS + 1;
    if (workers > SLK_SEAL_MAX_WORKERS)
        return slk_fail(error, SLK_E_INVAL, "more than %u workers", SLK_SEAL_MAX_WORKERS);
    return check_batch(o, error);
}

static slk_err make_folder(const char *base, const char *name, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(base, name);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_folder_make(path, 0755, error);
}

static slk_err write_if_absent(const char *folder, const char *name, const char *text,
                               slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, name);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (slk_file_exists(path))
        return SLK_OK;
    return slk_file_write_atomic(path, text, strlen(text), 0644, error);
}

/* Lotus's storage layout: a path that can store and not seal, so that a miner can attach it.
 * source: reference/lotus-worker 1.4 */
static slk_err make_storage(const slk_seal_options *o, slk_error *error)
{
    char id[37];
    slk_seal_uuid(id);
    SLK_TRY(make_folder(o->storage_folder, "sealed", error));
    SLK_TRY(make_folder(o->storage_folder, "cache", error));
    SLK_TRY(make_folder(o->storage_folder, "unsealed", error));
    SLK_CLEANUP(slk_freep)
    char *store = slk_strf("{\"ID\":\"%s\",\"Weight\":10,\"CanSeal\":false,\"CanStore\":true,"
                           "\"MaxStorage\":0,\"Groups\":null,\"AllowTo\":null,"
                           "\"AllowTypes\":null,\"DenyTypes\":null,\"AllowMiners\":null,"
                           "\"DenyMiners\":null}\n",
                           id);
    SLK_CLEANUP(slk_freep) char *real = realpath(o->storage_folder, NULL);
    SLK_CLEANUP(slk_freep)
    char *list = real ? slk_strf("{\"StoragePaths\":[{\"Path\":\"%s\"}]}\n", real) : NULL;
    if (!store || !list)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(write_if_absent(o->storage_folder, "sectorstore.json", store, error));
    return write_if_absent(o->storage_folder, "storage.json", list, error);
}

static slk_err make_folders(const slk_seal_options *o, slk_error *error)
{
    SLK_TRY(make_folder(o->scratch_folder, "sealed", error));
    SLK_TRY(make_folder(o->scratch_folder, "cache", error));
    SLK_TRY(make_folder(o->scratch_folder, "c1", error));
    SLK_TRY(make_folder(o->scratch_folder, "locks", error));
    return o->client ? make_storage(o, error) : SLK_OK;
}

static bool is_inside(const char *path, const char *folder)
{
    const size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* What is finished must not lie where what nobody owns is removed (orphans.h). */
static slk_err check_apart(const slk_seal_options *o, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *scratch = realpath(o->scratch_folder, NULL);
    SLK_CLEANUP(slk_freep)
    char *storage =
        o->storage_folder && o->storage_folder[0] ? realpath(o->storage_folder, NULL) : NULL;
    struct stat a, b;
    if (!scratch || !storage || stat(scratch, &a) != 0 || stat(storage, &b) != 0)
        return SLK_OK; /* without the role there need not be such a folder */
    if (is_inside(scratch, storage) || is_inside(storage, scratch) ||
        (a.st_dev == b.st_dev && a.st_ino == b.st_ino))
        return slk_fail(
            error, SLK_E_INVAL,
            "ScratchFolder (%s) and StorageFolder (%s) are one folder, or one is inside "
            "the other: what is removed from scratch must not be what is kept; "
            "give each a folder of its own",
            scratch, storage);
    return SLK_OK;
}

static slk_err init_threads(slk_seal *seal, slk_error *error)
{
    SLK_TRY(slk_time_init(&seal->time, error));
    int rc = pthread_mutex_init(&seal->mutex, NULL);
    rc = rc ? rc : pthread_mutex_init(&seal->gathering, NULL);
    for (unsigned i = 0; i < SLK_CLASS_COUNT; i++)
        rc = rc ? rc : slk_cond_init(&seal->work[i]);
    rc = rc ? rc : slk_cond_init(&seal->look);
    rc = rc ? rc : slk_cond_init(&seal->files_free);
    if (rc != 0)
        return slk_fail_errno(error, rc, "cannot make a mutex");
    seal->made = true;
    return SLK_OK;
}

static slk_err init_counts(slk_seal *seal, slk_error *error)
{
    size_t n;
    (void)slk_seal_steps(&n);
    seal->counts = slk_calloc(n, sizeof *seal->counts);
    if (!seal->counts)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        slk_histogram_init(&seal->counts[i].done_us, slk_work_bounds_us,
                           sizeof slk_work_bounds_us / sizeof *slk_work_bounds_us);
    return SLK_OK;
}

slk_step_counts *slk_seal_counts_of(slk_seal *seal, const slk_step *step)
{
    size_t n;
    return &seal->counts[step - slk_seal_steps(&n)];
}

const slk_step_counts *slk_seal_step_counts(const slk_seal *seal, size_t step)
{
    size_t n;
    (void)slk_seal_steps(&n);
    slk_assert(step < n);
    return &seal->counts[step];
}

static slk_err open_database(slk_seal *seal, slk_error *error)
{
    size_t n;
    const slk_migration *list = slk_seal_migrations(&n);
    SLK_TRY(slk_db_migrate(seal->db, list, n, error));
    SLK_TRY(slk_time_open(seal, error));
    SLK_TRY(slk_member_join(seal, error));
    if (seal->options.beside)
        return SLK_OK;
    SLK_TRY(slk_client_leases_anew(seal, error));
    SLK_TRY(slk_task_release_own(seal, error));
    SLK_TRY(slk_task_mend_marks(seal, error));
    uint64_t broken = 0;
    char what[SLK_SEAL_REASON_CHARS] = "";
    SLK_TRY(slk_state_check(&broken, what, seal->db, error));
    if (broken > 0)
        slk_log(SLK_LOG_ERROR, "state.broken",
                "rows=%lu first=\"%s\" next=\"goes on with the rest\"", (unsigned long)broken,
                what);
    return SLK_OK;
}

slk_err slk_seal_new(slk_seal **ret_seal, slk_db *db, const slk_seal_ops *ops,
                     const slk_seal_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_seal_freep) slk_seal *seal = slk_calloc(1, sizeof *seal);
    if (!seal)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    seal->db = db;
    seal->ops = *ops;
    seal->options = *options;
    fill_defaults(&seal->options, slk_db_is_server(db));
    SLK_TRY(check_options(&seal->options, error));
    SLK_TRY(init_counts(seal, error));
    SLK_TRY(init_threads(seal, error));
    SLK_TRY(make_folders(&seal->options, error));
    SLK_TRY(check_apart(&seal->options, error));
    SLK_TRY(open_database(seal, error));
    *ret_seal = seal;
    seal = NULL;
    return SLK_OK;
}

void slk_seal_free(slk_seal *seal)
{
    if (!seal)
        return;
    slk_seal_stop(seal);
    slk_assert(!seal->running);
    if (seal->made) {
        (void)pthread_cond_destroy(&seal->files_free);
        (void)pthread_cond_destroy(&seal->look);
        for (unsigned i = 0; i < SLK_CLASS_COUNT; i++)
            (void)pthread_cond_destroy(&seal->work[i]);
        (void)pthread_mutex_destroy(&seal->gathering);
        (void)pthread_mutex_destroy(&seal->mutex);
    }
    slk_time_done(&seal->time);
    slk_free(seal->counts);
    slk_free(seal);
}

void slk_seal_freep(slk_seal **seal)
{
    slk_seal_free(*seal);
}

/* ---- threads ---- */

/* Mutex held. */
static void want_look(slk_seal *seal)
{
    seal->look_wanted = true;
    pthread_cond_signal(&seal->look);
}

void slk_seal_wake(slk_seal *seal)
{
    pthread_mutex_lock(&seal->mutex);
    want_look(seal);
    pthread_mutex_unlock(&seal->mutex);
}

/* One at a time: were all to look at once, most would find nothing and be in each other's way. */
void slk_seal_send_worker(slk_seal *seal, slk_task_class class)
{
    seal->work_there[class] = true;
    pthread_cond_signal(&seal->work[class]);
}

/* Mutex held. */
static void send_workers(slk_seal *seal)
{
    for (unsigned i = 0; i < SLK_CLASS_COUNT; i++)
        slk_seal_send_worker(seal, (slk_task_class)i);
}

void slk_seal_room_changed(slk_seal *seal)
{
    pthread_mutex_lock(&seal->mutex);
    send_workers(seal);
    pthread_mutex_unlock(&seal->mutex);
}

/* Mutex held: one more of the class may begin. */
static bool has_room(slk_seal *seal, slk_task_class class)
{
    const slk_seal_prover *prover = &seal->ops.prover;
    if (!prover->room || (class != SLK_CLASS_COMPUTE && class != SLK_CLASS_SNARK))
        return true;
    return seal->busy[class] < prover->room(prover->ctx, class == SLK_CLASS_SNARK);
}

unsigned slk_seal_take_places(slk_seal *seal, slk_task_class class, unsigned most)
{
    const slk_seal_prover *prover = &seal->ops.prover;
    pthread_mutex_lock(&seal->mutex);
    const unsigned room = prover->batch_room ? prover->batch_room(prover->ctx) : 0;
    const unsigned wanted = room > 0 && room - 1 < most ? room - 1 : most;
    const unsigned all = SLK_SEAL_MAX_RUNNING / 2, busy = seal->busy[class];
    const unsigned kept = busy < all ? all - busy : 0;
    const unsigned taken = wanted < kept ? wanted : kept;
    seal->busy[class] += taken;
    pthread_mutex_unlock(&seal->mutex);
    return taken;
}

void slk_seal_give_places(slk_seal *seal, slk_task_class class, unsigned n)
{
    pthread_mutex_lock(&seal->mutex);
    slk_assert(seal->busy[class] >= n);
    seal->busy[class] -= n;
    slk_seal_send_worker(seal, class); /* who found no room for the sake of these */
    pthread_mutex_unlock(&seal->mutex);
}

static void *worker_main(void *arg)
{
    slk_seal_worker *w = arg;
    slk_seal *seal = w->seal;
    pthread_mutex_lock(&seal->mutex);
    while (!seal->stopping) {
        if (!seal->work_there[w->class] || !has_room(seal, w->class)) {
            pthread_cond_wait(&seal->work[w->class], &seal->mutex);
            continue;
        }
        seal->work_there[w->class] = false;
        seal->busy[w->class]++;
        pthread_mutex_unlock(&seal->mutex);
        bool ran = false;
        slk_error error = {0};
        slk_err code = slk_task_run_one(&ran, seal, w->class, &error);
        if (code != SLK_OK)
            slk_log(SLK_LOG_ERROR, "worker.failed", "class=%s why=\"%s\" next=\"looks again\"",
                    slk_task_class_name(w->class), slk_error_text(&error, code));
        if (ran)
            slk_seal_wake(seal);
        pthread_mutex_lock(&seal->mutex);
        seal->busy[w->class]--;
        if (ran)
            seal->work_there[w->class] = true; /* what else waits need not wait for the scheduler */
    }
    pthread_mutex_unlock(&seal->mutex);
    return NULL;
}

static slk_err collect_garbage(slk_seal *seal, slk_error *error)
{
    int64_t now = slk_seal_now(seal);
    if (now - seal->last_gc_ms < 60000 && now >= seal->last_gc_ms)
        return SLK_OK;
    seal->last_gc_ms = now;
    if (!slk_db_is_server(seal->db)) /* there the heart does */
        SLK_TRY(slk_member_beat(seal, error));
    if (!seal->options.provider)
        return SLK_OK;
    SLK_TRY(slk_disk_shrink_all(seal, error));
    SLK_TRY(slk_provider_leases_give(seal, error));
    SLK_TRY(slk_seal_collect_slots(seal->db, seal, now, error));
    SLK_TRY(slk_load_settle(seal, 1, error)); /* before rows go that the sums hold */
    const int64_t before = now - seal->options.keep_row_ms;
    if (slk_seal_age(seal, before) < seal->options.keep_row_ms)
        return SLK_OK; /* the clock jumped meanwhile: what is older than that is not known */
    return slk_sql_run(seal->db, &collect_rows, SLK_ARGS(slk_arg_i(before)), NULL, error);
}

/* How long the scheduler may sleep: until the next task is due, at most schedule_ms. */
static int64_t sleep_ms(slk_seal *seal)
{
    int64_t now = slk_seal_now(seal), due = 0, most = seal->options.schedule_ms;
    slk_err code = slk_sql_number(&due, seal->db, &next_due, SLK_ARGS(slk_arg_i(now)), NULL);
    if (code != SLK_OK || due == 0 || due - now > most)
        return most;
    return due - now > 1 ? due - now : 1;
}

/* Everything that has become ready, leases that are over included, gets its tasks. */
static slk_err look_for_work(slk_seal *seal, slk_error *error)
{
    uint64_t made;
    SLK_TRY(slk_time_look(seal, error));
    if (seal->options.provider) {
        SLK_TRY(slk_provider_leases_look(seal, error));
        SLK_TRY(slk_load_settle(seal, SLK_LOAD_UNSETTLED_MAX, error));
    }
    return slk_task_schedule(&made, seal, error);
}

static void *scheduler_main(void *arg)
{
    slk_seal *seal = arg;
    pthread_mutex_lock(&seal->mutex);
    while (!seal->stopping) {
        seal->look_wanted = false;
        pthread_mutex_unlock(&seal->mutex);
        slk_error error = {0};
        slk_err code = look_for_work(seal, &error);
        if (code == SLK_OK && !slk_seal_is_dead(seal))
            code = collect_garbage(seal, &error);
        if (code != SLK_OK)
            slk_log(SLK_LOG_ERROR, "scheduler.failed", "why=\"%s\" next=\"looks again\"",
                    slk_error_text(&error, code));
        int64_t ms = sleep_ms(seal);
        pthread_mutex_lock(&seal->mutex);
        send_workers(seal);
        if (!seal->look_wanted && !seal->stopping)
            (void)slk_cond_wait_ms(&seal->look, &seal->mutex, ms);
    }
    pthread_mutex_unlock(&seal->mutex);
    return NULL;
}

/* Another process took our name while we stood still: what we do is worthless now. */
static void stop_replaced(slk_seal *seal, const slk_error *error)
{
    slk_log(SLK_LOG_ERROR, "node.replaced", "why=\"%s\" next=\"works no more; end this process\"",
            slk_error_text(error, SLK_E_CONFLICT));
    atomic_store(&seal->dead, true);
    pthread_mutex_lock(&seal->mutex);
    for (slk_seal_running *r = seal->running; r; r = r->next)
        slk_job_cancel(&r->task->job);
    pthread_mutex_unlock(&seal->mutex);
}

static slk_err beat_once(slk_seal *seal, slk_error *error)
{
    if (slk_seal_is_dead(seal))
        return SLK_OK;
    if (slk_db_is_server(seal->db)) {
        slk_err code = slk_member_beat(seal, error);
        if (code == SLK_E_CONFLICT) {
            stop_replaced(seal, error);
            return SLK_OK;
        }
        SLK_TRY(code);
    }
    return slk_task_heartbeat(seal, error);
}

static void *heart_main(void *arg)
{
    slk_seal *seal = arg;
    int64_t period = seal->options.lease_ms / 3 < 1000 ? seal->options.lease_ms / 3 : 1000;
    pthread_mutex_lock(&seal->mutex);
    while (!seal->stopping) {
        (void)slk_cond_wait_ms(&seal->files_free, &seal->mutex, period > 0 ? period : 1);
        pthread_mutex_unlock(&seal->mutex);
        slk_error error = {0};
        slk_err code = beat_once(seal, &error);
        if (code != SLK_OK)
            slk_log(SLK_LOG_ERROR, "heartbeat.failed", "why=\"%s\" next=\"beats again\"",
                    slk_error_text(&error, code));
        pthread_mutex_lock(&seal->mutex);
    }
    pthread_mutex_unlock(&seal->mutex);
    return NULL;
}

/* A client's constant flow: asks the chain, so it has a thread of its own. */
static void *flow_main(void *arg)
{
    slk_seal *seal = arg;
    int64_t due_ms = 0;
    pthread_mutex_lock(&seal->mutex);
    while (!seal->stopping) {
        if (slk_clock_monotonic_ms() < due_ms) {
            (void)slk_cond_wait_ms(&seal->files_free, &seal->mutex, 1000);
            continue;
        }
        pthread_mutex_unlock(&seal->mutex);
        uint64_t ordered = 0;
        slk_error error = {0};
        slk_err code = slk_seal_is_dead(seal) ? SLK_OK : slk_client_flow(&ordered, seal, &error);
        if (code != SLK_OK)
            slk_log(SLK_LOG_ERROR, "flow.failed", "why=\"%s\" next=\"looks again\"",
                    slk_error_text(&error, code));
        due_ms = slk_clock_monotonic_ms() + FLOW_MS;
        pthread_mutex_lock(&seal->mutex);
    }
    pthread_mutex_unlock(&seal->mutex);
    return NULL;
}

static slk_err start_workers(slk_seal *seal, slk_error *error)
{
    for (unsigned class = 0; class < SLK_CLASS_COUNT; class ++) {
        for (unsigned i = 0; i < seal->options.workers[class]; i++) {
            slk_seal_worker *w = &seal->workers[seal->workers_n];
            *w = (slk_seal_worker){.seal = seal, .class = (slk_task_class) class};
            int rc = pthread_create(&w->thread, NULL, worker_main, w);
            if (rc != 0)
                return slk_fail_errno(error, rc, "cannot start a worker");
            seal->workers_n++;
        }
    }
    return SLK_OK;
}

static slk_err start_flow(slk_seal *seal, slk_error *error)
{
    if (!seal->options.client || !seal->ops.chain.head)
        return SLK_OK;
    int rc = pthread_create(&seal->flow, NULL, flow_main, seal);
    seal->has_flow = rc == 0;
    return rc == 0 ? SLK_OK : slk_fail_errno(error, rc, "cannot start the constant flow");
}

slk_err slk_seal_start(slk_seal *seal, slk_error *error)
{
    slk_assert(!seal->started);
    seal->stopping = false;
    int rc = pthread_create(&seal->heart, NULL, heart_main, seal);
    if (rc != 0)
        return slk_fail_errno(error, rc, "cannot start the heartbeat");
    rc = pthread_create(&seal->scheduler, NULL, scheduler_main, seal);
    if (rc != 0) {
        pthread_mutex_lock(&seal->mutex);
        seal->stopping = true;
        pthread_mutex_unlock(&seal->mutex);
        (void)pthread_join(seal->heart, NULL);
        return slk_fail_errno(error, rc, "cannot start the scheduler");
    }
    seal->started = true;
    slk_err code = start_flow(seal, error);
    if (code == SLK_OK)
        code = start_workers(seal, error);
    if (code != SLK_OK)
        slk_seal_stop(seal);
    return code;
}

void slk_seal_stop(slk_seal *seal)
{
    if (!seal->started)
        return;
    pthread_mutex_lock(&seal->mutex);
    seal->stopping = true;
    for (slk_seal_running *r = seal->running; r; r = r->next)
        slk_job_cancel(&r->task->job);
    for (unsigned i = 0; i < SLK_CLASS_COUNT; i++)
        pthread_cond_broadcast(&seal->work[i]);
    pthread_cond_broadcast(&seal->look);
    pthread_cond_broadcast(&seal->files_free);
    pthread_mutex_unlock(&seal->mutex);
    for (unsigned i = 0; i < seal->workers_n; i++)
        (void)pthread_join(seal->workers[i].thread, NULL);
    (void)pthread_join(seal->scheduler, NULL);
    (void)pthread_join(seal->heart, NULL);
    if (seal->has_flow)
        (void)pthread_join(seal->flow, NULL);
    seal->has_flow = false;
    seal->workers_n = 0;
    seal->started = false;
    seal->stopping = false;
    if (slk_seal_is_dead(seal))
        return;
    slk_error error = {0};
    slk_err code = slk_task_release_own(seal, &error);
    if (code == SLK_OK)
        code = slk_time_store(seal, &error);
    if (code == SLK_OK)
        code = slk_member_leave(seal, &error);
    if (code != SLK_OK)
        slk_log(SLK_LOG_WARN, "stop.claims_kept", "why=\"%s\" next=\"the next start takes them\"",
                slk_error_text(&error, code));
}

slk_err slk_seal_run_ready(uint64_t *ret_ran, slk_seal *seal, uint64_t max_tasks, slk_error *error)
{
    *ret_ran = 0;
    bool more = true;
    while (more && *ret_ran < max_tasks) {
        SLK_TRY(look_for_work(seal, error));
        more = false;
        for (unsigned class = 0; class < SLK_CLASS_COUNT && *ret_ran < max_tasks; class ++) {
            bool ran = false;
            SLK_TRY(slk_task_run_one(&ran, seal, (slk_task_class) class, error));
            *ret_ran += ran ? 1 : 0;
            more = more || ran;
        }
    }
    return SLK_OK;
}

/* ---- who uses which files ---- */

static slk_seal_file_user **find_user(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id,
                                      uint64_t number)
{
    slk_seal_file_user **at = &seal->file_users;
    while (*at && ((*at)->pipeline != pipeline || (*at)->sp_id != sp_id || (*at)->number != number))
        at = &(*at)->next;
    return at;
}

static bool take_files(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id, uint64_t number)
{
    slk_seal_file_user **at = find_user(seal, pipeline, sp_id, number);
    if (*at)
        return false;
    /* What fails here looks like someone else's for now: the caller comes back. */
    int fd = -1;
    if (slk_db_is_server(seal->db)) {
        if (slk_member_lock(&fd, seal, pipeline, sp_id, number, NULL) != SLK_OK || fd < 0)
            return false;
    }
    slk_seal_file_user *user = slk_calloc(1, sizeof *user);
    if (!user) {
        slk_member_unlock(fd, seal, pipeline, sp_id, number);
        return false;
    }
    *user =
        (slk_seal_file_user){.pipeline = pipeline, .sp_id = sp_id, .number = number, .lock_fd = fd};
    *at = user;
    return true;
}

bool slk_seal_files_try(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id, uint64_t number)
{
    pthread_mutex_lock(&seal->mutex);
    bool taken = take_files(seal, pipeline, sp_id, number);
    pthread_mutex_unlock(&seal->mutex);
    return taken;
}

slk_err slk_seal_files_enter(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id, uint64_t number,
                             slk_job *job, slk_error *error)
{
    slk_err code = SLK_OK;
    pthread_mutex_lock(&seal->mutex);
    while (!take_files(seal, pipeline, sp_id, number)) {
        code = job ? slk_job_check(job, error) : SLK_OK;
        if (code == SLK_OK && seal->stopping)
            code = slk_fail(error, SLK_E_CANCELED, "the node is stopping");
        if (code != SLK_OK)
            break;
        (void)slk_cond_wait_ms(&seal->files_free, &seal->mutex, 100);
    }
    if (code == SLK_OK)
        (*find_user(seal, pipeline, sp_id, number))->job = job;
    pthread_mutex_unlock(&seal->mutex);
    return code;
}

void slk_seal_files_evict(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id, uint64_t number)
{
    pthread_mutex_lock(&seal->mutex);
    const slk_seal_file_user *user = *find_user(seal, pipeline, sp_id, number);
    if (user && user->job)
        slk_job_cancel(user->job);
    pthread_mutex_unlock(&seal->mutex);
}

void slk_seal_files_leave(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id, uint64_t number)
{
    pthread_mutex_lock(&seal->mutex);
    slk_seal_file_user **at = find_user(seal, pipeline, sp_id, number);
    slk_assert(*at);
    slk_seal_file_user *user = *at;
    *at = user->next;
    slk_member_unlock(user->lock_fd, seal, pipeline, sp_id, number);
    if (user->awaited)
        want_look(seal);
    slk_free(user);
    pthread_cond_broadcast(&seal->files_free);
    pthread_mutex_unlock(&seal->mutex);
}

bool slk_seal_files_await(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id, uint64_t number)
{
    pthread_mutex_lock(&seal->mutex);
    slk_seal_file_user *user = *find_user(seal, pipeline, sp_id, number);
    if (user)
        user->awaited = true;
    pthread_mutex_unlock(&seal->mutex);
    return user != NULL;
}

unsigned slk_seal_cancel_running(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id,
                                 uint64_t number)
{
    unsigned n = 0;
    pthread_mutex_lock(&seal->mutex);
    for (slk_seal_running *r = seal->running; r; r = r->next) {
        if (r->step->pipeline == pipeline && r->task->sp_id == sp_id && r->task->number == number) {
            slk_job_cancel(&r->task->job);
            n++;
        }
    }
    pthread_mutex_unlock(&seal->mutex);
    return n;
}
