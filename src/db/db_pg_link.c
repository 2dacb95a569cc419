/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "db/db_pg_link_impl.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_S "5"

/* ---- what the server said ---- */

static bool class_is(const char *state, const char *class)
{
    return strncmp(state, class, 2) == 0;
}

/* source: PostgreSQL 15 documentation, appendix A (error codes) */
static slk_err code_of(const char *state)
{
    static const struct {
        char state[6];
        slk_err code;
    } table[] = {
        {"23505", SLK_E_EXISTS},      {"42P07", SLK_E_EXISTS},      {"40001", SLK_E_BUSY},
        {"40P01", SLK_E_BUSY},        {"55P03", SLK_E_BUSY},        {"57014", SLK_E_BUSY},
        {"53300", SLK_E_BUSY},        {"53100", SLK_E_NOSPACE},     {"53200", SLK_E_NOMEM},
        {"3D000", SLK_E_NOTFOUND},    {"42501", SLK_E_AUTH},        {"25006", SLK_E_IO},
        {"57P01", SLK_E_UNREACHABLE}, {"57P02", SLK_E_UNREACHABLE}, {"57P03", SLK_E_UNREACHABLE},
        {"25P03", SLK_E_UNREACHABLE}, {"08P01", SLK_E_INTERNAL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].state, state) == 0)
            return table[i].code;
    if (class_is(state, "23"))
        return SLK_E_CONFLICT;
    if (class_is(state, "28"))
        return SLK_E_AUTH;
    if (class_is(state, "08"))
        return SLK_E_UNREACHABLE;
    if (class_is(state, "58"))
        return SLK_E_IO;
    return class_is(state, "XX") ? SLK_E_CORRUPT : SLK_E_INTERNAL;
}

static slk_pg_fate fate_of(const char *state, slk_err code)
{
    if (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0)
        return SLK_PG_NOT_DONE;
    return code == SLK_E_UNREACHABLE ? SLK_PG_LOST : SLK_PG_SAID_NO;
}

/* A data exception's text quotes the value that was wrong: only its code is repeated. */
static slk_err refused(const PGresult *result, const char *name, slk_pg_fate *ret_fate,
                       slk_error *error)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!state || !text) {
        *ret_fate = SLK_PG_LOST;
        return slk_fail(error, SLK_E_UNREACHABLE, "database statement %s: the connection was lost",
                        name);
    }
    slk_err code = code_of(state);
    *ret_fate = fate_of(state, code);
    return slk_fail(error, code, "database statement %s: %.200s (%s)", name,
                    class_is(state, "22") ? "a value was refused" : text, state);
}

/* ---- opening ---- */

void slk_pg_link_close(slk_pg_link *link)
{
    PQfinish(link->pg);
    link->pg = NULL;
    memset(link->kept, 0, sizeof link->kept);
}

/* Before the first statement: bounds that hold even when this process is stopped half-way. */
static slk_err settle(slk_pg_link *link, int busy_ms, slk_error *error)
{
    char text[256];
    (void)snprintf(text, sizeof text,
                   "SET client_min_messages = error; SET lock_timeout = %d;"
                   " SET statement_timeout = %d; SET idle_in_transaction_session_timeout = %d",
                   busy_ms, busy_ms * 2, busy_ms * 2);
    const slk_pg_call call = {.name = "settings", .text = text, .params = -1};
    PGresult *result = NULL;
    slk_pg_fate fate;
    slk_err code = slk_pg_link_call(&result, &fate, link, &call, busy_ms * 3, error);
    PQclear(code == SLK_OK ? result : NULL);
    return code;
}

static slk_err why_not(const PGconn *pg, slk_error *error)
{
    const char *text = PQerrorMessage(pg);
    slk_err code = strstr(text, "authentication") || strstr(text, "password") ? SLK_E_AUTH
                   : strstr(text, "does not exist")                           ? SLK_E_NOTFOUND
                   : strstr(text, "too many")                                 ? SLK_E_BUSY
                                                                              : SLK_E_UNREACHABLE;
    return slk_fail(error, code, "cannot open the database: %.250s", text);
}

