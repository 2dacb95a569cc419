/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who seals a sector: choosing by price, record and wait, ordering, leaving one for another, and
 * telling the former one to clean up.
 *
 * A sector is in the hands of one provider at a time: whom we ask is noted, with the placement, before
 * the order goes out, and nobody else is asked before that one has refused or is owed a release. */
#include "base/log.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/client_side_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Providers considered for one sector in one go. */
#define CHOICES_MAX 32u
/* Work that moves is left after so long, and after so many times what is a stall. */
#define ENDLESS_MS (INT64_C(10) * 24 * 3600 * 1000)
#define ENDLESS_STALLS 3
/* Deliveries a provider's usual time is taken from. */
#define SAMPLES_MAX 31u
/* An order whose answer was lost is given to another when the provider stays away that long. */
#define ANSWER_MS (INT64_C(10) * 60 * 1000)

/* Of each provider: what it has under way, and how many of its last thousand orders went well and badly. Both
 * are bounded, so that an order costs the same however many there were. */
#define RECORD(what)                                                                           \
    " (SELECT count(*) FROM (SELECT a.outcome AS outcome FROM rseal_client_placement a WHERE"  \
    " a.provider_id = p.id ORDER BY a.ordered_ms DESC LIMIT 1000) x WHERE x.outcome IN (" what \
    "))"
/* One that was bought of a provider is for that one alone. */
#define MAY_BE_ASKED                                                            \
    " AND NOT EXISTS (SELECT 1 FROM rseal_client_pipeline c WHERE c.sp_id = $1" \
    " AND c.sector_number = $2 AND c.only_provider_id IS NOT NULL AND c.only_provider_id <> p.id)"
static const slk_sql find_choices = {
    "place.choices",
    "SELECT p.id, p.price,"
    " (SELECT count(*) FROM (SELECT 1 FROM rseal_client_placement a WHERE a.provider_id = p.id"
    "  AND a.ended_ms IS NULL LIMIT 10000) y)," RECORD("'verified'") "," RECORD(
        "'failed', 'stalled', 'lied'") " FROM rseal_client_providers p WHERE p.sp_id = $1 AND "
                                       "p.enabled = 1 AND NOT EXISTS"
                                       " (SELECT 1 FROM rseal_client_placement d WHERE d.sp_id = "
                                       "$1 AND d.sector_number = $2"
                                       " AND d.provider_id = p.id)" MAY_BE_ASKED " ORDER BY p.id"};
static const slk_sql count_choices = {
    "place.alternatives",
    "SELECT count(*) FROM rseal_client_providers p WHERE p.sp_id = $1 AND p.enabled = 1 AND NOT"
    " EXISTS (SELECT 1 FROM rseal_client_placement d WHERE d.sp_id = $1 AND d.sector_number = $2"
    " AND d.provider_id = p.id)" MAY_BE_ASKED};
static const slk_sql count_tried = {
    "place.tried", "SELECT count(*) FROM rseal_client_placement p JOIN rseal_client_providers v"
                   " ON v.id = p.provider_id WHERE p.sp_id = $1 AND p.sector_number = $2"
                   " AND v.enabled = 1"};
static const slk_sql read_samples = {"place.samples",
                                     "SELECT sealed_ms - ordered_ms FROM rseal_client_placement"
                                     " WHERE provider_id = $1 AND sealed_ms IS NOT NULL"
                                     " ORDER BY sealed_ms DESC LIMIT 31"};
static const slk_sql read_provider = {
    "place.provider",
    "SELECT provider_url, provider_token FROM rseal_client_providers WHERE id = $1"};
static const slk_sql set_provider = {
    "place.set",
    "UPDATE rseal_client_pipeline SET provider_id = $3 WHERE sp_id = $1"
    " AND sector_number = $2 AND state = 'new' AND failed = 0 AND provider_id IS NULL"};
static const slk_sql insert_placement = {
    "place.insert", "INSERT INTO rseal_client_placement (sp_id, sector_number, provider_id,"
                    " ordered_ms) VALUES ($1, $2, $3, $4)"};
static const slk_sql asked_since = {"place.asked",
                                    "SELECT ordered_ms FROM rseal_client_placement WHERE sp_id = $1"
                                    " AND sector_number = $2 AND ended_ms IS NULL"};
