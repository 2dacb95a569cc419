/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie buy …`: sealed sectors from services that sell them, for the miners of this client. */
#include "app/amount.h"
#include "app/service.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "buying/buying.h"
#include "codec/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- opening ---- */

typedef struct buyer {
    slk_buying buying;
    slk_http_client *client;
} buyer;

static void buyer_done(buyer *b)
{
    slk_http_client_free(b->client);
}

/* Under the same rules as peers are called. */
static slk_err buyer_init(buyer *ret, const slk_node *node, slk_error *error)
{
    const slk_config *config = &node->repo.config;
    const slk_http_client_options options = {
        .allow_plain_http = config->allow_plain_http,
        .ca_file = *config->trusted_certificates ? config->trusted_certificates : NULL,
        .public_only = !config->allow_private && !config->development,
    };
    SLK_TRY(slk_http_client_new(&ret->client, &options, error));
    ret->buying = (slk_buying){node->seal, ret->client};
    return SLK_OK;
}

/* ---- services ---- */

static slk_err service_add(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(buyer_done) buyer b = {0};
    slk_buying_service service;
    char *token = NULL;
    SLK_TRY(buyer_init(&b, node, error));
    if (slk_service_dry(options, "the service would be asked who it is, and added"))
        return SLK_OK;
    SLK_TRY(slk_service_secret(&token, options->args[2], error));
    const slk_err code =
        slk_buying_add(&service, &b.buying, options->args[0], options->args[1], token, error);
    slk_bytes_wipe(token, strlen(token));
    slk_free(token);
    SLK_TRY(code);
    if (options->json)
        slk_service_say(options, "");
    else
        (void)printf("added; the account there is number %" PRId64 ", in %s\n"
                     "next: selkie buy offers\n",
                     service.customer_id, service.currency);
    return SLK_OK;
}

static slk_err service_list(slk_node *node, const slk_options *options, slk_error *error)
{
    const slk_buying buying = {.seal = node->seal};
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_buying_list(&list, &buying, error));
    if (options->json) {
        slk_service_print(list);
        return SLK_OK;
    }
    if (json_array_size(list) == 0)
        (void)printf("no services; `selkie buy service add NAME URL -` adds one\n");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        (void)printf("%-20s %-5s %s\n", slk_service_text(row, "name"),
                     slk_service_text(row, "currency"), slk_service_text(row, "url"));
    }
    return SLK_OK;
}

/* Calls visit for the service that --service names, or for each. A service that does not answer is said
 * on standard error and is no failure while others do. */
typedef slk_err visit_service(const slk_options *options, buyer *b,
                              const slk_buying_service *service, json_t *answers, slk_error *error);

static slk_err each_service(json_t **ret_answers, const slk_options *options, buyer *b,
                            visit_service *visit, slk_error *error)
{
    const char *only = slk_options_text(options, "service");
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL, *answers = json_array();
    slk_buying_service service;
    slk_err last = SLK_E_NOTFOUND;
    slk_error why = {.message = "no service is known: `selkie buy service add NAME URL -`"};
    size_t good = 0;
    SLK_TRY(slk_buying_list(&list, &b->buying, error));
    if (only)
        SLK_TRY(slk_buying_find(&service, &b->buying, only, error));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = slk_service_text(json_array_get(list, i), "name");
        if (only && strcmp(only, name) != 0)
            continue;
        SLK_TRY(slk_buying_find(&service, &b->buying, name, error));
        const slk_err code = visit(options, b, &service, answers, &why);
        good += code == SLK_OK;
        if (code == SLK_OK)
            continue;
        last = code;
        (void)fprintf(stderr, "%s: %s\n", name, slk_error_text(&why, code));
    }
    if (good == 0)
        return slk_fail(error, last, "%s", why.message);
    *ret_answers = answers;
    answers = NULL;
    return SLK_OK;
}

/* value, given away, with who says so. */
static slk_err add_answer(json_t *answers, json_t *value, const slk_buying_service *service,
                          slk_error *error)
{
    const bool named = json_object_set_new(value, "service", json_string(service->name)) == 0;
    return json_array_append_new(answers, value) == 0 && named
               ? SLK_OK
               : slk_fail(error, SLK_E_NOMEM, "out of memory for what services say");
}

static slk_err ask_each(slk_node *node, const slk_options *options, visit_service *visit,
                        slk_error *error)
{
    SLK_CLEANUP(buyer_done) buyer b = {0};
    SLK_CLEANUP(slk_json_decrefp) json_t *answers = NULL;
    SLK_TRY(buyer_init(&b, node, error));
    SLK_TRY(each_service(&answers, options, &b, visit, error));
    if (options->json)
        slk_service_print(answers);
    return SLK_OK;
}

/* ---- offers, quotes ---- */

static slk_err visit_offers(const slk_options *options, buyer *b, const slk_buying_service *service,
                            json_t *answers, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *offers = NULL;
    SLK_TRY(slk_buying_offers(&offers, &b->buying, service, error));
    for (size_t i = 0; i < json_array_size(offers); i++) {
        json_t *offer = json_array_get(offers, i);
        const json_t *first = json_array_get(json_object_get(offer, "steps"), 0);
        char words[SLK_MONEY_WORDS_CHARS];
        slk_money_words_in(words, first, "unit", slk_service_text(offer, "currency"));
        if (!options->json)
            (void)printf("%-20s %-20s %22s  %s\n", service->name, slk_service_text(offer, "name"),
                         words, slk_service_text(offer, "title"));
        SLK_TRY(add_answer(answers, json_incref(offer), service, error));
    }
    return SLK_OK;
}

static slk_err offers(slk_node *node, const slk_options *options, slk_error *error)
{
    return ask_each(node, options, visit_offers, error);
}

static slk_err visit_quote(const slk_options *options, buyer *b, const slk_buying_service *service,
                           json_t *answers, slk_error *error)
{
    const slk_order_wish wish = {
        .kind = SLK_ORDER_CC,
        .seal_proof = slk_options_i64(options, "seal-proof"),
        .sectors = slk_options_u64(options, "sectors"),
        .retention_days = slk_options_u64(options, "retention-days"),
    };
    slk_quote quote;
    json_t *value = NULL;
    char words[SLK_MONEY_WORDS_CHARS], span[SLK_SPAN_CHARS];
    SLK_TRY(slk_buying_quote(&quote, &b->buying, service, options->args[0], &wish, error));
    const slk_money total = slk_terms_total(&quote.terms);
    slk_money_words(words, &total, quote.terms.currency);
    slk_span_format(span, quote.terms.eta_ms);
    if (!options->json)
        (void)printf("%-20s %22s  in %-12s %s\n", service->name, words, span, quote.id);
    SLK_TRY(slk_quote_to_json(&value, &quote, error));
    return add_answer(answers, value, service, error);
}

static slk_err quote(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_TRY(ask_each(node, options, visit_quote, error));
    if (!options->json)
        (void)printf("next: selkie buy order SERVICE QUOTE --miner f0ID   (within the hour)\n");
    return SLK_OK;
}

/* ---- orders ---- */

static slk_err order(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(buyer_done) buyer b = {0};
    slk_buying_service service;
    char key[SLK_UUID_CHARS];
    SLK_TRY(buyer_init(&b, node, error));
    SLK_TRY(slk_buying_find(&service, &b.buying, options->args[0], error));
    if (slk_service_dry(options, "numbers would be taken, and the order sent"))
        return SLK_OK;
    SLK_TRY(slk_buying_order(key, &b.buying, &service, options->args[1],
                             slk_options_u64(options, "miner"), error));
    if (options->json)
        (void)printf("{\"key\":\"%s\"}\n", key);
    else
        (void)printf("ordered; the sectors come by themselves: selkie buy list, selkie watch\n");
    return SLK_OK;
}

static slk_err resume(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(buyer_done) buyer b = {0};
    uint64_t n = 0;
    SLK_TRY(buyer_init(&b, node, error));
    if (slk_service_dry(options, "orders that were interrupted would be sent again"))
        return SLK_OK;
    SLK_TRY(slk_buying_resume(&n, &b.buying, error));
    if (options->json)
        (void)printf("{\"orders\":%" PRIu64 "}\n", n);
    else
        (void)printf("%" PRIu64 " orders went on; see selkie buy list\n", n);
    return SLK_OK;
}

static slk_err list(slk_node *node, const slk_options *options, slk_error *error)
{
    const slk_buying buying = {.seal = node->seal};
    SLK_CLEANUP(slk_json_decrefp) json_t *orders = NULL;
    SLK_TRY(slk_buying_orders(&orders, &buying, error));
    if (options->json) {
        slk_service_print(orders);
        return SLK_OK;
    }
    if (json_array_size(orders) == 0)
        (void)printf("nothing was bought\n");
    else
        (void)printf("%-20s %-10s %-8s %8s %9s %8s %7s %22s\n", "SERVICE", "MINER", "STATE",
                     "SECTORS", "UNDER WAY", "PROVING", "FAILED", "PRICE");
    for (size_t i = 0; i < json_array_size(orders); i++) {
        const json_t *o = json_array_get(orders, i), *terms = json_object_get(o, "terms");
        char miner[32], words[SLK_MONEY_WORDS_CHARS];
        (void)snprintf(miner, sizeof miner, "f0%" PRId64, slk_service_number(o, "sp_id"));
        slk_money_words_in(words, terms, "total", slk_service_text(terms, "currency"));
        (void)printf("%-20s %-10s %-8s %8" PRId64 " %9" PRId64 " %8" PRId64 " %7" PRId64
                     " %22s  %s\n",
                     slk_service_text(o, "service"), miner, slk_service_text(o, "state"),
                     slk_service_number(o, "sectors"), slk_service_number(o, "under_way"),
                     slk_service_number(o, "proving"), slk_service_number(o, "failed"), words,
                     slk_service_text(o, "note"));
    }
    return SLK_OK;
}

/* ---- money ---- */

static slk_err visit_account(const slk_options *options, buyer *b,
                             const slk_buying_service *service, json_t *answers, slk_error *error)
{
    json_t *account = NULL;
    char balance[SLK_MONEY_WORDS_CHARS], owed[SLK_MONEY_WORDS_CHARS], limit[SLK_MONEY_WORDS_CHARS];
    SLK_TRY(slk_buying_account(&account, &b->buying, service, error));
    slk_money_words_in(balance, account, "balance", service->currency);
    slk_money_words_in(owed, account, "owed", service->currency);
    slk_money_words_in(limit, account, "limit", service->currency);
    if (!options->json)
        (void)printf("%-20s owes %s; with open orders %s, of at most %s\n", service->name, balance,
                     owed, limit);
    return add_answer(answers, account, service, error);
}

static slk_err account(slk_node *node, const slk_options *options, slk_error *error)
{
    return ask_each(node, options, visit_account, error);
}

static slk_err paid(slk_node *node, const slk_options *options, slk_error *error)
{
    const slk_buying buying = {.seal = node->seal};
    slk_buying_service service;
    slk_money amount;
    SLK_TRY(slk_buying_find(&service, &buying, options->args[0], error));
    SLK_TRY(slk_money_read(&amount, options->args[1], service.currency, error));
    if (slk_service_dry(options, "the payment would be noted here"))
        return SLK_OK;
    SLK_TRY(slk_buying_note_payment(&buying, &service, &amount,
                                    slk_options_text(options, "reference"), error));
    slk_service_say(options, "noted; `selkie buy reconcile` says whether the service has it");
    return SLK_OK;
}

static slk_err reconcile(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(buyer_done) buyer b = {0};
    slk_buying_service service;
    slk_buying_reconciled done;
    char words[SLK_MONEY_WORDS_CHARS], units[SLK_MONEY_CHARS];
    SLK_TRY(buyer_init(&b, node, error));
    SLK_TRY(slk_buying_find(&service, &b.buying, options->args[0], error));
    const slk_err code = slk_buying_reconcile(&done, &b.buying, &service, error);
    if (code == SLK_E_CONFLICT) /* an answer: the two do not agree */
        return slk_fail(error, SLK_E_CORRUPT, "%s", error->message);
    SLK_TRY(code);
    slk_money_words(words, &done.balance, service.currency);
    slk_money_print(units, &done.balance);
    if (options->json)
        (void)printf("{\"valid\":true,\"entries\":%" PRIu64 ",\"balance\":\"%s\"}\n", done.entries,
                     units);
    else
        (void)printf("all %" PRIu64 " entries are as agreed; owed: %s\n", done.entries, words);
    return SLK_OK;
}

/* ---- the table ---- */

#define OPTION_SERVICE                                               \
    {                                                                \
        .name = "service", .type = SLK_OPTION_TEXT, .value = "NAME", \
        .help = "ask this one alone, not each"                       \
    }

static const slk_option plain_options[] = {SLK_OPTION_REPO, {.name = NULL}};
static const slk_option change_options[] = {SLK_OPTION_REPO, SLK_OPTION_DRY_RUN, {.name = NULL}};
static const slk_option ask_options[] = {SLK_OPTION_REPO, OPTION_SERVICE, {.name = NULL}};
static const slk_option quote_options[] = {
    SLK_OPTION_REPO,
    {.name = "sectors", .type = SLK_OPTION_U64, .required = true, .help = "how many"},
    {.name = "seal-proof",
     .type = SLK_OPTION_I64,
     .fallback = "8",
     .help = "registered seal proof: 8 is 32 GiB, 9 is 64 GiB"},
    {.name = "retention-days",
     .type = SLK_OPTION_U64,
     .fallback = "0",
     .help = "how long they are kept there"},
    OPTION_SERVICE,
    {.name = NULL},
};
static const slk_option order_options[] = {
    SLK_OPTION_REPO,
    {.name = "miner", .type = SLK_OPTION_MINER, .required = true, .help = "whose sectors"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option paid_options[] = {
    SLK_OPTION_REPO,
    {.name = "reference",
     .type = SLK_OPTION_TEXT,
     .required = true,
     .value = "TEXT",
     .help = "what both sides know the payment by"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};

const slk_command slk_commands_buying[] = {
    {.name = "buy service add",
     .args = "NAME URL TOKEN",
     .args_min = 3,
     .args_max = 3,
     .help = "Get to know a service that sells sealed sectors; TOKEN -: from standard input.",
     .example = "selkie buy service add lighthouse https://provider.example:12310 -",
     .options = change_options,
     .run = slk_service_run,
     .action = service_add},
    {.name = "buy service list",
     .help = "Show the services that are known.",
     .example = "selkie buy service list --json",
     .options = plain_options,
     .run = slk_service_view,
     .action = service_list},
    {.name = "buy offers",
     .help = "Ask the services what they offer.",
     .example = "selkie buy offers --service lighthouse",
     .options = ask_options,
     .run = slk_service_run,
     .action = offers},
    {.name = "buy quote",
     .args = "OFFER",
     .args_min = 1,
     .args_max = 1,
     .help = "Ask each service that has the offer for a price and a time.",
     .example = "selkie buy quote cc32 --sectors 10",
     .options = quote_options,
     .run = slk_service_run,
     .action = quote},
    {.name = "buy order",
     .args = "SERVICE QUOTE",
     .args_min = 2,
     .args_max = 2,
     .help = "Buy what was quoted: the sectors are sealed there, fetched, and proven from here.",
     .example = "selkie buy order lighthouse 0b7c9d2e-1111-4222-8333-444455556666 --miner f01000",
     .options = order_options,
     .run = slk_service_run,
     .action = order},
    {.name = "buy resume",
     .help = "Send orders again that were interrupted; sending twice changes nothing.",
     .example = "selkie buy resume",
     .options = change_options,
     .run = slk_service_run,
     .action = resume},
    {.name = "buy list",
     .help = "Show what was bought and how far it is.",
     .example = "selkie buy list --json",
     .options = plain_options,
     .run = slk_service_view,
     .action = list},
    {.name = "buy account",
     .help = "Ask the services what is owed to them.",
     .example = "selkie buy account --service lighthouse",
     .options = ask_options,
     .run = slk_service_run,
     .action = account},
    {.name = "buy paid",
     .args = "SERVICE AMOUNT",
     .args_min = 2,
     .args_max = 2,
     .help = "Note a payment that was made, so that the service's ledger is held to it.",
     .example = "selkie buy paid lighthouse 250 --reference bank-2026-113",
     .options = paid_options,
     .run = slk_service_run,
     .action = paid},
    {.name = "buy reconcile",
     .args = "SERVICE",
     .args_min = 1,
     .args_max = 1,
     .help = "Hold a service's ledger to what was ordered, received and paid; name the first "
             "difference.",
     .example = "selkie buy reconcile lighthouse",
     .options = plain_options,
     .run = slk_service_verdict,
     .action = reconcile},
    {.name = NULL},
};
