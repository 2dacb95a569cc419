/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "monitor/workers.h"

#include "base/mem.h"
#include "codec/json.h"
#include "monitor/rules_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define AWAY_MS INT64_C(120000)
#define SESSION_CHARS 9 /* as lists show it */

/* Whose numbers are shown also when they are zero. */
static const char *const usual_tasks[] = {"PC1", "PC2", "C1", "C2"};

static const char *text(const json_t *row, const char *key)
{
    const char *value = json_string_value(json_object_get(row, key));
    return value ? value : "";
}

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

/* How many rows of the list are of that task. */
static double count(const json_t *list, const char *task)
{
    double n = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        n += strcmp(text(json_array_get(list, i), "task"), task) == 0;
    return n;
}

static void session_of(char out[SESSION_CHARS], const json_t *worker)
{
    (void)snprintf(out, SESSION_CHARS, "%.8s", text(worker, "session"));
}

/* A gauge of each worker by a field, true or false. */
static void expose_flag(slk_exposition *x, const json_t *workers, const char *field)
{
    for (size_t i = 0; i < json_array_size(workers); i++) {
        const json_t *w = json_array_get(workers, i);
        char session[SESSION_CHARS];
        session_of(session, w);
        slk_expose(x,
                   SLK_LABELS({"worker", text(w, "host")}, {"kind", text(w, "kind")},
                              {"session", session}),
                   json_is_true(json_object_get(w, field)));
    }
}

static void expose_running(slk_exposition *x, const json_t *worker)
{
    const json_t *tasks = json_object_get(worker, "tasks");
    char session[SESSION_CHARS];
    session_of(session, worker);
    for (size_t i = 0; i < json_array_size(tasks); i++) {
        const char *task = json_string_value(json_array_get(tasks, i));
        if (task)
            slk_expose(x,
                       SLK_LABELS({"worker", text(worker, "host")}, {"kind", text(worker, "kind")},
                                  {"session", session}, {"task", task}),
                       count(json_object_get(worker, "running"), task));
    }
}

static bool is_usual(const char *task)
{
    for (size_t i = 0; i < sizeof usual_tasks / sizeof *usual_tasks; i++)
        if (strcmp(usual_tasks[i], task) == 0)
            return true;
    return false;
}

/* Whether a row before the index-th is of the same task. */
static bool seen_before(const json_t *list, size_t index)
{
    const char *task = text(json_array_get(list, index), "task");
    for (size_t i = 0; i < index; i++)
        if (strcmp(text(json_array_get(list, i), "task"), task) == 0)
            return true;
    return false;
}

static void expose_waiting(slk_exposition *x, const json_t *waiting)
{
    for (size_t i = 0; i < sizeof usual_tasks / sizeof *usual_tasks; i++)
        slk_expose(x, SLK_LABELS({"task", usual_tasks[i]}), count(waiting, usual_tasks[i]));
    for (size_t i = 0; i < json_array_size(waiting); i++) {
        const char *task = text(json_array_get(waiting, i), "task");
        if (!is_usual(task) && !seen_before(waiting, i))
            slk_expose(x, SLK_LABELS({"task", task}), count(waiting, task));
    }
}

static void expose_calls(slk_exposition *x, const json_t *calls)
{
    slk_expose_family(x, "selkie_worker_calls_total", SLK_METRIC_COUNTER,
                      "Tasks that other processes did for this node, by how they ended.");
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *c = json_array_get(calls, i);
        slk_expose(x, SLK_LABELS({"task", text(c, "task")}, {"result", "done"}), number(c, "done"));
        slk_expose(x, SLK_LABELS({"task", text(c, "task")}, {"result", "failed"}),
                   number(c, "failed"));
    }
    slk_expose_family(x, "selkie_worker_call_seconds_total", SLK_METRIC_COUNTER,
                      "What those that were done took, from the call to the result.");
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *c = json_array_get(calls, i);
        slk_expose(x, SLK_LABELS({"task", text(c, "task")}), number(c, "ms") / 1000);
    }
}

void slk_workers_expose(slk_exposition *exposition, const slk_workers_source *source)
{
    slk_exposition *x = exposition;
    SLK_CLEANUP(slk_json_decrefp)
    json_t *board = source->board ? source->board(source->context) : NULL;
    if (!board)
        return;
    const json_t *workers = json_object_get(board, "workers");
    slk_expose_family(x, "selkie_worker_up", SLK_METRIC_GAUGE,
                      "Whether a worker of this node answered when last asked.");
    expose_flag(x, workers, "answers");
    slk_expose_family(x, "selkie_worker_open", SLK_METRIC_GAUGE,
                      "Whether a worker may get new work.");
    expose_flag(x, workers, "open");
    slk_expose_family(x, "selkie_worker_running", SLK_METRIC_GAUGE,
                      "Tasks a worker does now, by kind.");
    for (size_t i = 0; i < json_array_size(workers); i++)
        expose_running(x, json_array_get(workers, i));
    slk_expose_family(x, "selkie_worker_waiting", SLK_METRIC_GAUGE,
                      "Tasks that wait for a worker, by kind.");
    expose_waiting(x, json_object_get(board, "waiting"));
    expose_calls(x, json_object_get(board, "calls"));
}

/* ---- rules ---- */

static slk_err look_worker(slk_look *look, const slk_rules *rules, const json_t *w,
                           slk_error *error)
{
    const bool answers = json_is_true(json_object_get(w, "answers"));
    const bool open = json_is_true(json_object_get(w, "open"));
    const int64_t silent_ms = (int64_t)number(w, "silent_ms");
    const bool refuted = json_is_true(json_object_get(w, "refuted"));
    char what[160];
    (void)snprintf(what, sizeof what, "worker %.60s %.8s", text(w, "host"), text(w, "session"));
    slk_condition c;
    if (refuted) {
        c = slk_rule_own(rules, "worker-refuted", SLK_SEVERITY_CRITICAL,
                         "look at that machine (memory, disk); selkie worker enable SESSION gives "
                         "it work again",
                         what);
        (void)snprintf(c.summary, sizeof c.summary, "it gets no work: %s", text(w, "why"));
    } else if (open && !answers && silent_ms >= AWAY_MS) {
        c = slk_rule_own(rules, "worker-away", SLK_SEVERITY_WARNING,
                         "start it again; or selkie worker disable SESSION, if it is gone for good",
                         what);
        (void)snprintf(c.summary, sizeof c.summary, "it has not answered for %" PRId64 " min: %s",
                       silent_ms / 60000, text(w, "why"));
    } else {
        return SLK_OK;
    }
    return slk_look_add(look, &c, error);
}

slk_err slk_rule_workers(slk_look *look, const slk_rules *rules, slk_error *error)
{
    const slk_workers_source *source = &rules->workers;
    if (!source->board)
        return SLK_OK;
    SLK_CLEANUP(slk_json_decrefp) json_t *board = source->board(source->context);
    if (!board)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the workers");
    const json_t *workers = json_object_get(board, "workers");
    for (size_t i = 0; i < json_array_size(workers); i++)
        SLK_TRY(look_worker(look, rules, json_array_get(workers, i), error));
    return SLK_OK;
}
