/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the parts of `selkie demo` share: set-up, the run itself, the summary. */
#ifndef SLK_APP_DEMO_IMPL_H
#define SLK_APP_DEMO_IMPL_H

#include "app/children.h"
#include "app/node.h"
#include "fil/sector.h"

#define SLK_DEMO_MINER 1000u /* source: src/devnet, the miner of its genesis */
#define SLK_DEMO_SECTORS_MAX 64u

enum { SLK_DEMO_DEVNET, SLK_DEMO_PROVIDER, SLK_DEMO_CLIENT, SLK_DEMO_CHILDREN };

typedef struct slk_demo {
    const slk_sector_shape *shape;
    int64_t seal_proof;
    bool quiet; /* --json: nothing but the answer on standard output */
    char *folder; /* absolute */
    char *folders[SLK_DEMO_CHILDREN]; /* of the three processes */
    char *logs[SLK_DEMO_CHILDREN];
    char *parameters;
    char *trusted; /* PEM of both sides */
    uint16_t ports[SLK_DEMO_CHILDREN];
    char listen[32]; /* of the devnet */
    slk_child children[SLK_DEMO_CHILDREN];
    slk_node *provider; /* beside the running nodes */
    slk_node *client;
    uint64_t numbers[SLK_DEMO_SECTORS_MAX];
    size_t n_sectors;
} slk_demo;

/* Folders, certificates, configurations, parameters. An earlier demo's folder is used again. */
SLK_MUST_CHECK slk_err slk_demo_prepare(slk_demo *demo, slk_error *error);
void slk_demo_done(slk_demo *demo); /* no child runs any more; idempotent */

/* A line of what is going on, unless quiet. */
void slk_demo_say(const slk_demo *demo, const char *format, ...) SLK_PRINTF(2, 3);

/* What was made: CIDs, messages, times, memory, files; or JSON. The children have ended. */
SLK_MUST_CHECK slk_err slk_demo_report(const slk_demo *demo, bool json, slk_error *error);

#endif
