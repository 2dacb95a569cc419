/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Jobs with the files of a sector: one at a time, for each takes the disk and the processor for minutes
 * to hours; what became of the last ones is kept until the node stops. */
#include "page/page_impl.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define KEPT 32u
#define SAMPLES_MAX INT64_C(1000000)
#define FOLDER_CHARS ((size_t)1024)

enum outcome { RUNNING, DONE, REFUTED, FAILED, STOPPED };

static const char *const outcomes[] = {"running", "done", "refuted", "failed", "stopped"};

struct record {
    uint64_t id; /* rises; 0: an empty place */
    uint64_t sp_id, number, samples;
    char to[FOLDER_CHARS + 1]; /* "": a verification */
    char by[SLK_ACCESS_NAME_CHARS];
    enum outcome outcome;
    slk_error why; /* of what was not done */
    int64_t started_ms, ended_ms;
    slk_page_copied copied;
};

struct page_jobs {
    slk_page *page;
    pthread_mutex_t lock;
    pthread_t thread;
    bool has_thread; /* not joined yet */
    bool stopping;
    uint64_t last_id;
    slk_job job; /* of the newest record while it runs */
    struct record records[KEPT]; /* id modulo KEPT is its place */
};

slk_err slk_page_jobs_new(page_jobs **ret_jobs, slk_page *page, slk_error *error)
{
    page_jobs *jobs = slk_calloc(1, sizeof *jobs);
    if (!jobs)
        return slk_page_out_of_memory(error);
    jobs->page = page;
    slk_assert(pthread_mutex_init(&jobs->lock, NULL) == 0);
    *ret_jobs = jobs;
    return SLK_OK;
}

static void lock(page_jobs *jobs)
{
    slk_assert(pthread_mutex_lock(&jobs->lock) == 0);
}

static void unlock(page_jobs *jobs)
{
    slk_assert(pthread_mutex_unlock(&jobs->lock) == 0);
}

static struct record *newest(page_jobs *jobs)
{
    return &jobs->records[jobs->last_id % KEPT];
}

static bool runs(page_jobs *jobs)
{
    return jobs->last_id > 0 && newest(jobs)->outcome == RUNNING;
}

void slk_page_jobs_cancel(page_jobs *jobs)
{
    lock(jobs);
    jobs->stopping = true;
    if (runs(jobs))
        slk_job_cancel(&jobs->job);
    unlock(jobs);
}

void slk_page_jobs_free(page_jobs *jobs)
{
    if (!jobs)
        return;
    slk_page_jobs_cancel(jobs);
    if (jobs->has_thread)
        slk_assert(pthread_join(jobs->thread, NULL) == 0);
    (void)pthread_mutex_destroy(&jobs->lock);
    slk_free(jobs);
}

/* ---- the thread ---- */

static slk_err perform(slk_page_copied *ret, const slk_page_ops *ops, const slk_page_file_job *what,
                       slk_error *error)
{
    return what->to ? ops->export(ops->context, ret, what, error)
                    : ops->verify(ops->context, what, error);
}

static enum outcome outcome_of(slk_err code, bool verifies)
{
    if (code == SLK_OK)
        return DONE;
    if (code == SLK_E_CANCELED)
        return STOPPED;
    return code == SLK_E_CORRUPT && verifies ? REFUTED : FAILED;
}

static void *work(void *context)
{
    page_jobs *jobs = context;
    lock(jobs);
    struct record *r = newest(jobs); /* nobody but us touches it while it runs */
    unlock(jobs);
    const slk_page_file_job what = {.sp_id = r->sp_id,
                                    .number = r->number,
                                    .samples = r->samples,
                                    .to = *r->to ? r->to : NULL,
                                    .job = &jobs->job};
    slk_page_copied copied = {0};
    slk_error why = {0};
    const slk_err code = perform(&copied, &jobs->page->options.ops, &what, &why);
    lock(jobs);
    r->copied = copied;
    r->ended_ms = slk_page_now(jobs->page);
    r->outcome = outcome_of(code, !what.to);
    r->why = why;
    slk_log(r->outcome == DONE ? SLK_LOG_INFO : SLK_LOG_WARN, "page.job_ended",
            "sector=f0%" PRIu64 "/%" PRIu64 " what=%s by=%s outcome=%s why=\"%s\"", r->sp_id,
            r->number, what.to ? "export" : "verify", r->by, outcomes[r->outcome], why.message);
    unlock(jobs);
    return NULL;
}

/* Under the lock, with the former job over. */
static slk_err start(page_jobs *jobs, const struct record *wanted, slk_error *error)
{
    if (jobs->has_thread)
        slk_assert(pthread_join(jobs->thread, NULL) == 0);
    jobs->has_thread = false;
    struct record *r = &jobs->records[(jobs->last_id + 1) % KEPT];
    *r = *wanted;
    r->id = ++jobs->last_id;
    slk_job_init(&jobs->job);
    const int rc = pthread_create(&jobs->thread, NULL, work, jobs);
    if (rc == 0) {
        jobs->has_thread = true;
        return SLK_OK;
    }
    r->outcome = FAILED;
    r->ended_ms = r->started_ms;
    return slk_fail_errno(error, rc, "cannot start a thread");
}

static slk_err enqueue(page_jobs *jobs, const struct record *wanted, slk_error *error)
{
    slk_err code;
    lock(jobs);
    const struct record *r = newest(jobs);
    if (jobs->stopping)
        code = slk_fail(error, SLK_E_BUSY, "the node is about to stop");
    else if (runs(jobs))
        code =
            slk_fail(error, SLK_E_BUSY,
                     "sector f0%" PRIu64 "/%" PRIu64 " is being %s: wait for its end, or stop that",
                     r->sp_id, r->number, *r->to ? "exported" : "verified");
    else
        code = start(jobs, wanted, error);
    unlock(jobs);
    return code;
}

