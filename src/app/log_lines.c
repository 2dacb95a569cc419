/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/log_lines.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define WORD_CHARS 64u
#define LINE_CHARS 4096u /* ours are shorter; one of others that is not is cut into several */

/* ---- one line ---- */

/* The first three words; false when it does not begin like a line of ours. */
static bool split(const char *line, const char **ret_event, slk_log_level *ret_level,
                  size_t *ret_event_n)
{
    char level[8];
    const char *at = strchr(line, ' ');
    if (!at || at - line != 24 || line[23] != 'Z')
        return false;
    at++;
    const size_t n = strcspn(at, " ");
    if (n >= sizeof level)
        return false;
    memcpy(level, at, n);
    level[n] = 0;
    at += n;
    at += strspn(at, " ");
    *ret_event = at;
    *ret_event_n = strcspn(at, " ");
    return slk_log_level_read(ret_level, level);
}

static bool has_sector(const char *line, const char *sector)
{
    const size_t n = strlen(sector);
    for (const char *at = line; (at = strstr(at, " sector=")) != NULL; at++) {
        const char *value = at + strlen(" sector=");
        if (strncmp(value, sector, n) == 0 && (value[n] == 0 || value[n] == ' '))
            return true;
    }
    return false;
}

bool slk_log_line_passes(const char *line, const slk_log_filter *filter)
{
    const char *event;
    slk_log_level level;
    size_t n;
    if (!split(line, &event, &level, &n))
        return filter->least == SLK_LOG_DEBUG && !filter->event && !filter->sector;
    if (level < filter->least)
        return false;
    if (filter->event && strncmp(event, filter->event, strlen(filter->event)) != 0)
        return false;
    return !filter->sector || has_sector(line, filter->sector);
}

/* One key=value or key="several words" at *at, which moves past it; false at the end. */
static bool next_pair(const char **at, const char **ret_key, size_t *ret_key_n,
                      const char **ret_value, size_t *ret_value_n)
{
    const char *p = *at + strspn(*at, " ");
    const size_t key_n = strcspn(p, "= ");
    if (p[key_n] != '=')
        return false;
    const char *value = p + key_n + 1;
    const bool quoted = *value == '"';
    value += quoted ? 1 : 0;
    const size_t value_n = strcspn(value, quoted ? "\"" : " ");
    *ret_key = p;
    *ret_key_n = key_n;
    *ret_value = value;
    *ret_value_n = value_n;
    *at = value + value_n + (quoted && value[value_n] ? 1 : 0);
    return true;
}

static bool put(json_t *object, const char *key, size_t key_n, const char *value, size_t value_n)
{
    char name[WORD_CHARS];
    if (key_n >= sizeof name)
        return true;
    memcpy(name, key, key_n);
    name[key_n] = 0;
    json_t *readable = json_string(name); /* NULL: no UTF-8 */
    json_decref(readable);
    if (!readable || json_object_get(object, name)) /* or its time, level or event */
        return true;
    json_t *text = json_stringn(value, value_n);
    if (!text) /* bytes that are no UTF-8 */
        text = json_string("?");
    return json_object_set_new(object, name, text) == 0;
}

json_t *slk_log_line_json(const char *line)
{
    const char *event, *key, *value;
    slk_log_level level;
    size_t n, key_n, value_n;
    json_t *object = json_object();
    if (!object)
        return NULL;
    bool ok = true;
    if (!split(line, &event, &level, &n)) {
        ok = put(object, "text", 4, line, strlen(line));
    } else {
        const char *name = slk_log_level_name(level);
        ok = put(object, "at", 2, line, 24) && put(object, "level", 5, name, strlen(name)) &&
             put(object, "event", 5, event, n);
        const char *at = event + n;
        while (ok && next_pair(&at, &key, &key_n, &value, &value_n))
            ok = put(object, key, key_n, value, value_n);
    }
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

/* ---- files ---- */

/* The whole lines of path from *at on that pass, given to take; *at moves past them. */
static slk_err read_lines(const char *path, const slk_log_filter *filter, uint64_t *at,
                          slk_log_take *take, void *context, slk_error *error)
{
    FILE *file = fopen(path, "re");
    if (!file && errno == ENOENT)
        return SLK_OK;
    if (!file)
        return slk_fail_errno(error, errno, "cannot open %s", path);
    slk_err code = SLK_OK;
    char line[LINE_CHARS];
    if (fseeko(file, (off_t)*at, SEEK_SET) != 0)
        code = slk_fail_errno(error, errno, "cannot read %s", path);
    while (code == SLK_OK && fgets(line, sizeof line, file)) {
        const size_t n = strlen(line);
        if (n == 0 || (line[n - 1] != '\n' && n + 1 < sizeof line))
            break; /* still being written */
        *at += n;
        line[n - 1] = 0;
        if (slk_log_line_passes(line, filter))
            code = take(context, line, error);
    }
    (void)fclose(file);
    return code;
}

/* The last lines, the oldest at `next`. */
struct ring {
    char **lines;
    size_t most, n, next;
};

static slk_err keep(void *context, const char *line, slk_error *error)
{
    struct ring *ring = context;
    char *copy = slk_strdup(line);
    if (!copy)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for lines of the log");
    slk_free(ring->lines[ring->next]);
    ring->lines[ring->next] = copy;
    ring->next = (ring->next + 1) % ring->most;
    ring->n += ring->n < ring->most ? 1 : 0;
    return SLK_OK;
}

static slk_err fill_ring(struct ring *ring, const char *path, const slk_log_filter *filter,
                         uint64_t *ret_end, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *older = slk_strf("%s.1", path);
    uint64_t at = 0;
    if (!older)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for lines of the log");
    SLK_TRY(read_lines(older, filter, &at, keep, ring, error));
    *ret_end = 0;
    return read_lines(path, filter, ret_end, keep, ring, error);
}

slk_err slk_log_tail(const char *path, const slk_log_filter *filter, size_t most,
                     slk_log_take *take, void *context, uint64_t *ret_end, slk_error *error)
{
    struct ring ring = {.most = most > 0 ? most : 1};
    ring.lines = slk_calloc(ring.most, sizeof *ring.lines);
    if (!ring.lines)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for lines of the log");
    slk_err code = fill_ring(&ring, path, filter, ret_end, error);
    const size_t first = ring.n < ring.most ? 0 : ring.next;
    for (size_t i = 0; code == SLK_OK && i < ring.n && most > 0; i++)
        code = take(context, ring.lines[(first + i) % ring.most], error);
    for (size_t i = 0; i < ring.most; i++)
        slk_free(ring.lines[i]);
    slk_free(ring.lines);
    return code;
}

slk_err slk_log_follow(const char *path, const slk_log_filter *filter, uint64_t *at,
                       slk_log_take *take, void *context, slk_error *error)
{
    struct stat info;
    const bool there = stat(path, &info) == 0;
    if (there && (uint64_t)info.st_size < *at) {
        SLK_CLEANUP(slk_freep) char *older = slk_strf("%s.1", path);
        if (!older)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for lines of the log");
        SLK_TRY(read_lines(older, filter, at, take, context, error));
        *at = 0;
    }
    return read_lines(path, filter, at, take, context, error);
}
