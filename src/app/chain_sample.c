/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/chain_sample.h"

#include "base/assume.h"
#include "fil/commcid.h"
#include "fil/policy.h"
#include "fil/sector.h"

#include <stdio.h>
#include <stdlib.h>

#define ATTO 1e18

static double fil_of(const slk_bigint *atto)
{
    char text[SLK_BIGINT_TEXT_CHARS];
    slk_bigint_print(text, atto);
    return strtod(text, NULL) / ATTO;
}

/* What one more sector of the miner would need; the commitment plays no part in it. */
static slk_err ask_deposit(double *ret_fil, slk_chain *chain, const slk_miner_sample *miner,
                           const slk_miner_info *info, const slk_tipset *head,
                           int64_t challenge_delay, slk_error *error)
{
    slk_seal_proof proof;
    const int64_t number =
        miner->seal_proof >= 0
            ? miner->seal_proof
            : slk_policy_seal_proof_of_window_post(info->window_post_type, false);
    SLK_TRY(slk_seal_proof_registered(&proof, number, error));
    const int64_t ticket_epoch = head->height - SLK_SEAL_RANDOMNESS_LOOKBACK;
    slk_precommit sector = {
        .seal_proof = number,
        .seal_rand_epoch = ticket_epoch,
        .expiration = slk_policy_expiration(&proof, ticket_epoch, 0, challenge_delay),
    };
    slk_comm_r_cid(&sector.sealed_cid, (const uint8_t[32]){1});
    slk_bigint deposit;
    SLK_TRY(slk_chain_precommit_deposit(chain, &deposit, miner->sp_id, &sector, head, error));
    *ret_fil = fil_of(&deposit);
    return SLK_OK;
}

static slk_err ask_miner(slk_miner_sample *miner, slk_chain *chain, const slk_network *network,
                         const slk_tipset *head, slk_error *error)
{
    slk_miner_info info;
    slk_address sender;
    slk_bigint amount, nothing = {0};
    SLK_TRY(slk_chain_miner_info(chain, &info, miner->sp_id, head, error));
    SLK_TRY(slk_chain_available_balance(chain, &amount, miner->sp_id, head, error));
    miner->available_fil = fil_of(&amount);
    SLK_TRY(slk_chain_choose_sender(chain, &sender, &info, NULL, 0, &nothing, error));
    SLK_TRY(slk_chain_wallet_balance(chain, &amount, &sender, error));
    miner->sender_fil = fil_of(&amount);
    static_assert(sizeof miner->sender >= SLK_ADDRESS_TEXT_CHARS, "every address has room");
    slk_address_print(miner->sender, &sender, network->address_letter);
    miner->known = true;
    /* Its absence leaves the rest worth showing. */
    if (ask_deposit(&miner->deposit_fil, chain, miner, &info, head, network->challenge_delay,
                    error) != SLK_OK)
        miner->deposit_fil = 0;
    return SLK_OK;
}

static void sample(void *ctx, slk_chain_sample *sample)
{
    slk_chain_ops *ops = ctx;
    slk_chain *chain = slk_chain_ops_client(ops);
    slk_error error = {0};
    slk_network network;
    slk_tipset head;
    slk_err code = slk_chain_ops_network(ops, &network, &error);
    if (code == SLK_OK)
        code = slk_chain_head(chain, &head, &error);
    if (code != SLK_OK) {
        (void)snprintf(sample->why, sizeof sample->why, "%s", slk_error_text(&error, code));
        return;
    }
    sample->answered = true;
    sample->head_epoch = head.height;
    sample->head_ms = head.timestamp * 1000;
    sample->epoch_ms = network.block_delay_s * 1000;
    for (size_t i = 0; i < sample->miners_n; i++)
        if (ask_miner(&sample->miners[i], chain, &network, &head, &error) != SLK_OK)
            sample->miners[i].known = false;
}

slk_chain_sampler slk_chain_sampler_of(slk_chain_ops *ops)
{
    return ops ? (slk_chain_sampler){.ctx = ops, .sample = sample} : (slk_chain_sampler){0};
}
