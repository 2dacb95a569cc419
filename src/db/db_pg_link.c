/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "db/db_pg_link_impl.h"

#include "base/clock.h"

#include <errno.h>
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

static bool send_call(slk_pg_link *link, const slk_pg_call *call)
{
    if (call->params < 0)
        return PQsendQuery(link->pg, call->text) == 1;
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

slk_err slk_pg_link_call(PGresult **ret_result, slk_pg_fate *ret_fate, slk_pg_link *link,
                         const slk_pg_call *call, int wait_ms, slk_error *error)
{
    if (!link->pg || !send_call(link, call))
        return lost(link, call->name, "the connection was lost", ret_fate, error);
    bool in_time;
    PGresult *result = read_answer(link, slk_clock_monotonic_ms() + wait_ms, &in_time);
    if (!in_time)
        return lost(link, call->name, "no answer in time", ret_fate, error);
    if (!result)
        return lost(link, call->name, "the connection was lost", ret_fate, error);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) {
        *ret_result = result;
        return SLK_OK;
    }
    slk_err code = refused(result, call->name, ret_fate, error);
    PQclear(result);
    if (*ret_fate == SLK_PG_LOST)
        slk_pg_link_close(link);
    return code;
}
