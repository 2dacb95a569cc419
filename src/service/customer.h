/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Customers: who may order sectors for money, in which currency, up to which debt, by which tokens.
 *
 * Every function for the doors of the service takes the customer's id from slk_customer_authorize and
 * sees nothing of any other: what is another's is SLK_E_NOTFOUND, exactly as what does not exist.
 *
 * A customer may owe up to its limit: 0 is who pays in advance. What open orders will still cost counts
 * as owed already (order.h). */
#ifndef SLK_SERVICE_CUSTOMER_H
#define SLK_SERVICE_CUSTOMER_H

#include "base/err.h"
#include "db/db.h"
#include "service/money.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define SLK_CUSTOMER_NAME_CHARS 64u /* 1..63 printable, with NUL */
#define SLK_CUSTOMER_TOKEN_CHARS 65u /* 64 hex and NUL */
#define SLK_CUSTOMER_TOKENS_MAX 32u
#define SLK_CUSTOMER_PAYER_CHARS 96u

typedef struct slk_customer {
    int64_t id;
    char name[SLK_CUSTOMER_NAME_CHARS];
    slk_currency currency; /* for ever */
    slk_money limit; /* not negative */
    char payer
        [SLK_CUSTOMER_PAYER_CHARS]; /* Filecoin address that pays for it; "" any, by reference */
    int64_t partner_id; /* as whom it fetches by remote seal (seal/partner.h) */
    bool pays_first; /* what is charged is handed over when nothing is owed */
    bool closed; /* orders nothing any more; what is here is delivered and billed */
    int64_t created_ms;
} slk_customer;

/* ---- for the operator ---- */

/* customer->id, closed and created_ms are not looked at. SLK_E_EXISTS when the name is taken,
 * SLK_E_INVAL for what cannot be. In a transaction of its own, or inside one. */
SLK_MUST_CHECK slk_err slk_customer_add(int64_t *ret_id, slk_db *db, const slk_customer *customer,
                                        int64_t now_ms, slk_error *error);
/* Changes name, limit, payer, pays_first and closed to those of customer->id. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_customer_set(slk_db *db, const slk_customer *customer, slk_error *error);
SLK_MUST_CHECK slk_err slk_customer_get(slk_customer *ret_customer, slk_db *db, int64_t id,
                                        slk_error *error);
SLK_MUST_CHECK slk_err slk_customer_find(slk_customer *ret_customer, slk_db *db, const char *name,
                                         slk_error *error);
/* [{"id","name","currency","limit","payer","pays_first","closed","created_ms","balance","tokens"}], by name;
 * balance: what it owes. No token, no hash. */
SLK_MUST_CHECK slk_err slk_customer_list(json_t **ret_list, slk_db *db, slk_error *error);

/* ---- tokens; the operator makes the first one, a customer further ones ---- */

/* name: 1..63 of letters, digits and ._-@, unique per customer (SLK_E_EXISTS); expires_ms 0: never.
 * SLK_E_LIMIT past SLK_CUSTOMER_TOKENS_MAX. The token is shown here and never again. */
SLK_MUST_CHECK slk_err slk_customer_token_add(char ret_token[SLK_CUSTOMER_TOKEN_CHARS], slk_db *db,
                                              int64_t customer_id, const char *name,
                                              int64_t expires_ms, int64_t now_ms, slk_error *error);
/* Accepted no more. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_customer_token_revoke(slk_db *db, int64_t customer_id, const char *name,
                                                 slk_error *error);
/* [{"name","created_ms","expires_ms","used_ms"}]; null for never. */
SLK_MUST_CHECK slk_err slk_customer_token_list(json_t **ret_list, slk_db *db, int64_t customer_id,
                                               slk_error *error);

/* Whose token it is; any text may come in, also NULL. SLK_E_AUTH: nobody's, or expired. */
SLK_MUST_CHECK slk_err slk_customer_authorize(slk_customer *ret_customer, slk_db *db,
                                              const char *token, int64_t now_ms, slk_error *error);

#endif
