/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/watch.h"

#include "app/service.h"
#include "base/clock.h"
#include "base/mem.h"
#include "codec/json.h"
#include "seal/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_CHARS 200u
#define ROWS_MAX 256u

/* What was last printed of one sector, and what its rate is measured from. */
struct row {
    char key[64]; /* "client f01000/3" */
    char shown[64]; /* state, stage and tenth: a plain line is due when it changes */
    char stage[40];
    int64_t stage_done;
    int64_t stage_ms;
};

struct slk_watch {
    bool quiet;
    bool terminal;
    size_t lines; /* on the screen */
    size_t n_rows;
    struct row rows[ROWS_MAX];
};

slk_err slk_watch_new(slk_watch **ret_watch, bool quiet, slk_error *error)
{
    slk_watch *watch = slk_calloc(1, sizeof *watch);
    if (!watch)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    watch->quiet = quiet;
    watch->terminal = !quiet && isatty(STDOUT_FILENO) == 1;
    *ret_watch = watch;
    return SLK_OK;
}

void slk_watch_free(slk_watch *watch)
{
    slk_free(watch);
}

void slk_watch_freep(slk_watch **watch)
{
    slk_watch_free(*watch);
    *watch = NULL;
}

/* The row of that key, made when new; NULL when there are too many to follow. */
static struct row *find_row(slk_watch *watch, const char *key)
{
    for (size_t i = 0; i < watch->n_rows; i++)
        if (strcmp(watch->rows[i].key, key) == 0)
            return &watch->rows[i];
    if (watch->n_rows == ROWS_MAX)
        return NULL;
    struct row *row = &watch->rows[watch->n_rows++];
    (void)snprintf(row->key, sizeof row->key, "%s", key);
    return row;
}

static void format_seconds(char *out, size_t size, int64_t s)
{
    if (s < 120)
        (void)snprintf(out, size, "%" PRId64 " s", s);
    else if (s < 7200)
        (void)snprintf(out, size, "%" PRId64 " min", s / 60);
    else
        (void)snprintf(out, size, "%" PRId64 " h %" PRId64 " min", s / 3600, s % 3600 / 60);
}

static void format_rate(char *out, size_t size, double rate)
{
    if (rate >= 1e6)
        (void)snprintf(out, size, "%.1fM", rate / 1e6);
    else if (rate >= 1e4)
        (void)snprintf(out, size, "%.0fk", rate / 1e3);
    else
        (void)snprintf(out, size, rate < 10 ? "%.1f" : "%.0f", rate);
}

/* " 42%, 3 min left, 1234/s" as far as it is known. */
static void format_progress(char *out, size_t size, struct row *row, const json_t *task)
{
    const char *stage = slk_service_text(task, "stage");
    const int64_t done = slk_service_number(task, "done");
    const int64_t total = slk_service_number(task, "total");
    const int64_t now = slk_clock_monotonic_ms();
    *out = 0;
    if (strcmp(row->stage, stage) != 0 || done < row->stage_done) {
        (void)snprintf(row->stage, sizeof row->stage, "%s", stage);
        row->stage_done = done;
        row->stage_ms = now;
    }
    if (total <= 0 || done < 0 || done > total)
        return;
    int n = snprintf(out, size, " %" PRId64 "%%", (int64_t)((double)done * 100 / (double)total));
    const int64_t ms = now - row->stage_ms;
    const int64_t moved = done - row->stage_done;
    if (ms < 2000 || moved <= 0 || n < 0)
        return;
    const double rate = (double)moved * 1000 / (double)ms;
    char left[40];
    format_seconds(left, sizeof left, (int64_t)((double)(total - done) / rate));
    char speed[24];
    format_rate(speed, sizeof speed, rate);
    (void)snprintf(out + n, size - (size_t)n, ", %s left, %s/s", left, speed);
}

/* What a sector is at, as words; share goes into `key` in tenths so that plain output stays short.
 */
