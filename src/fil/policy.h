/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rules of the chain that a sealing pipeline lives by. All in epochs.
 * source: reference/chain 1.2; filecoin-project/builtin-actors v18 runtime/src/runtime/policy.rs */
#ifndef SLK_FIL_POLICY_H
#define SLK_FIL_POLICY_H

#include "fil/sector.h"

#include <stdint.h>

#define SLK_EPOCHS_IN_DAY INT64_C(2880)
#define SLK_CHAIN_FINALITY INT64_C(900)
#define SLK_SEAL_RANDOMNESS_LOOKBACK SLK_CHAIN_FINALITY
#define SLK_MAX_PRE_COMMIT_RANDOMNESS_LOOKBACK (SLK_EPOCHS_IN_DAY + SLK_CHAIN_FINALITY)
#define SLK_MIN_SECTOR_EXPIRATION (180 * SLK_EPOCHS_IN_DAY)
#define SLK_MAX_SECTOR_EXPIRATION_EXTENSION (1278 * SLK_EPOCHS_IN_DAY)
#define SLK_EXPIRED_PRE_COMMIT_CLEAN_UP_DELAY (8 * INT64_C(120))
#define SLK_WPOST_CHALLENGE_WINDOW INT64_C(60)
#define SLK_PRE_COMMIT_CHALLENGE_DELAY_MAINNET INT64_C(150)
#define SLK_PRE_COMMIT_CHALLENGE_DELAY_DEVNET INT64_C(10)
#define SLK_PRE_COMMIT_BATCH_MAX 256u
#define SLK_MESSAGE_MAX_BYTES (64u * 1024u)
#define SLK_MESSAGE_CONFIDENCE INT64_C(5)

/* Longest time from pre-commit to prove-commit for the seal type; challenge_delay as the network
 * says. Not for non-interactive types, which have no pre-commit (asserted). */
int64_t slk_policy_max_prove_commit_duration(const slk_seal_proof *proof, int64_t challenge_delay);
/* Longest life after the latest activation. */
int64_t slk_policy_max_sector_lifetime(const slk_seal_proof *proof);
/* Expiration to declare for a ticket of ticket_epoch: the wanted duration (<= 0: the longest),
 * made legal for every legal pre-commit epoch. */
int64_t slk_policy_expiration(const slk_seal_proof *proof, int64_t ticket_epoch,
                              int64_t duration_epochs, int64_t challenge_delay);
/* Window-PoSt proof type (10..14, or 5..9 for the V1 types) that goes with a registered seal proof;
 * -1 without one. */
int64_t slk_policy_window_post_type(const slk_seal_proof *proof);
/* The interactive V1_1 seal proof number for a miner's window-PoSt type (5..14); -1 unknown. */
int64_t slk_policy_seal_proof_of_window_post(int64_t window_post_type, bool synthetic);

#endif
