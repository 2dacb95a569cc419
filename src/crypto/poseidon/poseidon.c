/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/poseidon/poseidon.h"

#include "crypto/crypto_impl.h"

static const slk_poseidon_table *table_of(const slk_crypto *crypto, unsigned arity)
{
    for (size_t i = 0; i < SLK_POSEIDON_ARITIES; i++)
        if (crypto->poseidon_tables[i].params.arity == arity)
            return &crypto->poseidon_tables[i];
    slk_assert(!"an arity Filecoin does not use");
    return NULL;
}

const slk_poseidon_params *slk_poseidon_params_of(const slk_crypto *crypto, unsigned arity)
{
    return &table_of(crypto, arity)->params;
}

void slk_poseidon_hash(const slk_crypto *crypto, unsigned arity, slk_fr *out, const slk_fr *in)
{
    crypto->poseidon->hash(table_of(crypto, arity), out, in);
}

void slk_poseidon_batch(const slk_crypto *crypto, unsigned arity, uint8_t *out, const uint8_t *in,
                        size_t n)
{
    slk_poseidon_nodes nodes = {.stride = (size_t)32 * arity};
    const slk_poseidon_table *table = table_of(crypto, arity);
    for (unsigned k = 0; k < arity; k++)
        nodes.in[k] = in + (size_t)32 * k;
    crypto->poseidon->many(table, out, &nodes, n);
}

void slk_poseidon_columns(const slk_crypto *crypto, unsigned arity, uint8_t *out,
                          const uint8_t *const *layer, size_t n)
{
    slk_poseidon_nodes nodes = {.stride = 32};
    const slk_poseidon_table *table = table_of(crypto, arity);
    for (unsigned k = 0; k < arity; k++)
        nodes.in[k] = layer[k];
    crypto->poseidon->many(table, out, &nodes, n);
}
