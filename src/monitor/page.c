/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The page of metrics. Names that Curio has are Curio's, with its prefix; the others begin with
 * selkie_, and process_ where every exporter has the same. source: reference/field 4, Curio */
#include "monitor/monitor_impl.h"

#include "access/access.h"
#include "base/file.h"
#include "base/mem.h"
#include "monitor/exposition.h"
#include "monitor/gauges.h"
#include "monitor/process.h"
#include "monitor/workers.h"
#include "remote/wire.h"
#include "seal/disk.h"
#include "seal/times.h"

#include <stdio.h>
#include <string.h>

#define PAGE_MAX_BYTES ((size_t)4 << 20)
#define MS_US 1000.0
#define S_US 1000000.0

/* ---- what the server counted ---- */

/* Calls fn for every route whose path is of the remote-seal protocol, or for every other one that
 * was ever asked. endpoint: of the protocol the word behind its prefix, else the whole path. */
typedef void each_route(slk_exposition *x, const char *endpoint, const char *method,
                        const slk_http_counts *counts);

static void for_each_route(slk_exposition *x, const slk_http_server *server, bool remote,
                           each_route *fn)
{
    const slk_http_route *route;
    for (size_t i = 0; server && (route = slk_http_server_route(server, i)) != NULL; i++) {
        const slk_http_counts *counts = slk_http_server_counts(server, i);
        const bool is_remote = strncmp(route->path, SLK_WIRE_PATH, strlen(SLK_WIRE_PATH)) == 0;
        if (is_remote != remote || (!remote && slk_counter_read(&counts->requests) == 0))
            continue;
        char endpoint[96];
        const char *word = route->path + (remote ? strlen(SLK_WIRE_PATH) : 0);
        const size_t n = remote ? strcspn(word, "/") : strlen(word);
        (void)snprintf(endpoint, sizeof endpoint, "%.*s", (int)n, word);
        fn(x, endpoint, route->method, counts);
    }
}

static void expose_requests(slk_exposition *x, const char *endpoint, const char *method,
                            const slk_http_counts *counts)
{
    slk_expose(x, SLK_LABELS({"endpoint", endpoint}, {"method", method}),
               (double)slk_counter_read(&counts->requests));
}

static void expose_statuses(slk_exposition *x, const char *endpoint, const char *method,
                            const slk_http_counts *counts)
{
    for (size_t i = 0; i < SLK_HTTP_STATUSES; i++) {
        const uint64_t n = slk_counter_read(&counts->status[i]);
        char status[16];
        (void)snprintf(status, sizeof status, "%d", slk_http_statuses[i]);
        if (n > 0)
            slk_expose(x,
                       SLK_LABELS({"endpoint", endpoint}, {"method", method},
                                  {"status_code", slk_http_statuses[i] ? status : "other"}),
                       (double)n);
    }
}

static void expose_bytes(slk_exposition *x, const char *endpoint, const char *method,
                         const slk_http_counts *counts)
{
    slk_expose(x, SLK_LABELS({"endpoint", endpoint}, {"method", method}),
               (double)slk_counter_read(&counts->bytes));
}

static void expose_active(slk_exposition *x, const char *endpoint, const char *method,
                          const slk_http_counts *counts)
{
    slk_expose(x, SLK_LABELS({"endpoint", endpoint}, {"method", method}),
               (double)slk_gauge_read(&counts->active));
}

static void expose_ms(slk_exposition *x, const char *endpoint, const char *method,
                      const slk_http_counts *counts)
{
    slk_expose_histogram(x, SLK_LABELS({"endpoint", endpoint}, {"method", method}),
                         &counts->duration_us, MS_US);
}

static void expose_seconds(slk_exposition *x, const char *endpoint, const char *method,
                           const slk_http_counts *counts)
{
    slk_expose_histogram(x, SLK_LABELS({"endpoint", endpoint}, {"method", method}),
                         &counts->duration_us, S_US);
}

