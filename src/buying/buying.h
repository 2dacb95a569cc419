/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The customer's side of sealing as a service: services that are known, with the key each signs with;
 * quotes; orders, whose sectors the client's own pipeline then has sealed there; payments; and whether the
 * service's ledger says what was agreed on.
 *
 * Placing an order can be interrupted anywhere and resumed:
 *
 *   placing --placed--> placed
 *      '----refused---> refused
 *
 *   placing   the order and its key are noted; its sectors have numbers and are held; it may have reached
 *             the service or not: sending it again changes nothing there
 *   placed    the service has it; its sectors may begin, and nobody else is asked for them
 *   refused   the service said no, and why; its sectors are canceled
 *
 * Nothing that a service says is believed without its signature by the key that was pinned when it was
 * added. */
#ifndef SLK_BUYING_BUYING_H
#define SLK_BUYING_BUYING_H

#include "base/err.h"
#include "base/uuid.h"
#include "net/client.h"
#include "seal/seal.h"
#include "service/customer.h"
#include "service/offer.h"
#include "service/quote.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_BUYING_URL_CHARS 512u

/* What the functions work with; all borrowed. */
typedef struct slk_buying {
    slk_seal *seal;
    slk_http_client *client;
} slk_buying;

typedef struct slk_buying_service {
    int64_t id;
    char name[SLK_CUSTOMER_NAME_CHARS];
    char url[SLK_BUYING_URL_CHARS];
    char partner_url[SLK_BUYING_URL_CHARS]; /* where our node orders and fetches, as it says */
    uint8_t public_key[32];
    int64_t customer_id; /* our number there */
    slk_currency currency;
} slk_buying_service;

/* ---- services ---- */

/* Asks the service who it is and whether it knows the token, pins its key, and keeps both tokens wrapped.
 * SLK_E_AUTH: it does not know the token; SLK_E_EXISTS: that name or url is known. */
SLK_MUST_CHECK slk_err slk_buying_add(slk_buying_service *ret_service, const slk_buying *buying,
                                      const char *name, const char *url, const char *token,
                                      slk_error *error);
SLK_MUST_CHECK slk_err slk_buying_find(slk_buying_service *ret_service, const slk_buying *buying,
                                       const char *name, slk_error *error);
/* [{"name","url","currency","customer","key"}], by name; no token. */
SLK_MUST_CHECK slk_err slk_buying_list(json_t **ret_list, const slk_buying *buying,
                                       slk_error *error);
/* [offer …] as signed. */
SLK_MUST_CHECK slk_err slk_buying_offers(json_t **ret_list, const slk_buying *buying,
                                         const slk_buying_service *service, slk_error *error);
/* The service's account of us, as it says: unsigned. */
SLK_MUST_CHECK slk_err slk_buying_account(json_t **ret, const slk_buying *buying,
                                          const slk_buying_service *service, slk_error *error);

/* ---- quotes and orders ---- */

SLK_MUST_CHECK slk_err slk_buying_quote(slk_quote *ret_quote, const slk_buying *buying,
                                        const slk_buying_service *service, const char *offer,
                                        const slk_order_wish *wish, slk_error *error);

/* Orders by a quote for a miner: numbers are taken from the client's own, held, and let begin once the
 * service has the order. ret_key names the order here. SLK_E_UNREACHABLE and the like: it is placing, and
 * slk_buying_resume goes on. The service's refusals come with its sentence: SLK_E_LIMIT the account does not
 * suffice, SLK_E_NOTFOUND the quote has expired, SLK_E_CONFLICT, SLK_E_INVAL. */
SLK_MUST_CHECK slk_err slk_buying_order(char ret_key[SLK_UUID_CHARS], const slk_buying *buying,
                                        const slk_buying_service *service, const char *quote_id,
                                        uint64_t sp_id, slk_error *error);
/* Goes on with every order that is placing, and cancels held sectors that belong to none. *ret_n orders are
 * placed or refused now. */
SLK_MUST_CHECK slk_err slk_buying_resume(uint64_t *ret_n, const slk_buying *buying,
                                         slk_error *error);
/* [{"key","service","order","sp_id","state","note","made_ms","promised_ms","sectors","under_way","proving",
 * "failed","terms"}], newest first; what is under way, proving and failed is by our own pipeline. */
SLK_MUST_CHECK slk_err slk_buying_orders(json_t **ret_list, const slk_buying *buying,
                                         slk_error *error);

/* ---- money ---- */

/* Notes a payment that was made, so that the ledger can be held to it. SLK_E_EXISTS: that reference is. */
SLK_MUST_CHECK slk_err slk_buying_note_payment(const slk_buying *buying,
                                               const slk_buying_service *service,
                                               const slk_money *amount, const char *reference,
                                               slk_error *error);

typedef struct slk_buying_reconciled {
    uint64_t entries;
    slk_money balance; /* what both sides say is owed */
} slk_buying_reconciled;
/* Fetches the whole ledger and holds it to what we ordered, got and paid (service/reconcile.h). SLK_E_CORRUPT,
 * SLK_E_CONFLICT with the first difference. */
SLK_MUST_CHECK slk_err slk_buying_reconcile(slk_buying_reconciled *ret, const slk_buying *buying,
                                            const slk_buying_service *service, slk_error *error);

#endif
