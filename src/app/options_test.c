/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/command.h"
#include "app/typo.h"
#include "app/options.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const slk_option table[] = {
    {"repo", SLK_OPTION_TEXT, .required = true, .env = "SLK_TEST_REPO", .help = "data folder"},
    {"miner", SLK_OPTION_MINER, .help = "miner"},
    {"count", SLK_OPTION_U64, .fallback = "1", .help = "how many"},
    {"delta", SLK_OPTION_I64, .help = "signed"},
    {"ticket", SLK_OPTION_HEX, .hex_bytes = 4, .help = "four bytes"},
    {"size", SLK_OPTION_SIZE, .help = "size"},
    {"epoch", SLK_OPTION_DURATION, .fallback = "30s", .help = "time"},
    {"dry-run", SLK_OPTION_FLAG, .help = "only say what would be done"},
    {"commit", SLK_OPTION_BOOL, .fallback = "true", .env = "SLK_TEST_COMMIT,SLK_TEST_OLD_COMMIT",
     .help = "switch"},
    {"swap", SLK_OPTION_BOOL, .help = "another"},
    {.name = NULL},
};

static slk_err parse(slk_options *ret, slk_error *error, unsigned args_max, const char *line)
{
    static char words[512];
    char *argv[32];
    int argc = 0;
    assert_true(strlen(line) < sizeof words);
    strcpy(words, line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    return slk_options_parse(ret, table, 0, args_max, argc, argv, error);
}

/* As in Lotus: a switch alone is on, `=false` turns off what is on without it. */
static void switches_have_values(void **state)
{
    (void)state;
    slk_options o;
    slk_error error = {0};
    assert_int_equal(parse(&o, &error, 0, "--repo /x"), SLK_OK);
    assert_true(slk_options_bool(&o, "commit"));
    assert_false(slk_options_bool(&o, "swap"));
    assert_int_equal(parse(&o, &error, 0, "--repo /x --commit=false --swap"), SLK_OK);
    assert_false(slk_options_bool(&o, "commit"));
    assert_true(slk_options_bool(&o, "swap"));
    assert_int_equal(parse(&o, &error, 0, "--repo /x --commit=no"), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "--commit wants true or false"));
    assert_int_equal(parse(&o, &error, 0, "--repo /x --commit false"), SLK_E_INVAL);
}

/* The older name of a variable counts where the newer is not set. */
static void variables_have_older_names(void **state)
{
    (void)state;
    slk_options o;
    slk_error error = {0};
    assert_int_equal(setenv("SLK_TEST_OLD_COMMIT", "false", 1), 0);
    assert_int_equal(parse(&o, &error, 0, "--repo /x"), SLK_OK);
    assert_false(slk_options_bool(&o, "commit"));
    assert_int_equal(setenv("SLK_TEST_COMMIT", "1", 1), 0);
    assert_int_equal(parse(&o, &error, 0, "--repo /x"), SLK_OK);
    assert_true(slk_options_bool(&o, "commit"));
    assert_int_equal(setenv("SLK_TEST_COMMIT", "maybe", 1), 0);
    assert_int_equal(parse(&o, &error, 0, "--repo /x"), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "variable SLK_TEST_COMMIT wants"));
    assert_int_equal(unsetenv("SLK_TEST_COMMIT"), 0);
    assert_int_equal(unsetenv("SLK_TEST_OLD_COMMIT"), 0);
}

static void values_are_typed(void **state)
{
    (void)state;
    slk_options o;
    slk_error error = {0};
    assert_int_equal(parse(&o, &error, 2,
                           "a --repo /x --miner=t01000 --delta -5 --ticket 00ff10Ab --size 8MiB "
                           "--dry-run --json - "),
                     SLK_OK);
    assert_string_equal(slk_options_text(&o, "repo"), "/x");
    assert_int_equal(slk_options_u64(&o, "miner"), 1000);
    assert_int_equal(slk_options_u64(&o, "count"), 1);
    assert_int_equal(slk_options_i64(&o, "delta"), -5);
    assert_int_equal(slk_options_u64(&o, "size"), 8 << 20);
    assert_int_equal(slk_options_u64(&o, "epoch"), 30000);
    assert_true(slk_options_flag(&o, "dry-run"));
    assert_true(o.json);
    uint8_t ticket[4];
    assert_true(slk_options_hex(&o, "ticket", ticket));
    assert_memory_equal(ticket, "\x00\xff\x10\xab", 4);
    assert_int_equal(o.n_args, 2);
    assert_string_equal(o.args[1], "-");
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"", "option --repo is required, or environment variable SLK_TEST_REPO"},
        {"--repo", "option --repo needs a value"},
        {"--repo=", "option --repo wants a text that is not empty"},
        {"--repo x --repo y", "option --repo is given twice"},
        {"--repo x --nope 1", "unknown option --nope; --help lists the options"},
        {"--repo x --rep 1", "unknown option --rep; did you mean --repo?"},
        {"--repo x --json=1", "unknown option --json; --help lists the options"},
        {"--repo x -r", "unknown option -r; options start with --"},
        {"--repo x --dry-run=1", "option --dry-run takes no value"},
        {"--repo x --count -1", "option --count wants a whole number from 0"},
        {"--repo x --count 1x", "option --count wants a whole number from 0"},
        {"--repo x --miner f1abc", "option --miner wants a miner's id address such as f01000"},
        {"--repo x --miner f0-5", "option --miner wants a miner's id address such as f01000"},
        {"--repo x --ticket 00ff10", "option --ticket wants exactly 8 hexadecimal digits"},
        {"--repo x --size 8MB", "option --size wants a size such as 2KiB, 8MiB or 32GiB"},
        {"--repo x --size 99999999999TiB",
         "option --size wants a size such as 2KiB, 8MiB or 32GiB"},
        {"--repo x --epoch 0s", "option --epoch wants a time such as 200ms, 30s or 5m"},
        {"--repo x --epoch 5", "option --epoch wants a time such as 200ms, 30s or 5m"},
        {"--repo x a b", "unexpected argument; this command takes fewer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slk_options o;
        slk_error error = {0};
        assert_int_equal(parse(&o, &error, 1, cases[i].line), SLK_E_INVAL);
        assert_string_equal(error.message, cases[i].message);
    }
}

