/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the node last saw of the chain: asked now and then by the monitor's own thread, so that
 * neither a page of metrics nor an alert waits for a chain node. */
#ifndef SLK_MONITOR_CHAIN_SAMPLE_H
#define SLK_MONITOR_CHAIN_SAMPLE_H

#include "base/err.h"
#include "db/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_SAMPLE_MINERS 32u

/* One miner we order for. Amounts in FIL, good for looking at, not for paying. */
typedef struct slk_miner_sample {
    uint64_t sp_id; /* given */
    int64_t seal_proof; /* given: of its latest sector, -1 none yet */
    bool known; /* the rest is set */
    double sender_fil; /* of the richest address that can send for it */
    double available_fil; /* of the miner actor itself */
    double deposit_fil; /* for one more sector of that proof, at its pre-commit */
    double pledge_fil; /* at its commit, the deposit included */
} slk_miner_sample;

typedef struct slk_chain_sample {
    int64_t taken_ms; /* wall clock; 0: nothing asked yet */
    bool answered;
    char why[256]; /* when not */
    int64_t head_epoch;
    int64_t head_ms; /* wall clock of the head's block */
    int64_t epoch_ms;
    bool development; /* stands still whenever nobody needs it */
    int64_t ticket_max_age_epochs; /* for a pre-commit */
    int64_t max_prove_commit_epochs; /* from pre-commit to prove-commit */
    size_t miners_n;
    slk_miner_sample miners[SLK_SAMPLE_MINERS];
} slk_chain_sample;

/* Appends the miners that are ordered for to an empty sample, each with the seal proof of its latest
 * sector; no more than there is room for. */
SLK_MUST_CHECK slk_err slk_chain_sample_miners(slk_chain_sample *sample, slk_db *db,
                                               slk_error *error);

/* Fills the sample but for what is given; false answers are put into it, not returned. Called by one
 * thread at a time; may take as long as a chain node takes. sample NULL: there is no chain. */
typedef struct slk_chain_sampler {
    void *ctx;
    void (*sample)(void *ctx, slk_chain_sample *sample);
} slk_chain_sampler;

#endif