static void format_line(char *line, char *shown, size_t shown_size, struct row *row,
                        const json_t *sector)
{
    const json_t *task = json_object_get(sector, "task");
    const char *state = slk_service_text(sector, "state");
    char progress[80] = "";
    char since[40];
    format_seconds(since, sizeof since,
                   (slk_clock_wall_ms() - slk_service_number(sector, "since_ms")) / 1000);
    if (slk_service_bool(sector, "failed")) {
        (void)snprintf(line, LINE_CHARS, "%-22s %-15s FAILED %s: %s", row->key, state,
                       slk_service_text(sector, "reason"), slk_service_text(sector, "message"));
        (void)snprintf(shown, shown_size, "%s failed", state);
        return;
    }
    if (!json_is_object(task)) {
        (void)snprintf(line, LINE_CHARS, "%-22s %-15s", row->key, state);
        (void)snprintf(shown, shown_size, "%s", state);
        return;
    }
    const bool running = slk_service_bool(task, "running");
    format_progress(progress, sizeof progress, row, task);
    const char *trouble = running ? "" : slk_service_text(task, "last_error");
    const char *step = slk_service_text(task, "step");
    const char *dot = strchr(step, '.'); /* the role before it is in the key already */
    (void)snprintf(line, LINE_CHARS, "%-22s %-15s %s%s%s%s (%s)%s%s", row->key, state,
                   dot ? dot + 1 : step, *row->stage ? ", " : "", row->stage, progress, since,
                   *trouble ? " - " : "", trouble);
    const int64_t total = slk_service_number(task, "total");
    (void)snprintf(shown, shown_size, "%.20s %.30s %" PRId64 " %d", state, row->stage,
                   total > 0 ? slk_service_number(task, "done") / (total / 10 + 1) : 0,
                   *trouble != 0);
}

static struct winsize terminal_size(void)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2 || size.ws_row < 4)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    return size;
}

/* A line of the screen, cut so that it does not wrap; nothing when the screen is full, since lines
 * that scrolled away cannot be rewritten. */
static void print_on_screen(slk_watch *watch, const char *line)
{
    const struct winsize size = terminal_size();
    if (watch->lines + 2 >= size.ws_row)
        return;
    (void)printf("%.*s\n", size.ws_col - 1, line);
    watch->lines++;
}

static void print_row(slk_watch *watch, const json_t *sector)
{
    char key[64];
    (void)snprintf(key, sizeof key, "%.8s f0%" PRId64 "/%" PRId64, slk_service_text(sector, "role"),
                   slk_service_number(sector, "sp_id"), slk_service_number(sector, "number"));
    struct row *row = find_row(watch, key);
    if (!row)
        return;
    char line[LINE_CHARS];
    char shown[64];
    format_line(line, shown, sizeof shown, row, sector);
    if (watch->terminal) {
        print_on_screen(watch, line);
    } else if (strcmp(shown, row->shown) != 0) {
        char at[32];
        slk_clock_format(at, sizeof at, slk_clock_wall_ms());
        (void)printf("%s %s\n", at, line);
    }
    (void)snprintf(row->shown, sizeof row->shown, "%s", shown);
}

static bool is_done(const json_t *sector)
{
    const char *state = slk_service_text(sector, "state");
    return !slk_service_bool(sector, "failed") &&
           (strcmp(state, "proving") == 0 || strcmp(state, "cleaned") == 0);
}

static void count(slk_watch_counts *counts, const json_t *sector)
{
    counts->sectors++;
    counts->failed += slk_service_bool(sector, "failed") ? 1 : 0;
    counts->done += is_done(sector) ? 1 : 0;
}

static slk_err look_at(slk_watch *watch, slk_watch_counts *counts, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(slk_view_sectors(&text, seal, ROWS_MAX, error));
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    SLK_TRY(slk_service_json(&list, &text, error));
    for (size_t i = json_array_size(list); i-- > 0;) {
        const json_t *sector = json_array_get(list, i);
        if (!watch->quiet && !(watch->terminal && is_done(sector)))
            print_row(watch, sector);
        count(counts, sector);
    }
    return SLK_OK;
}

slk_err slk_watch_look(slk_watch *watch, slk_watch_counts *ret_counts, slk_seal *const *seals,
                       size_t n_seals, slk_error *error)
{
    size_t done = 0;
    size_t sectors = 0;
    if (watch->terminal && watch->lines > 0)
        (void)printf("\033[%zuA\033[J", watch->lines);
    watch->lines = 0;
    for (size_t i = 0; i < n_seals; i++) {
        slk_watch_counts counts = {0};
        SLK_TRY(look_at(watch, &counts, seals[i], error));
        ret_counts[i] = counts;
        done += counts.done;
        sectors += counts.sectors;
    }
    if (watch->terminal) {
        char line[80];
        (void)snprintf(line, sizeof line, "%zu of %zu finished, %zu under way%s", done, sectors,
                       sectors - done, n_seals > 1 ? " (each side counted)" : "");
        print_on_screen(watch, line);
    }
    (void)fflush(stdout);
    return SLK_OK;
}
