/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/log.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The one mutable file-scope object of the project. */
static struct {
    _Atomic int least;
    int fd; /* set by main before threads start */
    pthread_mutex_t lock; /* of the file */
    char *path; /* NULL: no file */
    int file; /* -1: to be opened */
    uint64_t bytes, max_bytes;
    unsigned kept;
} sink = {SLK_LOG_INFO, STDERR_FILENO, PTHREAD_MUTEX_INITIALIZER, NULL, -1, 0, 0, 0};

static const char *const level_names[] = {"debug", "info", "warn", "error"};
#define LEVELS (sizeof level_names / sizeof *level_names)

void slk_log_init(slk_log_level least, int fd)
{
    sink.fd = fd;
    slk_log_set_level(least);
}

void slk_log_set_level(slk_log_level least)
{
    atomic_store_explicit(&sink.least, (int)least, memory_order_relaxed);
}

slk_log_level slk_log_get_level(void)
{
    return (slk_log_level)atomic_load_explicit(&sink.least, memory_order_relaxed);
}

const char *slk_log_level_name(slk_log_level level)
{
    return (size_t)level < LEVELS ? level_names[level] : "none";
}

bool slk_log_level_read(slk_log_level *ret_level, const char *name)
{
    for (size_t i = 0; i < LEVELS; i++) {
        if (strcmp(level_names[i], name) != 0)
            continue;
        *ret_level = (slk_log_level)i;
        return true;
    }
    return false;
}

/* ---- the file, under its lock ---- */

static void close_now(void)
{
    if (sink.file >= 0)
        (void)close(sink.file);
    sink.file = -1;
}

static bool open_now(void)
{
    struct stat info;
    sink.file = open(sink.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (sink.file < 0)
        return false;
    sink.bytes = fstat(sink.file, &info) == 0 ? (uint64_t)info.st_size : 0;
    return true;
}

/* <path>.1 to <path>.2 and so on from the far end, then <path> to <path>.1. */
static void rotate(void)
{
    close_now();
    for (unsigned i = sink.kept; i > 0; i--) {
        SLK_CLEANUP(slk_freep) char *to = slk_strf("%s.%u", sink.path, i);
        SLK_CLEANUP(slk_freep)
        char *from = i > 1 ? slk_strf("%s.%u", sink.path, i - 1) : slk_strdup(sink.path);
        if (from && to)
            (void)rename(from, to); /* absent at first; a full disk keeps the long file */
    }
    if (sink.kept == 0)
        (void)unlink(sink.path);
}

static void write_to_file(const char *line, size_t n)
{
    (void)pthread_mutex_lock(&sink.lock);
    if (sink.path && sink.file >= 0 && sink.bytes > 0 && sink.bytes + n > sink.max_bytes)
        rotate();
    if (sink.path && (sink.file >= 0 || open_now())) {
        const ssize_t wrote = write(sink.file, line, n);
        sink.bytes += wrote > 0 ? (uint64_t)wrote : 0;
    }
    (void)pthread_mutex_unlock(&sink.lock);
}

slk_err slk_log_open_file(const char *path, uint64_t max_bytes, unsigned kept, slk_error *error)
{
    char *copy = slk_strdup(path);
    if (!copy)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the log");
    (void)pthread_mutex_lock(&sink.lock);
    close_now();
    slk_free(sink.path);
    sink.path = copy;
    sink.max_bytes = max_bytes;
    sink.kept = kept;
    const int why = open_now() ? 0 : errno;
    (void)pthread_mutex_unlock(&sink.lock);
    return why ? slk_fail_errno(error, why, "cannot open the log file %s", path) : SLK_OK;
}

void slk_log_close_file(void)
{
    (void)pthread_mutex_lock(&sink.lock);
    close_now();
    slk_free(sink.path);
    sink.path = NULL;
    (void)pthread_mutex_unlock(&sink.lock);
}

/* ---- one line ---- */

/* Blanks for the control characters of ASCII and, as UTF-8, of ISO 8859: what could move a terminal's
 * cursor or begin another line. */
static void harmless(char *line, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)line[i];
        const bool two = c == 0xc2 && i + 1 < n && (unsigned char)line[i + 1] >= 0x80 &&
                         (unsigned char)line[i + 1] < 0xa0;
        if (two)
            line[i + 1] = ' ';
        if (two || c < 0x20 || c == 0x7f)
            line[i] = ' ';
    }
}

void slk_log(slk_log_level level, const char *event, const char *format, ...)
{
    if (level < slk_log_get_level())
        return;
    char line[2048];
    char when[32];
    slk_clock_format(when, sizeof when, slk_clock_wall_ms());
    int head =
        snprintf(line, sizeof line - 1, "%s %-5s %s ", when, slk_log_level_name(level), event);
    if (head < 0)
        return;
    size_t used = (size_t)head;
    va_list args;
    va_start(args, format);
    int body = vsnprintf(line + used, sizeof line - 1 - used, format, args);
    va_end(args);
    if (body > 0)
        used += (size_t)body;
    if (used > sizeof line - 2)
        used = sizeof line - 2;
    line[used] = 0;
    slk_text_mend(line);
    used = strlen(line);
    harmless(line, used);
    line[used++] = '\n';
    (void)!write(sink.fd, line, used); /* one write keeps lines whole; nowhere to report failure */
    write_to_file(line, used);
}
