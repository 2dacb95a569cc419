/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a customer was charged, credited and has paid: an append-only account per customer that both
 * sides can check.
 *
 * Entries of a customer are numbered from 1 without holes. Each carries the balance after it, the hash
 * of the one before, its own hash, SHA-256 of the text below, and the signature of that hash (Ed25519,
 * net/signing.h) by a key of this service. So nobody can change, drop or insert an entry that the other
 * side has seen, and a customer sees nothing of any other.
 *
 *     selkie-ledger-1
 *     customer=7
 *     seq=3
 *     at=1767225600000
 *     kind=charge
 *     item=sector
 *     order=9b0c…-…
 *     sector=f01000/42
 *     quantity=1
 *     unit=1250
 *     amount=1250
 *     balance=3750
 *     currency=EUR
 *     reference=…
 *     note=…
 *     previous=<64 hex; zeros before the first>
 *
 * each line ended by a newline; order, sector and note may be empty. An amount above zero is owed to
 * the service, one below zero is in the customer's favour; amount = unit * quantity, always.
 *
 * A reference is given once per customer: posting the same again changes nothing, so a delivery that is
 * told twice, or a node that was killed after COMMIT, charges once. The posting belongs into the
 * transaction of what it bills. */
#ifndef SLK_SERVICE_LEDGER_H
#define SLK_SERVICE_LEDGER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/uuid.h"
#include "db/db.h"
#include "net/signing.h"
#include "service/money.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define SLK_LEDGER_REFERENCE_CHARS 128u
#define SLK_LEDGER_NOTE_CHARS 256u
#define SLK_LEDGER_HASH_BYTES 32u
/* The longest text of an entry. */
#define SLK_LEDGER_TEXT_MAX_BYTES 1536u

typedef enum slk_ledger_kind {
    SLK_LEDGER_CHARGE, /* for something delivered; never below zero */
    SLK_LEDGER_CREDIT, /* for something not as promised; never above zero */
    SLK_LEDGER_PAYMENT, /* came in; never above zero */
    SLK_LEDGER_REFUND, /* was paid back; never below zero */
    SLK_LEDGER_ADJUSTMENT, /* by the operator, with a note */
    SLK_LEDGER_KINDS,
} slk_ledger_kind;

typedef enum slk_ledger_item {
    SLK_ITEM_SECTOR, /* a sealed sector */
    SLK_ITEM_PROOF, /* its proof of replication */
    SLK_ITEM_RETENTION, /* a day that it was kept longer */
    SLK_ITEM_PUSH, /* its delivery to a place of the customer's */
    SLK_ITEM_LATE, /* a day that it came late */
    SLK_ITEM_FAILED, /* taken back: it was charged and turned out not to be good */
    SLK_ITEM_MONEY, /* of payments, refunds and adjustments */
    SLK_LEDGER_ITEMS,
} slk_ledger_item;

const char *slk_ledger_kind_name(slk_ledger_kind kind); /* "charge" */
const char *slk_ledger_item_name(slk_ledger_item item); /* "sector" */

/* What is to be written. Strings are borrowed, printable UTF-8 (slk_text_is_printable). */
typedef struct slk_ledger_posting {
    int64_t customer_id;
    int64_t at_ms;
    slk_ledger_kind kind;
    slk_ledger_item item;
    const char *order_id; /* "" none */
    bool has_sector;
    uint64_t sp_id, sector_number;
    uint64_t quantity; /* > 0 */
    slk_money unit; /* its sign is the amount's */
    const char *currency;
    const char *reference; /* not empty */
    const char *note; /* "" none */
} slk_ledger_posting;

typedef struct slk_ledger_entry {
    int64_t customer_id, seq, at_ms;
    slk_ledger_kind kind;
    slk_ledger_item item;
    char order_id[SLK_UUID_CHARS];
    bool has_sector;
    uint64_t sp_id, sector_number;
    uint64_t quantity;
    slk_money unit, amount, balance;
    slk_currency currency;
    char reference[SLK_LEDGER_REFERENCE_CHARS], note[SLK_LEDGER_NOTE_CHARS];
    uint8_t previous[32], hash[32], signature[64];
    char key_id[SLK_SIGNING_ID_CHARS];
} slk_ledger_entry;

/* Writes an entry, inside slk_db_tx (asserted). *ret_new: false when the reference was there with the
 * same content; *ret_entry is the one that stands. SLK_E_CONFLICT: the reference was used for another
 * content, or the currency is not that of the customer's earlier entries. SLK_E_INVAL: a text that
 * cannot stand in an entry, a sign that the kind does not have; SLK_E_LIMIT: amounts past 256 bits. */
SLK_MUST_CHECK slk_err slk_ledger_post(slk_ledger_entry *ret_entry, bool *ret_new, slk_db *db,
                                       const slk_signing_key *key,
                                       const slk_ledger_posting *posting, slk_error *error);

/* The same in a transaction of its own, of what bills nothing else. */
SLK_MUST_CHECK slk_err slk_ledger_post_alone(slk_ledger_entry *ret_entry, bool *ret_new, slk_db *db,
                                             const slk_signing_key *key,
                                             const slk_ledger_posting *posting, slk_error *error);

/* What the customer owes (below zero: has to its credit); nothing without entries. */
SLK_MUST_CHECK slk_err slk_ledger_balance(slk_money *ret_balance, slk_db *db, int64_t customer_id,
                                          slk_error *error);

/* Calls visit for the customer's entries with seq > after, in order, at most `most` of them. visit ends
 * the walk by an error, which is passed on; it must not use db. */
typedef slk_err slk_ledger_visit(void *context, const slk_ledger_entry *entry, slk_error *error);
SLK_MUST_CHECK slk_err slk_ledger_walk(slk_db *db, int64_t customer_id, int64_t after,
                                       uint64_t most, slk_ledger_visit *visit, void *context,
                                       slk_error *error);

/* ---- checking; needs no database, so a customer does it with what it was sent ---- */

/* Public keys that may have signed. Borrowed. */
typedef struct slk_ledger_keys {
    const uint8_t (*keys)[32];
    size_t n;
} slk_ledger_keys;

/* The text that is hashed, appended to out. */
SLK_MUST_CHECK slk_err slk_ledger_text(slk_buf *out, const slk_ledger_entry *entry);

/* Whether entry is whole and may stand after previous (NULL: as the first). SLK_E_CORRUPT with the
 * entry's number and what is wrong with it. */
SLK_MUST_CHECK slk_err slk_ledger_check(const slk_ledger_entry *previous,
                                        const slk_ledger_entry *entry, const slk_ledger_keys *keys,
                                        slk_error *error);

/* Walks all entries of a customer through slk_ledger_check: SLK_E_CORRUPT at the first that does not
 * hold. *ret_n entries were good. */
SLK_MUST_CHECK slk_err slk_ledger_check_all(uint64_t *ret_n, slk_db *db, int64_t customer_id,
                                            const slk_ledger_keys *keys, slk_error *error);

/* {"customer","seq","at_ms","kind","item","order","sector":{"sp_id","sector_number"}|null,"quantity",
 * "unit","amount","balance","currency","reference","note","previous","hash","signature","key"}; money as
 * decimal strings, bytes as hex. New reference. */
SLK_MUST_CHECK slk_err slk_ledger_to_json(json_t **ret, const slk_ledger_entry *entry,
                                          slk_error *error);
/* Any JSON may come in: SLK_E_INVAL. What it says is not believed before slk_ledger_check. */
SLK_MUST_CHECK slk_err slk_ledger_from_json(slk_ledger_entry *ret_entry, const json_t *value,
                                            slk_error *error);

#endif
