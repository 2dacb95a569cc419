/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/slk_failing_alloc.h"
#include "support/slk_failing_plan.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/* What the linker's --wrap makes of the names: __wrap_ is called for them, __real_ is the function. */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *p, size_t bytes);
char *__real_strdup(const char *text);
int __real_vasprintf(char **ret_text, const char *format, va_list args);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *p, size_t bytes);
char *__wrap_strdup(const char *text);
int __wrap_vasprintf(char **ret_text, const char *format, va_list args);
int __wrap___vasprintf_chk(char **ret_text, int flag, const char *format, va_list args);

static slk_failing_plan plan;

void slk_failing_alloc_at(uint64_t n, bool on)
{
    slk_failing_plan_set(&plan, n, on);
}

uint64_t slk_failing_alloc_seen(void)
{
    return plan.seen;
}

static bool fails(void)
{
    return slk_failing_plan_fails(&plan);
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t n, size_t bytes)
{
    return fails() ? NULL : __real_calloc(n, bytes);
}

void *__wrap_realloc(void *p, size_t bytes)
{
    return fails() ? NULL : __real_realloc(p, bytes);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

int __wrap_vasprintf(char **ret_text, const char *format, va_list args)
{
    return fails() ? -1 : __real_vasprintf(ret_text, format, args);
}

int __wrap___vasprintf_chk(char **ret_text, int flag, const char *format, va_list args)
{
    (void)flag;
    return __wrap_vasprintf(ret_text, format, args);
}
