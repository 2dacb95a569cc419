/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/uuid.h"

#include "base/rng.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

void slk_uuid_random(char out[SLK_UUID_CHARS])
{
    uint8_t r[16];
    slk_rng_fill(r, sizeof r);
    r[6] = (uint8_t)((r[6] & 0x0f) | 0x40); /* version 4, variant 1. source: RFC 9562 5.4 */
    r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
    snprintf(out, SLK_UUID_CHARS,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
             r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14],
             r[15]);
}

bool slk_uuid_is(const char *text)
{
    if (strlen(text) != SLK_UUID_CHARS - 1)
        return false;
    for (unsigned i = 0; i < SLK_UUID_CHARS - 1; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL)
            return false;
    }
    return true;
}
