/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each allocation fails once, alone and with all that follow, while messages of the protocol are read and
 * printed, those of the JSON library among them: it is always said to be memory, never the peer's fault. */
#include "base/mem.h"
#include "remote/wire.h"
#include "support/slk_failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>
#include <string.h>

#define ALLOCATIONS_MAX 1000u

/* The room for any of the messages below. */
typedef union any_message {
    slk_wire_capabilities capabilities;
    slk_wire_c1_url c1_url;
    slk_wire_called called;
    slk_wire_nonce nonce;
} any_message;

static const struct sample {
    const slk_wire_type *type;
    const char *json;
} samples[] = {
    {&slk_wire_type_capabilities,
     "{\"supported_proofs\":[0,5,10],\"max_batch_size\":1,\"supports_range_requests\":true,"
     "\"supports_sealed_manifest\":true,\"supports_cancel\":true,\"supports_renew\":true,"
     "\"supports_call_back\":true,\"supports_repeated_c1\":true}"},
    {&slk_wire_type_called,
     "{\"reached\":false,\"url\":\"https://a\",\"step\":\"tcp\",\"reason\":\"no\"}"},
    {&slk_wire_type_nonce, "{\"nonce\":\"ab\"}"},
    {&slk_wire_type_c1_url,
     "{\"c1_url\":\"https://a\",\"partner_token\":\"t\",\"sp_id\":1000,\"sector_number\":7}"},
};

static slk_err read_and_print(const struct sample *s, slk_error *error)
{
    any_message message;
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_buf_init(&out, SLK_WIRE_BODY_MAX_BYTES);
    SLK_TRY(slk_wire_read(&message, s->type, s->json, strlen(s->json), error));
    const slk_err code = slk_wire_print(&out, s->type, &message);
    if (code != SLK_OK)
        return slk_fail(error, code, "no memory to print it");
    assert_string_equal(slk_buf_str(&out), s->json);
    return SLK_OK;
}

static void message(const struct sample *s, bool on)
{
    uint64_t n = 0;
    for (bool hit = true; hit;) {
        assert_in_range(++n, 1, ALLOCATIONS_MAX);
        slk_error error = {0};
        slk_failing_alloc_at(n, on);
        const slk_err code = read_and_print(s, &error);
        hit = slk_failing_alloc_seen() >= n;
        slk_failing_alloc_at(0, false);
        assert_true(hit || code == SLK_OK);
        if (code != SLK_OK && (code != SLK_E_NOMEM || !strchr(error.message, ' ')))
            fail_msg("allocation %" PRIu64 " of %s: %s: %s", n, s->json, slk_err_name(code),
                     error.message);
        assert_int_equal(read_and_print(s, NULL), SLK_OK);
    }
    assert_true(n > 3);
}

static void each_allocation_of_a_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        message(&samples[i], false);
        message(&samples[i], true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_of_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
