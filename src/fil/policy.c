/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fil/policy.h"

#include "base/err.h"

/* source: filecoin-project/builtin-actors v18 runtime/src/runtime/policy.rs and
 * fvm_shared sector: seal_proof_sector_maximum_lifetime */
#define LIFETIME_V1 (540 * SLK_EPOCHS_IN_DAY)
#define LIFETIME_V1_1 INT64_C(5259485)
#define PROVE_COMMIT_DAYS_V1_1 30

static bool is_v1(const slk_seal_proof *proof)
{
    return proof->api == SLK_API_1_0;
}

int64_t slk_policy_max_prove_commit_duration(const slk_seal_proof *proof, int64_t challenge_delay)
{
    slk_assert(proof->feature != SLK_FEATURE_NON_INTERACTIVE);
    int64_t days = is_v1(proof) ? 1 : PROVE_COMMIT_DAYS_V1_1;
    return days * SLK_EPOCHS_IN_DAY + challenge_delay;
}

int64_t slk_policy_max_sector_lifetime(const slk_seal_proof *proof)
{
    return is_v1(proof) ? LIFETIME_V1 : LIFETIME_V1_1;
}

int64_t slk_policy_expiration(const slk_seal_proof *proof, int64_t ticket_epoch,
                              int64_t duration_epochs, int64_t challenge_delay)
{
    if (duration_epochs <= 0 || duration_epochs > SLK_MAX_SECTOR_EXPIRATION_EXTENSION)
        duration_epochs = SLK_MAX_SECTOR_EXPIRATION_EXTENSION;
    int64_t wanted = ticket_epoch + duration_epochs;
    int64_t least = ticket_epoch + SLK_MAX_PRE_COMMIT_RANDOMNESS_LOOKBACK +
                    slk_policy_max_prove_commit_duration(proof, challenge_delay) +
                    SLK_MIN_SECTOR_EXPIRATION;
    return wanted > least ? wanted : least;
}

/* Registered numbers come in groups of five sizes: V1, V1_1, synthetic, non-interactive. */
#define SIZES 5

int64_t slk_policy_window_post_type(const slk_seal_proof *proof)
{
    if (proof->registered < 0)
        return -1;
    return proof->registered % SIZES + (proof->registered < SIZES ? SIZES : 2 * SIZES);
}

int64_t slk_policy_seal_proof_of_window_post(int64_t window_post_type, bool synthetic)
{
    if (window_post_type < SIZES || window_post_type >= 3 * SIZES)
        return -1;
    return window_post_type % SIZES + (synthetic ? 2 * SIZES : SIZES);
}