static const slk_sql set_outcome = {
    "place.outcome", "UPDATE rseal_client_placement SET outcome = $3, detail = $4 WHERE sp_id = $1"
                     " AND sector_number = $2 AND ended_ms IS NULL"};
static const slk_sql read_owed = {
    "place.owed", "SELECT p.provider_id, v.provider_url, v.provider_token"
                  " FROM rseal_client_placement p JOIN rseal_client_providers v"
                  " ON v.id = p.provider_id WHERE p.sp_id = $1 AND p.sector_number = $2"
                  " AND p.release_owed = 1 ORDER BY p.provider_id"};
static const slk_sql set_told = {
    "place.told", "UPDATE rseal_client_placement SET release_owed = 0 WHERE sp_id = $1"
                  " AND sector_number = $2 AND provider_id = $3"};

/* ---- choosing ---- */

struct choice {
    int64_t id;
    double price; /* of a sector that is delivered: what its failures cost is in it */
    double wait; /* until the sector is there, in its usual times */
};

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

slk_err slk_client_usual_ms(int64_t *ret_ms, slk_db *db, int64_t provider_id, slk_error *error)
{
    int64_t sample[SAMPLES_MAX];
    size_t n = 0;
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, db, &read_samples, SLK_ARGS(slk_arg_i(provider_id)), error));
    bool row = true;
    while (n < SAMPLES_MAX) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        sample[n++] = slk_column_i64(&q, 0);
    }
    qsort(sample, n, sizeof *sample, compare_i64);
    *ret_ms = n > 0 ? sample[n / 2] : 0;
    return SLK_OK;
}

static slk_err read_choices(struct choice *choices, size_t *ret_n, slk_db *db, uint64_t sp_id,
                            uint64_t number, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(
        slk_sql_open(&q, db, &find_choices, SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)), error));
    bool row = true;
    size_t n = 0;
    while (n < CHOICES_MAX) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        const char *price = slk_column_text(&q, 1);
        double good = (double)slk_column_i64(&q, 3), bad = (double)slk_column_i64(&q, 4);
        double tries = (good + bad + 1) / (good + 1); /* orders per sector that is delivered */
        choices[n].id = slk_column_i64(&q, 0);
        choices[n].price = (price ? strtod(price, NULL) : 0) * tries;
        choices[n].wait = (double)(slk_column_i64(&q, 2) + 1) * tries;
        n++;
    }
    *ret_n = n;
    return SLK_OK;
}

static int compare_choices(const void *a, const void *b)
{
    const struct choice *x = a, *y = b;
    if (x->price != y->price)
        return x->price < y->price ? -1 : 1;
    if (x->wait != y->wait)
        return x->wait < y->wait ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Best first: the lowest price of a delivered sector, then the shortest wait. A provider of which
 * nothing is known counts as quick as the quickest, so that it is tried. */
static slk_err choose_order(struct choice *choices, size_t *ret_n, slk_db *db, uint64_t sp_id,
                            uint64_t number, slk_error *error)
{
    int64_t usual[CHOICES_MAX], quickest = 0;
    SLK_TRY(read_choices(choices, ret_n, db, sp_id, number, error));
    for (size_t i = 0; i < *ret_n; i++) {
        SLK_TRY(slk_client_usual_ms(&usual[i], db, choices[i].id, error));
        if (usual[i] > 0 && (quickest == 0 || usual[i] < quickest))
            quickest = usual[i];
    }
    for (size_t i = 0; i < *ret_n; i++)
        choices[i].wait *= (double)(usual[i] > 0 ? usual[i] : quickest > 0 ? quickest : 1);
    qsort(choices, *ret_n, sizeof *choices, compare_choices);
    return SLK_OK;
}

slk_err slk_client_alternatives(uint64_t *ret_n, slk_db *db, uint64_t sp_id, uint64_t number,
                                slk_error *error)
{
    int64_t n = 0;
    SLK_TRY(slk_sql_number(&n, db, &count_choices, SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number)),
                           error));
    *ret_n = slk_u64(n);
    return SLK_OK;
}

/* ---- ordering ---- */

struct chosen {
    slk_side *s;
    int64_t provider_id;
};

static slk_err choose_body(slk_db *db, void *context, slk_error *error)
{
    const struct chosen *c = context;
    const slk_task *task = c->s->task;
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(
        db, &set_provider,
        SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number), slk_arg_i(c->provider_id)),
        &changes, error));
    if (changes != 1)
        return slk_fail(error, SLK_E_CONFLICT, "the sector moved meanwhile");
    return slk_sql_run(db, &insert_placement,
                       SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number),
                                slk_arg_i(c->provider_id), slk_arg_i(slk_seal_now(c->s->seal))),
                       NULL, error);
}

