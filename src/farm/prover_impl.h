/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of the farm's prover share: prover.c, and prover_pc1.c, which labels. */
#ifndef SLK_FARM_PROVER_IMPL_H
#define SLK_FARM_PROVER_IMPL_H

#include "base/buf.h"
#include "farm/calls.h"
#include "farm/farm_impl.h"
#include "farm/prover.h"

#include <jansson.h>
#include <pthread.h>

#define SLK_FARM_RECENT 64u /* proofs whose maker is remembered until they are verified */

struct slk_farm_prover {
    slk_farm *farm;
    slk_seal_prover own;
    pthread_mutex_t lock;
    struct maker {
        slk_lotus_sector sector;
        char session[SLK_UUID_CHARS]; /* "" none */
        char hostname[SLK_LOTUS_HOSTNAME_CHARS];
    } makers[SLK_FARM_RECENT];
    size_t next;
};

/* ---- prover.c */
slk_lotus_sector_ref slk_farm_ref_of(const slk_seal_sector *sector);
/* The one piece of an empty sector: all of it. */
SLK_MUST_CHECK slk_err slk_farm_zero_piece(slk_lotus_piece *ret, const slk_farm_prover *p,
                                           int64_t seal_proof, slk_error *error);
json_t *slk_farm_piece_list(const slk_lotus_piece *piece); /* NULL: out of memory */
slk_err slk_farm_no_memory(slk_error *error);
/* A worker said what is not so: it is closed, and the sector's calls are dropped. Returns code. */
slk_err slk_farm_liar(slk_farm_prover *p, const slk_farm_call *call, slk_err code, const char *what,
                      slk_error *error);
/* The bytes of a result in base64. SLK_E_PROTO: it has none. */
SLK_MUST_CHECK slk_err slk_farm_result_bytes(slk_buf *out, const slk_farm_call *call,
                                             slk_error *error);

/* ---- prover_pc1.c, for slk_seal_prover */
slk_err slk_farm_pc1(void *ctx, const slk_seal_sector *sector, const uint8_t ticket[32],
                     const slk_seal_paths *paths, slk_job *job, slk_error *error);
void slk_farm_pc1_batch(void *ctx, const slk_seal_lane *lanes, size_t n, slk_seal_lane_ended *ended,
                        void *context);

#endif
