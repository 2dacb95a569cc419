/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "codec/toml.h"

#include "base/buf.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static slk_toml *parse(const char *text)
{
    slk_toml *toml = NULL;
    slk_error e = {0};
    if (slk_toml_parse(&toml, text, strlen(text), "config.toml", &e) != SLK_OK)
        fail_msg("%s", e.message);
    return toml;
}

static void values_are_flat_and_typed(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_toml_freep)
    slk_toml *t = parse("listen = \"127.0.0.1:12310\" # here\n"
                        "[provider]\n"
                        "slots = 3\n"
                        "DelegateTLS = true\n"
                        "proofs = [8, 9]\n"
                        "ratio = 0.5\n"
                        "empty = []\n"
                        "[[partner]]\n"
                        "name = \"acme\"\n"
                        "[[partner]]\n"
                        "name = \"b\\u00e9\"\n");
    const char *text = NULL;
    assert_int_equal(slk_toml_text(t, "listen", &text, NULL), SLK_OK);
    assert_string_equal(text, "127.0.0.1:12310");
    int64_t n = -1;
    assert_int_equal(slk_toml_i64(t, "provider.slots", 1, 3, &n, NULL), SLK_OK);
    assert_int_equal(n, 3);
    assert_int_equal(slk_toml_i64(t, "provider.proofs[1]", 0, 20, &n, NULL), SLK_OK);
    assert_int_equal(n, 9);
    bool tls = false;
    assert_int_equal(slk_toml_bool(t, "provider.DelegateTLS", &tls, NULL), SLK_OK);
    assert_true(tls);
    assert_int_equal(slk_toml_text(t, "partner[1].name", &text, NULL), SLK_OK);
    assert_string_equal(text, "b\xc3\xa9");
    n = 77;
    assert_int_equal(slk_toml_i64(t, "provider.absent", 0, 1, &n, NULL), SLK_OK);
    assert_int_equal(n, 77);
    assert_int_equal(slk_toml_count(t), 8);
    assert_string_equal(slk_toml_at(t, 0)->key, "listen");
    assert_string_equal(slk_toml_at(t, 7)->key, "partner[1].name");
    assert_int_equal(slk_toml_find(t, "provider.slots")->line, 3);
    assert_int_equal(slk_toml_find(t, "provider.slots")->column, 9);
    assert_true(slk_toml_find(t, "provider.ratio")->real == 0.5);
}

static void wrong_types_name_the_place(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_toml_freep) slk_toml *t = parse("\n[a]\nn = 5\ns = \"x\"\nb = true\n");
    slk_error e = {0};
    const char *text;
    int64_t n;
    bool b;
    assert_int_equal(slk_toml_text(t, "a.n", &text, &e), SLK_E_INVAL);
    assert_string_equal(e.message, "config.toml:3:5: a.n must be a text in quotes");
    assert_int_equal(slk_toml_i64(t, "a.s", 0, 9, &n, &e), SLK_E_INVAL);
    assert_int_equal(slk_toml_i64(t, "a.n", 6, 9, &n, &e), SLK_E_INVAL);
    assert_string_equal(e.message, "config.toml:3:5: a.n must be from 6 to 9");
    assert_int_equal(slk_toml_i64(t, "a.n", 0, 4, &n, &e), SLK_E_INVAL);
    assert_int_equal(slk_toml_bool(t, "a.n", &b, &e), SLK_E_INVAL);
    assert_int_equal(slk_toml_i64(t, "a.b", 0, 4, &n, &e), SLK_E_INVAL);
}

