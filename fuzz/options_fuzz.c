/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Command lines, one argument a line, and the readers of single values. */
#include "fuzz.h"

#include "app/options.h"
#include "base/mem.h"

#include <string.h>

#define ARGS 16

static const slk_option table[] = {
    {.name = "flag", .type = SLK_OPTION_FLAG, .help = "a flag"},
    {.name = "text", .type = SLK_OPTION_TEXT, .required = true, .help = "a text"},
    {.name = "u64", .type = SLK_OPTION_U64, .fallback = "7", .help = "a number"},
    {.name = "i64", .type = SLK_OPTION_I64, .help = "a number"},
    {.name = "hex", .type = SLK_OPTION_HEX, .hex_bytes = 4, .help = "bytes"},
    {.name = "miner", .type = SLK_OPTION_MINER, .help = "a miner"},
    {.name = "size", .type = SLK_OPTION_SIZE, .help = "a size"},
    {.name = "time", .type = SLK_OPTION_DURATION, .help = "a time"},
    {.name = NULL},
};

static void check_values(const char *text)
{
    uint64_t v = 7;
    if (slk_parse_miner(&v, text) == SLK_OK)
        slk_assert(v <= INT64_MAX);
    v = 7;
    if (slk_parse_size(&v, text) != SLK_OK)
        slk_assert(v == 7);
    v = 7;
    if (slk_parse_duration(&v, text) == SLK_OK)
        slk_assert(v > 0);
    else
        slk_assert(v == 7);
}

static void check_line(int argc, char *const *argv)
{
    slk_options options;
    slk_error error = {0};
    uint8_t hex[4];
    if (slk_options_parse(&options, table, 0, 3, argc, argv, &error) != SLK_OK) {
        slk_assert(error.code == SLK_E_INVAL && error.message[0]);
        return;
    }
    if (options.help)
        return;
    slk_assert(options.n_args <= 3 && slk_options_text(&options, "text")[0]);
    slk_assert(slk_options_has(&options, "u64"));
    (void)slk_options_flag(&options, "flag");
    (void)slk_options_i64(&options, "i64");
    slk_assert(slk_options_hex(&options, "hex", hex) == slk_options_has(&options, "hex"));
    slk_assert(slk_options_has(&options, "time") == (slk_options_u64(&options, "time") > 0));
    (void)slk_options_u64(&options, "size");
    (void)slk_options_u64(&options, "miner");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    char *argv[ARGS + 1] = {NULL};
    int argc = 0;
    for (char *line = strtok(text, "\n"); line && argc < ARGS; line = strtok(NULL, "\n")) {
        check_values(line);
        argv[argc++] = line;
    }
    check_line(argc, argv);
    return 0;
}