/* Notes whom we are about to ask, so that after a crash the same one is asked again: a sector is
 * never in the hands of two providers. */
static slk_err choose(slk_side *s, int64_t provider_id, slk_error *error)
{
    struct chosen c = {s, provider_id};
    SLK_TRY(slk_db_tx(slk_seal_db(s->seal), choose_body, &c, error));
    SLK_TRY(slk_side_read(s, error));
    return slk_seal_crash_point(s->seal, "delegate.chosen", error);
}

static slk_err unchoose(slk_side *s, const char *why, slk_error *error)
{
    slk_change change = slk_seal_change(s->seal, SLK_PIPELINE_CLIENT, s->task->sp_id,
                                        s->task->number, SLK_EV_REFUSED, "client.delegate", why);
    SLK_TRY(slk_seal_apply(s->seal, &change, error));
    return slk_side_read(s, error);
}

/* Orders from the chosen provider. *ret_accepted false: refused, the row is free again. */
static slk_err order_from(bool *ret_accepted, slk_side *s, const char *slot, slk_error *error)
{
    const slk_seal_peer *peer = &slk_seal_get_ops(s->seal)->peer;
    char reason[SLK_SEAL_REASON_CHARS] = "";
    bool accepted = false; /* counts only when the call succeeded */
    SLK_TRY(peer->order(peer->ctx, &accepted, reason, &s->to, slot, &s->row.sector, error));
    SLK_TRY(slk_seal_crash_point(s->seal, "delegate.answered", error));
    *ret_accepted = accepted;
    if (accepted) {
        s->task->event = SLK_EV_ORDERED;
        slk_task_note(s->task, "accepted by %s", s->row.provider_url);
        return SLK_OK;
    }
    slk_log(SLK_LOG_WARN, "order.refused", "sector=f0%lu/%lu why=\"%s\"",
            (unsigned long)s->task->sp_id, (unsigned long)s->task->number, reason);
    return unchoose(s, reason, error);
}

/* Asks a provider for a slot; one that cannot be asked has no room. Nothing is ordered by this, so
 * nothing need be remembered. */
static slk_err ask_for_room(bool *ret_available, char slot[33], slk_side *s, int64_t provider_id,
                            slk_error *error)
{
    char url[512], wrapped[512];
    {
        SLK_CLEANUP(slk_query_done) slk_query q = {0};
        SLK_TRY(slk_sql_row(&q, slk_seal_db(s->seal), &read_provider,
                            SLK_ARGS(slk_arg_i(provider_id)), "provider", error));
        slk_sql_copy_text(url, sizeof url, &q, 0);
        slk_sql_copy_text(wrapped, sizeof wrapped, &q, 1);
    }
    SLK_CLEANUP(slk_seal_token_done) slk_seal_token token = {0};
    SLK_TRY(slk_seal_token_open(&token, s->seal, wrapped, error));
    const slk_seal_peer *peer = &slk_seal_get_ops(s->seal)->peer;
    slk_seal_remote to = {url, slk_buf_str(&token.text)};
    slk_err code = peer->available(peer->ctx, ret_available, slot, &to, error);
    if (code == SLK_OK || code == SLK_E_CANCELED)
        return code;
    slk_log(SLK_LOG_WARN, "provider.unavailable", "provider=%ld why=\"%s\" next=\"asks another\"",
            (long)provider_id, slk_error_text(error, code));
    *ret_available = false;
    return SLK_OK;
}

static slk_err try_provider(bool *ret_accepted, slk_side *s, int64_t provider_id, slk_error *error)
{
    bool available = false;
    char slot[33] = "";
    SLK_TRY(ask_for_room(&available, slot, s, provider_id, error));
    if (!available)
        return SLK_OK;
    SLK_TRY(choose(s, provider_id, error));
    slk_err code = order_from(ret_accepted, s, slot, error);
    if (code == SLK_E_AUTH) /* the first order: surely not accepted, another may be asked */
        return unchoose(s, slk_error_text(error, code), error);
    return code;
}

/* Asked before, and the answer was lost: the same one is asked again, unless it stays away or does
 * not know us any more while another could have the sector. It may have taken the order. */
