/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Admission: may this partner have one more sector sealed here, now? */
#include "base/log.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/disk.h"
#include "seal/load_impl.h"
#include "seal/provider.h"
#include "seal/rows_impl.h"

#include <stdio.h>
#include <string.h>

/* What the wire's reference says in these two cases, to the letter. */
#define REFUSED_PROOF "proof type %ld not allowed for this partner"
#define REFUSED_SLOT "invalid or expired slot token"
/* The same for a full house and for a sector that is another partner's: neither is told. */
#define REFUSED_FULL "there is no capacity for this sector"

#define SECTORS "CAST(COALESCE(sum(sectors), 0) AS BIGINT)"
/* A promise that ends further ahead than one made now could is from before the clock was set back ($2 is
 * now, $3 the bound): it is over, too. */
static const slk_sql read_room = {
    "admission.room",
    "SELECT p.allowance_remaining, p.allowance_total, p.allowed_proof_types, p.expires_ms,"
    " (SELECT " SECTORS " FROM rseal_provider_load WHERE partner_id = p.id),"
    " (SELECT count(*) FROM rseal_provider_slots WHERE partner_id = p.id AND expires_ms > $2"
    "  AND expires_ms <= $3),"
    " (SELECT " SECTORS " FROM rseal_provider_load),"
    " (SELECT count(*) FROM rseal_provider_slots WHERE expires_ms > $2 AND expires_ms <= $3),"
    " (SELECT count(*) FROM rseal_partner_miners WHERE partner_id = p.id),"
    " (SELECT count(*) FROM rseal_partner_miners m WHERE m.partner_id = p.id AND"
    "  (m.max_sectors = 0 OR m.max_sectors > (SELECT " SECTORS " FROM rseal_provider_load r"
    "   WHERE r.partner_id = p.id AND r.sp_id = m.sp_id))),"
    " (SELECT count(*) FROM provider_setting WHERE name = 'draining' AND value <> 0),"
    " p.permits_only"
    " FROM rseal_delegated_partners p WHERE p.id = $1"};
static const slk_sql read_miner = {
    "admission.miner", "SELECT m.max_sectors, (SELECT " SECTORS " FROM rseal_provider_load r"
                       " WHERE r.partner_id = m.partner_id AND r.sp_id = m.sp_id)"
                       " FROM rseal_partner_miners m WHERE m.partner_id = $1 AND m.sp_id = $2"};
static const slk_sql read_permit = {
    "admission.permit", "SELECT withheld FROM rseal_partner_permits WHERE partner_id = $1"
                        " AND sp_id = $2 AND sector_number = $3 AND reg_seal_proof = $4"};
static const slk_sql may_order = {"admission.may_order",
                                  "SELECT allowed_proof_types FROM rseal_delegated_partners"
                                  " WHERE allowance_remaining > 0"
                                  " AND (expires_ms = 0 OR expires_ms > $1)"};
static const slk_sql drop_expired = {"admission.expire",
                                     "DELETE FROM rseal_provider_slots WHERE expires_ms <= $1"
                                     " OR expires_ms > $2"};
/* Every admission passes through this one row: two that counted the same room at once meet here, not
 * only when they commit. */
static const slk_sql pass_door = {
    "admission.door", "UPDATE seal_sequence SET value = value + 1 WHERE name = 'admission'"};
static const slk_sql insert_slot = {"admission.slot",
                                    "INSERT INTO rseal_provider_slots (slot_token, partner_id,"
                                    " expires_ms, reserved_bytes) VALUES ($1, $2, $3, $4)"};
static const slk_sql use_slot = {"admission.use_slot",
                                 "DELETE FROM rseal_provider_slots WHERE slot_token = $1"
                                 " AND partner_id = $2 AND expires_ms > $3 AND expires_ms <= $4"};
static const slk_sql find_order = {"admission.find",
                                   "SELECT partner_id, state FROM rseal_provider_pipeline"
                                   " WHERE sp_id = $1 AND sector_number = $2"};
static const slk_sql take_allowance = {
    "admission.allowance",
    "UPDATE rseal_delegated_partners SET allowance_remaining = allowance_remaining - 1,"
    " updated_at = $2 WHERE id = $1 AND allowance_remaining > 0"};
