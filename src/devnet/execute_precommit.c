/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* PreCommitSectorBatch2: the actor's checks in the actor's order. source: reference/chain 1.6 */
#include "devnet/devnet_impl.h"

#include "base/mem.h"
#include "fil/commcid.h"
#include "fil/policy.h"

#include <stdio.h>

#define DEPOSIT_ATTO UINT64_C(120000000000000000)
#define PLEDGE_ATTO UINT64_C(200000000000000000)
#define DEAL_IDS_MAX 256u

slk_bigint slk_dev_deposit_per_sector(void)
{
    return slk_bigint_from_u64(DEPOSIT_ATTO);
}

slk_bigint slk_dev_pledge_per_sector(void)
{
    return slk_bigint_from_u64(PLEDGE_ATTO);
}

bool slk_dev_seal_proof_enabled(int64_t seal_proof)
{
    return seal_proof >= 5 && seal_proof <= 14; /* V1_1 and synthetic of every size */
}

/* NULL when the sector passes, else the reason; all are exit 16. */
static const char *refuse_form(const slk_devnet *devnet, const slk_precommit *sectors, size_t at)
{
    const slk_precommit *s = &sectors[at];
    int64_t p = devnet->epoch;
    for (size_t i = 0; i < at; i++)
        if (sectors[i].sector_number == s->sector_number)
            return "duplicate sector number";
    if (!slk_dev_seal_proof_enabled(s->seal_proof))
        return "unsupported seal proof type";
    if (s->sector_number > SLK_SECTOR_NUMBER_MAX)
        return "sector number greater than maximum";
    if (!slk_comm_r_cid_prefix_ok(&s->sealed_cid))
        return "sealed CID had wrong prefix";
    if (s->seal_rand_epoch >= p)
        return "seal challenge epoch must be before now";
    if (s->seal_rand_epoch < p - SLK_MAX_PRE_COMMIT_RANDOMNESS_LOOKBACK)
        return "seal challenge epoch too old";
    if (slk_cid_defined(&s->unsealed_cid) && !slk_comm_d_cid_prefix_ok(&s->unsealed_cid))
        return "unsealed CID had wrong prefix";
    return NULL;
}

static const char *refuse_expiration(const slk_devnet *devnet, const slk_precommit *s)
{
    slk_seal_proof proof;
    slk_err code = slk_seal_proof_registered(&proof, s->seal_proof, NULL);
    slk_assert(code == SLK_OK); /* enabled, so registered */
    int64_t p = devnet->epoch;
    int64_t activation =
        p + slk_policy_max_prove_commit_duration(&proof, devnet->options.challenge_delay);
    if (s->expiration <= activation)
        return "sector expiration must be after activation";
    if (s->expiration - activation < SLK_MIN_SECTOR_EXPIRATION)
        return "sector expiration too soon";
    if (s->expiration > p + SLK_MAX_SECTOR_EXPIRATION_EXTENSION)
        return "sector expiration too far";
    if (s->expiration - activation > slk_policy_max_sector_lifetime(&proof))
        return "sector lifetime too long";
    return NULL;
}

static const char *refuse_for_miner(const slk_dev_actor *miner, const slk_precommit *s)
{
    slk_seal_proof proof;
    slk_err code = slk_seal_proof_registered(&proof, s->seal_proof, NULL);
    slk_assert(code == SLK_OK);
    if (proof.shape->bytes != miner->sector_bytes)
        return "sector Window PoSt proof type does not match the miner's";
    if (s->n_deal_ids > DEAL_IDS_MAX)
        return "too many deals for sector";
    return NULL;
}

/* First multiple of the challenge window after everything is over. */
static int64_t cleanup_epoch(const slk_devnet *devnet, const slk_precommit *s)
{
    slk_seal_proof proof;
    slk_err code = slk_seal_proof_registered(&proof, s->seal_proof, NULL);
    slk_assert(code == SLK_OK);
    int64_t e = devnet->epoch +
                slk_policy_max_prove_commit_duration(&proof, devnet->options.challenge_delay) +
                SLK_EXPIRED_PRE_COMMIT_CLEAN_UP_DELAY;
    return (e + SLK_WPOST_CHALLENGE_WINDOW - 1) / SLK_WPOST_CHALLENGE_WINDOW *
           SLK_WPOST_CHALLENGE_WINDOW;
}