static void expose_server(slk_exposition *x, const slk_http_server *server)
{
    slk_expose_family(x, "curio_rseal_request_count", SLK_METRIC_COUNTER,
                      "Requests to the remote-seal endpoints.");
    for_each_route(x, server, true, expose_requests);
    slk_expose_family(x, "curio_rseal_response_status_count", SLK_METRIC_COUNTER,
                      "Answers of the remote-seal endpoints by status.");
    for_each_route(x, server, true, expose_statuses);
    slk_expose_family(x, "curio_rseal_response_bytes_count", SLK_METRIC_COUNTER,
                      "Bytes of bodies sent by the remote-seal endpoints.");
    for_each_route(x, server, true, expose_bytes);
    slk_expose_family(x, "curio_rseal_active_requests", SLK_METRIC_GAUGE,
                      "Requests to the remote-seal endpoints under way.");
    for_each_route(x, server, true, expose_active);
    slk_expose_family(x, "curio_rseal_request_duration_ms", SLK_METRIC_HISTOGRAM,
                      "Milliseconds from a request's header to the last byte of its answer.");
    for_each_route(x, server, true, expose_ms);
    slk_expose_family(x, "selkie_http_responses_total", SLK_METRIC_COUNTER,
                      "Answers of all other endpoints by status.");
    for_each_route(x, server, false, expose_statuses);
    slk_expose_family(x, "selkie_http_request_duration_seconds", SLK_METRIC_HISTOGRAM,
                      "Time from a request's header to the last byte of its answer, all others.");
    for_each_route(x, server, false, expose_seconds);
}

static void expose_provider(slk_exposition *x, const slk_remote_provider *provider)
{
    if (!provider)
        return;
    const slk_remote_provider_counts *counts = slk_remote_provider_get_counts(provider);
    slk_expose_family(x, "curio_rseal_orders_total", SLK_METRIC_COUNTER,
                      "Orders answered, by whether they were accepted.");
    slk_expose(x, SLK_LABELS({"accepted", "true"}), (double)slk_counter_read(&counts->accepted));
    slk_expose(x, SLK_LABELS({"accepted", "false"}), (double)slk_counter_read(&counts->refused));
    slk_expose_family(x, "curio_rseal_slots_issued_total", SLK_METRIC_COUNTER,
                      "Slot tokens given out.");
    slk_expose(x, SLK_NO_LABELS, (double)slk_counter_read(&counts->slots));
    slk_expose_family(
        x, "selkie_relayed_total", SLK_METRIC_COUNTER,
        "Questions for files that the node which has them answered, through this one.");
    slk_expose(x, SLK_NO_LABELS, (double)slk_counter_read(&counts->relayed));
    slk_expose_family(x, "curio_rseal_commit1_compute_duration_ms", SLK_METRIC_HISTOGRAM,
                      "Milliseconds until a C1 was ready to be sent.");
    slk_expose_histogram(x, SLK_NO_LABELS, &counts->commit1_us, MS_US);
}

/* ---- what the steps counted ---- */

static bool is_ours(const slk_seal *seal, const slk_step *step)
{
    const slk_seal_options *o = slk_seal_get_options(seal);
    return step->pipeline == SLK_PIPELINE_PROVIDER ? o->provider : o->client;
}

/* The counters of one kind, of every step this node runs. */
static void expose_step_counter(slk_exposition *x, const slk_seal *seal, bool failures)
{
    size_t n;
    const slk_step *steps = slk_seal_steps(&n);
    for (size_t i = 0; i < n; i++) {
        const slk_step_counts *counts = slk_seal_step_counts(seal, i);
        if (is_ours(seal, &steps[i]))
            slk_expose(x, SLK_LABELS({"step", steps[i].name}),
                       (double)slk_counter_read(failures ? &counts->failed : &counts->again));
    }
}

static void expose_steps(slk_exposition *x, const slk_seal *seal)
{
    size_t n;
    const slk_step *steps = slk_seal_steps(&n);
    slk_expose_family(x, "selkie_task_duration_seconds", SLK_METRIC_HISTOGRAM,
                      "How long a run took that did its step's work.");
    for (size_t i = 0; i < n; i++)
        if (is_ours(seal, &steps[i]))
            slk_expose_histogram(x, SLK_LABELS({"step", steps[i].name}),
                                 &slk_seal_step_counts(seal, i)->done_us, S_US);
    slk_expose_family(x, "selkie_task_retries_total", SLK_METRIC_COUNTER,
                      "Runs that did not succeed and are tried again.");
    expose_step_counter(x, seal, false);
    slk_expose_family(x, "selkie_task_failures_total", SLK_METRIC_COUNTER,
                      "Runs after which the sector was given up.");
    expose_step_counter(x, seal, true);
    const slk_seal_options *o = slk_seal_get_options(seal);
    slk_expose_family(x, "selkie_workers", SLK_METRIC_GAUGE, "Workers of this node by class.");
    for (unsigned i = 0; i < SLK_CLASS_COUNT; i++)
        slk_expose(x, SLK_LABELS({"class", slk_task_class_name((slk_task_class)i)}),
                   (double)o->workers[i]);
}

