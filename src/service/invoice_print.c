/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An invoice for spreadsheets and for paper. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "service/invoice.h"

#include <stdio.h>
#include <string.h>

/* ---- CSV. source: RFC 4180 ---- */

/* A text as one field. A spreadsheet must not run what somebody else wrote. */
static slk_err csv_text(slk_buf *out, const char *text)
{
    const bool formula = *text && strchr("=+-@\t\r", *text) != NULL;
    SLK_TRY(slk_buf_text(out, formula ? ",\"'" : ",\""));
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            SLK_TRY(slk_buf_byte(out, '"'));
        SLK_TRY(slk_buf_byte(out, (uint8_t)*c));
    }
    return slk_buf_byte(out, '"');
}

static slk_err csv_entry(slk_buf *out, const slk_ledger_entry *e)
{
    char at[32], unit[SLK_MONEY_CHARS], amount[SLK_MONEY_CHARS], balance[SLK_MONEY_CHARS];
    char sector[48] = "";
    slk_clock_format(at, sizeof at, e->at_ms);
    slk_money_print(unit, &e->unit);
    slk_money_print(amount, &e->amount);
    slk_money_print(balance, &e->balance);
    if (e->has_sector)
        (void)snprintf(sector, sizeof sector, "f0%llu/%llu", (unsigned long long)e->sp_id,
                       (unsigned long long)e->sector_number);
    SLK_TRY(slk_buf_printf(out, "%lld,%s,%s,%s,%s,%s,%llu,%s,%s,%s,%s", (long long)e->seq, at,
                           slk_ledger_kind_name(e->kind), slk_ledger_item_name(e->item),
                           e->order_id, sector, (unsigned long long)e->quantity, unit, amount,
                           balance, e->currency));
    SLK_TRY(csv_text(out, e->reference));
    SLK_TRY(csv_text(out, e->note));
    return slk_buf_text(out, "\r\n");
}

static slk_err add_row(void *context, const slk_ledger_entry *entry, slk_error *error)
{
    const slk_err code = csv_entry(context, entry);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "the invoice is too long");
}

slk_err slk_invoice_csv(slk_buf *out, slk_db *db, const slk_invoice *invoice, slk_error *error)
{
    static const char head[] = "seq,at,kind,item,order,sector,quantity,unit,amount,balance,"
                               "currency,reference,note\r\n";
    const slk_err code = slk_buf_text(out, head);
    if (code != SLK_OK)
        return slk_fail(error, code, "out of memory for an invoice");
    const uint64_t n = (uint64_t)(invoice->last_seq - invoice->first_seq) + 1;
    return slk_ledger_walk(db, invoice->customer_id, invoice->first_seq - 1, n, add_row, out,
                           error);
}

/* ---- the page ---- */

static slk_err html_text(slk_buf *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        const char *as = *c == '&'   ? "&amp;"
                         : *c == '<' ? "&lt;"
                         : *c == '>' ? "&gt;"
                         : *c == '"' ? "&quot;"
                                     : NULL;
        SLK_TRY(as ? slk_buf_text(out, as) : slk_buf_byte(out, (uint8_t)*c));
    }
    return SLK_OK;
}

static slk_err html_cell(slk_buf *out, const char *text)
{
    SLK_TRY(slk_buf_text(out, "<td>"));
    SLK_TRY(html_text(out, text));
    return slk_buf_text(out, "</td>");
}

static const char *text_in(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));
    return text ? text : "";
}

static slk_err html_line(slk_buf *out, const json_t *line, const char *currency)
{
    char unit[SLK_MONEY_WORDS_CHARS], amount[SLK_MONEY_WORDS_CHARS], what[64], quantity[24];
    slk_money_words_in(unit, line, "unit", currency);
    slk_money_words_in(amount, line, "amount", currency);
    (void)snprintf(what, sizeof what, "%s (%s)", text_in(line, "item"), text_in(line, "kind"));
    (void)snprintf(quantity, sizeof quantity, "%lld",
                   (long long)json_integer_value(json_object_get(line, "quantity")));
    SLK_TRY(slk_buf_text(out, "<tr>"));
    SLK_TRY(html_cell(out, what));
    SLK_TRY(html_cell(out, quantity));
    SLK_TRY(html_cell(out, unit));
    SLK_TRY(html_cell(out, amount));
    return slk_buf_text(out, "</tr>\n");
}

static slk_err html_sum(slk_buf *out, const json_t *document, const char *field, const char *title)
{
    char words[SLK_MONEY_WORDS_CHARS];
    slk_money_words_in(words, document, field, text_in(document, "currency"));
    SLK_TRY(slk_buf_printf(out, "<tr class=\"sum\"><td colspan=\"3\">%s</td>", title));
    SLK_TRY(html_cell(out, words));
    return slk_buf_text(out, "</tr>\n");
}

static slk_err html_head(slk_buf *out, const json_t *document)
{
    static const char style[] =
        "body{font:11pt sans-serif;margin:2em auto;max-width:50em}table{width:100%;"
        "border-collapse:collapse}td,th{padding:.3em;border-bottom:1px solid #999;text-align:left}"
        "td:nth-child(n+2),th:nth-child(n+2){text-align:right}.sum td{font-weight:bold}"
        "small{overflow-wrap:anywhere}";
    char issued[32], due[32];
    slk_clock_format(issued, sizeof issued,
                     json_integer_value(json_object_get(document, "issued_ms")));
    slk_clock_format(due, sizeof due, json_integer_value(json_object_get(document, "due_ms")));
    SLK_TRY(slk_buf_text(out, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
                              "<title>Invoice "));
    SLK_TRY(html_text(out, text_in(document, "number")));
    SLK_TRY(slk_buf_printf(out, "</title><style>%s</style>\n<h1>Invoice ", style));
    SLK_TRY(html_text(out, text_in(document, "number")));
    SLK_TRY(slk_buf_text(out, "</h1>\n<p>To <b>"));
    SLK_TRY(html_text(out, text_in(json_object_get(document, "customer"), "name")));
    return slk_buf_printf(out, "</b><br>issued %s, due %s</p>\n", issued, due);
}

static slk_err html_body(slk_buf *out, const json_t *document)
{
    const json_t *lines = json_object_get(document, "lines");
    const char *currency = text_in(document, "currency");
    SLK_TRY(html_head(out, document));
    SLK_TRY(slk_buf_text(out, "<table><tr><th>What</th><th>Quantity</th><th>Each</th>"
                              "<th>Amount</th></tr>\n"));
    SLK_TRY(html_sum(out, document, "opening", "Before"));
    for (size_t i = 0; i < json_array_size(lines); i++)
        SLK_TRY(html_line(out, json_array_get(lines, i), currency));
    SLK_TRY(html_sum(out, document, "closing", "Balance"));
    SLK_TRY(html_sum(out, document, "due", "Due"));
    SLK_TRY(slk_buf_printf(
        out, "</table>\n<p>Entries %lld to %lld of the ledger, whose last hash is<br><small>",
        (long long)json_integer_value(json_object_get(document, "first_seq")),
        (long long)json_integer_value(json_object_get(document, "last_seq"))));
    SLK_TRY(html_text(out, text_in(document, "last_hash")));
    return slk_buf_text(out, "</small></p>\n</html>\n");
}

slk_err slk_invoice_page(slk_buf *out, const slk_invoice *invoice, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *document = NULL;
    SLK_TRY(slk_json_parse(&document, invoice->document.data, invoice->document.len,
                           SLK_INVOICE_MAX_BYTES, error));
    const slk_err code = html_body(out, document);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "the invoice is too long");
}
