/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/cpu.h"

#include "base/clock.h"

#include <cpuid.h>
#include <sched.h>
#include <string.h>

/* source: Intel SDM vol. 2A, CPUID leaves 1 and 7; vol. 1 ch. 13 for XCR0 bits. */
static uint64_t xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

#define HAS(reg, bit, feature) (((reg) >> (bit)) & 1u ? (feature) : 0)

static uint64_t detect(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    uint64_t found = HAS(c, 9, SLK_CPU_SSSE3) | HAS(c, 19, SLK_CPU_SSE41);
    int os_saves = (c >> 27) & 1u;
    uint64_t saved = os_saves ? xcr0() : 0;
    int ymm = (saved & 0x06) == 0x06;
    int zmm = (saved & 0xe6) == 0xe6;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return found;
    found |= HAS(b, 8, SLK_CPU_BMI2) | HAS(b, 19, SLK_CPU_ADX) | HAS(b, 29, SLK_CPU_SHA);
    if (ymm)
        found |= HAS(b, 5, SLK_CPU_AVX2);
    if (zmm)
        found |= HAS(b, 16, SLK_CPU_AVX512F) | HAS(b, 17, SLK_CPU_AVX512DQ) |
                 HAS(b, 21, SLK_CPU_AVX512IFMA) | HAS(b, 30, SLK_CPU_AVX512BW) |
                 HAS(b, 31, SLK_CPU_AVX512VL) | HAS(c, 1, SLK_CPU_AVX512VBMI);
    return found;
}

static const struct level {
    const char *name;
    uint64_t allowed;
} levels[] = {
    {"native", UINT64_MAX},
    {"plain", 0},
    {"sse", SLK_CPU_SSSE3 | SLK_CPU_SSE41 | SLK_CPU_SHA},
    {"avx2",
     SLK_CPU_SSSE3 | SLK_CPU_SSE41 | SLK_CPU_SHA | SLK_CPU_AVX2 | SLK_CPU_BMI2 | SLK_CPU_ADX},
};

static const struct level *find_level(const char *name)
{
    if (!name || !*name)
        return &levels[0];
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(levels[i].name, name) == 0)
            return &levels[i];
    return NULL;
}

uint64_t slk_cpu_features(const char *level)
{
    const struct level *found = find_level(level);
    return found ? detect() & found->allowed : 0;
}

int slk_cpu_level_known(const char *level)
{
    return find_level(level) != NULL;
}

const char *slk_cpu_feature_name(size_t index)
{
    static const char *const names[] = {"sse4.1",   "sha",        "avx2",       "bmi2",
                                        "adx",      "avx512f",    "avx512dq",   "avx512bw",
                                        "avx512vl", "avx512ifma", "avx512vbmi", "ssse3"};
    return index < sizeof names / sizeof *names ? names[index] : NULL;
}

unsigned slk_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}

double slk_cpu_clock_hz(void)
{
    enum { ROUNDS = 8, CHAIN = 100000 }; /* the shortest round has no interruption in it */
    uint64_t best = UINT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t x = 3, start = slk_clock_monotonic_ns();
        for (int i = 0; i < CHAIN; i++)
            __asm__ volatile("imul %0, %0" : "+r"(x));
        uint64_t ns = slk_clock_monotonic_ns() - start;
        best = ns < best ? ns : best;
    }
    return best > 0 ? 3e9 * CHAIN / (double)best : 1e9;
}
