/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/compute_impl.h"
#include "app/compute_serve.h"
#include "app/compute_wire.h"
#include "app/log_lines.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGAIN_MS 100 /* before it is started again; doubled each time that it fails at once */
#define AGAIN_MAX_MS 30000
#define STEADY_MS 10000 /* one that lived so long had no trouble with starting */
#define SEND_S 5 /* it always reads */
#define LINE_BYTES 4096u

/* What the thread has of one process. */
struct process {
    slk_compute *compute;
    pid_t pid;
    int fd, log_fd;
    slk_buf inbox;
    char line[LINE_BYTES];
    size_t line_n;
    int64_t started_ms;
};

/* ---- its log ---- */

static void relay_line(const char *line)
{
    char text[LINE_BYTES], event[64];
    char level_name[8];
    int at = 0;
    slk_log_level level = SLK_LOG_WARN;
    if (sscanf(line, "%*24s %7s %63s %n", level_name, event, &at) == 2 && at > 0 &&
        slk_log_level_read(&level, level_name)) {
        slk_log(level, event, "%s", line + at);
        return;
    }
    (void)snprintf(text, sizeof text, "%s", line);
    slk_text_quotable(text);
    if (*text)
        slk_log(SLK_LOG_WARN, "compute.says", "text=\"%s\"", text);
}

