/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Connect strings: 'b' and base64 as it is, 'j' and JSON that is encoded first, 'u' and a URL. What
 * can be read prints back to something that reads the same. */
#include "fuzz.h"

#include "base/mem.h"
#include "codec/base64.h"
#include "remote/connect.h"

#include <string.h>

static void check(const char *text)
{
    static const char *const own[] = {NULL, "https://own.example"};
    SLK_CLEANUP(slk_buf_done) slk_buf out;
    slk_connect connect = {0}, again = {0};
    slk_error error = {0};
    slk_buf_init(&out, SLK_CONNECT_TEXT_MAX);
    if (slk_connect_read(&connect, text, own, 2, &error) != SLK_OK)
        return;
    slk_assert(strlen(connect.token) == 64 && strspn(connect.token, "0123456789abcdef") == 64);
    slk_assert(slk_connect_check_url(connect.url, &error) == SLK_OK);
    slk_assert(connect.url[strlen(connect.url) - 1] != '/');
    slk_assert(slk_connect_same_url(connect.url, connect.url));
    slk_assert(!slk_connect_same_url(connect.url, own[1]));
    slk_assert(slk_connect_print(&out, &connect) == SLK_OK);
    slk_assert(slk_connect_read(&again, slk_buf_str(&out), own, 2, &error) == SLK_OK);
    slk_assert(strcmp(again.url, connect.url) == 0 && strcmp(again.token, connect.token) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data + 1, n - 1);
    SLK_CLEANUP(slk_buf_done) slk_buf wrapped;
    slk_error error = {0};
    slk_buf_init(&wrapped, 2 * n + 8);
    slk_assert(slk_base64_encode(&wrapped, data + 1, n - 1) == SLK_OK);
    if (data[0] != 'u') {
        check(data[0] == 'j' ? slk_buf_str(&wrapped) : text);
        return 0;
    }
    if (slk_connect_check_url(text, &error) == SLK_OK)
        slk_assert(slk_connect_same_url(text, text));
    (void)slk_connect_same_url(text, "https://peer.example/base");
    return 0;
}
