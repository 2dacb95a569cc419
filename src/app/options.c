/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/options.h"

#include "app/typo.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX_BYTES_MAX 64u

struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
    {"", 1},
};
static const struct unit duration_units[] = {
    {"ms", 1},
    {"s", 1000},
    {"m", 60 * 1000},
    {"h", 60 * 60 * 1000},
};

static const char *const value_words[SLK_OPTION_TYPE_COUNT] = {
    [SLK_OPTION_FLAG] = "",     [SLK_OPTION_TEXT] = "TEXT",     [SLK_OPTION_U64] = "N",
    [SLK_OPTION_I64] = "N",     [SLK_OPTION_HEX] = "HEX",       [SLK_OPTION_MINER] = "f0ID",
    [SLK_OPTION_SIZE] = "SIZE", [SLK_OPTION_DURATION] = "TIME", [SLK_OPTION_BOOL] = "",
};

static slk_err parse_units(uint64_t *ret, const char *text, const struct unit *units,
                           size_t n_units)
{
    const size_t digits = strspn(text, "0123456789");
    char number[24];
    if (digits == 0 || digits >= sizeof number)
        return SLK_E_INVAL;
    memcpy(number, text, digits);
    number[digits] = 0;
    for (size_t i = 0; i < n_units; i++) {
        if (strcmp(text + digits, units[i].suffix) != 0)
            continue;
        uint64_t count;
        SLK_TRY(slk_parse_u64(&count, number));
        return slk_mul_u64(ret, count, units[i].factor);
    }
    return SLK_E_INVAL;
}

slk_err slk_parse_size(uint64_t *ret_bytes, const char *text)
{
    return parse_units(ret_bytes, text, size_units, sizeof size_units / sizeof *size_units);
}

slk_err slk_parse_duration(uint64_t *ret_ms, const char *text)
{
    uint64_t ms;
    SLK_TRY(parse_units(&ms, text, duration_units, sizeof duration_units / sizeof *duration_units));
    if (ms == 0)
        return SLK_E_INVAL;
    *ret_ms = ms;
    return SLK_OK;
}

slk_err slk_parse_miner(uint64_t *ret_id, const char *text)
{
    if ((text[0] == 'f' || text[0] == 't') && text[1] == '0')
        text += 2;
    if (text[0] < '0' || text[0] > '9')
        return SLK_E_INVAL;
    uint64_t id;
    SLK_TRY(slk_parse_u64(&id, text));
    if (id > INT64_MAX)
        return SLK_E_LIMIT;
    *ret_id = id;
    return SLK_OK;
}

static slk_err parse_bool(uint64_t *ret, const char *text)
{
    const bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
        return SLK_E_INVAL;
    *ret = yes;
    return SLK_OK;
}

/* Fills number[row] for the numeric types and checks the form of the others. */
static slk_err read_value(uint64_t *ret_number, const slk_option *row, const char *text)
{
    uint8_t bytes[HEX_BYTES_MAX];
    int64_t i = 0;
    switch (row->type) {
    case SLK_OPTION_FLAG:
        return SLK_OK;
    case SLK_OPTION_BOOL:
        return parse_bool(ret_number, text);
    case SLK_OPTION_TEXT:
        return *text ? SLK_OK : SLK_E_INVAL;
    case SLK_OPTION_U64:
        return slk_parse_u64(ret_number, text);
    case SLK_OPTION_I64:
        SLK_TRY(slk_parse_i64(&i, text));
        *ret_number = (uint64_t)i;
        return SLK_OK;
    case SLK_OPTION_HEX:
        slk_assert(row->hex_bytes > 0 && row->hex_bytes <= HEX_BYTES_MAX);
        return slk_hex_decode(bytes, row->hex_bytes, text) ? SLK_OK : SLK_E_INVAL;
    case SLK_OPTION_MINER:
        return slk_parse_miner(ret_number, text);
    case SLK_OPTION_SIZE:
        return slk_parse_size(ret_number, text);
    case SLK_OPTION_DURATION:
        return slk_parse_duration(ret_number, text);
    case SLK_OPTION_TYPE_COUNT:
        break;
    }
    slk_assert(!"known option type");
    return SLK_E_INTERNAL;
}

/* The form asked for, as the end of an error sentence. The value itself is not repeated: it might
 * be a secret. */
static slk_err refuse_value(const slk_option *row, const char *source, slk_error *error)
{
    static const char *const forms[SLK_OPTION_TYPE_COUNT] = {
        [SLK_OPTION_FLAG] = "no value",
        [SLK_OPTION_BOOL] = "true or false",
        [SLK_OPTION_TEXT] = "a text that is not empty",
        [SLK_OPTION_U64] = "a whole number from 0",
        [SLK_OPTION_I64] = "a whole number",
        [SLK_OPTION_HEX] = "hexadecimal digits",
        [SLK_OPTION_MINER] = "a miner's id address such as f01000",
        [SLK_OPTION_SIZE] = "a size such as 2KiB, 8MiB or 32GiB",
        [SLK_OPTION_DURATION] = "a time such as 200ms, 30s or 5m",
    };
    if (row->type == SLK_OPTION_HEX)
        return slk_fail(error, SLK_E_INVAL, "%s wants exactly %u hexadecimal digits", source,
                        2 * row->hex_bytes);
    return slk_fail(error, SLK_E_INVAL, "%s wants %s", source, forms[row->type]);
}