static slk_err connect_now(slk_pg_link *link, const char *url, slk_error *error)
{
    static const char *const keyword[] = {
        "dbname",           "connect_timeout",     "client_encoding",
        "application_name", "keepalives",          "keepalives_idle",
        "keepalives_count", "keepalives_interval", NULL};
    const char *const value[] = {url, CONNECT_S, "UTF8", "selkie", "1", "30", "3", "10", NULL};
    link->pg = PQconnectdbParams(keyword, value, 1);
    if (!link->pg)
        return slk_fail(error, SLK_E_NOMEM, "out of memory opening the database");
    if (PQstatus(link->pg) == CONNECTION_OK)
        return SLK_OK;
    slk_err code = why_not(link->pg, error);
    slk_pg_link_close(link);
    return code;
}

static bool still_there(const slk_pg_link *link)
{
    struct pollfd p = {.fd = PQsocket(link->pg), .events = POLLIN};
    if (PQstatus(link->pg) != CONNECTION_OK || p.fd < 0)
        return false;
    while (poll(&p, 1, 0) > 0)
        if (PQconsumeInput(link->pg) == 0 || PQstatus(link->pg) != CONNECTION_OK)
            return false;
    return true;
}

slk_err slk_pg_link_open(slk_pg_link *link, const char *url, int busy_ms, slk_error *error)
{
    if (link->pg && still_there(link))
        return SLK_OK;
    slk_pg_link_close(link);
    SLK_TRY(connect_now(link, url, error));
    slk_err code = settle(link, busy_ms, error);
    if (code != SLK_OK)
        slk_pg_link_close(link);
    return code;
}

/* ---- one exchange ---- */

static bool send_call(slk_pg_link *link, const slk_pg_call *call, const char *kept)
{
    if (call->params < 0)
        return PQsendQuery(link->pg, call->text) == 1;
    if (kept[0])
        return PQsendQueryPrepared(link->pg, kept, call->params, call->value, call->length,
                                   call->format, 0) == 1;
    return PQsendQueryParams(link->pg, call->text, call->params, call->type, call->value,
                             call->length, call->format, 0) == 1;
}

/* Until the whole answer is here; false when the time is over or the connection lost. */
static bool wait_answer(slk_pg_link *link, int64_t until_ms)
{
    while (PQisBusy(link->pg)) {
        int64_t left = until_ms - slk_clock_monotonic_ms();
        if (left <= 0)
            return false;
        struct pollfd p = {.fd = PQsocket(link->pg), .events = POLLIN};
        int ready = poll(&p, 1, (int)left);
        if (ready < 0 && errno != EINTR)
            return false;
        if (ready > 0 && PQconsumeInput(link->pg) == 0)
            return false;
    }
    return true;
}

/* The last result, or the first that is an error; NULL when there is none. */
static PGresult *read_answer(slk_pg_link *link, int64_t until_ms, bool *ret_in_time)
{
    PGresult *last = NULL;
    *ret_in_time = true;
    while (true) {
        if (!wait_answer(link, until_ms)) {
            *ret_in_time = false;
            PQclear(last);
            return NULL;
        }
        PGresult *next = PQgetResult(link->pg);
        if (!next)
            return last;
        bool bad = last && PQresultStatus(last) == PGRES_FATAL_ERROR;
        PQclear(bad ? next : last);
        last = bad ? last : next;
    }
}

static slk_err lost(slk_pg_link *link, const char *name, const char *why, slk_pg_fate *ret_fate,
                    slk_error *error)
{
    slk_pg_link_close(link);
    *ret_fate = SLK_PG_LOST;
    return slk_fail(error, SLK_E_UNREACHABLE, "database statement %s: %s", name, why);
}

/* ---- statements the server keeps ---- */

#define NAME_CHARS 24u

static uint64_t key_of(const slk_pg_call *call)
{
    uint64_t key = UINT64_C(1469598103934665603);
    for (const char *c = call->text; *c; c++)
        key = (key ^ (uint8_t)*c) * UINT64_C(1099511628211);
    for (int i = 0; i < call->params; i++)
        key = (key ^ call->type[i]) * UINT64_C(1099511628211);
    return key ? key : 1;
}

