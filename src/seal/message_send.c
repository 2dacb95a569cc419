/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A closed batch on its way: priced, rehearsed, pushed, searched, pushed again, given a higher fee. */
#include "seal/client_chain_impl.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"

#include <string.h>

/* A message that waits longer than so many epochs, and than so long, gets a higher fee.
 * source: reference/chain 1.8 */
#define STUCK_EPOCHS 10
#define STUCK_MS 60000
/* A node that stays away so long is not waited for: another one is given the message. */
#define NODE_PATIENCE_MS (10 * 60 * 1000)

static slk_seal_message message_of(const slk_batch *b)
{
    return (slk_seal_message){.kind = b->kind,
                              .sp_id = b->sp_id,
                              .sectors = b->sectors,
                              .params = b->params.data,
                              .params_bytes = b->params.len,
                              .value = b->value,
                              .uuid = b->uuid,
                              .node = b->node};
}

/* The message is out: the sector takes its edge. */
static slk_err is_sent(slk_look *l, const slk_batch *b, slk_error *error)
{
    slk_chain_output *out = slk_chain_output_new(l->task);
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    memcpy(out->cid, b->cid, sizeof out->cid);
    l->task->event = b->kind == SLK_SEAL_PRECOMMIT ? SLK_EV_PRECOMMIT_SENT : SLK_EV_COMMIT_SENT;
    slk_task_note(l->task, "message %s for %lu sector%s", b->cid, (unsigned long)b->sectors,
                  b->sectors == 1 ? "" : "s");
    return SLK_OK;
}

static slk_err adopt(slk_look *l, slk_batch *b, slk_seal_sent *sent, slk_error *error)
{
    SLK_TRY(slk_batch_note_sent(l->seal, b, sent, error));
    SLK_TRY(slk_seal_crash_point(l->seal, "batch.noted", error));
    return is_sent(l, b, error);
}

/* ---- refused ---- */

/* Would the chain take the message for this sector alone? An answer only when there is one. */
static slk_err passes_alone(bool *ret_passes, slk_look *l, const slk_batch *b,
                            const slk_batch_member *member, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf params;
    slk_buf_init(&params, 4096);
    SLK_TRY(slk_batch_encode(&params, b->kind, member, 1, error));
    char value[SLK_SEAL_ATTO_CHARS] = "";
    slk_seal_message message = message_of(b);
    message.sectors = 1;
    message.params = params.data;
    message.params_bytes = params.len;
    message.value = value;
    slk_error why = {0};
    bool executes = false;
    slk_err code = l->chain->price(l->chain->ctx, value, &message, &why);
    if (code == SLK_OK)
        code = l->chain->rehearse(l->chain->ctx, &executes, &message, &why);
    *ret_passes = executes; /* what gas costs now is not the question */
    if (executes || code == SLK_E_CONFLICT)
        return SLK_OK;
    *error = why;
    return code;
}

/* Those refused alone get groups of their own, the rest stays together; where each passes alone it
 * is their number that is refused (too much gas), and each half goes by itself. A group is named by
 * a member of its own, so that no two have the same name. */
static slk_err regroup(slk_look *l, const slk_batch *b, slk_batch_members *m, uint64_t *ret_refused,
                       slk_error *error)
{
    SLK_CLEANUP(slk_freep) bool *passes = slk_calloc(m->n, sizeof *passes);
    if (!passes)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    *ret_refused = 0;
    for (size_t i = 0; i < m->n; i++) {
        SLK_TRY(passes_alone(&passes[i], l, b, &m->list[i], error));
        *ret_refused += passes[i] ? 0 : 1;
        SLK_TRY(slk_job_check(&l->task->job, error));
    }
    size_t group_of[2] = {SIZE_MAX, SIZE_MAX}; /* first member of the rest, or of each half */
    for (size_t i = 0; i < m->n; i++) {
        size_t *first = &group_of[*ret_refused == 0 && i >= (m->n + 1) / 2];
        if (passes[i] && *first == SIZE_MAX)
            *first = i;
        const slk_batch_member *name = passes[i] ? &m->list[*first] : &m->list[i];
        m->list[i].group = slk_i64(name->precommit.sector_number) + 1;
    }
    return SLK_OK;
}

