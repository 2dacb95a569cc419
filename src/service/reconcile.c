/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/reconcile.h"

#include "base/mem.h"
#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the ledger has said of a sector. */
typedef struct seen_sector {
    unsigned items; /* bit per slk_ledger_item */
    int64_t charged_ms; /* when its charges were made; all carry the same time */
    slk_money sum;
} seen_sector;

typedef struct seen_order {
    const slk_bought_order *order;
    seen_sector *sectors; /* as order->sectors */
} seen_order;

struct slk_reconcile {
    slk_bought bought;
    seen_order *orders; /* by id */
    bool *paid; /* as bought.payments */
    slk_ledger_entry last;
    bool any; /* last is set */
    slk_money balance;
};

/* ---- making ---- */

static int by_id(const void *left, const void *right)
{
    return strcmp(((const seen_order *)left)->order->id, ((const seen_order *)right)->order->id);
}

static slk_err make_orders(slk_reconcile *r, slk_error *error)
{
    r->orders = slk_calloc(r->bought.n_orders + 1, sizeof *r->orders);
    r->paid = slk_calloc(r->bought.n_payments + 1, sizeof *r->paid);
    if (!r->orders || !r->paid)
        return slk_fail(error, SLK_E_NOMEM, "out of memory to reconcile");
    for (size_t i = 0; i < r->bought.n_orders; i++) {
        r->orders[i].order = &r->bought.orders[i];
        r->orders[i].sectors = slk_calloc(r->bought.orders[i].n + 1, sizeof(seen_sector));
        if (!r->orders[i].sectors)
            return slk_fail(error, SLK_E_NOMEM, "out of memory to reconcile");
    }
    qsort(r->orders, r->bought.n_orders, sizeof *r->orders, by_id);
    return SLK_OK;
}

slk_err slk_reconcile_new(slk_reconcile **ret_reconcile, const slk_bought *bought, slk_error *error)
{
    SLK_CLEANUP(slk_reconcile_freep) slk_reconcile *r = slk_calloc(1, sizeof *r);
    if (!r)
        return slk_fail(error, SLK_E_NOMEM, "out of memory to reconcile");
    r->bought = *bought;
    SLK_TRY(make_orders(r, error));
    *ret_reconcile = r;
    r = NULL;
    return SLK_OK;
}

void slk_reconcile_free(slk_reconcile *reconcile)
{
    if (!reconcile)
        return;
    for (size_t i = 0; reconcile->orders && i < reconcile->bought.n_orders; i++)
        slk_free(reconcile->orders[i].sectors);
    slk_free(reconcile->orders);
    slk_free(reconcile->paid);
    slk_free(reconcile);
}

void slk_reconcile_freep(slk_reconcile **reconcile)
{
    slk_reconcile_free(*reconcile);
}

/* ---- one entry ---- */

static slk_err differs(const slk_ledger_entry *e, slk_error *error, const char *what)
{
    char amount[SLK_MONEY_WORDS_CHARS];
    slk_money_words(amount, &e->amount, e->currency);
    return slk_fail(error, SLK_E_CONFLICT, "entry %lld (%s %s, %s): %s", (long long)e->seq,
                    slk_ledger_kind_name(e->kind), slk_ledger_item_name(e->item), amount, what);
}

static seen_order *find_order(slk_reconcile *r, const char *id)
{
    slk_bought_order wanted = {0};
    memcpy(wanted.id, id, sizeof wanted.id);
    const seen_order key = {.order = &wanted};
    return bsearch(&key, r->orders, r->bought.n_orders, sizeof *r->orders, by_id);
}

/* Its place in the order; n when it is not in it. */
static size_t find_sector(const slk_bought_order *order, const slk_ledger_entry *e)
{
    size_t low = 0, high = order->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (order->sectors[middle].number < e->sector_number)
            low = middle + 1;
        else
            high = middle;
    }
    const bool found = low < order->n && order->sectors[low].number == e->sector_number &&
                       order->sectors[low].sp_id == e->sp_id;
    return found ? low : order->n;
}

/* The line that this entry must be, by the terms; NULL: there is none. */
static const slk_charge *find_line(slk_charge lines[SLK_CHARGES_MAX], const slk_bought_order *order,
                                   const slk_ledger_entry *e)
{
    const size_t n = slk_terms_charges(lines, &order->terms, order->promised_ms, e->at_ms);
    for (size_t i = 0; i < n; i++)
        if (lines[i].item == e->item && lines[i].kind == e->kind)
            return &lines[i];
    return NULL;
}

static slk_err check_line(const slk_bought_order *order, seen_sector *seen,
                          const slk_ledger_entry *e, slk_error *error)
{
    slk_charge lines[SLK_CHARGES_MAX];
    const slk_charge *line = find_line(lines, order, e);
    if (seen->items & 1u << e->item)
        return differs(e, error, "it was charged before");
    if (!line)
        return differs(e, error, "the terms of the order have nothing of the kind");
    if (seen->items && seen->charged_ms != e->at_ms)
        return differs(e, error, "it carries another time than the sector's other entries");
    if (line->quantity != e->quantity || slk_money_cmp(&line->unit, &e->unit) != 0) {
        char want[SLK_MONEY_WORDS_CHARS], text[SLK_MONEY_WORDS_CHARS + 48];
        slk_money_words(want, &line->unit, order->terms.currency);
        (void)snprintf(text, sizeof text, "by the terms it is %llu times %s",
                       (unsigned long long)line->quantity, want);
        return differs(e, error, text);
    }
    seen->charged_ms = e->at_ms;
    return SLK_OK;
}