static const slk_sql insert_order = {
    "admission.order",
    "INSERT INTO rseal_provider_pipeline (sp_id, sector_number, partner_id, create_time,"
    " reg_seal_proof, state, state_ms, sector_bytes, reserved_bytes, withheld)"
    " VALUES ($1, $2, $3, $4, $5, 'ordered', $4, $6, $7, $8)"};

/* ---- what there is room for ---- */

typedef struct room {
    int64_t remaining, total, expires_ms;
    int64_t active, slots, all_active, all_slots;
    int64_t miners, miners_open; /* it may order for, and those of them below their limit */
    bool draining;
    bool permits_only;
    char proofs[256];
} room;

slk_err slk_seal_collect_slots(slk_db *db, const slk_seal *seal, int64_t now_ms, slk_error *error)
{
    return slk_sql_run(db, &drop_expired,
                       SLK_ARGS(slk_arg_i(now_ms), slk_arg_i(slk_seal_slot_bound(seal, now_ms))),
                       NULL, error);
}

static slk_err room_read(room *ret, slk_db *db, const slk_seal *seal, int64_t partner_id,
                         slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    const int64_t now = slk_seal_now(seal);
    SLK_TRY(slk_sql_row(
        &q, db, &read_room,
        SLK_ARGS(slk_arg_i(partner_id), slk_arg_i(now), slk_arg_i(slk_seal_slot_bound(seal, now))),
        "partner", error));
    *ret = (room){.remaining = slk_column_i64(&q, 0),
                  .total = slk_column_i64(&q, 1),
                  .expires_ms = slk_column_i64(&q, 3),
                  .active = slk_column_i64(&q, 4),
                  .slots = slk_column_i64(&q, 5),
                  .all_active = slk_column_i64(&q, 6),
                  .all_slots = slk_column_i64(&q, 7),
                  .miners = slk_column_i64(&q, 8),
                  .miners_open = slk_column_i64(&q, 9),
                  .draining = slk_column_i64(&q, 10) > 0,
                  .permits_only = slk_column_bool(&q, 11)};
    slk_sql_copy_text(ret->proofs, sizeof ret->proofs, &q, 2);
    return SLK_OK;
}

static bool proof_allowed(const slk_seal *seal, const room *r, int64_t seal_proof)
{
    const slk_seal_options *options = slk_seal_get_options(seal);
    bool offered = false;
    for (size_t i = 0; i < options->seal_proofs_n; i++)
        offered = offered || options->seal_proofs[i] == seal_proof;
    if (!offered || r->proofs[0] == '\0')
        return offered;
    char wanted[32];
    (void)snprintf(wanted, sizeof wanted, ",%ld,", (long)seal_proof);
    return strstr(r->proofs, wanted) != NULL;
}

/* Disk for the largest sector the partner may order: which one it will be is not known yet. */
static uint64_t slot_bytes(const slk_seal *seal, const room *r)
{
    const slk_seal_options *options = slk_seal_get_options(seal);
    uint64_t most = 0;
    for (size_t i = 0; i < options->seal_proofs_n; i++) {
        uint64_t bytes = slk_disk_peak_bytes(options->seal_proofs[i]);
        if (proof_allowed(seal, r, options->seal_proofs[i]) && bytes > most)
            most = bytes;
    }
    return most;
}

slk_err slk_provider_largest_order(uint64_t *ret_bytes, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    uint64_t most = 0;
    bool row = false;
    SLK_TRY(slk_sql_open(&q, slk_seal_db(seal), &may_order, SLK_ARGS(slk_arg_i(slk_seal_now(seal))),
                         error));
    for (;;) {
        room r = {0};
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        slk_sql_copy_text(r.proofs, sizeof r.proofs, &q, 0);
        most = slk_max_u64(most, slot_bytes(seal, &r));
    }
    *ret_bytes = most;
    return SLK_OK;
}

/* Why the partner gets nothing new, whatever it asks for; NULL when it may. */
static const char *terms_refusal(const slk_seal *seal, const room *r)
{
    if (r->draining)
        return "draining: this provider takes no new orders now";
    if (r->expires_ms > 0 && slk_seal_now(seal) >= r->expires_ms)
        return "the agreement with this partner has ended";
    return NULL;
}

