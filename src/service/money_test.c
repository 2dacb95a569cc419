/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "service/money.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static slk_money of(const char *text)
{
    slk_money money = {0};
    assert_int_equal(slk_money_parse(&money, text), SLK_OK);
    return money;
}

static void is(const slk_money *money, const char *text)
{
    char out[SLK_MONEY_CHARS];
    slk_money_print(out, money);
    assert_string_equal(out, text);
}

static void test_text(void **state)
{
    (void)state;
    static const char *const good[] = {"0", "1", "-1", "1000000000000000000", "-42"};
    static const char *const bad[] = {"",    "-",  "+1", "-0",  "00", "01",
                                      "-01", " 1", "1 ", "1.0", "1e3"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const slk_money money = of(good[i]);
        is(&money, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        slk_money money = {.negative = true};
        assert_int_not_equal(slk_money_parse(&money, bad[i]), SLK_OK);
        assert_true(money.negative);
    }
}

/* Against the machine's own integers. */
static void test_sums(void **state)
{
    (void)state;
    static const int64_t values[] = {0, 1, -1, 2, -2, 99, -100, 1000000007, -1000000009};
    const size_t n = sizeof values / sizeof *values;
    for (size_t i = 0; i < n * n; i++) {
        char text[32];
        const int64_t x = values[i / n], y = values[i % n];
        (void)snprintf(text, sizeof text, "%lld", (long long)x);
        const slk_money a = of(text);
        (void)snprintf(text, sizeof text, "%lld", (long long)y);
        const slk_money b = of(text);
        slk_money result;
        assert_int_equal(slk_money_add(&result, &a, &b), SLK_OK);
        (void)snprintf(text, sizeof text, "%lld", (long long)(x + y));
        is(&result, text);
        assert_int_equal(slk_money_sub(&result, &a, &b), SLK_OK);
        (void)snprintf(text, sizeof text, "%lld", (long long)(x - y));
        is(&result, text);
        assert_int_equal((slk_money_cmp(&a, &b) > 0) - (slk_money_cmp(&a, &b) < 0),
                         (x > y) - (x < y));
    }
}

static void test_products(void **state)
{
    (void)state;
    static const struct {
        const char *amount;
        uint64_t part, whole;
        const char *want;
    } cases[] = {
        {"100", 1, 3, "34"},  {"-100", 1, 3, "-34"}, {"100", 1, 4, "25"}, {"-100", 1, 4, "-25"},
        {"1", 1, 10000, "1"}, {"0", 7, 9, "0"},      {"5", 0, 9, "0"},    {"-5", 0, 9, "0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slk_money result = of(cases[i].amount);
        assert_int_equal(slk_money_part(&result, &result, cases[i].part, cases[i].whole), SLK_OK);
        is(&result, cases[i].want);
    }
    const slk_money huge = {{{0, 0, 0, UINT64_C(1) << 63}}, false};
    slk_money result = of("7");
    assert_int_equal(slk_money_times(&result, &huge, 2), SLK_E_LIMIT);
    assert_int_equal(slk_money_add(&result, &huge, &huge), SLK_E_LIMIT);
    is(&result, "7");
    const slk_money minus = slk_money_minus(&huge);
    assert_int_equal(slk_money_add(&result, &huge, &minus), SLK_OK);
    is(&result, "0");
}

static void test_people(void **state)
{
    (void)state;
    static const struct {
        const char *currency, *text, *units, *words;
    } cases[] = {
        {"EUR", "12.5", "1250", "12.50 EUR"},
        {"EUR", "0.07", "7", "0.07 EUR"},
        {"EUR", "-3", "-300", "-3.00 EUR"},
        {"JPY", "500", "500", "500 JPY"},
        {"KWD", "1.005", "1005", "1.005 KWD"},
        {"FIL", "0.005", "5000000000000000", "0.005 FIL"},
        {"FIL", "2", "2000000000000000000", "2 FIL"},
        {"FIL", "-10.000000000000000001", "-10000000000000000001", "-10.000000000000000001 FIL"},
        {"FIL", "0", "0", "0 FIL"},
        {"USD", "-0", "0", "0.00 USD"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slk_currency currency;
        slk_money money = {0};
        char words[SLK_MONEY_WORDS_CHARS];
        assert_int_equal(slk_currency_parse(currency, cases[i].currency, NULL), SLK_OK);
        assert_int_equal(slk_money_read(&money, cases[i].text, currency, NULL), SLK_OK);
        is(&money, cases[i].units);
        slk_money_words(words, &money, currency);
        assert_string_equal(words, cases[i].words);
    }
    static const char *const bad[] = {
        "",
        ".",
        "1.",
        ".5",
        "1.234",
        "1,5",
        "+1",
        "1 EUR",
        "--1",
        "1.2.3",
        "abc",
        "99999999999999999999999999999999999999999999999999999999999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        slk_money money = {0};
        slk_error error = {0};
        assert_int_equal(slk_money_read(&money, bad[i], "EUR", &error), SLK_E_INVAL);
        assert_true(*error.message);
    }
    static const char *const currencies[] = {"", "eur", "EURO", "E1R", "FI"};
    for (size_t i = 0; i < sizeof currencies / sizeof *currencies; i++) {
        slk_currency currency;
        assert_int_equal(slk_currency_parse(currency, currencies[i], NULL), SLK_E_INVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
