/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a node and the process that computes for it say to each other over a pair of connected sockets:
 * JSON objects, each after its length in 4 bytes of this machine's order. Both ends are one program, so
 * that numbers of errors are the same on both.
 *
 * To the process:
 *   {"do":"start","parameters","lock","development","threads"}   first, and once
 *   {"do":"pc1"|"pc2"|"c1"|"finalise"|"check"|"c2","id","lanes":[lane…], …}; a lane of
 *       pc1 may be null: nothing is to be done, the others keep their numbers
 *   {"do":"cancel","id","lane"}   {"do":"gate","id","level","state":"open"|"closed"|"broken"}
 * From it:
 *   {"say":"ready"}
 *   {"say":"progress","id","lane","stage","done","total"}
 *   {"say":"lane","id","lane","code","why"}   of pc1, once for each
 *   {"say":"end","id","code","why", …}   code 0: it went well */
#ifndef SLK_APP_COMPUTE_WIRE_H
#define SLK_APP_COMPUTE_WIRE_H

#include "base/buf.h"
#include "base/err.h"
#include "seal/ops.h"

#include <jansson.h>
#include <stdint.h>

#define SLK_COMPUTE_MESSAGE_MAX ((size_t)8 << 20) /* 256 lanes with the longest paths */
#define SLK_COMPUTE_LANES_MAX 256u

/* Sends one; message is stolen (NULL: out of memory). Whoever shares fd takes turns. SLK_E_IO: nobody
 * is there, or does not read. */
SLK_MUST_CHECK slk_err slk_compute_send(int fd, json_t *message, slk_error *error);

/* What came of fd and was no whole message yet: a buffer of SLK_COMPUTE_MESSAGE_MAX and 4 bytes.
 * Reads once, waiting if fd does; SLK_E_UNREACHABLE: the other end is closed. */
SLK_MUST_CHECK slk_err slk_compute_receive(slk_buf *inbox, int fd, slk_error *error);
/* The first message of the inbox leaves it: new reference; NULL: there is none yet. */
SLK_MUST_CHECK slk_err slk_compute_next(json_t **ret_message, slk_buf *inbox, slk_error *error);

/* A sector with its files: {"sp_id","number","seal_proof","ticket","sealed","cache"}; ticket (32 bytes)
 * and paths may be NULL. New reference; NULL: out of memory. */
json_t *slk_compute_lane_json(const slk_seal_sector *sector, const uint8_t *ticket,
                              const slk_seal_paths *paths);
/* The same, read. Strings live as long as lane. */
typedef struct slk_compute_lane {
    slk_seal_sector sector;
    uint8_t ticket[32];
    slk_seal_paths paths;
} slk_compute_lane;
SLK_MUST_CHECK slk_err slk_compute_lane_read(slk_compute_lane *ret, const json_t *lane,
                                             slk_error *error);

json_t *slk_compute_comm_json(const slk_seal_commitments *comm); /* {"d","r"} */
SLK_MUST_CHECK slk_err slk_compute_comm_read(slk_seal_commitments *ret, const json_t *comm,
                                             slk_error *error);

/* The failure that object tells as "code" and "why", or SLK_OK. */
slk_err slk_compute_outcome(const json_t *object, slk_error *error);

#endif
