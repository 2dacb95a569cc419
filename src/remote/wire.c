/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/wire.h"

#include "base/mem.h"
#include "base/num.h"
#include "codec/base64.h"
#include "codec/json.h"

#include <jansson.h>
#include <string.h>

typedef enum wire_kind { WIRE_TEXT, WIRE_I64, WIRE_BOOL, WIRE_BYTES, WIRE_NUMBERS } wire_kind;

typedef enum wire_rule {
    WIRE_REQUIRED, /* must be there; always printed */
    WIRE_MAY_LACK, /* may be absent when read; always printed */
    WIRE_OMIT_EMPTY, /* may be absent when read; left out when empty */
} wire_rule;

typedef struct wire_field {
    const char *name; /* NULL ends the list */
    wire_kind kind;
    wire_rule rule;
    size_t offset;
    size_t size;
} wire_field;

#define WIRE_FIELDS_MAX 11

struct slk_wire_type {
    size_t size;
    wire_field fields[WIRE_FIELDS_MAX];
};

#define FIELD(type, member, kind, rule)                                          \
    {                                                                            \
#member, kind, rule, offsetof(type, member), sizeof(((type *)0)->member) \
    }
#define TYPE(name) const slk_wire_type slk_wire_type_##name
#define SIZE(name) .size = sizeof(slk_wire_##name)

