/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "monitor/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* The number behind "field:" in /proc/self/status; -1 when it is not there. */
static int64_t status_number(const char *text, const char *field)
{
    const char *at = strstr(text, field);
    return at ? strtoll(at + strlen(field), NULL, 10) : -1;
}

static int64_t count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return -1;
    int64_t n = 0;
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n - 3; /* ".", ".." and the folder itself */
}

static void expose_one(slk_exposition *x, const char *name, const char *help, double value)
{
    if (value < 0)
        return;
    slk_expose_family(x, name, SLK_METRIC_GAUGE, help);
    slk_expose(x, SLK_NO_LABELS, value);
}

void slk_process_expose(slk_exposition *exposition, int64_t started_ms)
{
    char status[8192] = "";
    FILE *file = fopen("/proc/self/status", "re");
    if (file) {
        status[fread(status, 1, sizeof status - 1, file)] = 0;
        (void)fclose(file);
    }
    const int64_t rss_kib = status_number(status, "\nVmRSS:");
    const int64_t virtual_kib = status_number(status, "\nVmSize:");
    struct timespec cpu = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    struct rlimit fds = {0};
    slk_expose_family(exposition, "process_cpu_seconds_total", SLK_METRIC_COUNTER,
                      "Processor time used.");
    slk_expose(exposition, SLK_NO_LABELS, (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    expose_one(exposition, "process_resident_memory_bytes", "Memory in use.",
               (double)rss_kib * 1024);
    expose_one(exposition, "process_virtual_memory_bytes", "Address space in use.",
               (double)virtual_kib * 1024);
    expose_one(exposition, "process_threads", "Threads.",
               (double)status_number(status, "\nThreads:"));
    expose_one(exposition, "process_open_fds", "Open file descriptors.", (double)count_fds());
    if (getrlimit(RLIMIT_NOFILE, &fds) == 0)
        expose_one(exposition, "process_max_fds", "Most file descriptors allowed.",
                   (double)fds.rlim_cur);
    expose_one(exposition, "process_start_time_seconds", "Start, in seconds since 1970.",
               (double)started_ms / 1000);
}
