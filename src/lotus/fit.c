/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whether a task fits into a machine beside what runs there. */
#include "lotus/resources.h"

#include "base/cpu.h"
#include "base/mem.h"
#include "base/num.h"

#include <inttypes.h>

void slk_lotus_machine_done(slk_lotus_machine *machine)
{
    slk_lotus_strings_done(&machine->gpus);
}

slk_err slk_lotus_machine_local(slk_lotus_machine *ret_machine, slk_error *error)
{
    const slk_mem_machine memory = slk_mem_machine_now();
    if (memory.total_bytes == 0)
        return slk_fail(error, SLK_E_UNSUPPORTED,
                        "this system does not tell how much memory it has");
    *ret_machine = (slk_lotus_machine){
        .mem_physical = memory.total_bytes,
        .mem_used = memory.total_bytes - memory.available_bytes,
        .mem_swap = memory.swap_bytes,
        .mem_swap_used = memory.swap_used_bytes,
        .cpus = slk_cpu_count(),
    };
    return SLK_OK;
}

/* source: reference/lotus-worker 7 */
#define NEARLY_ALL_PERCENT 92u

uint64_t slk_lotus_need_threads(const slk_lotus_need *need, uint64_t cpus, size_t gpus)
{
    int64_t threads = need->max_parallelism;
    if (need->gpu_utilization > 0 && gpus > 0 && need->max_parallelism_gpu != 0)
        threads = need->max_parallelism_gpu;
    if (threads >= 0)
        return (uint64_t)threads;
    return slk_max_u64(1, slk_min_u64(cpus, UINT32_MAX) * NEARLY_ALL_PERCENT / 100);
}

/* Sums of numbers from outside: what would overflow is as good as infinite. */
static uint64_t plus(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return slk_add_u64(&sum, a, b) == SLK_OK ? sum : UINT64_MAX;
}

static uint64_t minus_floor(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static double gpu_share(const slk_lotus_need *need, const slk_lotus_machine *machine)
{
    return machine->gpus.n > 0 ? need->gpu_utilization : 0;
}

void slk_lotus_load_add(slk_lotus_load *load, slk_lotus_task task, int64_t proof,
                        const slk_lotus_need *need, const slk_lotus_machine *machine)
{
    slk_assert(task < SLK_LOTUS_TASKS && proof >= 0 && proof < SLK_LOTUS_PROOFS);
    load->mem_min += need->min_memory + need->base_min_memory;
    load->mem_max += need->max_memory + need->base_min_memory;
    load->threads += slk_lotus_need_threads(need, machine->cpus, machine->gpus.n);
    load->gpus += gpu_share(need, machine);
    load->running[task][proof]++;
}

slk_lotus_need slk_lotus_need_in_batch(const slk_lotus_need *need, const slk_lotus_load *load,
                                       const slk_lotus_machine *machine)
{
    slk_lotus_need shared = *need;
    const uint64_t threads = slk_lotus_need_threads(need, machine->cpus, machine->gpus.n);
    const uint64_t left = minus_floor(machine->cpus, load->threads);
    shared.gpu_utilization = 0;
    shared.max_parallelism = slk_i64(slk_min_u64(threads, left));
    return shared;
}

slk_lotus_fit slk_lotus_fits(const slk_lotus_machine *machine, const slk_lotus_load *load,
                             slk_lotus_task task, int64_t proof, const slk_lotus_need *need,
                             bool ignore)
{
    slk_assert(task < SLK_LOTUS_TASKS && proof >= 0 && proof < SLK_LOTUS_PROOFS);
    if (need->max_concurrent > 0 && load->running[task][proof] >= need->max_concurrent)
        return SLK_LOTUS_NO_SLOT;
    if (ignore)
        return SLK_LOTUS_FITS;
    if (plus(need->min_memory, need->base_min_memory) >
        minus_floor(machine->mem_physical, load->mem_min))
        return SLK_LOTUS_NO_MEMORY;
    const uint64_t used =
        slk_max_u64(load->mem_max, plus(machine->mem_used, machine->mem_swap_used));
    if (plus(need->max_memory, need->base_min_memory) >
        minus_floor(plus(machine->mem_physical, machine->mem_swap), used))
        return SLK_LOTUS_NO_SWAP;
    if (plus(load->threads, slk_lotus_need_threads(need, machine->cpus, machine->gpus.n)) >
        machine->cpus)
        return SLK_LOTUS_NO_CPU;
    if (machine->gpus.n > 0 && need->gpu_utilization > 0 &&
        load->gpus + need->gpu_utilization > (double)machine->gpus.n)
        return SLK_LOTUS_NO_GPU;
    return SLK_LOTUS_FITS;
}

const char *slk_lotus_fit_name(slk_lotus_fit fit)
{
    static const char *const names[] = {
        [SLK_LOTUS_FITS] = "nothing",
        [SLK_LOTUS_NO_SLOT] = "a slot (as many of this task run as may)",
        [SLK_LOTUS_NO_MEMORY] = "physical memory",
        [SLK_LOTUS_NO_SWAP] = "memory with swap",
        [SLK_LOTUS_NO_CPU] = "processors",
        [SLK_LOTUS_NO_GPU] = "graphics processors",
    };
    return names[fit];
}

static double share(double used, double all)
{
    return all > 0 ? used / all : 0;
}

double slk_lotus_utilization(const slk_lotus_machine *machine, const slk_lotus_load *load)
{
    const double shares[] = {
        share((double)load->threads, (double)machine->cpus),
        share((double)load->mem_min, (double)machine->mem_physical),
        share((double)load->mem_max, (double)plus(machine->mem_physical, machine->mem_swap)),
        share(load->gpus, (double)machine->gpus.n),
    };
    double most = 0;
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        most = shares[i] > most ? shares[i] : most;
    return most;
}
