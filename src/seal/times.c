/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/times.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/seal_impl.h"

#include <inttypes.h>
#include <stdio.h>

#define STORE_MS 60000 /* between two writes, at most so much lived time is lost by a kill … */
#define STORE_SHARED_MS 5000 /* … where nodes share a server, whose nodes go by each other's */
#define APART_MS 60000 /* clocks that are less apart agree */
#define CHAIN_FRESH_MS (INT64_C(10) * 60 * 1000) /* what was heard longer ago confirms nothing */
#define CHAIN_EPOCHS 10 /* a head that is older may be a chain node's that lags */

static const slk_sql read_times = {
    "time.read", "SELECT lived_ms, believed_ms, jumps, jumped_ms FROM seal_time WHERE id = 1"};
/* A database of an older program: the last time its nodes showed that they live. */
static const slk_sql last_seen = {"time.seen", "SELECT COALESCE(max(seen_ms), $1) FROM node"};
static const slk_sql make_times = {
    "time.make", "INSERT INTO seal_time (id, lived_ms, believed_ms, jumps, jumped_ms)"
                 " VALUES (1, $1, $2, 0, $1) ON CONFLICT (id) DO NOTHING"};
/* Who has not heard of a jump yet must not undo it. */
static const slk_sql store_times = {
    "time.store", "UPDATE seal_time SET believed_ms = $2, jumps = $3, jumped_ms = $4,"
                  " lived_ms = CASE WHEN lived_ms < $1 THEN $1 ELSE lived_ms END"
                  " WHERE id = 1 AND jumps <= $3"};
static const slk_sql accept_time = {
    "time.accept", "UPDATE seal_time SET believed_ms = $1, jumps = jumps + 1, jumped_ms = lived_ms"
                   " WHERE id = 1"};

typedef struct times {
    bool there;
    int64_t lived_ms, believed_ms, jumps, jumped_ms;
} times;

const char *slk_time_doubt_name(slk_time_doubt doubt)
{
    static const char *const names[SLK_TIME_DOUBTS] = {"believed", "behind", "ahead", "refuted"};
    slk_assert(doubt < SLK_TIME_DOUBTS);
    return names[doubt];
}

slk_err slk_time_init(slk_time *time, slk_error *error)
{
    const int rc = pthread_mutex_init(&time->mutex, NULL);
    time->made = rc == 0;
    return rc == 0 ? SLK_OK : slk_fail_errno(error, rc, "cannot make a mutex");
}

void slk_time_done(slk_time *time)
{
    if (time->made)
        (void)pthread_mutex_destroy(&time->mutex);
    time->made = false;
}

/* ---- clocks ---- */

static int64_t monotonic_ms(const slk_seal *seal)
{
    const slk_seal_clock *clock = &seal->ops.clock;
    return clock->wall_ms ? clock->monotonic_ms(clock->ctx) : slk_clock_monotonic_ms();
}

