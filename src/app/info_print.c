/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/info.h"

#include "app/amount.h"
#include "app/paint.h"
#include "app/service.h"
#include "seal/times.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ALERTS_SHOWN 3u
#define LEASE_SOON_MS INT64_C(43200000) /* 12 h */

static void format_bytes(char *out, size_t size, int64_t bytes)
{
    const double gib = (double)bytes / (1 << 30);
    if (gib >= 1024)
        (void)snprintf(out, size, "%.1f TiB", gib / 1024);
    else
        (void)snprintf(out, size, "%.1f GiB", gib);
}

/* ---- the parts, one or a few lines each ---- */

static void print_alerts(const json_t *info, const slk_paint *paint)
{
    const json_t *alerts = json_object_get(info, "alerts");
    const size_t n = json_array_size(alerts);
    if (n == 0)
        return;
    (void)printf("%s⚠ %zu active alert%s%s   selkie alerts list\n", slk_paint_in(paint, SLK_RED), n,
                 n == 1 ? "" : "s", slk_paint_in(paint, SLK_PLAIN));
    for (size_t i = 0; i < n && i < ALERTS_SHOWN; i++) {
        const json_t *row = json_array_get(alerts, i);
        (void)printf("  %s%-8s%s %s: %s\n", slk_paint_in(paint, SLK_RED),
                     slk_service_text(row, "severity"), slk_paint_in(paint, SLK_PLAIN),
                     slk_service_text(row, "subject"), slk_service_text(row, "summary"));
    }
}

static void print_failures(const json_t *info, const slk_paint *paint)
{
    const int64_t failed = slk_service_number(info, "failed_sectors");
    if (failed > 0)
        (void)printf("%s%" PRId64 " sector%s failed%s   selkie sector list, selkie sector show N\n",
                     slk_paint_in(paint, SLK_RED), failed, failed == 1 ? " has" : "s have",
                     slk_paint_in(paint, SLK_PLAIN));
}

/* The row of this node; NULL when it never ran. */
static const json_t *own_row(const json_t *info)
{
    const json_t *nodes = json_object_get(info, "nodes");
    for (size_t i = 0; i < json_array_size(nodes); i++)
        if (strcmp(slk_service_text(json_array_get(nodes, i), "name"),
                   slk_service_text(info, "node")) == 0)
            return json_array_get(nodes, i);
    return NULL;
}

static void print_clock(const json_t *info, const slk_paint *paint)
{
    const json_t *clock = json_object_get(info, "clock");
    if (strcmp(slk_service_text(clock, "state"), slk_time_doubt_name(SLK_TIME_BELIEVED)) == 0)
        return;
    (void)printf("%sClock%s      %sin doubt: %s%s\n           -> %s\n",
                 slk_paint_in(paint, SLK_BOLD), slk_paint_in(paint, SLK_PLAIN),
                 slk_paint_in(paint, SLK_RED), slk_service_text(clock, "says"),
                 slk_paint_in(paint, SLK_PLAIN), SLK_TIME_ADVICE);
}

/* The time that the node goes by. */
static int64_t now_of(const json_t *info)
{
    return slk_service_number(json_object_get(info, "clock"), "now_ms");
}

static void print_node(const json_t *info, const slk_paint *paint)
{
    const json_t *process = json_object_get(info, "process");
    const json_t *row = own_row(info);
    char up[48] = "";
    slk_span_format(up, now_of(info) - slk_service_number(row, "started_ms"));
    (void)printf("%sNode%s       %s", slk_paint_in(paint, SLK_BOLD), slk_paint_in(paint, SLK_PLAIN),
                 slk_service_text(info, "node"));
    if (!json_is_object(process))
        (void)printf(", %snot running%s\n", slk_paint_in(paint, SLK_YELLOW),
                     slk_paint_in(paint, SLK_PLAIN));
    else
        (void)printf(", %s, %s%s %s%s\n", slk_service_text(row, "roles"),
                     slk_paint_in(paint, SLK_GREEN),
                     slk_service_bool(process, "serving") ? "up" : "starting", up,
                     slk_paint_in(paint, SLK_PLAIN));
    (void)printf("           %s   %s%s\n", slk_service_text(info, "url"),
                 slk_service_text(info, "repository"),
                 slk_service_bool(info, "development") ? "   development network" : "");
}

