/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/limiter.h"

#include "base/mem.h"
#include "base/rng.h"

#include <pthread.h>

#define BUCKETS 512u
#define WAYS 4u /* keys of one bucket that are remembered */

/* full_at_ms: when all of the burst is there again; its distance to now measures what was taken. */
struct place {
    uint64_t key;
    int64_t full_at_ms;
};

struct slk_limiter {
    pthread_mutex_t lock;
    uint64_t secret;
    int64_t burst_ms;
    int64_t interval_ms;
    struct place places[BUCKETS][WAYS];
};

slk_err slk_limiter_new(slk_limiter **ret_limiter, uint32_t burst, int64_t interval_ms,
                        slk_error *error)
{
    slk_assert(burst > 0 && interval_ms > 0);
    slk_limiter *limiter = slk_calloc(1, sizeof *limiter);
    if (!limiter)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a rate limiter");
    slk_assert(pthread_mutex_init(&limiter->lock, NULL) == 0);
    slk_rng_fill((uint8_t *)&limiter->secret, sizeof limiter->secret);
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

/* FNV-1a from a secret start, then mixed. source: Fowler/Noll/Vo, 64 bits; the finaliser of
 * MurmurHash3 */
static uint64_t hash(uint64_t secret, const char *text)
{
    uint64_t h = secret ^ UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

/* The key's place, or that of whoever in its bucket owes least. */
static struct place *find(slk_limiter *limiter, uint64_t key)
{
    struct place *bucket = limiter->places[key % BUCKETS];
    struct place *least = bucket;
    for (unsigned i = 0; i < WAYS; i++) {
        if (bucket[i].key == key)
            return &bucket[i];
        if (bucket[i].full_at_ms < least->full_at_ms)
            least = &bucket[i];
    }
    *least = (struct place){.key = key, .full_at_ms = INT64_MIN};
    return least;
}

static int64_t ask(slk_limiter *limiter, const char *key, int64_t now_ms, bool take)
{
    slk_assert(pthread_mutex_lock(&limiter->lock) == 0);
    struct place *place = find(limiter, hash(limiter->secret, key));
    const int64_t base = place->full_at_ms > now_ms ? place->full_at_ms : now_ms;
    const int64_t over = base + limiter->interval_ms - now_ms - limiter->burst_ms;
    if (take && over <= 0)
        place->full_at_ms = base + limiter->interval_ms;
    slk_assert(pthread_mutex_unlock(&limiter->lock) == 0);
    return over > 0 ? over : 0;
}

bool slk_limiter_take(slk_limiter *limiter, const char *key, int64_t now_ms)
{
    return ask(limiter, key, now_ms, true) == 0;
}

int64_t slk_limiter_wait(slk_limiter *limiter, const char *key, int64_t now_ms)
{
    return ask(limiter, key, now_ms, false);
}
