/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Addresses as bytes, text and CBOR. */
#include "fuzz.h"

#include "base/mem.h"
#include "fil/address.h"

#include <string.h>

static void check_address(const slk_address *address)
{
    char text[SLK_ADDRESS_TEXT_CHARS];
    slk_address again = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf cbor;
    slk_buf_init(&cbor, 256);
    slk_assert(address->len <= SLK_ADDRESS_MAX_BYTES);
    slk_address_print(text, address, 't');
    slk_assert(slk_address_parse(&again, text, NULL) == SLK_OK);
    slk_assert(slk_address_equal(&again, address));
    if (!slk_address_defined(address))
        return; /* not in CBOR */
    slk_assert(slk_address_put_cbor(&cbor, address) == SLK_OK);
    slk_cbor c = slk_cbor_over(cbor.data, cbor.len);
    slk_assert(slk_address_get_cbor(&c, &again, "address", NULL) == SLK_OK);
    slk_assert(slk_cbor_end(&c, "address", NULL) == SLK_OK && slk_address_equal(&again, address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    slk_error error = {0};
    slk_address address = {0};
    uint64_t id = 7;
    if (slk_address_from_bytes(&address, data, n, &error) == SLK_OK) {
        slk_assert(address.len == n && memcmp(address.bytes, data, n) == 0);
        check_address(&address);
    }
    if (slk_address_parse(&address, text, &error) == SLK_OK) {
        char spelled[SLK_ADDRESS_TEXT_CHARS];
        slk_address_print(spelled, &address, text[0]);
        slk_assert(strcmp(spelled, text) == 0);
        check_address(&address);
    }
    slk_cbor c = slk_cbor_over(data, n);
    if (slk_address_get_cbor(&c, &address, "address", &error) == SLK_OK)
        check_address(&address);
    else
        slk_assert(c.at == 0);
    if (slk_miner_id_parse(&id, text, &error) == SLK_OK)
        slk_assert(id <= INT64_MAX);
    else
        slk_assert(id == 7);
    return 0;
}
