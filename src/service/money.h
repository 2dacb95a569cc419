/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Amounts of money: whole numbers of a currency's smallest unit, with a sign. There are no fractions
 * of it anywhere; where one would arise (slk_money_part), the header says which way it is rounded.
 *
 * A currency is FIL (smallest unit attoFIL, 10^-18) or three capital letters of ISO 4217 (smallest
 * unit a hundredth, but for those that have none or a thousandth). Amounts of two currencies never
 * meet: a customer has one. */
#ifndef SLK_SERVICE_MONEY_H
#define SLK_SERVICE_MONEY_H

#include "base/err.h"
#include "codec/bigint.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define SLK_CURRENCY_CHARS 4u /* three letters and NUL */
#define SLK_MONEY_CHARS (SLK_BIGINT_TEXT_CHARS + 1u) /* sign, digits, NUL */
#define SLK_MONEY_WORDS_CHARS 104u /* "-12.50 EUR" */

/* {0} is nothing; nothing is never negative. */
typedef struct slk_money {
    slk_bigint size;
    bool negative;
} slk_money;

typedef char slk_currency[SLK_CURRENCY_CHARS];

/* SLK_E_INVAL, with what is known, when it is no currency. */
SLK_MUST_CHECK slk_err slk_currency_parse(slk_currency ret, const char *text, slk_error *error);
/* Digits after the point: 18 for FIL. A currency that _parse took. */
unsigned slk_currency_decimals(const slk_currency currency);

bool slk_money_is_zero(const slk_money *a);
slk_money slk_money_minus(const slk_money *a);
int slk_money_cmp(const slk_money *a, const slk_money *b); /* <0, 0, >0 */
/* SLK_E_LIMIT past 256 bits, *ret untouched; ret may be an input. */
SLK_MUST_CHECK slk_err slk_money_add(slk_money *ret, const slk_money *a, const slk_money *b);
SLK_MUST_CHECK slk_err slk_money_sub(slk_money *ret, const slk_money *a, const slk_money *b);
SLK_MUST_CHECK slk_err slk_money_times(slk_money *ret, const slk_money *a, uint64_t factor);
/* a * part / whole (whole > 0), away from zero where it does not come out even: a credit is never
 * smaller than promised. */
SLK_MUST_CHECK slk_err slk_money_part(slk_money *ret, const slk_money *a, uint64_t part,
                                      uint64_t whole);

/* The smallest units as decimal digits, "-" before a negative one: the form of the database, of JSON
 * and of what is signed. One amount has one text: no "+", no "-0", no leading zeros. */
void slk_money_print(char out[SLK_MONEY_CHARS], const slk_money *a);
SLK_MUST_CHECK slk_err slk_money_parse(slk_money *ret, const char *text);

/* What people write: "12.5", "0.005", at most the currency's digits after the point. SLK_E_INVAL. */
SLK_MUST_CHECK slk_err slk_money_read(slk_money *ret, const char *text, const slk_currency currency,
                                      slk_error *error);
/* What people read: "12.50 EUR", "0.005 FIL" (FIL without zeros at the end). */
void slk_money_words(char out[SLK_MONEY_WORDS_CHARS], const slk_money *a,
                     const slk_currency currency);
/* The member of the object that is an amount, in those words; "" when it, or the currency, is none. */
void slk_money_words_in(char out[SLK_MONEY_WORDS_CHARS], const json_t *object, const char *field,
                        const char *currency);

#endif
