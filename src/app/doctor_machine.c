/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/doctor.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "proofs/groth16/prove.h"
#include "seal/disk.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define GIB ((double)(UINT64_C(1) << 30))
#define BIG_SECTOR ((uint64_t)1 << 35) /* where speed and memory begin to matter */
#define FDS_LEAST 4096u
#define BLOCK_BYTES ((size_t)4 << 20)
#define BLOCKS 16u /* 64 MiB are written to measure a disk */
#define DISK_SLOW_BPS 200e6

/* ---- the machine ---- */

static void look_at_processor(slk_doctor *d)
{
    const uint64_t has = slk_cpu_features(NULL);
    if (has & SLK_CPU_SHA)
        slk_doctor_say(d, SLK_HEALTH_GOOD, "sha", NULL, "SHA extensions, %u threads",
                       slk_cpu_count());
    else
        slk_doctor_say(d, SLK_HEALTH_WARNING, "sha",
                       "seal on a processor with SHA extensions (EPYC, Ice Lake and later)",
                       "no SHA extensions: labelling takes several times as long");
    if (has & SLK_CPU_AVX512IFMA)
        slk_doctor_say(d, SLK_HEALTH_GOOD, "avx512", NULL, "AVX-512 with IFMA");
    else
        slk_doctor_say(
            d, SLK_HEALTH_WARNING, "avx512",
            "a processor with AVX-512 IFMA makes trees and proofs faster; see `selkie cpu`",
            "no AVX-512 IFMA: trees and proofs use slower kernels");
}

static void look_at_huge_pages(slk_doctor *d)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 4096);
    if (slk_file_read_all(&text, "/sys/kernel/mm/transparent_hugepage/enabled", NULL) != SLK_OK ||
        strstr(slk_buf_str(&text), "[never]"))
        slk_doctor_say(d, SLK_HEALTH_WARNING, "huge-pages",
                       "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
                       "the system gives no transparent huge pages");
    else
        slk_doctor_say(d, SLK_HEALTH_GOOD, "huge-pages", NULL, "transparent huge pages");
}

/* A node takes all it may have. */
static void look_at_descriptors(slk_doctor *d)
{
    struct rlimit limit = {0};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < FDS_LEAST)
        slk_doctor_say(d, SLK_HEALTH_WARNING, "descriptors",
                       "raise it: LimitNOFILE=65536 in the unit, or ulimit -n 65536",
                       "at most %lu open files", (unsigned long)limit.rlim_max);
    else
        slk_doctor_say(d, SLK_HEALTH_GOOD, "descriptors", NULL, "at most %lu open files",
                       (unsigned long)limit.rlim_max);
}

/* What the kernel knows; whether the time is right only the chain can say. */
static void look_at_clock(slk_doctor *d)
{
    int64_t kept_ms;
    if (!slk_clock_kept_ms(&kept_ms))
        slk_doctor_say(d, SLK_HEALTH_WARNING, "clock-sync", "run chrony or ntpd",
                       "nothing keeps this machine's clock in time");
    else
        slk_doctor_say(d, SLK_HEALTH_GOOD, "clock-sync", NULL, "the clock is kept in time");
}

void slk_doctor_machine(slk_doctor *doctor)
{
    look_at_processor(doctor);
    const uint64_t bytes = slk_mem_available();
    slk_doctor_say(doctor, bytes ? SLK_HEALTH_GOOD : SLK_HEALTH_WARNING, "memory-free",
                   bytes ? NULL : "look at /proc/meminfo", "%.1f GiB of memory are available",
                   (double)bytes / GIB);
    look_at_huge_pages(doctor);
    look_at_descriptors(doctor);
    look_at_clock(doctor);
}

/* ---- disks and memory for the node's sectors ---- */

static slk_err write_blocks(double *ret_bps, const char *folder, slk_error *error)
{
    SLK_CLEANUP(slk_closep) int fd = -1;
    SLK_CLEANUP(slk_freep) uint8_t *block = slk_alloc(1, BLOCK_BYTES);
    if (!block)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    memset(block, 0x5a, BLOCK_BYTES);
    SLK_TRY(slk_file_create_unnamed(&fd, folder, error));
    const uint64_t start = slk_clock_monotonic_ns();
    for (unsigned i = 0; i < BLOCKS; i++)
        SLK_TRY(slk_file_write_at(fd, block, BLOCK_BYTES, i * BLOCK_BYTES, folder, error));
    SLK_TRY(slk_file_sync(fd, folder, error));
    const double seconds = (double)(slk_clock_monotonic_ns() - start) / 1e9;
    *ret_bps = (double)(BLOCKS * BLOCK_BYTES) / (seconds > 0 ? seconds : 1e-9);
    return SLK_OK;
}