/* Why there is no place beside everything sealed and promised; NULL when there is. */
static const char *room_refusal(const slk_seal *seal, const room *r)
{
    if (r->remaining <= r->slots)
        return "the partner's allowance is used up";
    if (r->active + r->slots >= r->total)
        return "the partner has as many sectors here as its allowance lets: clean one up first";
    if (slk_u64(r->all_active + r->all_slots) >= slk_seal_get_options(seal)->capacity_sectors)
        return REFUSED_FULL;
    return NULL;
}

static slk_err disk_left(bool *ret_left, slk_db *db, const slk_seal *seal, uint64_t bytes,
                         slk_error *error)
{
    slk_disk disk;
    SLK_TRY(slk_disk_look(&disk, db, seal, error));
    *ret_left = slk_disk_left_bytes(&disk) >= bytes;
    return SLK_OK;
}

/* ---- available ---- */

struct available {
    slk_seal *seal;
    int64_t partner_id;
    bool available;
    char slot_token[SLK_SLOT_CHARS];
};

/* Looks without changing anything. */
static slk_err find_room(struct available *a, uint64_t *ret_bytes, slk_db *db, slk_error *error)
{
    room r;
    SLK_TRY(room_read(&r, db, a->seal, a->partner_id, error));
    *ret_bytes = slot_bytes(a->seal, &r);
    a->available = !terms_refusal(a->seal, &r) && !room_refusal(a->seal, &r) &&
                   (r.miners == 0 || r.miners_open > 0) && *ret_bytes > 0;
    return a->available ? disk_left(&a->available, db, a->seal, *ret_bytes, error) : SLK_OK;
}

static slk_err available_body(slk_db *db, void *context, slk_error *error)
{
    struct available *a = context;
    uint64_t bytes = 0;
    SLK_TRY(find_room(a, &bytes, db, error));
    if (!a->available)
        return SLK_OK;
    SLK_TRY(slk_sql_run(db, &pass_door, NULL, 0, NULL, error));
    const int64_t now = slk_seal_now(a->seal), expires = slk_seal_slot_end(a->seal, now);
    SLK_TRY(slk_seal_collect_slots(db, a->seal, now, error));
    return slk_sql_run(db, &insert_slot,
                       SLK_ARGS(slk_arg_t(a->slot_token), slk_arg_i(a->partner_id),
                                slk_arg_i(expires), slk_arg_u(bytes)),
                       NULL, error);
}

slk_err slk_provider_available(bool *ret_available, char ret_slot_token[SLK_SLOT_CHARS],
                               slk_seal *seal, int64_t partner_id, slk_error *error)
{
    struct available a = {.seal = seal, .partner_id = partner_id};
    uint64_t bytes = 0;
    SLK_TRY(find_room(&a, &bytes, slk_seal_db(seal), error)); /* a "no" takes no lock */
    slk_seal_random_hex(a.slot_token, 16);
    if (a.available)
        SLK_TRY(slk_db_tx(slk_seal_db(seal), available_body, &a, error));
    *ret_available = a.available;
    (void)snprintf(ret_slot_token, SLK_SLOT_CHARS, "%s", a.available ? a.slot_token : "");
    return SLK_OK;
}

/* ---- order ---- */

struct order {
    slk_seal *seal;
    int64_t partner_id;
    const char *slot_token;
    const slk_seal_sector *sector;
    uint64_t sector_bytes;
    bool withheld; /* once it is sealed */
    bool known; /* the row is there already */
    bool fresh;
    char refusal[SLK_SEAL_REASON_CHARS]; /* "": accepted */
};

static void refuse(struct order *o, const char *why)
{
    (void)snprintf(o->refusal, sizeof o->refusal, "%s", why ? why : "");
}

/* Is the row there already? The refusal then says whose it is as little as possible. */
static slk_err order_known(struct order *o, slk_db *db, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &find_order,
                         SLK_ARGS(slk_arg_u(o->sector->sp_id), slk_arg_u(o->sector->number)),
                         error));
    SLK_TRY(slk_query_step(&q, &o->known, error));
    if (!o->known)
        return SLK_OK;
    const char *state = slk_column_text(&q, 1);
    if (slk_column_i64(&q, 0) != o->partner_id)
        refuse(o, REFUSED_FULL);
    else if (state && strcmp(state, slk_state_name(SLK_PS_CLEANED)) == 0)
        refuse(o, "this sector was sealed here and cleaned up");
    return SLK_OK;
}