/* What the wall clock of the database says. */
static int64_t wall_ms(const slk_seal *seal)
{
    int64_t now_ms;
    if (!seal->ops.clock.wall_ms && slk_db_now_ms(&now_ms, seal->db, NULL) == SLK_OK)
        return now_ms;
    return slk_seal_now_ms(&seal->ops);
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

static bool kernel_agrees(const slk_seal *seal, int64_t wall)
{
    const slk_seal_clock *clock = &seal->ops.clock;
    int64_t kept = 0;
    const bool is = clock->wall_ms ? clock->kept_ms && clock->kept_ms(clock->ctx, &kept)
                                   : slk_clock_kept_ms(&kept);
    return is && distance(wall, kept) < APART_MS;
}

static bool chain_refutes(const slk_time *t, int64_t wall, int64_t mono)
{
    return t->has_chain && mono + t->chain_off_ms - wall > APART_MS;
}

static bool chain_confirms(const slk_time *t, int64_t wall, int64_t mono)
{
    const int64_t age = wall - (mono + t->chain_off_ms);
    return t->has_chain && mono - t->chain_ms < CHAIN_FRESH_MS && age > -APART_MS &&
           age < APART_MS + CHAIN_EPOCHS * t->chain_epoch_ms;
}

/* ---- judging; under the mutex ---- */

/* *ret_jump_ms: by how much believed time jumped, where that is to be noted; else 0. */
static void judge(int64_t *ret_jump_ms, slk_time *t, int64_t wall, int64_t mono, bool confirmed)
{
    const int64_t off = wall - (mono + t->believed_off_ms);
    const bool near = off <= SLK_TIME_NEAR_MS && off >= -SLK_TIME_NEAR_MS;
    *ret_jump_ms = 0;
    if (chain_refutes(t, wall, mono)) {
        t->doubt = SLK_TIME_REFUTED;
        return;
    }
    if (!near && !confirmed && !chain_confirms(t, wall, mono)) {
        t->doubt = off < 0 ? SLK_TIME_BEHIND : SLK_TIME_AHEAD;
        return;
    }
    if (!near) {
        t->jumps++;
        t->jumped_ms = mono + t->lived_off_ms;
        *ret_jump_ms = off;
    }
    t->believed_off_ms = wall - mono;
    t->doubt = SLK_TIME_BELIEVED;
}

/* What other nodes have lived, and jumps that they or an operator decided on. */
static void take_over(slk_time *t, const times *row, int64_t mono)
{
    if (!row->there)
        return;
    if (row->lived_ms > mono + t->lived_off_ms)
        t->lived_off_ms = row->lived_ms - mono;
    if (row->jumps <= t->jumps)
        return;
    t->jumps = row->jumps;
    t->jumped_ms = row->jumped_ms;
    t->believed_off_ms = row->believed_ms - mono;
}

/* ---- stored ---- */

static slk_err read_row(times *ret, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    times row = {0};
    SLK_TRY(slk_sql_open(&q, seal->db, &read_times, NULL, 0, error));
    SLK_TRY(slk_query_step(&q, &row.there, error));
    if (row.there) {
        row.lived_ms = slk_column_i64(&q, 0);
        row.believed_ms = slk_column_i64(&q, 1);
        row.jumps = slk_column_i64(&q, 2);
        row.jumped_ms = slk_column_i64(&q, 3);
    }
    *ret = row;
    return SLK_OK;
}

slk_err slk_time_store(slk_seal *seal, slk_error *error)
{
    slk_time *t = &seal->time;
    if (seal->options.beside || !t->open)
        return SLK_OK;
    pthread_mutex_lock(&t->mutex);
    const int64_t mono = monotonic_ms(seal);
    const slk_arg args[] = {slk_arg_i(mono + t->lived_off_ms), slk_arg_i(mono + t->believed_off_ms),
                            slk_arg_i(t->jumps), slk_arg_i(t->jumped_ms)};
    pthread_mutex_unlock(&t->mutex);
    SLK_TRY(slk_sql_run(seal->db, &store_times, args, 4, NULL, error));
    pthread_mutex_lock(&t->mutex);
    t->stored_ms = mono;
    pthread_mutex_unlock(&t->mutex);
    return SLK_OK;
}

/* Of two times that may both be false the earlier one ends no lease early. */
static slk_err make_row(times *ret, slk_seal *seal, int64_t wall, slk_error *error)
{
    int64_t seen = wall;
    SLK_TRY(slk_sql_number(&seen, seal->db, &last_seen, SLK_ARGS(slk_arg_i(wall)), error));
    const int64_t lived = seen < wall ? seen : wall;
    if (!seal->options.beside)
        SLK_TRY(slk_sql_run(seal->db, &make_times, SLK_ARGS(slk_arg_i(lived), slk_arg_i(seen)),
                            NULL, error));
    SLK_TRY(read_row(ret, seal, error));
    if (!ret->there)
        *ret = (times){.lived_ms = lived, .believed_ms = seen, .jumped_ms = lived};
    return SLK_OK;
}

slk_err slk_time_open(slk_seal *seal, slk_error *error)
{
    slk_time *t = &seal->time;
    times row;
    SLK_TRY(read_row(&row, seal, error));
    if (!row.there)
        SLK_TRY(make_row(&row, seal, wall_ms(seal), error));
    pthread_mutex_lock(&t->mutex);
    const int64_t mono = monotonic_ms(seal);
    t->lived_off_ms = row.lived_ms - mono;
    t->believed_off_ms = row.believed_ms - mono;
    t->jumps = row.jumps;
    t->jumped_ms = row.jumped_ms;
    t->stored_ms = mono;
    t->open = true;
    pthread_mutex_unlock(&t->mutex);
    return slk_time_look(seal, error);
}

/* ---- looking ---- */

static void tell(const slk_seal *seal, slk_time_doubt before, int64_t jump_ms)
{
    slk_time_view view;
    slk_time_view_get(&view, seal);
    char text[SLK_TIME_TEXT_CHARS];
    slk_time_describe(text, &view);
    if (jump_ms != 0)
        slk_log(SLK_LOG_WARN, "clock.jumped", "by_s=%" PRId64 " leases=\"not affected\"",
                jump_ms / 1000);
    if (view.doubt != before && view.doubt == SLK_TIME_BELIEVED)
        slk_log(SLK_LOG_INFO, "clock.believed", "was=%s", slk_time_doubt_name(before));
    else if (view.doubt != before)
        slk_log(SLK_LOG_ERROR, "clock.in_doubt", "why=\"%s\" next=\"" SLK_TIME_ADVICE "\"", text);
}

slk_err slk_time_look(slk_seal *seal, slk_error *error)
{
    slk_time *t = &seal->time;
    times row;
    int64_t jump_ms = 0;
    SLK_TRY(read_row(&row, seal, error));
    const int64_t wall = wall_ms(seal);
    const bool confirmed = kernel_agrees(seal, wall);
    pthread_mutex_lock(&t->mutex);
    const int64_t mono = monotonic_ms(seal);
    const slk_time_doubt before = t->doubt;
    take_over(t, &row, mono);
    judge(&jump_ms, t, wall, mono, confirmed);
    const int64_t every = slk_db_is_server(seal->db) ? STORE_SHARED_MS : STORE_MS;
    const bool due = jump_ms != 0 || mono - t->stored_ms >= every;
    const bool news = jump_ms != 0 || t->doubt != before;
    pthread_mutex_unlock(&t->mutex);
    if (news && !seal->options.beside) /* what a tool finds it shows where it is asked to */
        tell(seal, before, jump_ms);
    return due ? slk_time_store(seal, error) : SLK_OK;
}

void slk_time_hear_chain(slk_seal *seal, int64_t head_ms, int64_t epoch_ms)
{
    slk_time *t = &seal->time;
    pthread_mutex_lock(&t->mutex);
    const int64_t mono = monotonic_ms(seal);
    t->has_chain = true;
    t->chain_off_ms = head_ms - mono;
    t->chain_epoch_ms = epoch_ms;
    t->chain_ms = mono;
    pthread_mutex_unlock(&t->mutex);
}

slk_err slk_time_accept(int64_t *ret_jump_ms, slk_seal *seal, bool dry_run, slk_error *error)
{
    slk_time_view view;
    slk_time_view_get(&view, seal);
    if (view.doubt == SLK_TIME_BELIEVED)
        return slk_fail(error, SLK_E_CONFLICT, "the clock is believed already: nothing to accept");
    int64_t changes = 0;
    if (!dry_run)
        SLK_TRY(slk_sql_run(seal->db, &accept_time, SLK_ARGS(slk_arg_i(view.wall_ms)), &changes,
                            error));
    if (!dry_run && changes == 0)
        return slk_fail(error, SLK_E_NOTFOUND, "no node has run on this database yet");
    *ret_jump_ms = view.wall_ms - view.believed_ms;
    return SLK_OK;
}

/* ---- asked ---- */

void slk_time_view_get(slk_time_view *ret, const slk_seal *seal)
{
    slk_time *t = (slk_time *)(uintptr_t)&seal->time; /* its mutex guards what is read */
    const int64_t wall = wall_ms(seal);
    pthread_mutex_lock(&t->mutex);
    const int64_t mono = monotonic_ms(seal), believed = mono + t->believed_off_ms;
    *ret = (slk_time_view){.doubt = t->doubt,
                           .wall_ms = wall,
                           .believed_ms = believed,
                           .chain_ms = t->has_chain ? mono + t->chain_off_ms : 0};
    /* A jump that no look has met yet is nothing to go by either. */
    if (!t->open || (t->doubt == SLK_TIME_BELIEVED && distance(wall, believed) <= SLK_TIME_NEAR_MS))
        ret->believed_ms = wall;
    pthread_mutex_unlock(&t->mutex);
}

int64_t slk_seal_now(const slk_seal *seal)
{
    slk_time_view view;
    slk_time_view_get(&view, seal);
    return view.believed_ms;
}

static void lived_get(int64_t *ret_lived_ms, int64_t *ret_jumped_ms, const slk_seal *seal)
{
    slk_time *t = (slk_time *)(uintptr_t)&seal->time;
    pthread_mutex_lock(&t->mutex);
    *ret_lived_ms = monotonic_ms(seal) + t->lived_off_ms;
    *ret_jumped_ms = t->jumped_ms;
    pthread_mutex_unlock(&t->mutex);
}

int64_t slk_seal_lived(const slk_seal *seal)
{
    int64_t lived, jumped;
    lived_get(&lived, &jumped, seal);
    return lived;
}

int64_t slk_seal_when_lived(const slk_seal *seal, int64_t lived_ms)
{
    return slk_seal_now(seal) + lived_ms - slk_seal_lived(seal);
}

int64_t slk_seal_age(const slk_seal *seal, int64_t since_ms)
{
    int64_t lived, jumped;
    lived_get(&lived, &jumped, seal);
    const int64_t age = slk_seal_now(seal) - since_ms, most = lived - jumped;
    if (age < -SLK_TIME_NEAR_MS) /* of before the clock was set back */
        return most;
    return age < most ? age : most;
}

void slk_time_describe(char text[SLK_TIME_TEXT_CHARS], const slk_time_view *view)
{
    char wall[32], believed[32], chain[32];
    slk_clock_format(wall, sizeof wall, view->wall_ms);
    slk_clock_format(believed, sizeof believed, view->believed_ms);
    slk_clock_format(chain, sizeof chain, view->chain_ms);
    switch (view->doubt) {
    case SLK_TIME_REFUTED:
        (void)snprintf(text, SLK_TIME_TEXT_CHARS,
                       "the clock says %s, and the chain has a block of %s: the node goes by %s",
                       wall, chain, believed);
        return;
    case SLK_TIME_BEHIND:
    case SLK_TIME_AHEAD:
        (void)snprintf(text, SLK_TIME_TEXT_CHARS,
                       "the clock says %s, %s what the database has seen, and nothing confirms it: "
                       "the node goes by %s",
                       wall, view->doubt == SLK_TIME_AHEAD ? "hours or more after" : "before",
                       believed);
        return;
    case SLK_TIME_BELIEVED:
    case SLK_TIME_DOUBTS:
        break;
    }
    (void)snprintf(text, SLK_TIME_TEXT_CHARS, "the clock is believed: %s", wall);
}