static void look_at_disk(slk_doctor *d, const char *check, const char *folder, uint64_t wanted)
{
    uint64_t left = 0;
    double bps = 0;
    slk_error error = {0};
    slk_err code = slk_folder_free_bytes(&left, folder, &error);
    if (code == SLK_OK)
        code = write_blocks(&bps, folder, &error);
    if (!slk_doctor_ok(d, code, &error, check, "make the folder writable for this user"))
        return;
    if (left < wanted)
        slk_doctor_say(d, SLK_HEALTH_FAULT, check,
                       "free some, name another folder, or take smaller sectors (SealProofs in "
                       "[Provider])",
                       "%.1f GiB free, %" PRIu64 " sectors take %.1f GiB", (double)left / GIB,
                       d->sectors, (double)wanted / GIB);
    else if (d->sector_bytes >= BIG_SECTOR && bps < DISK_SLOW_BPS)
        slk_doctor_say(d, SLK_HEALTH_WARNING, check, "use local NVMe disks; see `selkie plan`",
                       "%.1f GiB free, but it writes only %.0f MB/s", (double)left / GIB,
                       bps / 1e6);
    else
        slk_doctor_say(d, SLK_HEALTH_GOOD, check, NULL,
                       "%.1f GiB free (%" PRIu64 " sectors take %.1f), writes %.0f MB/s",
                       (double)left / GIB, d->sectors, (double)wanted / GIB, bps / 1e6);
}

/* A proof (client) takes the most memory; labelling wants two layers in the page cache. */
static void look_at_memory(slk_doctor *d)
{
    const slk_seal_options *o = slk_seal_get_options(d->node->seal);
    uint64_t wanted = 0;
    for (size_t i = 0; i < o->seal_proofs_n; i++) {
        slk_seal_proof proof;
        slk_groth16_memory memory = {0};
        if (slk_seal_proof_registered(&proof, o->seal_proofs[i], NULL) != SLK_OK)
            continue;
        if (d->client &&
            slk_groth16_memory_of(&memory, d->node->crypto, proof.shape, proof.shape->partitions,
                                  slk_cpu_count(), NULL) == SLK_OK)
            wanted = slk_max_u64(wanted, memory.peak);
        if (d->provider)
            wanted = slk_max_u64(wanted, 2 * proof.shape->bytes);
    }
    const uint64_t has = slk_mem_available();
    if (has >= wanted)
        slk_doctor_say(d, SLK_HEALTH_GOOD, "memory", NULL, "%.1f GiB available, %.1f wanted",
                       (double)has / GIB, (double)wanted / GIB);
    else
        slk_doctor_say(d, SLK_HEALTH_WARNING, "memory",
                       "add memory, or make proofs elsewhere; see `selkie plan`",
                       "%.1f GiB available, %.1f wanted for these sectors", (double)has / GIB,
                       (double)wanted / GIB);
}

static uint64_t times(uint64_t bytes, uint64_t n)
{
    uint64_t product;
    return slk_mul_u64(&product, bytes, n) == SLK_OK ? product : UINT64_MAX;
}

void slk_doctor_disks(slk_doctor *doctor)
{
    const slk_seal_options *o = slk_seal_get_options(doctor->node->seal);
    uint64_t peak = 0;
    for (size_t i = 0; i < o->seal_proofs_n; i++)
        peak = slk_max_u64(peak, slk_disk_peak_bytes(o->seal_proofs[i]));
    look_at_memory(doctor);
    if (doctor->provider)
        look_at_disk(doctor, "scratch", o->scratch_folder, times(peak, doctor->sectors));
    if (doctor->client)
        look_at_disk(doctor, "storage", o->storage_folder,
                     times(doctor->sector_bytes + doctor->sector_bytes / 50, doctor->sectors));
}