static void environment_comes_before_fallback(void **state)
{
    (void)state;
    slk_options o;
    slk_error error = {0};
    assert_int_equal(setenv("SLK_TEST_REPO", "/env", 1), 0);
    assert_int_equal(parse(&o, &error, 0, ""), SLK_OK);
    assert_string_equal(slk_options_text(&o, "repo"), "/env");
    assert_int_equal(parse(&o, &error, 0, "--repo /line"), SLK_OK);
    assert_string_equal(slk_options_text(&o, "repo"), "/line");
    assert_int_equal(unsetenv("SLK_TEST_REPO"), 0);
}

static int run_nothing(const slk_command *command, const slk_options *options)
{
    (void)command;
    (void)options;
    return 7;
}

static void commands_are_found_by_their_longest_name(void **state)
{
    (void)state;
    static const slk_command group[] = {
        {.name = "proof", .help = "A."},
        {.name = "proof pc1", .help = "B.", .options = table, .run = run_nothing},
        {.name = NULL},
    };
    static const slk_command *const tables[] = {group, NULL};
    size_t words = 0;
    char *two[] = {"proof", "pc1", "--repo", "x"};
    assert_ptr_equal(slk_command_find(&words, tables, 4, two), &group[1]);
    assert_int_equal(words, 2);
    char *one[] = {"proof", "pc11"};
    assert_ptr_equal(slk_command_find(&words, tables, 2, one), &group[0]);
    assert_int_equal(words, 1);
    char *none[] = {"pro"};
    assert_null(slk_command_find(&words, tables, 1, none));
    assert_int_equal(slk_command_run(&group[1], 2, two + 2), 7);
}

static void typing_mistakes_are_recognized(void **state)
{
    (void)state;
    assert_int_equal(slk_typo_distance("order", "odrer"), 1);
    assert_int_equal(slk_typo_distance("", "abc"), 3);
    assert_int_equal(slk_typo_distance("kitten", "sitting"), 3);
    assert_int_equal(slk_typo_distance("ca", "abc"), 3);
    static const slk_command group[] = {
        {.name = "order", .help = "A."}, {.name = "partner add", .help = "B."}, {.name = NULL}};
    static const slk_command *const tables[] = {group, NULL};
    char *order[] = {"odrer", "--repo", "x"};
    char *partner[] = {"partnr", "add", "me"};
    char *far[] = {"zzz"};
    assert_string_equal(slk_command_nearest(tables, 3, order), "order");
    assert_string_equal(slk_command_nearest(tables, 3, partner), "partner add");
    assert_null(slk_command_nearest(tables, 1, far));
    char huge[200];
    memset(huge, 'a', sizeof huge - 1);
    huge[sizeof huge - 1] = 0;
    char *too_long[] = {huge};
    assert_null(slk_command_nearest(tables, 1, too_long));
}

static void help_shows_every_row(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 4096);
    const slk_command command = {.name = "x y",
                                 .args = "FILE",
                                 .help = "Does.",
                                 .example = "selkie x y f",
                                 .options = table};
    assert_int_equal(slk_command_help(&text, &command), SLK_OK);
    assert_non_null(strstr(slk_buf_str(&text), "usage: selkie x y FILE [options]"));
    for (const slk_option *row = table; row->name; row++)
        assert_non_null(strstr(slk_buf_str(&text), row->name));
    assert_non_null(strstr(slk_buf_str(&text), "(required) [SLK_TEST_REPO]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_typed),
        cmocka_unit_test(switches_have_values),
        cmocka_unit_test(variables_have_older_names),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(environment_comes_before_fallback),
        cmocka_unit_test(commands_are_found_by_their_longest_name),
        cmocka_unit_test(typing_mistakes_are_recognized),
        cmocka_unit_test(help_shows_every_row),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
