/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The miner actor's parameters and records that sealing needs. source: reference/chain 1.4, 1.6 */
#ifndef SLK_FIL_ACTOR_H
#define SLK_FIL_ACTOR_H

#include "base/buf.h"
#include "base/err.h"
#include "codec/bigint.h"
#include "codec/cid.h"
#include "codec/json.h"
#include "fil/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes. source: filecoin-project/ref-fvm shared/src/error/mod.rs */
typedef enum slk_exit {
    SLK_EXIT_OK = 0,
    SLK_EXIT_SENDER_INVALID = 1,
    SLK_EXIT_SENDER_STATE_INVALID = 2,
    SLK_EXIT_INVALID_RECEIVER = 5,
    SLK_EXIT_INSUFFICIENT_FUNDS = 6,
    SLK_EXIT_OUT_OF_GAS = 7,
    SLK_EXIT_ILLEGAL_ARGUMENT = 16,
    SLK_EXIT_NOT_FOUND = 17,
    SLK_EXIT_FORBIDDEN = 18,
    SLK_EXIT_ACTOR_INSUFFICIENT_FUNDS = 19,
    SLK_EXIT_ILLEGAL_STATE = 20,
    SLK_EXIT_SERIALIZATION = 21,
    SLK_EXIT_UNHANDLED_MESSAGE = 22,
} slk_exit;

/* "ErrIllegalArgument(16)" as Lotus prints it; codes without a name bare. out >= 48 chars. */
void slk_exit_name(char *out, size_t n, int64_t exit_code);

#define SLK_PRE_COMMIT_MAX_SECTORS 1024u /* far above what fits a message */
#define SLK_PROVE_MAX_SECTORS 1024u
#define SLK_PIECES_MAX 8192u
#define SLK_PROOF_MAX_BYTES 81960u

/* One sector of PreCommitSectorBatch2. */
typedef struct slk_precommit {
    int64_t seal_proof; /* registered number */
    uint64_t sector_number;
    slk_cid sealed_cid;
    int64_t seal_rand_epoch;
    uint64_t n_deal_ids; /* must be 0 to be provable; the ids themselves are not kept */
    int64_t expiration;
    slk_cid unsealed_cid; /* undefined: a sector without data */
} slk_precommit;

SLK_MUST_CHECK slk_err slk_precommit_params_encode(slk_buf *out, const slk_precommit *sectors,
                                                   size_t n);
/* Strict: shortest forms, exact tuple lengths, nothing after. *ret_sectors is released with
 * slk_free; n may be 0. */
SLK_MUST_CHECK slk_err slk_precommit_params_decode(slk_precommit **ret_sectors, size_t *ret_n,
                                                   const uint8_t *in, size_t n, slk_error *error);

/* A piece as ProveCommitSectors3 names it. */
typedef struct slk_piece_activation {
    slk_cid cid;
    uint64_t size_bytes; /* padded */
    bool has_allocation;
    uint64_t client_id;
    uint64_t allocation_id;
    uint64_t n_notify; /* 0 or 1 when encoding */
    slk_address notify_to; /* the first one; decoding skips the others */
    const uint8_t *notify_payload; /* borrowed */
    size_t notify_payload_bytes;
} slk_piece_activation;

typedef struct slk_sector_activation {
    uint64_t sector_number;
    const slk_piece_activation *pieces; /* borrowed */
    size_t n_pieces;
} slk_sector_activation;

typedef struct slk_bytes_view {
    const uint8_t *data;
    size_t n;
} slk_bytes_view;

/* ProveCommitSectors3. All arrays are borrowed when encoding. */
typedef struct slk_prove_commit {
    const slk_sector_activation *sectors;
    size_t n_sectors;
    const slk_bytes_view *proofs; /* one per sector, or none with an aggregate */
    size_t n_proofs;
    slk_bytes_view aggregate;
    bool has_aggregate_type;
    int64_t aggregate_type;
    bool require_activation_success;
    bool require_notification_success;
} slk_prove_commit;

SLK_MUST_CHECK slk_err slk_prove_commit_params_encode(slk_buf *out, const slk_prove_commit *params);

/* Decoded params with their memory; views point into `in`, which must outlive it. */
typedef struct slk_prove_commit_decoded {
    slk_prove_commit params;
    slk_sector_activation *sectors;
    slk_piece_activation *pieces;
    slk_bytes_view *proofs;
} slk_prove_commit_decoded;

SLK_MUST_CHECK slk_err slk_prove_commit_params_decode(slk_prove_commit_decoded *ret_params,
                                                      const uint8_t *in, size_t n,
                                                      slk_error *error);
void slk_prove_commit_decoded_done(slk_prove_commit_decoded *params); /* idempotent */

/* What a batch method returns: indices refer to the parameters' order. */
typedef struct slk_batch_failure {
    uint64_t index;
    int64_t exit_code;
} slk_batch_failure;

typedef struct slk_batch_return {
    uint64_t success_count;
    slk_batch_failure *failures; /* ascending index; owned */
    size_t n_failures;
} slk_batch_return;

SLK_MUST_CHECK slk_err slk_batch_return_encode(slk_buf *out, const slk_batch_return *batch);
/* SLK_E_INVAL also when indices do not ascend or do not fit the count. */
SLK_MUST_CHECK slk_err slk_batch_return_decode(slk_batch_return *ret_batch, const uint8_t *in,
                                               size_t n, slk_error *error);
void slk_batch_return_done(slk_batch_return *batch); /* idempotent */
/* 0 when the sector at index succeeded, its exit code otherwise. */
int64_t slk_batch_return_exit_of(const slk_batch_return *batch, uint64_t index);

/* SectorPreCommitOnChainInfo. */
typedef struct slk_precommit_info {
    slk_precommit info;
    slk_bigint deposit;
    int64_t epoch; /* P */
} slk_precommit_info;

/* What we read of SectorOnChainInfo. */
typedef struct slk_sector_info {
    uint64_t sector_number;
    int64_t seal_proof;
    slk_cid sealed_cid;
    int64_t activation;
    int64_t expiration;
    slk_bigint initial_pledge;
    int64_t power_base_epoch;
    uint64_t flags;
} slk_sector_info;

/* The Go JSON of a pre-commit ("SealProof", …). ret: new reference. */
SLK_MUST_CHECK slk_err slk_precommit_to_json(json_t **ret, const slk_precommit *sector);
SLK_MUST_CHECK slk_err slk_precommit_from_json(slk_precommit *ret_sector, const json_t *value,
                                               slk_error *error);
SLK_MUST_CHECK slk_err slk_precommit_info_from_json(slk_precommit_info *ret_info,
                                                    const json_t *value, slk_error *error);
SLK_MUST_CHECK slk_err slk_sector_info_from_json(slk_sector_info *ret_info, const json_t *value,
                                                 slk_error *error);

#endif
