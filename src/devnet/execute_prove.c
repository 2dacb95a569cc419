/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ProveCommitSectors3: the actor's checks in the actor's order. source: reference/chain 1.6, 4.4 */
#include "devnet/devnet_impl.h"

#include "base/log.h"
#include "base/mem.h"
#include "fil/commcid.h"
#include "fil/policy.h"
#include "fil/randomness.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The message being executed, sector by sector. */
typedef struct proving {
    slk_devnet *devnet;
    slk_dev_actor *miner;
    const slk_prove_commit *params;
    size_t *precommits; /* index into miner->precommits per activation */
    int64_t *exits; /* per activation */
    slk_seal_proof proof; /* of all sectors */
} proving;

static const slk_dev_precommit *precommit_of(const proving *p, size_t i)
{
    return &p->miner->precommits[p->precommits[i]];
}

/* SLK_EXIT_OK or the exit of the whole message. */
static int64_t find_precommits(proving *p)
{
    for (size_t i = 0; i < p->params->n_sectors; i++) {
        const slk_dev_precommit *found =
            slk_dev_precommit_find(p->miner, p->params->sectors[i].sector_number);
        if (found == NULL)
            return SLK_EXIT_NOT_FOUND;
        p->precommits[i] = (size_t)(found - p->miner->precommits);
    }
    return SLK_EXIT_OK;
}

static const char *refuse_shape(const proving *p)
{
    const slk_prove_commit *params = p->params;
    if (params->n_sectors == 0)
        return "no sectors";
    if ((params->n_proofs > 0) == (params->aggregate.n > 0))
        return "exactly one of sector proofs and aggregate proof must be given";
    if (params->aggregate.n > 0)
        return "aggregate proofs not supported";
    if (params->n_proofs != params->n_sectors)
        return "mismatched lengths of sectors and proofs";
    if (params->has_aggregate_type)
        return "aggregate proof type given with sector proofs";
    for (size_t i = 0; i < params->n_sectors; i++) {
        for (size_t j = 0; j < i; j++)
            if (params->sectors[i].sector_number == params->sectors[j].sector_number)
                return "duplicate sector number";
        slk_seal_proof proof;
        if (slk_seal_proof_registered(&proof, precommit_of(p, i)->record.info.seal_proof, NULL) !=
                SLK_OK ||
            params->proofs[i].n > slk_seal_proof_bytes(&proof))
            return "sector proof too long";
    }
    return NULL;
}

/* Checks on the message as a whole; fills p->proof. False: *result has the failure. */
static bool check_whole(proving *p, slk_dev_result *result)
{
    const char *why = refuse_shape(p);
    if (why != NULL) {
        slk_dev_result_fail(result, SLK_EXIT_ILLEGAL_ARGUMENT, "%s", why);
        return false;
    }
    int64_t type = precommit_of(p, 0)->record.info.seal_proof;
    slk_err code = slk_seal_proof_registered(&p->proof, type, NULL);
    slk_assert(code == SLK_OK);
    for (size_t i = 0; i < p->params->n_sectors; i++) {
        if (precommit_of(p, i)->record.info.seal_proof != type) {
            slk_dev_result_fail(result, SLK_EXIT_ILLEGAL_STATE, "mixed seal proof types");
            return false;
        }
    }
    for (size_t i = 0; i < p->params->n_sectors; i++) {
        int64_t seed_epoch = precommit_of(p, i)->record.epoch + p->devnet->options.challenge_delay;
        if (p->devnet->epoch <= seed_epoch) {
            slk_dev_result_fail(result, SLK_EXIT_FORBIDDEN, "too early to prove sector");
            return false;
        }
    }
    return true;
}

static int64_t validate_sector(const proving *p, size_t i)
{
    const slk_precommit_info *record = &precommit_of(p, i)->record;
    int64_t last = record->epoch + slk_policy_max_prove_commit_duration(
                                       &p->proof, p->devnet->options.challenge_delay);
    if (record->info.n_deal_ids > 0 || p->devnet->epoch > last)
        return SLK_EXIT_ILLEGAL_ARGUMENT;
    const slk_sector_activation *sector = &p->params->sectors[i];
    for (size_t j = 0; j < sector->n_pieces; j++)
        if (sector->pieces[j].has_allocation) /* no verified registry here */
            return SLK_EXIT_ILLEGAL_ARGUMENT;
    return SLK_EXIT_OK;
}

/* The declared CommD, or the zero one. */
static slk_err declared_comm_d(const proving *p, uint8_t out32[32], size_t i)
{
    const slk_precommit *info = &precommit_of(p, i)->record.info;
    if (slk_cid_defined(&info->unsealed_cid))
        return slk_comm_d_from_cid(out32, &info->unsealed_cid, NULL);
    const slk_devnet_verifier *v = &p->devnet->verifier;
    return v->comm_d(v->context, out32, info->seal_proof, NULL, 0, NULL);
}

