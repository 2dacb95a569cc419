/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie service …`: what this provider sells, and to whom. */
#include "app/selling.h"
#include "app/service.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/json.h"
#include "seal/partner.h"
#include "seal/permit.h"
#include "service/customer.h"
#include "service/order.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OFFER_MAX_BYTES ((size_t)16 << 10)
#define ORDERS_MOST 1000u
#define ONCE_AT_MOST \
    INT64_C(1000000000) /* sectors of a customer here at once: its orders bound them */

/* ---- offers ---- */

static const char offer_example[] =
    "{\n"
    "  \"name\": \"cc32\",\n"
    "  \"title\": \"32 GiB sectors without data\",\n"
    "  \"kinds\": [\"cc\"],\n"
    "  \"seal_proofs\": [8],\n"
    "  \"currency\": \"EUR\",\n"
    "  \"steps\": [{\"from\": 1, \"unit\": \"200\"}, {\"from\": 100, \"unit\": \"180\"}],\n"
    "  \"proof\": null,\n"
    "  \"push\": null,\n"
    "  \"retention\": {\"days\": 3, \"unit\": \"5\"},\n"
    "  \"late_basis_points\": 500,\n"
    "  \"least\": 1,\n"
    "  \"most\": 1000,\n"
    "  \"valid_until_ms\": null\n"
    "}\n";

static int offer_example_run(const slk_command *command, const slk_options *options)
{
    (void)command;
    (void)options;
    (void)fputs(offer_example, stdout);
    return SLK_EXIT_DONE;
}

static slk_err read_offer(slk_offer *ret, const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    slk_buf_init(&text, OFFER_MAX_BYTES);
    SLK_TRY(slk_file_read_all(&text, strcmp(path, "-") == 0 ? "/dev/stdin" : path, error));
    slk_err code = slk_json_parse(&value, text.data, text.len, OFFER_MAX_BYTES, error);
    if (code == SLK_OK)
        code = slk_offer_from_json(ret, value, error);
    return code == SLK_OK ? SLK_OK : slk_fail_context(error, code, "%s", path);
}

static void print_offer(const json_t *o)
{
    const json_t *steps = json_object_get(o, "steps");
    (void)printf("%s (version %" PRId64 ")  %s\n", slk_service_text(o, "name"),
                 slk_service_number(o, "version"), slk_service_text(o, "title"));
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        char words[SLK_MONEY_WORDS_CHARS];
        slk_money_words_in(words, step, "unit", slk_service_text(o, "currency"));
        (void)printf("  from %5" PRId64 " sectors  %s each\n", slk_service_number(step, "from"),
                     words);
    }
}

static slk_err offer_list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_offer_list(&list, node->db, slk_seal_now(node->seal), error));
    if (options->json) {
        slk_service_print(list);
        return SLK_OK;
    }
    if (json_array_size(list) == 0)
        (void)printf(
            "nothing is offered; `selkie service offer example > offer.json` is a start\n");
    for (size_t i = 0; i < json_array_size(list); i++)
        print_offer(json_array_get(list, i));
    return SLK_OK;
}

static slk_err offer_set(slk_node *node, const slk_options *options, slk_error *error)
{
    slk_offer offer;
    int64_t version = 0;
    SLK_TRY(read_offer(&offer, options->args[0], error));
    if (offer.kinds[SLK_ORDER_DATA] || offer.has_proof || offer.has_push)
        return slk_fail(error, SLK_E_UNSUPPORTED,
                        "only sectors without data that customers fetch are sold so far: kinds "
                        "[\"cc\"], proof and push null");
    if (slk_service_dry(options, "it would be offered"))
        return SLK_OK;
    SLK_TRY(slk_offer_set(&version, node->db, &offer, slk_seal_now(node->seal), error));
    if (options->json) /* a name needs no escapes */
        (void)printf("{\"name\":\"%s\",\"version\":%" PRId64 "}\n", offer.name, version);
    else
        (void)printf("%s is offered, as version %" PRId64 "\n", offer.name, version);
    return SLK_OK;
}

static slk_err offer_withdraw(slk_node *node, const slk_options *options, slk_error *error)
{
    slk_offer offer;
    SLK_TRY(slk_offer_get(&offer, node->db, options->args[0], slk_seal_now(node->seal), error));
    if (slk_service_dry(options, "it would be offered no more; orders made from it stand"))
        return SLK_OK;
    SLK_TRY(slk_offer_withdraw(node->db, options->args[0], slk_seal_now(node->seal), error));
    slk_service_say(options, "withdrawn; orders made from it stand");
    return SLK_OK;
}

/* ---- customers ---- */

static slk_err read_amount(slk_money *ret, const slk_options *options, const char *option,
                           const slk_currency currency, slk_error *error)
{
    const char *text = slk_options_text(options, option);
    *ret = (slk_money){0};
    if (!text)
        return SLK_OK;
    return slk_money_read(ret, text, currency, error) == SLK_OK
               ? SLK_OK
               : slk_fail_context(error, SLK_E_INVAL, "--%s", option);
}

static slk_err read_payer(slk_customer *c, const slk_options *options, slk_error *error)
{
    const char *payer = slk_options_text(options, "payer");
    if (!payer)
        return SLK_OK;
    if (strlen(payer) >= sizeof c->payer)
        return slk_fail(error, SLK_E_INVAL, "--payer: not an address");
    memcpy(c->payer, payer, strlen(payer) + 1);
    return SLK_OK;
}

static slk_err show_token(const slk_options *options, const slk_node *node, const char *name,
                          const char *token, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *url = NULL;
    SLK_TRY(slk_repo_url(&url, &node->repo, error));
    if (!options->json) {
        (void)printf("customer %s\n"
                     "token, shown only now, to be handed over like a password:\n  %s\n"
                     "the service is at:\n  %s/sealing/v1/\n",
                     name, token, url);
        return SLK_OK;
    }
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer = json_pack("{s:s,s:s,s:s}", "name", name, "url", url, "token", token);
    if (!answer)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_service_print(answer);
    return SLK_OK;
}

/* As whom the customer's node fetches: it may order what was bought here and nothing else. One that was left
 * by a run that did not end is used. */
static slk_err add_partner(int64_t *ret_id, slk_node *node, const char *name, slk_error *error)
{
    const slk_partner_terms terms = {.allowance_total = ONCE_AT_MOST};
    char token[SLK_TOKEN_CHARS], partner[128];
    (void)snprintf(partner, sizeof partner, "customer %s", name);
    if (slk_partner_find(ret_id, node->seal, partner, NULL) != SLK_OK) {
        const slk_err code = slk_partner_add(ret_id, token, node->seal, partner, &terms, error);
        slk_bytes_wipe(token, sizeof token); /* the customer asks for its own */
        SLK_TRY(code);
    }
    return slk_partner_permits_only(node->db, *ret_id, error);
}

static slk_err customer_add(slk_node *node, const slk_options *options, slk_error *error)
{
    slk_customer c = {0}, other;
    char token[SLK_CUSTOMER_TOKEN_CHARS];
    const char *name = options->args[0];
    if (strlen(name) >= sizeof c.name)
        return slk_fail(error, SLK_E_INVAL, "a customer's name has at most %u bytes",
                        SLK_CUSTOMER_NAME_CHARS - 1);
    memcpy(c.name, name, strlen(name) + 1);
    SLK_TRY(slk_currency_parse(c.currency, slk_options_text(options, "currency"), error));
    SLK_TRY(read_amount(&c.limit, options, "limit", c.currency, error));
    SLK_TRY(read_payer(&c, options, error));
    c.pays_first = slk_options_flag(options, "pays-first");
    if (slk_customer_find(&other, node->db, name, NULL) == SLK_OK)
        return slk_fail(error, SLK_E_EXISTS, "there is already a customer named %s", name);
    if (slk_service_dry(options, "the customer would be added and a token shown"))
        return SLK_OK;
    SLK_TRY(add_partner(&c.partner_id, node, name, error));
    SLK_TRY(slk_customer_add(&c.id, node->db, &c, slk_seal_now(node->seal), error));
    SLK_TRY(
        slk_customer_token_add(token, node->db, c.id, "first", 0, slk_seal_now(node->seal), error));
    const slk_err code = show_token(options, node, name, token, error);
    slk_bytes_wipe(token, sizeof token);
    return code;
}

static slk_err customer_token(slk_node *node, const slk_options *options, slk_error *error)
{
    slk_customer c;
    char token[SLK_CUSTOMER_TOKEN_CHARS];
    SLK_TRY(slk_customer_find(&c, node->db, options->args[0], error));
    if (slk_service_dry(options, "a token would be made and shown"))
        return SLK_OK;
    SLK_TRY(slk_customer_token_add(token, node->db, c.id, options->args[1], 0,
                                   slk_seal_now(node->seal), error));
    const slk_err code = show_token(options, node, c.name, token, error);
    slk_bytes_wipe(token, sizeof token);
    return code;
}

static void print_customer(const json_t *row)
{
    const char *currency = slk_service_text(row, "currency");
    char limit[SLK_MONEY_WORDS_CHARS], owes[SLK_MONEY_WORDS_CHARS];
    slk_money_words_in(limit, row, "limit", currency);
    slk_money_words_in(owes, row, "balance", currency);
    (void)printf("%-24s %22s %22s  %s\n", slk_service_text(row, "name"), owes, limit,
                 slk_service_bool(row, "closed")       ? "closed"
                 : slk_service_bool(row, "pays_first") ? "pays first"
                                                       : "");
}

static slk_err customer_list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_customer_list(&list, node->db, error));
    if (options->json) {
        slk_service_print(list);
        return SLK_OK;
    }
    if (json_array_size(list) == 0)
        (void)printf("no customers; `selkie service customer add NAME` makes one\n");
    else
        (void)printf("%-24s %22s %22s\n", "CUSTOMER", "OWES", "LIMIT");
    for (size_t i = 0; i < json_array_size(list); i++)
        print_customer(json_array_get(list, i));
    return SLK_OK;
}

static slk_err customer_set(slk_node *node, const slk_options *options, slk_error *error)
{
    slk_customer c;
    SLK_TRY(slk_customer_find(&c, node->db, options->args[0], error));
    if (slk_options_has(options, "limit"))
        SLK_TRY(read_amount(&c.limit, options, "limit", c.currency, error));
    SLK_TRY(read_payer(&c, options, error));
    if (slk_options_has(options, "pays-first"))
        c.pays_first = slk_options_bool(options, "pays-first");
    if (slk_options_has(options, "closed"))
        c.closed = slk_options_bool(options, "closed");
    if (slk_service_dry(options, "the customer would be changed"))
        return SLK_OK;
    SLK_TRY(slk_customer_set(node->db, &c, error));
    slk_service_say(options, "changed");
    return SLK_OK;
}

/* ---- orders ---- */

static int64_t of_state(const json_t *order, slk_sold_state state)
{
    return slk_service_number(json_object_get(order, "sectors"), slk_sold_state_name(state));
}

static slk_err order_list(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    const char *name = slk_options_text(options, "customer");
    slk_customer customer = {0};
    if (name)
        SLK_TRY(slk_customer_find(&customer, node->db, name, error));
    SLK_TRY(slk_order_list(&list, node->db, customer.id, INT64_MAX, ORDERS_MOST, error));
    if (options->json) {
        slk_service_print(list);
        return SLK_OK;
    }
    if (json_array_size(list) == 0)
        (void)printf("no orders\n");
    else
        (void)printf("%-36s %-10s %-10s %8s %8s %8s %8s\n", "ORDER", "MINER", "STATE", "PLANNED",
                     "SEALING", "READY", "FAILED");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        char miner[32];
        (void)snprintf(miner, sizeof miner, "f0%" PRId64, slk_service_number(o, "sp_id"));
        (void)printf("%-36s %-10s %-10s %8" PRId64 " %8" PRId64 " %8" PRId64 " %8" PRId64 "\n",
                     slk_service_text(o, "id"), miner, slk_service_text(o, "state"),
                     of_state(o, SLK_SOLD_PLANNED), of_state(o, SLK_SOLD_SEALING),
                     of_state(o, SLK_SOLD_CHARGED) + of_state(o, SLK_SOLD_READY),
                     of_state(o, SLK_SOLD_FAILED));
    }
    return SLK_OK;
}

static slk_err sector_fail(slk_node *node, const slk_options *options, slk_error *error)
{
    uint64_t sp_id, number;
    SLK_CLEANUP(slk_signing_key_freep) slk_signing_key *key = NULL;
    if (slk_parse_miner(&sp_id, options->args[0]) != SLK_OK ||
        slk_parse_u64(&number, options->args[1]) != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "want a miner and a sector number, as f01000 42");
    if (slk_service_dry(options, "what was charged for the sector would be credited"))
        return SLK_OK;
    SLK_TRY(slk_selling_key(&key, &node->repo, error));
    SLK_TRY(slk_order_fail_sector(node->db, key, sp_id, number, slk_options_text(options, "why"),
                                  slk_seal_now(node->seal), error));
    slk_service_say(options, "credited");
    return SLK_OK;
}

/* ---- the table ---- */

#define OPTION_LIMIT                                                      \
    {                                                                     \
        .name = "limit", .type = SLK_OPTION_TEXT, .value = "AMOUNT",      \
        .help = "what it may owe, open orders counted; 0: it pays before" \
    }
#define OPTION_PAYER                                                 \
    {                                                                \
        .name = "payer", .type = SLK_OPTION_TEXT, .value = "F1ADDR", \
        .help = "Filecoin address that its payments come from"       \
    }

static const slk_option plain_options[] = {SLK_OPTION_REPO, {.name = NULL}};
static const slk_option change_options[] = {SLK_OPTION_REPO, SLK_OPTION_DRY_RUN, {.name = NULL}};
static const slk_option add_options[] = {
    SLK_OPTION_REPO,
    {.name = "currency",
     .type = SLK_OPTION_TEXT,
     .fallback = "FIL",
     .value = "CODE",
     .help = "of its account, for ever: FIL or three letters such as EUR"},
    OPTION_LIMIT,
    OPTION_PAYER,
    {.name = "pays-first",
     .type = SLK_OPTION_FLAG,
     .help = "sealed sectors are withheld until all that is charged is paid"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option set_options[] = {
    SLK_OPTION_REPO,
    OPTION_LIMIT,
    OPTION_PAYER,
    {.name = "pays-first",
     .type = SLK_OPTION_BOOL,
     .help = "sealed sectors are withheld until all that is charged is paid"},
    {.name = "closed", .type = SLK_OPTION_BOOL, .help = "it orders nothing any more"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option order_options[] = {
    SLK_OPTION_REPO,
    SLK_OPTION_CUSTOMER,
    {.name = NULL},
};
static const slk_option fail_options[] = {
    SLK_OPTION_REPO,
    {.name = "why",
     .type = SLK_OPTION_TEXT,
     .required = true,
     .value = "TEXT",
     .help = "shown to the customer"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};

const slk_command slk_commands_selling[] = {
    {.name = "service offer example",
     .help = "Print an offer to start from.",
     .example = "selkie service offer example > offer.json",
     .run = offer_example_run},
    {.name = "service offer set",
     .args = "FILE",
     .args_min = 1,
     .args_max = 1,
     .help = "Offer what the JSON file says, in place of the offer of that name.",
     .example = "selkie service offer set offer.json --dry-run",
     .options = change_options,
     .run = slk_service_run,
     .action = offer_set},
    {.name = "service offer list",
     .help = "Show what is offered.",
     .example = "selkie service offer list --json",
     .options = plain_options,
     .run = slk_service_view,
     .action = offer_list},
    {.name = "service offer withdraw",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .help = "Offer it no more; quotes and orders made from it stand.",
     .example = "selkie service offer withdraw cc32",
     .options = change_options,
     .run = slk_service_run,
     .action = offer_withdraw},
    {.name = "service customer add",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .help = "Let somebody buy sectors; prints its token once.",
     .example = "selkie service customer add lighthouse --currency EUR --limit 500",
     .options = add_options,
     .run = slk_service_run,
     .action = customer_add},
    {.name = "service customer list",
     .help = "Show the customers and what they owe.",
     .example = "selkie service customer list --json",
     .options = plain_options,
     .run = slk_service_view,
     .action = customer_list},
    {.name = "service customer set",
     .args = "NAME",
     .args_min = 1,
     .args_max = 1,
     .help = "Change a customer's limit, or close its account.",
     .example = "selkie service customer set lighthouse --limit 1000",
     .options = set_options,
     .run = slk_service_run,
     .action = customer_set},
    {.name = "service customer token",
     .args = "NAME TOKENNAME",
     .args_min = 2,
     .args_max = 2,
     .help = "Make another token for a customer; prints it once.",
     .example = "selkie service customer token lighthouse second",
     .options = change_options,
     .run = slk_service_run,
     .action = customer_token},
    {.name = "service order list",
     .help = "Show what was ordered and how far it is.",
     .example = "selkie service order list --customer lighthouse",
     .options = order_options,
     .run = slk_service_view,
     .action = order_list},
    {.name = "service sector fail",
     .args = "MINER NUMBER",
     .args_min = 2,
     .args_max = 2,
     .help = "Credit what was charged for a sector that turned out bad.",
     .example = "selkie service sector fail f01000 42 --why unprovable",
     .options = fail_options,
     .run = slk_service_run,
     .action = sector_fail},
    {.name = NULL},
};
