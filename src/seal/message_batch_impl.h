/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages for several sectors: pre-commits and commits of one miner travel together.
 *
 *   (a sector is ready) --join--> joined --close--> closed --sent--> sent --landed--> landed
 *                                    ^----split or member lost----'  (the batch is `dissolved`)
 *
 *   joined     the sector's row says since when it is ready; whoever looks closes the batch when it
 *              is due: full, a member has waited long enough or is running out of time
 *   closed     a row of message_batch with uuid and the method's parameters, and the uuid in the row
 *              of each sector: one transaction, guarded by the state of each. From here on the
 *              contents never change, and the uuid never makes two messages
 *   sent       the message's CID and signed bytes are stored; each sector moves on by its own task
 *   landed     exit code and return value are stored; each sector finds its own result in it
 *   dissolved  it never became a message: the chain refused it as a whole, or lost a member before
 *              it was tried. Its sectors join anew, those that are refused alone apart from the rest
 *
 * The sector with the lowest number that still waits in a batch sends it; the task engine sees to it
 * that only one process does so. */
#ifndef SLK_SEAL_MESSAGE_BATCH_IMPL_H
#define SLK_SEAL_MESSAGE_BATCH_IMPL_H

#include "base/buf.h"
#include "base/err.h"
#include "fil/actor.h"
#include "seal/ops.h"
#include "seal/rows_impl.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A closed batch in memory: slk_batch_done. */
typedef struct slk_batch {
    char uuid[40];
    slk_seal_message_kind kind;
    uint64_t sp_id;
    uint64_t sectors; /* in the parameters */
    slk_buf params;
    char value[SLK_SEAL_ATTO_CHARS]; /* "" before the first try */
    char node[SLK_SEAL_NODE_CHARS]; /* it was tried on; "" none */
    int64_t tries; /* pushes begun: from the first on a message may be on its way */
    int64_t tried_ms; /* when the first of them was made on that node */
    int64_t sent_ms;
    char cid[SLK_CID_CHARS]; /* "" not sent */
    char earlier_cid[SLK_CID_CHARS]; /* the same message with a lower fee; "" none */
    slk_buf signed_json;
} slk_batch;

/* A sector as a member, with what its part of the parameters is made of. */
typedef struct slk_batch_member {
    slk_precommit precommit;
    uint8_t proof[SLK_SEAL_PROOF_MAX_BYTES];
    size_t proof_bytes;
    int64_t ready_ms;
    int64_t group; /* 0: with any; else only with those of that group, at once */
} slk_batch_member;

typedef struct slk_batch_members {
    slk_batch_member *list; /* heap, slk_batch_members_done */
    size_t n;
    bool full; /* another one would not have fitted */
} slk_batch_members;
void slk_batch_members_done(slk_batch_members *members);

/* The sector of row is ready and urgent or not: joins, and closes the batch when it is due. ret_uuid
 * is that of the closed batch, or "": look again after *ret_wait_ms. SLK_E_CONFLICT: it moved. */
SLK_MUST_CHECK slk_err slk_batch_join(char ret_uuid[40], int64_t *ret_wait_ms, slk_seal *seal,
                                      slk_seal_message_kind kind, const slk_client_row *row,
                                      const slk_seal_network *net, bool urgent, slk_error *error);

/* SLK_E_NOTFOUND: there is no such batch. */
SLK_MUST_CHECK slk_err slk_batch_read(slk_batch *ret_batch, slk_seal *seal, const char *uuid,
                                      slk_error *error);
void slk_batch_done(slk_batch *batch); /* idempotent */

/* The sectors that wait for the batch to be sent (sent false) or to land (true), by number. */
SLK_MUST_CHECK slk_err slk_batch_members_read(slk_batch_members *ret_members, slk_seal *seal,
                                              const slk_batch *batch, bool sent, slk_error *error);
/* The lowest of them; SLK_E_NOTFOUND without any. */
SLK_MUST_CHECK slk_err slk_batch_leader(uint64_t *ret_number, slk_seal *seal,
                                        const slk_batch *batch, bool sent, slk_error *error);

/* Appends the method's parameters for members [first, first + n) to out. */
SLK_MUST_CHECK slk_err slk_batch_encode(slk_buf *out, slk_seal_message_kind kind,
                                        const slk_batch_member *members, size_t n,
                                        slk_error *error);

/* The batch comes to nothing: each member joins anew in the group its entry names, at once.
 * SLK_E_CONFLICT when it is no longer closed. */
SLK_MUST_CHECK slk_err slk_batch_dissolve(slk_seal *seal, const slk_batch *batch,
                                          const slk_batch_members *members, slk_error *error);

/* Notes that it is about to be pushed to node (shorter than SLK_SEAL_NODE_CHARS), carrying value. */
SLK_MUST_CHECK slk_err slk_batch_note_try(slk_seal *seal, slk_batch *batch, const char *node,
                                          const char *value, slk_error *error);
/* Notes the message; the one noted before becomes the earlier one. Its members look at once. */
SLK_MUST_CHECK slk_err slk_batch_note_sent(slk_seal *seal, slk_batch *batch,
                                           const slk_seal_sent *sent, slk_error *error);
SLK_MUST_CHECK slk_err slk_batch_note_landed(slk_seal *seal, const slk_batch *batch,
                                             const slk_seal_landing *landing, slk_error *error);

/* What the landed message says of that sector: its exit code, or its own one in the return value. */
int64_t slk_batch_exit_of(const slk_batch *batch, const slk_seal_landing *landing, uint64_t number);

#endif
