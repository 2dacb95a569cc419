/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Memory: heap with checked sizes, scope cleanup, and large anonymous regions. */
#ifndef SLK_BASE_MEM_H
#define SLK_BASE_MEM_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* n * size bytes, uninitialised or zeroed; NULL when out of memory or on overflow. n*size 0 gives
 * a pointer that must be freed. Release with slk_free. */
void *slk_alloc(size_t n, size_t size) SLK_MUST_CHECK;
void *slk_calloc(size_t n, size_t size) SLK_MUST_CHECK;
/* Grows or shrinks; NULL leaves p valid. */
void *slk_realloc(void *p, size_t n, size_t size) SLK_MUST_CHECK;
char *slk_strdup(const char *text) SLK_MUST_CHECK;
/* printf into a fresh string; NULL when out of memory. */
char *slk_strf(const char *format, ...) SLK_PRINTF(1, 2) SLK_MUST_CHECK;
void slk_free(void *p); /* NULL allowed */

/* SLK_CLEANUP(fn) T v: fn(&v) runs when v leaves scope. Set v = NULL once it is handed on. */
#define SLK_CLEANUP(function) __attribute__((cleanup(function)))
void slk_freep(void *pointer_to_pointer); /* for SLK_CLEANUP on heap pointers */
void slk_closep(const int *fd); /* closes when >= 0, keeps errno */

/* A large zero-filled anonymous mapping, page aligned, huge pages where the system offers them. */
typedef struct slk_region {
    uint8_t *data;
    size_t bytes;
} slk_region;

/* bytes > 0. purpose names it in the error. */
SLK_MUST_CHECK slk_err slk_region_init(slk_region *ret_region, size_t bytes, const char *purpose,
                                       slk_error *error);
void slk_region_done(slk_region *region); /* idempotent, zeroed struct allowed */

/* Bytes this process may take without pushing others out: what the kernel calls available, less where
 * its control group (version 2) or one above is limited. 0 when there is none or it is unknown. */
uint64_t slk_mem_available(void);

/* All memory of this machine, or what its control group (version 2) or one above leaves to this process:
 * the smaller. Bytes; total 0: unknown. */
typedef struct slk_mem_machine {
    uint64_t total_bytes;
    uint64_t available_bytes; /* as slk_mem_available, at most the total */
    uint64_t swap_bytes;
    uint64_t swap_used_bytes; /* at most swap_bytes */
} slk_mem_machine;
slk_mem_machine slk_mem_machine_now(void);

/* Memory of each NUMA node in bytes, at most SLK_MEM_NODES_MAX of them, in order; 0: it is unknown. folder:
 * "/sys/devices/system/node", or for tests one like it. */
#define SLK_MEM_NODES_MAX 16u
size_t slk_mem_nodes(uint64_t out[SLK_MEM_NODES_MAX], const char *folder);

/* Peak and current resident anonymous memory of this process in bytes, from /proc/self/status
 * (VmHWM is total; anonymous peak is not kept by the kernel, so callers sample rss_anon). 0 when
 * unknown. */
typedef struct slk_mem_usage {
    uint64_t rss_anon_bytes;
    uint64_t rss_peak_bytes;
} slk_mem_usage;
slk_mem_usage slk_mem_usage_now(void);

#endif
