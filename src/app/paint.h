/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Colour on terminals: only on one, or when asked for, and never when NO_COLOR is set. */
#ifndef SLK_APP_PAINT_H
#define SLK_APP_PAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum slk_colour {
    SLK_PLAIN, /* back to normal */
    SLK_RED,
    SLK_GREEN,
    SLK_YELLOW,
    SLK_BLUE,
    SLK_CYAN,
    SLK_BOLD,
} slk_colour;

typedef struct slk_paint {
    bool on;
} slk_paint;

slk_paint slk_paint_new(bool asked_for);

/* The sequence that begins the colour, "" when off. */
const char *slk_paint_in(const slk_paint *paint, slk_colour colour);

#define SLK_BAR_CHARS 20u

/* "[||||      ] 2/5" into out (at least 64 chars): SLK_BAR_CHARS wide. */
void slk_paint_bar(char *out, size_t size, uint64_t part, uint64_t whole);

#endif
