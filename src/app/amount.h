/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Amounts as people read them. */
#ifndef SLK_APP_AMOUNT_H
#define SLK_APP_AMOUNT_H

#include <stdint.h>

#define SLK_FIL_CHARS 104u
#define SLK_SPAN_CHARS 48u

/* "0.36 FIL" of "360000000000000000" attoFIL, exact, without zeros at the end; "" of what is no
 * amount or longer than 78 digits. */
void slk_fil_format(char out[SLK_FIL_CHARS], const char *atto);

/* How long, from days and hours down to seconds: "3 d 4 h", "4 h 5 min", "5 min", "6 s". Negative: "0 s". */
void slk_span_format(char out[SLK_SPAN_CHARS], int64_t ms);
/* How fast a whole of total units gets done at rate units a second: "12 %/s", "3 %/min", "0.4 %/h"; ""
 * when either is not positive. */
void slk_pace_format(char out[SLK_SPAN_CHARS], double rate, int64_t total);

#endif
