/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One connection to PostgreSQL: made when first used, made anew when it was lost, every exchange
 * bounded in time, every failure sorted by what may follow.
 *
 * A link belongs to one thread at a time. */
#ifndef SLK_DB_DB_PG_LINK_IMPL_H
#define SLK_DB_DB_PG_LINK_IMPL_H

#include "base/err.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_PG_PARAMS 24u
#define SLK_PG_KEPT 256u

/* A statement that this connection has run: from the second time on the server keeps it parsed and
 * planned, which is most of what a small one costs. */
typedef struct slk_pg_kept {
    uint64_t key; /* of text and parameter types; 0: none */
    bool prepared;
} slk_pg_kept;

typedef struct slk_pg_link {
    PGconn *pg; /* NULL: not connected */
    bool keeps_nothing; /* what was kept got lost: connections are shared on the way there */
    slk_pg_kept kept[SLK_PG_KEPT];
} slk_pg_link;

/* What a failure leaves behind. */
typedef enum slk_pg_fate {
    SLK_PG_SAID_NO, /* the server refused the statement: the same would be refused again */
    SLK_PG_NOT_DONE, /* surely without effect, and worth repeating: serialization, deadlock */
    SLK_PG_LOST, /* no answer: the connection is gone, the statement's effect unknown */
} slk_pg_fate;

typedef struct slk_pg_call {
    const char *name; /* of the statement, for messages */
    const char *text;
    int params; /* -1: several statements without parameters */
    Oid type[SLK_PG_PARAMS];
    const char *value[SLK_PG_PARAMS];
    int length[SLK_PG_PARAMS];
    int format[SLK_PG_PARAMS];
} slk_pg_call;

/* Connects unless connected. An idle connection that the server has closed meanwhile is noticed
 * here, so that a restarted server costs no statement. SLK_E_UNREACHABLE, SLK_E_AUTH,
 * SLK_E_NOTFOUND (no such database), SLK_E_BUSY (too many connections). */
SLK_MUST_CHECK slk_err slk_pg_link_open(slk_pg_link *link, const char *url, int busy_ms,
                                        slk_error *error);
void slk_pg_link_close(slk_pg_link *link); /* idempotent */

/* Sends one call and waits for its last result, at most wait_ms (the link is closed then).
 * ret_fate is set on failure only. The caller clears the result with PQclear. */
SLK_MUST_CHECK slk_err slk_pg_link_call(PGresult **ret_result, slk_pg_fate *ret_fate,
                                        slk_pg_link *link, const slk_pg_call *call, int wait_ms,
                                        slk_error *error);

#endif