static void print_chain(const json_t *info, const slk_paint *paint)
{
    const json_t *chain = json_object_get(info, "chain");
    if (!slk_service_bool(chain, "configured"))
        return;
    (void)printf("%sChain%s      ", slk_paint_in(paint, SLK_BOLD), slk_paint_in(paint, SLK_PLAIN));
    if (json_object_get(chain, "error"))
        (void)printf("%s%s%s\n", slk_paint_in(paint, SLK_RED), slk_service_text(chain, "error"),
                     slk_paint_in(paint, SLK_PLAIN));
    else if (json_object_get(chain, "network"))
        (void)printf("%s, epoch %" PRId64 ", %s\n", slk_service_text(chain, "network"),
                     slk_service_number(chain, "head"), slk_service_text(chain, "node"));
    else
        (void)printf("configured; `selkie status` asks it\n");
}

static slk_colour colour_of(const char *state)
{
    if (strcmp(state, "proving") == 0)
        return SLK_GREEN;
    return strcmp(state, "cleaned") == 0 || strcmp(state, "removed") == 0 ? SLK_PLAIN : SLK_YELLOW;
}

/* "Miner f01000 (we order)    proving 12  seed 3 (1 failed)": one line per miner and role. */
static void print_miners(const json_t *info, const slk_paint *paint)
{
    const json_t *miners = json_object_get(info, "miners");
    const char *role = "";
    int64_t miner = -1;
    for (size_t i = 0; i < json_array_size(miners); i++) {
        const json_t *row = json_array_get(miners, i);
        const int64_t failed = slk_service_number(row, "failed");
        if (slk_service_number(row, "sp_id") != miner ||
            strcmp(slk_service_text(row, "role"), role) != 0) {
            role = slk_service_text(row, "role");
            miner = slk_service_number(row, "sp_id");
            (void)printf("%s%sMiner%s      %sf0%" PRId64 "%s %s", i ? "\n" : "",
                         slk_paint_in(paint, SLK_BOLD), slk_paint_in(paint, SLK_PLAIN),
                         slk_paint_in(paint, SLK_BLUE), miner, slk_paint_in(paint, SLK_PLAIN),
                         strcmp(role, "client") == 0 ? "(ours)" : "(a partner's)");
        }
        (void)printf("  %s%s %" PRId64 "%s",
                     slk_paint_in(paint, colour_of(slk_service_text(row, "state"))),
                     slk_service_text(row, "state"), slk_service_number(row, "count"),
                     slk_paint_in(paint, SLK_PLAIN));
        if (failed > 0)
            (void)printf(" %s(%" PRId64 " failed)%s", slk_paint_in(paint, SLK_RED), failed,
                         slk_paint_in(paint, SLK_PLAIN));
    }
    if (json_array_size(miners) > 0)
        (void)printf("\n");
}

