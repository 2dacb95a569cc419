/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Command lines: a table of options in, typed values or one clear sentence out.
 *
 * Only long options: `--name value`, `--name=value`, `--flag`, `--bool=false`. `--` ends them; a lone `-` is a
 * positional argument (by convention: standard input). An option given twice, unknown, without its
 * value or with one of the wrong form is an error. Every table also has --json and --help, which
 * are not listed in it. Values are looked up by name; asking for a name that is not in the table,
 * or as another type, is a bug (assert). */
#ifndef SLK_APP_OPTIONS_H
#define SLK_APP_OPTIONS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_OPTIONS_MAX 40u /* rows of one table */
#define SLK_OPTIONS_ARGS_MAX 128u /* positional arguments */

typedef enum slk_option_type {
    SLK_OPTION_FLAG, /* no value */
    SLK_OPTION_BOOL, /* `--name` is true; `--name=false`; true, false, 1, 0; read as bool */
    SLK_OPTION_TEXT, /* any non-empty text, also paths */
    SLK_OPTION_U64, /* decimal */
    SLK_OPTION_I64,
    SLK_OPTION_HEX, /* exactly hex_bytes bytes */
    SLK_OPTION_MINER, /* f01000, t01000 or 1000: the actor id, read as u64 */
    SLK_OPTION_SIZE, /* 2048, 2KiB, 8MiB, 32GiB, 1TiB: bytes, read as u64 */
    SLK_OPTION_DURATION, /* 200ms, 30s, 5m, 2h: milliseconds, read as u64; more than 0 */
    SLK_OPTION_TYPE_COUNT
} slk_option_type;

typedef struct slk_option {
    const char *name; /* "seal-proof"; NULL ends a table */
    slk_option_type type;
    bool required;
    unsigned hex_bytes; /* SLK_OPTION_HEX: 1..64 */
    const char *value; /* what --help calls the value: "FILE"; NULL gives the type's own word */
    const char *fallback; /* value when absent; NULL none */
    /* Environment variables asked before the fallback, the first that is set counts: "A,B"; NULL none */
    const char *env;
    const char *help; /* one sentence without a full stop; NULL: accepted, and shown nowhere */
} slk_option;

/* A parsed command line. Texts are borrowed from argv, the environment and the table. */
typedef struct slk_options {
    const slk_option *table; /* may be NULL: no options */
    const char *text[SLK_OPTIONS_MAX]; /* by row, NULL when absent */
    uint64_t number[SLK_OPTIONS_MAX]; /* u64 types; two's complement for I64 */
    const char *args[SLK_OPTIONS_ARGS_MAX];
    size_t n_args;
    bool json;
    bool help;
} slk_options;

/* argv[0] is the first word after the command's name. With --help nothing else is checked and
 * SLK_OK returned with help set. SLK_E_INVAL with a sentence on anything wrong; args_min..args_max
 * bounds the positional arguments. */
SLK_MUST_CHECK slk_err slk_options_parse(slk_options *ret_options, const slk_option *table,
                                         unsigned args_min, unsigned args_max, int argc,
                                         char *const *argv, slk_error *error);

bool slk_options_has(const slk_options *options,
                     const char *name); /* given, from env or fallback */
bool slk_options_flag(const slk_options *options, const char *name);
bool slk_options_bool(const slk_options *options, const char *name); /* false when absent */
const char *slk_options_text(const slk_options *options, const char *name); /* NULL when absent */
/* 0 when absent and without fallback. U64, MINER, SIZE, DURATION. */
uint64_t slk_options_u64(const slk_options *options, const char *name);
int64_t slk_options_i64(const slk_options *options, const char *name);
/* False when absent; else hex_bytes bytes into out. */
bool slk_options_hex(const slk_options *options, const char *name, uint8_t *out);

/* Text and a line's end, broken at spaces at 100 columns; further lines are indented. */
SLK_MUST_CHECK slk_err slk_help_text(slk_buf *out, const char *text, unsigned indent);

/* The options part of a help text: one line per row, required ones first as they stand. */
SLK_MUST_CHECK slk_err slk_options_help(slk_buf *out, const slk_option *table);

/* The single-value readers behind the types, for configuration files too.
 * SLK_E_INVAL on any other form, SLK_E_LIMIT past 64 bits; *ret untouched then. */
SLK_MUST_CHECK slk_err slk_parse_miner(uint64_t *ret_id, const char *text);
SLK_MUST_CHECK slk_err slk_parse_size(uint64_t *ret_bytes, const char *text);
SLK_MUST_CHECK slk_err slk_parse_duration(uint64_t *ret_ms, const char *text);

#endif
