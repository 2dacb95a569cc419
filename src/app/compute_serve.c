/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/compute_serve.h"

#include "app/compute_wire.h"
#include "app/prover.h"
#include "base/cond.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/process.h"
#include "codec/json.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define TELL_MS 100 /* how often progress is told */

struct server;

struct running {
    struct running *next;
    struct server *server;
    int64_t id;
    slk_compute_task task;
    slk_gate gate;
    struct told {
        const char *stage;
        uint64_t done, total;
    } * told; /* one for each lane */
};

struct server {
    int fd;
    const slk_seal_prover *prover;
    pthread_mutex_t lock; /* of the list and of sending */
    struct running *first;
};

/* A node that does not hear us is gone. */
static void say(struct server *server, json_t *message)
{
    if (slk_compute_send(server->fd, message, NULL) != SLK_OK)
        _exit(0);
}

/* ---- one task ---- */

static void lane_ended(void *context, size_t index, slk_err code, const slk_error *error)
{
    struct running *r = context;
    const char *why = code == SLK_OK ? "" : slk_error_text(error, code);
    (void)pthread_mutex_lock(&r->server->lock);
    say(r->server, json_pack("{s:s,s:I,s:I,s:i,s:s}", "say", "lane", "id", (json_int_t)r->id,
                             "lane", (json_int_t)index, "code", (int)code, "why", why));
    (void)pthread_mutex_unlock(&r->server->lock);
}

static void free_running(struct running *r)
{
    json_decref((json_t *)(uintptr_t)r->task.request);
    json_decref(r->task.answer);
    slk_gate_done(&r->gate);
    slk_free(r->task.jobs);
    slk_free(r->told);
    slk_free(r);
}

static void *run(void *context)
{
    struct running *r = context;
    struct server *server = r->server;
    slk_error error = {0};
    const slk_err code = slk_compute_do(&r->task, &error);
    json_t *end = json_pack("{s:s,s:I,s:i,s:s}", "say", "end", "id", (json_int_t)r->id, "code",
                            (int)code, "why", code == SLK_OK ? "" : slk_error_text(&error, code));
    if (end && json_object_update(end, r->task.answer) != 0)
        _exit(1); /* out of memory: the node does it again */
    (void)pthread_mutex_lock(&server->lock);
    struct running **at = &server->first;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    say(server, end);
    (void)pthread_mutex_unlock(&server->lock);
    free_running(r);
    return NULL;
}

/* Out of memory, or of threads, is the end of the process: the node tries again after a while. */
static void begin(struct server *server, const json_t *message)
{
    struct running *r = slk_calloc(1, sizeof *r);
    const size_t n = json_array_size(slk_json_member(message, "lanes"));
    pthread_t thread;
    if (!r || n == 0 || n > SLK_COMPUTE_LANES_MAX ||
        slk_json_i64(&r->id, message, "id", NULL) != SLK_OK)
        _exit(1);
    slk_gate_init(&r->gate);
    r->server = server;
    r->told = slk_calloc(n, sizeof *r->told);
    r->task = (slk_compute_task){.prover = server->prover,
                                 .request = json_incref((json_t *)(uintptr_t)message),
                                 .jobs = slk_calloc(n, sizeof(slk_job)),
                                 .n = n,
                                 .gate = &r->gate,
                                 .lane_ended = lane_ended,
                                 .context = r,
                                 .answer = json_object()};
    if (!r->told || !r->task.jobs || !r->task.answer)
        _exit(1);
    for (size_t i = 0; i < n; i++)
        slk_job_init(&r->task.jobs[i]);
    (void)pthread_mutex_lock(&server->lock);
    r->next = server->first;
    server->first = r;
    (void)pthread_mutex_unlock(&server->lock);
    if (pthread_create(&thread, NULL, run, r) != 0 || pthread_detach(thread) != 0)
        _exit(1);
}

/* ---- what is told of running tasks ---- */

/* Lock held; NULL: it has ended meanwhile. */
static struct running *find(const struct server *server, const json_t *message)
{
    int64_t id = 0;
    struct running *r = server->first;
    if (slk_json_i64(&id, message, "id", NULL) != SLK_OK)
        return NULL;
    while (r && r->id != id)
        r = r->next;
    return r;
}

static void cancel(struct running *r, const json_t *message)
{
    uint64_t lane = 0;
    if (slk_json_u64(&lane, message, "lane", NULL) != SLK_OK || lane >= r->task.n)
        return;
    slk_job_cancel(&r->task.jobs[lane]);
    slk_gate_close(&r->gate); /* who waits there looks at no job */
}

static void move_gate(struct running *r, const json_t *message)
{
    uint64_t level = 0;
    const char *state = "";
    if (slk_json_u64(&level, message, "level", NULL) != SLK_OK ||
        slk_json_string(&state, message, "state", NULL) != SLK_OK)
        return;
    (void)slk_gate_raise(&r->gate, level);
    if (strcmp(state, "broken") == 0)
        slk_gate_break(&r->gate);
    else if (strcmp(state, "closed") == 0)
        slk_gate_close(&r->gate);
}