static void print_peers(const json_t *info, const slk_paint *paint)
{
    const json_t *partners = json_object_get(info, "partners");
    const json_t *providers = json_object_get(info, "providers");
    for (size_t i = 0; i < json_array_size(partners); i++) {
        const json_t *row = json_array_get(partners, i);
        (void)printf(
            "%sPartner%s    %-20s here %" PRId64 "/%" PRId64 ", may order %s%" PRId64 "%s more\n",
            slk_paint_in(paint, SLK_BOLD), slk_paint_in(paint, SLK_PLAIN),
            slk_service_text(row, "name"), slk_service_number(row, "active"),
            slk_service_number(row, "allowance_total"),
            slk_paint_in(paint,
                         slk_service_number(row, "allowance_remaining") ? SLK_PLAIN : SLK_YELLOW),
            slk_service_number(row, "allowance_remaining"), slk_paint_in(paint, SLK_PLAIN));
    }
    for (size_t i = 0; i < json_array_size(providers); i++) {
        const json_t *row = json_array_get(providers, i);
        const bool enabled = slk_service_bool(row, "enabled");
        (void)printf("%sProvider%s   %-20s for f0%" PRId64 ": at work %" PRId64 ", done %" PRId64
                     "%s%s%s%s\n",
                     slk_paint_in(paint, SLK_BOLD), slk_paint_in(paint, SLK_PLAIN),
                     *slk_service_text(row, "name") ? slk_service_text(row, "name")
                                                    : slk_service_text(row, "url"),
                     slk_service_number(row, "sp_id"), slk_service_number(row, "active"),
                     slk_service_number(row, "done"), slk_paint_in(paint, SLK_YELLOW),
                     enabled ? "" : ", disabled: ", slk_service_text(row, "disabled_reason"),
                     slk_paint_in(paint, SLK_PLAIN));
    }
}

static const json_t *row_of_class(const json_t *list, const char *class)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(slk_service_text(json_array_get(list, i), "class"), class) == 0)
            return json_array_get(list, i);
    return NULL;
}

static void print_workers(const json_t *info, const slk_paint *paint)
{
    const json_t *workers = json_object_get(info, "workers");
    for (size_t i = 0; i < json_array_size(workers); i++) {
        const json_t *worker = json_array_get(workers, i);
        const char *class = slk_service_text(worker, "class");
        const json_t *queue = row_of_class(json_object_get(info, "queue"), class);
        char bar[64];
        slk_paint_bar(bar, sizeof bar, (uint64_t)slk_service_number(queue, "running"),
                      (uint64_t)slk_service_number(worker, "limit"));
        (void)printf("%s%-10s%s %-9s %s%s%s busy", slk_paint_in(paint, SLK_BOLD),
                     i == 0 ? "Workers" : "", slk_paint_in(paint, SLK_PLAIN), class,
                     slk_paint_in(paint, SLK_GREEN), bar, slk_paint_in(paint, SLK_PLAIN));
        if (queue)
            (void)printf(", ready %" PRId64 ", waiting %" PRId64,
                         slk_service_number(queue, "ready"), slk_service_number(queue, "waiting"));
        (void)printf("\n");
    }
}

/* As Lotus's first miners had it. source: reference/lotus-worker 1.5 */
static void print_use(const json_t *info)
{
    const json_t *use = json_object_get(info, "worker_use");
    if (!json_is_object(use))
        return;
    (void)printf("Worker use:\n\tLocal: %" PRId64 " / %" PRId64 " (+%" PRId64
                 " reserved)\n\tRemote: %" PRId64 " / %" PRId64 "\n",
                 slk_service_number(use, "LocalBusy"), slk_service_number(use, "LocalTotal"),
                 slk_service_number(use, "LocalReserved"), slk_service_number(use, "RemoteBusy"),
                 slk_service_number(use, "RemoteTotal"));
}

static void print_disks(const json_t *info, const slk_paint *paint)
{
    const json_t *disks = json_object_get(info, "disks");
    for (size_t i = 0; i < json_array_size(disks); i++) {
        const json_t *disk = json_array_get(disks, i);
        char free_text[32], total[32];
        format_bytes(free_text, sizeof free_text, slk_service_number(disk, "free_bytes"));
        format_bytes(total, sizeof total, slk_service_number(disk, "total_bytes"));
        const bool low =
            slk_service_number(disk, "free_bytes") * 20 < slk_service_number(disk, "total_bytes");
        (void)printf("%s%-10s%s %-10s %s%s free%s of %s\n", slk_paint_in(paint, SLK_BOLD),
                     i == 0 ? "Disks" : "", slk_paint_in(paint, SLK_PLAIN),
                     slk_service_text(disk, "name"), slk_paint_in(paint, low ? SLK_RED : SLK_PLAIN),
                     free_text, slk_paint_in(paint, SLK_PLAIN), total);
    }
}

