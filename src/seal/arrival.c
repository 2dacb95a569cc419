/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/arrival.h"

#include "seal/seal_impl.h"

#include <string.h>

static void *check(void *context)
{
    slk_arrival *a = context;
    const slk_seal_prover *prover = &slk_seal_get_ops(a->seal)->prover;
    char why[SLK_SEAL_REASON_CHARS] = "";
    slk_error error = {0};
    bool valid = false;
    a->valid = prover->check_replica(prover->ctx, &valid, why, &a->sector, &a->comm, a->ticket,
                                     &a->paths, &a->gate, &a->job, &error) == SLK_OK &&
               valid;
    return NULL;
}

/* Under the mutex. */
static struct slk_arrived *find(slk_seal *seal, const slk_seal_sector *sector)
{
    for (size_t i = 0; i < SLK_ARRIVALS; i++) {
        struct slk_arrived *r = &seal->arrivals.list[i];
        if (r->valid && r->sp_id == sector->sp_id && r->number == sector->number)
            return r;
    }
    return NULL;
}

static void forget(slk_seal *seal, const slk_seal_sector *sector)
{
    slk_assert(pthread_mutex_lock(&seal->mutex) == 0);
    struct slk_arrived *r = find(seal, sector);
    if (r)
        r->valid = false;
    slk_assert(pthread_mutex_unlock(&seal->mutex) == 0);
}

static void remember(slk_seal *seal, const slk_arrival *a)
{
    struct slk_arrived seen = {.sp_id = a->sector.sp_id, .number = a->sector.number, .valid = true};
    memcpy(seen.comm_r, a->comm.comm_r, 32);
    slk_assert(pthread_mutex_lock(&seal->mutex) == 0);
    seal->arrivals.list[seal->arrivals.next++ % SLK_ARRIVALS] = seen;
    slk_assert(pthread_mutex_unlock(&seal->mutex) == 0);
}

void slk_arrival_begin(slk_arrival *arrival, slk_seal *seal, const slk_seal_sector *sector,
                       const slk_seal_commitments *comm, const uint8_t ticket[32],
                       const slk_seal_paths *paths, slk_job *job)
{
    *arrival = (slk_arrival){.seal = seal, .sector = *sector, .comm = *comm, .paths = *paths};
    memcpy(arrival->ticket, ticket, sizeof arrival->ticket);
    slk_gate_init(&arrival->gate);
    slk_job_init_under(&arrival->job, job);
    forget(seal, sector);
    arrival->runs = pthread_create(&arrival->thread, NULL, check, arrival) == 0;
}

void slk_arrival_end(slk_arrival *arrival, bool fetched)
{
    /* Those who wait for more than has come wait in vain now. */
    slk_gate_close(&arrival->gate);
    if (!fetched)
        slk_job_cancel(&arrival->job);
    if (arrival->runs)
        slk_assert(pthread_join(arrival->thread, NULL) == 0);
    const bool broken = slk_gate_broken(&arrival->gate);
    slk_gate_done(&arrival->gate);
    if (fetched && !broken && arrival->valid)
        remember(arrival->seal, arrival);
}

bool slk_arrival_was_valid(slk_seal *seal, const slk_seal_sector *sector,
                           const slk_seal_commitments *comm)
{
    slk_assert(pthread_mutex_lock(&seal->mutex) == 0);
    struct slk_arrived *r = find(seal, sector);
    const bool valid = r && memcmp(r->comm_r, comm->comm_r, 32) == 0;
    if (r)
        r->valid = false;
    slk_assert(pthread_mutex_unlock(&seal->mutex) == 0);
    return valid;
}
