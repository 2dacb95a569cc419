/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/paint.h"

#include "base/num.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

slk_paint slk_paint_new(bool asked_for)
{
    const char *never = getenv("NO_COLOR");
    if (never && *never)
        return (slk_paint){.on = false};
    return (slk_paint){.on = asked_for || isatty(STDOUT_FILENO) == 1};
}

const char *slk_paint_in(const slk_paint *paint, slk_colour colour)
{
    static const char *const sequences[] = {
        [SLK_PLAIN] = "\033[0m",   [SLK_RED] = "\033[31m",  [SLK_GREEN] = "\033[32m",
        [SLK_YELLOW] = "\033[33m", [SLK_BLUE] = "\033[34m", [SLK_CYAN] = "\033[36m",
        [SLK_BOLD] = "\033[1m",
    };
    return paint->on ? sequences[colour] : "";
}

void slk_paint_bar(char *out, size_t size, uint64_t part, uint64_t whole)
{
    const uint64_t bounded = slk_min_u64(part, whole);
    const unsigned full =
        whole ? (unsigned)((double)bounded / (double)whole * SLK_BAR_CHARS + 0.5) : 0;
    char bar[SLK_BAR_CHARS + 1];
    memset(bar, ' ', SLK_BAR_CHARS);
    memset(bar, '|', full);
    bar[SLK_BAR_CHARS] = 0;
    (void)snprintf(out, size, "[%s] %" PRIu64 "/%" PRIu64, bar, part, whole);
}
