/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "farm/select.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>

/* Base64 of more does not fit a request. source: reference/lotus-worker 3.1 */
#define SEND_MAX_BYTES (UINT64_C(75) << 20)

static unsigned no(char *why, const char *text)
{
    (void)snprintf(why, SLK_SCHED_WHY_CHARS, "%s", text);
    return 0;
}

static bool does(const slk_farm_worker *worker, slk_lotus_task task)
{
    return (worker->tasks & SLK_LOTUS_TASK_BIT(task)) != 0;
}

/* The worker's paths have room for the types of so many sectors like this one. */
static bool takes(const slk_farm_select *select, const slk_farm_worker *worker, unsigned types,
                  unsigned sectors)
{
    const int64_t now = slk_clock_monotonic_ms();
    for (size_t i = 0; i < worker->paths.n && sectors > 0; i++)
        sectors -= slk_farm_index_takes(select->farm->index, worker->paths.item[i], types,
                                        select->sector_bytes, select->sector.miner, now, sectors);
    return sectors == 0;
}

/* Some of a batch have ended there, and the others are about to: what begins then begins together. */
static bool ends_a_batch(const slk_farm *farm, const slk_farm_worker *worker)
{
    return worker->ending != 0 && farm->options.batch_most > 1 &&
           slk_clock_monotonic_ms() - worker->ending_ms < farm->options.batch_wait_ms &&
           slk_sched_batch_size(farm->sched, worker->ending) > 0;
}

unsigned slk_farm_select_pc1(const void *context, uint64_t worker, unsigned others, char *why)
{
    const slk_farm_select *select = context;
    const slk_farm_worker *w = slk_farm_worker_by_id(select->farm, worker);
    if (!w)
        return no(why, "left");
    if (w->local)
        return 1;
    if (ends_a_batch(select->farm, w))
        return no(why, "ends a batch, after which what waits begins together");
    const bool zeros = (w->can & SLK_FARM_CAN_ZERO_SECTORS) != 0;
    if (!zeros && !does(w, SLK_LOTUS_ADD_PIECE))
        return no(why, "does no AP, without which it has no data");
    if (!takes(select, w, SLK_LOTUS_SEALED | SLK_LOTUS_CACHE | (zeros ? 0 : SLK_LOTUS_UNSEALED),
               others + 1))
        return no(why,
                  "has no storage path with room for the sector: `selkie worker storage attach` "
                  "gives it one");
    return 2;
}

/* A worker that has the files will do the task, as soon as it has room or is back. */
static bool somebody_will(const slk_farm_select *select, slk_lotus_task task)
{
    for (const slk_farm_worker *w = select->farm->workers; w; w = w->next)
        if (!w->local && does(w, task) && (slk_farm_worker_is_open(w) || !w->answers) &&
            slk_farm_worker_holds(w, &select->sector, select->types))
            return true;
    return false;
}

/* One that is here has them. */
static bool somebody_has(const slk_farm_select *select)
{
    for (const slk_farm_worker *w = select->farm->workers; w; w = w->next)
        if (!w->local && w->answers && slk_farm_worker_holds(w, &select->sector, select->types))
            return true;
    return false;
}

bool slk_farm_is_reachable(const slk_farm *farm, const slk_lotus_sector *sector, unsigned types,
                           const slk_farm_worker *but)
{
    unsigned found = 0;
    for (const slk_farm_worker *w = farm->workers; w; w = w->next)
        if (!w->local && w->answers && w != but)
            found |= slk_farm_worker_has(w, sector);
    return (found & types) == types;
}

/* Another worker than w made the files, has them, and can be given the task. */
static bool another_made(const slk_farm_select *select, const slk_farm_worker *w,
                         slk_lotus_task task)
{
    const slk_farm_worker *maker = slk_farm_worker_of(select->farm, select->made);
    return maker && maker != w && slk_farm_worker_is_open(maker) && does(maker, task) &&
           slk_farm_worker_holds(maker, &select->sector, select->types);
}

static unsigned holds(const slk_farm_select *select, uint64_t worker, slk_lotus_task task,
                      char *why)
{
    const slk_farm_worker *w = slk_farm_worker_by_id(select->farm, worker);
    const bool has = w && !w->local && slk_farm_worker_holds(w, &select->sector, select->types);
    if (has && !another_made(select, w, task))
        return 1;
    (void)snprintf(why, SLK_SCHED_WHY_CHARS, "%s the sector's files (%.80s made them)",
                   has ? "has older ones of" : "has not", select->made->hostname);
    return 0;
}

unsigned slk_farm_select_holder(const void *context, uint64_t worker, unsigned others, char *why)
{
    (void)others;
    return holds(context, worker, SLK_LOTUS_COMMIT1, why);
}

unsigned slk_farm_select_near(const void *context, uint64_t worker, unsigned others, char *why)
{
    const slk_farm_select *select = context;
    (void)others;
    if (holds(select, worker, SLK_LOTUS_PRECOMMIT2, why))
        return 3;
    const slk_farm_worker *w = slk_farm_worker_by_id(select->farm, worker);
    if (!w || w->local || somebody_will(select, SLK_LOTUS_PRECOMMIT2) ||
        !slk_farm_is_reachable(select->farm, &select->sector, select->types, NULL))
        return 0;
    if (!does(w, SLK_LOTUS_FETCH))
        return no(why, "does no GET, without which it cannot fetch the layers");
    const unsigned missing = select->types & ~slk_farm_worker_has(w, &select->sector);
    if (!takes(select, w, missing, 1))
        return no(why, "has no storage path with room for the layers: `selkie worker storage "
                       "attach` gives it one");
    return missing == select->types ? 1 : 2;
}

unsigned slk_farm_select_c2(const void *context, uint64_t worker, unsigned others, char *why)
{
    const slk_farm_select *select = context;
    (void)others;
    const slk_farm_worker *w = slk_farm_worker_by_id(select->farm, worker);
    if (!w)
        return no(why, "left");
    if (!w->local && select->file_bytes > SEND_MAX_BYTES)
        return no(why, "cannot be sent a C1 of more than 75 MiB");
    return w->local ? 1 : 2;
}

void slk_farm_select_about(const void *context, char *out)
{
    const slk_farm_select *select = context;
    const int64_t lost_ms = select->farm->options.lost_ms;
    const int64_t now = slk_clock_monotonic_ms();
    const int64_t left_ms = select->missing_since_ms + lost_ms - now;
    if (select->missing_since_ms == 0)
        return;
    if (left_ms > 0)
        (void)snprintf(
            out, SLK_SCHED_ABOUT_CHARS,
            "no worker that answers has the sector's files; %.60s had them and is waited "
            "for %" PRId64 " s more, then the sector is labelled again",
            select->made->hostname, left_ms / 1000 + 1);
    else
        (void)snprintf(
            out, SLK_SCHED_ABOUT_CHARS,
            "no worker that answers has the sector's files; %.60s had them and stays away",
            select->made->hostname);
}

bool slk_farm_select_hopeless(void *context)
{
    slk_farm_select *select = context;
    const int64_t now = slk_clock_monotonic_ms();
    const bool here =
        select->fetched ? slk_farm_is_reachable(select->farm, &select->sector, select->types, NULL)
                        : somebody_has(select);
    if (here) {
        select->missing_since_ms = 0;
        return false;
    }
    if (select->missing_since_ms == 0)
        select->missing_since_ms = now;
    return now - select->missing_since_ms > select->farm->options.lost_ms;
}
