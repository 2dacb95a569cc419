/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Instruction-set features that both the processor and the operating system offer.
 *
 * One bit per feature, never a family: a kernel lists exactly the bits it uses. */
#ifndef SLK_BASE_CPU_H
#define SLK_BASE_CPU_H

#include <stddef.h>
#include <stdint.h>

#define SLK_CPU_SSE41 (UINT64_C(1) << 0)
#define SLK_CPU_SHA (UINT64_C(1) << 1)
#define SLK_CPU_AVX2 (UINT64_C(1) << 2)
#define SLK_CPU_BMI2 (UINT64_C(1) << 3)
#define SLK_CPU_ADX (UINT64_C(1) << 4)
#define SLK_CPU_AVX512F (UINT64_C(1) << 5)
#define SLK_CPU_AVX512DQ (UINT64_C(1) << 6)
#define SLK_CPU_AVX512BW (UINT64_C(1) << 7)
#define SLK_CPU_AVX512VL (UINT64_C(1) << 8)
#define SLK_CPU_AVX512IFMA (UINT64_C(1) << 9)
#define SLK_CPU_AVX512VBMI (UINT64_C(1) << 10)
#define SLK_CPU_SSSE3 (UINT64_C(1) << 11)

/* Features of this machine, less what the level masks out.
 * level: NULL or "native" all; "plain" none; "sse" up to SHA-NI; "avx2" all but AVX-512.
 * Unknown level: no feature (the caller validates with slk_cpu_level_known). */
uint64_t slk_cpu_features(const char *level);
int slk_cpu_level_known(const char *level);

/* Name of the feature with that single bit, NULL past the last (index from 0). */
const char *slk_cpu_feature_name(size_t index);

/* Clock of the calling thread's core just now, in Hz, by a chain of dependent multiplications (three
 * cycles each on every x86-64-v2 processor): for cycles per unit in reports. Takes 1 ms. */
double slk_cpu_clock_hz(void);

/* Threads this process may run on (sched affinity), at least 1. */
unsigned slk_cpu_count(void);

#endif
