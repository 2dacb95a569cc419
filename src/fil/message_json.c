/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fil/message.h"

#include "base/mem.h"

#include <string.h>

static json_t *new_address(const slk_address *address, char network)
{
    char text[SLK_ADDRESS_TEXT_CHARS];
    slk_address_print(text, address, network);
    return json_string(text);
}

slk_err slk_message_to_json(json_t **ret, const slk_message *m, char network)
{
    slk_cid cid;
    SLK_TRY(slk_message_cid(&cid, m));
    json_t *params =
        m->params_bytes == 0 ? json_null() : slk_json_new_bytes(m->params, m->params_bytes);
    json_t *value =
        json_pack("{s:i, s:o, s:o, s:I, s:o, s:I, s:o, s:o, s:I, s:o, s:o}", "Version", 0, "To",
                  new_address(&m->to, network), "From", new_address(&m->from, network), "Nonce",
                  (json_int_t)m->nonce, "Value", slk_json_new_bigint(&m->value), "GasLimit",
                  (json_int_t)m->gas_limit, "GasFeeCap", slk_json_new_bigint(&m->gas_fee_cap),
                  "GasPremium", slk_json_new_bigint(&m->gas_premium), "Method",
                  (json_int_t)m->method, "Params", params, "CID", slk_json_new_cid(&cid));
    if (value == NULL)
        return SLK_E_NOMEM;
    *ret = value;
    return SLK_OK;
}

static slk_err get_address(slk_address *ret, const json_t *value, const char *field,
                           slk_error *error)
{
    const char *text;
    SLK_TRY(slk_json_string(&text, value, field, error));
    slk_err code = slk_address_parse(ret, text, error);
    if (code == SLK_OK && !slk_address_defined(ret))
        code = slk_fail(error, SLK_E_INVAL, "the address is empty");
    return code == SLK_OK ? SLK_OK : slk_fail_context(error, code, "%s", field);
}

/* Go leaves absent fields at their zero value. */
static slk_err get_u64_or_zero(uint64_t *ret, const json_t *value, const char *field,
                               slk_error *error)
{
    return slk_json_member(value, field) == NULL ? SLK_OK : slk_json_u64(ret, value, field, error);
}

static slk_err get_bigint_or_zero(slk_bigint *ret, const json_t *value, const char *field,
                                  slk_error *error)
{
    if (json_object_get(value, field) == NULL)
        return SLK_OK;
    return slk_json_bigint(ret, value, field, error);
}

static slk_err get_message(slk_message *m, const json_t *value, slk_error *error)
{
    uint64_t version = 0, gas_limit = 0;
    if (!json_is_object(value))
        return slk_fail(error, SLK_E_INVAL, "a message must be an object");
    SLK_TRY(get_u64_or_zero(&version, value, "Version", error));
    if (version != 0)
        return slk_fail(error, SLK_E_INVAL, "message version is not 0");
    SLK_TRY(get_address(&m->to, value, "To", error));
    SLK_TRY(get_address(&m->from, value, "From", error));
    SLK_TRY(get_u64_or_zero(&m->nonce, value, "Nonce", error));
    SLK_TRY(get_bigint_or_zero(&m->value, value, "Value", error));
    SLK_TRY(get_u64_or_zero(&gas_limit, value, "GasLimit", error));
    m->gas_limit = (int64_t)gas_limit;
    SLK_TRY(get_bigint_or_zero(&m->gas_fee_cap, value, "GasFeeCap", error));
    SLK_TRY(get_bigint_or_zero(&m->gas_premium, value, "GasPremium", error));
    SLK_TRY(get_u64_or_zero(&m->method, value, "Method", error));
    SLK_CLEANUP(slk_buf_done) slk_buf params;
    slk_buf_init(&params, SLK_MESSAGE_PARAMS_MAX);
    SLK_TRY(slk_json_bytes(&params, value, "Params", error));
    slk_err code = slk_message_set_params(m, params.data, params.len);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "out of memory for a message");
}

slk_err slk_message_from_json(slk_message *ret_message, const json_t *value, slk_error *error)
{
    slk_message m = {0};
    slk_err code = get_message(&m, value, error);
    if (code != SLK_OK) {
        slk_message_done(&m);
        return code;
    }
    *ret_message = m;
    return SLK_OK;
}

slk_err slk_signed_message_to_json(json_t **ret, const slk_signed_message *m, char network)
{
    slk_cid cid;
    json_t *message = NULL;
    SLK_TRY(slk_signed_message_cid(&cid, m));
    SLK_TRY(slk_message_to_json(&message, &m->message, network));
    json_t *value = json_pack("{s:o, s:{s:i, s:o}, s:o}", "Message", message, "Signature", "Type",
                              (int)m->signature_type, "Data",
                              slk_json_new_bytes(m->signature, m->signature_bytes), "CID",
                              slk_json_new_cid(&cid));
    if (value == NULL)
        return SLK_E_NOMEM;
    *ret = value;
    return SLK_OK;
}

static slk_err get_signature(slk_signed_message *m, const json_t *value, slk_error *error)
{
    json_t *signature;
    uint64_t type;
    SLK_TRY(slk_json_object(&signature, value, "Signature", error));
    SLK_TRY(slk_json_u64(&type, signature, "Type", error));
    SLK_CLEANUP(slk_buf_done) slk_buf data;
    slk_buf_init(&data, SLK_SIGNATURE_MAX_BYTES);
    SLK_TRY(slk_json_bytes(&data, signature, "Data", error));
    if (type < SLK_SIGNATURE_SECP256K1 || type > 3 || data.len == 0)
        return slk_fail(error, SLK_E_INVAL, "Signature: unknown type or no data");
    m->signature_type = (uint8_t)type;
    m->signature_bytes = (uint8_t)data.len;
    memcpy(m->signature, data.data, data.len);
    return SLK_OK;
}

slk_err slk_signed_message_from_json(slk_signed_message *ret_message, const json_t *value,
                                     slk_error *error)
{
    slk_signed_message m = {0};
    json_t *message;
    SLK_TRY(slk_json_object(&message, value, "Message", error));
    SLK_TRY(slk_message_from_json(&m.message, message, error));
    slk_err code = get_signature(&m, value, error);
    if (code != SLK_OK) {
        slk_signed_message_done(&m);
        return code;
    }
    *ret_message = m;
    return SLK_OK;
}