static void expose_peer(slk_exposition *x, const slk_remote_peer *peer)
{
    if (!peer)
        return;
    const slk_remote_peer_totals totals = slk_remote_peer_get_totals(peer);
    slk_expose_family(x, "selkie_peer_calls_total", SLK_METRIC_COUNTER,
                      "Calls to peers, pieces of downloads too.");
    slk_expose(x, SLK_NO_LABELS, (double)totals.calls);
    slk_expose_family(x, "selkie_peer_calls_failed_total", SLK_METRIC_COUNTER,
                      "Calls to peers that got no whole answer.");
    slk_expose(x, SLK_NO_LABELS, (double)totals.failed);
    slk_expose_family(x, "selkie_peer_received_bytes_total", SLK_METRIC_COUNTER,
                      "Bytes of bodies received from peers, sectors above all.");
    slk_expose(x, SLK_NO_LABELS, (double)totals.received_bytes);
}

/* ---- disks, chain ---- */

static void expose_disk(slk_exposition *x, const char *folder, const char *path)
{
    uint64_t bytes = 0;
    if (path && slk_folder_free_bytes(&bytes, path, NULL) == SLK_OK)
        slk_expose(x, SLK_LABELS({"folder", folder}), (double)bytes);
}

static void expose_disks(slk_exposition *x, slk_seal *seal)
{
    const slk_seal_options *o = slk_seal_get_options(seal);
    slk_disk disk;
    slk_expose_family(x, "selkie_disk_free_bytes", SLK_METRIC_GAUGE,
                      "Free bytes on the file system of a folder.");
    expose_disk(x, "scratch", o->scratch_folder);
    expose_disk(x, "storage", o->client ? o->storage_folder : NULL);
    if (!o->provider || slk_disk_look(&disk, slk_seal_db(seal), seal, NULL) != SLK_OK)
        return;
    slk_expose_family(x, "selkie_disk_reserved_bytes", SLK_METRIC_GAUGE,
                      "Bytes of the scratch disk that sectors and slots may still come to take.");
    slk_expose(x, SLK_LABELS({"folder", "scratch"}, {"by", "sectors"}), (double)disk.sectors_bytes);
    slk_expose(x, SLK_LABELS({"folder", "scratch"}, {"by", "slots"}), (double)disk.slots_bytes);
}

static void expose_miner(slk_exposition *x, const slk_chain_sample *s,
                         double (*value)(const slk_miner_sample *))
{
    for (size_t i = 0; i < s->miners_n; i++) {
        char miner[32];
        (void)snprintf(miner, sizeof miner, "f0%llu", (unsigned long long)s->miners[i].sp_id);
        if (s->miners[i].known)
            slk_expose(x, SLK_LABELS({"miner", miner}), value(&s->miners[i]));
    }
}

static double sender_fil(const slk_miner_sample *m)
{
    return m->sender_fil;
}

static double available_fil(const slk_miner_sample *m)
{
    return m->available_fil;
}

static double deposit_fil(const slk_miner_sample *m)
{
    return m->deposit_fil;
}

static double pledge_fil(const slk_miner_sample *m)
{
    return m->pledge_fil;
}

