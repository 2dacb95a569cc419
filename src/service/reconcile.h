/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The customer's side of the ledger: is every entry what was agreed on, and is nothing missing?
 *
 * The customer keeps what it ordered on which terms, which sectors it got, and what it paid. Entries are fed
 * in order, each checked to follow the last (slk_ledger_check) and then against that record; the first that
 * does not fit is named, with what it should have been. At the end what should be there and is not is named.
 * Nothing is believed of the service but signatures. */
#ifndef SLK_SERVICE_RECONCILE_H
#define SLK_SERVICE_RECONCILE_H

#include "base/err.h"
#include "service/ledger.h"
#include "service/terms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sector that the customer ordered. */
typedef struct slk_bought_sector {
    uint64_t sp_id, number;
    bool received; /* it is here, checked */
    bool under_way; /* it is sealed or fetched: it may be charged already, or not */
    bool refused; /* it was found bad, or given up: it must cost nothing in the end */
} slk_bought_sector;

typedef struct slk_bought_order {
    char id[SLK_UUID_CHARS];
    slk_terms terms;
    int64_t promised_ms;
    const slk_bought_sector *sectors; /* borrowed; ascending by number, all of one miner */
    size_t n;
} slk_bought_order;

/* A payment that the customer made, by the reference that both sides know. */
typedef struct slk_made_payment {
    const char *reference; /* borrowed */
    slk_money amount; /* above zero */
} slk_made_payment;

typedef struct slk_bought {
    const slk_bought_order *orders; /* borrowed, as all below */
    size_t n_orders;
    const slk_made_payment *payments;
    size_t n_payments;
    /* References of adjustments and refunds that the customer has agreed to; those in its favour need none. */
    const char *const *accepted;
    size_t n_accepted;
    const slk_ledger_keys *keys; /* of the service, as pinned at the first meeting */
    slk_currency currency;
} slk_bought;

typedef struct slk_reconcile slk_reconcile; /* confined to one thread */

SLK_MUST_CHECK slk_err slk_reconcile_new(slk_reconcile **ret_reconcile, const slk_bought *bought,
                                         slk_error *error);
void slk_reconcile_free(slk_reconcile *reconcile); /* NULL allowed */
void slk_reconcile_freep(slk_reconcile **reconcile); /* for SLK_CLEANUP */

/* The next entry. SLK_E_CORRUPT: it is damaged, or not signed; SLK_E_CONFLICT: it is not what was agreed on.
 * The sentence names the entry and the difference. After a failure nothing more is fed. */
SLK_MUST_CHECK slk_err slk_reconcile_feed(slk_reconcile *reconcile, const slk_ledger_entry *entry,
                                          slk_error *error);
/* After the last one. SLK_E_CONFLICT: something that should be there is missing. *ret_balance: what both
 * sides say is owed. */
SLK_MUST_CHECK slk_err slk_reconcile_end(slk_reconcile *reconcile, slk_money *ret_balance,
                                         slk_error *error);

#endif