static slk_err store(slk_devnet *devnet, slk_dev_actor *miner, const slk_precommit *sectors,
                     size_t n)
{
    slk_bigint deposit = slk_dev_deposit_per_sector();
    for (size_t i = 0; i < n; i++) {
        SLK_TRY(DEV_GROW(miner->precommits, miner->n_precommits, miner->precommits_capacity));
        miner->precommits[miner->n_precommits++] = (slk_dev_precommit){
            .record = {.info = sectors[i], .deposit = deposit, .epoch = devnet->epoch},
            .born_seq = ++devnet->seq,
            .gone_epoch = EPOCH_NEVER,
            .cleanup_epoch = cleanup_epoch(devnet, &sectors[i]),
        };
    }
    return SLK_OK;
}

static slk_err check_and_store(slk_devnet *devnet, slk_dev_result *result, slk_dev_actor *miner,
                               bool controlling, const slk_precommit *sectors, size_t n)
{
    const char *why = n == 0 ? "batch empty" : NULL;
    for (size_t i = 0; i < n && why == NULL; i++) {
        why = refuse_form(devnet, sectors, i);
        if (why == NULL)
            why = refuse_expiration(devnet, &sectors[i]);
    }
    if (why == NULL && !controlling) {
        slk_dev_result_fail(result, SLK_EXIT_FORBIDDEN,
                            "caller is not one of the miner's addresses");
        return SLK_OK;
    }
    for (size_t i = 0; i < n && why == NULL; i++)
        why = refuse_for_miner(miner, &sectors[i]);
    if (why != NULL) {
        slk_dev_result_fail(result, SLK_EXIT_ILLEGAL_ARGUMENT, "%s", why);
        return SLK_OK;
    }
    slk_dev_funds funds = slk_dev_funds_latest(miner);
    slk_bigint deposits = slk_dev_deposit_per_sector(), available = slk_dev_available(&funds);
    if (slk_bigint_mul_u64(&deposits, &deposits, n) != SLK_OK ||
        slk_bigint_cmp(&available, &deposits) < 0) {
        slk_dev_result_fail(result, SLK_EXIT_ACTOR_INSUFFICIENT_FUNDS,
                            "insufficient funds for pre-commit deposit");
        return SLK_OK;
    }
    for (size_t i = 0; i < n; i++) {
        if (slk_dev_allocated_at(miner, sectors[i].sector_number, EPOCH_NEVER)) {
            slk_dev_result_fail(result, SLK_EXIT_ILLEGAL_ARGUMENT,
                                "sector number %llu has already been allocated",
                                (unsigned long long)sectors[i].sector_number);
            return SLK_OK;
        }
    }
    SLK_TRY(store(devnet, miner, sectors, n));
    SLK_TRY(slk_bigint_add(&funds.deposits, &funds.deposits, &deposits));
    return slk_dev_funds_set(devnet, miner, funds);
}

slk_err slk_dev_execute_precommit(slk_devnet *devnet, slk_dev_result *result, slk_dev_actor *miner,
                                  bool controlling, const slk_message *message)
{
    SLK_CLEANUP(slk_freep) slk_precommit *sectors = NULL;
    size_t n = 0;
    slk_error why = {0};
    slk_err code =
        slk_precommit_params_decode(&sectors, &n, message->params, message->params_bytes, &why);
    if (code == SLK_E_NOMEM)
        return code;
    if (code != SLK_OK) {
        slk_dev_result_fail(result, SLK_EXIT_SERIALIZATION, "%s", why.message);
        return SLK_OK;
    }
    return check_and_store(devnet, result, miner, controlling, sectors, n);
}