/* Has the chain a record of any of them? Then the message was executed, and each finds its own. */
static slk_err any_on_chain(bool *ret_any, slk_look *l, const slk_batch *b,
                            const slk_batch_members *m, slk_error *error)
{
    *ret_any = false;
    for (size_t i = 0; i < m->n && !*ret_any; i++) {
        slk_seal_precommit_info precommit;
        slk_seal_sector_info sector;
        const uint64_t number = m->list[i].precommit.sector_number;
        SLK_TRY(l->chain->precommit_info(l->chain->ctx, &precommit, l->task->sp_id, number, error));
        SLK_TRY(l->chain->sector_info(l->chain->ctx, &sector, l->task->sp_id, number, error));
        *ret_any = sector.found || (precommit.found && b->kind == SLK_SEAL_PRECOMMIT);
    }
    return SLK_OK;
}

/* The chain refuses the message. Unless an earlier try of it is out, its sectors part; they wait
 * while the node that may have taken it does not say. */
static slk_err refused(slk_look *l, slk_batch *b, const slk_error *why, slk_error *error)
{
    if (b->tries > 0) {
        SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent sent = {0};
        const slk_seal_message message = message_of(b);
        bool found = false, asked = false;
        SLK_TRY(l->chain->find_pending(l->chain->ctx, &found, &asked, &sent, &message, error));
        if (found)
            return adopt(l, b, &sent, error);
        if (!asked)
            return slk_fail(error, SLK_E_BUSY,
                            "node %s may hold the message and does not show its pool", b->node);
    }
    SLK_CLEANUP(slk_batch_members_done) slk_batch_members m = {0};
    SLK_TRY(slk_batch_members_read(&m, l->seal, b, false, error));
    bool landed = false;
    if (b->sectors > 1 && b->tries > 0)
        SLK_TRY(any_on_chain(&landed, l, b, &m, error));
    if (b->sectors == 1 || landed) {
        *error = *why;
        return why->code;
    }
    uint64_t alone = 0;
    SLK_TRY(regroup(l, b, &m, &alone, error));
    SLK_TRY(slk_seal_crash_point(l->seal, "batch.regrouped", error));
    SLK_TRY(slk_batch_dissolve(l->seal, b, &m, error));
    slk_log(SLK_LOG_WARN, "batch.refused", "batch=%s sectors=%lu refused_alone=%lu why=\"%s\"",
            b->uuid, (unsigned long)b->sectors, (unsigned long)alone,
            slk_error_text(why, why->code));
    return slk_task_wait(l->task, 1,
                         "the chain refuses the message for %lu sectors, %lu of them "
                         "also alone: they part",
                         (unsigned long)b->sectors, (unsigned long)alone);
}

/* ---- sending ---- */

/* Before every try what it costs now; before the first whether the chain would take it. After that the
 * message may be out, and only the node itself can refuse it. */
static slk_err prepare(slk_look *l, slk_batch *b, slk_error *error)
{
    slk_seal_message message = message_of(b);
    char value[SLK_SEAL_ATTO_CHARS] = "";
    bool executes = false;
    const slk_err code = l->chain->price(l->chain->ctx, value, &message, error);
    if (code == SLK_E_CONFLICT && b->tries > 0)
        return SLK_OK;
    SLK_TRY(code);
    memcpy(b->value, value, sizeof value);
    return b->tries > 0 ? SLK_OK : l->chain->rehearse(l->chain->ctx, &executes, &message, error);
}

/* The node it was tried on may have the message, and no other can know its uuid; only when it stays
 * away another one is taken. Two messages may then exist: the chain takes one of them. */