static void print_money(const json_t *info, const slk_paint *paint)
{
    const json_t *money = json_object_get(info, "money");
    const int64_t waiting = slk_service_number(info, "messages_waiting");
    const char *title = "Money";
    for (size_t i = 0; i < json_array_size(money); i++) {
        const json_t *m = json_array_get(money, i);
        char deposits[SLK_FIL_CHARS], pledges[SLK_FIL_CHARS];
        slk_fil_format(deposits, slk_service_text(m, "deposits"));
        slk_fil_format(pledges, slk_service_text(m, "pledges"));
        (void)printf("%s%-10s%s f0%" PRId64 " deposits %s, pledges %s\n",
                     slk_paint_in(paint, SLK_BOLD), title, slk_paint_in(paint, SLK_PLAIN),
                     slk_service_number(m, "sp_id"), deposits, pledges);
        title = "";
    }
    if (waiting > 0)
        (void)printf("%s%-10s%s %" PRId64 " to the chain have not landed\n",
                     slk_paint_in(paint, SLK_BOLD), "Messages", slk_paint_in(paint, SLK_PLAIN),
                     waiting);
}

static void print_next(const json_t *info, const slk_paint *paint)
{
    const json_t *lease = json_object_get(info, "lease");
    if (!json_is_object(lease))
        return;
    char left[48];
    const int64_t ms = slk_service_number(lease, "until_ms") - now_of(info);
    slk_span_format(left, ms);
    (void)printf("%sNext%s       lease of f0%" PRId64 "/%" PRId64 " %s%s %s%s\n",
                 slk_paint_in(paint, SLK_BOLD), slk_paint_in(paint, SLK_PLAIN),
                 slk_service_number(lease, "sp_id"), slk_service_number(lease, "number"),
                 slk_paint_in(paint, ms < LEASE_SOON_MS ? SLK_RED : SLK_PLAIN),
                 ms > 0 ? "ends in" : "has ended", ms > 0 ? left : "",
                 slk_paint_in(paint, SLK_PLAIN));
}

static void print_tasks(const json_t *info, const slk_paint *paint)
{
    const json_t *running = json_object_get(info, "running");
    for (size_t i = 0; i < json_array_size(running); i++) {
        const json_t *task = json_array_get(running, i);
        const int64_t done = slk_service_number(task, "done");
        const int64_t total = slk_service_number(task, "total");
        char left[64] = "", sector[48];
        (void)snprintf(sector, sizeof sector, "f0%" PRId64 "/%" PRId64,
                       slk_service_number(task, "sp_id"), slk_service_number(task, "number"));
        (void)printf("%s%-10s%s %-18s %-18s %-12s", slk_paint_in(paint, SLK_BOLD),
                     i == 0 ? "Running" : "", slk_paint_in(paint, SLK_PLAIN), sector,
                     slk_service_text(task, "step"), slk_service_text(task, "stage"));
        if (total > 0)
            (void)printf(" %3" PRId64 "%%", (int64_t)((double)done * 100 / (double)total));
        if (json_is_integer(json_object_get(task, "eta_ms"))) {
            slk_span_format(left, slk_service_number(task, "eta_ms"));
            (void)printf(", %s left", left);
        }
        (void)printf("   %s\n", slk_service_text(task, "owner"));
    }
}

void slk_info_print(const json_t *info, bool colour, bool tasks)
{
    const slk_paint paint = slk_paint_new(colour);
    print_alerts(info, &paint);
    print_failures(info, &paint);
    print_clock(info, &paint);
    print_node(info, &paint);
    print_chain(info, &paint);
    print_miners(info, &paint);
    print_peers(info, &paint);
    print_workers(info, &paint);
    print_use(info);
    print_disks(info, &paint);
    print_money(info, &paint);
    print_next(info, &paint);
    if (tasks)
        print_tasks(info, &paint);
}
