/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The small types of Lotus's Worker and Miner API: plain structs, read from JSON and printed to it.
 *
 * Reading: `what` names the value in errors; a value of a wrong form is SLK_E_INVAL "<what>: <field>:
 * …", out of memory SLK_E_NOMEM; outputs are untouched on failure. Unknown fields are ignored, null
 * counts as the empty list, as in Go. Numbers are integers within 0 … 2^63-1 where nothing else is said.
 * Printing: a new reference, NULL when out of memory; field names and their spelling are Lotus's.
 * source: reference/lotus-worker 4.1, 8 */
#ifndef SLK_LOTUS_TYPES_H
#define SLK_LOTUS_TYPES_H

#include "base/err.h"
#include "base/uuid.h"
#include "codec/cid.h"
#include "fil/sector.h"
#include "lotus/name.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Versions the two sides state: major << 16 | minor << 8 | patch. */
#define SLK_LOTUS_WORKER_API_VERSION 67328 /* 1.7.0; a miner takes any 1.7 */
#define SLK_LOTUS_MINER_API_VERSION 66816 /* 1.5.0; a worker takes exactly this */

/* ---- {"Miner":1000,"Number":1} */
SLK_MUST_CHECK slk_err slk_lotus_sector_read(slk_lotus_sector *ret_sector, const json_t *value,
                                             const char *what, slk_error *error);
json_t *slk_lotus_sector_json(const slk_lotus_sector *sector);

/* ---- {"ID":{…},"ProofType":5} */
typedef struct slk_lotus_sector_ref {
    slk_lotus_sector id;
    int64_t proof; /* registered seal proof, 0..19 */
} slk_lotus_sector_ref;

SLK_MUST_CHECK slk_err slk_lotus_sector_ref_read(slk_lotus_sector_ref *ret_ref, const json_t *value,
                                                 const char *what, slk_error *error);
json_t *slk_lotus_sector_ref_json(const slk_lotus_sector_ref *ref);

/* ---- {"Sector":{…},"ID":"<uuid>"}; a call that belongs to no sector has sector 0 of miner 0. */
typedef struct slk_lotus_call_id {
    slk_lotus_sector sector;
    char uuid[SLK_UUID_CHARS];
} slk_lotus_call_id;

SLK_MUST_CHECK slk_err slk_lotus_call_id_read(slk_lotus_call_id *ret_call, const json_t *value,
                                              const char *what, slk_error *error);
json_t *slk_lotus_call_id_json(const slk_lotus_call_id *call);

/* ---- A UUID as a string; the nil one is accepted. */
SLK_MUST_CHECK slk_err slk_lotus_uuid_read(char ret_uuid[SLK_UUID_CHARS], const json_t *value,
                                           const char *what, slk_error *error);

/* ---- Ticket or seed: base64 of exactly 32 bytes. */
SLK_MUST_CHECK slk_err slk_lotus_randomness_read(uint8_t out32[32], const json_t *value,
                                                 const char *what, slk_error *error);
json_t *slk_lotus_randomness_json(const uint8_t in32[32]);

/* ---- A set of bits of lotus/name.h, none unknown; 0 is an empty set. */
SLK_MUST_CHECK slk_err slk_lotus_types_read(unsigned *ret_types, const json_t *value,
                                            const char *what, slk_error *error);

/* ---- "sealing" / "storage", "move" / "copy" */
SLK_MUST_CHECK slk_err slk_lotus_path_type_read(slk_lotus_path_type *ret_type, const json_t *value,
                                                const char *what, slk_error *error);
SLK_MUST_CHECK slk_err slk_lotus_acquire_mode_read(slk_lotus_acquire_mode *ret_mode,
                                                   const json_t *value, const char *what,
                                                   slk_error *error);

/* ---- {"Size":2048,"PieceCID":{"/":"baga…"}}: padded size, CommP. Size 0 without a CID is the zero value
 * of a failed call. */
typedef struct slk_lotus_piece {
    uint64_t bytes; /* padded: a power of two from 128; or 0 */
    uint8_t comm_p[32];
} slk_lotus_piece;

#define SLK_LOTUS_PIECES_MAX 16384u /* of one sector */
typedef struct slk_lotus_pieces {
    slk_lotus_piece *item;
    size_t n;
} slk_lotus_pieces; /* {0}: none */

SLK_MUST_CHECK slk_err slk_lotus_piece_read(slk_lotus_piece *ret_piece, const json_t *value,
                                            const char *what, slk_error *error);
json_t *slk_lotus_piece_json(const slk_lotus_piece *piece);
/* An array or null. None of the pieces may be the zero value. */
SLK_MUST_CHECK slk_err slk_lotus_pieces_read(slk_lotus_pieces *ret_pieces, const json_t *value,
                                             const char *what, slk_error *error);
