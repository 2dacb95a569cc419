/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/crypto.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/num.h"
#include "crypto/kernels_impl.h"

#include <string.h>

enum { CHOICE_MAX = 256, NAME_MAX = 32, KERNELS_MAX = 16, TRIALS = 6 };

/* What a choice says: a level, and a kernel's name per primitive ("" where none is named). */
typedef struct wish {
    bool has_level;
    char level[NAME_MAX];
    char kernel[SLK_PRIMITIVES][NAME_MAX];
} wish;

static bool copy_name(char out[NAME_MAX], const char *text, size_t n)
{
    if (n == 0 || n >= NAME_MAX)
        return false;
    memcpy(out, text, n);
    out[n] = '\0';
    return true;
}

static slk_err read_kernel(wish *w, const char *text, size_t n, size_t equals, slk_error *error)
{
    for (size_t p = 0; p < SLK_PRIMITIVES; p++) {
        const char *name = slk_primitives[p].name;
        if (strlen(name) != equals || memcmp(name, text, equals) != 0)
            continue;
        if (w->kernel[p][0] != '\0')
            return slk_fail(error, SLK_E_INVAL, "the kernel of %s is named twice", name);
        if (!copy_name(w->kernel[p], text + equals + 1, n - equals - 1))
            return slk_fail(error, SLK_E_INVAL, "no kernel of %s has that name", name);
        return SLK_OK;
    }
    return slk_fail(error, SLK_E_INVAL, "no primitive is called \"%.*s\"; `selkie cpu` lists them",
                    (int)(equals < NAME_MAX ? equals : NAME_MAX), text);
}

static slk_err read_part(wish *w, const char *text, size_t n, slk_error *error)
{
    const char *equals = memchr(text, '=', n);
    if (equals)
        return read_kernel(w, text, n, (size_t)(equals - text), error);
    if (w->has_level)
        return slk_fail(error, SLK_E_INVAL, "two processor levels in one choice");
    w->has_level = true;
    if (!copy_name(w->level, text, n) || !slk_cpu_level_known(w->level))
        return slk_fail(error, SLK_E_INVAL,
                        "unknown processor level \"%.*s\": use plain, sse, avx2 or native",
                        (int)(n < NAME_MAX ? n : NAME_MAX), text);
    return SLK_OK;
}

static slk_err read_choice(wish *ret_wish, const char *choice, slk_error *error)
{
    *ret_wish = (wish){.has_level = false};
    if (!choice || !*choice)
        return SLK_OK;
    if (strnlen(choice, CHOICE_MAX + 1) > CHOICE_MAX)
        return slk_fail(error, SLK_E_INVAL, "the choice of kernels is longer than %d bytes",
                        (int)CHOICE_MAX);
    for (const char *part = choice;; part++) {
        size_t n = strcspn(part, ",");
        SLK_TRY(read_part(ret_wish, part, n, error));
        part += n;
        if (*part == '\0')
            return SLK_OK;
    }
}

/* One trial of the kernel in use, in nanoseconds. */
static uint64_t time_kernel(const slk_crypto *crypto, const slk_primitive *primitive)
{
    const uint64_t start = slk_clock_monotonic_ns();
    primitive->work(crypto);
    return slk_clock_monotonic_ns() - start;
}

static slk_err check(const slk_crypto *crypto, const slk_primitive *primitive, const char *kernel,
                     slk_error *error)
{
    if (primitive->works(crypto))
        return SLK_OK;
    return slk_fail(
        error, SLK_E_INTERNAL,
        "the %s kernel \"%s\" gives wrong answers on this processor, or had no memory to "
        "be tried",
        primitive->name, kernel);
}

/* The named kernel, or an error that says why not. */
static slk_err use_named(slk_crypto *crypto, size_t p, const char *wanted, slk_error *error)
{
    const slk_primitive *primitive = &slk_primitives[p];
    const char *name;
    uint64_t needs;
    for (size_t k = 0; primitive->use(crypto, k, &name, &needs); k++) {
        if (strcmp(name, wanted) != 0)
            continue;
        if ((needs & ~crypto->features) != 0)
            return slk_fail(error, SLK_E_INVAL,
                            "the %s kernel \"%s\" needs what this processor or the level lacks",
                            primitive->name, wanted);
        crypto->chosen[p] = (uint8_t)k;
        return check(crypto, primitive, name, error);
    }
    return slk_fail(error, SLK_E_INVAL, "no kernel of %s is called \"%s\"", primitive->name,
                    wanted);
}

static bool eligible(slk_crypto *crypto, size_t p, size_t k, bool *ret_eligible)
{
    const char *name;
    uint64_t needs;
    if (k >= KERNELS_MAX || !slk_primitives[p].use(crypto, k, &name, &needs))
        return false;
    *ret_eligible = (needs & ~crypto->features) == 0;
    return true;
}