/* ---- endpoints ---- */

static slk_err read_wanted(struct record *ret, bool *ret_dry, const page_request *request,
                           slk_error *error)
{
    SLK_TRY(slk_page_sector(&ret->sp_id, &ret->number, request, error));
    ret->started_ms = slk_page_now(request->page);
    (void)snprintf(ret->by, sizeof ret->by, "%s", request->who.name);
    return slk_page_dry_run(ret_dry, request, error);
}

/* Whether it could be done is found out before anything is started. */
static slk_err answer_job(slk_buf *out, page_request *request, const struct record *wanted,
                          bool dry_run, slk_error *error)
{
    const slk_page_ops *ops = &request->page->options.ops;
    const slk_page_file_job what = {.sp_id = wanted->sp_id,
                                    .number = wanted->number,
                                    .samples = wanted->samples,
                                    .to = *wanted->to ? wanted->to : NULL,
                                    .dry_run = true};
    slk_page_copied copied = {0};
    char text[FOLDER_CHARS + 128];
    SLK_TRY(perform(&copied, ops, &what, error));
    if (what.to)
        (void)snprintf(text, sizeof text, "%" PRIu64 " files, %" PRIu64 " bytes are copied to %s",
                       copied.files, copied.bytes, what.to);
    else if (what.samples > 0)
        (void)snprintf(text, sizeof text, "%" PRIu64 " places of its replica are looked at",
                       what.samples);
    else
        (void)snprintf(text, sizeof text, "the whole replica is read and its tree rebuilt");
    if (!dry_run)
        SLK_TRY(enqueue(request->page->jobs, wanted, error));
    return slk_page_done(out, dry_run, text, error);
}

static slk_err verify(slk_buf *out, page_request *request, slk_error *error)
{
    struct record wanted = {0};
    bool dry_run;
    int64_t samples = 0;
    SLK_TRY(read_wanted(&wanted, &dry_run, request, error));
    SLK_TRY(slk_page_number(&samples, request, "samples", 0, SAMPLES_MAX, error));
    wanted.samples = slk_u64(samples);
    return answer_job(out, request, &wanted, dry_run, error);
}

static slk_err export(slk_buf *out, page_request *request, slk_error *error)
{
    struct record wanted = {0};
    bool dry_run;
    const char *to;
    SLK_TRY(read_wanted(&wanted, &dry_run, request, error));
    SLK_TRY(slk_page_text(&to, request, "to", FOLDER_CHARS, NULL, error));
    if (*to != '/')
        return slk_fail(error, SLK_E_INVAL, "to: want a folder of the node by its whole path");
    (void)snprintf(wanted.to, sizeof wanted.to, "%s", to);
    return answer_job(out, request, &wanted, dry_run, error);
}

/* {"id"}: so that no other one is stopped than the one that was seen. */
static slk_err stop(slk_buf *out, page_request *request, slk_error *error)
{
    (void)out;
    page_jobs *jobs = request->page->jobs;
    int64_t id = 0;
    SLK_TRY(slk_page_number(&id, request, "id", 1, INT64_MAX, error));
    lock(jobs);
    const bool found = runs(jobs) && newest(jobs)->id == slk_u64(id);
    if (found)
        slk_job_cancel(&jobs->job);
    unlock(jobs);
    return found ? SLK_OK : slk_fail(error, SLK_E_NOTFOUND, "that job does not run");
}

static json_t *record_json(page_jobs *jobs, const struct record *r)
{
    const bool going = r->outcome == RUNNING;
    return json_pack("{s:I,s:s,s:I,s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "id",
                     (json_int_t)r->id, "what", *r->to ? "export" : "verify", "sp_id",
                     (json_int_t)r->sp_id, "number", (json_int_t)r->number, "samples",
                     (json_int_t)r->samples, "to", r->to, "by", r->by, "outcome",
                     outcomes[r->outcome], "message", r->why.message, "stage",
                     going ? atomic_load(&jobs->job.stage) : "", "done",
                     (json_int_t)(going ? atomic_load(&jobs->job.done) : 0), "total",
                     (json_int_t)(going ? atomic_load(&jobs->job.total) : 0), "files",
                     (json_int_t)r->copied.files, "bytes", (json_int_t)r->copied.bytes,
                     "started_ms", (json_int_t)r->started_ms, "ended_ms", (json_int_t)r->ended_ms);
}

static slk_err list(slk_buf *out, page_request *request, slk_error *error)
{
    page_jobs *jobs = request->page->jobs;
    SLK_CLEANUP(slk_json_decrefp) json_t *array = json_array();
    int failed = array ? 0 : -1;
    lock(jobs);
    for (uint64_t i = 0; i < KEPT && i < jobs->last_id && failed == 0; i++)
        failed = json_array_append_new(
            array, record_json(jobs, &jobs->records[(jobs->last_id - i) % KEPT]));
    unlock(jobs);
    return failed == 0 ? slk_json_print(out, array) : slk_page_out_of_memory(error);
}

const page_endpoint slk_page_job_endpoints[] = {
    {"GET", "/api/v0/jobs", SLK_ROLE_READ, list},
    {"POST", "/api/v0/jobs/stop", SLK_ROLE_WRITE, stop},
    {"POST", "/api/v0/sectors/{sp_id}/{number}/verify", SLK_ROLE_WRITE, verify},
    {"POST", "/api/v0/sectors/{sp_id}/{number}/export", SLK_ROLE_ADMIN, export},
    {NULL, NULL, SLK_ROLE_NONE, NULL},
};
