/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie sector renew`, `selkie drain`, `selkie orphans`: what a provider keeps, and for how long. */
#include "app/sector_find.h"
#include "app/service.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "codec/json.h"
#include "seal/drain.h"
#include "seal/orphans.h"
#include "seal/provider.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Prints the object and drops it; NULL: it could not be made. */
static slk_err print_json(json_t *object, slk_error *error)
{
    if (!object)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)printf("\n");
    json_decref(object);
    return SLK_OK;
}

/* ---- sector renew ---- */

static slk_err sector_renew(slk_node *node, const slk_options *options, slk_error *error)
{
    uint64_t sp_id, number;
    int64_t until = 0;
    const bool dry = slk_options_flag(options, "dry-run");
    SLK_TRY(slk_sector_find(&sp_id, &number, node, options, error));
    SLK_TRY(slk_provider_operator_renew(&until, node->seal, sp_id, number,
                                        (int64_t)slk_options_u64(options, "for"), dry, error));
    if (options->json)
        return print_json(json_pack("{s:I,s:I,s:b,s:I}", "sp_id", (json_int_t)sp_id, "number",
                                    (json_int_t)number, dry ? "dry_run" : "done", 1,
                                    "lease_until_ms", (json_int_t)until),
                          error);
    char at[32];
    slk_clock_format(at, sizeof at, until);
    (void)printf("sector f0%" PRIu64 "/%" PRIu64 ": %s until %s%s\n", sp_id, number,
                 dry ? "would be kept" : "kept", at, dry ? "; nothing was changed" : "");
    return SLK_OK;
}

/* ---- drain ---- */

static json_t *drain_json(const slk_drain *d, bool dry)
{
    return json_pack("{s:b,s:b,s:I,s:{s:I,s:I,s:I,s:I,s:I},s:I,s:I}", "dry_run", dry, "draining",
                     d->on, "since_ms", (json_int_t)d->since_ms, "here", "ordered",
                     (json_int_t)d->ordered, "sealing", (json_int_t)d->sealing, "sealed",
                     (json_int_t)d->sealed, "cleaning", (json_int_t)d->cleaning, "failed",
                     (json_int_t)d->failed, "sealed_by_ms", (json_int_t)d->sealed_by_ms,
                     "empty_by_ms", (json_int_t)d->empty_by_ms);
}

static void print_drain(const slk_drain *d)
{
    char at[32];
    const int64_t here = d->ordered + d->sealing + d->sealed + d->cleaning + d->failed;
    if (here == 0) {
        (void)printf("nothing is here\n");
        return;
    }
    (void)printf("here: %" PRId64 " ordered, %" PRId64 " being sealed, %" PRId64 " sealed, %" PRId64
                 " being cleaned up, %" PRId64 " failed\n",
                 d->ordered, d->sealing, d->sealed, d->cleaning, d->failed);
    if (d->sealed_by_ms > 0) {
        slk_clock_format(at, sizeof at, d->sealed_by_ms);
        (void)printf("all sealed about %s\n", at);
    }
    slk_clock_format(at, sizeof at, d->empty_by_ms);
    if (d->empty_by_ms > 0)
        (void)printf("empty when the clients have cleaned up, at the latest %s\n", at);
    else
        (void)printf("empty when the clients have cleaned up\n");
}

static slk_err drain(slk_node *node, const slk_options *options, slk_error *error)
{
    const bool dry = slk_options_flag(options, "dry-run");
    const bool off = slk_options_flag(options, "off");
    slk_drain d;
    if (!dry)
        SLK_TRY(slk_drain_set(node->seal, !off, error));
    SLK_TRY(slk_drain_look(&d, node->seal, error));
    if (options->json)
        return print_json(drain_json(&d, dry), error);
    if (dry)
        (void)printf("dry run: %s; nothing was changed\n", off == !d.on ? "nothing would change"
                                                           : off ? "new orders would be taken again"
                                                                 : "no new orders would be taken");
    else
        (void)printf("%s\n",
                     off ? "new orders are taken again"
                         : "draining: no new orders are taken; `selkie drain --off` ends it");
    print_drain(&d);
    return SLK_OK;
}

/* ---- orphans ---- */

struct orphans {
    slk_node *node;
    bool remove; /* else they are only listed */
    bool storage; /* also those of the storage folder */
    json_t *list; /* NULL: printed as they are found */
    uint64_t found, found_bytes; /* that may be removed */
    uint64_t foreign, kept; /* of the storage folder, without --storage */
};

static slk_err visit_orphan(void *context, const slk_orphan *orphan, slk_error *error)
{
    struct orphans *o = context;
    const bool mine =
        orphan->kind != SLK_ORPHAN_FOREIGN && (orphan->kind != SLK_ORPHAN_STORAGE || o->storage);
    o->found += mine ? 1 : 0;
    o->found_bytes += mine ? orphan->bytes : 0;
    o->foreign += orphan->kind == SLK_ORPHAN_FOREIGN ? 1 : 0;
    o->kept += !mine && orphan->kind == SLK_ORPHAN_STORAGE ? 1 : 0;
    const char *kind = slk_orphan_kind_name(orphan->kind);
    if (mine && o->remove)
        SLK_TRY(slk_orphan_remove(o->node->seal, orphan, error));
    if (!o->list) {
        (void)printf("%-8s %10.1f MiB  %s%s\n", kind, (double)orphan->bytes / (1 << 20),
                     orphan->path, mine && o->remove ? "  removed" : "");
        return SLK_OK;
    }
    json_t *row = json_pack("{s:s,s:s,s:I,s:b}", "path", orphan->path, "kind", kind, "bytes",
                            (json_int_t)orphan->bytes, "removed", mine && o->remove);
    return json_array_append_new(o->list, row) == 0 ? SLK_OK
                                                    : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

/* A person is asked; a script says --really-do-it. */
static slk_err confirm(const struct orphans *o, const slk_options *options, slk_error *error)
{
    char line[16] = "";
    if (slk_options_flag(options, "really-do-it"))
        return SLK_OK;
    if (options->json || !isatty(STDIN_FILENO))
        return slk_fail(error, SLK_E_INVAL, "to remove %" PRIu64 " of them say --really-do-it",
                        o->found);
    (void)printf("remove %" PRIu64 " of them, %.1f MiB? [y/N] ", o->found,
                 (double)o->found_bytes / (1 << 20));
    (void)fflush(stdout);
    if (!fgets(line, sizeof line, stdin) || (line[0] != 'y' && line[0] != 'Y'))
        return slk_fail(error, SLK_E_CANCELED, "nothing was removed");
    return SLK_OK;
}

static slk_err print_orphans(const struct orphans *o, const slk_options *options, slk_error *error)
{
    if (options->json)
        return print_json(json_pack("{s:b,s:I,s:I,s:O}", "removed", o->remove, "count",
                                    (json_int_t)o->found, "bytes", (json_int_t)o->found_bytes,
                                    "orphans", o->list),
                          error);
    (void)printf("files without a sector: %" PRIu64 ", %.1f MiB%s\n", o->found,
                 (double)o->found_bytes / (1 << 20), o->remove && o->found > 0 ? ", removed" : "");
    if (o->kept > 0)
        (void)printf("%" PRIu64
                     " in the storage folder are left alone without --storage: they may be "
                     "sectors on chain\n",
                     o->kept);
    if (o->foreign > 0)
        (void)printf("%" PRIu64 " are not ours\n", o->foreign);
    return SLK_OK;
}

static slk_err orphans(slk_node *node, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = json_array();
    if (!list)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    struct orphans o = {.node = node,
                        .storage = slk_options_flag(options, "storage"),
                        .list = options->json ? list : NULL};
    SLK_TRY(slk_orphans_scan(node->seal, visit_orphan, &o, error));
    if (!slk_options_flag(options, "remove") || slk_options_flag(options, "dry-run") ||
        o.found == 0)
        return print_orphans(&o, options, error);
    SLK_TRY(confirm(&o, options, error));
    (void)json_array_clear(list);
    o = (struct orphans){.node = node, .remove = true, .storage = o.storage, .list = o.list};
    SLK_TRY(slk_orphans_scan(node->seal, visit_orphan, &o, error));
    return print_orphans(&o, options, error);
}

/* ---- the table ---- */

static const slk_option renew_options[] = {
    SLK_OPTION_REPO,
    SLK_OPTION_SECTOR_MINER,
    {.name = "for",
     .type = SLK_OPTION_DURATION,
     .help = "how long from now; as long as a new lease when left out"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option drain_options[] = {
    SLK_OPTION_REPO,
    {.name = "off", .type = SLK_OPTION_FLAG, .help = "take new orders again"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};
static const slk_option orphan_options[] = {
    SLK_OPTION_REPO,
    {.name = "remove", .type = SLK_OPTION_FLAG, .help = "remove them, after asking"},
    {.name = "storage",
     .type = SLK_OPTION_FLAG,
     .help = "also those of the storage folder, which may be sectors on chain"},
    {.name = "really-do-it", .type = SLK_OPTION_FLAG, .help = "do not ask"},
    SLK_OPTION_DRY_RUN,
    {.name = NULL},
};

const slk_command slk_commands_keeping[] = {
    {.name = "sector renew",
     .args = "SECTOR",
     .args_min = 1,
     .args_max = 1,
     .help = "Keep a sealed sector longer for its client.",
     .example = "selkie sector renew f01000/7 --for 72h",
     .options = renew_options,
     .run = slk_service_run,
     .action = sector_renew},
    {.name = "drain",
     .help = "Take no new orders and finish what is here; says when it will be empty.",
     .example = "selkie drain --dry-run",
     .options = drain_options,
     .run = slk_service_run,
     .action = drain},
    {.name = "orphans",
     .help = "List files that belong to no sector, and remove them.",
     .example = "selkie orphans --remove",
     .options = orphan_options,
     .run = slk_service_run,
     .action = orphans},
    {.name = NULL},
};
