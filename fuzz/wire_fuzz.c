/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages of remote seal. The first byte ('a' …) picks the type; what is read prints to a text that reads
 * to the same message. */
#include "fuzz.h"

#include "base/mem.h"
#include "remote/wire.h"

#include <string.h>

static const slk_wire_type *const types[] = {
    &slk_wire_type_capabilities,   &slk_wire_type_token_request, &slk_wire_type_authorized,
    &slk_wire_type_available,      &slk_wire_type_order,         &slk_wire_type_ordered,
    &slk_wire_type_sector_request, &slk_wire_type_status,        &slk_wire_type_commit1,
    &slk_wire_type_complete,       &slk_wire_type_ticket,        &slk_wire_type_c1_url,
    &slk_wire_type_renewed,        &slk_wire_type_call_back,     &slk_wire_type_called,
    &slk_wire_type_nonce,          &slk_wire_type_nonce_known,
};
static const size_t sizes[] = {
    sizeof(slk_wire_capabilities),   sizeof(slk_wire_token_request), sizeof(slk_wire_authorized),
    sizeof(slk_wire_available),      sizeof(slk_wire_order),         sizeof(slk_wire_ordered),
    sizeof(slk_wire_sector_request), sizeof(slk_wire_status),        sizeof(slk_wire_commit1),
    sizeof(slk_wire_complete),       sizeof(slk_wire_ticket),        sizeof(slk_wire_c1_url),
    sizeof(slk_wire_renewed),        sizeof(slk_wire_call_back),     sizeof(slk_wire_called),
    sizeof(slk_wire_nonce),          sizeof(slk_wire_nonce_known),
};
#define TYPES (sizeof types / sizeof *types)

static void check(size_t type, const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_buf_done) slk_buf first;
    SLK_CLEANUP(slk_buf_done) slk_buf second;
    /* Room of the exact size, so that a sanitizer sees a write past the message. */
    SLK_CLEANUP(slk_freep) void *message = slk_calloc(1, sizes[type]);
    SLK_CLEANUP(slk_freep) void *again = slk_calloc(1, sizes[type]);
    slk_error error = {0};
    slk_buf_init(&first, SLK_WIRE_BODY_MAX_BYTES);
    slk_buf_init(&second, SLK_WIRE_BODY_MAX_BYTES);
    slk_assert(message && again);
    if (slk_wire_read(message, types[type], data, n, &error) != SLK_OK) {
        slk_assert(error.code == SLK_E_INVAL && error.message[0]);
        return;
    }
    slk_assert(slk_wire_print(&first, types[type], message) == SLK_OK);
    slk_assert(slk_wire_read(again, types[type], first.data, first.len, &error) == SLK_OK);
    slk_assert(slk_wire_print(&second, types[type], again) == SLK_OK);
    slk_assert(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > 0)
        check((uint8_t)(data[0] - 'a') % TYPES, data + 1, n - 1);
    return 0;
}