static slk_err pick_node(slk_look *l, slk_batch *b, char ret_node[SLK_SEAL_NODE_CHARS],
                         slk_error *error)
{
    const bool patient = b->node[0] && slk_seal_age(l->seal, b->tried_ms) < NODE_PATIENCE_MS;
    const slk_seal_message message = message_of(b);
    memcpy(ret_node, b->node, sizeof b->node);
    return patient ? SLK_OK : l->chain->choose_node(l->chain->ctx, ret_node, &message, error);
}

static slk_err push(slk_look *l, slk_batch *b, slk_seal_sent *sent, slk_error *error)
{
    char node[SLK_SEAL_NODE_CHARS] = "";
    SLK_TRY(pick_node(l, b, node, error));
    if (b->node[0] && strcmp(node, b->node) != 0)
        slk_log(SLK_LOG_WARN, "batch.other_node", "batch=%s was=%s now=%s", b->uuid, b->node, node);
    SLK_TRY(slk_batch_note_try(l->seal, b, node, b->value, error));
    SLK_TRY(slk_seal_crash_point(l->seal, "batch.try_noted", error));
    const slk_seal_message message = message_of(b);
    SLK_TRY(l->chain->send(l->chain->ctx, sent, &message, error));
    return slk_seal_crash_point(l->seal, "batch.pushed", error);
}

/* Tried before without an answer: another node's pool may know what became of it. */
static slk_err look_for_it(bool *ret_found, slk_look *l, slk_batch *b, slk_seal_sent *sent,
                           slk_error *error)
{
    const slk_seal_message message = message_of(b);
    bool asked = false;
    *ret_found = false;
    if (b->tries == 0)
        return SLK_OK;
    return l->chain->find_pending(l->chain->ctx, ret_found, &asked, sent, &message, error);
}

static slk_err send(slk_look *l, slk_batch *b, slk_error *error)
{
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent sent = {0};
    bool found = false;
    SLK_TRY(look_for_it(&found, l, b, &sent, error));
    if (found)
        return adopt(l, b, &sent, error);
    slk_error why = {0};
    slk_err code = prepare(l, b, &why);
    if (code == SLK_OK)
        code = push(l, b, &sent, &why);
    if (code == SLK_OK)
        return adopt(l, b, &sent, error);
    if (code == SLK_E_CONFLICT)
        return refused(l, b, &why, error);
    *error = why;
    return code;
}

/* A sector was given up after the batch was closed, and nothing was tried yet: the others go
 * without it. */
static slk_err lost_a_member(bool *ret_lost, slk_look *l, const slk_batch *b, slk_error *error)
{
    SLK_CLEANUP(slk_batch_members_done) slk_batch_members m = {0};
    SLK_TRY(slk_batch_members_read(&m, l->seal, b, false, error));
    *ret_lost = b->tries == 0 && m.n != b->sectors;
    if (!*ret_lost)
        return SLK_OK;
    for (size_t i = 0; i < m.n; i++)
        m.list[i].group = slk_i64(m.list[0].precommit.sector_number) + 1;
    SLK_TRY(slk_batch_dissolve(l->seal, b, &m, error));
    return slk_task_wait(l->task, 1, "%lu of the %lu sectors of the message are left: a new one",
                         (unsigned long)m.n, (unsigned long)b->sectors);
}

static slk_err send_closed(slk_look *l, const char *uuid, slk_error *error)
{
    SLK_CLEANUP(slk_batch_done) slk_batch b = {0};
    SLK_TRY(slk_batch_read(&b, l->seal, uuid, error));
    if (b.cid[0])
        return is_sent(l, &b, error);
    uint64_t leader = 0;
    SLK_TRY(slk_batch_leader(&leader, l->seal, &b, false, error));
    if (leader != l->task->number)
        return slk_task_wait(l->task, slk_look_again_ms(l),
                             "sector %lu sends the message for %lu sectors", (unsigned long)leader,
                             (unsigned long)b.sectors);
    bool lost = false;
    SLK_TRY(lost_a_member(&lost, l, &b, error));
    return lost ? SLK_OK : send(l, &b, error);
}