TYPE(capabilities) = {
    SIZE(capabilities),
    {
        FIELD(slk_wire_capabilities, supported_proofs, WIRE_NUMBERS, WIRE_MAY_LACK),
        FIELD(slk_wire_capabilities, max_batch_size, WIRE_I64, WIRE_MAY_LACK),
        FIELD(slk_wire_capabilities, supports_range_requests, WIRE_BOOL, WIRE_MAY_LACK),
        FIELD(slk_wire_capabilities, supports_sealed_manifest, WIRE_BOOL, WIRE_MAY_LACK),
        FIELD(slk_wire_capabilities, supports_cancel, WIRE_BOOL, WIRE_MAY_LACK),
        FIELD(slk_wire_capabilities, supports_renew, WIRE_BOOL, WIRE_MAY_LACK),
        FIELD(slk_wire_capabilities, supports_call_back, WIRE_BOOL, WIRE_MAY_LACK),
        FIELD(slk_wire_capabilities, supports_repeated_c1, WIRE_BOOL, WIRE_MAY_LACK),
    },
};
TYPE(token_request) = {
    SIZE(token_request),
    {FIELD(slk_wire_token_request, partner_token, WIRE_TEXT, WIRE_MAY_LACK)},
};
TYPE(authorized) = {
    SIZE(authorized),
    {
        FIELD(slk_wire_authorized, authorized, WIRE_BOOL, WIRE_REQUIRED),
        FIELD(slk_wire_authorized, partner_name, WIRE_TEXT, WIRE_MAY_LACK),
        FIELD(slk_wire_authorized, allowance_remaining, WIRE_I64, WIRE_MAY_LACK),
    },
};
TYPE(available) = {
    SIZE(available),
    {
        FIELD(slk_wire_available, available, WIRE_BOOL, WIRE_REQUIRED),
        FIELD(slk_wire_available, slot_token, WIRE_TEXT, WIRE_OMIT_EMPTY),
    },
};
TYPE(order) = {
    SIZE(order),
    {
        FIELD(slk_wire_order, partner_token, WIRE_TEXT, WIRE_MAY_LACK),
        FIELD(slk_wire_order, slot_token, WIRE_TEXT, WIRE_MAY_LACK),
        FIELD(slk_wire_order, sp_id, WIRE_I64, WIRE_MAY_LACK),
        FIELD(slk_wire_order, sector_number, WIRE_I64, WIRE_MAY_LACK),
        FIELD(slk_wire_order, reg_seal_proof, WIRE_I64, WIRE_MAY_LACK),
    },
};
TYPE(ordered) = {
    SIZE(ordered),
    {
        FIELD(slk_wire_ordered, accepted, WIRE_BOOL, WIRE_REQUIRED),
        FIELD(slk_wire_ordered, reject_reason, WIRE_TEXT, WIRE_OMIT_EMPTY),
    },
};
TYPE(sector_request) = {
    SIZE(sector_request),
    {
        FIELD(slk_wire_sector_request, partner_token, WIRE_TEXT, WIRE_MAY_LACK),
        FIELD(slk_wire_sector_request, sp_id, WIRE_I64, WIRE_MAY_LACK),
        FIELD(slk_wire_sector_request, sector_number, WIRE_I64, WIRE_MAY_LACK),
    },
};
TYPE(status) = {
    SIZE(status),
    {
        FIELD(slk_wire_status, state, WIRE_TEXT, WIRE_REQUIRED),
        FIELD(slk_wire_status, tree_d_cid, WIRE_TEXT, WIRE_OMIT_EMPTY),
        FIELD(slk_wire_status, tree_r_cid, WIRE_TEXT, WIRE_OMIT_EMPTY),
        FIELD(slk_wire_status, ticket_epoch, WIRE_I64, WIRE_OMIT_EMPTY),
        FIELD(slk_wire_status, ticket_value, WIRE_BYTES, WIRE_OMIT_EMPTY),
        FIELD(slk_wire_status, fail_reason, WIRE_TEXT, WIRE_OMIT_EMPTY),
        FIELD(slk_wire_status, stage, WIRE_TEXT, WIRE_OMIT_EMPTY),
        FIELD(slk_wire_status, stage_done, WIRE_I64, WIRE_OMIT_EMPTY),
        FIELD(slk_wire_status, stage_total, WIRE_I64, WIRE_OMIT_EMPTY),
        FIELD(slk_wire_status, lease_until, WIRE_I64, WIRE_OMIT_EMPTY),
        FIELD(slk_wire_status, lease_left, WIRE_I64, WIRE_OMIT_EMPTY),
    },
};
TYPE(renewed) = {
    SIZE(renewed),
    {
        FIELD(slk_wire_renewed, lease_until, WIRE_I64, WIRE_REQUIRED),
        FIELD(slk_wire_renewed, lease_left, WIRE_I64, WIRE_OMIT_EMPTY),
    },
};
TYPE(call_back) = {
    SIZE(call_back),
    {
        FIELD(slk_wire_call_back, partner_token, WIRE_TEXT, WIRE_MAY_LACK),
        FIELD(slk_wire_call_back, nonce, WIRE_TEXT, WIRE_MAY_LACK),
    },
};
TYPE(called) = {
    SIZE(called),
    {
        FIELD(slk_wire_called, reached, WIRE_BOOL, WIRE_REQUIRED),
        FIELD(slk_wire_called, url, WIRE_TEXT, WIRE_OMIT_EMPTY),
        FIELD(slk_wire_called, step, WIRE_TEXT, WIRE_OMIT_EMPTY),
        FIELD(slk_wire_called, reason, WIRE_TEXT, WIRE_OMIT_EMPTY),
    },
};
TYPE(nonce) = {
    SIZE(nonce),
    {FIELD(slk_wire_nonce, nonce, WIRE_TEXT, WIRE_MAY_LACK)},
};
TYPE(nonce_known) = {
    SIZE(nonce_known),
    {FIELD(slk_wire_nonce_known, known, WIRE_BOOL, WIRE_REQUIRED)},
};
TYPE(commit1) = {
    SIZE(commit1),
    {
        FIELD(slk_wire_commit1, partner_token, WIRE_TEXT, WIRE_MAY_LACK),
        FIELD(slk_wire_commit1, sp_id, WIRE_I64, WIRE_MAY_LACK),
        FIELD(slk_wire_commit1, sector_number, WIRE_I64, WIRE_MAY_LACK),
        FIELD(slk_wire_commit1, seed_epoch, WIRE_I64, WIRE_OMIT_EMPTY),
        FIELD(slk_wire_commit1, seed_value, WIRE_BYTES, WIRE_MAY_LACK),
    },
};
TYPE(complete) = {
    SIZE(complete),
    {
        FIELD(slk_wire_complete, partner_token, WIRE_TEXT, WIRE_MAY_LACK),
        FIELD(slk_wire_complete, sp_id, WIRE_I64, WIRE_MAY_LACK),
        FIELD(slk_wire_complete, sector_number, WIRE_I64, WIRE_MAY_LACK),
        FIELD(slk_wire_complete, tree_d_cid, WIRE_TEXT, WIRE_MAY_LACK),
        FIELD(slk_wire_complete, tree_r_cid, WIRE_TEXT, WIRE_MAY_LACK),
        FIELD(slk_wire_complete, ticket_epoch, WIRE_I64, WIRE_MAY_LACK),
        FIELD(slk_wire_complete, ticket_value, WIRE_BYTES, WIRE_MAY_LACK),
    },
};
TYPE(ticket) = {
    SIZE(ticket),
    {
        FIELD(slk_wire_ticket, ticket, WIRE_BYTES, WIRE_REQUIRED),
        FIELD(slk_wire_ticket, epoch, WIRE_I64, WIRE_REQUIRED),
    },
};
TYPE(c1_url) = {
    SIZE(c1_url),
    {
        FIELD(slk_wire_c1_url, c1_url, WIRE_TEXT, WIRE_REQUIRED),
        FIELD(slk_wire_c1_url, partner_token, WIRE_TEXT, WIRE_REQUIRED),
        FIELD(slk_wire_c1_url, sp_id, WIRE_I64, WIRE_REQUIRED),
        FIELD(slk_wire_c1_url, sector_number, WIRE_I64, WIRE_REQUIRED),
    },
};

