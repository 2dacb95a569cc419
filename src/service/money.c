/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/money.h"

#include "base/mem.h"
#include "codec/json.h"
#include "service/service_impl.h"

#include <stdio.h>
#include <string.h>

#define USUAL_DECIMALS 2u
#define FIL_DECIMALS 18u

/* source: ISO 4217:2015 table A.1, currencies whose minor unit is not a hundredth */
static const struct {
    char name[SLK_CURRENCY_CHARS];
    unsigned decimals;
} unusual[] = {
    {"FIL", FIL_DECIMALS},
    {"BIF", 0},
    {"CLP", 0},
    {"DJF", 0},
    {"GNF", 0},
    {"ISK", 0},
    {"JPY", 0},
    {"KMF", 0},
    {"KRW", 0},
    {"PYG", 0},
    {"RWF", 0},
    {"UGX", 0},
    {"VND", 0},
    {"VUV", 0},
    {"XAF", 0},
    {"XOF", 0},
    {"XPF", 0},
    {"BHD", 3},
    {"IQD", 3},
    {"JOD", 3},
    {"KWD", 3},
    {"LYD", 3},
    {"OMR", 3},
    {"TND", 3},
};

slk_err slk_currency_parse(slk_currency ret, const char *text, slk_error *error)
{
    static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const size_t n = SLK_CURRENCY_CHARS - 1;
    if (strlen(text) != n || strspn(text, capitals) != n)
        return slk_fail(error, SLK_E_INVAL,
                        "a currency is FIL or three capital letters, such as EUR or USD");
    memcpy(ret, text, SLK_CURRENCY_CHARS);
    return SLK_OK;
}

unsigned slk_currency_decimals(const slk_currency currency)
{
    for (size_t i = 0; i < sizeof unusual / sizeof *unusual; i++)
        if (strcmp(unusual[i].name, currency) == 0)
            return unusual[i].decimals;
    return USUAL_DECIMALS;
}

bool slk_money_is_zero(const slk_money *a)
{
    return slk_bigint_is_zero(&a->size);
}

slk_money slk_money_minus(const slk_money *a)
{
    return (slk_money){a->size, !a->negative && !slk_money_is_zero(a)};
}

int slk_money_cmp(const slk_money *a, const slk_money *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    const int size = slk_bigint_cmp(&a->size, &b->size);
    return a->negative ? -size : size;
}

slk_err slk_money_add(slk_money *ret, const slk_money *a, const slk_money *b)
{
    slk_money sum = {.negative = a->negative};
    if (a->negative == b->negative) {
        SLK_TRY(slk_bigint_add(&sum.size, &a->size, &b->size));
    } else if (slk_bigint_cmp(&a->size, &b->size) >= 0) {
        SLK_TRY(slk_bigint_sub(&sum.size, &a->size, &b->size));
    } else {
        SLK_TRY(slk_bigint_sub(&sum.size, &b->size, &a->size));
        sum.negative = b->negative;
    }
    sum.negative = sum.negative && !slk_money_is_zero(&sum);
    *ret = sum;
    return SLK_OK;
}

slk_err slk_money_sub(slk_money *ret, const slk_money *a, const slk_money *b)
{
    const slk_money minus = slk_money_minus(b);
    return slk_money_add(ret, a, &minus);
}

slk_err slk_money_times(slk_money *ret, const slk_money *a, uint64_t factor)
{
    slk_money product = *a;
    SLK_TRY(slk_bigint_mul_u64(&product.size, &a->size, factor));
    product.negative = a->negative && !slk_money_is_zero(&product);
    *ret = product;
    return SLK_OK;
}

slk_err slk_money_part(slk_money *ret, const slk_money *a, uint64_t part, uint64_t whole)
{
    slk_money product;
    slk_bigint back;
    slk_assert(whole > 0);
    SLK_TRY(slk_money_times(&product, a, part));
    slk_bigint quotient = slk_bigint_div_u64(&product.size, whole);
    SLK_TRY(slk_bigint_mul_u64(&back, &quotient, whole));
    if (slk_bigint_cmp(&back, &product.size) != 0) {
        const slk_bigint one = slk_bigint_from_u64(1);
        SLK_TRY(slk_bigint_add(&quotient, &quotient, &one));
    }
    *ret = (slk_money){quotient, product.negative};
    return SLK_OK;
}

void slk_money_print(char out[SLK_MONEY_CHARS], const slk_money *a)
{
    *out = '-';
    slk_bigint_print(out + a->negative, &a->size);
}

