/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every command of the program: its help, its example, and what completes it. */
#include "app/commands.h"
#include "app/complete.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SCREEN_LINES 48
#define SCREEN_COLUMNS 110 /* more than 100 only where there are letters beyond ASCII */
#define LINE_CHARS 400
#define WORDS_MAX 32

typedef void check(const slk_command *command);

static void for_each(check *of)
{
    for (const slk_command *const *table = slk_command_tables; *table; table++)
        for (const slk_command *row = *table; row->name; row++)
            of(row);
}

/* ---- help ---- */

static void check_help(const slk_command *command)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 1 << 16);
    assert_int_equal(slk_command_help(&text, command), SLK_OK);
    unsigned lines = 0;
    for (const char *at = slk_buf_str(&text); *at; lines++) {
        const size_t n = strcspn(at, "\n");
        if (n > SCREEN_COLUMNS && strncmp(at, "  selkie ", 9) != 0) /* an example is to be copied */
            fail_msg("%s: a line of %zu columns: %.60s…", command->name, n, at);
        at += n + (at[n] != 0);
    }
    if (lines > SCREEN_LINES)
        fail_msg("help of `%s` has %u lines", command->name, lines);
    const size_t n = strlen(command->help);
    if (n == 0 || command->help[n - 1] != '.')
        fail_msg("help of `%s` is no sentence", command->name);
}

static void help_fits_one_screen(void **state)
{
    (void)state;
    for_each(check_help);
}

/* Splits at spaces; what a shell would take from or into files is left out, and what would be a
 * variable's value is 32 bytes in hexadecimal. */
static int split(char *text, char **words)
{
    static char variable[] = "0000000000000000000000000000000000000000000000000000000000000000";
    int n = 0;
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        if (n == 0 && strchr(word, '=')) /* a variable set for the command */
            continue;
        if (strcmp(word, "<") == 0 || strcmp(word, ">") == 0 || strcmp(word, "|") == 0)
            break;
        assert_true(n < WORDS_MAX);
        words[n++] = *word == '$' ? variable : word;
    }
    return n;
}

static void check_example(const slk_command *command)
{
    char text[LINE_CHARS];
    char *words[WORDS_MAX];
    size_t taken = 0;
    slk_options options;
    slk_error error = {0};
    if (!command->example)
        fail_msg("`%s` has no example", command->name);
    assert_true(strlen(command->example) < sizeof text);
    strcpy(text, command->example);
    text[strcspn(text, "\n")] = 0;
    const int n = split(text, words);
    if (n < 2 || strcmp(words[0], "selkie") != 0 ||
        slk_command_find(&taken, slk_command_tables, n - 1, words + 1) != command)
        fail_msg("the example of `%s` is of another command", command->name);
    if (slk_options_parse(&options, command->options, command->args_min, command->args_max,
                          n - 1 - (int)taken, words + 1 + taken, &error) != SLK_OK)
        fail_msg("the example of `%s`: %s", command->name, error.message);
}

static void examples_are_command_lines(void **state)
{
    (void)state;
    assert_int_equal(setenv("SELKIE_PATH", "/nowhere", 1), 0);
    for_each(check_example);
    assert_int_equal(unsetenv("SELKIE_PATH"), 0);
}

static void check_form(const slk_command *command)
{
    for (const slk_option *row = command->options; row && row->name; row++) {
        if (!row->help)
            continue;
        const size_t n = strlen(row->help);
        if (n == 0 || row->help[n - 1] == '.' || row->help[n - 1] == ' ')
            fail_msg("`%s` --%s: the help is one sentence without a full stop", command->name,
                     row->name);
        if (strcmp(row->name, "json") == 0 || strcmp(row->name, "help") == 0)
            fail_msg("`%s`: every command has --%s", command->name, row->name);
    }
    for (const slk_command *const *table = slk_command_tables; *table; table++)
        for (const slk_command *other = *table; other->name; other++)
            if (other != command && strcmp(other->name, command->name) == 0)
                fail_msg("two commands are called `%s`", command->name);
}

static void names_are_told_apart(void **state)
{
    (void)state;
    for_each(check_form);
}

/* ---- completion ---- */