static void expose_chain(slk_exposition *x, slk_monitor *monitor)
{
    slk_chain_sample s;
    slk_monitor_chain(&s, monitor);
    if (s.taken_ms == 0)
        return;
    slk_expose_family(x, "selkie_chain_up", SLK_METRIC_GAUGE,
                      "Whether a chain node answered when last asked.");
    slk_expose(x, SLK_NO_LABELS, s.answered);
    if (!s.answered)
        return;
    slk_expose_family(x, "selkie_chain_head_epoch", SLK_METRIC_GAUGE, "Epoch of the chain's head.");
    slk_expose(x, SLK_NO_LABELS, (double)s.head_epoch);
    slk_expose_family(x, "selkie_chain_head_age_seconds", SLK_METRIC_GAUGE,
                      "Age of the head by this machine's clock; negative: the clock is behind.");
    slk_expose(x, SLK_NO_LABELS, (double)(s.taken_ms - s.head_ms) / 1000);
    slk_expose_family(x, "selkie_chain_sender_balance_fil", SLK_METRIC_GAUGE,
                      "FIL of the richest address that can send for the miner.");
    expose_miner(x, &s, sender_fil);
    slk_expose_family(x, "selkie_chain_miner_available_fil", SLK_METRIC_GAUGE,
                      "FIL the miner actor can use for deposits and pledges.");
    expose_miner(x, &s, available_fil);
    slk_expose_family(x, "selkie_chain_deposit_fil", SLK_METRIC_GAUGE,
                      "Deposit the chain asks for one more sector.");
    expose_miner(x, &s, deposit_fil);
    slk_expose_family(x, "selkie_chain_pledge_fil", SLK_METRIC_GAUGE,
                      "Pledge the chain asks for one more sector.");
    expose_miner(x, &s, pledge_fil);
}

static void expose_clock(slk_exposition *x, const slk_seal *seal)
{
    slk_time_view view;
    slk_time_view_get(&view, seal);
    slk_expose_family(x, "selkie_clock_in_doubt", SLK_METRIC_GAUGE,
                      "Whether the wall clock cannot be believed, and why.");
    for (unsigned i = SLK_TIME_BELIEVED + 1; i < SLK_TIME_DOUBTS; i++)
        slk_expose(x, SLK_LABELS({"why", slk_time_doubt_name((slk_time_doubt)i)}),
                   view.doubt == (slk_time_doubt)i);
    slk_expose_family(x, "selkie_clock_ahead_seconds", SLK_METRIC_GAUGE,
                      "The wall clock less the time the node goes by; 0 when it is believed.");
    slk_expose(x, SLK_NO_LABELS, (double)(view.wall_ms - view.believed_ms) / 1000);
}

/* ---- the whole ---- */

slk_err slk_monitor_page(slk_buf *out, slk_monitor *monitor, const slk_http_server *server,
                         slk_error *error)
{
    const slk_monitor_options *o = &monitor->options;
    slk_exposition x = {.out = out};
    slk_expose_family(&x, "selkie_build_info", SLK_METRIC_GAUGE, "Which program this is.");
    slk_expose(&x, SLK_LABELS({"version", o->version}, {"revision", o->revision}), 1);
    expose_server(&x, server);
    expose_provider(&x, o->provider);
    expose_steps(&x, o->seal);
    expose_peer(&x, o->peer);
    SLK_TRY(slk_gauges_expose(&x, o->seal, error));
    expose_clock(&x, o->seal);
    expose_disks(&x, o->seal);
    expose_chain(&x, monitor);
    slk_workers_expose(&x, &o->rules.workers);
    slk_process_expose(&x, monitor->started_ms);
    return x.code == SLK_OK ? SLK_OK
                            : slk_fail(error, x.code, "the page of metrics cannot be written");
}

/* A proxy on this machine says of itself that it is one. */
static bool asks_from_here(const slk_http_exchange *exchange)
{
    return slk_http_peer_is_loopback(exchange) && !slk_http_header_value(exchange, "Forwarded") &&
           !slk_http_header_value(exchange, "X-Forwarded-For") &&
           !slk_http_header_value(exchange, "Via");
}

static slk_err get_metrics(void *context, slk_http_exchange *exchange, slk_error *error)
{
    slk_monitor *monitor = context;
    const slk_monitor_options *o = &monitor->options;
    if (!o->trust_loopback || !asks_from_here(exchange)) {
        slk_access_who who;
        const char *token = slk_http_bearer(exchange);
        const slk_err code =
            slk_access_check(&who, slk_seal_db(o->seal), token, slk_seal_now(o->seal), error);
        SLK_TRY(code == SLK_E_AUTH && token ? slk_http_guessed(exchange, error) : code);
    }
    SLK_CLEANUP(slk_buf_done) slk_buf page;
    slk_buf_init(&page, PAGE_MAX_BYTES);
    SLK_TRY(slk_monitor_page(&page, monitor, slk_http_server_of(exchange), error));
    return slk_http_reply_bytes(exchange, 200, SLK_EXPOSITION_TYPE, page.data, page.len);
}

slk_http_route slk_monitor_route(slk_monitor *monitor)
{
    return (slk_http_route){
        .method = "GET", .path = "/metrics", .handler = get_metrics, .context = monitor};
}
