/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of this folder share. */
#ifndef SLK_SERVICE_SERVICE_IMPL_H
#define SLK_SERVICE_SERVICE_IMPL_H

#include "db/args.h"
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

/* The other way round; a new reference, NULL when out of memory. */
json_t *slk_json_new_money(const slk_money *money);

/* Adds the first column of each row, an amount, to *sum; untouched on failure. SLK_E_CORRUPT: it is none. */
SLK_MUST_CHECK slk_err slk_money_sum_rows(slk_money *sum, slk_db *db, const slk_sql *sql,
                                          const slk_arg *args, size_t n, slk_error *error);

/* Which of n names it is; false: none. */
bool slk_name_find(unsigned *ret_index, const char *const *names, unsigned n, const char *name);

/* Signs a hash, and says by which key. */
SLK_MUST_CHECK slk_err slk_hash_sign(uint8_t ret_signature[64],
                                     char ret_key_id[SLK_SIGNING_ID_CHARS],
                                     const slk_signing_key *key, const uint8_t hash32[32],
                                     slk_error *error);
/* Whether the key of that id, one of keys, signed it. */
bool slk_hash_is_signed(const slk_ledger_keys *keys, const char *key_id, const uint8_t hash32[32],
                        const uint8_t signature[64]);

#endif