static void bad_text_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *place;
    } cases[] = {
        {"a = 1\na = 2\n", "config.toml:2:"},
        {"a = \n", "config.toml:1:"},
        {"[a\n", "config.toml:1:"},
        {"a = \"x\n", "config.toml:1:"},
        {"a = 99999999999999999999\n", "config.toml:1:"},
        {"\n\nd = 2026-11-21\n", "config.toml:3:5: dates"},
        {"t = 10:00:00\n", "config.toml:1:5: dates"},
        {"\"a.b\" = 1\n", "config.toml:1:1: keys"},
        {"\"\" = 1\n", "config.toml:1:1: keys"},
        {"s = \"a\\u0000b\"\n", "config.toml:1:5: a text may not"},
        {"a = \xff\n", "config.toml:1:"},
        {"a = \"\xc0\x80\"\n", "config.toml:1:"},
        {"a.b = 1\na = 2\n", "config.toml:2:"},
        {"x", "config.toml:1:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slk_toml *t = NULL;
        slk_error e = {0};
        slk_err code = slk_toml_parse(&t, cases[i].text, strlen(cases[i].text), "config.toml", &e);
        assert_int_equal(code, SLK_E_INVAL);
        assert_null(t);
        if (strncmp(e.message, cases[i].place, strlen(cases[i].place)) != 0)
            fail_msg("case %zu: %s", i, e.message);
    }
    slk_toml *t = NULL;
    static char nested[3000];
    memset(nested, '[', sizeof nested - 1);
    memcpy(nested, "a = ", 4);
    assert_int_equal(slk_toml_parse(&t, nested, sizeof nested - 1, "x", NULL), SLK_E_INVAL);
    static char nul[] = "a = 1\0\n";
    assert_int_equal(slk_toml_parse(&t, nul, sizeof nul - 1, "x", NULL), SLK_E_INVAL);
    SLK_CLEANUP(slk_toml_freep) slk_toml *empty = parse("");
    assert_int_equal(slk_toml_count(empty), 0);
    SLK_CLEANUP(slk_buf_done) slk_buf big;
    slk_buf_init(&big, 3u << 20);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(slk_buf_printf(&big, "k%d = %d\n", i, i), SLK_OK);
    assert_int_equal(slk_toml_parse(&t, slk_buf_str(&big), big.len, "x", NULL), SLK_E_LIMIT);
    while (big.len <= 1u << 20)
        assert_int_equal(slk_buf_text(&big, "# filling up to a mebibyte\n"), SLK_OK);
    assert_int_equal(slk_toml_parse(&t, slk_buf_str(&big), big.len, "x", NULL), SLK_E_LIMIT);
}

static void unknown_keys_are_errors_with_advice(void **state)
{
    (void)state;
    static const char *const known[] = {"listen", "provider.slots", "partner[].name",
                                        "provider.proofs[]"};
    slk_error e = {0};
    SLK_CLEANUP(slk_toml_freep)
    slk_toml *good =
        parse("listen = \"x\"\n[provider]\nproofs = [1, 2]\n[[partner]]\nname = \"a\"\n");
    assert_int_equal(slk_toml_check_keys(good, known, 4, &e), SLK_OK);
    SLK_CLEANUP(slk_toml_freep) slk_toml *typo = parse("[provider]\nslot = 1\n");
    assert_int_equal(slk_toml_check_keys(typo, known, 4, &e), SLK_E_INVAL);
    assert_string_equal(
        e.message,
        "config.toml:2:8: there is no setting provider.slot; did you mean provider.slots?");
    SLK_CLEANUP(slk_toml_freep) slk_toml *far = parse("quite_different = 1\n");
    assert_int_equal(slk_toml_check_keys(far, known, 4, &e), SLK_E_INVAL);
    assert_string_equal(e.message, "config.toml:1:19: there is no setting quite_different");
    SLK_CLEANUP(slk_toml_freep) slk_toml *scalar = parse("[provider]\nproofs = 1\n");
    assert_int_equal(slk_toml_check_keys(scalar, known, 4, &e), SLK_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_flat_and_typed),
        cmocka_unit_test(wrong_types_name_the_place),
        cmocka_unit_test(bad_text_is_refused_with_its_line),
        cmocka_unit_test(unknown_keys_are_errors_with_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
