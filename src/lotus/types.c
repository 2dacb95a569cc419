/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sectors, calls and the values of parameters. */
#include "lotus/types.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "fil/commcid.h"
#include "lotus/lotus_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- sectors */

static slk_err read_sector(slk_lotus_sector *sector, const json_t *value, slk_error *error)
{
    SLK_TRY(slk_json_u64(&sector->miner, value, "Miner", error));
    return slk_json_u64(&sector->number, value, "Number", error);
}

slk_err slk_lotus_sector_read(slk_lotus_sector *ret_sector, const json_t *value, const char *what,
                              slk_error *error)
{
    slk_lotus_sector sector;
    SLK_TRY(slk_lotus_named(read_sector(&sector, value, error), what, error));
    *ret_sector = sector;
    return SLK_OK;
}

json_t *slk_lotus_sector_json(const slk_lotus_sector *sector)
{
    return json_pack("{s:I, s:I}", "Miner", (json_int_t)sector->miner, "Number",
                     (json_int_t)sector->number);
}

/* A bare number 0..19. */
static slk_err read_proof(int64_t *ret_proof, const json_t *value, const char *what,
                          slk_error *error)
{
    int64_t number;
    slk_seal_proof proof;
    SLK_TRY(slk_json_as_i64(&number, value, what, error));
    SLK_TRY(slk_lotus_named(slk_seal_proof_registered(&proof, number, error), what, error));
    *ret_proof = number;
    return SLK_OK;
}

slk_err slk_lotus_sector_ref_read(slk_lotus_sector_ref *ret_ref, const json_t *value,
                                  const char *what, slk_error *error)
{
    slk_lotus_sector_ref ref;
    SLK_TRY(slk_lotus_named(
        slk_lotus_sector_read(&ref.id, slk_json_member(value, "ID"), "ID", error), what, error));
    SLK_TRY(slk_lotus_named(
        read_proof(&ref.proof, slk_json_member(value, "ProofType"), "ProofType", error), what,
        error));
    *ret_ref = ref;
    return SLK_OK;
}

json_t *slk_lotus_sector_ref_json(const slk_lotus_sector_ref *ref)
{
    return json_pack("{s:o, s:I}", "ID", slk_lotus_sector_json(&ref->id), "ProofType",
                     (json_int_t)ref->proof);
}

/* ---- calls */

slk_err slk_lotus_uuid_read(char ret_uuid[SLK_UUID_CHARS], const json_t *value, const char *what,
                            slk_error *error)
{
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) != json_string_length(value) || !slk_uuid_is(text))
        return slk_fail(error, SLK_E_INVAL, "%s: not a UUID in lower case", what);
    memcpy(ret_uuid, text, SLK_UUID_CHARS);
    return SLK_OK;
}

slk_err slk_lotus_call_id_read(slk_lotus_call_id *ret_call, const json_t *value, const char *what,
                               slk_error *error)
{
    slk_lotus_call_id call;
    SLK_TRY(slk_lotus_named(
        slk_lotus_sector_read(&call.sector, slk_json_member(value, "Sector"), "Sector", error),
        what, error));
    SLK_TRY(slk_lotus_named(slk_lotus_get_uuid(call.uuid, value, "ID", error), what, error));
    *ret_call = call;
    return SLK_OK;
}

json_t *slk_lotus_call_id_json(const slk_lotus_call_id *call)
{
    return json_pack("{s:o, s:s}", "Sector", slk_lotus_sector_json(&call->sector), "ID",
                     call->uuid);
}

/* ---- small parameters */

slk_err slk_lotus_randomness_read(uint8_t out32[32], const json_t *value, const char *what,
                                  slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, 64);
    SLK_TRY(slk_json_as_bytes(&bytes, value, what, error));
    if (bytes.len != 32)
        return slk_fail(error, SLK_E_INVAL, "%s: %zu bytes, 32 expected", what, bytes.len);
    memcpy(out32, bytes.data, 32);
    return SLK_OK;
}

json_t *slk_lotus_randomness_json(const uint8_t in32[32])
{
    return slk_json_new_bytes(in32, 32);
}

slk_err slk_lotus_types_read(unsigned *ret_types, const json_t *value, const char *what,
                             slk_error *error)
{
    int64_t types;
    SLK_TRY(slk_json_as_i64(&types, value, what, error));
    if (types < 0 || types > SLK_LOTUS_ALL_TYPES)
        return slk_fail(error, SLK_E_INVAL, "%s: %lld is not a set of kinds of files", what,
                        (long long)types);
    *ret_types = (unsigned)types;
    return SLK_OK;
}

slk_err slk_lotus_path_type_read(slk_lotus_path_type *ret_type, const json_t *value,
                                 const char *what, slk_error *error)
{
    if (!json_is_string(value) || !slk_lotus_path_type_of(ret_type, json_string_value(value)))
        return slk_fail(error, SLK_E_INVAL, "%s: not \"sealing\" or \"storage\"", what);
    return SLK_OK;
}

