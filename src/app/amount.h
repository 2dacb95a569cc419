/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Amounts as people read them. */
#ifndef SLK_APP_AMOUNT_H
#define SLK_APP_AMOUNT_H

#define SLK_FIL_CHARS 104u

/* "0.36 FIL" of "360000000000000000" attoFIL, exact, without zeros at the end; "" of what is no
 * amount or longer than 78 digits. */
void slk_fil_format(char out[SLK_FIL_CHARS], const char *atto);

#endif
