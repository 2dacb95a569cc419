/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whether the time of a comparison tells how much of a secret was right: a million comparisons of two
 * kinds of input in random order, and Welch's t of the two means. A comparison that leaks is measured,
 * too, so that the measure itself is known to see.
 * source: Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?", 2017 */
#include "net/token.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 1000000u
#define FIRST_SAMPLES 20000u /* which say what is an interruption, and are not counted */
#define KEPT_PERCENT 90u
#define T_MAX 4.5
#define KINDS 2u
#define VARIANTS 16u /* inputs of a kind */
#define INPUT_BYTES (SLK_NET_TOKEN_CHARS + 1)

/* What is measured: compares the input with the secret. */
typedef bool compare(const char *input, const char *secret);

typedef struct trial {
    compare *function;
    const char *secret;
    char input[KINDS][VARIANTS][INPUT_BYTES];
    uint64_t random;
    unsigned right; /* so that no result is thrown away */
} trial;

typedef struct moments {
    double n, mean, squares;
} moments;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13; /* source: Marsaglia, Xorshift RNGs, 2003 */
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void add(moments *m, double x)
{
    m->n++;
    const double d = x - m->mean;
    m->mean += d / m->n;
    m->squares += d * (x - m->mean);
}

static double welch(const moments m[KINDS])
{
    const double a = m[0].squares / (m[0].n - 1) / m[0].n, b = m[1].squares / (m[1].n - 1) / m[1].n;
    return (m[0].mean - m[1].mean) / sqrt(a + b);
}

/* Both kinds are read and one is kept without a branch: whatever comes before the comparison is the
 * same for both, down to the addresses. */
static void choose(char out[INPUT_BYTES], const trial *t, unsigned kind, unsigned variant)
{
    const char *zero = t->input[0][variant], *one = t->input[1][variant];
    const int mask = -(int)kind;
    for (size_t i = 0; i < INPUT_BYTES; i++)
        out[i] = (char)(zero[i] ^ ((zero[i] ^ one[i]) & mask));
}

/* Cycles of one comparison of a random input of a random kind. */
static double sample(trial *t, unsigned *ret_kind)
{
    char input[INPUT_BYTES];
    const uint64_t r = next_random(&t->random) >> 20;
    *ret_kind = r % KINDS;
    choose(input, t, *ret_kind, r / KINDS % VARIANTS);
    __builtin_ia32_mfence();
    __builtin_ia32_lfence();
    const uint64_t start = __builtin_ia32_rdtsc();
    __builtin_ia32_lfence();
    t->right += t->function(input, t->secret);
    __builtin_ia32_lfence();
    return (double)(__builtin_ia32_rdtsc() - start);
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double longest_kept(trial *t)
{
    static double first[FIRST_SAMPLES];
    unsigned kind;
    for (unsigned i = 0; i < FIRST_SAMPLES; i++)
        first[i] = sample(t, &kind);
    qsort(first, FIRST_SAMPLES, sizeof *first, by_size);
    return first[FIRST_SAMPLES / 100 * KEPT_PERCENT];
}

static double measure_once(trial *t, const char *what)
{
    moments m[KINDS] = {{0}};
    const double longest = longest_kept(t);
    for (unsigned i = 0; i < SAMPLES; i++) {
        unsigned kind;
        const double cycles = sample(t, &kind);
        if (cycles <= longest)
            add(&m[kind], cycles);
    }
    const double score = welch(m);
    print_message("%s: %.0f and %.0f samples, means %.1f and %.1f cycles, t = %.2f\n", what, m[0].n,
                  m[1].n, m[0].mean, m[1].mean, score);
    return score;
}

/* A leak shows each time and the same way; chance alone, on a machine that does other things, too,
 * passes the bound once in some thousand measurements. So two are made, and the lesser counts. */
static double measure(trial *t, const char *what)
{
    t->random = UINT64_C(0x9e3779b97f4a7c15);
    const double first = measure_once(t, what), second = measure_once(t, what);
    return first * second > 0 ? fmin(fabs(first), fabs(second)) : 0;
}

/* Kind 0 is wrong at its first character, kind 1 at its last. */
static void wrong_at_an_end(trial *t, const char *right)
{
    for (unsigned i = 0; i < VARIANTS; i++) {
        for (unsigned kind = 0; kind < KINDS; kind++)
            memcpy(t->input[kind][i], right, INPUT_BYTES);
        char *changed[KINDS] = {&t->input[0][i][0], &t->input[1][i][SLK_NET_TOKEN_CHARS - 1]};
        for (unsigned kind = 0; kind < KINDS; kind++)
            *changed[kind] = (char)('g' + i);
    }
}

/* Kind 0 is right, kind 1 is anything. */
static void right_or_wrong(trial *t, const char *right)
{
    for (unsigned i = 0; i < VARIANTS; i++) {
        memcpy(t->input[0][i], right, INPUT_BYTES);
        slk_net_token_new(t->input[1][i]);
    }
}

static bool bytes_equal(const char *input, const char *secret)
{
    return slk_bytes_equal_ct((const uint8_t *)input, (const uint8_t *)secret, SLK_NET_TOKEN_CHARS);
}

static bool leaks(const char *input, const char *secret)
{
    for (size_t i = 0; i < SLK_NET_TOKEN_CHARS; i++)
        if (input[i] != secret[i])
            return false;
    return true;
}

static void a_comparison_takes_the_same_time(void **state)
{
    (void)state;
    char secret[INPUT_BYTES];
    slk_net_token_new(secret);
    trial t = {.function = bytes_equal, .secret = secret};
    wrong_at_an_end(&t, secret);
    assert_true(measure(&t, "wrong at first or last") < T_MAX);
    right_or_wrong(&t, secret);
    assert_true(measure(&t, "right or wrong") < T_MAX);
}

static void a_token_takes_the_same_time(void **state)
{
    (void)state;
    char token[INPUT_BYTES], hash[INPUT_BYTES];
    slk_net_token_new(token);
    slk_net_token_hash(hash, token);
    trial t = {.function = slk_net_token_matches, .secret = hash};
    right_or_wrong(&t, token);
    assert_true(measure(&t, "token right or wrong") < T_MAX);
    wrong_at_an_end(&t, token);
    assert_true(measure(&t, "token wrong at first or last") < T_MAX);
}

static void what_leaks_is_seen(void **state)
{
    (void)state;
    char secret[INPUT_BYTES];
    slk_net_token_new(secret);
    trial t = {.function = leaks, .secret = secret};
    wrong_at_an_end(&t, secret);
    assert_true(measure(&t, "a leak") > 10 * T_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_leaks_is_seen),
        cmocka_unit_test(a_comparison_takes_the_same_time),
        cmocka_unit_test(a_token_takes_the_same_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
