/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/turnstile.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/limiter.h"

#include <pthread.h>
#include <stdio.h>

#define PLACES 256u /* partners with downloads at the same time */
#define DOWNLOAD_WAIT_MS 10000

struct place {
    slk_turnstile *turnstile;
    int64_t partner_id;
    unsigned n;
};

struct slk_turnstile {
    slk_limiter *calls; /* by partner */
    slk_limiter *call_backs; /* by partner */
    pthread_mutex_t lock; /* guards places */
    struct place places[PLACES];
};

slk_err slk_turnstile_new(slk_turnstile **ret_turnstile, slk_error *error)
{
    slk_turnstile *turnstile = slk_calloc(1, sizeof *turnstile);
    if (!turnstile)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the limits of partners");
    slk_assert(pthread_mutex_init(&turnstile->lock, NULL) == 0);
    for (size_t i = 0; i < PLACES; i++)
        turnstile->places[i].turnstile = turnstile;
    slk_err code = slk_limiter_new(&turnstile->calls, SLK_TURNSTILE_CALLS,
                                   SLK_TURNSTILE_CALL_INTERVAL_MS, error);
    if (code == SLK_OK)
        code = slk_limiter_new(&turnstile->call_backs, SLK_TURNSTILE_CALL_BACKS,
                               SLK_TURNSTILE_CALL_BACK_INTERVAL_MS, error);
    if (code != SLK_OK) {
        slk_turnstile_free(turnstile);
        return code;
    }
    *ret_turnstile = turnstile;
    return SLK_OK;
}

void slk_turnstile_free(slk_turnstile *turnstile)
{
    if (!turnstile)
        return;
    slk_limiter_free(turnstile->calls);
    slk_limiter_free(turnstile->call_backs);
    (void)pthread_mutex_destroy(&turnstile->lock);
    slk_free(turnstile);
}

static slk_err take_turn(slk_limiter *limiter, slk_http_exchange *exchange, int64_t partner_id,
                         slk_error *error)
{
    char key[32];
    (void)snprintf(key, sizeof key, "%lld", (long long)partner_id);
    const int64_t now = slk_clock_monotonic_ms();
    if (slk_limiter_take(limiter, key, now))
        return SLK_OK;
    return slk_http_slow_down(exchange, slk_limiter_wait(limiter, key, now), error);
}

slk_err slk_turnstile_call(slk_turnstile *turnstile, slk_http_exchange *exchange,
                           int64_t partner_id, slk_error *error)
{
    return take_turn(turnstile->calls, exchange, partner_id, error);
}

slk_err slk_turnstile_call_back(slk_turnstile *turnstile, slk_http_exchange *exchange,
                                int64_t partner_id, slk_error *error)
{
    return take_turn(turnstile->call_backs, exchange, partner_id, error);
}

/* Under the lock: the partner's place, else a free one, else NULL. */
static struct place *find_place(slk_turnstile *turnstile, int64_t partner_id)
{
    struct place *free_place = NULL;
    for (size_t i = 0; i < PLACES; i++) {
        struct place *place = &turnstile->places[i];
        if (place->n > 0 && place->partner_id == partner_id)
            return place;
        if (place->n == 0 && !free_place)
            free_place = place;
    }
    return free_place;
}

static void end_download(void *context)
{
    struct place *place = context;
    slk_assert(pthread_mutex_lock(&place->turnstile->lock) == 0);
    slk_assert(place->n > 0);
    place->n--;
    slk_assert(pthread_mutex_unlock(&place->turnstile->lock) == 0);
}

slk_err slk_turnstile_download(slk_turnstile *turnstile, slk_http_exchange *exchange,
                               int64_t partner_id, slk_error *error)
{
    slk_assert(pthread_mutex_lock(&turnstile->lock) == 0);
    struct place *place = find_place(turnstile, partner_id);
    const bool room = place && place->n < SLK_TURNSTILE_DOWNLOADS;
    if (room) {
        place->partner_id = partner_id;
        place->n++;
    }
    slk_assert(pthread_mutex_unlock(&turnstile->lock) == 0);
    if (!room)
        return slk_http_slow_down(exchange, DOWNLOAD_WAIT_MS, error);
    slk_http_on_end(exchange, end_download, place);
    return SLK_OK;
}
