/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/children.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_TAIL_BYTES 2048u
#define STOP_LOOK_MS 20

/* In the child, between fork and exec: only what is safe there. */
static _Noreturn void become(const slk_child *child, int log_fd, pid_t parent)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127);
    const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(log_fd, STDOUT_FILENO) < 0 ||
        dup2(log_fd, STDERR_FILENO) < 0)
        _exit(127);
    char *argv[SLK_CHILD_ARGS_MAX];
    memcpy(argv, child->argv, sizeof argv);
    (void)execv("/proc/self/exe", argv);
    _exit(127);
}

slk_err slk_child_start(slk_child *child, slk_error *error)
{
    SLK_CLEANUP(slk_closep)
    int log_fd = open(child->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0)
        return slk_fail_errno(error, errno, "cannot open %s", child->log);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0)
        return slk_fail_errno(error, errno, "cannot start %s", child->name);
    if (pid == 0)
        become(child, log_fd, parent);
    child->pid = pid;
    return SLK_OK;
}

/* Last line of the log that holds more than white space, into out. */
static void last_line(char *out, size_t size, const char *path)
{
    char tail[LOG_TAIL_BYTES + 1];
    SLK_CLEANUP(slk_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)snprintf(out, size, "its log %s is empty", path);
    if (fd < 0)
        return;
    const off_t end = lseek(fd, 0, SEEK_END);
    const off_t from = end > (off_t)LOG_TAIL_BYTES ? end - (off_t)LOG_TAIL_BYTES : 0;
    const ssize_t n = pread(fd, tail, LOG_TAIL_BYTES, from);
    if (n <= 0)
        return;
    tail[n] = 0;
    while (*tail && strchr(" \t\r\n", tail[strlen(tail) - 1]))
        tail[strlen(tail) - 1] = 0;
    const char *line = strrchr(tail, '\n');
    if (*tail)
        (void)snprintf(out, size, "%s", line ? line + 1 : tail);
}

slk_err slk_child_check(slk_child *child, slk_error *error)
{
    int status = 0;
    if (child->pid == 0)
        return slk_child_start(child, error);
    const pid_t ended = waitpid(child->pid, &status, WNOHANG);
    if (ended == 0)
        return SLK_OK;
    child->pid = 0;
    if (ended > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        child->killed++;
        (void)fprintf(stderr, "%s was killed: starting it again\n", child->name);
        return slk_child_start(child, error);
    }
    char line[256];
    last_line(line, sizeof line, child->log);
    return slk_fail(error, SLK_E_INTERNAL, "%s ended (%s %d): %s", child->name,
                    WIFSIGNALED(status) ? "signal" : "status",
                    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), line);
}

static bool reap(slk_child *child)
{
    if (child->pid > 0 && waitpid(child->pid, NULL, WNOHANG) != 0)
        child->pid = 0;
    return child->pid == 0;
}

void slk_children_stop(slk_child *children, unsigned n, int64_t wait_ms)
{
    const int64_t until = slk_clock_monotonic_ms() + wait_ms;
    for (unsigned i = 0; i < n; i++)
        if (children[i].pid > 0)
            (void)kill(children[i].pid, SIGTERM);
    bool all = false;
    while (!all && slk_clock_monotonic_ms() < until) {
        all = true;
        for (unsigned i = 0; i < n; i++)
            all = reap(&children[i]) && all;
        if (!all)
            slk_clock_sleep_ms(STOP_LOOK_MS);
    }
    for (unsigned i = 0; i < n; i++) {
        if (children[i].pid == 0)
            continue;
        (void)kill(children[i].pid, SIGKILL);
        (void)waitpid(children[i].pid, NULL, 0);
        children[i].pid = 0;
    }
}

slk_err slk_free_port(uint16_t *ret_port, slk_error *error)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    SLK_CLEANUP(slk_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return slk_fail_errno(error, errno, "cannot find a free port");
    *ret_port = ntohs(address.sin_port);
    return SLK_OK;
}
