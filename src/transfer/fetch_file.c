/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transfer/fetch_run.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECTIONS_DEFAULT 4u
#define PROGRESS_BYTES ((uint64_t)64 << 10) /* an attempt that brought so much was not in vain */

/* ---- workers ---- */

/* Remembers the failure; true when the worker shall go on. The first reason to stop stays. */
static bool note_failure(fetch *f, const run *r, bool retry, slk_err code, const slk_error *error,
                         unsigned *ret_failures)
{
    slk_assert(pthread_mutex_lock(&f->mutex) == 0);
    bool progress = r->damaged || r->at - r->start >= PROGRESS_BYTES;
    f->failures = progress ? 1 : f->failures + 1;
    *ret_failures = progress ? 0 : f->failures;
    bool go_on = retry && f->failures < slk_fetch_attempts(f->from) * f->workers && !f->stop;
    if (!go_on && f->code == SLK_OK) {
        f->code = code;
        f->error = *error;
    }
    for (size_t i = 0; i < SLK_FETCH_CONNECTIONS_MAX && !go_on; i++)
        if (f->runs[i])
            f->runs[i]->lost = true; /* ends soon, not at its next byte */
    if (!go_on)
        f->stop = true;
    slk_assert(pthread_mutex_unlock(&f->mutex) == 0);
    return go_on;
}

static void note_success(fetch *f)
{
    slk_assert(pthread_mutex_lock(&f->mutex) == 0);
    f->failures = 0;
    slk_assert(pthread_mutex_unlock(&f->mutex) == 0);
}

static void *work(void *context)
{
    fetch *f = context;
    run r;
    while (!f->stop && slk_fetch_claim(f, &r)) {
        slk_error error = {0};
        bool retry;
        slk_err code = slk_fetch_request(&r, &retry, &error);
        slk_fetch_release(&r);
        unsigned failures;
        if (code == SLK_OK)
            note_success(f);
        else if (note_failure(f, &r, retry, code, &error, &failures))
            slk_fetch_back_off(failures, f->job, &f->stop);
    }
    return NULL;
}

static unsigned worker_count(const fetch *f)
{
    unsigned wanted = f->from->connections ? f->from->connections : CONNECTIONS_DEFAULT;
    uint64_t most = slk_min_u64(wanted, SLK_FETCH_CONNECTIONS_MAX);
    return (unsigned)slk_max_u64(1, slk_min_u64(most, f->map.n_blocks - f->map.n_done));
}

/* The calling thread is one of the workers, so it goes on when no thread can be started. */
static void run_workers(fetch *f)
{
    pthread_t threads[SLK_FETCH_CONNECTIONS_MAX];
    unsigned n = 0, wanted = worker_count(f);
    f->workers = wanted;
    while (n + 1 < wanted && pthread_create(&threads[n], NULL, work, f) == 0)
        n++;
    (void)work(f);
    while (n)
        (void)pthread_join(threads[--n], NULL);
}

/* ---- rounds: nothing below runs beside workers ---- */

static void show_progress(slk_job *job, uint64_t bytes, uint64_t there)
{
    if (!job)
        return;
    slk_job_stage(job, "fetch", bytes);
    slk_job_advance(job, there);
}

/* Before a block is overwritten, no map on disk may say that it is there: of a map whose file is gone, or was
 * of another version, the next call would believe it. */
static slk_err forget_map(fetch *f, slk_error *error)
{
    slk_block_map_clear(&f->map);
    return slk_remove_tree_durable(f->map.path, error);
}

static slk_err start_over(fetch *f, slk_error *error)
{
    SLK_TRY(forget_map(f, error));
    memset(f->got, 0, f->map.n_blocks * sizeof *f->got);
    f->prefix = 0;
    if (f->from->arrived) /* what was said to be there is not what will be */
        slk_gate_break(f->from->arrived);
    f->unsaved = 0;
    f->failures = 0;
    f->changed = f->no_ranges = false;
    f->code = SLK_OK;
    f->stop = false;
    show_progress(f->job, f->bytes, 0);
    return SLK_OK;
}

