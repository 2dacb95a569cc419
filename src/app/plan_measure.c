/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/plan_measure.h"

#include "base/aio.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "crypto/sha256/sha256_label.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEST_BYTES (UINT64_C(256) << 20)
#define PIECE_BYTES (UINT64_C(4) << 20)
#define PAGE 4096u
enum { DEPTH = 64, RANDOM_READS = 20000, LABEL_BUDGET_US = 2000 };

static double seconds_since(uint64_t start_ns)
{
    return 1e-9 * (double)(slk_clock_monotonic_ns() - start_ns);
}

/* Value in bytes of a line "key:  n kB" of a file of /proc; 0 when there is none. */
static uint64_t proc_bytes(const char *path, const char *key)
{
    FILE *f = fopen(path, "re");
    char line[160], name[64];
    unsigned long long n, found = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%63[^:]: %llu", name, &n) == 2 && strcmp(name, key) == 0)
            found = n;
    if (f)
        (void)fclose(f);
    return found;
}

static bool huge_pages_on_request(void)
{
    FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    char line[80] = "";
    const bool read = f && fgets(line, sizeof line, f);
    if (f)
        (void)fclose(f);
    return read && !strstr(line, "[never]");
}

static void measure_labels(slk_plan_machine *m, const slk_crypto *crypto)
{
    const slk_label_kernel *kernel;
    m->label_one_ns = slk_label_measure_ns(slk_label_choose(crypto, 1), LABEL_BUDGET_US);
    for (size_t i = 0; (kernel = slk_label_kernel_at(crypto, i)) != NULL; i++)
        if (kernel->lanes > 1 && m->n_kernels < SLK_PLAN_KERNELS)
            m->kernel[m->n_kernels++] = (struct slk_plan_kernel){
                kernel->lanes, slk_label_measure_ns(kernel, LABEL_BUDGET_US) / kernel->lanes};
}

static slk_err measure_kernels(slk_plan_measures *m, slk_bench *bench)
{
    slk_plan_machine *machine = &m->machine;
    SLK_TRY(slk_bench_sha256(bench));
    SLK_TRY(slk_bench_poseidon(bench));
    SLK_TRY(slk_bench_ntt(bench));
    SLK_TRY(slk_bench_msm(bench));
    measure_labels(machine, bench->tool->crypto);
    machine->pair_ns = slk_bench_core_ns(bench, "sha256", "pairs of TreeD");
    machine->node_ns = slk_bench_core_ns(bench, "poseidon", "arity 8");
    machine->column_ns = slk_bench_core_ns(bench, "poseidon", "arity 11");
    machine->butterfly_ns = slk_bench_core_ns(bench, "ntt", "2^20 elements");
    machine->scalar_point_ns = slk_bench_core_ns(bench, "msm", "full scalars, G1");
    machine->one_point_ns = slk_bench_core_ns(bench, "msm", "ones, G1");
    return SLK_OK;
}

static void copy_range(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    (void)worker;
    slk_region *region = context;
    const size_t half = region->bytes / 2;
    memcpy(region->data + half + begin, region->data + begin, end - begin);
}

static slk_err measure_memory(slk_plan_measures *m, slk_bench *bench, slk_error *error)
{
    slk_region region = {0};
    SLK_TRY(slk_region_init(&region, TEST_BYTES, "copying", error));
    double best = 1e9;
    for (int i = 0; i < 4; i++) {
        uint64_t start = slk_clock_monotonic_ns();
        slk_pool_for(bench->tool->pool, TEST_BYTES / 2, PIECE_BYTES, copy_range, &region);
        double s = seconds_since(start);
        best = s < best ? s : best;
    }
    slk_region_done(&region);
    m->copy_bps = (double)(TEST_BYTES / 2) / best;
    m->machine.memory_bytes = proc_bytes("/proc/meminfo", "MemTotal") << 10;
    m->huge_pages_bytes = proc_bytes("/proc/meminfo", "HugePages_Free") *
                          (proc_bytes("/proc/meminfo", "Hugepagesize") << 10);
    m->transparent_huge_pages = huge_pages_on_request();
    return m->machine.memory_bytes > 0
               ? SLK_OK
               : slk_fail(error, SLK_E_IO, "/proc/meminfo does not tell how much memory there is");
}