/* The kernels take turns, so that what else the machine does in these milliseconds meets all of them
 * alike. An earlier one stays unless a later one is clearly faster. */
static size_t fastest(slk_crypto *crypto, size_t p)
{
    uint64_t ns[KERNELS_MAX];
    memset(ns, 0xff, sizeof ns);
    bool can;
    for (int i = 0; i < TRIALS; i++)
        for (size_t k = 0; eligible(crypto, p, k, &can); k++)
            if (can)
                ns[k] = slk_min_u64(ns[k], time_kernel(crypto, &slk_primitives[p]));
    size_t best = 0;
    for (size_t k = 1; k < KERNELS_MAX; k++)
        if (ns[best] == UINT64_MAX || (ns[k] != UINT64_MAX && ns[k] + ns[k] / 20 < ns[best]))
            best = k;
    return best;
}

static size_t first_eligible(slk_crypto *crypto, size_t p)
{
    bool can = false;
    for (size_t k = 0; eligible(crypto, p, k, &can); k++)
        if (can)
            return k;
    slk_assert(false); /* the plain kernel needs nothing */
    return 0;
}

static slk_err use_best(slk_crypto *crypto, size_t p, bool by_speed, slk_error *error)
{
    const size_t best = by_speed ? fastest(crypto, p) : first_eligible(crypto, p);
    const char *name;
    uint64_t needs;
    slk_assert(slk_primitives[p].use(crypto, best, &name, &needs));
    crypto->chosen[p] = (uint8_t)best;
    return check(crypto, &slk_primitives[p], name, error);
}

static slk_err choose(slk_crypto *crypto, const wish *w, slk_error *error)
{
    const char *name;
    uint64_t needs;
    for (size_t k = 0; k < SLK_POSEIDON_ARITIES; k++)
        SLK_TRY(
            slk_poseidon_table_init(&crypto->poseidon_tables[k], slk_poseidon_arities[k], error));
    slk_sha256_pad_wk(crypto->sha256_pad_wk);
    /* A test of one kernel may call another primitive, so none is ever without one. */
    for (size_t p = 0; p < SLK_PRIMITIVES; p++)
        for (size_t k = 0; slk_primitives[p].use(crypto, k, &name, &needs) && needs != 0; k++)
            continue;
    for (size_t p = 0; p < SLK_PRIMITIVES; p++)
        SLK_TRY(w->kernel[p][0] != '\0' ? use_named(crypto, p, w->kernel[p], error)
                                        : use_best(crypto, p, !w->has_level, error));
    return SLK_OK;
}

slk_err slk_crypto_new(slk_crypto **ret_crypto, const char *choice, slk_error *error)
{
    wish w;
    SLK_TRY(read_choice(&w, choice, error));
    slk_crypto *crypto = slk_calloc(1, sizeof *crypto);
    if (!crypto)
        return slk_fail(error, SLK_E_NOMEM, "no memory for the tables of the hash functions");
    crypto->features = slk_cpu_features(w.level);
    slk_err err = choose(crypto, &w, error);
    if (err != SLK_OK) {
        slk_crypto_free(crypto);
        return err;
    }
    *ret_crypto = crypto;
    return SLK_OK;
}

void slk_crypto_free(slk_crypto *crypto)
{
    if (!crypto)
        return;
    for (size_t k = 0; k < SLK_POSEIDON_ARITIES; k++)
        slk_poseidon_table_done(&crypto->poseidon_tables[k]);
    slk_free(crypto);
}

bool slk_crypto_choice(const slk_crypto *crypto, size_t index, const char **ret_primitive,
                       const char **ret_kernel)
{
    uint64_t needs;
    if (index >= SLK_PRIMITIVES)
        return false;
    slk_crypto copy = *crypto;
    *ret_primitive = slk_primitives[index].name;
    return slk_primitives[index].use(&copy, crypto->chosen[index], ret_kernel, &needs);
}

bool slk_crypto_report(const slk_crypto *crypto, size_t primitive, size_t kernel,
                       slk_kernel_report *ret_report)
{
    if (primitive >= SLK_PRIMITIVES)
        return false;
    const slk_primitive *row = &slk_primitives[primitive];
    slk_crypto copy = *crypto; /* the tables are only borrowed */
    const char *name;
    uint64_t needs;
    if (!row->use(&copy, kernel, &name, &needs))
        return false;
    *ret_report = (slk_kernel_report){.primitive = row->name,
                                      .kernel = name,
                                      .unit = row->unit,
                                      .chosen = crypto->chosen[primitive] == kernel,
                                      .eligible = (needs & ~crypto->features) == 0};
    ret_report->eligible = ret_report->eligible && row->works(&copy);
    if (!ret_report->eligible)
        return true;
    uint64_t ns = UINT64_MAX;
    for (int i = 0; i < TRIALS; i++)
        ns = slk_min_u64(ns, time_kernel(&copy, row));
    ret_report->ns_each = (double)ns / (double)row->units;
    return true;
}