static const char *const kinds[] = {[SLK_COMPLETE_PARTNER] = "partner-a",
                                    [SLK_COMPLETE_PROVIDER] = "provider-a",
                                    [SLK_COMPLETE_MINER] = "f01000",
                                    [SLK_COMPLETE_SECTOR] = "f01000/7"};

static slk_err stub_names(void *context, slk_buf *out, slk_complete_kind kind, const char *repo,
                          const char *begin)
{
    *(const char **)context = repo;
    return slk_complete_line(out, kinds[kind], "a name", begin);
}

/* The first words of the lines, with spaces between them. */
static void offered(char out[LINE_CHARS], const char **ret_repo, const char *typed)
{
    char text[LINE_CHARS];
    char *words[WORDS_MAX];
    SLK_CLEANUP(slk_buf_done) slk_buf lines;
    slk_buf_init(&lines, 1 << 16);
    strcpy(text, typed);
    int n = split(text, words);
    static char nothing[] = "";
    if (*typed == 0 || typed[strlen(typed) - 1] == ' ')
        words[n++] = nothing;
    assert_int_equal(
        slk_complete(&lines, slk_command_tables, n, words, stub_names, (void *)ret_repo), SLK_OK);
    *out = 0;
    for (const char *at = slk_buf_str(&lines); *at;) {
        const size_t word = strcspn(at, "\t");
        assert_true(strlen(out) + word + 2 < LINE_CHARS);
        strncat(out, at, word);
        strcat(out, " ");
        at += strcspn(at, "\n") + 1;
    }
}

static void what_is_next_is_offered(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *offered;
    } cases[] = {
        {"ver", "version "},
        {"partner ro", "rotate "},
        {"partner rotate ", "partner-a "},
        {"partner rotate part", "partner-a "},
        {"partner rotate x", ""},
        {"partner add ", ""},
        {"partner rotate --ov", "--overlap "},
        {"partner rotate --repo x --re", ""},
        {"provider test ", "provider-a "},
        {"miner set ", "f01000 "},
        {"sector retry 7 --from v", "verify "},
        {"sector show ", "f01000/7 "},
        {"sector show f01000/7 --mi", "--miner "},
        {"sector show 7 --miner ", "f01000 "},
        {"run --role ", "provider client both "},
        {"run --role = cl", "client "},
        {"run --role =", "provider client both "},
        {"run --config ", ""},
        {"log s", "set-level "},
        {"log set-level ", "debug info warn error "},
        {"log --level w", "warn "},
        {"completion ", "bash zsh fish "},
        {"help partner rot", "rotate "},
        {"nonsense ", ""},
        {"__", ""},
        {"version --j", "--json "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char got[LINE_CHARS];
        const char *repo = NULL;
        offered(got, &repo, cases[i].typed);
        if (strcmp(got, cases[i].offered) != 0)
            fail_msg("`%s` offers `%s`, want `%s`", cases[i].typed, got, cases[i].offered);
    }
}

static void the_repository_is_that_of_the_line(void **state)
{
    (void)state;
    static const char *const typed[] = {"partner rotate --repo /x ", "partner rotate --repo = /x "};
    for (size_t i = 0; i < 2; i++) {
        char got[LINE_CHARS];
        const char *repo = NULL;
        offered(got, &repo, typed[i]);
        assert_string_equal(got, "partner-a ");
        assert_non_null(repo);
    }
}

static void every_command_completes(const slk_command *command)
{
    char typed[LINE_CHARS], got[LINE_CHARS];
    const char *repo = NULL;
    if (strncmp(command->name, "__", 2) == 0)
        return;
    (void)strcpy(typed, command->name);
    offered(got, &repo, typed);
    const char *last = strrchr(command->name, ' ');
    if (!strstr(got, last ? last + 1 : command->name))
        fail_msg("`%s` is not offered: %s", command->name, got);
    (void)strcat(typed, " --hel");
    offered(got, &repo, typed);
    assert_string_equal(got, "--help ");
}

static void all_of_them_complete(void **state)
{
    (void)state;
    for_each(every_command_completes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_fits_one_screen),
        cmocka_unit_test(examples_are_command_lines),
        cmocka_unit_test(names_are_told_apart),
        cmocka_unit_test(what_is_next_is_offered),
        cmocka_unit_test(the_repository_is_that_of_the_line),
        cmocka_unit_test(all_of_them_complete),
    };
    return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