static uint64_t bytes_there(const fetch *f)
{
    uint64_t n = f->map.n_done * SLK_FETCH_BLOCK_BYTES;
    uint64_t tail = f->bytes % SLK_FETCH_BLOCK_BYTES;
    if (tail && slk_block_map_has(&f->map, f->map.n_blocks - 1))
        n -= SLK_FETCH_BLOCK_BYTES - tail;
    return n;
}

/* A peer without ranges: the file as one body, from the start each time. */
static slk_err fetch_stream(fetch *f, slk_error *error)
{
    for (unsigned failures = 1;; failures++) {
        SLK_TRY(start_over(f, error));
        run r = {.f = f, .n = f->map.n_blocks, .end = f->bytes, .whole = true};
        bool retry;
        slk_err code = slk_fetch_request(&r, &retry, error);
        if (code == SLK_OK || !retry || failures >= slk_fetch_attempts(f->from))
            return code;
        slk_fetch_back_off(failures, f->job, NULL);
    }
}

static slk_err fetch_blocks(fetch *f, slk_error *error)
{
    if (f->from->whole)
        return fetch_stream(f, error);
    for (unsigned restarts = 0;; restarts++) {
        run_workers(f);
        if (f->changed) {
            if (restarts)
                return slk_fail(error, SLK_E_CONFLICT,
                                "the peer's file changed twice while it was fetched");
            SLK_TRY(start_over(f, error));
            continue;
        }
        if (f->no_ranges)
            return fetch_stream(f, error);
        if (f->code != SLK_OK) {
            if (error)
                *error = f->error;
            return f->code;
        }
        SLK_TRY(slk_job_check(f->job, error));
        slk_assert(f->map.n_done == f->map.n_blocks);
        return SLK_OK;
    }
}

/* ---- files ---- */

/* One fetch per dest: the lock also shows a file that was renamed away under us. */
static slk_err lock_temp(fetch *f, slk_error *error)
{
    f->fd = open(f->temp, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (f->fd < 0)
        return slk_fail_errno(error, errno, "cannot create %s", f->temp);
    struct stat here, there;
    if (flock(f->fd, LOCK_EX | LOCK_NB) != 0 || fstat(f->fd, &here) != 0 ||
        stat(f->temp, &there) != 0 || here.st_ino != there.st_ino)
        return slk_fail(error, SLK_E_BUSY, "%s is being fetched already", f->temp);
    f->locked = true;
    if (here.st_size != slk_i64(f->bytes))
        slk_block_map_clear(&f->map);
    if (f->map.n_done)
        return SLK_OK;
    SLK_TRY(forget_map(f, error));
    if (ftruncate(f->fd, 0) != 0)
        return slk_fail_errno(error, errno, "cannot empty %s", f->temp);
    return slk_file_reserve(f->fd, f->bytes, f->temp, error);
}

/* What an earlier call left must be right, too. */
static slk_err check_what_is_there(fetch *f, slk_error *error)
{
    if (!f->from->manifest || f->map.n_done == 0)
        return SLK_OK;
    slk_job_stage(f->job, "check fetched", f->bytes);
    for (size_t i = 0; i < f->map.n_blocks; i++) {
        bool good = true;
        SLK_TRY(slk_job_check(f->job, error));
        if (slk_block_map_has(&f->map, i))
            SLK_TRY(slk_manifest_check(f->from->manifest, &good, i, f->fd, f->temp, error));
        if (!good)
            slk_block_map_unmark(&f->map, i);
        slk_job_advance(f->job, SLK_FETCH_BLOCK_BYTES);
    }
    return SLK_OK;
}

static slk_err prepare(fetch *f, const char *dest, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *map_path = slk_strf("%s.blocks", dest);
    f->temp = slk_strf("%s.tmp", dest);
    if (!map_path || !f->temp)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_block_map_init(&f->map, map_path, f->bytes, SLK_FETCH_BLOCK_BYTES, error));
    SLK_TRY(slk_block_map_init(&f->snapshot, map_path, f->bytes, SLK_FETCH_BLOCK_BYTES, error));
    f->claimed = slk_calloc(f->map.n_blocks, 1);
    f->bad = slk_calloc(f->map.n_blocks, 1);
    f->got = slk_calloc(f->map.n_blocks, sizeof *f->got);
    if (!f->claimed || !f->bad || !f->got)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(lock_temp(f, error));
    SLK_TRY(check_what_is_there(f, error));
    slk_fetch_announce(f);
    show_progress(f->job, f->bytes, bytes_there(f));
    return SLK_OK;
}