/* The statement's place, or a free one; NULL when all are taken. */
static slk_pg_kept *place_of(slk_pg_link *link, uint64_t key)
{
    for (size_t i = 0; i < SLK_PG_KEPT; i++) {
        slk_pg_kept *at = &link->kept[(key + i) % SLK_PG_KEPT];
        if (at->key == key || at->key == 0)
            return at;
    }
    return NULL;
}

typedef enum stale {
    STALE_NOT,
    STALE_PLAN, /* a table it reads was altered */
    STALE_GONE, /* a pool before the server has given us another connection than the one that keeps it */
} stale;

/* source: PostgreSQL 15 documentation, appendix A (error codes) */
static stale staleness(const char *state)
{
    if (state && strcmp(state, "0A000") == 0)
        return STALE_PLAN;
    return state && (strcmp(state, "26000") == 0 || strcmp(state, "42P05") == 0) ? STALE_GONE
                                                                                 : STALE_NOT;
}

/* kept: the call is one of a statement that the server keeps. */
static slk_err answer_of(PGresult **ret_result, slk_pg_fate *ret_fate, slk_pg_link *link,
                         const slk_pg_call *call, bool kept, int64_t until_ms, slk_error *error)
{
    bool in_time;
    PGresult *result = read_answer(link, until_ms, &in_time);
    if (!in_time)
        return lost(link, call->name, "no answer in time", ret_fate, error);
    if (!result)
        return lost(link, call->name, "the connection was lost", ret_fate, error);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) {
        *ret_result = result;
        return SLK_OK;
    }
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const stale why = kept ? staleness(state) : STALE_NOT;
    slk_err code = refused(result, call->name, ret_fate, error);
    PQclear(result);
    if (*ret_fate == SLK_PG_LOST || why != STALE_NOT)
        slk_pg_link_close(link);
    if (why != STALE_NOT)
        *ret_fate = SLK_PG_NOT_DONE;
    link->keeps_nothing = link->keeps_nothing || why == STALE_GONE;
    return code;
}

/* ret_name: what the server calls the statement; "" when it does not keep it. */
static slk_err keep(char ret_name[NAME_CHARS], slk_pg_fate *ret_fate, slk_pg_link *link,
                    const slk_pg_call *call, int64_t until_ms, slk_error *error)
{
    ret_name[0] = '\0';
    if (call->params < 0 || link->keeps_nothing)
        return SLK_OK;
    const uint64_t key = key_of(call);
    slk_pg_kept *at = place_of(link, key);
    const bool first = at && at->key == 0;
    if (first)
        at->key = key;
    if (!at || first)
        return SLK_OK;
    /* The name says which statement it is: where a pool gives us a connection on which somebody else kept
     * his under ours, it is the same one. */
    char name[NAME_CHARS];
    (void)snprintf(name, sizeof name, "s%016" PRIx64, key);
    if (!at->prepared) {
        PGresult *result = NULL;
        if (PQsendPrepare(link->pg, name, call->text, call->params, call->type) != 1)
            return lost(link, call->name, "the connection was lost", ret_fate, error);
        SLK_TRY(answer_of(&result, ret_fate, link, call, true, until_ms, error));
        PQclear(result);
        at->prepared = true;
    }
    memcpy(ret_name, name, sizeof name);
    return SLK_OK;
}

slk_err slk_pg_link_call(PGresult **ret_result, slk_pg_fate *ret_fate, slk_pg_link *link,
                         const slk_pg_call *call, int wait_ms, slk_error *error)
{
    const int64_t until_ms = slk_clock_monotonic_ms() + wait_ms;
    char kept[NAME_CHARS];
    if (!link->pg)
        return lost(link, call->name, "the connection was lost", ret_fate, error);
    SLK_TRY(keep(kept, ret_fate, link, call, until_ms, error));
    if (!send_call(link, call, kept))
        return lost(link, call->name, "the connection was lost", ret_fate, error);
    return answer_of(ret_result, ret_fate, link, call, kept[0] != 0, until_ms, error);
}