static bool ask_verifier(const proving *p, size_t i)
{
    slk_devnet *devnet = p->devnet;
    const slk_precommit_info *record = &precommit_of(p, i)->record;
    slk_devnet_seal seal = {
        .seal_proof = record->info.seal_proof,
        .miner_id = p->miner->id,
        .sector_number = record->info.sector_number,
        .proof = p->params->proofs[i].data,
        .proof_bytes = p->params->proofs[i].n,
    };
    uint8_t entropy[16], digest[32];
    size_t n = slk_randomness_entropy(entropy, p->miner->id);
    int64_t ticket_epoch = record->info.seal_rand_epoch;
    int64_t seed_epoch = record->epoch + devnet->options.challenge_delay;
    /* Drawn as at the tipset being executed, whose block may not be appended yet: both epochs lie
     * before it. */
    if (!slk_dev_ticket_digest(devnet, digest, ticket_epoch, devnet->epoch))
        return false;
    slk_randomness_draw(seal.ticket32, digest, SLK_TAG_SEAL_RANDOMNESS, ticket_epoch, entropy, n);
    if (!slk_dev_beacon_digest(devnet, digest, seed_epoch, devnet->epoch))
        return false;
    slk_randomness_draw(seal.seed32, digest, SLK_TAG_INTERACTIVE_SEAL_SEED, seed_epoch, entropy, n);
    if (slk_comm_r_from_cid(seal.comm_r32, &record->info.sealed_cid, NULL) != SLK_OK ||
        declared_comm_d(p, seal.comm_d32, i) != SLK_OK)
        return false;
    bool valid = false;
    slk_error error = {0};
    const slk_devnet_verifier *v = &devnet->verifier;
    const slk_err code = v->verify_seal(v->context, &valid, &seal, &error);
    if (code != SLK_OK)
        slk_log(SLK_LOG_WARN, "devnet.not_verified", "sector=f0%" PRIu64 "/%" PRIu64 " why=\"%s\"",
                seal.miner_id, seal.sector_number, slk_error_text(&error, code));
    return code == SLK_OK && valid;
}

/* The verdict on sector i: from the log when replaying, else from the verifier and recorded. */
static slk_err verdict(const proving *p, bool *ret_valid, size_t i)
{
    slk_dev_verdicts *v = &p->devnet->verdicts;
    if (p->devnet->replaying) {
        *ret_valid = v->at < v->n && v->valid[v->at] != 0;
        v->at++;
        return SLK_OK;
    }
    *ret_valid = ask_verifier(p, i);
    if (p->devnet->dry_run)
        return SLK_OK;
    SLK_TRY(DEV_GROW(v->valid, v->n, v->capacity));
    v->valid[v->n++] = *ret_valid;
    return SLK_OK;
}

/* Does CommD follow from the pieces? */
static slk_err data_matches(const proving *p, bool *ret_matches, size_t i)
{
    const slk_sector_activation *sector = &p->params->sectors[i];
    uint8_t computed[32], declared[32];
    SLK_CLEANUP(slk_freep)
    slk_devnet_piece *pieces = slk_calloc(sector->n_pieces, sizeof *pieces);
    if (pieces == NULL)
        return SLK_E_NOMEM;
    bool ok = true;
    for (size_t j = 0; j < sector->n_pieces && ok; j++) {
        pieces[j].size_bytes = sector->pieces[j].size_bytes;
        ok = slk_comm_d_from_cid(pieces[j].comm_p32, &sector->pieces[j].cid, NULL) == SLK_OK;
    }
    const slk_devnet_verifier *v = &p->devnet->verifier;
    ok = ok && v->comm_d(v->context, computed, p->proof.registered, pieces, sector->n_pieces,
                         NULL) == SLK_OK;
    *ret_matches =
        ok && declared_comm_d(p, declared, i) == SLK_OK && memcmp(computed, declared, 32) == 0;
    return SLK_OK;
}

/* Validation, proofs and data of every sector. On whole-message failure *result has it. */
static slk_err check_sectors(proving *p, slk_dev_result *result, size_t *ret_left)
{
    size_t n = p->params->n_sectors, left = 0;
    for (size_t i = 0; i < n; i++) {
        p->exits[i] = validate_sector(p, i);
        bool valid = p->exits[i] == SLK_EXIT_OK;
        if (valid)
            SLK_TRY(verdict(p, &valid, i));
        if (!valid)
            p->exits[i] = SLK_EXIT_ILLEGAL_ARGUMENT;
        left += valid;
    }
    if (left == 0 || (left < n && p->params->require_activation_success)) {
        slk_dev_result_fail(result, SLK_EXIT_ILLEGAL_ARGUMENT,
                            left == 0 ? "no valid proofs specified" : "not all sectors are valid");
        return SLK_OK;
    }
    for (size_t i = 0; i < n; i++) {
        bool matches = true;
        if (p->exits[i] != SLK_EXIT_OK)
            continue;
        SLK_TRY(data_matches(p, &matches, i));
        if (!matches) {
            slk_dev_result_fail(result, SLK_EXIT_ILLEGAL_ARGUMENT,
                                "unsealed CID does not match the pieces of sector %llu",
                                (unsigned long long)p->params->sectors[i].sector_number);
            return SLK_OK;
        }
        if (precommit_of(p, i)->record.info.expiration - p->devnet->epoch <
            SLK_MIN_SECTOR_EXPIRATION) {
            slk_dev_result_fail(result, SLK_EXIT_ILLEGAL_ARGUMENT, "sector expiration too soon");
            return SLK_OK;
        }
    }
    *ret_left = left;
    return SLK_OK;
}

