/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Invoices: as they were signed, for a spreadsheet, for paper. */
#include "base/bytes.h"
#include "base/mem.h"
#include "service/invoice.h"
#include "shop/shop_impl.h"

#define CSV_MAX_BYTES ((size_t)16 << 20)

static slk_err list(shop_request *r, slk_error *error)
{
    json_t *all = NULL;
    SLK_TRY(slk_invoice_list(&all, r->db, r->customer.id, error));
    return slk_shop_reply(r, 200, json_pack("{s:o}", "invoices", all), error);
}

static slk_err find(slk_invoice *ret, const shop_request *r, slk_error *error)
{
    return slk_invoice_get(ret, r->db, r->customer.id, slk_http_param(r->exchange, "number"),
                           error);
}

static slk_err show(shop_request *r, slk_error *error)
{
    SLK_CLEANUP(slk_invoice_done) slk_invoice invoice = {0};
    char signature[2 * SLK_SIGNATURE_BYTES + 1];
    SLK_TRY(find(&invoice, r, error));
    slk_hex_encode(signature, invoice.signature, sizeof invoice.signature);
    return slk_shop_reply(r, 200,
                          json_pack("{s:s,s:s,s:s}", "document", slk_buf_str(&invoice.document),
                                    "key", invoice.key_id, "signature", signature),
                          error);
}

static slk_err csv(shop_request *r, slk_error *error)
{
    SLK_CLEANUP(slk_invoice_done) slk_invoice invoice = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, CSV_MAX_BYTES);
    SLK_TRY(find(&invoice, r, error));
    SLK_TRY(slk_invoice_csv(&text, r->db, &invoice, error));
    SLK_TRY(slk_shop_reply_headers(r->exchange));
    SLK_TRY(slk_http_reply_header(r->exchange, "Content-Disposition", "attachment"));
    return slk_http_reply_bytes(r->exchange, 200, "text/csv; charset=utf-8", text.data, text.len);
}

static slk_err page(shop_request *r, slk_error *error)
{
    SLK_CLEANUP(slk_invoice_done) slk_invoice invoice = {0};
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_INVOICE_MAX_BYTES);
    SLK_TRY(find(&invoice, r, error));
    SLK_TRY(slk_invoice_page(&text, &invoice, error));
    SLK_TRY(slk_shop_reply_headers(r->exchange));
    SLK_TRY(slk_http_reply_header(r->exchange, "Content-Security-Policy",
                                  "default-src 'none'; style-src 'unsafe-inline'; "
                                  "frame-ancestors 'none'"));
    return slk_http_reply_bytes(r->exchange, 200, "text/html; charset=utf-8", text.data, text.len);
}

const shop_door slk_shop_invoice_doors[] = {
    {.method = "GET", .path = "/sealing/v1/invoices", .handler = list},
    {.method = "GET", .path = "/sealing/v1/invoices/{number}", .handler = show},
    {.method = "GET", .path = "/sealing/v1/invoices/{number}/csv", .handler = csv},
    {.method = "GET", .path = "/sealing/v1/invoices/{number}/page", .handler = page},
    {0},
};