static slk_err order_check_miner(struct order *o, const room *r, slk_db *db, slk_error *error)
{
    if (r->miners == 0)
        return SLK_OK;
    const unsigned long miner = o->sector->sp_id;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &read_miner, SLK_ARGS(slk_arg_i(o->partner_id), slk_arg_u(miner)),
                         error));
    bool allowed = false;
    SLK_TRY(slk_query_step(&q, &allowed, error));
    if (!allowed) {
        (void)snprintf(o->refusal, sizeof o->refusal, "this partner may not order for miner f0%lu",
                       miner);
        return SLK_OK;
    }
    const int64_t most = slk_column_i64(&q, 0), active = slk_column_i64(&q, 1);
    if (most > 0 && active >= most)
        (void)snprintf(o->refusal, sizeof o->refusal,
                       "miner f0%lu has %ld of %ld sectors here: clean one up first", miner,
                       (long)active, (long)most);
    return SLK_OK;
}

static slk_err order_check_permit(struct order *o, slk_db *db, slk_error *error)
{
    bool has_permit = false;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &read_permit,
                         SLK_ARGS(slk_arg_i(o->partner_id), slk_arg_u(o->sector->sp_id),
                                  slk_arg_u(o->sector->number), slk_arg_i(o->sector->seal_proof)),
                         error));
    SLK_TRY(slk_query_step(&q, &has_permit, error));
    if (has_permit)
        o->withheld = slk_column_bool(&q, 0);
    else
        refuse(o, "this sector is part of no order");
    return SLK_OK;
}

/* Takes the slot, or finds room without one. */
static slk_err order_take_room(struct order *o, const room *r, slk_db *db, slk_error *error)
{
    if (o->slot_token[0] == '\0') {
        refuse(o, room_refusal(o->seal, r));
        return SLK_OK;
    }
    int64_t changes = 0;
    const int64_t now = slk_seal_now(o->seal);
    SLK_TRY(slk_sql_run(db, &use_slot,
                        SLK_ARGS(slk_arg_t(o->slot_token), slk_arg_i(o->partner_id), slk_arg_i(now),
                                 slk_arg_i(slk_seal_slot_bound(o->seal, now))),
                        &changes, error));
    if (changes == 0)
        refuse(o, REFUSED_SLOT);
    else if (r->active >= r->total) /* the operator lowered it since the slot was given */
        refuse(o, "the partner has as many sectors here as its allowance lets");
    return SLK_OK;
}

/* What stands in the way whatever room there is. */
static slk_err order_check_terms(struct order *o, const room *r, slk_db *db, slk_error *error)
{
    refuse(o, terms_refusal(o->seal, r));
    if (!o->refusal[0] && !proof_allowed(o->seal, r, o->sector->seal_proof))
        (void)snprintf(o->refusal, sizeof o->refusal, REFUSED_PROOF, (long)o->sector->seal_proof);
    if (!o->refusal[0] && r->permits_only)
        SLK_TRY(order_check_permit(o, db, error));
    return o->refusal[0] ? SLK_OK : order_check_miner(o, r, db, error);
}

static slk_err order_check(struct order *o, slk_db *db, slk_error *error)
{
    room r;
    SLK_TRY(room_read(&r, db, o->seal, o->partner_id, error));
    SLK_TRY(order_check_terms(o, &r, db, error));
    if (!o->refusal[0]) /* its slot's reservation is gone from here on */
        SLK_TRY(order_take_room(o, &r, db, error));
    if (o->refusal[0])
        return SLK_OK;
    bool disk = false;
    SLK_TRY(disk_left(&disk, db, o->seal, slk_disk_peak_bytes(o->sector->seal_proof), error));
    if (!disk)
        refuse(o, "there is no disk space for this sector now");
    return SLK_OK;
}

