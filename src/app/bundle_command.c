/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie support-bundle`: what somebody who helps needs to see, in one file, without secrets. */
#include "app/archive.h"
#include "app/doctor.h"
#include "app/log_lines.h"
#include "app/service.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/json.h"
#include "monitor/alerts.h"
#include "monitor/exposition.h"
#include "monitor/gauges.h"
#include "net/token.h"
#include "seal/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* made by meson: SLK_REVISION, "" when the source is no git checkout */
#include <slk_revision.h>

#define MEMBER_MAX_BYTES ((size_t)32 << 20)
#define LOG_LINES 5000
#define SECTORS 2000

struct bundle {
    slk_node *node; /* NULL: it cannot be opened */
    const char *folder;
};

/* ---- the members: each fills a text, or fails with what then stands in its place ---- */

typedef slk_err member(slk_buf *out, const struct bundle *bundle, slk_error *error);

static slk_err write_version(slk_buf *out, const struct bundle *bundle, slk_error *error)
{
    const slk_err code = slk_buf_printf(out, "selkie %s %s\n", SLK_VERSION, SLK_REVISION);
    (void)bundle;
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "out of memory");
}

static slk_err write_config(slk_buf *out, const struct bundle *bundle, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_strf("%s/" SLK_CONFIG_FILE, bundle->folder);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_config_print_updated(out, path, true, error);
}

static slk_err write_doctor(slk_buf *out, const struct bundle *bundle, slk_error *error)
{
    slk_doctor doctor = {.folder = bundle->folder, .sectors = 1, .findings = json_array()};
    slk_doctor_look(&doctor);
    SLK_CLEANUP(slk_json_decrefp) json_t *findings = doctor.findings;
    if (!findings || doctor.lost)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_json_print(out, findings);
}

static slk_err write_partners(slk_buf *out, const struct bundle *bundle, slk_error *error)
{
    return slk_view_partners(out, bundle->node->seal, error);
}

static slk_err write_providers(slk_buf *out, const struct bundle *bundle, slk_error *error)
{
    return slk_view_providers(out, bundle->node->seal, error);
}

static slk_err write_sectors(slk_buf *out, const struct bundle *bundle, slk_error *error)
{
    return slk_view_sectors(out, bundle->node->seal, SECTORS, error);
}

static slk_err write_alerts(slk_buf *out, const struct bundle *bundle, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *alerts = NULL;
    SLK_TRY(slk_alerts_list(&alerts, bundle->node->db, true, error));
    return slk_json_print(out, alerts);
}

static slk_err write_metrics(slk_buf *out, const struct bundle *bundle, slk_error *error)
{
    slk_exposition x = {.out = out};
    SLK_TRY(slk_gauges_expose(&x, bundle->node->seal, error));
    return x.code == SLK_OK ? SLK_OK : slk_fail(error, x.code, "out of memory");
}

static slk_err write_fsck(slk_buf *out, const struct bundle *bundle, slk_error *error)
{
    uint64_t broken = 0;
    char what[SLK_SEAL_REASON_CHARS] = "";
    SLK_TRY(slk_state_check(&broken, what, bundle->node->db, error));
    const slk_err code = slk_buf_printf(out, "%" PRIu64 " rows break a promise%s%s\n", broken,
                                        broken ? "; the first: " : "", what);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "out of memory");
}

static slk_err take_line(void *context, const char *line, slk_error *error)
{
    slk_buf *out = context;
    SLK_CLEANUP(slk_freep) char *copy = slk_text_printable(line);
    slk_err code = copy ? SLK_OK : SLK_E_NOMEM;
    if (copy)
        slk_net_token_hide(copy);
    if (code == SLK_OK)
        code = slk_buf_printf(out, "%s\n", copy);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "out of memory for the log");
}

static slk_err write_log(slk_buf *out, const struct bundle *bundle, slk_error *error)
{
    const slk_repo *repo = &bundle->node->repo;
    SLK_CLEANUP(slk_freep) char *path = slk_repo_path(repo, "selkie.log", repo->config.log_file);
    const slk_log_filter all = {.least = SLK_LOG_DEBUG};
    uint64_t end = 0;
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    return slk_log_tail(path, &all, LOG_LINES, take_line, out, &end, error);
}

static const struct {
    const char *name;
    member *write;
    bool needs_node;
} members[] = {
    {"version.txt", write_version, false},
    {"config.toml", write_config, false},
    {"doctor.json", write_doctor, false},
    {"alerts.json", write_alerts, true},
    {"sectors.json", write_sectors, true},
    {"partners.json", write_partners, true},
    {"providers.json", write_providers, true},
    {"gauges.txt", write_metrics, true},
    {"fsck.txt", write_fsck, true},
    {"log.txt", write_log, true},
};
#define MEMBERS (sizeof members / sizeof *members)

/* ---- the command ---- */

static slk_err add_member(slk_archive *archive, const struct bundle *bundle, size_t i,
                          slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, MEMBER_MAX_BYTES);
    char name[64];
    slk_error why = {0};
    slk_err code = SLK_OK;
    if (members[i].needs_node && !bundle->node)
        code = slk_fail(&why, SLK_E_NOTFOUND, "the node cannot be opened: see doctor.json");
    else
        code = members[i].write(&text, bundle, &why);
    /* A node that is broken is just what bundles are for: what cannot be read says why. */
    if (code != SLK_OK) {
        slk_buf_reset(&text);
        if (slk_buf_printf(&text, "not here: %s\n", slk_error_text(&why, code)) != SLK_OK)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
    (void)snprintf(name, sizeof name, "selkie-support/%s", members[i].name);
    return slk_archive_add(archive, name, text.data, text.len, error);
}

static slk_err make(const char *path, const struct bundle *bundle, slk_error *error)
{
    SLK_CLEANUP(slk_archive_freep) slk_archive *archive = NULL;
    SLK_TRY(slk_archive_new(&archive, path, error));
    for (size_t i = 0; i < MEMBERS; i++)
        SLK_TRY(add_member(archive, bundle, i, error));
    return slk_archive_finish(archive, error);
}

static int run_bundle(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    struct bundle bundle = {.folder = slk_options_text(options, "repo")};
    if (slk_service_dry(options, "the bundle would be written"))
        return SLK_EXIT_DONE;
    SLK_CLEANUP(slk_node_closep) slk_node *node = NULL;
    const slk_node_options open = {.folder = bundle.folder, .tool = true};
    if (slk_node_open(&node, &open, &error) == SLK_OK)
        bundle.node = node;
    const slk_err code = make(options->args[0], &bundle, &error);
    if (code != SLK_OK)
        return slk_command_fail(command, options, code, &error);
    slk_service_say(options, "written; look through it before you give it away: tokens and secrets "
                             "are not in it, names, addresses and sector numbers are");
    return SLK_EXIT_DONE;
}

static const slk_option bundle_options[] = {SLK_OPTION_REPO, SLK_OPTION_DRY_RUN, {.name = NULL}};

const slk_command slk_commands_bundle[] = {
    {.name = "support-bundle",
     .args = "FILE.tar.gz",
     .args_min = 1,
     .args_max = 1,
     .help = "Writes what somebody who helps needs to see into one file, without secrets.",
     .example = "selkie support-bundle selkie-support.tar.gz --repo ~/.selkie",
     .options = bundle_options,
     .run = run_bundle},
    {.name = NULL},
};
