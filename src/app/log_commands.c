/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie log`, `selkie log list`, `selkie log set-level`: the log file of a node. */
#include "app/lock.h"
#include "app/log_lines.h"
#include "app/reload.h"
#include "app/service.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FOLLOW_MS 100

/* Where the log is, and what config.toml says of it. A configuration with a mistake must not keep the
 * log from being read: then the log is where it is by default. */
struct place {
    char *path;
    char level[16]; /* configured */
    int64_t kept;
};

static slk_err find_place(struct place *ret, const slk_options *options, slk_error *error)
{
    const char *folder = slk_options_text(options, "repo");
    SLK_CLEANUP(slk_repo_done) slk_repo repo = {.lock_fd = -1};
    struct place place = {.level = "info"};
    const slk_err code = slk_repo_open(&repo, folder, NULL, false, error);
    if (code == SLK_OK) {
        place.path = slk_log_path(&repo, &repo.config);
        place.kept = repo.config.log_files_kept;
        (void)snprintf(place.level, sizeof place.level, "%s", repo.config.log_level);
    } else if (code == SLK_E_INVAL) {
        (void)fprintf(stderr, "selkie log: %s\n", slk_error_text(error, code));
        place.path = slk_path_join(folder, SLK_LOG_FILE);
    } else {
        return code;
    }
    if (!place.path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    *ret = place;
    return SLK_OK;
}

static void place_done(struct place *place)
{
    slk_free(place->path);
}

/* ---- log ---- */

static slk_err read_filter(slk_log_filter *ret, const slk_options *options, slk_error *error)
{
    slk_log_filter filter = {.event = slk_options_text(options, "event"),
                             .sector = slk_options_text(options, "sector")};
    const char *level = slk_options_text(options, "level");
    if (!slk_log_level_read(&filter.least, level))
        return slk_fail(error, SLK_E_INVAL, "--level wants debug, info, warn or error");
    *ret = filter;
    return SLK_OK;
}

/* Where lines go that pass: into a list, or printed as they are or as JSON objects. */
struct showing {
    bool json;
    json_t *list; /* NULL: printed */
};

static slk_err show_line(void *context, const char *line, slk_error *error)
{
    const struct showing *showing = context;
    if (!showing->json) {
        (void)printf("%s\n", line);
        return SLK_OK;
    }
    json_t *object = slk_log_line_json(line);
    const bool ok = object != NULL;
    if (showing->list)
        return json_array_append_new(showing->list, object) == 0
                   ? SLK_OK
                   : slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (ok) {
        (void)json_dumpf(object, stdout, JSON_COMPACT);
        (void)printf("\n");
    }
    json_decref(object);
    return ok ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

/* What is there, as one document with --json, and with --follow what comes, a document a line. */
static slk_err show_lines(const char *path, const slk_log_filter *filter,
                          const slk_options *options, slk_error *error)
{
    const bool follow = slk_options_flag(options, "follow");
    SLK_CLEANUP(slk_json_decrefp) json_t *list = json_array();
    struct showing showing = {.json = options->json, .list = follow ? NULL : list};
    uint64_t at = 0;
    SLK_TRY(slk_log_tail(path, filter, (size_t)slk_options_u64(options, "lines"), show_line,
                         &showing, &at, error));
    if (options->json && !follow) {
        (void)json_dumpf(list, stdout, JSON_COMPACT);
        (void)printf("\n");
    }
    while (follow && fflush(stdout) == 0) { /* until who reads it goes away */
        slk_clock_sleep_ms(FOLLOW_MS);
        SLK_TRY(slk_log_follow(path, filter, &at, show_line, &showing, error));
    }
    return SLK_OK;
}

static slk_err show_log(const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(place_done) struct place place = {0};
    slk_log_filter filter;
    SLK_TRY(read_filter(&filter, options, error));
    if (slk_options_u64(options, "lines") > SLK_LOG_TAIL_MAX)
        return slk_fail(error, SLK_E_INVAL, "--lines wants at most %u", SLK_LOG_TAIL_MAX);
    SLK_TRY(find_place(&place, options, error));
    return show_lines(place.path, &filter, options, error);
}

/* ---- log list, log set-level ---- */

/* What set-level left, else the configured one. */
static void level_in_force(char out[16], const slk_options *options, const struct place *place)
{
    slk_log_level level;
    SLK_CLEANUP(slk_freep)
    char *path = slk_path_join(slk_options_text(options, "repo"), SLK_LOG_LEVEL_FILE);
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 32);
    const bool set = path && slk_file_read_all(&text, path, NULL) == SLK_OK &&
                     slk_log_level_read(&level, slk_buf_str(&text));
    (void)snprintf(out, 16, "%s", set ? slk_log_level_name(level) : place->level);
}

/* The log file and those before it, as far as they are there. */
static slk_err list_files(json_t *files, const struct place *place, slk_error *error)
{
    for (int64_t i = 0; i <= place->kept; i++) {
        SLK_CLEANUP(slk_freep)
        char *name = i == 0 ? slk_strdup(place->path) : slk_strf("%s.%" PRId64, place->path, i);
        uint64_t bytes = 0;
        if (!name)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        if (slk_file_size(&bytes, name, NULL) != SLK_OK)
            continue;
        json_t *row = json_pack("{s:s,s:I}", "file", name, "size_bytes", (json_int_t)bytes);
        if (json_array_append_new(files, row) != 0)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
    return SLK_OK;
}

static slk_err list_log(const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(place_done) struct place place = {0};
    SLK_CLEANUP(slk_json_decrefp) json_t *files = json_array();
    char level[16];
    SLK_TRY(find_place(&place, options, error));
    SLK_TRY(list_files(files, &place, error));
    level_in_force(level, options, &place);
    if (options->json) {
        SLK_CLEANUP(slk_json_decrefp)
        json_t *answer = json_pack("{s:s,s:s,s:O}", "level", level, "configured_level", place.level,
                                   "files", files);
        (void)json_dumpf(answer, stdout, JSON_COMPACT);
        (void)printf("\n");
        return SLK_OK;
    }
    (void)printf("level  %s (configured: %s)\n", level, place.level);
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *row = json_array_get(files, i);
        (void)printf("file   %s, %.1f MiB\n", slk_service_text(row, "file"),
                     (double)slk_service_number(row, "size_bytes") / (1 << 20));
    }
    return SLK_OK;
}

static slk_err set_level(const slk_options *options, slk_error *error)
{
    const char *folder = slk_options_text(options, "repo");
    const char *name = options->args[0];
    slk_log_level level;
    slk_lock_holder holder = {0};
    if (!slk_log_level_read(&level, name))
        return slk_fail(error, SLK_E_INVAL, "want debug, info, warn or error");
    SLK_TRY(slk_repo_check(folder, error));
    SLK_TRY(slk_lock_look(&holder, folder, error));
    if (!holder.serving)
        return slk_fail(error, SLK_E_NOTFOUND,
                        "no node serves on %s; LogLevel in [Node] is for the next start", folder);
    if (slk_service_dry(options, "the running node would log from that level on"))
        return SLK_OK;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, SLK_LOG_LEVEL_FILE);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_file_write_atomic(path, name, strlen(name), 0600, error));
    if (kill(holder.pid, SIGHUP) != 0)
        return slk_fail_errno(error, errno, "cannot signal process %ld", (long)holder.pid);
    slk_service_say(options, "set until the node is started again; LogLevel in [Node] stays");
    return SLK_OK;
}

/* ---- the table ---- */

static int run_log(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    const slk_err code = show_log(options, &error);
    return code == SLK_OK ? SLK_EXIT_DONE : slk_command_fail(command, options, code, &error);
}

static int run_list(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    const slk_err code = list_log(options, &error);
    return code == SLK_OK ? SLK_EXIT_DONE : slk_command_fail(command, options, code, &error);
}

static int run_set_level(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    const slk_err code = set_level(options, &error);
    return code == SLK_OK ? SLK_EXIT_DONE : slk_command_fail(command, options, code, &error);
}

static const slk_option log_options[] = {
    SLK_OPTION_REPO,
    {.name = "follow", .type = SLK_OPTION_FLAG, .help = "go on with what comes"},
    {.name = "lines",
     .type = SLK_OPTION_U64,
     .fallback = "100",
     .help = "at most so many of the lines there are"},
    {.name = "level",
     .type = SLK_OPTION_TEXT,
     .value = "LEVEL",
     .fallback = "debug",
     .help = "from this level on: debug, info, warn or error"},
    {.name = "event",
     .type = SLK_OPTION_TEXT,
     .value = "NAME",
     .help = "events whose name begins like this: task, task.again"},
    {.name = "sector",
     .type = SLK_OPTION_TEXT,
     .value = "SECTOR",
     .help = "lines of one sector: f01000/7"},
    {.name = NULL},
};
static const slk_option list_options[] = {SLK_OPTION_REPO, {.name = NULL}};
static const slk_option level_options[] = {SLK_OPTION_REPO, SLK_OPTION_DRY_RUN, {.name = NULL}};

const slk_command slk_commands_log[] = {
    {.name = "log",
     .help = "Show the log of the node: its last lines, and with --follow what comes.",
     .example = "selkie log --follow --level warn --repo ~/.selkie",
     .options = log_options,
     .run = run_log},
    {.name = "log list",
     .help = "Show the level that is logged and the files of the log.",
     .example = "selkie log list --repo ~/.selkie",
     .options = list_options,
     .run = run_list},
    {.name = "log set-level",
     .args = "LEVEL",
     .args_min = 1,
     .args_max = 1,
     .help = "Change what the running node logs: debug, info, warn or error.",
     .example = "selkie log set-level debug --repo ~/.selkie",
     .options = level_options,
     .run = run_set_level},
    {.name = NULL},
};
