/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proofs/vanilla/pc1_lane.h"

#include "base/mem.h"

#include <string.h>

void slk_pc1_lane_end(slk_pc1_lane *lane, slk_err code, const slk_error *error)
{
    slk_assert(!lane->ended && !lane->busy[0] && !lane->busy[1]);
    slk_outfile_done(&lane->file);
    slk_digests_done(&lane->digests);
    slk_pc1_end(&lane->work, &lane->request);
    slk_pc1_outcome *outcome = lane->outcome;
    *outcome = (slk_pc1_outcome){.code = code};
    if (code != SLK_OK) {
        outcome->error = *error;
    } else {
        memcpy(outcome->result.comm_d, lane->work.state.comm_d, 32);
        memcpy(outcome->result.replica_id, lane->work.state.replica_id, 32);
        outcome->result.layers_kept = lane->kept;
    }
    lane->ended = true;
    if (lane->options->ended)
        lane->options->ended(lane->options->context, lane->index);
}

unsigned slk_pc1_lane_first_layer(const slk_pc1_lane *lane)
{
    unsigned layer = 1;
    while (layer <= lane->request.sector.proof.shape->layers && slk_pc1_lane_has(lane, layer))
        layer++;
    return layer;
}

bool slk_pc1_lane_has(const slk_pc1_lane *lane, unsigned layer)
{
    return lane->work.state.layers_done >> (layer - 1) & 1;
}

slk_err slk_pc1_lane_open(slk_pc1_lane *lane, unsigned layer, slk_error *error)
{
    lane->turn = 0;
    lane->filled = 0;
    lane->chunks = 0;
    SLK_TRY(slk_digests_init(&lane->digests, lane->request.env.crypto,
                             lane->request.sector.proof.shape->bytes, error));
    SLK_TRY(slk_pc1_layer_open(&lane->file, &lane->request, layer, error));
    slk_outfile_direct(&lane->file); /* the layers of a batch do not fit into memory */
    return SLK_OK;
}

bool slk_pc1_lane_writes(const slk_pc1_lane *lane)
{
    return !lane->ended && lane->file.fd >= 0;
}

uint8_t *slk_pc1_lane_nodes(const slk_pc1_lane *lane)
{
    slk_assert(!lane->busy[lane->turn]);
    return lane->chunk[lane->turn] + lane->filled;
}

void slk_pc1_lane_advance(slk_pc1_lane *lane, slk_aio *aio, unsigned number, size_t n)
{
    lane->filled += 32 * n;
    const size_t chunk_bytes = slk_digests_chunk_bytes(&lane->digests, lane->chunks);
    if (lane->filled < chunk_bytes)
        return;
    slk_assert(lane->filled == chunk_bytes);
    const uint8_t *chunk = lane->chunk[lane->turn];
    slk_digests_take(&lane->digests, lane->chunks, chunk);
    const bool whole = chunk_bytes % SLK_AIO_DIRECT_BYTES == 0 && lane->file.direct_fd >= 0;
    slk_aio_write(aio, whole ? lane->file.direct_fd : lane->file.fd, chunk, chunk_bytes,
                  lane->chunks * SLK_DIGEST_CHUNK_BYTES, lane->file.temp,
                  2 * (uint64_t)number + lane->turn);
    lane->busy[lane->turn] = true;
    lane->turn ^= 1;
    lane->filled = 0;
    lane->chunks++;
}

slk_err slk_pc1_lane_commit(slk_pc1_lane *lane, unsigned layer, slk_error *error)
{
    uint8_t digest[32];
    slk_assert(lane->chunks == slk_digests_chunks(&lane->digests));
    slk_digests_final(&lane->digests, digest);
    slk_digests_done(&lane->digests);
    SLK_TRY(slk_pc1_layer_commit(&lane->work, &lane->request, layer, &lane->file, digest, error));
    slk_outfile_done(&lane->file);
    return SLK_OK;
}
