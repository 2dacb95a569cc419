/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Orders: sectors of one miner, on terms that never change, and what becomes of each of them.
 *
 * An order's states (service_order.state):
 *
 *   waiting --opened--> open --completed--> completed
 *      '-----canceled-----+-----canceled--> canceled
 *
 *   waiting    its data is still to come, or to be checked (kind data only)
 *   open       its sectors may be sealed
 *   completed  each sector is ready, failed or canceled
 *   canceled   completed without a single sector ever sealed
 *
 * A sector's states (service_sector.state):
 *
 *   planned --begun--> sealing --charged--> charged --handed_over--> ready
 *   planned --canceled--> canceled           charged, ready --failed--> failed
 *   planned, sealing --failed--> failed
 *
 *   planned    nobody works on it; a permit lets its partner order it (seal/permit.h) once the order is
 *              open
 *   sealing    it is in the provider's pipeline
 *   charged    sealed; what it costs stands in the ledger; withheld until it is paid
 *   ready      the customer may fetch it. Who need not pay first gets there in the same transaction
 *   failed     it could not be sealed, or turned out bad: it costs nothing, and what was charged for it
 *              is credited
 *   canceled   given up before it was begun: it costs nothing
 *
 * What may be canceled is what has not been begun; what is sealed by then is delivered and billed.
 *
 * outstanding is what the sectors that are planned or sealing will cost, so that balance + outstanding of
 * all orders never passes a customer's limit. */
#ifndef SLK_SERVICE_ORDER_H
#define SLK_SERVICE_ORDER_H

#include "base/err.h"
#include "base/uuid.h"
#include "db/db.h"
#include "seal/seal.h"
#include "service/customer.h"
#include "service/quote.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define SLK_IDEMPOTENCY_CHARS 65u /* 1..64 printable, with NUL */

typedef enum slk_order_state {
    SLK_ORDER_WAITING,
    SLK_ORDER_OPEN,
    SLK_ORDER_COMPLETED,
    SLK_ORDER_CANCELED,
    SLK_ORDER_STATES,
} slk_order_state;
const char *slk_order_state_name(slk_order_state state);

typedef enum slk_sold_state {
    SLK_SOLD_PLANNED,
    SLK_SOLD_SEALING,
    SLK_SOLD_CHARGED,
    SLK_SOLD_READY,
    SLK_SOLD_FAILED,
    SLK_SOLD_CANCELED,
    SLK_SOLD_STATES,
} slk_sold_state;
const char *slk_sold_state_name(slk_sold_state state);

typedef struct slk_order {
    char id[SLK_UUID_CHARS], quote_id[SLK_UUID_CHARS];
    int64_t customer_id;
    uint64_t sp_id;
    slk_terms terms;
    slk_order_state state;
    bool
        fed; /* the service itself hands its sectors to the pipeline; else the customer's node does */
    int64_t created_ms, state_ms, promised_ms;
    slk_money outstanding;
    uint64_t counts[SLK_SOLD_STATES]; /* of its sectors */
} slk_order;

/* What a customer sends. numbers: as many as the quote's sectors, each once. */
typedef struct slk_order_request {
    const char *quote_id;
    const char *idempotency_key; /* the same request again gives the order there is */
    uint64_t sp_id;
    const uint64_t *numbers;
    size_t n;
    bool fed;
} slk_order_request;

/* Makes the order, in one transaction. *ret_new: false when it was there by that key.
 *   SLK_E_INVAL     a bad key, count or number
 *   SLK_E_NOTFOUND  no such quote of this customer, or expired
 *   SLK_E_CONFLICT  the key was used for another request; the quote for another order; the customer is
 *                   closed
 *   SLK_E_EXISTS    one of the numbers is not free
 *   SLK_E_LIMIT     the customer would owe more than its limit: the sentence says how much is missing */
SLK_MUST_CHECK slk_err slk_order_place(slk_order *ret_order, bool *ret_new, slk_db *db,
                                       int64_t customer_id, const slk_order_request *request,
                                       int64_t now_ms, slk_error *error);

/* What the customer owes and all its open orders will cost. */
SLK_MUST_CHECK slk_err slk_customer_owed(slk_money *ret_owed, slk_db *db, int64_t customer_id,
                                         slk_error *error);

/* SLK_E_NOTFOUND also when it is another customer's. */
SLK_MUST_CHECK slk_err slk_order_get(slk_order *ret_order, slk_db *db, int64_t customer_id,
                                     const char *id, slk_error *error);
/* The order without its sectors; and {"sp_id","sector_number","state","state_ms"} of `most` of its
 * sectors from position `from`. New references. */
SLK_MUST_CHECK slk_err slk_order_to_json(json_t **ret, const slk_order *order, slk_error *error);
SLK_MUST_CHECK slk_err slk_order_sectors(json_t **ret_list, slk_db *db, const char *id,
                                         uint64_t from, uint64_t most, slk_error *error);
/* [order …], newest first, `most` of those made before before_ms; of one customer, or of all (0). */
SLK_MUST_CHECK slk_err slk_order_list(json_t **ret_list, slk_db *db, int64_t customer_id,
                                      int64_t before_ms, uint64_t most, slk_error *error);

/* Gives up what has not been begun. Idempotent. *ret_n: sectors that are canceled now. */
SLK_MUST_CHECK slk_err slk_order_cancel(uint64_t *ret_n, slk_db *db, int64_t customer_id,
                                        const char *id, int64_t now_ms, slk_error *error);

/* ---- the service's own turn ---- */

/* Looks at sectors whose place in the pipeline is not what their state says, and moves up to
 * SLK_ORDER_TURN of them, each in a transaction of its own in which it is billed: begun, charged and
 * handed over, or failed. *ret_moved of them; call again while it is not 0. */
#define SLK_ORDER_TURN 64u
SLK_MUST_CHECK slk_err slk_order_turn(uint64_t *ret_moved, slk_db *db, slk_seal *seal,
                                      const slk_signing_key *key, int64_t now_ms, slk_error *error);

/* The operator's: the sector is bad. What was charged for it is credited. SLK_E_NOTFOUND;
 * SLK_E_CONFLICT when it is failed or canceled already, or not yet charged. */
SLK_MUST_CHECK slk_err slk_order_fail_sector(slk_db *db, const slk_signing_key *key, uint64_t sp_id,
                                             uint64_t number, const char *why, int64_t now_ms,
                                             slk_error *error);

#endif