static slk_err remove_file(const char *path, slk_error *error)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return slk_fail_errno(error, errno, "cannot remove %s", path);
    return SLK_OK;
}

static slk_err fetch_and_place(fetch *f, const char *dest, slk_error *error)
{
    slk_err code = fetch_blocks(f, error);
    if (code != SLK_OK) {
        /* What came so far is kept for the next call; that it failed is the news to report. */
        slk_err ignored = f->map.n_done ? slk_fetch_save(f, NULL) : SLK_OK;
        (void)ignored;
        return code;
    }
    SLK_TRY(slk_file_sync(f->fd, f->temp, error));
    SLK_TRY(slk_file_rename_durable(f->temp, dest, error));
    return slk_fetch_forget(dest, error);
}

/* *ret_there: dest is complete from an earlier call that was stopped after its rename. */
static slk_err look_at_dest(bool *ret_there, const char *dest, uint64_t bytes, slk_error *error)
{
    uint64_t have;
    if (bytes == 0)
        return slk_fail(error, SLK_E_INVAL, "a file of no bytes cannot be fetched");
    *ret_there = slk_file_exists(dest);
    if (!*ret_there)
        return SLK_OK;
    SLK_TRY(slk_file_size(&have, dest, error));
    if (have != bytes)
        return slk_fail(error, SLK_E_EXISTS, "%s is there with %llu bytes where %llu belong", dest,
                        (unsigned long long)have, (unsigned long long)bytes);
    return SLK_OK;
}

slk_err slk_fetch_file(const slk_fetch_from *from, const char *dest, uint64_t bytes, slk_job *job,
                       slk_error *error)
{
    bool there = false;
    SLK_TRY(look_at_dest(&there, dest, bytes, error));
    if (there) {
        show_progress(job, bytes, bytes);
        return slk_fetch_forget(dest, error);
    }
    if (from->whole)
        SLK_TRY(slk_fetch_forget(dest, error));
    fetch f = {.from = from, .job = job, .fd = -1, .bytes = bytes};
    slk_assert(pthread_mutex_init(&f.mutex, NULL) == 0);
    slk_err code = prepare(&f, dest, error);
    if (code == SLK_OK)
        code = fetch_and_place(&f, dest, error);
    /* An empty file of full size would only hold disk space. */
    if (code != SLK_OK && f.locked && f.map.n_done == 0) {
        slk_err ignored = slk_fetch_forget(dest, NULL);
        (void)ignored;
    }
    slk_closep(&f.fd);
    slk_block_map_done(&f.map);
    slk_block_map_done(&f.snapshot);
    slk_free(f.claimed);
    slk_free(f.bad);
    slk_free(f.got);
    slk_free(f.temp);
    (void)pthread_mutex_destroy(&f.mutex);
    return code;
}

slk_err slk_fetch_forget(const char *dest, slk_error *error)
{
    static const char *const ends[] = {".tmp", ".blocks", ".blocks.tmp"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        SLK_CLEANUP(slk_freep) char *path = slk_strf("%s%s", dest, ends[i]);
        if (!path)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        SLK_TRY(remove_file(path, error));
    }
    const slk_err code = slk_file_sync_folder_of(dest, error);
    return code == SLK_E_NOTFOUND ? SLK_OK : code;
}
