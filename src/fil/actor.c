/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fil/actor.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

void slk_exit_name(char *out, size_t n, int64_t exit_code)
{
    /* source: filecoin-project/go-state-types exitcode/names.go */
    static const char *const names[] = {
        [0] = "Ok",
        [1] = "SysErrSenderInvalid",
        [2] = "SysErrSenderStateInvalid",
        [4] = "SysErrIllegalInstruction",
        [5] = "SysErrInvalidReceiver",
        [6] = "SysErrInsufficientFunds",
        [7] = "SysErrOutOfGas",
        [16] = "ErrIllegalArgument",
        [17] = "ErrNotFound",
        [18] = "ErrForbidden",
        [19] = "ErrInsufficientFunds",
        [20] = "ErrIllegalState",
        [21] = "ErrSerialization",
        [22] = "ErrUnhandledMessage",
        [23] = "ErrUnspecified",
        [24] = "ErrAssertionFailed",
        [25] = "ErrReadOnly",
        [26] = "ErrNotPayable",
    };
    const size_t known = sizeof names / sizeof *names;
    if (exit_code >= 0 && (size_t)exit_code < known && names[exit_code] != NULL)
        snprintf(out, n, "%s(%lld)", names[exit_code], (long long)exit_code);
    else
        snprintf(out, n, "%lld", (long long)exit_code);
}

static slk_err put_precommit(slk_buf *out, const slk_precommit *s)
{
    SLK_TRY(slk_cbor_put_array(out, 7));
    SLK_TRY(slk_cbor_put_int(out, s->seal_proof));
    SLK_TRY(slk_cbor_put_uint(out, s->sector_number));
    SLK_TRY(slk_cbor_put_cid(out, &s->sealed_cid));
    SLK_TRY(slk_cbor_put_int(out, s->seal_rand_epoch));
    SLK_TRY(slk_cbor_put_array(out, 0));
    SLK_TRY(slk_cbor_put_int(out, s->expiration));
    return slk_cbor_put_cid(out, &s->unsealed_cid);
}

slk_err slk_precommit_params_encode(slk_buf *out, const slk_precommit *sectors, size_t n)
{
    SLK_TRY(slk_cbor_put_array(out, 1));
    SLK_TRY(slk_cbor_put_array(out, n));
    for (size_t i = 0; i < n; i++)
        SLK_TRY(put_precommit(out, &sectors[i]));
    return SLK_OK;
}

#define DEAL_IDS_MAX 4096u

static slk_err get_precommit(slk_cbor *c, slk_precommit *s, slk_error *error)
{
    uint64_t deal;
    SLK_TRY(slk_cbor_get_tuple(c, 7, "pre-commit", error));
    SLK_TRY(slk_cbor_get_int(c, &s->seal_proof, "SealProof", error));
    SLK_TRY(slk_cbor_get_uint(c, &s->sector_number, "SectorNumber", error));
    SLK_TRY(slk_cbor_get_cid(c, &s->sealed_cid, "SealedCID", error));
    SLK_TRY(slk_cbor_get_int(c, &s->seal_rand_epoch, "SealRandEpoch", error));
    SLK_TRY(slk_cbor_get_array(c, &s->n_deal_ids, DEAL_IDS_MAX, "DealIDs", error));
    for (uint64_t i = 0; i < s->n_deal_ids; i++)
        SLK_TRY(slk_cbor_get_uint(c, &deal, "DealIDs", error));
    SLK_TRY(slk_cbor_get_int(c, &s->expiration, "Expiration", error));
    if (slk_cbor_take_null(c))
        return SLK_OK;
    return slk_cbor_get_cid(c, &s->unsealed_cid, "UnsealedCid", error);
}

slk_err slk_precommit_params_decode(slk_precommit **ret_sectors, size_t *ret_n, const uint8_t *in,
                                    size_t n, slk_error *error)
{
    slk_cbor c = slk_cbor_over(in, n);
    uint64_t count;
    SLK_TRY(slk_cbor_get_tuple(&c, 1, "PreCommitSectorBatch2", error));
    SLK_TRY(slk_cbor_get_array(&c, &count, SLK_PRE_COMMIT_MAX_SECTORS, "Sectors", error));
    SLK_CLEANUP(slk_freep) slk_precommit *sectors = slk_calloc(count, sizeof *sectors);
    if (sectors == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for pre-commit parameters");
    for (uint64_t i = 0; i < count; i++)
        SLK_TRY(get_precommit(&c, &sectors[i], error));
    SLK_TRY(slk_cbor_end(&c, "PreCommitSectorBatch2", error));
    *ret_sectors = sectors;
    *ret_n = (size_t)count;
    sectors = NULL;
    return SLK_OK;
}

slk_err slk_batch_return_encode(slk_buf *out, const slk_batch_return *batch)
{
    SLK_TRY(slk_cbor_put_array(out, 2));
    SLK_TRY(slk_cbor_put_uint(out, batch->success_count));
    SLK_TRY(slk_cbor_put_array(out, batch->n_failures));
    for (size_t i = 0; i < batch->n_failures; i++) {
        SLK_TRY(slk_cbor_put_array(out, 2));
        SLK_TRY(slk_cbor_put_uint(out, batch->failures[i].index));
        SLK_TRY(slk_cbor_put_int(out, batch->failures[i].exit_code));
    }
    return SLK_OK;
}

static slk_err get_failures(slk_cbor *c, slk_batch_failure *failures, uint64_t n,
                            uint64_t success_count, slk_error *error)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t exit_code;
        SLK_TRY(slk_cbor_get_tuple(c, 2, "FailCode", error));
        SLK_TRY(slk_cbor_get_uint(c, &failures[i].index, "FailCode index", error));
        SLK_TRY(slk_cbor_get_uint(c, &exit_code, "FailCode code", error));
        bool ordered = i == 0 || failures[i].index > failures[i - 1].index;
        if (!ordered || failures[i].index >= success_count + n || exit_code == 0 ||
            exit_code > UINT32_MAX)
            return slk_fail(error, SLK_E_INVAL, "BatchReturn: failure %llu makes no sense",
                            (unsigned long long)i);
        failures[i].exit_code = (int64_t)exit_code;
    }
    return slk_cbor_end(c, "BatchReturn", error);
}

