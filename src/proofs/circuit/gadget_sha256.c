/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/circuit/cs.h"

#include "crypto/sha256/sha256.h"

#include <string.h>

static void word_const(slk_word out, uint32_t v)
{
    for (unsigned i = 0; i < 32; i++)
        out[i] = slk_bit_const(v >> i & 1);
}

static uint32_t word_value(const slk_bit *word)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 32; i++)
        v |= (uint32_t)slk_bit_value(word[i]) << i;
    return v;
}

static bool word_is_const(const slk_bit *word)
{
    uint32_t all = SLK_BIT_CONST;
    for (unsigned i = 0; i < 32; i++)
        all &= word[i];
    return all != 0;
}

static void word_rotr(slk_word out, const slk_bit *in, unsigned k)
{
    for (unsigned i = 0; i < 32; i++)
        out[i] = in[(i + k) % 32];
}

static void word_shr(slk_word out, const slk_bit *in, unsigned k)
{
    for (unsigned i = 0; i < 32; i++)
        out[i] = i + k < 32 ? in[i + k] : SLK_BIT_FALSE;
}

/* out = out ^ b, bit 0 first. */
static void word_xor(slk_cs *cs, slk_word out, const slk_bit *b)
{
    for (unsigned i = 0; i < 32; i++)
        out[i] = slk_gadget_xor(cs, out[i], b[i]);
}

/* out = (in rotr r1 ^ in rotr r2) ^ in rotr r3, the last one shr when `shift`. */
static void word_sigma(slk_cs *cs, slk_word out, const slk_bit *in, unsigned r1, unsigned r2,
                       unsigned r3, bool shift)
{
    slk_word other;
    word_rotr(out, in, r1);
    word_rotr(other, in, r2);
    word_xor(cs, out, other);
    if (shift)
        word_shr(other, in, r3);
    else
        word_rotr(other, in, r3);
    word_xor(cs, out, other);
}

static void multieq_reset(slk_multieq *eq)
{
    eq->used = 0;
    memset(eq->value, 0, sizeof eq->value);
    slk_wsum_reset(&eq->left);
    slk_wsum_reset(&eq->right);
}

static void multieq_flush(slk_cs *cs)
{
    slk_multieq *eq = &cs->multieq;
    if (cs->mode == SLK_CS_VISIT) {
        const slk_lc_term one_term = {&cs->circuit->small[SLK_SMALL_ABS + 1], SLK_VAR_ONE};
        const slk_lc one = {&one_term, 1};
        const slk_lc left = slk_cs_wsum_lc(cs, &eq->left, cs->terms_a);
        const slk_lc right = slk_cs_wsum_lc(cs, &eq->right, cs->terms_c);
        slk_cs_emit(cs, &left, &one, &right);
    }
    slk_fr value = slk_fr_zero;
    if (cs->mode == SLK_CS_VALUES)
        slk_int256_to_fr(&value, eq->value);
    slk_cs_put(cs, &value, &slk_fr_one, &value);
    multieq_reset(eq);
}

/* Claims: sum of the operands = sum of the result bits. */
static void multieq_add(slk_cs *cs, const slk_bit *const *operands, unsigned n,
                        const slk_bit *result, unsigned result_bits, uint64_t total)
{
    slk_multieq *eq = &cs->multieq;
    if (eq->used + result_bits >= 254) /* source: reference/proofs 8.3, the field's capacity */
        multieq_flush(cs);
    if (cs->mode == SLK_CS_VISIT) {
        for (unsigned k = 0; k < n; k++)
            for (unsigned i = 0; i < 32; i++)
                slk_wsum_add(&eq->left, operands[k][i], eq->used + i);
        for (unsigned i = 0; i < result_bits; i++)
            slk_wsum_add(&eq->right, result[i], eq->used + i);
    } else if (cs->mode == SLK_CS_VALUES) {
        slk_int256_add_shifted(eq->value, total, eq->used);
    }
    eq->used += result_bits;
}

/* out = sum of n words mod 2^32; out may be an operand. */
static void add_many(slk_cs *cs, slk_word out, const slk_bit *const *operands, unsigned n)
{
    slk_assert(n >= 2 && n <= 10);
    bool all_const = true;
    uint64_t total = 0;
    for (unsigned k = 0; k < n; k++) {
        all_const = all_const && word_is_const(operands[k]);
        total += word_value(operands[k]);
    }
    if (all_const) {
        word_const(out, (uint32_t)total);
        return;
    }
    const uint64_t largest = n * UINT64_C(0xffffffff);
    const unsigned result_bits = 64 - (unsigned)__builtin_clzll(largest);
    if (cs->mode != SLK_CS_VALUES)
        total = 0; /* constants have a value in every mode */
    slk_bit result[36];
    for (unsigned i = 0; i < result_bits; i++)
        result[i] = slk_gadget_bit(cs, (int)(total >> i & 1));
    multieq_add(cs, operands, n, result, result_bits, total);
    memcpy(out, result, sizeof(slk_word));
}