static slk_err set_value(slk_options *options, size_t row_index, const char *text,
                         const char *source, slk_error *error)
{
    const slk_option *row = &options->table[row_index];
    if (read_value(&options->number[row_index], row, text) != SLK_OK)
        return refuse_value(row, source, error);
    options->text[row_index] = text;
    return SLK_OK;
}

static bool find_row(size_t *ret_index, const slk_option *table, const char *name, size_t name_len)
{
    for (size_t i = 0; table && table[i].name; i++) {
        slk_assert(i < SLK_OPTIONS_MAX);
        if (strncmp(table[i].name, name, name_len) == 0 && table[i].name[name_len] == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* One `--…` word; *at moves past a value that is a word of its own. */
static slk_err unknown_option(const slk_option *table, const char *source, slk_error *error)
{
    const char *name = source + strlen("option --");
    for (; table && table->name; table++)
        if (slk_typo_near(name, table->name))
            return slk_fail(error, SLK_E_INVAL, "unknown %s; did you mean --%s?", source,
                            table->name);
    if (slk_typo_near(name, "help"))
        return slk_fail(error, SLK_E_INVAL, "unknown %s; did you mean --help?", source);
    return slk_fail(error, SLK_E_INVAL, "unknown %s; --help lists the options", source);
}

static slk_err take_option(slk_options *options, int *at, int argc, char *const *argv,
                           slk_error *error)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    const size_t name_len = equals ? (size_t)(equals - name) : strlen(name);
    char source[64];
    (void)snprintf(source, sizeof source, "option --%.*s", (int)slk_min_u64(name_len, 40), name);
    if (!equals && strcmp(name, "json") == 0) {
        options->json = true;
        return SLK_OK;
    }
    size_t row;
    if (!find_row(&row, options->table, name, name_len))
        return unknown_option(options->table, source, error);
    if (options->text[row])
        return slk_fail(error, SLK_E_INVAL, "%s is given twice", source);
    if (options->table[row].type == SLK_OPTION_FLAG) {
        if (equals)
            return slk_fail(error, SLK_E_INVAL, "%s takes no value", source);
        options->text[row] = "";
        return SLK_OK;
    }
    if (equals)
        return set_value(options, row, equals + 1, source, error);
    if (options->table[row].type == SLK_OPTION_BOOL)
        return set_value(options, row, "true", source, error);
    if (*at + 1 >= argc)
        return slk_fail(error, SLK_E_INVAL, "%s needs a value", source);
    *at += 1;
    return set_value(options, row, argv[*at], source, error);
}

static slk_err take_arg(slk_options *options, const char *text, unsigned args_max, slk_error *error)
{
    slk_assert(args_max <= SLK_OPTIONS_ARGS_MAX);
    if (options->n_args == args_max)
        return slk_fail(error, SLK_E_INVAL, "unexpected argument; this command takes %s",
                        args_max == 0 ? "none without a leading --" : "fewer");
    options->args[options->n_args++] = text;
    return SLK_OK;
}

/* The first variable of "A,B" that is set and not empty, its name in name; NULL when none is. */
static const char *from_environment(char name[64], const char *list)
{
    while (list && *list) {
        const size_t n = strcspn(list, ",");
        slk_assert(n > 0 && n < 64);
        memcpy(name, list, n);
        name[n] = 0;
        const char *value = getenv(name);
        if (value && *value)
            return value;
        list += n + (list[n] == ',');
    }
    return NULL;
}

/* Environment, then fallback, for what the command line left out. */
static slk_err fill_absent(slk_options *options, slk_error *error)
{
    for (size_t i = 0; options->table && options->table[i].name; i++) {
        const slk_option *row = &options->table[i];
        char name[64];
        const char *from_env = from_environment(name, row->env);
        if (options->text[i])
            continue;
        if (from_env) {
            char source[96];
            (void)snprintf(source, sizeof source, "environment variable %s", name);
            SLK_TRY(set_value(options, i, from_env, source, error));
        } else if (row->fallback) {
            slk_assert(set_value(options, i, row->fallback, row->name, NULL) == SLK_OK);
        } else if (row->required) {
            return slk_fail(error, SLK_E_INVAL, "option --%s is required%s%s", row->name,
                            row->env ? ", or environment variable " : "", row->env ? row->env : "");
        }
    }
    return SLK_OK;
}

static bool wants_help(int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

slk_err slk_options_parse(slk_options *ret_options, const slk_option *table, unsigned args_min,
                          unsigned args_max, int argc, char *const *argv, slk_error *error)
{
    slk_options options = {.table = table, .help = wants_help(argc, argv)};
    bool only_args = false;
    for (int at = 0; !options.help && at < argc; at++) {
        if (!only_args && strcmp(argv[at], "--") == 0)
            only_args = true;
        else if (!only_args && strncmp(argv[at], "--", 2) == 0)
            SLK_TRY(take_option(&options, &at, argc, argv, error));
        else if (!only_args && argv[at][0] == '-' && argv[at][1] != 0)
            return slk_fail(error, SLK_E_INVAL, "unknown option %.20s; options start with --",
                            argv[at]);
        else
            SLK_TRY(take_arg(&options, argv[at], args_max, error));
    }
    if (!options.help) {
        SLK_TRY(fill_absent(&options, error));
        if (options.n_args < args_min)
            return slk_fail(error, SLK_E_INVAL, "an argument is missing; --help shows the usage");
    }
    *ret_options = options;
    return SLK_OK;
}

static size_t row_of(const slk_options *options, const char *name)
{
    size_t row = 0;
    slk_assert(find_row(&row, options->table, name, strlen(name)));
    return row;
}

bool slk_options_has(const slk_options *options, const char *name)
{
    return options->text[row_of(options, name)] != NULL;
}

bool slk_options_flag(const slk_options *options, const char *name)
{
    const size_t row = row_of(options, name);
    slk_assert(options->table[row].type == SLK_OPTION_FLAG);
    return options->text[row] != NULL;
}

bool slk_options_bool(const slk_options *options, const char *name)
{
    const size_t row = row_of(options, name);
    slk_assert(options->table[row].type == SLK_OPTION_BOOL);
    return options->number[row] != 0;
}

const char *slk_options_text(const slk_options *options, const char *name)
{
    return options->text[row_of(options, name)];
}

uint64_t slk_options_u64(const slk_options *options, const char *name)
{
    const size_t row = row_of(options, name);
    const slk_option_type type = options->table[row].type;
    slk_assert(type == SLK_OPTION_U64 || type == SLK_OPTION_MINER || type == SLK_OPTION_SIZE ||
               type == SLK_OPTION_DURATION);
    return options->number[row];
}

int64_t slk_options_i64(const slk_options *options, const char *name)
{
    const size_t row = row_of(options, name);
    slk_assert(options->table[row].type == SLK_OPTION_I64);
    return (int64_t)options->number[row];
}

bool slk_options_hex(const slk_options *options, const char *name, uint8_t *out)
{
    const size_t row = row_of(options, name);
    slk_assert(options->table[row].type == SLK_OPTION_HEX);
    if (!options->text[row])
        return false;
    slk_assert(slk_hex_decode(out, options->table[row].hex_bytes, options->text[row]));
    return true;
}

#define HELP_INDENT 29u
#define HELP_COLUMNS 100u

slk_err slk_help_text(slk_buf *out, const char *text, unsigned indent)
{
    const size_t room = HELP_COLUMNS - indent;
    while (strlen(text) > room) {
        size_t n = room;
        while (n > 0 && text[n] != ' ')
            n--;
        n = n > 0 ? n : room;
        SLK_TRY(slk_buf_printf(out, "%.*s\n%*s", (int)n, text, (int)indent, ""));
        text += n + (text[n] == ' ');
    }
    return slk_buf_printf(out, "%s\n", text);
}

static slk_err help_line(slk_buf *out, const char *name, const char *value, const char *help)
{
    char left[64];
    (void)snprintf(left, sizeof left, "--%s%s%s", name, *value ? " " : "", value);
    SLK_TRY(slk_buf_printf(out, "  %-26s ", left));
    return slk_help_text(out, help, HELP_INDENT);
}

slk_err slk_options_help(slk_buf *out, const slk_option *table)
{
    for (const slk_option *row = table; row && row->name; row++) {
        const int env_chars =
            row->env ? (int)strcspn(row->env, ",") : 0; /* older names are not shown */
        if (!row->help)
            continue;
        SLK_CLEANUP(slk_freep)
        char *help = slk_strf("%s%s%s%s%s%s%.*s%s", row->help, row->required ? " (required)" : "",
                              row->fallback ? " (default " : "", row->fallback ? row->fallback : "",
                              row->fallback ? ")" : "", row->env ? " [" : "", env_chars,
                              row->env ? row->env : "", row->env ? "]" : "");
        if (!help)
            return SLK_E_NOMEM;
        SLK_TRY(help_line(out, row->name, row->value ? row->value : value_words[row->type], help));
    }
    SLK_TRY(help_line(out, "json", "", "answer as JSON on standard output"));
    return help_line(out, "help", "", "show this text");
}
