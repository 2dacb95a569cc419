/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Offers: what is sealed at which price. An offer has a name and versions; a version never changes, so
 * that an order can name the one it was made from.
 *
 * Prices are per sector. The unit price of a sector follows from how many are ordered at once: the step
 * with the largest `from` that is not above the count, so nothing is rounded. Extras are added per
 * sector: its proof of replication, its delivery to a place of the customer's, each day that it is kept
 * beyond those included. A sector that comes late is credited late_basis_points of its unit price for
 * each day begun, rounded up (slk_money_part), all of its price at most; one that fails costs nothing.
 *
 * As JSON, in which form it is given by operators, kept, signed and shown (unknown fields are refused,
 * so that a misspelt price is not one of nothing):
 *
 *     {"name": "cc32", "title": "32 GiB without data", "kinds": ["cc"], "seal_proofs": [8],
 *      "currency": "FIL", "steps": [{"from": 1, "unit": "400000000000000000"},
 *                                   {"from": 100, "unit": "350000000000000000"}],
 *      "proof": "50000000000000000", "push": "0",
 *      "retention": {"days": 3, "unit": "10000000000000000"},
 *      "late_basis_points": 500, "least": 1, "most": 1000, "valid_until_ms": null}
 *
 * proof and push null: not to be had. Amounts are decimal strings of the smallest unit. */
#ifndef SLK_SERVICE_OFFER_H
#define SLK_SERVICE_OFFER_H

#include "base/err.h"
#include "db/db.h"
#include "service/money.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define SLK_OFFER_NAME_CHARS 33u /* 1..32 of a-z, 0-9, - and NUL */
#define SLK_OFFER_TITLE_CHARS 128u
#define SLK_OFFER_STEPS_MAX 16u
#define SLK_OFFER_PROOFS_MAX 20u
#define SLK_ORDER_SECTORS_MAX UINT64_C(10000)
#define SLK_RETENTION_DAYS_MAX UINT64_C(3650)
#define SLK_BASIS_POINTS UINT64_C(10000) /* the whole */

typedef enum slk_order_kind {
    SLK_ORDER_CC, /* committed capacity: no data */
    SLK_ORDER_DATA, /* with pieces of the customer's */
    SLK_ORDER_KINDS,
} slk_order_kind;

const char *slk_order_kind_name(slk_order_kind kind); /* "cc", "data" */
bool slk_order_kind_parse(slk_order_kind *ret, const char *name); /* false: no such kind */

typedef struct slk_offer_step {
    uint64_t from; /* sectors ordered at once */
    slk_money unit;
} slk_offer_step;

typedef struct slk_offer {
    char name[SLK_OFFER_NAME_CHARS];
    int64_t version; /* from 1; 0 before it is kept */
    char title[SLK_OFFER_TITLE_CHARS];
    bool kinds[SLK_ORDER_KINDS];
    int64_t seal_proofs[SLK_OFFER_PROOFS_MAX]; /* ascending */
    size_t n_seal_proofs;
    slk_currency currency;
    slk_offer_step steps[SLK_OFFER_STEPS_MAX]; /* ascending, the first from 1 */
    size_t n_steps;
    bool has_proof, has_push;
    slk_money proof, push, retention_day;
    uint64_t retention_days; /* included */
    uint64_t late_basis_points;
    uint64_t least, most; /* sectors of an order */
    int64_t valid_until_ms; /* 0: until withdrawn */
} slk_offer;

bool slk_offer_name_is(const char *text); /* could be an offer's name */
/* Any JSON may come in. SLK_E_INVAL names the field. */
SLK_MUST_CHECK slk_err slk_offer_from_json(slk_offer *ret_offer, const json_t *value,
                                           slk_error *error);
/* With "version". New reference. */
SLK_MUST_CHECK slk_err slk_offer_to_json(json_t **ret, const slk_offer *offer, slk_error *error);

/* ---- prices ---- */

/* What a customer would have. */
typedef struct slk_order_wish {
    slk_order_kind kind;
    int64_t seal_proof;
    uint64_t sectors;
    bool proof, push;
    uint64_t retention_days; /* in all; less than those included counts as these */
} slk_order_wish;

typedef struct slk_price {
    slk_money sector, proof, push,
        retention; /* units, each per sector; retention: of all days paid */
    slk_money total;
} slk_price;

/* SLK_E_INVAL: the offer does not have that, with what it has; SLK_E_LIMIT: past 256 bits. */
SLK_MUST_CHECK slk_err slk_offer_price(slk_price *ret_price, const slk_offer *offer,
                                       const slk_order_wish *wish, slk_error *error);

/* ---- the list ---- */

/* Keeps it as a new version of its name, which is what is offered from then on; *ret_version is that of
 * before when nothing has changed. In a transaction of its own. */
SLK_MUST_CHECK slk_err slk_offer_set(int64_t *ret_version, slk_db *db, const slk_offer *offer,
                                     int64_t now_ms, slk_error *error);
/* Not offered any more; orders and quotes made from it stand. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_offer_withdraw(slk_db *db, const char *name, int64_t now_ms,
                                          slk_error *error);
/* The newest version. SLK_E_NOTFOUND: there is none of that name, or it is not offered now. */
SLK_MUST_CHECK slk_err slk_offer_get(slk_offer *ret_offer, slk_db *db, const char *name,
                                     int64_t now_ms, slk_error *error);
/* [{offer …}], by name: what is offered now. */
SLK_MUST_CHECK slk_err slk_offer_list(json_t **ret_list, slk_db *db, int64_t now_ms,
                                      slk_error *error);

#endif
