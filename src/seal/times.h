/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The two times of a database. No node trusts its wall clock further than this.
 *
 * Lived time (slk_seal_lived) is how long nodes of this database have been running: it advances with
 * the monotonic clock of whichever runs, is stored, and stands still while none does. No wall clock ever
 * moves it. Leases of sectors are times of it: a lease ends when nodes have been there to serve its
 * sector for as long as was promised, whatever any clock said meanwhile; it is never over earlier, and
 * later by what is not written when a node is killed (a minute; on a server five seconds).
 *
 * Believed time (slk_seal_now) is the wall clock, as long as it can be believed: the database's one (db.h).
 * The last believed time is stored, and goes on with the monotonic clock. A wall clock is believed that
 * - is within two hours of that, and not behind the chain; or
 * - is confirmed: by the head of the chain, or by the kernel, whose clock is kept in time (NTP); or
 * - is accepted by an operator (`selkie clock accept`).
 * Any other is in doubt: believed time goes on from where it was, by the monotonic clock, until the
 * wall clock is set right or confirmed. So a node that is started a year off does not see a year pass.
 *
 * A believed jump of more than two hours (a node that was off, a first start with a false clock) is noted:
 * no time since before it counts as longer than what was lived since (slk_seal_age). */
#ifndef SLK_SEAL_TIMES_H
#define SLK_SEAL_TIMES_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct slk_seal slk_seal; /* seal/seal.h */

#define SLK_TIME_NEAR_MS (INT64_C(2) * 3600 * 1000)

typedef enum slk_time_doubt {
    SLK_TIME_BELIEVED,
    SLK_TIME_BEHIND, /* the wall clock is behind what the database has seen */
    SLK_TIME_AHEAD, /* it is far ahead of that, and nothing confirms it */
    SLK_TIME_REFUTED, /* the chain has a block of its future */
    SLK_TIME_DOUBTS,
} slk_time_doubt;

/* "believed", "behind", "ahead", "refuted"; never NULL. */
const char *slk_time_doubt_name(slk_time_doubt doubt);

/* Inside of slk_seal. Offsets are to the monotonic clock. */
typedef struct slk_time {
    pthread_mutex_t mutex;
    bool made; /* the mutex exists */
    bool open; /* the rest is set; before, the wall clock is believed */
    int64_t lived_off_ms;
    int64_t believed_off_ms;
    slk_time_doubt doubt;
    int64_t jumps; /* believed ones, of all nodes */
    int64_t jumped_ms; /* lived time of the last of them, or when this table was made */
    int64_t stored_ms; /* monotonic: when it was stored last */
    bool has_chain;
    int64_t chain_off_ms; /* true time is not before this */
    int64_t chain_epoch_ms;
    int64_t chain_ms; /* monotonic: when that was heard */
} slk_time;

SLK_MUST_CHECK slk_err slk_time_init(slk_time *time, slk_error *error);
void slk_time_done(slk_time *time);

/* After the migrations: reads both times, makes them where there are none (a tool beside the nodes
 * does not), and looks at the clock. */
SLK_MUST_CHECK slk_err slk_time_open(slk_seal *seal, slk_error *error);

/* Looks whether the clock can be believed, takes over what other nodes and the operator decided, and
 * stores both times now and then. Called with every look for work; one small read. */
SLK_MUST_CHECK slk_err slk_time_look(slk_seal *seal, slk_error *error);
/* Stores both times now; at a node's end. */
SLK_MUST_CHECK slk_err slk_time_store(slk_seal *seal, slk_error *error);

/* The chain's head, just heard: a block of head_ms exists, so it is not earlier now. Not for
 * development chains, whose time may stand still. */
void slk_time_hear_chain(slk_seal *seal, int64_t head_ms, int64_t epoch_ms);

/* The operator says that the wall clock is right: believed from now on by all nodes of the database.
 * *ret_jump_ms: how far believed time jumped. dry_run: only says so. */
SLK_MUST_CHECK slk_err slk_time_accept(int64_t *ret_jump_ms, slk_seal *seal, bool dry_run,
                                       slk_error *error);

typedef struct slk_time_view {
    slk_time_doubt doubt;
    int64_t wall_ms; /* what the clock says */
    int64_t believed_ms;
    int64_t chain_ms; /* of the chain's head and since; 0: not heard */
} slk_time_view;
void slk_time_view_get(slk_time_view *ret, const slk_seal *seal);

/* A sentence on a clock in doubt: what it says and what is believed. */
#define SLK_TIME_TEXT_CHARS 256u
void slk_time_describe(char text[SLK_TIME_TEXT_CHARS], const slk_time_view *view);
/* What is to be done about it. */
#define SLK_TIME_ADVICE                                                                         \
    "set the clock (chrony or ntpd): the node finds out by itself; if the clock is right, say " \
    "`selkie clock accept`"

#endif
