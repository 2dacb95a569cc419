/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Errors: one code chosen by what the caller does next, one sentence for people.
 *
 * Three kinds stay apart: a programmer's bug is slk_assert (always on, aborts),
 * the environment's refusal is an slk_err, an answer ("is this proof valid?") is a
 * bool the function returns through ret_valid. */
#ifndef SLK_BASE_ERR_H
#define SLK_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#define SLK_MUST_CHECK __attribute__((warn_unused_result))
#define SLK_PRINTF(format_arg, first_arg) __attribute__((format(printf, format_arg, first_arg)))

/* Codes are append only: they appear in the database and in JSON. */
typedef enum slk_err {
    SLK_OK = 0,
    SLK_E_INVAL, /* the request itself is wrong: do not repeat it */
    SLK_E_NOMEM, /* memory: free some, repeat */
    SLK_E_IO, /* disk or device: look at it, repeat */
    SLK_E_CORRUPT, /* bytes at rest are not what they must be: make them again */
    SLK_E_NOTFOUND, /* no such thing */
    SLK_E_EXISTS, /* already there */
    SLK_E_CONFLICT, /* state moved meanwhile: read again, decide again */
    SLK_E_BUSY, /* no room now: later */
    SLK_E_TIMEOUT, /* no answer in time: later */
    SLK_E_CANCELED, /* asked to stop */
    SLK_E_AUTH, /* who are you: fix the token */
    SLK_E_PROTO, /* the peer broke the protocol or lied */
    SLK_E_LIMIT, /* over a bound */
    SLK_E_UNSUPPORTED, /* known, but not here */
    SLK_E_INTERNAL, /* our bug, contained */
    SLK_E_NOSPACE, /* disk full: free some, repeat */
    SLK_E_UNREACHABLE, /* peer or chain node not there: later */
    SLK_ERR_COUNT
} slk_err;

/* Detail of one failure. message is a finished sentence without secrets, and UTF-8: what is not
 * becomes '?', whatever a function below was given. */
typedef struct slk_error {
    slk_err code;
    int os_errno; /* 0 when none */
    char message[384];
} slk_error;

/* Short stable name ("corrupt"), used in JSON and logs; never NULL. */
const char *slk_err_name(slk_err code);

/* Fills *error (may be NULL) and returns code, so that `return slk_fail(...)` reads well.
 * Truncates silently at the buffer's end, between two characters. code must not be SLK_OK. */
slk_err slk_fail(slk_error *error, slk_err code, const char *format, ...) SLK_PRINTF(3, 4);

/* As slk_fail, with ": <strerror>" appended and the code chosen from os_errno:
 * ENOENT NOTFOUND, EEXIST EXISTS, ENOSPC/EDQUOT NOSPACE, ENOMEM NOMEM,
 * EINVAL/ENAMETOOLONG INVAL, EFBIG LIMIT, else IO. */
slk_err slk_fail_errno(slk_error *error, int os_errno, const char *format, ...) SLK_PRINTF(3, 4);

/* Puts "<text>: " before the message that the failure at hand left in *error (NULL allowed), and
 * makes its code `code`; returns code. */
slk_err slk_fail_context(slk_error *error, slk_err code, const char *format, ...) SLK_PRINTF(3, 4);

/* Message of error. When it is NULL or empty: "out of memory" for SLK_E_NOMEM, which alone may leave no
 * sentence, else the code's name. */
const char *slk_error_text(const slk_error *error, slk_err code);

/* Returns early with the code when the expression is not SLK_OK. */
#define SLK_TRY(expression)                   \
    do {                                      \
        slk_err slk_try_code_ = (expression); \
        if (slk_try_code_ != SLK_OK)          \
            return slk_try_code_;             \
    } while (0)

/* Always on: the condition is an invariant of this program. Prints and aborts. */
#define slk_assert(condition) \
    ((condition) ? (void)0 : slk_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void slk_assert_failed(const char *condition, const char *file, int line);

#endif
