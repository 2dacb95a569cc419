/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Quotes: terms with a price and a time, good for one order of one customer until they expire. */
#ifndef SLK_SERVICE_QUOTE_H
#define SLK_SERVICE_QUOTE_H

#include "base/err.h"
#include "base/uuid.h"
#include "db/db.h"
#include "service/customer.h"
#include "service/terms.h"

#include <jansson.h>
#include <stdint.h>

#define SLK_QUOTE_LIFE_MS INT64_C(3600000)
#define SLK_QUOTES_OPEN_MAX 100 /* of one customer, at once */

typedef struct slk_quote {
    char id[SLK_UUID_CHARS];
    slk_terms terms;
    int64_t made_ms, expires_ms;
    char order_id[SLK_UUID_CHARS]; /* the order that was made from it; "" none */
} slk_quote;

/* Makes one from the offer as it is now; eta_ms: how long all of the order would take, by the queue.
 * SLK_E_NOTFOUND: no such offer now; SLK_E_INVAL as slk_offer_price, and when the offer is in another
 * currency than the customer's account; SLK_E_LIMIT past SLK_QUOTES_OPEN_MAX. */
SLK_MUST_CHECK slk_err slk_quote_make(slk_quote *ret_quote, slk_db *db,
                                      const slk_customer *customer, const char *offer_name,
                                      const slk_order_wish *wish, int64_t eta_ms, int64_t now_ms,
                                      slk_error *error);
/* SLK_E_NOTFOUND also when it is another customer's, or was not used in time. */
SLK_MUST_CHECK slk_err slk_quote_get(slk_quote *ret_quote, slk_db *db, int64_t customer_id,
                                     const char *id, int64_t now_ms, slk_error *error);
/* {"id","terms",…,"made_ms","expires_ms","order":id|null}. New reference. */
SLK_MUST_CHECK slk_err slk_quote_to_json(json_t **ret, const slk_quote *quote, slk_error *error);

#endif
