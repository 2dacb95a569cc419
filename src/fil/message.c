/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fil/message.h"

#include "base/mem.h"
#include "crypto/blake2b/blake2b.h"

#include <string.h>

#define MESSAGE_VERSION 0u
#define SIGNED_MAX_BYTES (SLK_MESSAGE_PARAMS_MAX + 4096u)

void slk_message_done(slk_message *message)
{
    slk_free(message->params);
    *message = (slk_message){0};
}

void slk_signed_message_done(slk_signed_message *message)
{
    slk_message_done(&message->message);
    *message = (slk_signed_message){0};
}

slk_err slk_message_set_params(slk_message *message, const uint8_t *params, size_t n)
{
    uint8_t *copy = NULL;
    if (n > 0) {
        copy = slk_alloc(n, 1);
        if (copy == NULL)
            return SLK_E_NOMEM;
        memcpy(copy, params, n);
    }
    slk_free(message->params);
    message->params = copy;
    message->params_bytes = n;
    return SLK_OK;
}

slk_err slk_message_copy(slk_message *ret_copy, const slk_message *message)
{
    slk_message copy = *message;
    copy.params = NULL;
    SLK_TRY(slk_message_set_params(&copy, message->params, message->params_bytes));
    *ret_copy = copy;
    return SLK_OK;
}

void slk_cid_of_cbor(slk_cid *ret_cid, const uint8_t *cbor, size_t n)
{
    uint8_t digest[32];
    slk_blake2b_of(digest, 32, cbor, n);
    slk_cid_make(ret_cid, SLK_CODEC_DAG_CBOR, SLK_HASH_BLAKE2B_256, digest, 32);
}

slk_err slk_message_to_cbor(slk_buf *out, const slk_message *m)
{
    SLK_TRY(slk_cbor_put_array(out, 10));
    SLK_TRY(slk_cbor_put_uint(out, MESSAGE_VERSION));
    SLK_TRY(slk_address_put_cbor(out, &m->to));
    SLK_TRY(slk_address_put_cbor(out, &m->from));
    SLK_TRY(slk_cbor_put_uint(out, m->nonce));
    SLK_TRY(slk_cbor_put_bigint(out, &m->value));
    SLK_TRY(slk_cbor_put_int(out, m->gas_limit));
    SLK_TRY(slk_cbor_put_bigint(out, &m->gas_fee_cap));
    SLK_TRY(slk_cbor_put_bigint(out, &m->gas_premium));
    SLK_TRY(slk_cbor_put_uint(out, m->method));
    return slk_cbor_put_bytes(out, m->params, m->params_bytes);
}

static slk_err get_fields(slk_cbor *c, slk_message *m, slk_error *error)
{
    uint64_t version;
    const uint8_t *params;
    size_t n;
    SLK_TRY(slk_cbor_get_tuple(c, 10, "Message", error));
    SLK_TRY(slk_cbor_get_uint(c, &version, "Version", error));
    if (version != MESSAGE_VERSION)
        return slk_fail(error, SLK_E_INVAL, "message version is not 0");
    SLK_TRY(slk_address_get_cbor(c, &m->to, "To", error));
    SLK_TRY(slk_address_get_cbor(c, &m->from, "From", error));
    SLK_TRY(slk_cbor_get_uint(c, &m->nonce, "Nonce", error));
    SLK_TRY(slk_cbor_get_bigint(c, &m->value, "Value", error));
    SLK_TRY(slk_cbor_get_int(c, &m->gas_limit, "GasLimit", error));
    SLK_TRY(slk_cbor_get_bigint(c, &m->gas_fee_cap, "GasFeeCap", error));
    SLK_TRY(slk_cbor_get_bigint(c, &m->gas_premium, "GasPremium", error));
    SLK_TRY(slk_cbor_get_uint(c, &m->method, "Method", error));
    SLK_TRY(slk_cbor_get_bytes(c, &params, &n, SLK_MESSAGE_PARAMS_MAX, "Params", error));
    slk_err code = slk_message_set_params(m, params, n);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "out of memory for a message");
}

slk_err slk_message_from_cbor(slk_message *ret_message, const uint8_t *in, size_t n,
                              slk_error *error)
{
    slk_cbor c = slk_cbor_over(in, n);
    slk_message m = {0};
    slk_err code = get_fields(&c, &m, error);
    if (code == SLK_OK)
        code = slk_cbor_end(&c, "Message", error);
    if (code != SLK_OK) {
        slk_message_done(&m);
        return code;
    }
    *ret_message = m;
    return SLK_OK;
}

slk_err slk_message_cid(slk_cid *ret_cid, const slk_message *message)
{
    SLK_CLEANUP(slk_buf_done) slk_buf cbor;
    slk_buf_init(&cbor, SIGNED_MAX_BYTES);
    SLK_TRY(slk_message_to_cbor(&cbor, message));
    slk_cid_of_cbor(ret_cid, cbor.data, cbor.len);
    return SLK_OK;
}

slk_err slk_signed_message_to_cbor(slk_buf *out, const slk_signed_message *message)
{
    uint8_t signature[1 + SLK_SIGNATURE_MAX_BYTES];
    SLK_TRY(slk_cbor_put_array(out, 2));
    SLK_TRY(slk_message_to_cbor(out, &message->message));
    signature[0] = message->signature_type;
    memcpy(signature + 1, message->signature, message->signature_bytes);
    return slk_cbor_put_bytes(out, signature, (size_t)message->signature_bytes + 1);
}

static slk_err get_signed(slk_cbor *c, slk_signed_message *m, slk_error *error)
{
    const uint8_t *signature;
    size_t n;
    SLK_TRY(slk_cbor_get_tuple(c, 2, "SignedMessage", error));
    SLK_TRY(get_fields(c, &m->message, error));
    SLK_TRY(slk_cbor_get_bytes(c, &signature, &n, SLK_SIGNATURE_MAX_BYTES + 1, "Signature", error));
    if (n < 2)
        return slk_fail(error, SLK_E_INVAL, "message signature is empty");
    m->signature_type = signature[0];
    m->signature_bytes = (uint8_t)(n - 1);
    memcpy(m->signature, signature + 1, n - 1);
    return slk_cbor_end(c, "SignedMessage", error);
}

slk_err slk_signed_message_from_cbor(slk_signed_message *ret_message, const uint8_t *in, size_t n,
                                     slk_error *error)
{
    slk_cbor c = slk_cbor_over(in, n);
    slk_signed_message m = {0};
    slk_err code = get_signed(&c, &m, error);
    if (code != SLK_OK) {
        slk_signed_message_done(&m);
        return code;
    }
    *ret_message = m;
    return SLK_OK;
}

slk_err slk_signed_message_cid(slk_cid *ret_cid, const slk_signed_message *message)
{
    if (message->signature_type == SLK_SIGNATURE_BLS)
        return slk_message_cid(ret_cid, &message->message);
    SLK_CLEANUP(slk_buf_done) slk_buf cbor;
    slk_buf_init(&cbor, SIGNED_MAX_BYTES);
    SLK_TRY(slk_signed_message_to_cbor(&cbor, message));
    slk_cid_of_cbor(ret_cid, cbor.data, cbor.len);
    return SLK_OK;
}
