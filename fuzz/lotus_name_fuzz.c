/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names of sectors: what is accepted is printed as it came. */
#include "fuzz.h"

#include "base/mem.h"
#include "lotus/name.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    slk_error error = {0};
    slk_lotus_sector sector;
    if (slk_lotus_sector_parse(&sector, text, &error) == SLK_OK) {
        char again[SLK_LOTUS_NAME_CHARS];
        slk_lotus_sector_print(again, &sector);
        slk_assert(strcmp(again, text) == 0 && strchr(text, '/') == NULL);
    }
    return 0;
}
