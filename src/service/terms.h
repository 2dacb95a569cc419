/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Terms: what both sides agreed on for an order. They are made with the quote, kept with the order, and
 * never change; the customer keeps them, too, so that it can say what each entry of the ledger must be.
 *
 * What a sealed sector costs follows from them alone (slk_terms_charges), to the unit:
 *   sector      the unit price
 *   proof       the unit price of its proof, where the order has that
 *   push        the unit price of its delivery, where the order has that
 *   retention   the unit price of a day, times the days beyond those included
 *   late        a credit: of the sector's unit price, late_basis_points for each day begun after the
 *               promised time, rounded up; the whole price at most */
#ifndef SLK_SERVICE_TERMS_H
#define SLK_SERVICE_TERMS_H

#include "base/buf.h"
#include "base/err.h"
#include "service/ledger.h"
#include "service/offer.h"

#include <jansson.h>
#include <stdint.h>

#define SLK_TERMS_DAY_MS INT64_C(86400000)

typedef struct slk_terms {
    char offer[SLK_OFFER_NAME_CHARS];
    int64_t offer_version;
    slk_order_wish wish;
    slk_currency currency;
    slk_money sector, proof, push, retention_day; /* units */
    uint64_t retention_days_paid; /* beyond those included */
    uint64_t late_basis_points;
    int64_t eta_ms; /* from placing the order to the last sector */
} slk_terms;

/* SLK_E_INVAL, SLK_E_LIMIT as slk_offer_price. */
SLK_MUST_CHECK slk_err slk_terms_of_offer(slk_terms *ret_terms, const slk_offer *offer,
                                          const slk_order_wish *wish, int64_t eta_ms,
                                          slk_error *error);
/* What one sector costs with everything but credits; what all of them cost. Terms that _of_offer or _from_json
 * gave do not overflow. */
slk_money slk_terms_each(const slk_terms *terms);
slk_money slk_terms_total(const slk_terms *terms);

/* {"offer","offer_version","kind","seal_proof","sectors","with_proof","with_push","retention_days",
 * "currency","sector","proof","push","retention_day","retention_days_paid","late_basis_points",
 * "eta_ms","total"}; amounts as decimal strings. New reference. */
SLK_MUST_CHECK slk_err slk_terms_to_json(json_t **ret, const slk_terms *terms, slk_error *error);
/* Any JSON may come in: SLK_E_INVAL, also when the total is not the sum. */
SLK_MUST_CHECK slk_err slk_terms_from_json(slk_terms *ret_terms, const json_t *value,
                                           slk_error *error);

/* The same as text, for a database; appended to out. _parse: SLK_E_CORRUPT when it is none,
 * or NULL. */
#define SLK_TERMS_MAX_BYTES ((size_t)4096)
SLK_MUST_CHECK slk_err slk_terms_print(slk_buf *out, const slk_terms *terms, slk_error *error);
SLK_MUST_CHECK slk_err slk_terms_parse(slk_terms *ret_terms, const char *text, slk_error *error);

/* One line of what a sector costs. */
typedef struct slk_charge {
    slk_ledger_kind kind;
    slk_ledger_item item;
    uint64_t quantity;
    slk_money unit; /* with its sign */
} slk_charge;

#define SLK_CHARGES_MAX 5u
/* The lines of a sector that is charged at charged_ms and was promised for promised_ms: 1 to SLK_CHARGES_MAX
 * into ret, of things that cost nothing none but the sector. Returns their number. */
size_t slk_terms_charges(slk_charge ret[SLK_CHARGES_MAX], const slk_terms *terms,
                         int64_t promised_ms, int64_t charged_ms);

#endif