static void take(struct server *server, const json_t *message)
{
    const char *what = "";
    if (slk_json_string(&what, message, "do", NULL) != SLK_OK)
        _exit(1);
    const bool is_cancel = strcmp(what, "cancel") == 0;
    if (!is_cancel && strcmp(what, "gate") != 0) {
        begin(server, message);
        return;
    }
    (void)pthread_mutex_lock(&server->lock);
    struct running *r = find(server, message);
    if (r && is_cancel)
        cancel(r, message);
    else if (r)
        move_gate(r, message);
    (void)pthread_mutex_unlock(&server->lock);
}

/* ---- progress ---- */

static void tell_progress(struct server *server, struct running *r)
{
    for (size_t i = 0; i < r->task.n; i++) {
        slk_job *job = &r->task.jobs[i];
        const struct told now = {.stage = atomic_load(&job->stage),
                                 .done = atomic_load(&job->done),
                                 .total = atomic_load(&job->total)};
        if (!now.stage || (now.stage == r->told[i].stage && now.done == r->told[i].done &&
                           now.total == r->told[i].total))
            continue;
        r->told[i] = now;
        say(server, json_pack("{s:s,s:I,s:I,s:s,s:I,s:I}", "say", "progress", "id",
                              (json_int_t)r->id, "lane", (json_int_t)i, "stage", now.stage, "done",
                              (json_int_t)now.done, "total", (json_int_t)now.total));
    }
}

static void *tell(void *context)
{
    struct server *server = context;
    pthread_cond_t never;
    if (slk_cond_init(&never) != 0)
        _exit(1);
    (void)pthread_mutex_lock(&server->lock);
    for (;;) {
        (void)slk_cond_wait_ms(&never, &server->lock, TELL_MS);
        for (struct running *r = server->first; r; r = r->next)
            tell_progress(server, r);
    }
    return NULL;
}

/* ---- the process ---- */

static json_t *next_message(int fd, slk_buf *inbox)
{
    json_t *message = NULL;
    for (;;) {
        if (slk_compute_next(&message, inbox, NULL) != SLK_OK)
            _exit(1);
        if (message)
            return message;
        if (slk_compute_receive(inbox, fd, NULL) != SLK_OK)
            _exit(0);
    }
}

_Noreturn void slk_compute_serve(int fd, const slk_seal_prover *prover)
{
    struct server server = {.fd = fd, .prover = prover, .lock = PTHREAD_MUTEX_INITIALIZER};
    slk_buf inbox;
    pthread_t teller;
    slk_buf_init(&inbox, SLK_COMPUTE_MESSAGE_MAX + 4);
    if (pthread_create(&teller, NULL, tell, &server) != 0)
        _exit(1);
    (void)pthread_mutex_lock(&server.lock);
    say(&server, json_pack("{s:s}", "say", "ready"));
    (void)pthread_mutex_unlock(&server.lock);
    for (;;) {
        json_t *message = next_message(fd, &inbox);
        take(&server, message);
        json_decref(message);
    }
}

/* One that was killed with its node may write its last page yet: nobody computes beside it. */
static slk_err wait_for_last(const char *path, slk_error *error)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return slk_fail_errno(error, errno, "cannot open %s", path);
    while (flock(fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return slk_fail_errno(error, errno, "cannot lock %s", path);
    return SLK_OK; /* held until we end */
}

static slk_err start(slk_prover **ret_prover, const json_t *message, slk_error *error)
{
    const char *lock = "";
    int64_t threads = 0;
    slk_crypto *crypto = NULL;
    slk_prover_options options = {0};
    SLK_TRY(slk_json_string(&options.parameters_folder, message, "parameters", error));
    SLK_TRY(slk_json_string(&lock, message, "lock", error));
    SLK_TRY(slk_json_bool(&options.allow_development, message, "development", error));
    SLK_TRY(slk_json_i64(&threads, message, "threads", error));
    SLK_TRY(wait_for_last(lock, error));
    SLK_TRY(slk_crypto_new(&crypto, getenv("SELKIE_CPU"), error));
    options.crypto = crypto;
    options.threads = (unsigned)threads;
    return slk_prover_new(ret_prover, &options, error);
}

_Noreturn void slk_compute_main(const char *descriptor)
{
    slk_set_core_dumps(false);
    slk_allow_open_files();
    slk_log_set_level(SLK_LOG_DEBUG); /* the node picks */
    const int fd = atoi(descriptor);
    slk_buf inbox;
    slk_prover *prover = NULL;
    slk_seal_prover ops;
    slk_error error = {0};
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        _exit(2);
    slk_buf_init(&inbox, SLK_COMPUTE_MESSAGE_MAX + 4);
    json_t *message = next_message(fd, &inbox);
    const slk_err code = start(&prover, message, &error);
    if (code != SLK_OK) {
        slk_log(SLK_LOG_ERROR, "compute.failed", "why=\"%s\"", slk_error_text(&error, code));
        _exit(1);
    }
    json_decref(message);
    slk_buf_done(&inbox);
    slk_prover_fill(&ops, prover);
    slk_compute_serve(fd, &ops);
}
