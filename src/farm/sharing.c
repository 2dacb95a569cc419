/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which worker needs whose files now: what one worker may have of another is decided by that. */
#include "farm/farm_impl.h"

#include <string.h>

/* Lock held: some file of the sector lies at the worker. */
static bool has_some(const slk_farm_worker *worker, const slk_lotus_sector *sector)
{
    for (size_t i = 0; i < worker->paths.n; i++)
        if (slk_farm_index_on(worker->farm->index, worker->paths.item[i], sector))
            return true;
    return false;
}

/* Lock held: the worker that has the index-th call or request, NULL: it waits; false: there is none. A call
 * outlives the request when its worker, which is one of ours, was started anew. */
static bool look_at(slk_farm_worker **ret_worker, slk_lotus_sector *ret_sector, slk_farm *farm,
                    size_t index)
{
    const slk_farm_waiting *waiting = farm->waiting;
    for (; waiting && index > 0; index--)
        waiting = waiting->next;
    if (waiting) {
        *ret_worker = slk_farm_worker_of(farm, waiting->row);
        *ret_sector = waiting->row->call.sector;
        return true;
    }
    slk_sched_seen seen;
    if (!slk_sched_at(&seen, farm->sched, index))
        return false;
    *ret_worker = seen.worker ? slk_farm_worker_by_id(farm, seen.worker) : NULL;
    *ret_sector = seen.request.sector;
    return true;
}

bool slk_farm_works_on(slk_farm *farm, const slk_farm_who *who, const slk_lotus_sector *sector)
{
    slk_farm_worker *w = NULL;
    slk_lotus_sector its;
    bool works = false;
    slk_farm_enter(farm);
    for (size_t i = 0; !works && look_at(&w, &its, farm, i); i++)
        works = w && strcmp(w->who.mark, who->mark) == 0 && slk_lotus_sector_equal(&its, sector);
    slk_farm_leave(farm);
    return works;
}

/* The worker's token has that id (or is that one). */
static bool is_bearer(const slk_farm_worker *worker, const char *credential)
{
    slk_farm_who who;
    char peer[SLK_ADDRESS_CHARS];
    slk_ip_print(peer, &worker->who.ip);
    return !worker->local && slk_farm_who_is(&who, credential, peer, NULL) == SLK_OK &&
           strcmp(who.mark, worker->who.mark) == 0;
}

/* Lock held. */
static bool asker_has(slk_farm *farm, const slk_farm_who *asker, const slk_lotus_sector *sector)
{
    for (const slk_farm_worker *w = farm->workers; w; w = w->next)
        if (strcmp(w->who.mark, asker->mark) == 0 && has_some(w, sector))
            return true;
    return false;
}

bool slk_farm_fetches_from(slk_farm *farm, const char *credential, const slk_farm_who *asker)
{
    slk_farm_worker *w = NULL;
    slk_lotus_sector its;
    bool fetches = false;
    slk_farm_enter(farm);
    for (size_t i = 0; !fetches && look_at(&w, &its, farm, i); i++)
        fetches = w && is_bearer(w, credential) && asker_has(farm, asker, &its);
    slk_farm_leave(farm);
    return fetches;
}
