/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The one mutable file-scope object of the project: set by main before threads start. */
static struct {
    slk_log_level least;
    int fd;
} sink = {SLK_LOG_INFO, STDERR_FILENO};

void slk_log_init(slk_log_level least, int fd)
{
    sink.least = least;
    sink.fd = fd;
}

void slk_log(slk_log_level level, const char *event, const char *format, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (level < sink.least)
        return;
    char line[2048];
    char when[32];
    slk_clock_format(when, sizeof when, slk_clock_wall_ms());
    int head = snprintf(line, sizeof line - 1, "%s %-5s %s ", when, names[level], event);
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
    for (size_t i = 0; i < used; i++)
        if (line[i] == '\n' || line[i] == '\r')
            line[i] = ' ';
    line[used++] = '\n';
    (void)!write(sink.fd, line, used); /* one write keeps lines whole; nowhere to report failure */
}
