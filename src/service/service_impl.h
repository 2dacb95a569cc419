/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of this folder share. */
#ifndef SLK_SERVICE_SERVICE_IMPL_H
#define SLK_SERVICE_SERVICE_IMPL_H

#include "service/ledger.h"
#include "service/terms.h"

#include <jansson.h>
#include <stdbool.h>

/* false: no such name. */
bool slk_ledger_kind_parse(slk_ledger_kind *ret, const char *name);
bool slk_ledger_item_parse(slk_ledger_item *ret, const char *name);

/* A member that is an amount as slk_money_print writes it. SLK_E_INVAL names the field. */
SLK_MUST_CHECK slk_err slk_json_money(slk_money *ret, const json_t *object, const char *field,
                                      slk_error *error);

/* Terms as text, for the database. _parse: SLK_E_CORRUPT when it is none. */
#define SLK_TERMS_MAX_BYTES ((size_t)4096)
SLK_MUST_CHECK slk_err slk_terms_print(slk_buf *out, const slk_terms *terms, slk_error *error);
SLK_MUST_CHECK slk_err slk_terms_parse(slk_terms *ret, const char *text, slk_error *error);

#endif
