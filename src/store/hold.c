/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "store/hold.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"
#include "store/store_impl.h"

#define LOOK_MS 500 /* so soon a canceled job is noticed */

struct slk_store_hold {
    slk_store *store;
    slk_store_hold *next;
    slk_lotus_sector sector;
    unsigned read, write;
};

static bool conflict(const slk_store_hold *a, const slk_store_hold *b)
{
    return slk_lotus_sector_equal(&a->sector, &b->sector) &&
           ((a->write & (b->read | b->write)) != 0 || (a->read & b->write) != 0);
}

/* The list is in the order of asking, and nobody passes who is in the way: so none starves. */
static bool is_turn(const slk_store *store, const slk_store_hold *hold)
{
    const slk_store_hold *other = store->holds;
    for (; other != hold; other = other->next)
        if (conflict(other, hold))
            return false;
    return true;
}

static void append(slk_store *store, slk_store_hold *hold)
{
    slk_store_hold **end = &store->holds;
    while (*end)
        end = &(*end)->next;
    *end = hold;
}

static slk_err wait_for_turn(slk_store_hold *hold, int64_t wait_ms, slk_job *job, slk_error *error)
{
    slk_store *store = hold->store;
    const int64_t until = slk_clock_monotonic_ms() + (wait_ms > 0 ? wait_ms : 0);
    while (!is_turn(store, hold)) {
        const int64_t left = until - slk_clock_monotonic_ms();
        if (wait_ms >= 0 && left <= 0) {
            char name[SLK_LOTUS_NAME_CHARS];
            slk_lotus_sector_print(name, &hold->sector);
            return slk_fail(error, SLK_E_BUSY, "another step works on the files of %s; try later",
                            name);
        }
        if (job)
            SLK_TRY(slk_job_check(job, error));
        (void)slk_cond_wait_ms(&store->hold_moved, &store->hold_lock,
                               wait_ms < 0 || left > LOOK_MS ? LOOK_MS : left);
    }
    return SLK_OK;
}

slk_err slk_store_hold_take(slk_store_hold **ret_hold, slk_store *store,
                            const slk_lotus_sector *sector, unsigned read, unsigned write,
                            int64_t wait_ms, slk_job *job, slk_error *error)
{
    slk_store_hold *hold = slk_calloc(1, sizeof *hold);
    if (!hold)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a hold on a sector's files");
    *hold = (slk_store_hold){.store = store, .sector = *sector, .read = read, .write = write};
    slk_assert(pthread_mutex_lock(&store->hold_lock) == 0);
    append(store, hold);
    const slk_err code = wait_for_turn(hold, wait_ms, job, error);
    slk_assert(pthread_mutex_unlock(&store->hold_lock) == 0);
    if (code == SLK_OK)
        *ret_hold = hold;
    else
        slk_store_hold_free(hold);
    return code;
}

void slk_store_hold_free(slk_store_hold *hold)
{
    if (!hold)
        return;
    slk_store *store = hold->store;
    slk_assert(pthread_mutex_lock(&store->hold_lock) == 0);
    slk_store_hold **at = &store->holds;
    while (*at != hold)
        at = &(*at)->next;
    *at = hold->next;
    slk_assert(pthread_cond_broadcast(&store->hold_moved) == 0);
    slk_assert(pthread_mutex_unlock(&store->hold_lock) == 0);
    slk_free(hold);
}

void slk_store_hold_freep(slk_store_hold **hold)
{
    slk_store_hold_free(*hold);
    *hold = NULL;
}
