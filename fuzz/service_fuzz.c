/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What one side of the service reads of the other: offers (first byte 'o'), terms ('t'), entries of a ledger
 * ('l'), amounts (any other). What is read prints to what reads to the same. */
#include "fuzz.h"

#include "base/mem.h"
#include "codec/json.h"
#include "service/terms.h"

#include <string.h>

#define MAX_BYTES ((size_t)16 << 10)

static void same(json_t *first, json_t *second)
{
    slk_assert(json_equal(first, second));
    json_decref(first);
    json_decref(second);
}

static void check_offer(json_t *value)
{
    slk_offer offer, again;
    json_t *first = NULL, *second = NULL;
    if (slk_offer_from_json(&offer, value, NULL) != SLK_OK)
        return;
    slk_assert(slk_offer_to_json(&first, &offer, NULL) == SLK_OK);
    (void)json_object_del(first, "version");
    slk_assert(slk_offer_from_json(&again, first, NULL) == SLK_OK);
    slk_assert(slk_offer_to_json(&second, &again, NULL) == SLK_OK);
    (void)json_object_del(second, "version");
    same(first, second);
    const slk_order_wish wish = {SLK_ORDER_CC, offer.seal_proofs[0], offer.most, true, false, 9};
    slk_price price;
    slk_error error = {0};
    const slk_err code = slk_offer_price(&price, &offer, &wish, &error);
    slk_assert(code == SLK_OK || *error.message);
}

static void check_terms(json_t *value)
{
    slk_terms terms, again;
    slk_charge charges[SLK_CHARGES_MAX];
    json_t *first = NULL, *second = NULL;
    if (slk_terms_from_json(&terms, value, NULL) != SLK_OK)
        return;
    slk_assert(slk_terms_to_json(&first, &terms, NULL) == SLK_OK);
    slk_assert(slk_terms_from_json(&again, first, NULL) == SLK_OK);
    slk_assert(slk_terms_to_json(&second, &again, NULL) == SLK_OK);
    same(first, second);
    const size_t n = slk_terms_charges(charges, &terms, 0, INT64_MAX);
    slk_assert(n >= 1 && n <= SLK_CHARGES_MAX);
}

static void check_entry(json_t *value)
{
    slk_ledger_entry entry, again;
    const slk_ledger_keys keys = {NULL, 0};
    json_t *first = NULL, *second = NULL;
    if (slk_ledger_from_json(&entry, value, NULL) != SLK_OK)
        return;
    slk_assert(slk_ledger_to_json(&first, &entry, NULL) == SLK_OK);
    slk_assert(slk_ledger_from_json(&again, first, NULL) == SLK_OK);
    slk_assert(slk_ledger_to_json(&second, &again, NULL) == SLK_OK);
    same(first, second);
    slk_assert(slk_ledger_check(NULL, &entry, &keys, NULL) != SLK_OK); /* nobody signed it */
}

static void check_amount(const char *text)
{
    slk_money money, again;
    char printed[SLK_MONEY_CHARS], words[SLK_MONEY_WORDS_CHARS];
    if (slk_money_parse(&money, text) == SLK_OK) {
        slk_money_print(printed, &money);
        slk_assert(strcmp(printed, text) == 0);
    }
    if (slk_money_read(&money, text, "FIL", NULL) == SLK_OK) {
        slk_money_words(words, &money, "FIL");
        *strchr(words, ' ') = 0;
        slk_assert(slk_money_read(&again, words, "FIL", NULL) == SLK_OK);
        slk_assert(slk_money_cmp(&money, &again) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    if (n == 0)
        return 0;
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data + 1, n - 1);
    if (strchr("otl", data[0]) == NULL) {
        check_amount(text);
        return 0;
    }
    if (slk_json_parse(&value, data + 1, n - 1, MAX_BYTES, NULL) != SLK_OK)
        return 0;
    if (data[0] == 'o')
        check_offer(value);
    else if (data[0] == 't')
        check_terms(value);
    else
        check_entry(value);
    return 0;
}