void slk_lotus_pieces_done(slk_lotus_pieces *pieces); /* idempotent */
/* Padded bytes of all pieces; SLK_E_LIMIT past 2^63. */
SLK_MUST_CHECK slk_err slk_lotus_pieces_bytes(uint64_t *ret_bytes, const slk_lotus_pieces *pieces);

/* Unpadded sizes, an array or null. Each below 2^63. *ret_sizes heap (slk_free), NULL when none. */
SLK_MUST_CHECK slk_err slk_lotus_sizes_read(uint64_t **ret_sizes, size_t *ret_n,
                                            const json_t *value, const char *what,
                                            slk_error *error);

/* ---- {"Unsealed":{"/":…},"Sealed":{"/":…}}; null CIDs are those of a failed call. */
typedef struct slk_lotus_cids {
    bool defined; /* false: both null */
    uint8_t comm_d[32], comm_r[32];
} slk_lotus_cids;

SLK_MUST_CHECK slk_err slk_lotus_cids_read(slk_lotus_cids *ret_cids, const json_t *value,
                                           const char *what, slk_error *error);
json_t *slk_lotus_cids_json(const slk_lotus_cids *cids);

/* A commitment alone, {"/":…}. */
SLK_MUST_CHECK slk_err slk_lotus_comm_d_read(uint8_t out32[32], const json_t *value,
                                             const char *what, slk_error *error);
SLK_MUST_CHECK slk_err slk_lotus_comm_r_read(uint8_t out32[32], const json_t *value,
                                             const char *what, slk_error *error);
json_t *slk_lotus_comm_d_json(const uint8_t comm_d32[32]);
json_t *slk_lotus_comm_r_json(const uint8_t comm_r32[32]);

/* ---- {"Offset":0,"Size":2032}: unpadded bytes. */
typedef struct slk_lotus_range {
    uint64_t offset, bytes; /* the sum is below 2^63 */
} slk_lotus_range;

/* An array or null, at most SLK_LOTUS_PIECES_MAX. *ret_ranges heap (slk_free), NULL when none. */
SLK_MUST_CHECK slk_err slk_lotus_ranges_read(slk_lotus_range **ret_ranges, size_t *ret_n,
                                             const json_t *value, const char *what,
                                             slk_error *error);

/* ---- Where the data of AddPiece and DataCid comes from: {"Type":"null","Info":"2032"} (zeros),
 * {"Type":"http","Info":URL}, {"Type":"push","Info":UUID}. */
typedef enum slk_lotus_source_kind {
    SLK_LOTUS_SOURCE_ZEROS,
    SLK_LOTUS_SOURCE_HTTP,
    SLK_LOTUS_SOURCE_PUSH
} slk_lotus_source_kind;

#define SLK_LOTUS_URL_CHARS 2048u
typedef struct slk_lotus_source {
    slk_lotus_source_kind kind;
    uint64_t bytes; /* of zeros */
    char text[SLK_LOTUS_URL_CHARS]; /* URL (http or https) or UUID */
} slk_lotus_source;

SLK_MUST_CHECK slk_err slk_lotus_source_read(slk_lotus_source *ret_source, const json_t *value,
                                             const char *what, slk_error *error);
json_t *slk_lotus_source_json(const slk_lotus_source *source);

/* ---- CallError: null, or {"Code":102,"Message":"…"}. */
typedef enum slk_lotus_fault_code {
    SLK_LOTUS_FAULT_UNKNOWN = 0,
    SLK_LOTUS_FAULT_TEMPORARY = 100,
    SLK_LOTUS_FAULT_RESTARTED = 101, /* a miner does PC1 and PC2 again */
    SLK_LOTUS_FAULT_NO_SPACE = 102 /* the same */
} slk_lotus_fault_code;

typedef struct slk_lotus_fault {
    bool failed; /* false: null, the call went well */
    int64_t code; /* any number that comes; ours are slk_lotus_fault_code */
    char message[1024]; /* UTF-8, cut between two characters */
} slk_lotus_fault;

SLK_MUST_CHECK slk_err slk_lotus_fault_read(slk_lotus_fault *ret_fault, const json_t *value,
                                            const char *what, slk_error *error);
json_t *slk_lotus_fault_json(const slk_lotus_fault *fault);
/* The failure of a step of ours, as a worker of that name returns it: code NO_SPACE for SLK_E_NOSPACE,
 * TEMPORARY when somebody was away who is needed (SLK_E_UNREACHABLE, _TIMEOUT, _BUSY), else UNKNOWN, which is to
 * a lotus-miner the same; the sentence ends with " [name: <worker>]". */
void slk_lotus_fault_of(slk_lotus_fault *ret_fault, slk_err code, const slk_error *why,
                        const char *worker);

#endif
