/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of configuration keys, and one value of a configuration by its row.
 *
 * A new key is one row in config_keys.c and one member of slk_config; everything else follows. */
#ifndef SLK_APP_CONFIG_IMPL_H
#define SLK_APP_CONFIG_IMPL_H

#include "app/config.h"
#include "codec/toml.h"

/* The C type of the member behind it. */
typedef enum slk_config_type {
    KEY_TEXT, /* char * */
    KEY_SECRET, /* char *, never shown; <Name>File names a file that holds it */
    KEY_LEVEL, /* char *: debug, info, warn or error */
    KEY_URL, /* char *: http:// or https://, or "" */
    KEY_AMOUNT, /* char *: attoFIL, decimal digits */
    KEY_BOOL, /* bool */
    KEY_NUMBER, /* int64_t */
    KEY_TIME, /* int64_t, milliseconds */
    KEY_NUMBERS, /* slk_config_numbers */
    KEY_ADDRESSES, /* slk_config_addresses */
    KEY_TYPE_COUNT
} slk_config_type;

typedef struct slk_config_key {
    const char *section; /* "HTTP", "Batching.PreCommit"; NULL ends the table */
    const char *name;
    slk_config_type type;
    size_t offset; /* of the member in slk_config */
    const char *fallback; /* as written in the file, texts without quotes */
    int64_t least, most; /* KEY_NUMBER, elements of KEY_NUMBERS, KEY_TIME (both 0: any) */
    const char *also_env; /* a name other programs use too, asked last; NULL none */
    const char *help;
} slk_config_key;

#define SLK_CONFIG_NAME_CHARS 96u

extern const slk_config_key slk_config_keys[];

/* "true or false", "time: 500ms, 30s, 5m, 72h" … */
const char *slk_config_type_words(slk_config_type type);
/* Whether the file has the value in quotes. */
bool slk_config_is_quoted(slk_config_type type);
/* Whether the file has a list of values. */
bool slk_config_is_list(slk_config_type type);
/* Whether the member is a heap text. */
bool slk_config_is_text(slk_config_type type);

/* "Section.Name", and "SELKIE_SECTION_NAME" of the environment; size SLK_CONFIG_NAME_CHARS. A suffix
 * ("File") follows the name, "" for none. */
void slk_config_dotted(char *out, const slk_config_key *key, const char *suffix);
void slk_config_env(char *out, const slk_config_key *key, const char *suffix);

/* Sets the member from a text as defaults and the environment have it, or from an entry of the file
 * (of a list: adds it).
 * SLK_E_INVAL says what is wanted, after `where`. */
SLK_MUST_CHECK slk_err slk_config_set(slk_config *config, const slk_config_key *key,
                                      const char *text, const char *where, slk_error *error);
SLK_MUST_CHECK slk_err slk_config_set_entry(slk_config *config, const slk_config_key *key,
                                            const slk_toml_entry *entry, const char *where,
                                            slk_error *error);
/* Sets a KEY_SECRET from the file at path, "" for none, white space at its end cut off. A file others
 * may read is refused. */
SLK_MUST_CHECK slk_err slk_config_set_from_file(slk_config *config, const slk_config_key *key,
                                                const char *path, const char *where,
                                                slk_error *error);

/* The value as the file has it, secrets as well: `":80"`, `true`, `[5, 6]`. */
SLK_MUST_CHECK slk_err slk_config_print_value(slk_buf *out, const slk_config *config,
                                              const slk_config_key *key);

/* The largest unit that says ms exactly: 72h, 90s, 1500ms. */
void slk_config_time_text(char *out, size_t size, int64_t ms);

/* A text in quotes, escaped as TOML wants it. */
SLK_MUST_CHECK slk_err slk_config_print_text(slk_buf *out, const char *text);

/* Every member its default. */
SLK_MUST_CHECK slk_err slk_config_set_defaults(slk_config *config, slk_error *error);

/* Only what the file at path says, without the environment; *ret_toml is it. Mistakes as
 * slk_config_read has them. */
SLK_MUST_CHECK slk_err slk_config_read_file(slk_config *ret_config, slk_toml **ret_toml,
                                            const char *path, slk_error *error);

#endif