static slk_err check_sector(slk_reconcile *r, const slk_ledger_entry *e, slk_error *error)
{
    seen_order *o = find_order(r, e->order_id);
    if (!o)
        return differs(e, error, "it is for an order that is not known here");
    const size_t at = e->has_sector ? find_sector(o->order, e) : o->order->n;
    if (at == o->order->n)
        return differs(e, error, "it is for a sector that the order does not have");
    seen_sector *seen = &o->sectors[at];
    const slk_bought_sector *sector = &o->order->sectors[at];
    if (e->item == SLK_ITEM_FAILED) {
        slk_money back;
        if (slk_money_add(&back, &seen->sum, &e->amount) != SLK_OK || !slk_money_is_zero(&back))
            return differs(e, error, "it is not all that was charged for the sector");
    } else {
        if (!sector->received && !sector->refused && !sector->under_way)
            return differs(e, error, "the sector has not been received");
        SLK_TRY(check_line(o->order, seen, e, error));
    }
    seen->items |= 1u << e->item;
    return slk_money_add(&seen->sum, &seen->sum, &e->amount);
}

static slk_err check_payment(slk_reconcile *r, const slk_ledger_entry *e, slk_error *error)
{
    const slk_money minus = slk_money_minus(&e->amount);
    for (size_t i = 0; i < r->bought.n_payments; i++) {
        const slk_made_payment *p = &r->bought.payments[i];
        if (strcmp(p->reference, e->reference) != 0)
            continue;
        if (slk_money_cmp(&p->amount, &minus) != 0)
            return differs(e, error, "another amount was paid under this reference");
        r->paid[i] = true; /* a reference is given once: the ledger's own check */
        return SLK_OK;
    }
    return differs(e, error, "no payment of this reference is known here");
}

static slk_err check_agreed(const slk_reconcile *r, const slk_ledger_entry *e, slk_error *error)
{
    if (e->amount.negative)
        return SLK_OK;
    for (size_t i = 0; i < r->bought.n_accepted; i++)
        if (strcmp(r->bought.accepted[i], e->reference) == 0)
            return SLK_OK;
    return differs(e, error, "it has not been agreed to");
}

static slk_err check_content(slk_reconcile *r, const slk_ledger_entry *e, slk_error *error)
{
    switch (e->kind) {
    case SLK_LEDGER_CHARGE:
    case SLK_LEDGER_CREDIT:
        return check_sector(r, e, error);
    case SLK_LEDGER_PAYMENT:
        return check_payment(r, e, error);
    case SLK_LEDGER_REFUND:
    case SLK_LEDGER_ADJUSTMENT:
        return check_agreed(r, e, error);
    case SLK_LEDGER_KINDS:
        break;
    }
    return differs(e, error, "it is of no known kind");
}

slk_err slk_reconcile_feed(slk_reconcile *reconcile, const slk_ledger_entry *entry,
                           slk_error *error)
{
    slk_reconcile *r = reconcile;
    SLK_TRY(slk_ledger_check(r->any ? &r->last : NULL, entry, r->bought.keys, error));
    if (strcmp(entry->currency, r->bought.currency) != 0)
        return differs(entry, error, "it is in another currency than the account");
    SLK_TRY(check_content(r, entry, error));
    r->last = *entry;
    r->any = true;
    r->balance = entry->balance;
    return SLK_OK;
}

/* ---- the end ---- */

static slk_err missing(const slk_bought_order *order, const slk_bought_sector *s, const char *what,
                       slk_error *error)
{
    return slk_fail(error, SLK_E_CONFLICT, "sector f0%llu/%llu of order %s: %s",
                    (unsigned long long)s->sp_id, (unsigned long long)s->number, order->id, what);
}

static slk_err end_sector(const slk_bought_order *order, const slk_bought_sector *sector,
                          const seen_sector *seen, slk_error *error)
{
    slk_charge lines[SLK_CHARGES_MAX];
    if (sector->refused)
        return slk_money_is_zero(&seen->sum)
                   ? SLK_OK
                   : missing(order, sector, "it was no good, and is not credited in full", error);
    if (seen->items & 1u << SLK_ITEM_FAILED)
        return sector->received ? missing(order, sector, "it was received, and credited", error)
                                : SLK_OK;
    if (!seen->items)
        return sector->received
                   ? missing(order, sector, "it was received, and is not charged", error)
                   : SLK_OK;
    const size_t n = slk_terms_charges(lines, &order->terms, order->promised_ms, seen->charged_ms);
    for (size_t i = 0; i < n; i++) {
        char text[96];
        if (seen->items & 1u << lines[i].item)
            continue;
        (void)snprintf(text, sizeof text, "its %s (%s) is missing",
                       slk_ledger_kind_name(lines[i].kind), slk_ledger_item_name(lines[i].item));
        return missing(order, sector, text, error);
    }
    return SLK_OK;
}

slk_err slk_reconcile_end(slk_reconcile *reconcile, slk_money *ret_balance, slk_error *error)
{
    const slk_reconcile *r = reconcile;
    for (size_t i = 0; i < r->bought.n_orders; i++)
        for (size_t k = 0; k < r->orders[i].order->n; k++)
            SLK_TRY(end_sector(r->orders[i].order, &r->orders[i].order->sectors[k],
                               &r->orders[i].sectors[k], error));
    for (size_t i = 0; i < r->bought.n_payments; i++)
        if (!r->paid[i])
            return slk_fail(error, SLK_E_CONFLICT, "the payment %s has not been noted",
                            r->bought.payments[i].reference);
    *ret_balance = r->balance;
    return SLK_OK;
}