static slk_err order_insert(struct order *o, slk_db *db, slk_error *error)
{
    int64_t now = slk_seal_now(o->seal), changes = 0;
    SLK_TRY(slk_sql_run(db, &take_allowance, SLK_ARGS(slk_arg_i(o->partner_id), slk_arg_i(now)),
                        &changes, error));
    if (changes == 0) {
        refuse(o, "the partner's allowance is used up");
        return SLK_OK;
    }
    const slk_seal_sector *s = o->sector;
    SLK_TRY(
        slk_sql_run(db, &insert_order,
                    SLK_ARGS(slk_arg_u(s->sp_id), slk_arg_u(s->number), slk_arg_i(o->partner_id),
                             slk_arg_i(now), slk_arg_i(s->seal_proof), slk_arg_u(o->sector_bytes),
                             slk_arg_u(slk_disk_peak_bytes(s->seal_proof)), slk_arg_i(o->withheld)),
                    NULL, error));
    o->fresh = true;
    slk_change change = slk_seal_change(o->seal, SLK_PIPELINE_PROVIDER, s->sp_id, s->number,
                                        SLK_EVENT_COUNT, "endpoint", "");
    return slk_state_note(db, &change, "accepted", error);
}

/* Says no, or yes to what is accepted already, without a transaction: most answers at a busy door. Who is
 * not answered (*ret_answered false) may get in. The row is looked for last, so that a "no" never
 * crosses with the same order being accepted. */
static slk_err order_answer_early(bool *ret_answered, struct order *o, slk_error *error)
{
    slk_db *db = slk_seal_db(o->seal);
    room r;
    SLK_TRY(room_read(&r, db, o->seal, o->partner_id, error));
    char why[SLK_SEAL_REASON_CHARS];
    SLK_TRY(order_check_terms(o, &r, db, error));
    if (!o->refusal[0] && o->slot_token[0] == '\0')
        refuse(o, room_refusal(o->seal, &r));
    memcpy(why, o->refusal, sizeof why);
    refuse(o, NULL);
    SLK_TRY(order_known(o, db, error));
    if (!o->known)
        memcpy(o->refusal, why, sizeof why);
    *ret_answered = o->known || o->refusal[0] != '\0';
    return SLK_OK;
}

static slk_err order_body(slk_db *db, void *context, slk_error *error)
{
    struct order *o = context;
    o->fresh = false;
    refuse(o, NULL);
    SLK_TRY(order_known(o, db, error));
    if (o->known)
        return SLK_OK;
    SLK_TRY(order_check(o, db, error));
    if (o->refusal[0])
        return SLK_OK;
    SLK_TRY(slk_sql_run(db, &pass_door, NULL, 0, NULL, error));
    return order_insert(o, db, error);
}

slk_err slk_provider_order(bool *ret_accepted, char reason[SLK_SEAL_REASON_CHARS], slk_seal *seal,
                           int64_t partner_id, const char *slot_token,
                           const slk_seal_sector *sector, slk_error *error)
{
    if (sector->sp_id > INT64_MAX || sector->number > INT64_MAX)
        return slk_fail(error, SLK_E_INVAL, "sp_id and sector_number must be below 2^63");
    struct order o = {
        .seal = seal, .partner_id = partner_id, .slot_token = slot_token, .sector = sector};
    const slk_seal_prover *prover = &slk_seal_get_ops(seal)->prover;
    if (prover->sector_bytes(prover->ctx, &o.sector_bytes, sector->seal_proof, NULL) != SLK_OK)
        o.sector_bytes = 0; /* no proof we offer: refused below */
    bool answered = false;
    SLK_TRY(order_answer_early(&answered, &o, error));
    if (!answered)
        SLK_TRY(slk_db_tx(slk_seal_db(seal), order_body, &o, error));
    *ret_accepted = o.refusal[0] == '\0';
    memcpy(reason, o.refusal, sizeof o.refusal);
    if (!o.fresh)
        return SLK_OK;
    slk_seal_wake(seal);
    slk_error why = {0}; /* the order stands all the same */
    const slk_err settled = slk_load_settle(seal, SLK_LOAD_UNSETTLED_MAX, &why);
    if (settled != SLK_OK)
        slk_log(SLK_LOG_WARN, "load.unsettled", "why=\"%s\" next=\"the next order settles\"",
                slk_error_text(&why, settled));
    return SLK_OK;
}