slk_err slk_batch_return_decode(slk_batch_return *ret_batch, const uint8_t *in, size_t n,
                                slk_error *error)
{
    slk_cbor c = slk_cbor_over(in, n);
    uint64_t success_count, count;
    SLK_TRY(slk_cbor_get_tuple(&c, 2, "BatchReturn", error));
    SLK_TRY(slk_cbor_get_uint(&c, &success_count, "SuccessCount", error));
    if (success_count > SLK_PROVE_MAX_SECTORS)
        return slk_fail(error, SLK_E_INVAL, "BatchReturn: too many sectors");
    SLK_TRY(slk_cbor_get_array(&c, &count, SLK_PROVE_MAX_SECTORS, "FailCodes", error));
    SLK_CLEANUP(slk_freep) slk_batch_failure *failures = slk_calloc(count, sizeof *failures);
    if (failures == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a batch return");
    SLK_TRY(get_failures(&c, failures, count, success_count, error));
    *ret_batch = (slk_batch_return){success_count, failures, (size_t)count};
    failures = NULL;
    return SLK_OK;
}

void slk_batch_return_done(slk_batch_return *batch)
{
    slk_free(batch->failures);
    *batch = (slk_batch_return){0};
}

int64_t slk_batch_return_exit_of(const slk_batch_return *batch, uint64_t index)
{
    for (size_t i = 0; i < batch->n_failures; i++)
        if (batch->failures[i].index == index)
            return batch->failures[i].exit_code;
    return SLK_EXIT_OK;
}

slk_err slk_precommit_to_json(json_t **ret, const slk_precommit *s)
{
    json_t *value = json_pack(
        "{s:I, s:I, s:o, s:I, s:[], s:I, s:o}", "SealProof", (json_int_t)s->seal_proof,
        "SectorNumber", (json_int_t)s->sector_number, "SealedCID", slk_json_new_cid(&s->sealed_cid),
        "SealRandEpoch", (json_int_t)s->seal_rand_epoch, "DealIDs", "Expiration",
        (json_int_t)s->expiration, "UnsealedCid", slk_json_new_cid(&s->unsealed_cid));
    if (value == NULL)
        return SLK_E_NOMEM;
    *ret = value;
    return SLK_OK;
}

slk_err slk_precommit_from_json(slk_precommit *ret_sector, const json_t *value, slk_error *error)
{
    slk_precommit s = {0};
    json_t *deals;
    SLK_TRY(slk_json_i64(&s.seal_proof, value, "SealProof", error));
    SLK_TRY(slk_json_u64(&s.sector_number, value, "SectorNumber", error));
    SLK_TRY(slk_json_cid(&s.sealed_cid, value, "SealedCID", error));
    SLK_TRY(slk_json_i64(&s.seal_rand_epoch, value, "SealRandEpoch", error));
    SLK_TRY(slk_json_array(&deals, value, "DealIDs", error));
    s.n_deal_ids = json_array_size(deals);
    SLK_TRY(slk_json_i64(&s.expiration, value, "Expiration", error));
    SLK_TRY(slk_json_cid(&s.unsealed_cid, value, "UnsealedCid", error));
    *ret_sector = s;
    return SLK_OK;
}

slk_err slk_precommit_info_from_json(slk_precommit_info *ret_info, const json_t *value,
                                     slk_error *error)
{
    slk_precommit_info info = {0};
    json_t *inner;
    SLK_TRY(slk_json_object(&inner, value, "Info", error));
    SLK_TRY(slk_precommit_from_json(&info.info, inner, error));
    SLK_TRY(slk_json_bigint(&info.deposit, value, "PreCommitDeposit", error));
    SLK_TRY(slk_json_i64(&info.epoch, value, "PreCommitEpoch", error));
    *ret_info = info;
    return SLK_OK;
}

slk_err slk_sector_info_from_json(slk_sector_info *ret_info, const json_t *value, slk_error *error)
{
    slk_sector_info info = {0};
    SLK_TRY(slk_json_u64(&info.sector_number, value, "SectorNumber", error));
    SLK_TRY(slk_json_i64(&info.seal_proof, value, "SealProof", error));
    SLK_TRY(slk_json_cid(&info.sealed_cid, value, "SealedCID", error));
    SLK_TRY(slk_json_i64(&info.activation, value, "Activation", error));
    SLK_TRY(slk_json_i64(&info.expiration, value, "Expiration", error));
    SLK_TRY(slk_json_bigint(&info.initial_pledge, value, "InitialPledge", error));
    SLK_TRY(slk_json_i64(&info.power_base_epoch, value, "PowerBaseEpoch", error));
    SLK_TRY(slk_json_u64(&info.flags, value, "Flags", error));
    *ret_info = info;
    return SLK_OK;
}
