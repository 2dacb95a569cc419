/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The seam between toml.c and the C++ library: C types only, nothing of base/, no exceptions. */
#ifndef SLK_CODEC_TOML_IMPL_H
#define SLK_CODEC_TOML_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum toml_shim_kind {
    TOML_SHIM_STRING,
    TOML_SHIM_INTEGER,
    TOML_SHIM_BOOLEAN,
    TOML_SHIM_FLOAT,
    TOML_SHIM_OTHER, /* dates and times */
} toml_shim_kind;

typedef struct toml_shim_value {
    const char *key; /* dotted, with [index] for arrays */
    toml_shim_kind kind;
    unsigned line, column;
    const char *text; /* STRING: text_n bytes, not terminated */
    size_t text_n;
    int64_t integer;
    double real;
    bool boolean;
} toml_shim_value;

typedef enum toml_shim_result {
    TOML_SHIM_OK,
    TOML_SHIM_SYNTAX, /* message, line and column are set */
    TOML_SHIM_KEY, /* a key with other than letters, digits, - and _; line and column are set */
    TOML_SHIM_STOPPED, /* visit said so */
    TOML_SHIM_NOMEM,
} toml_shim_result;

typedef struct toml_shim_fault {
    unsigned line, column;
    char message[200];
} toml_shim_fault;

/* Calls visit for each value, in no promised order, until it returns false. */
toml_shim_result slk_toml_shim_parse(const char *text, size_t n,
                                     bool (*visit)(void *context, const toml_shim_value *value),
                                     void *context, toml_shim_fault *fault);

#ifdef __cplusplus
}
#endif
#endif
