/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/limiter.h"

#include "base/mem.h"

#include <pthread.h>

#define SLOTS 256u

/* Time at which the slot would be full again; the distance to now measures what was taken. */
struct slk_limiter {
    pthread_mutex_t lock;
    int64_t burst_ms;
    int64_t interval_ms;
    int64_t full_at_ms[SLOTS];
};

slk_err slk_limiter_new(slk_limiter **ret_limiter, uint32_t burst, int64_t interval_ms,
                        slk_error *error)
{
    slk_assert(burst > 0 && interval_ms > 0);
    slk_limiter *limiter = slk_calloc(1, sizeof *limiter);
    if (!limiter)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a rate limiter");
    slk_assert(pthread_mutex_init(&limiter->lock, NULL) == 0);
    limiter->interval_ms = interval_ms;
    limiter->burst_ms = (int64_t)burst * interval_ms;
    *ret_limiter = limiter;
    return SLK_OK;
}

void slk_limiter_free(slk_limiter *limiter)
{
    if (!limiter)
        return;
    (void)pthread_mutex_destroy(&limiter->lock);
    slk_free(limiter);
}

/* FNV-1a. source: the Fowler/Noll/Vo hash, 32 bits */
static uint32_t hash(const char *text)
{
    uint32_t h = 2166136261u;
    for (; *text; text++)
        h = (uint32_t)(((uint64_t)(h ^ (unsigned char)*text) * 16777619u) & UINT32_MAX);
    return h;
}

static bool look(slk_limiter *limiter, const char *address, int64_t now_ms, bool take)
{
    int64_t *full_at = &limiter->full_at_ms[hash(address) % SLOTS];
    slk_assert(pthread_mutex_lock(&limiter->lock) == 0);
    const int64_t base = *full_at > now_ms ? *full_at : now_ms;
    const bool allowed = base + limiter->interval_ms - now_ms <= limiter->burst_ms;
    if (allowed && take)
        *full_at = base + limiter->interval_ms;
    slk_assert(pthread_mutex_unlock(&limiter->lock) == 0);
    return allowed;
}

bool slk_limiter_take(slk_limiter *limiter, const char *address, int64_t now_ms)
{
    return look(limiter, address, now_ms, true);
}

bool slk_limiter_has(slk_limiter *limiter, const char *address, int64_t now_ms)
{
    return look(limiter, address, now_ms, false);
}