static slk_err activate(proving *p, size_t i)
{
    slk_dev_actor *miner = p->miner;
    slk_dev_precommit *pre = &miner->precommits[p->precommits[i]];
    const slk_precommit *info = &pre->record.info;
    SLK_TRY(DEV_GROW(miner->sectors, miner->n_sectors, miner->sectors_capacity));
    pre->gone_epoch = p->devnet->epoch;
    pre->gone_seq = ++p->devnet->seq;
    miner->sectors[miner->n_sectors++] = (slk_dev_sector){
        .record = {.sector_number = info->sector_number,
                   .seal_proof = info->seal_proof,
                   .sealed_cid = info->sealed_cid,
                   .activation = p->devnet->epoch,
                   .expiration = info->expiration,
                   .initial_pledge = slk_dev_pledge_per_sector(),
                   .power_base_epoch = p->devnet->epoch,
                   .flags = 1},
        .epoch = p->devnet->epoch,
        .seq = ++p->devnet->seq,
    };
    return SLK_OK;
}

static slk_err settle(proving *p, slk_dev_result *result, size_t left)
{
    slk_dev_funds funds = slk_dev_funds_latest(p->miner);
    slk_bigint pledge = slk_dev_pledge_per_sector(), deposits = {{0}};
    for (size_t i = 0; i < p->params->n_sectors; i++)
        if (p->exits[i] == SLK_EXIT_OK)
            SLK_TRY(slk_bigint_add(&deposits, &deposits, &precommit_of(p, i)->record.deposit));
    funds.deposits = slk_bigint_sub_floor(&funds.deposits, &deposits);
    slk_bigint unlocked = slk_dev_available(&funds);
    SLK_TRY(slk_bigint_mul_u64(&pledge, &pledge, left));
    if (slk_bigint_cmp(&unlocked, &pledge) < 0) {
        slk_dev_result_fail(result, SLK_EXIT_ACTOR_INSUFFICIENT_FUNDS,
                            "insufficient funds for initial pledge");
        return SLK_OK;
    }
    SLK_TRY(slk_bigint_add(&funds.pledge, &funds.pledge, &pledge));
    SLK_TRY(slk_dev_funds_set(p->devnet, p->miner, funds));
    SLK_CLEANUP(slk_freep)
    slk_batch_failure *failures = slk_calloc(p->params->n_sectors, sizeof *failures);
    if (failures == NULL)
        return SLK_E_NOMEM;
    slk_batch_return batch = {.success_count = left, .failures = failures};
    for (size_t i = 0; i < p->params->n_sectors; i++) {
        if (p->exits[i] == SLK_EXIT_OK)
            SLK_TRY(activate(p, i));
        else
            failures[batch.n_failures++] = (slk_batch_failure){i, p->exits[i]};
    }
    return slk_batch_return_encode(&result->returned, &batch);
}

static slk_err execute(proving *p, slk_dev_result *result, bool controlling)
{
    if (!controlling) {
        slk_dev_result_fail(result, SLK_EXIT_FORBIDDEN,
                            "caller is not one of the miner's addresses");
        return SLK_OK;
    }
    if (find_precommits(p) != SLK_EXIT_OK) {
        slk_dev_result_fail(result, SLK_EXIT_NOT_FOUND, "no pre-committed sector");
        return SLK_OK;
    }
    if (!check_whole(p, result))
        return SLK_OK;
    size_t left = 0;
    SLK_TRY(check_sectors(p, result, &left));
    return result->exit_code == SLK_EXIT_OK ? settle(p, result, left) : SLK_OK;
}

slk_err slk_dev_execute_prove(slk_devnet *devnet, slk_dev_result *result, slk_dev_actor *miner,
                              bool controlling, const slk_message *message)
{
    slk_prove_commit_decoded decoded = {0};
    slk_error why = {0};
    slk_err code =
        slk_prove_commit_params_decode(&decoded, message->params, message->params_bytes, &why);
    if (code == SLK_E_NOMEM)
        return code;
    if (code != SLK_OK) {
        slk_dev_result_fail(result, SLK_EXIT_SERIALIZATION, "%s", why.message);
        return SLK_OK;
    }
    proving p = {.devnet = devnet, .miner = miner, .params = &decoded.params};
    p.precommits = slk_calloc(decoded.params.n_sectors, sizeof *p.precommits);
    p.exits = slk_calloc(decoded.params.n_sectors, sizeof *p.exits);
    code = p.precommits == NULL || p.exits == NULL ? SLK_E_NOMEM : execute(&p, result, controlling);
    slk_free(p.precommits);
    slk_free(p.exits);
    slk_prove_commit_decoded_done(&decoded);
    return code;
}
