/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie service …`: what customers owe and have paid. */
#include "app/selling.h"
#include "app/service.h"

#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "service/customer.h"
#include "service/invoice.h"
#include "service/keys.h"
#include "service/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ENTRIES_MOST UINT64_C(1000000)

/* ---- money ---- */

static void print_posted(const slk_options *options, const slk_ledger_entry *entry, bool is_new)
{
    char balance[SLK_MONEY_WORDS_CHARS];
    slk_money_words(balance, &entry->balance, entry->currency);
    if (options->json)
        (void)printf("{\"seq\":%" PRId64 ",\"new\":%s}\n", entry->seq, is_new ? "true" : "false");
    else
        (void)printf("%s as entry %" PRId64 "; the customer owes %s then\n",
                     is_new ? "noted" : "was noted before", entry->seq, balance);
}

/* in_favour: of the customer. */
static slk_err post_money(slk_node *node, const slk_options *options, slk_ledger_kind kind,
                          bool in_favour, slk_error *error)
{
    slk_customer c;
    slk_money amount;
    slk_ledger_entry entry;
    bool is_new = false;
    SLK_CLEANUP(slk_signing_key_freep) slk_signing_key *key = NULL;
    const char *note = slk_options_text(options, "note");
    SLK_TRY(slk_customer_find(&c, node->db, options->args[0], error));
    SLK_TRY(slk_money_read(&amount, options->args[1], c.currency, error));
    if (amount.negative || slk_money_is_zero(&amount))
        return slk_fail(error, SLK_E_INVAL, "want an amount above zero");
    if (slk_service_dry(options, "it would be noted in the customer's ledger"))
        return SLK_OK;
    SLK_TRY(slk_selling_key(&key, &node->repo, error));
    SLK_TRY(slk_service_key_note(node->db, key, slk_seal_now(node->seal), error));
    const slk_ledger_posting posting = {.customer_id = c.id,
                                        .at_ms = slk_seal_now(node->seal),
                                        .kind = kind,
                                        .item = SLK_ITEM_MONEY,
                                        .order_id = "",
                                        .quantity = 1,
                                        .unit = in_favour ? slk_money_minus(&amount) : amount,
                                        .currency = c.currency,
                                        .reference = slk_options_text(options, "reference"),
                                        .note = note ? note : ""};
    SLK_TRY(slk_ledger_post_alone(&entry, &is_new, node->db, key, &posting, error));
    print_posted(options, &entry, is_new);
    return SLK_OK;
}

static slk_err payment(slk_node *node, const slk_options *options, slk_error *error)
{
    return post_money(node, options, SLK_LEDGER_PAYMENT, true, error);
}

static slk_err refund(slk_node *node, const slk_options *options, slk_error *error)
{
    return post_money(node, options, SLK_LEDGER_REFUND, false, error);
}

static slk_err adjust(slk_node *node, const slk_options *options, slk_error *error)
{
    return post_money(node, options, SLK_LEDGER_ADJUSTMENT, slk_options_flag(options, "credit"),
                      error);
}

/* ---- the ledger ---- */

static slk_err print_entry(void *context, const slk_ledger_entry *e, slk_error *error)
{
    const slk_options *options = context;
    if (options->json) {
        SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
        SLK_TRY(slk_ledger_to_json(&value, e, error));
        (void)printf("%s", e->seq > 1 ? "," : "");
        return json_dumpf(value, stdout, JSON_COMPACT) == 0
                   ? SLK_OK
                   : slk_fail(error, SLK_E_IO, "the answer cannot be written");
    }
    char at[32], amount[SLK_MONEY_WORDS_CHARS], balance[SLK_MONEY_WORDS_CHARS], sector[48] = "";
    slk_clock_format(at, sizeof at, e->at_ms);
    slk_money_words(amount, &e->amount, e->currency);
    slk_money_words(balance, &e->balance, e->currency);
    if (e->has_sector)
        (void)snprintf(sector, sizeof sector, "f0%" PRIu64 "/%" PRIu64, e->sp_id, e->sector_number);
    (void)printf("%6" PRId64 "  %-24s %-10s %-9s %-18s %20s %20s  %s\n", e->seq, at,
                 slk_ledger_kind_name(e->kind), slk_ledger_item_name(e->item), sector, amount,
                 balance, e->note);
    return SLK_OK;
}

static slk_err ledger_show(slk_node *node, const slk_options *options, slk_error *error)
{
    slk_customer c;
    SLK_TRY(slk_customer_find(&c, node->db, options->args[0], error));
    (void)printf("%s", options->json ? "[" : "");
    const slk_err code = slk_ledger_walk(node->db, c.id, 0, ENTRIES_MOST, print_entry,
                                         (void *)(uintptr_t)options, error);
    (void)printf("%s", options->json ? "]\n" : "");
    return code;
}

static slk_err ledger_check(slk_node *node, const slk_options *options, slk_error *error)
{
    slk_service_keys keys;
    uint64_t entries = 0;
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_service_keys_read(&keys, node->db, error));
    SLK_TRY(slk_customer_list(&list, node->db, error));
    for (size_t i = 0; i < json_array_size(list); i++) {
        uint64_t n = 0;
        const json_t *row = json_array_get(list, i);
        const slk_err code =
            slk_ledger_check_all(&n, node->db, slk_service_number(row, "id"), &keys.list, error);
        if (code != SLK_OK)
            return slk_fail_context(error, code, "the ledger of %s", slk_service_text(row, "name"));
        entries += n;
    }
    if (options->json)
        (void)printf("{\"valid\":true,\"customers\":%zu,\"entries\":%" PRIu64 "}\n",
                     json_array_size(list), entries);
    else
        (void)printf("all %" PRIu64 " entries of %zu customers are whole and signed\n", entries,
                     json_array_size(list));
    return SLK_OK;
}

/* ---- invoices ---- */

static slk_err invoice_one(slk_node *node, const slk_options *options, const slk_signing_key *key,
                           const json_t *customer, json_t *made, slk_error *error)
{
    char number[SLK_INVOICE_NUMBER_CHARS];
    const int64_t now_ms = slk_seal_now(node->seal);
    const int64_t due_ms = now_ms + (int64_t)slk_options_u64(options, "due-days") * 86400000;
    const slk_err code = slk_invoice_make(number, node->db, key, slk_service_number(customer, "id"),
                                          now_ms + 1, due_ms, now_ms, error);
    if (code == SLK_E_NOTFOUND) /* nothing new to bill */
        return SLK_OK;
    SLK_TRY(code);
    if (json_array_append_new(made, json_pack("{s:s,s:s}", "number", number, "customer",
                                              slk_service_text(customer, "name"))) != 0)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for invoices");
    if (!options->json)
        (void)printf("%s  %s\n", number, slk_service_text(customer, "name"));
    return SLK_OK;
}

static slk_err invoice_make(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_signing_key_freep) slk_signing_key *key = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *customers = NULL, *made = json_array();
    const char *only = slk_options_text(options, "customer");
    slk_customer customer;
    if (only)
        SLK_TRY(slk_customer_find(&customer, node->db, only, error));
    if (slk_options_u64(options, "due-days") > 3650)
        return slk_fail(error, SLK_E_INVAL, "--due-days: at most 3650");
    if (slk_service_dry(options, "an invoice would be made of what is on none yet"))
        return SLK_OK;
    SLK_TRY(slk_selling_key(&key, &node->repo, error));
    SLK_TRY(slk_service_key_note(node->db, key, slk_seal_now(node->seal), error));
    SLK_TRY(slk_customer_list(&customers, node->db, error));
    for (size_t i = 0; i < json_array_size(customers); i++) {
        const json_t *row = json_array_get(customers, i);
        if (!only || strcmp(only, slk_service_text(row, "name")) == 0)
            SLK_TRY(invoice_one(node, options, key, row, made, error));
    }
    if (options->json)
        slk_service_print(made);
    else if (json_array_size(made) == 0)
        (void)printf("there is nothing to invoice\n");
    return SLK_OK;
}

static slk_err invoice_list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    const char *name = slk_options_text(options, "customer");
    slk_customer customer = {0};
    if (name)
        SLK_TRY(slk_customer_find(&customer, node->db, name, error));
    SLK_TRY(slk_invoice_list(&list, node->db, customer.id, error));
    if (options->json) {
        slk_service_print(list);
        return SLK_OK;
    }
    if (json_array_size(list) == 0)
        (void)printf("no invoices; `selkie service invoice make` makes them\n");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        char words[SLK_MONEY_WORDS_CHARS], due[32];
        slk_clock_format(due, sizeof due, slk_service_number(row, "due_ms"));
        slk_money_words_in(words, row, "due", slk_service_text(row, "currency"));
        (void)printf("%-12s %-24s %22s  due %s  %s\n", slk_service_text(row, "number"),
                     slk_service_text(row, "customer"), words, due,
                     slk_service_bool(row, "paid") ? "paid" : "open");
    }
    return SLK_OK;
}

static slk_err invoice_show(slk_node *node, const slk_options *options, slk_error *error)
{
    const bool csv = slk_options_flag(options, "csv");
    SLK_CLEANUP(slk_invoice_done) slk_invoice invoice = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_invoice_get(&invoice, node->db, 0, options->args[0], error));
    if (options->json) {
        (void)printf("%s\n", slk_buf_str(&invoice.document));
        return SLK_OK;
    }
    SLK_TRY(csv ? slk_invoice_csv(&text, node->db, &invoice, error)
                : slk_invoice_page(&text, &invoice, error));
    (void)fputs(slk_buf_str(&text), stdout);
    return SLK_OK;
}

/* ---- the table ---- */

#define OPTIONS_POSTING                                                                           \
    {.name = "reference",                                                                         \
     .type = SLK_OPTION_TEXT,                                                                     \
     .required = true,                                                                            \
     .value = "TEXT",                                                                             \
     .help = "what tells this one from all others, such as the bank's number; it counts once"},   \
    {                                                                                             \
        .name = "note", .type = SLK_OPTION_TEXT, .value = "TEXT", .help = "shown to the customer" \
    }
static const slk_option plain_options[] = {SLK_OPTION_REPO, {.name = NULL}};
static const slk_option money_options[] = {
    SLK_OPTION_REPO, OPTIONS_POSTING, SLK_OPTION_DRY_RUN, {.name = NULL}};
static const slk_option adjust_options[] = {
    SLK_OPTION_REPO,
    OPTIONS_POSTING,
    {.name = "credit", .type = SLK_OPTION_FLAG, .help = "it is in the customer's favour"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option list_options[] = {
    SLK_OPTION_REPO,
    SLK_OPTION_CUSTOMER,
    {.name = NULL},
};
static const slk_option invoice_options[] = {
    SLK_OPTION_REPO,
    SLK_OPTION_CUSTOMER,
    {.name = "due-days", .type = SLK_OPTION_U64, .fallback = "14", .help = "until it is due"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option show_options[] = {
    SLK_OPTION_REPO,
    {.name = "csv", .type = SLK_OPTION_FLAG, .help = "its entries, in place of a page to print"},
    {.name = NULL},
};

const slk_command slk_commands_ledger[] = {
    {.name = "service payment",
     .args = "CUSTOMER AMOUNT",
     .args_min = 2,
     .args_max = 2,
     .help = "Note money that came in.",
     .example = "selkie service payment lighthouse 250 --reference bank-2026-113",
     .options = money_options,
     .run = slk_service_run,
     .action = payment},
    {.name = "service refund",
     .args = "CUSTOMER AMOUNT",
     .args_min = 2,
     .args_max = 2,
     .help = "Note money that was paid back.",
     .example = "selkie service refund lighthouse 20 --reference refund-7",
     .options = money_options,
     .run = slk_service_run,
     .action = refund},
    {.name = "service adjust",
     .args = "CUSTOMER AMOUNT",
     .args_min = 2,
     .args_max = 2,
     .help = "Put something right: the amount is owed, or with --credit in the customer's favour.",
     .example = "selkie service adjust lighthouse 5 --credit --reference fix-1 --note delay",
     .options = adjust_options,
     .run = slk_service_run,
     .action = adjust},
    {.name = "service invoice make",
     .help = "Make invoices of all that is on none yet.",
     .example = "selkie service invoice make --due-days 30",
     .options = invoice_options,
     .run = slk_service_run,
     .action = invoice_make},
    {.name = "service invoice list",
     .help = "Show the invoices, and which are paid.",
     .example = "selkie service invoice list --customer lighthouse",
     .options = list_options,
     .run = slk_service_view,
     .action = invoice_list},
    {.name = "service invoice show",
     .args = "NUMBER",
     .args_min = 1,
     .args_max = 1,
     .help = "Print an invoice: a page for paper, or its entries as CSV.",
     .example = "selkie service invoice show 2026-000001 > invoice.html",
     .options = show_options,
     .run = slk_service_view,
     .action = invoice_show},
    {.name = "service ledger show",
     .args = "CUSTOMER",
     .args_min = 1,
     .args_max = 1,
     .help = "Show what a customer was charged and has paid, entry by entry.",
     .example = "selkie service ledger show lighthouse --json",
     .options = plain_options,
     .run = slk_service_view,
     .action = ledger_show},
    {.name = "service ledger check",
     .help = "Check every entry of every ledger: numbers, sums, hashes, signatures.",
     .example = "selkie service ledger check",
     .options = plain_options,
     .run = slk_service_verdict,
     .action = ledger_check},
    {.name = NULL},
};
