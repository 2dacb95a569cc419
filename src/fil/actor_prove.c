/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ProveCommitSectors3: CBOR both ways. */
#include "fil/actor.h"

#include "base/mem.h"

#include <string.h>

static slk_err put_piece(slk_buf *out, const slk_piece_activation *piece)
{
    slk_assert(piece->n_notify <= 1);
    SLK_TRY(slk_cbor_put_array(out, 4));
    SLK_TRY(slk_cbor_put_cid(out, &piece->cid));
    SLK_TRY(slk_cbor_put_uint(out, piece->size_bytes));
    if (piece->has_allocation) {
        SLK_TRY(slk_cbor_put_array(out, 2));
        SLK_TRY(slk_cbor_put_uint(out, piece->client_id));
        SLK_TRY(slk_cbor_put_uint(out, piece->allocation_id));
    } else {
        SLK_TRY(slk_cbor_put_null(out));
    }
    SLK_TRY(slk_cbor_put_array(out, piece->n_notify));
    if (piece->n_notify == 0)
        return SLK_OK;
    SLK_TRY(slk_cbor_put_array(out, 2));
    SLK_TRY(slk_address_put_cbor(out, &piece->notify_to));
    return slk_cbor_put_bytes(out, piece->notify_payload, piece->notify_payload_bytes);
}

slk_err slk_prove_commit_params_encode(slk_buf *out, const slk_prove_commit *params)
{
    SLK_TRY(slk_cbor_put_array(out, 6));
    SLK_TRY(slk_cbor_put_array(out, params->n_sectors));
    for (size_t i = 0; i < params->n_sectors; i++) {
        const slk_sector_activation *sector = &params->sectors[i];
        SLK_TRY(slk_cbor_put_array(out, 2));
        SLK_TRY(slk_cbor_put_uint(out, sector->sector_number));
        SLK_TRY(slk_cbor_put_array(out, sector->n_pieces));
        for (size_t j = 0; j < sector->n_pieces; j++)
            SLK_TRY(put_piece(out, &sector->pieces[j]));
    }
    SLK_TRY(slk_cbor_put_array(out, params->n_proofs));
    for (size_t i = 0; i < params->n_proofs; i++)
        SLK_TRY(slk_cbor_put_bytes(out, params->proofs[i].data, params->proofs[i].n));
    SLK_TRY(slk_cbor_put_bytes(out, params->aggregate.data, params->aggregate.n));
    if (params->has_aggregate_type)
        SLK_TRY(slk_cbor_put_int(out, params->aggregate_type));
    else
        SLK_TRY(slk_cbor_put_null(out));
    SLK_TRY(slk_cbor_put_bool(out, params->require_activation_success));
    return slk_cbor_put_bool(out, params->require_notification_success);
}

#define NOTIFY_MAX 256u
#define NOTIFY_PAYLOAD_MAX 65536u

static slk_err get_notify(slk_cbor *c, slk_piece_activation *piece, slk_error *error)
{
    SLK_TRY(slk_cbor_get_array(c, &piece->n_notify, NOTIFY_MAX, "Notify", error));
    for (uint64_t i = 0; i < piece->n_notify; i++) {
        slk_address to;
        const uint8_t *payload;
        size_t n;
        SLK_TRY(slk_cbor_get_tuple(c, 2, "Notify", error));
        SLK_TRY(slk_address_get_cbor(c, &to, "Notify address", error));
        SLK_TRY(slk_cbor_get_bytes(c, &payload, &n, NOTIFY_PAYLOAD_MAX, "Notify payload", error));
        if (i > 0)
            continue;
        piece->notify_to = to;
        piece->notify_payload = payload;
        piece->notify_payload_bytes = n;
    }
    return SLK_OK;
}

static slk_err get_piece(slk_cbor *c, slk_piece_activation *piece, slk_error *error)
{
    SLK_TRY(slk_cbor_get_tuple(c, 4, "piece", error));
    SLK_TRY(slk_cbor_get_cid(c, &piece->cid, "piece CID", error));
    SLK_TRY(slk_cbor_get_uint(c, &piece->size_bytes, "piece size", error));
    piece->has_allocation = !slk_cbor_take_null(c);
    if (piece->has_allocation) {
        SLK_TRY(slk_cbor_get_tuple(c, 2, "VerifiedAllocationKey", error));
        SLK_TRY(slk_cbor_get_uint(c, &piece->client_id, "client", error));
        SLK_TRY(slk_cbor_get_uint(c, &piece->allocation_id, "allocation", error));
    }
    return get_notify(c, piece, error);
}