/* The whole file in order, then the kernel's copy of it is dropped so that reads are reads. */
static slk_err measure_in_order(slk_plan_measures *m, slk_bench *bench, int fd, uint8_t *piece,
                                const char *path, slk_error *error)
{
    slk_job *job = &bench->tool->job;
    uint64_t start = slk_clock_monotonic_ns();
    for (uint64_t at = 0; at < TEST_BYTES; at += PIECE_BYTES) {
        SLK_TRY(slk_job_check(job, error));
        SLK_TRY(slk_file_write_at(fd, piece, PIECE_BYTES, at, path, error));
        slk_job_advance(job, PIECE_BYTES);
    }
    SLK_TRY(slk_file_sync(fd, path, error));
    m->machine.disk_write_bps = (double)TEST_BYTES / seconds_since(start);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    start = slk_clock_monotonic_ns();
    for (uint64_t at = 0; at < TEST_BYTES; at += PIECE_BYTES) {
        SLK_TRY(slk_job_check(job, error));
        SLK_TRY(slk_file_read_at(fd, piece, PIECE_BYTES, at, path, error));
        slk_job_advance(job, PIECE_BYTES);
    }
    m->machine.disk_read_bps = (double)TEST_BYTES / seconds_since(start);
    return SLK_OK;
}

static slk_err measure_random(slk_plan_measures *m, slk_bench *bench, int fd, uint8_t *pages,
                              const char *path, slk_error *error)
{
    slk_aio *aio = NULL;
    slk_aio_done done[DEPTH];
    slk_err code = slk_aio_new(&aio, DEPTH, SLK_AIO_ANY, error);
    uint64_t x = 88172645463325252u, started = 0, ended = 0; /* xorshift, any odd state does */
    (void)slk_aio_make_direct(fd);
    const uint64_t start = slk_clock_monotonic_ns();
    while (code == SLK_OK && ended < RANDOM_READS && seconds_since(start) < 1.0) {
        while (started < RANDOM_READS && slk_aio_room(aio) > 0 && started - ended < DEPTH) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            slk_aio_read(aio, fd, pages + started % DEPTH * PAGE, PAGE,
                         x % (TEST_BYTES / PAGE) * PAGE, path, started);
            started++;
        }
        const size_t n = slk_aio_reap(aio, done, DEPTH, true);
        for (size_t i = 0; i < n && code == SLK_OK; i++)
            code = slk_aio_result(&done[i], error);
        ended += n;
        if (code == SLK_OK)
            code = slk_job_check(&bench->tool->job, error);
    }
    m->machine.disk_iops = (double)ended / seconds_since(start);
    if (aio)
        slk_aio_drain(aio);
    slk_aio_free(aio);
    return code;
}

static slk_err measure_disk(slk_plan_measures *m, slk_bench *bench, slk_error *error)
{
    slk_region region = {0};
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(bench->folder, "disk-test");
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_folder_free_bytes(&m->disk_free_bytes, bench->folder, error));
    SLK_TRY(slk_region_init(&region, PIECE_BYTES, "a piece of a file", error));
    slk_rng_fill(region.data, PIECE_BYTES);
    slk_job_stage(&bench->tool->job, "disk", 2 * TEST_BYTES);
    slk_err code = slk_file_create(&fd, path, 0600, error);
    if (code == SLK_OK) {
        slk_closep(&fd);
        code = slk_file_open_rw(&fd, path, error);
    }
    if (code == SLK_OK)
        code = measure_in_order(m, bench, fd, region.data, path, error);
    if (code == SLK_OK)
        code = measure_random(m, bench, fd, region.data, path, error);
    slk_region_done(&region);
    (void)unlink(path);
    return code;
}

slk_err slk_plan_measure(slk_plan_measures *ret_measures, slk_bench *bench, slk_error *error)
{
    slk_plan_measures m = {.l3_groups = 1, .packages = 1};
    slk_topology topology = {0};
    m.machine.cores = slk_pool_threads(bench->tool->pool);
    if (slk_topology_load(&topology, NULL, NULL) == SLK_OK) {
        m.machine.cores = topology.n_cores;
        m.l3_groups = topology.l3_groups;
        m.packages = topology.packages;
        slk_topology_done(&topology);
    }
    SLK_TRY(measure_kernels(&m, bench));
    SLK_TRY(measure_memory(&m, bench, error));
    SLK_TRY(measure_disk(&m, bench, error));
    *ret_measures = m;
    return SLK_OK;
}
