/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The messages of remote seal: the first byte picks the message, the rest is its JSON. What can be
 * read is printed and read again, and must then print the same. */
#include "base/mem.h"
#include "remote/wire.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const slk_wire_type *const types[] = {
        &slk_wire_type_capabilities,   &slk_wire_type_token_request, &slk_wire_type_authorized,
        &slk_wire_type_available,      &slk_wire_type_order,         &slk_wire_type_ordered,
        &slk_wire_type_sector_request, &slk_wire_type_status,        &slk_wire_type_commit1,
        &slk_wire_type_complete,       &slk_wire_type_ticket,        &slk_wire_type_c1_url,
    };
    union {
        slk_wire_complete complete;
        slk_wire_c1_url c1_url;
        slk_wire_capabilities capabilities;
        slk_wire_status status;
    } message;
    if (n == 0)
        return 0;
    const slk_wire_type *type = types[(uint8_t)(data[0] - 'a') % (sizeof types / sizeof *types)];
    slk_error error = {0};
    if (slk_wire_read(&message, type, data + 1, n - 1, &error) != SLK_OK) {
        slk_assert(error.code == SLK_E_INVAL);
        return 0;
    }
    SLK_CLEANUP(slk_buf_done) slk_buf first;
    SLK_CLEANUP(slk_buf_done) slk_buf second;
    slk_buf_init(&first, 4 * SLK_WIRE_BODY_MAX_BYTES);
    slk_buf_init(&second, 4 * SLK_WIRE_BODY_MAX_BYTES);
    slk_assert(slk_wire_print(&first, type, &message) == SLK_OK);
    slk_assert(slk_wire_read(&message, type, first.data, first.len, &error) == SLK_OK);
    slk_assert(slk_wire_print(&second, type, &message) == SLK_OK);
    slk_assert(strcmp(slk_buf_str(&first), slk_buf_str(&second)) == 0);
    return 0;
}