slk_err slk_lotus_acquire_mode_read(slk_lotus_acquire_mode *ret_mode, const json_t *value,
                                    const char *what, slk_error *error)
{
    if (!json_is_string(value) || !slk_lotus_acquire_mode_of(ret_mode, json_string_value(value)))
        return slk_fail(error, SLK_E_INVAL, "%s: not \"move\" or \"copy\"", what);
    return SLK_OK;
}

/* ---- commitments */

slk_err slk_lotus_comm_d_read(uint8_t out32[32], const json_t *value, const char *what,
                              slk_error *error)
{
    slk_cid cid;
    SLK_TRY(slk_json_as_cid(&cid, value, what, error));
    return slk_lotus_named(slk_comm_d_from_cid(out32, &cid, error), what, error);
}

slk_err slk_lotus_comm_r_read(uint8_t out32[32], const json_t *value, const char *what,
                              slk_error *error)
{
    slk_cid cid;
    SLK_TRY(slk_json_as_cid(&cid, value, what, error));
    return slk_lotus_named(slk_comm_r_from_cid(out32, &cid, error), what, error);
}

json_t *slk_lotus_comm_d_json(const uint8_t comm_d32[32])
{
    slk_cid cid;
    slk_comm_d_cid(&cid, comm_d32);
    return slk_json_new_cid(&cid);
}

json_t *slk_lotus_comm_r_json(const uint8_t comm_r32[32])
{
    slk_cid cid;
    slk_comm_r_cid(&cid, comm_r32);
    return slk_json_new_cid(&cid);
}

static slk_err read_cids(slk_lotus_cids *cids, const json_t *value, slk_error *error)
{
    const json_t *unsealed = slk_json_member(value, "Unsealed");
    const json_t *sealed = slk_json_member(value, "Sealed");
    if (!json_is_object(value))
        return slk_fail(error, SLK_E_INVAL, "not an object");
    cids->defined = unsealed != NULL || sealed != NULL;
    if (!cids->defined)
        return SLK_OK;
    SLK_TRY(slk_lotus_comm_d_read(cids->comm_d, unsealed, "Unsealed", error));
    return slk_lotus_comm_r_read(cids->comm_r, sealed, "Sealed", error);
}

slk_err slk_lotus_cids_read(slk_lotus_cids *ret_cids, const json_t *value, const char *what,
                            slk_error *error)
{
    slk_lotus_cids cids = {0};
    SLK_TRY(slk_lotus_named(read_cids(&cids, value, error), what, error));
    *ret_cids = cids;
    return SLK_OK;
}

json_t *slk_lotus_cids_json(const slk_lotus_cids *cids)
{
    return json_pack("{s:o, s:o}", "Unsealed",
                     cids->defined ? slk_lotus_comm_d_json(cids->comm_d) : json_null(), "Sealed",
                     cids->defined ? slk_lotus_comm_r_json(cids->comm_r) : json_null());
}

/* ---- failures */

slk_err slk_lotus_fault_read(slk_lotus_fault *ret_fault, const json_t *value, const char *what,
                             slk_error *error)
{
    slk_lotus_fault fault = {.failed = value != NULL && !json_is_null(value)};
    if (fault.failed && !json_is_object(value))
        return slk_fail(error, SLK_E_INVAL, "%s: not null or an object", what);
    SLK_TRY(slk_lotus_named(slk_lotus_get_i64(&fault.code, value, "Code", error), what, error));
    SLK_TRY(slk_lotus_named(
        slk_lotus_get_sentence(fault.message, sizeof fault.message, value, "Message", error), what,
        error));
    *ret_fault = fault;
    return SLK_OK;
}

json_t *slk_lotus_fault_json(const slk_lotus_fault *fault)
{
    if (!fault->failed)
        return json_null();
    return json_pack("{s:I, s:o}", "Code", (json_int_t)fault->code, "Message",
                     slk_lotus_text_json(fault->message));
}

void slk_lotus_fault_of(slk_lotus_fault *ret_fault, slk_err code, const slk_error *why,
                        const char *worker)
{
    const bool away = code == SLK_E_UNREACHABLE || code == SLK_E_TIMEOUT || code == SLK_E_BUSY;
    *ret_fault = (slk_lotus_fault){.failed = true,
                                   .code = code == SLK_E_NOSPACE ? SLK_LOTUS_FAULT_NO_SPACE
                                           : away                ? SLK_LOTUS_FAULT_TEMPORARY
                                                                 : SLK_LOTUS_FAULT_UNKNOWN};
    (void)snprintf(ret_fault->message, sizeof ret_fault->message, "%s [name: %.255s]",
                   slk_error_text(why, code), worker);
    slk_text_mend(ret_fault->message);
}