static slk_err order_again(bool *ret_accepted, slk_side *s, slk_error *error)
{
    int64_t asked_ms = 0;
    uint64_t others = 0;
    slk_db *db = slk_seal_db(s->seal);
    SLK_TRY(slk_sql_number(&asked_ms, db, &asked_since,
                           SLK_ARGS(slk_arg_u(s->task->sp_id), slk_arg_u(s->task->number)), error));
    SLK_TRY(slk_client_alternatives(&others, db, s->task->sp_id, s->task->number, error));
    slk_err code = SLK_E_BUSY;
    if (s->row.provider_enabled || others == 0)
        code = order_from(ret_accepted, s, "", error);
    bool away = code == SLK_E_UNREACHABLE || code == SLK_E_TIMEOUT || code == SLK_E_BUSY;
    bool long_ago = slk_seal_age(s->seal, asked_ms) > ANSWER_MS;
    bool leave = code == SLK_E_AUTH || (away && (!s->row.provider_enabled || long_ago));
    if (!leave || others == 0)
        return code;
    return slk_client_replace(s->task, &s->row, "stalled", "no-provider",
                              "it does not say whether it has taken the order", error);
}

static slk_err nobody_left(slk_task *task, slk_error *error)
{
    int64_t tried = 0;
    SLK_TRY(slk_sql_number(&tried, slk_seal_db(task->seal), &count_tried,
                           SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number)), error));
    if (tried == 0)
        return slk_task_wait(task, 0, "the miner has no enabled provider");
    slk_task_give_up(task, "no-provider");
    return slk_fail(error, SLK_E_NOTFOUND,
                    "every enabled provider of the miner has had the sector");
}

slk_err slk_step_client_delegate(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(slk_side_done) slk_side s = {0};
    SLK_TRY(slk_side_begin(&s, task, error));
    bool accepted = false;
    task->event = SLK_EVENT_COUNT;
    if (s.row.has_provider)
        SLK_TRY(order_again(&accepted, &s, error));
    if (accepted || task->event == SLK_EV_REORDER)
        return SLK_OK;
    struct choice choices[CHOICES_MAX];
    size_t n = 0;
    SLK_TRY(choose_order(choices, &n, slk_seal_db(s.seal), task->sp_id, task->number, error));
    for (size_t i = 0; i < n && !accepted; i++)
        SLK_TRY(try_provider(&accepted, &s, choices[i].id, error));
    if (accepted)
        return SLK_OK;
    return n == 0 ? nobody_left(task, error) : slk_task_wait(task, 0, "no provider has room now");
}

/* ---- leaving one for another ---- */

slk_err slk_client_note_outcome(slk_seal *seal, const slk_client_row *row, const char *outcome,
                                const char *why, slk_error *error)
{
    return slk_sql_run(slk_seal_db(seal), &set_outcome,
                       SLK_ARGS(slk_arg_u(row->sector.sp_id), slk_arg_u(row->sector.number),
                                slk_arg_t(outcome), slk_arg_t(why)),
                       NULL, error);
}

bool slk_client_may_have_deposit(const slk_client_row *row)
{
    return row->precommit_uuid[0] || row->has_precommit_epoch;
}

slk_err slk_client_replace(slk_task *task, const slk_client_row *row, const char *outcome,
                           const char *reason, const char *why, slk_error *error)
{
    uint64_t others = 0;
    SLK_TRY(slk_client_note_outcome(task->seal, row, outcome, why, error));
    SLK_TRY(slk_client_alternatives(&others, slk_seal_db(task->seal), task->sp_id, task->number,
                                    error));
    if (others == 0 || slk_client_may_have_deposit(row)) {
        slk_task_give_up(task, reason);
        return slk_fail(error, SLK_E_PROTO, "%s", why);
    }
    slk_log(SLK_LOG_WARN, "order.moved", "sector=f0%lu/%lu from=%s outcome=%s why=\"%s\"",
            (unsigned long)task->sp_id, (unsigned long)task->number, row->provider_url, outcome,
            why);
    task->event = SLK_EV_REORDER;
    slk_task_note(task, "%s: %s", row->provider_url, why);
    return SLK_OK;
}

/* Whoever begins the same stages again and again says something new for ever. The ticket of work that
 * takes so long is too old by far. */
