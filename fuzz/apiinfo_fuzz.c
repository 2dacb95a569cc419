/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where a node is: what is accepted is a plain http(s) URL. */
#include "fuzz.h"

#include "base/mem.h"
#include "codec/apiinfo.h"

#include <string.h>

#define MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    slk_error error = {0};
    slk_apiinfo infos[MAX], one = {0};
    size_t n_infos = 0;
    if (slk_apiinfo_parse(&one, text, n, &error) == SLK_OK)
        slk_assert(strlen(one.token) + strlen(one.url) <= 2 * n + 16);
    slk_apiinfo_done(&one);
    if (slk_apiinfo_parse_list(infos, MAX, &n_infos, text, &error) != SLK_OK)
        return 0;
    slk_assert(n_infos >= 1 && n_infos <= MAX);
    for (size_t i = 0; i < n_infos; i++) {
        const char *url = infos[i].url;
        slk_assert(strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
        slk_assert(url[strlen(url) - 1] != '/');
        for (const char *p = url; *p; p++)
            slk_assert(*p > ' ' && *p < 0x7f);
        for (const char *p = infos[i].token; *p; p++)
            slk_assert(*p > ' ' && *p < 0x7f);
        slk_apiinfo_done(&infos[i]);
    }
    return 0;
}
