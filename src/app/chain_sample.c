/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/chain_sample.h"

#include "fil/policy.h"

#include <stdio.h>
#include <stdlib.h>

#define ATTO 1e18

static double fil_of(const char *atto)
{
    return strtod(atto, NULL) / ATTO;
}

static slk_err ask_miner(slk_miner_sample *miner, slk_chain_ops *ops, const slk_tipset *head,
                         slk_error *error)
{
    slk_seal_chain chain;
    slk_chain_ops_fill(&chain, ops);
    int64_t seal_proof = miner->seal_proof;
    if (seal_proof < 0) {
        slk_miner_info info;
        SLK_TRY(slk_chain_miner_info(slk_chain_ops_client(ops), &info, miner->sp_id, head, error));
        seal_proof = slk_policy_seal_proof_of_window_post(info.window_post_type, false);
    }
    slk_seal_funds funds;
    SLK_TRY(chain.funds(chain.ctx, &funds, miner->sp_id, seal_proof, error));
    miner->sender_fil = fil_of(funds.sender_balance);
    miner->available_fil = fil_of(funds.available);
    miner->deposit_fil = fil_of(funds.deposit_per_sector);
    miner->pledge_fil = fil_of(funds.pledge_per_sector);
    miner->known = true;
    return SLK_OK;
}

static void sample(void *ctx, slk_chain_sample *sample)
{
    slk_chain_ops *ops = ctx;
    slk_error error = {0};
    slk_network network;
    slk_tipset head;
    slk_err code = slk_chain_ops_network(ops, &network, &error);
    if (code == SLK_OK)
        code = slk_chain_head(slk_chain_ops_client(ops), &head, &error);
    if (code != SLK_OK) {
        (void)snprintf(sample->why, sizeof sample->why, "%s", slk_error_text(&error, code));
        return;
    }
    sample->answered = true;
    sample->head_epoch = head.height;
    sample->head_ms = head.timestamp * 1000;
    sample->epoch_ms = network.block_delay_s * 1000;
    sample->development = network.development;
    slk_seal_chain chain;
    slk_seal_network rules;
    slk_chain_ops_fill(&chain, ops);
    if (chain.network(chain.ctx, &rules, &error) == SLK_OK) {
        sample->ticket_max_age_epochs = rules.ticket_max_age_epochs;
        sample->max_prove_commit_epochs = rules.max_prove_commit_epochs;
    }
    for (size_t i = 0; i < sample->miners_n; i++)
        if (ask_miner(&sample->miners[i], ops, &head, &error) != SLK_OK)
            sample->miners[i].known = false;
}

slk_chain_sampler slk_chain_sampler_of(slk_chain_ops *ops)
{
    return ops ? (slk_chain_sampler){.ctx = ops, .sample = sample} : (slk_chain_sampler){0};
}