/* What is there now; false at the end. */
static bool relay_log(struct process *p)
{
    for (;;) {
        const ssize_t n = read(p->log_fd, p->line + p->line_n, LINE_BYTES - 1 - p->line_n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        p->line_n += (size_t)n;
        p->line[p->line_n] = 0;
        char *end;
        while ((end = memchr(p->line, '\n', p->line_n)) != NULL || p->line_n == LINE_BYTES - 1) {
            const size_t used = end ? (size_t)(end - p->line) + 1 : p->line_n;
            if (end)
                *end = 0;
            relay_line(p->line);
            p->line_n -= used;
            memmove(p->line, p->line + used, p->line_n + 1);
        }
    }
}

/* ---- what it says ---- */

/* Lock held. */
static slk_err take_progress(slk_compute *c, slk_compute_state *lane, const json_t *message,
                             slk_error *error)
{
    const char *stage = "";
    SLK_TRY(slk_json_string(&stage, message, "stage", error));
    SLK_TRY(slk_json_u64(&lane->done, message, "done", error));
    SLK_TRY(slk_json_u64(&lane->total, message, "total", error));
    lane->stage = slk_stage_names_keep(&c->stages, stage, "work");
    lane->moved = true;
    return SLK_OK;
}

static slk_err take_of_call(slk_compute *c, slk_compute_call *call, const char *what,
                            json_t *message, slk_error *error)
{
    uint64_t lane = 0;
    if (strcmp(what, "end") == 0) {
        json_decref(call->answer);
        call->answer = json_incref(message);
        return SLK_OK;
    }
    SLK_TRY(slk_json_u64(&lane, message, "lane", error));
    if (lane >= call->n)
        return slk_fail(error, SLK_E_PROTO, "it told of a sector that it was not given");
    slk_compute_state *state = &call->lanes[lane];
    if (strcmp(what, "progress") == 0)
        return take_progress(c, state, message, error);
    state->error = (slk_error){0};
    state->code = slk_compute_outcome(message, &state->error);
    state->ended = true;
    return SLK_OK;
}

static slk_err take(slk_compute *c, json_t *message, slk_error *error)
{
    const char *what = "";
    int64_t id = 0;
    SLK_TRY(slk_json_string(&what, message, "say", error));
    if (strcmp(what, "ready") == 0) {
        c->ready = true;
        (void)pthread_cond_broadcast(&c->moved);
        return SLK_OK;
    }
    SLK_TRY(slk_json_i64(&id, message, "id", error));
    slk_compute_call *call = c->calls;
    while (call && call->id != id)
        call = call->next;
    if (!call)
        return SLK_OK; /* given up meanwhile */
    SLK_TRY(take_of_call(c, call, what, message, error));
    (void)pthread_cond_signal(call->woken);
    return SLK_OK;
}

/* Reads once; its log comes first, because it was written first. */
static slk_err hear(struct process *p, slk_error *error)
{
    slk_compute *c = p->compute;
    SLK_TRY(slk_compute_receive(&p->inbox, p->fd, error));
    (void)relay_log(p);
    for (;;) {
        SLK_CLEANUP(slk_json_decrefp) json_t *message = NULL;
        SLK_TRY(slk_compute_next(&message, &p->inbox, error));
        if (!message)
            return SLK_OK;
        (void)pthread_mutex_lock(&c->lock);
        const slk_err code = take(c, message, error);
        (void)pthread_mutex_unlock(&c->lock);
        SLK_TRY(code);
    }
}

/* Until it is gone, or what it says makes no sense. */
static void hear_all(struct process *p)
{
    slk_error error = {0};
    slk_err code = SLK_OK;
    bool logs = true;
    while (code == SLK_OK) {
        struct pollfd at[] = {{.fd = p->fd, .events = POLLIN},
                              {.fd = logs ? p->log_fd : -1, .events = POLLIN}};
        if (poll(at, 2, -1) < 0)
            continue;
        if (at[1].revents)
            logs = relay_log(p);
        if (at[0].revents)
            code = hear(p, &error);
    }
    if (code != SLK_E_UNREACHABLE)
        slk_log(SLK_LOG_ERROR, "compute.nonsense", "why=\"%s\"", slk_error_text(&error, code));
}

/* ---- starting ---- */

/* Between fork and exec: only what is safe there. Signals stay blocked: those that end the node come to
 * its whole group, and it ends us when its tasks have ended. */
static _Noreturn void become(char *const *argv, int fd, int log_fd, pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0 || fcntl(fd, F_SETFD, 0) != 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
        dup2(log_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0)
        _exit(127);
    (void)execv("/proc/self/exe", argv);
    _exit(127);
}

static slk_err fork_it(struct process *p, int fd, int log_fd, slk_error *error)
{
    char word[] = SLK_COMPUTE_WORD, name[] = "selkie", number[16];
    (void)snprintf(number, sizeof number, "%d", fd);
    char *const argv[] = {name, word, number, NULL};
    const pid_t parent = getpid();
    p->pid = fork();
    if (p->pid < 0)
        return slk_fail_errno(error, errno, "cannot start a process to compute");
    if (p->pid == 0)
        become(argv, fd, log_fd, parent);
    return SLK_OK;
}

static slk_err begin(struct process *p, slk_error *error)
{
    slk_compute *c = p->compute;
    int pair[2], log[2];
    const struct timeval limit = {.tv_sec = SEND_S};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return slk_fail_errno(error, errno, "cannot make sockets for a process");
    p->fd = pair[0];
    SLK_CLEANUP(slk_closep) int theirs = pair[1];
    (void)setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (pipe2(log, O_CLOEXEC) != 0)
        return slk_fail_errno(error, errno, "cannot make a pipe for a process");
    p->log_fd = log[0];
    SLK_CLEANUP(slk_closep) int their_log = log[1];
    (void)fcntl(p->log_fd, F_SETFL, O_NONBLOCK);
    SLK_TRY(fork_it(p, theirs, their_log, error));
    return slk_compute_send(p->fd,
                            json_pack("{s:s,s:s,s:s,s:b,s:i}", "do", "start", "parameters",
                                      c->parameters_folder, "lock", c->lock_file, "development",
                                      c->development, "threads", (int)c->threads),
                            error);
}

/* ---- ending ---- */

static void tell_how(slk_compute *c, int status)
{
    const char *name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;
    if (WIFSIGNALED(status))
        (void)snprintf(c->how, sizeof c->how, "by signal %d (%s)", WTERMSIG(status),
                       name ? name : "?");
    else
        (void)snprintf(c->how, sizeof c->how, "with status %d", WEXITSTATUS(status));
}

/* Reaps it and lets its tasks know. */
static void end(struct process *p)
{
    slk_compute *c = p->compute;
    int status = 0;
    (void)kill(p->pid, SIGKILL); /* one that only closed its socket */
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    (void)relay_log(p);
    (void)pthread_mutex_lock(&c->lock);
    tell_how(c, status);
    if (!c->stopping)
        slk_log(SLK_LOG_ERROR, "compute.ended",
                "how=\"%s\" pid=%d killed=%d next=\"started again\"", c->how, (int)p->pid,
                c->killed);
    for (slk_compute_call *call = c->calls; call; call = call->next) {
        call->lost = true;
        call->killed = c->killed;
        (void)pthread_cond_signal(call->woken);
    }
    if (!c->ready && !c->killed)
        c->failed_starts++;
    c->ready = c->killed = false;
    c->pid = 0;
    c->fd = -1;
    (void)pthread_cond_broadcast(&c->moved);
    (void)pthread_mutex_unlock(&c->lock);
}

void slk_compute_kill(slk_compute *compute, const char *why)
{
    if (compute->pid == 0 || compute->killed)
        return;
    compute->killed = true;
    slk_log(SLK_LOG_WARN, "compute.kill", "pid=%d why=\"%s\"", (int)compute->pid, why);
    (void)kill(compute->pid, SIGKILL);
}

/* One process from its start to its end. */
static void live(struct process *p)
{
    slk_compute *c = p->compute;
    slk_error error = {0};
    p->started_ms = slk_clock_monotonic_ms();
    const slk_err code = begin(p, &error);
    (void)pthread_mutex_lock(&c->lock);
    if (p->pid > 0) {
        c->pid = p->pid;
        c->fd = p->fd;
        if (c->stopping)
            (void)shutdown(c->fd, SHUT_RDWR);
    } else {
        c->failed_starts++;
        (void)snprintf(c->how, sizeof c->how, "before it began");
        (void)pthread_cond_broadcast(&c->moved);
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (code != SLK_OK)
        slk_log(SLK_LOG_ERROR, "compute.start", "why=\"%s\"", slk_error_text(&error, code));
    else
        hear_all(p);
    if (p->pid > 0)
        end(p);
}

void *slk_compute_supervise(void *compute)
{
    slk_compute *c = compute;
    int64_t again_ms = AGAIN_MS;
    for (bool more = true; more;) {
        struct process p = {.compute = c, .fd = -1, .log_fd = -1};
        slk_buf_init(&p.inbox, SLK_COMPUTE_MESSAGE_MAX + 65536);
        live(&p);
        slk_buf_done(&p.inbox);
        slk_closep(&p.fd);
        slk_closep(&p.log_fd);
        const bool steady = slk_clock_monotonic_ms() - p.started_ms >= STEADY_MS;
        again_ms = steady ? AGAIN_MS : again_ms;
        const int64_t due = slk_clock_monotonic_ms() + again_ms;
        again_ms = again_ms * 2 < AGAIN_MAX_MS ? again_ms * 2 : AGAIN_MAX_MS;
        (void)pthread_mutex_lock(&c->lock);
        while (!c->stopping && slk_clock_monotonic_ms() < due)
            (void)slk_cond_wait_ms(&c->moved, &c->lock, due - slk_clock_monotonic_ms());
        more = !c->stopping;
        (void)pthread_mutex_unlock(&c->lock);
    }
    return NULL;
}