static void schedule(slk_cs *cs, const slk_bit block[512])
{
    slk_sha_scratch *s = &cs->sha;
    for (unsigned i = 0; i < 16; i++)
        for (unsigned j = 0; j < 32; j++)
            s->w[i][j] = block[32 * i + 31 - j];
    for (unsigned i = 16; i < 64; i++) {
        slk_word s0, s1;
        word_sigma(cs, s0, s->w[i - 15], 7, 18, 3, true);
        word_sigma(cs, s1, s->w[i - 2], 17, 19, 10, true);
        add_many(cs, s->w[i], (const slk_bit *const[]){s->w[i - 16], s0, s->w[i - 7], s1}, 4);
    }
}

/* A working variable that is the sum of a list, made only when it is needed. */
typedef struct deferred {
    const slk_bit *operands[8];
    unsigned n; /* 1: operands[0] is the word itself */
} deferred;

static const slk_bit *deferred_word(slk_cs *cs, slk_bit *storage, const deferred *d)
{
    if (d->n == 1)
        return d->operands[0];
    add_many(cs, storage, d->operands, d->n);
    return storage;
}

/* One round; v is b, c, d, f, g, h. */
static void sha_round(slk_cs *cs, unsigned i, deferred *a, deferred *e, const slk_bit *v[6])
{
    slk_sha_scratch *s = &cs->sha;
    const slk_bit *new_e = deferred_word(cs, s->e[i], e);
    word_sigma(cs, s->s1[i], new_e, 6, 11, 25, false);
    for (unsigned j = 0; j < 32; j++)
        s->ch[i][j] = slk_gadget_ch(cs, new_e[j], v[3][j], v[4][j]);
    word_const(s->k[i], slk_sha256_k[i]);
    const deferred sum = {{v[5], s->s1[i], s->ch[i], s->k[i], s->w[i]}, 5};

    const slk_bit *new_a = deferred_word(cs, s->a[i], a);
    word_sigma(cs, s->s0[i], new_a, 2, 13, 22, false);
    for (unsigned j = 0; j < 32; j++)
        s->maj[i][j] = slk_gadget_maj(cs, new_a[j], v[0][j], v[1][j]);

    *e = sum;
    e->operands[e->n++] = v[2];
    *a = sum;
    a->operands[a->n++] = s->s0[i];
    a->operands[a->n++] = s->maj[i];
    v[5] = v[4];
    v[4] = v[3];
    v[3] = new_e;
    v[2] = v[1];
    v[1] = v[0];
    v[0] = new_a;
}

static void compress(slk_cs *cs, slk_word state[8], const slk_bit block[512])
{
    multieq_reset(&cs->multieq);
    schedule(cs, block);
    deferred a = {{state[0]}, 1}, e = {{state[4]}, 1};
    const slk_bit *v[6] = {state[1], state[2], state[3], state[5], state[6], state[7]};
    for (unsigned i = 0; i < 64; i++)
        sha_round(cs, i, &a, &e, v);
    a.operands[a.n++] = state[0];
    e.operands[e.n++] = state[4];
    /* v[1] .. may be words of `state` only after fewer than four rounds, so writing is safe. */
    add_many(cs, state[0], a.operands, a.n);
    for (unsigned i = 1; i < 4; i++)
        add_many(cs, state[i], (const slk_bit *const[]){state[i], v[i - 1]}, 2);
    add_many(cs, state[4], e.operands, e.n);
    for (unsigned i = 5; i < 8; i++)
        add_many(cs, state[i], (const slk_bit *const[]){state[i], v[i - 2]}, 2);
    if (cs->multieq.used > 0)
        multieq_flush(cs);
}

static unsigned pad_message(slk_bit *message, unsigned n_bits)
{
    unsigned n = n_bits;
    message[n++] = SLK_BIT_TRUE;
    while ((n + 64) % 512 != 0)
        message[n++] = SLK_BIT_FALSE;
    for (unsigned i = 64; i-- > 0;)
        message[n++] = slk_bit_const((uint64_t)n_bits >> i & 1);
    return n;
}

void slk_gadget_sha256(slk_cs *cs, slk_bit out[256], unsigned n_bits)
{
    slk_assert(n_bits % 8 == 0 && n_bits + 65 <= SLK_CS_MESSAGE_BITS);
    const unsigned n = pad_message(cs->message, n_bits);
    slk_word state[8];
    for (unsigned i = 0; i < 8; i++)
        word_const(state[i], slk_sha256_iv[i]);
    for (unsigned i = 0; i < n; i += 512)
        compress(cs, state, cs->message + i);
    for (unsigned i = 0; i < 256; i++)
        out[i] = state[i / 32][31 - i % 32];
}
