/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/err.h"

#include "base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const err_names[] = {
    [SLK_OK] = "ok",
    [SLK_E_INVAL] = "invalid",
    [SLK_E_NOMEM] = "out-of-memory",
    [SLK_E_IO] = "io",
    [SLK_E_CORRUPT] = "corrupt",
    [SLK_E_NOTFOUND] = "not-found",
    [SLK_E_EXISTS] = "exists",
    [SLK_E_CONFLICT] = "conflict",
    [SLK_E_BUSY] = "busy",
    [SLK_E_TIMEOUT] = "timeout",
    [SLK_E_CANCELED] = "canceled",
    [SLK_E_AUTH] = "auth",
    [SLK_E_PROTO] = "protocol",
    [SLK_E_LIMIT] = "limit",
    [SLK_E_UNSUPPORTED] = "unsupported",
    [SLK_E_INTERNAL] = "internal",
    [SLK_E_NOSPACE] = "no-space",
    [SLK_E_UNREACHABLE] = "unreachable",
};
static_assert(sizeof err_names / sizeof *err_names == SLK_ERR_COUNT, "one name per code");

const char *slk_err_name(slk_err code)
{
    if ((unsigned)code >= SLK_ERR_COUNT)
        return "unknown";
    return err_names[code];
}

static slk_err code_of_errno(int os_errno)
{
    switch (os_errno) {
    case ENOENT:
        return SLK_E_NOTFOUND;
    case EEXIST:
        return SLK_E_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return SLK_E_NOSPACE;
    case ENOMEM:
        return SLK_E_NOMEM;
    case EINVAL:
    case ENAMETOOLONG:
        return SLK_E_INVAL;
    case EFBIG:
        return SLK_E_LIMIT;
    default:
        return SLK_E_IO;
    }
}

slk_err slk_fail(slk_error *error, slk_err code, const char *format, ...)
{
    slk_assert(code != SLK_OK);
    if (!error)
        return code;
    va_list args;
    va_start(args, format);
    char text[sizeof error->message]; /* arguments may point into error->message */
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error->code = code;
    error->os_errno = 0;
    slk_text_mend(text);
    memcpy(error->message, text, sizeof text);
    return code;
}

slk_err slk_fail_errno(slk_error *error, int os_errno, const char *format, ...)
{
    slk_err code = code_of_errno(os_errno);
    if (!error)
        return code;
    va_list args;
    va_start(args, format);
    char text[sizeof error->message];
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char reason[128];
    const char *why = strerror_r(os_errno, reason, sizeof reason);
    error->code = code;
    error->os_errno = os_errno;
    /* A long path may lose its end, the reason not. */
    const size_t room = sizeof error->message - sizeof reason;
    if (strlen(text) >= room)
        memcpy(text + room - 4, "...", 4);
    size_t used = strlen(text);
    memcpy(error->message, text, used + 1);
    (void)snprintf(error->message + used, sizeof error->message - used, ": %s", why);
    slk_text_mend(error->message);
    return code;
}

slk_err slk_fail_context(slk_error *error, slk_err code, const char *format, ...)
{
    slk_assert(code != SLK_OK);
    if (!error)
        return code;
    char text[sizeof error->message];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char inner[sizeof error->message];
    (void)snprintf(inner, sizeof inner, "%s",
                   error->message[0] ? error->message : slk_err_name(code));
    size_t used = strlen(text);
    memcpy(error->message, text, used + 1);
    (void)snprintf(error->message + used, sizeof error->message - used, ": %s", inner);
    slk_text_mend(error->message);
    error->code = code;
    return code;
}

const char *slk_error_text(const slk_error *error, slk_err code)
{
    if (error && error->code == code && error->message[0])
        return error->message;
    return code == SLK_E_NOMEM ? "out of memory" : slk_err_name(code);
}

_Noreturn void slk_assert_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "selkie: broken invariant: %s (%s:%d)\n", condition, file, line);
    abort();
}
