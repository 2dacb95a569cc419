/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Invoices: what one customer's ledger says of a stretch of time, under a number, signed, for ever.
 *
 * An invoice covers the entries after those of the customer's invoice before, so that each entry is on
 * exactly one, and names the hash of the last of them. Its lines are sums of the entries with one kind,
 * item and unit; opening + all lines = closing, which is due when it is above zero. It is paid once
 * payments after it have brought what was owed by then to nothing.
 *
 * The document, as JSON:
 *     {"number","customer":{"id","name"},"currency","first_seq","last_seq","from_ms","until_ms","opening",
 *      "lines":[{"kind","item","quantity","unit","amount"}],"closing","due","issued_ms","due_ms",
 *      "last_hash"}
 * amounts as decimal strings of the smallest unit. */
#ifndef SLK_SERVICE_INVOICE_H
#define SLK_SERVICE_INVOICE_H

#include "base/buf.h"
#include "base/err.h"
#include "db/db.h"
#include "service/customer.h"
#include "service/ledger.h"

#include <jansson.h>
#include <stdint.h>

#define SLK_INVOICE_NUMBER_CHARS 16u /* "2026-000001" */
#define SLK_INVOICE_MAX_BYTES ((size_t)256 << 10)

/* Makes the invoice of all entries before until_ms that are on none, in one transaction.
 * SLK_E_NOTFOUND: there are none. */
SLK_MUST_CHECK slk_err slk_invoice_make(char ret_number[SLK_INVOICE_NUMBER_CHARS], slk_db *db,
                                        const slk_signing_key *key, int64_t customer_id,
                                        int64_t until_ms, int64_t due_ms, int64_t now_ms,
                                        slk_error *error);
/* [{"number","customer","issued_ms","due_ms","due","currency","paid"}], newest first; of one customer, or of
 * all (0). */
SLK_MUST_CHECK slk_err slk_invoice_list(json_t **ret_list, slk_db *db, int64_t customer_id,
                                        slk_error *error);

/* The document as it was signed. customer_id 0: anybody's. SLK_E_NOTFOUND also for another's. */
typedef struct slk_invoice {
    slk_buf document; /* JSON text */
    uint8_t signature[64]; /* over its SHA-256 */
    char key_id[SLK_SIGNING_ID_CHARS];
    int64_t customer_id, first_seq, last_seq;
} slk_invoice;
void slk_invoice_done(slk_invoice *invoice); /* idempotent; for SLK_CLEANUP */
SLK_MUST_CHECK slk_err slk_invoice_get(slk_invoice *ret_invoice, slk_db *db, int64_t customer_id,
                                       const char *number, slk_error *error);
/* Whether it is signed by one of the keys. */
bool slk_invoice_valid(const slk_invoice *invoice, const slk_ledger_keys *keys);

/* Its entries as CSV (RFC 4180; texts that a spreadsheet would take for a formula begin with '); and a page
 * to print, without a script or anything from elsewhere. Appended to out. */
SLK_MUST_CHECK slk_err slk_invoice_csv(slk_buf *out, slk_db *db, const slk_invoice *invoice,
                                       slk_error *error);
SLK_MUST_CHECK slk_err slk_invoice_page(slk_buf *out, const slk_invoice *invoice, slk_error *error);

#endif