static bool is_endless(int64_t age_ms, int64_t stall_ms)
{
    return age_ms > ENDLESS_MS && age_ms / ENDLESS_STALLS > stall_ms;
}

slk_err slk_client_leave_stalled(bool *ret_moved, slk_task *task, const slk_client_row *row,
                                 int64_t still_ms, const char *why, slk_error *error)
{
    const slk_seal_options *o = slk_seal_get_options(task->seal);
    slk_db *db = slk_seal_db(task->seal);
    uint64_t others = 0;
    int64_t usual_ms = 0;
    *ret_moved = false;
    SLK_TRY(slk_client_alternatives(&others, db, task->sp_id, task->number, error));
    if (others == 0 || slk_client_may_have_deposit(row))
        return SLK_OK;
    SLK_TRY(slk_client_usual_ms(&usual_ms, db, row->provider_id, error));
    int64_t most =
        usual_ms > o->stall_ms / o->stall_factor ? usual_ms * o->stall_factor : o->stall_ms;
    const int64_t age_ms = slk_seal_age(task->seal, row->state_ms);
    const bool still = still_ms > most, endless = is_endless(age_ms, most);
    if (!still && !endless && !row->provider_left)
        return SLK_OK;
    char text[SLK_SEAL_REASON_CHARS];
    if (still)
        (void)snprintf(text, sizeof text, "nothing has moved for %ld min: %.160s",
                       (long)(still_ms / 60000), why);
    else if (endless)
        (void)snprintf(text, sizeof text, "it moves and does not end, for %ld h now: %.160s",
                       (long)(age_ms / 3600000), why);
    else
        (void)snprintf(text, sizeof text, "the provider is to be left");
    SLK_TRY(slk_client_replace(task, row, still || endless ? "stalled" : "withdrawn", "no-provider",
                               text, error));
    *ret_moved = true;
    return SLK_OK;
}

/* ---- telling the former ones ---- */

struct owed {
    int64_t provider_id;
    char url[512];
    char wrapped[512];
};

static slk_err find_owed(struct owed *owed, size_t *ret_n, const slk_task *task, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, slk_seal_db(task->seal), &read_owed,
                         SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number)), error));
    bool row = true;
    size_t n = 0;
    while (n < CHOICES_MAX) {
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        owed[n].provider_id = slk_column_i64(&q, 0);
        slk_sql_copy_text(owed[n].url, sizeof owed[n].url, &q, 1);
        slk_sql_copy_text(owed[n].wrapped, sizeof owed[n].wrapped, &q, 2);
        n++;
    }
    *ret_n = n;
    return SLK_OK;
}

/* A provider that has forgotten the sector is a provider that has cleaned up. */
static slk_err tell(const struct owed *owed, const slk_task *task, slk_error *error)
{
    const slk_seal_peer *peer = &slk_seal_get_ops(task->seal)->peer;
    const slk_seal_sector sector = {task->sp_id, task->number, 0};
    SLK_CLEANUP(slk_seal_token_done) slk_seal_token token = {0};
    SLK_TRY(slk_seal_token_open(&token, task->seal, owed->wrapped, error));
    const slk_seal_remote to = {owed->url, slk_buf_str(&token.text)};
    slk_err code = peer->cleanup(peer->ctx, &to, &sector, error);
    if (code != SLK_OK && code != SLK_E_NOTFOUND)
        return code;
    return slk_sql_run(
        slk_seal_db(task->seal), &set_told,
        SLK_ARGS(slk_arg_u(task->sp_id), slk_arg_u(task->number), slk_arg_i(owed->provider_id)),
        NULL, error);
}

slk_err slk_step_client_let_go(slk_task *task, slk_error *error)
{
    SLK_CLEANUP(slk_freep) struct owed *owed = slk_calloc(CHOICES_MAX, sizeof *owed);
    size_t n = 0;
    if (!owed)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(find_owed(owed, &n, task, error));
    slk_err result = SLK_OK;
    for (size_t i = 0; i < n; i++) { /* one that is away does not keep the others waiting */
        slk_error why = {0};
        slk_err code = tell(&owed[i], task, &why);
        if (code != SLK_OK) {
            result =
                slk_fail(error, code, "%.60s: %.280s", owed[i].url, slk_error_text(&why, code));
        }
    }
    task->event = SLK_EV_LET_GO;
    slk_task_note(task, "%zu former providers clean up", n);
    return result;
}