/* Reads the sectors twice: once to count pieces, once into memory of that size. */
static slk_err count_pieces(slk_cbor c, uint64_t n_sectors, size_t *ret_pieces, slk_error *error)
{
    uint64_t total = 0, number, n;
    for (uint64_t i = 0; i < n_sectors; i++) {
        slk_piece_activation piece = {0};
        SLK_TRY(slk_cbor_get_tuple(&c, 2, "SectorActivation", error));
        SLK_TRY(slk_cbor_get_uint(&c, &number, "SectorNumber", error));
        SLK_TRY(slk_cbor_get_array(&c, &n, SLK_PIECES_MAX, "Pieces", error));
        for (uint64_t j = 0; j < n; j++)
            SLK_TRY(get_piece(&c, &piece, error));
        total += n;
    }
    *ret_pieces = (size_t)total;
    return SLK_OK;
}

static slk_err get_sectors(slk_cbor *c, slk_prove_commit_decoded *d, slk_error *error)
{
    uint64_t n_sectors;
    size_t n_pieces, used = 0;
    SLK_TRY(slk_cbor_get_array(c, &n_sectors, SLK_PROVE_MAX_SECTORS, "SectorActivations", error));
    SLK_TRY(count_pieces(*c, n_sectors, &n_pieces, error));
    d->sectors = slk_calloc(n_sectors, sizeof *d->sectors);
    d->pieces = slk_calloc(n_pieces, sizeof *d->pieces);
    if (d->sectors == NULL || d->pieces == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for prove-commit parameters");
    for (uint64_t i = 0; i < n_sectors; i++) {
        uint64_t n;
        SLK_TRY(slk_cbor_get_tuple(c, 2, "SectorActivation", error));
        SLK_TRY(slk_cbor_get_uint(c, &d->sectors[i].sector_number, "SectorNumber", error));
        SLK_TRY(slk_cbor_get_array(c, &n, SLK_PIECES_MAX, "Pieces", error));
        d->sectors[i].pieces = d->pieces + used;
        d->sectors[i].n_pieces = (size_t)n;
        for (uint64_t j = 0; j < n; j++)
            SLK_TRY(get_piece(c, &d->pieces[used++], error));
    }
    d->params.sectors = d->sectors;
    d->params.n_sectors = (size_t)n_sectors;
    return SLK_OK;
}

static slk_err get_proofs(slk_cbor *c, slk_prove_commit_decoded *d, slk_error *error)
{
    uint64_t n;
    SLK_TRY(slk_cbor_get_array(c, &n, SLK_PROVE_MAX_SECTORS, "SectorProofs", error));
    d->proofs = slk_calloc(n, sizeof *d->proofs);
    if (d->proofs == NULL)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for prove-commit parameters");
    for (uint64_t i = 0; i < n; i++)
        SLK_TRY(slk_cbor_get_bytes(c, &d->proofs[i].data, &d->proofs[i].n, SLK_PROOF_MAX_BYTES,
                                   "SectorProofs", error));
    d->params.proofs = d->proofs;
    d->params.n_proofs = (size_t)n;
    return SLK_OK;
}

static slk_err get_params(slk_cbor *c, slk_prove_commit_decoded *d, slk_error *error)
{
    slk_prove_commit *p = &d->params;
    SLK_TRY(slk_cbor_get_tuple(c, 6, "ProveCommitSectors3", error));
    SLK_TRY(get_sectors(c, d, error));
    SLK_TRY(get_proofs(c, d, error));
    SLK_TRY(slk_cbor_get_bytes(c, &p->aggregate.data, &p->aggregate.n, SLK_PROOF_MAX_BYTES,
                               "AggregateProof", error));
    p->has_aggregate_type = !slk_cbor_take_null(c);
    if (p->has_aggregate_type)
        SLK_TRY(slk_cbor_get_int(c, &p->aggregate_type, "AggregateProofType", error));
    SLK_TRY(
        slk_cbor_get_bool(c, &p->require_activation_success, "RequireActivationSuccess", error));
    SLK_TRY(slk_cbor_get_bool(c, &p->require_notification_success, "RequireNotificationSuccess",
                              error));
    return slk_cbor_end(c, "ProveCommitSectors3", error);
}

slk_err slk_prove_commit_params_decode(slk_prove_commit_decoded *ret_params, const uint8_t *in,
                                       size_t n, slk_error *error)
{
    slk_cbor c = slk_cbor_over(in, n);
    slk_prove_commit_decoded d = {0};
    slk_err code = get_params(&c, &d, error);
    if (code != SLK_OK) {
        slk_prove_commit_decoded_done(&d);
        return code;
    }
    *ret_params = d;
    return SLK_OK;
}

void slk_prove_commit_decoded_done(slk_prove_commit_decoded *params)
{
    slk_free(params->sectors);
    slk_free(params->pieces);
    slk_free(params->proofs);
    *params = (slk_prove_commit_decoded){0};
}