static json_t *print_numbers(const slk_wire_numbers *numbers)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < numbers->n; i++) {
        if (json_array_append_new(array, json_integer(numbers->value[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* A new value, NULL when out of memory; *ret_empty says whether Go would call it empty. */
static json_t *print_field(bool *ret_empty, const wire_field *field, const void *at)
{
    switch (field->kind) {
    case WIRE_TEXT:
        *ret_empty = *(const char *)at == 0;
        return json_string(at);
    case WIRE_I64:
        *ret_empty = *(const int64_t *)at == 0;
        return json_integer(*(const int64_t *)at);
    case WIRE_BOOL:
        *ret_empty = !*(const bool *)at;
        return json_boolean(*(const bool *)at);
    case WIRE_BYTES:
        *ret_empty = ((const slk_wire_bytes *)at)->n == 0;
        return slk_json_new_bytes(((const slk_wire_bytes *)at)->data,
                                  ((const slk_wire_bytes *)at)->n);
    case WIRE_NUMBERS:
        *ret_empty = ((const slk_wire_numbers *)at)->n == 0;
        return print_numbers(at);
    }
    slk_assert(!"known field kind");
    return NULL;
}

slk_err slk_wire_print(slk_buf *out, const slk_wire_type *type, const void *message)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *object = json_object();
    if (!object)
        return SLK_E_NOMEM;
    for (size_t i = 0; i < WIRE_FIELDS_MAX && type->fields[i].name; i++) {
        const wire_field *field = &type->fields[i];
        bool empty = false;
        json_t *value = print_field(&empty, field, (const char *)message + field->offset);
        if (empty && field->rule == WIRE_OMIT_EMPTY) {
            json_decref(value);
            continue;
        }
        if (json_object_set_new(object, field->name, value) != 0)
            return SLK_E_NOMEM;
    }
    return slk_json_print(out, object);
}

/* Copies what fits, never half of a UTF-8 character. */
static void copy_text(char *out, size_t size, const char *text)
{
    size_t n = strlen(text);
    if (n >= size) {
        n = size - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xc0u) == 0x80u)
            n--;
    }
    memcpy(out, text, n);
    out[n] = 0;
}

static slk_err read_bytes(slk_wire_bytes *ret, const json_t *object, const char *name,
                          slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf bytes;
    slk_buf_init(&bytes, sizeof ret->data);
    if (slk_json_bytes(&bytes, object, name, error) != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "%s: want base64 of at most %zu bytes", name,
                        sizeof ret->data);
    ret->n = bytes.len;
    if (bytes.len > 0)
        memcpy(ret->data, bytes.data, bytes.len);
    return SLK_OK;
}

static slk_err read_numbers(slk_wire_numbers *ret, const json_t *object, const char *name,
                            slk_error *error)
{
    json_t *array = NULL;
    SLK_TRY(slk_json_array(&array, object, name, error));
    if (json_array_size(array) > SLK_WIRE_PROOFS_MAX)
        return slk_fail(error, SLK_E_INVAL, "%s: more than %u numbers", name, SLK_WIRE_PROOFS_MAX);
    ret->n = json_array_size(array);
    for (size_t i = 0; i < ret->n; i++)
        SLK_TRY(slk_json_as_i64(&ret->value[i], json_array_get(array, i), name, error));
    return SLK_OK;
}

static slk_err read_field(void *at, const wire_field *field, const json_t *object, slk_error *error)
{
    const char *text = NULL;
    switch (field->kind) {
    case WIRE_TEXT:
        SLK_TRY(slk_json_string(&text, object, field->name, error));
        copy_text(at, field->size, text);
        return SLK_OK;
    case WIRE_I64:
        return slk_json_i64(at, object, field->name, error);
    case WIRE_BOOL:
        return slk_json_bool(at, object, field->name, error);
    case WIRE_BYTES:
        return read_bytes(at, object, field->name, error);
    case WIRE_NUMBERS:
        return read_numbers(at, object, field->name, error);
    }
    slk_assert(!"known field kind");
    return SLK_E_INTERNAL;
}

slk_err slk_wire_read(void *ret_message, const slk_wire_type *type, const void *text, size_t n,
                      slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *object = NULL;
    const slk_err code = slk_json_parse_request(&object, text, n, SLK_WIRE_BODY_MAX_BYTES, error);
    if (code == SLK_E_NOMEM)
        return code; /* no fault of the message */
    if (code != SLK_OK)
        return slk_fail_context(error, SLK_E_INVAL, "malformed JSON");
    if (!json_is_object(object) && !json_is_null(object))
        return slk_fail(error, SLK_E_INVAL, "the message is no JSON object");
    uint8_t message[sizeof(slk_wire_complete) + sizeof(slk_wire_c1_url)]
        __attribute__((aligned(8)));
    slk_assert(type->size <= sizeof message);
    memset(message, 0, type->size);
    for (size_t i = 0; i < WIRE_FIELDS_MAX && type->fields[i].name; i++) {
        const wire_field *field = &type->fields[i];
        if (!slk_json_member(object, field->name) && field->rule != WIRE_REQUIRED)
            continue;
        if (!slk_json_member(object, field->name))
            return slk_fail(error, SLK_E_INVAL, "%s: missing", field->name);
        SLK_TRY(read_field(message + field->offset, field, object, error));
    }
    memcpy(ret_message, message, type->size);
    return SLK_OK;
}
