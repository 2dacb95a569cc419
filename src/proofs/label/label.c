/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/label/label.h"

#include "base/bytes.h"
#include "base/num.h"
#include "crypto/sha256/sha256.h"
#include "crypto/sha256/sha256_label.h"

/* A message is 64 bytes of header and 37 nodes, 1248 bytes; with its padding 20 blocks. */
#define MESSAGE_BITS ((64u + 32u * SLK_LABEL_PARENTS) * 8u)

static void put_header(uint8_t header[64], const uint8_t replica_id[32], unsigned layer)
{
    memset(header, 0, 64);
    memcpy(header, replica_id, 32);
    slk_store_be32(header + 32, layer);
}

static void put_padding(uint8_t out32[32], unsigned bits)
{
    memset(out32, 0, 32);
    out32[0] = 0x80;
    slk_store_be64(out32 + 24, bits);
}

static void hash_node0(const slk_crypto *crypto, uint8_t out32[32], const uint8_t header[64])
{
    slk_sha256_of(crypto, out32, header, 64);
    slk_sha254_trim(out32);
}

/* group: n nodes (6 or 14, a whole number of blocks), repeated to 37 and padded. tail: the last
 * repetition with the padding, 37 mod n nodes and 32 bytes. */
static void hash_groups(const slk_crypto *crypto, uint8_t out32[32], const uint8_t header[64],
                        const uint8_t *group, unsigned n)
{
    uint32_t state[8];
    uint8_t tail[(9 + 1) * 32];
    const size_t rest = SLK_LABEL_PARENTS % n * (size_t)32, blocks = n / 2;
    memcpy(tail, group, rest);
    put_padding(tail + rest, MESSAGE_BITS);
    memcpy(state, slk_sha256_iv, sizeof state);
    slk_sha256_compress(crypto, state, header, 1);
    for (unsigned i = 0; i < SLK_LABEL_PARENTS / n; i++)
        slk_sha256_compress(crypto, state, group, blocks);
    slk_sha256_compress(crypto, state, tail, (rest + 32) / 64);
    slk_sha256_state_bytes(out32, state);
    slk_sha254_trim(out32);
}

void slk_label_node(const slk_crypto *crypto, uint8_t out32[32], const uint8_t replica_id[32],
                    unsigned layer, uint64_t node, const uint8_t *parents, unsigned n)
{
    slk_assert(n == 0 || n == SLK_BASE_PARENTS || n == SLK_PARENTS);
    uint8_t header[64];
    put_header(header, replica_id, layer);
    slk_store_be64(header + 36, node);
    if (n == 0)
        hash_node0(crypto, out32, header);
    else
        hash_groups(crypto, out32, header, parents, n);
}

slk_err slk_label_layer(const slk_label_task *task, slk_job *job, slk_error *error)
{
    slk_assert((task->layer == 1) == (task->previous == NULL));
    const slk_label_kernel *kernel = slk_label_run_kernel(task->crypto);
    slk_label_key key;
    slk_label_key_init(&key, kernel, &task->replica_id, 1, task->layer);
    uint64_t n;
    for (uint64_t node = 0; node < task->nodes; node += n) {
        SLK_TRY(slk_job_check(job, error));
        const uint32_t *rows = slk_rows_take(task->rows, &n);
        if (!rows)
            return SLK_OK;
        const slk_label_chain chain = {.layer = task->out,
                                       .previous = task->previous,
                                       .rows = rows,
                                       .first = node,
                                       .end = node + n,
                                       .ahead = task->rows->table ? task->nodes : node + n};
        slk_label_run(kernel, &chain, &key);
        slk_job_advance(job, n);
        if (task->done && !slk_gate_raise(task->done, task->done_base + chain.end))
            return SLK_OK;
    }
    return SLK_OK;
}
