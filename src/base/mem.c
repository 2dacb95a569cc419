/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/mem.h"

#include "base/num.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *slk_alloc(size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return malloc(bytes ? bytes : 1);
}

void *slk_calloc(size_t n, size_t size)
{
    return calloc(n ? n : 1, size ? size : 1);
}

void *slk_realloc(void *p, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return realloc(p, bytes ? bytes : 1);
}

char *slk_strdup(const char *text)
{
    return strdup(text);
}

char *slk_strf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int n = vasprintf(&text, format, args);
    va_end(args);
    return n < 0 ? NULL : text;
}

void slk_free(void *p)
{
    free(p);
}

void slk_freep(void *pointer_to_pointer)
{
    void *p;
    memcpy(&p, pointer_to_pointer, sizeof p);
    free(p);
}

void slk_closep(const int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    (void)close(*fd);
    errno = saved;
}

slk_err slk_region_init(slk_region *ret_region, size_t bytes, const char *purpose, slk_error *error)
{
    slk_assert(bytes > 0);
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return slk_fail(error, SLK_E_NOMEM, "cannot get %zu bytes of memory for %s", bytes,
                        purpose);
    (void)madvise(p, bytes, MADV_HUGEPAGE); /* advice only; absent on some kernels */
    ret_region->data = p;
    ret_region->bytes = bytes;
    return SLK_OK;
}

void slk_region_done(slk_region *region)
{
    if (region->data)
        (void)munmap(region->data, region->bytes);
    region->data = NULL;
    region->bytes = 0;
}

/* The number in a file of one, UINT64_MAX when it has none ("max", or no such file). */
static uint64_t number_in_file(const char *path)
{
    unsigned long long number;
    FILE *file = fopen(path, "re");
    if (!file)
        return UINT64_MAX;
    const int found = fscanf(file, "%llu", &number);
    (void)fclose(file);
    return found == 1 ? number : UINT64_MAX;
}

/* Bytes of files' pages in the group, which the kernel gives up before it kills. */
static uint64_t file_pages(const char *path)
{
    uint64_t bytes = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    char line[128];
    while (fgets(line, sizeof line, file)) {
        unsigned long long number;
        if (sscanf(line, "inactive_file %llu", &number) == 1 ||
            sscanf(line, "active_file %llu", &number) == 1)
            bytes += number;
    }
    (void)fclose(file);
    return bytes;
}

/* source: Linux Documentation/admin-guide/cgroup-v2.rst, memory interface files */
static uint64_t number_of(const char *group, const char *file)
{
    char path[640];
    (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", group, file);
    return number_in_file(path);
}

static uint64_t memory_of(const char *group)
{
    return number_of(group, "memory.max");
}

static uint64_t swap_of(const char *group)
{
    return number_of(group, "memory.swap.max");
}

static uint64_t room_of(const char *group)
{
    char path[640];
    const uint64_t most = memory_of(group);
    uint64_t used = number_of(group, "memory.current");
    if (most == UINT64_MAX || used == UINT64_MAX)
        return UINT64_MAX;
    (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.stat", group);
    const uint64_t files = file_pages(path);
    used -= files < used ? files : used;
    return most > used ? most - used : 0;
}

/* The least of what `of` says of the process's group and all above it, whose limits hold, too. */
static uint64_t least_of_groups(uint64_t (*of)(const char *group))
{
    char group[512];
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file)
        return UINT64_MAX;
    const int found = fscanf(file, "0::%511s", group);
    (void)fclose(file);
    if (found != 1)
        return UINT64_MAX;
    uint64_t least = of(group);
    for (char *end = strrchr(group, '/'); end; end = strrchr(group, '/')) {
        *end = '\0';
        least = slk_min_u64(least, of(group));
    }
    return least;
}

struct meminfo {
    uint64_t total, available, swap_total, swap_free; /* bytes; 0 where it is not said */
};

static struct meminfo read_meminfo(void)
{
    struct meminfo found = {0};
    const struct {
        const char *name;
        uint64_t *bytes;
    } lines[] = {{"MemTotal:", &found.total},
                 {"MemAvailable:", &found.available},
                 {"SwapTotal:", &found.swap_total},
                 {"SwapFree:", &found.swap_free}};
    FILE *file = fopen("/proc/meminfo", "re");
    if (!file)
        return found;
    char line[256];
    while (fgets(line, sizeof line, file))
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
            unsigned long long kib;
            const size_t skip = strlen(lines[i].name);
            if (strncmp(line, lines[i].name, skip) == 0 &&
                sscanf(line + skip, "%llu kB", &kib) == 1)
                *lines[i].bytes = kib * 1024;
        }
    (void)fclose(file);
    return found;
}

uint64_t slk_mem_available(void)
{
    return slk_min_u64(read_meminfo().available, least_of_groups(room_of));
}

slk_mem_machine slk_mem_machine_now(void)
{
    const struct meminfo found = read_meminfo();
    slk_mem_machine m = {.total_bytes = slk_min_u64(found.total, least_of_groups(memory_of)),
                         .swap_bytes = slk_min_u64(found.swap_total, least_of_groups(swap_of))};
    m.available_bytes =
        slk_min_u64(m.total_bytes, slk_min_u64(found.available, least_of_groups(room_of)));
    m.swap_used_bytes = slk_min_u64(
        m.swap_bytes, found.swap_total - slk_min_u64(found.swap_total, found.swap_free));
    return m;
}

/* "Node 0 MemTotal:  1234 kB"; 0: there is no such node, or it does not tell. */
static uint64_t node_bytes(const char *folder, unsigned node)
{
    char path[256], line[256];
    unsigned long long kib = 0;
    (void)snprintf(path, sizeof path, "%.200s/node%u/meminfo", folder, node);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (kib == 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "Node %*u MemTotal: %llu kB", &kib) != 1)
            kib = 0;
    (void)fclose(file);
    return kib * 1024;
}

size_t slk_mem_nodes(uint64_t out[SLK_MEM_NODES_MAX], const char *folder)
{
    size_t n = 0;
    for (unsigned node = 0; node < SLK_MEM_NODES_MAX; node++) {
        const uint64_t bytes = node_bytes(folder, node);
        if (bytes > 0) /* numbers may be left out, and nodes be without memory */
            out[n++] = bytes;
    }
    return n;
}

slk_mem_usage slk_mem_usage_now(void)
{
    slk_mem_usage usage = {0};
    FILE *status = fopen("/proc/self/status", "re");
    if (!status)
        return usage;
    char line[256];
    while (fgets(line, sizeof line, status)) {
        unsigned long long kib;
        if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
            usage.rss_anon_bytes = kib * 1024;
        else if (sscanf(line, "VmHWM: %llu kB", &kib) == 1)
            usage.rss_peak_bytes = kib * 1024;
    }
    (void)fclose(status);
    return usage;
}