slk_err slk_batch_step(slk_look *l, slk_seal_message_kind kind, slk_error *error)
{
    const slk_seal_batching *limits = &slk_seal_get_options(l->seal)->batching[kind];
    char uuid[40] = "";
    memcpy(uuid, kind == SLK_SEAL_PRECOMMIT ? l->row.precommit_uuid : l->row.commit_uuid,
           sizeof uuid);
    if (!uuid[0]) {
        const bool urgent = slk_look_epochs_left(l, kind) <= limits->slack_epochs;
        int64_t wait_ms = 0;
        SLK_TRY(slk_batch_join(uuid, &wait_ms, l->seal, kind, &l->row, &l->net, urgent, error));
        if (!uuid[0])
            return slk_task_wait(l->task, wait_ms, "waits for other sectors, to share a %s message",
                                 slk_seal_message_kind_name(kind));
        SLK_TRY(slk_seal_crash_point(l->seal, "batch.closed", error));
    }
    return send_closed(l, uuid, error);
}

/* ---- until it lands ---- */

slk_err slk_batch_search(slk_seal_landing *ret_landing, slk_batch *b, slk_seal *seal,
                         slk_error *error)
{
    const slk_seal_chain *chain = &slk_seal_get_ops(seal)->chain;
    slk_seal_landing landing = {0};
    SLK_TRY(chain->search(chain->ctx, &landing, b->cid, error));
    const bool elsewhere = landing.kind == SLK_SEAL_UNKNOWN || landing.kind == SLK_SEAL_REPLACED;
    if (elsewhere && b->earlier_cid[0]) {
        slk_seal_landing earlier = {0};
        SLK_TRY(chain->search(chain->ctx, &earlier, b->earlier_cid, error));
        if (earlier.kind == SLK_SEAL_LANDED)
            landing = earlier;
    }
    if (landing.kind == SLK_SEAL_LANDED)
        SLK_TRY(slk_batch_note_landed(seal, b, &landing, error));
    *ret_landing = landing;
    return SLK_OK;
}

static slk_err wait_for_it(slk_look *l, const slk_batch *b, const char *more)
{
    return slk_task_wait(l->task, slk_look_again_ms(l), "waiting for the %s message to land%s%s",
                         slk_seal_message_kind_name(b->kind), *more ? ": " : "", more);
}

static slk_err raise_fee(slk_look *l, slk_batch *b, slk_error *error)
{
    SLK_CLEANUP(slk_seal_sent_done) slk_seal_sent sent = {0};
    slk_error why = {0};
    const slk_err code = l->chain->raise_fee(l->chain->ctx, &sent, b->kind, b->sectors,
                                             slk_buf_str(&b->signed_json), &why);
    if (code != SLK_OK)
        return wait_for_it(l, b, slk_error_text(&why, code));
    /* Stored before it is pushed: whichever of the two lands, it is known. */
    SLK_TRY(slk_batch_note_sent(l->seal, b, &sent, error));
    SLK_TRY(slk_seal_crash_point(l->seal, "batch.fee_noted", error));
    SLK_TRY(l->chain->push_again(l->chain->ctx, sent.signed_json, error));
    return wait_for_it(l, b, "it was stuck, its fee was raised");
}

slk_err slk_batch_urge(slk_look *l, slk_batch *b, const slk_seal_landing *landing, slk_error *error)
{
    if (landing->kind == SLK_SEAL_UNKNOWN) {
        SLK_TRY(l->chain->push_again(l->chain->ctx, slk_buf_str(&b->signed_json), error));
        return wait_for_it(l, b, "the node had lost it, it was pushed again");
    }
    int64_t stuck_ms = STUCK_EPOCHS * l->net.epoch_ms;
    stuck_ms = stuck_ms > STUCK_MS ? stuck_ms : STUCK_MS;
    uint64_t leader = 0;
    if (slk_seal_age(l->seal, b->sent_ms) < stuck_ms ||
        slk_batch_leader(&leader, l->seal, b, true, NULL) != SLK_OK || leader != l->task->number)
        return wait_for_it(l, b, "");
    return raise_fee(l, b, error);
}
