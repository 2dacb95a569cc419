/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lists of short texts, as the fields Groups, AllowTo, AllowTypes, URLs, GPUs hold them. */
#ifndef SLK_LOTUS_STRINGS_H
#define SLK_LOTUS_STRINGS_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define SLK_LOTUS_STRINGS_MAX 256u
#define SLK_LOTUS_STRING_CHARS 2048u /* of one, with the NUL */

/* Heap texts owned by the list. {0}: none. */
typedef struct slk_lotus_strings {
    char **item;
    size_t n;
} slk_lotus_strings;

void slk_lotus_strings_done(slk_lotus_strings *list); /* idempotent */
bool slk_lotus_strings_has(const slk_lotus_strings *list, const char *text);
/* They have a text in common. */
bool slk_lotus_strings_meet(const slk_lotus_strings *a, const slk_lotus_strings *b);
/* Appends a copy; one that is there already is not put twice. SLK_E_NOMEM; SLK_E_LIMIT: too many or too
 * long. */
SLK_MUST_CHECK slk_err slk_lotus_strings_add(slk_lotus_strings *list, const char *text);
/* Removes it where it is there; the others keep their order. */
void slk_lotus_strings_remove(slk_lotus_strings *list, const char *text);
/* *ret_copy is overwritten, not released. */
SLK_MUST_CHECK slk_err slk_lotus_strings_copy(slk_lotus_strings *ret_copy,
                                              const slk_lotus_strings *list);

/* An array of texts, or null, or an absent member: empty. *ret_list is overwritten, not released, and
 * untouched on failure. */
SLK_MUST_CHECK slk_err slk_lotus_strings_read(slk_lotus_strings *ret_list, const json_t *object,
                                              const char *field, slk_error *error);
/* New reference; null when the list is empty, as Go prints a nil slice. NULL: out of memory. */
json_t *slk_lotus_strings_json(const slk_lotus_strings *list);

#endif
