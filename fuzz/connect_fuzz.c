/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Connect strings: 'b' and base64 as it is, 'j' and JSON that is encoded first, 'u' and a URL. What
 * can be read prints back to something that reads the same. */
#include "base/mem.h"
#include "codec/base64.h"
#include "remote/connect.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INPUT_MAX 2000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_one(const char *text)
{
    slk_connect connect, again;
    slk_error error = {0};
    const char *const own[] = {NULL, "https://own.example"};
    if (slk_connect_read(&connect, text, own, 2, &error) != SLK_OK) {
        slk_assert(error.code == SLK_E_INVAL);
        return;
    }
    SLK_CLEANUP(slk_buf_done) slk_buf printed;
    slk_buf_init(&printed, SLK_CONNECT_TEXT_MAX);
    slk_assert(slk_connect_print(&printed, &connect) == SLK_OK);
    slk_assert(slk_connect_read(&again, slk_buf_str(&printed), NULL, 0, &error) == SLK_OK);
    slk_assert(strcmp(connect.url, again.url) == 0 && strcmp(connect.token, again.token) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0 || n > INPUT_MAX)
        return 0;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 2 * INPUT_MAX);
    if (data[0] == 'j') {
        slk_assert(slk_base64_encode(&text, data + 1, n - 1) == SLK_OK);
        read_one(slk_buf_str(&text));
        return 0;
    }
    slk_assert(slk_buf_append(&text, data + 1, n - 1) == SLK_OK);
    if (data[0] == 'u')
        slk_assert(slk_connect_check_url(slk_buf_str(&text), NULL) != SLK_OK ||
                   slk_connect_same_url(slk_buf_str(&text), slk_buf_str(&text)));
    else
        read_one(slk_buf_str(&text));
    return 0;
}