slk_err slk_money_parse(slk_money *ret, const char *text)
{
    slk_money value = {.negative = *text == '-'};
    const char *digits = text + value.negative;
    if (*digits == '0' && (digits[1] || value.negative))
        return SLK_E_INVAL;
    SLK_TRY(slk_bigint_parse(&value.size, digits));
    *ret = value;
    return SLK_OK;
}

slk_err slk_money_read(slk_money *ret, const char *text, const slk_currency currency,
                       slk_error *error)
{
    static const char decimal[] = "0123456789";
    char digits[SLK_MONEY_CHARS];
    const bool negative = *text == '-';
    const char *whole = text + negative;
    const size_t n_whole = strspn(whole, decimal);
    const bool point = whole[n_whole] == '.';
    const char *part = whole + n_whole + point;
    const size_t n_part = strspn(part, decimal);
    const size_t decimals = slk_currency_decimals(currency);
    slk_money value = {.negative = negative};
    if (n_whole == 0 || part[n_part] || (point && n_part == 0))
        return slk_fail(error, SLK_E_INVAL, "an amount is digits with at most one point, as 12.5");
    if (n_part > decimals)
        return slk_fail(error, SLK_E_INVAL, "%s has %zu digits after the point at most", currency,
                        decimals);
    if (n_whole + decimals >= sizeof digits)
        return slk_fail(error, SLK_E_INVAL, "the amount is too large");
    memset(digits, '0', sizeof digits);
    memcpy(digits, whole, n_whole);
    memcpy(digits + n_whole, part, n_part);
    digits[n_whole + decimals] = 0;
    if (slk_bigint_parse(&value.size, digits) != SLK_OK)
        return slk_fail(error, SLK_E_INVAL, "the amount is too large");
    value.negative = negative && !slk_money_is_zero(&value);
    *ret = value;
    return SLK_OK;
}

void slk_money_words(char out[SLK_MONEY_WORDS_CHARS], const slk_money *a,
                     const slk_currency currency)
{
    char digits[SLK_BIGINT_TEXT_CHARS], part[FIL_DECIMALS + 2] = "";
    const size_t decimals = slk_currency_decimals(currency);
    slk_bigint_print(digits, &a->size);
    const size_t n = strlen(digits);
    const size_t n_whole = n > decimals ? n - decimals : 0;
    if (decimals > 0) {
        memset(part, '0', decimals + 1);
        *part = '.';
        memcpy(part + 1 + (decimals - (n - n_whole)), digits + n_whole, n - n_whole);
    }
    if (decimals == FIL_DECIMALS) {
        size_t end = decimals + 1;
        while (part[end - 1] == '0')
            end--;
        part[end == 1 ? 0 : end] = 0;
    }
    (void)snprintf(out, SLK_MONEY_WORDS_CHARS, "%s%.*s%s %s", a->negative ? "-" : "",
                   n_whole ? (int)n_whole : 1, n_whole ? digits : "0", part, currency);
}

slk_err slk_json_money(slk_money *ret, const json_t *object, const char *field, slk_error *error)
{
    const char *text;
    SLK_TRY(slk_json_string(&text, object, field, error));
    if (slk_money_parse(ret, text) != SLK_OK)
        return slk_fail(error, SLK_E_INVAL,
                        "%s: not an amount (digits of the smallest unit, in quotes)", field);
    return SLK_OK;
}

json_t *slk_json_new_money(const slk_money *money)
{
    char text[SLK_MONEY_CHARS];
    slk_money_print(text, money);
    return json_string(text);
}

void slk_money_words_in(char out[SLK_MONEY_WORDS_CHARS], const json_t *object, const char *field,
                        const char *currency)
{
    const char *text = json_string_value(json_object_get(object, field));
    slk_currency known;
    slk_money money;
    *out = 0;
    if (text && slk_currency_parse(known, currency, NULL) == SLK_OK &&
        slk_money_parse(&money, text) == SLK_OK)
        slk_money_words(out, &money, known);
}

slk_err slk_money_sum_rows(slk_money *sum, slk_db *db, const slk_sql *sql, const slk_arg *args,
                           size_t n, slk_error *error)
{
    slk_money all = *sum;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, sql, args, n, error));
    for (;;) {
        slk_money amount;
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        const char *text = slk_column_text(&q, 0);
        if (!text || slk_money_parse(&amount, text) != SLK_OK ||
            slk_money_add(&all, &all, &amount) != SLK_OK)
            return slk_fail(error, SLK_E_CORRUPT, "an amount in the database cannot be read");
    }
    *sum = all;
    return SLK_OK;
}
