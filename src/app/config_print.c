/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A configuration as text: the commented file, and what differs. */
#include "app/config.h"

#include "app/config_impl.h"
#include "base/mem.h"
#include "codec/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX_BYTES (64u << 10)
#define MASK "\"***\""

static slk_err no_memory(slk_error *error)
{
    return slk_fail(error, SLK_E_NOMEM, "out of memory for the configuration");
}

/* ---- the commented file ---- */

/* Prose as comment lines of at most 98 columns. */
static slk_err print_comment(slk_buf *out, const char *text)
{
    while (*text) {
        size_t n = strlen(text);
        if (n > 96)
            for (n = 96; n > 0 && text[n] != ' '; n--)
                ;
        SLK_TRY(slk_buf_printf(out, "# %.*s\n", (int)n, text));
        text += n;
        text += *text == ' ';
    }
    return SLK_OK;
}

/* "# (number, 1 to 64; env SELKIE_REMOTE_CONNECTIONS)". */
static slk_err print_facts(slk_buf *out, const slk_config_key *key)
{
    char env[SLK_CONFIG_NAME_CHARS];
    slk_config_env(env, key, "");
    SLK_TRY(slk_buf_printf(out, "# (%s", slk_config_type_words(key->type)));
    if (key->type == KEY_NUMBER || key->type == KEY_NUMBERS)
        SLK_TRY(slk_buf_printf(out, ", %" PRId64 " to %" PRId64, key->least, key->most));
    if (key->type == KEY_TIME && key->most > 0) {
        char least[32], most[32];
        slk_config_time_text(least, sizeof least, key->least);
        slk_config_time_text(most, sizeof most, key->most);
        SLK_TRY(slk_buf_printf(out, ", %s to %s", least, most));
    }
    SLK_TRY(slk_buf_printf(out, "; env %s", env));
    if (key->also_env)
        SLK_TRY(slk_buf_printf(out, ", else %s", key->also_env));
    return slk_buf_text(out, ")\n");
}

/* What a file sets: toml NULL for the default file. */
struct printing {
    slk_buf *out;
    const slk_config *config;
    const slk_toml *toml;
    bool masked;
};

/* The entry by which the file sets the key; NULL when it does not. */
static const slk_toml_entry *entry_of(const slk_toml *toml, const slk_config_key *key,
                                      const char *suffix)
{
    char name[SLK_CONFIG_NAME_CHARS];
    slk_config_dotted(name, key, suffix);
    return toml ? slk_toml_find(toml, name) : NULL;
}

static slk_err print_value(const struct printing *p, const slk_config_key *key)
{
    if (p->masked && key->type == KEY_SECRET)
        return slk_buf_text(p->out, MASK);
    return slk_config_print_value(p->out, p->config, key);
}

/* "#ChainApiInfoFile = """, or the path. */
static slk_err print_secret_file(const struct printing *p, const slk_config_key *key)
{
    const slk_toml_entry *entry = entry_of(p->toml, key, "File");
    SLK_TRY(slk_buf_printf(
        p->out, "# The same in a file of its own.\n%s%sFile = ", entry ? "" : "#", key->name));
    SLK_TRY(slk_config_print_text(p->out, entry ? entry->text : ""));
    return slk_buf_byte(p->out, '\n');
}

/* "#Key = default" or "Key = value". */
static slk_err print_assignment(const struct printing *p, const slk_config_key *key)
{
    const char *quote = slk_config_is_quoted(key->type) ? "\"" : "";
    if (!entry_of(p->toml, key, slk_config_is_list(key->type) ? "[0]" : ""))
        return slk_buf_printf(p->out, "#%s = %s%s%s\n", key->name, quote, key->fallback, quote);
    SLK_TRY(slk_buf_printf(p->out, "%s = ", key->name));
    SLK_TRY(print_value(p, key));
    return slk_buf_byte(p->out, '\n');
}

static slk_err print_file(const struct printing *p)
{
    SLK_TRY(slk_buf_text(p->out,
                         "# Configuration of this selkie node. Every option is listed with its "
                         "default; remove the # to\n# change one, then `selkie config check`. "
                         "docs/configuration.md says which of them a running\n# node takes over "
                         "with SIGHUP; the others want a restart.\n"));
    const char *section = "";
    for (const slk_config_key *key = slk_config_keys; key->section; key++) {
        if (strcmp(section, key->section) != 0)
            SLK_TRY(slk_buf_printf(p->out, "\n[%s]\n", key->section));
        else
            SLK_TRY(slk_buf_byte(p->out, '\n'));
        section = key->section;
        SLK_TRY(print_comment(p->out, key->help));
        SLK_TRY(print_facts(p->out, key));
        SLK_TRY(print_assignment(p, key));
        if (key->type == KEY_SECRET)
            SLK_TRY(print_secret_file(p, key));
    }
    return SLK_OK;
}

slk_err slk_config_print_default(slk_buf *out)
{
    return print_file(&(struct printing){.out = out});
}

slk_err slk_config_print_updated(slk_buf *out, const char *path, bool masked, slk_error *error)
{
    SLK_CLEANUP(slk_config_done) slk_config config = {0};
    SLK_CLEANUP(slk_toml_freep) slk_toml *toml = NULL;
    SLK_TRY(slk_config_read_file(&config, &toml, path, error));
    const struct printing p = {.out = out, .config = &config, .toml = toml, .masked = masked};
    return print_file(&p) == SLK_OK ? SLK_OK : no_memory(error);
}

/* ---- what differs ---- */

static slk_err text_of(slk_buf *out, const slk_config *config, const slk_config_key *key)
{
    slk_buf_reset(out);
    return slk_config_print_value(out, config, key);
}

static slk_err differs(bool *ret, const slk_config *a, const slk_config *b,
                       const slk_config_key *key, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf one;
    SLK_CLEANUP(slk_buf_done) slk_buf two;
    slk_buf_init(&one, VALUE_MAX_BYTES);
    slk_buf_init(&two, VALUE_MAX_BYTES);
    if (text_of(&one, a, key) != SLK_OK || text_of(&two, b, key) != SLK_OK)
        return no_memory(error);
    *ret = strcmp(slk_buf_str(&one), slk_buf_str(&two)) != 0;
    return SLK_OK;
}

slk_err slk_config_changed(json_t **ret_names, const slk_config *a, const slk_config *b,
                           slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *names = json_array();
    for (const slk_config_key *key = slk_config_keys; key->section; key++) {
        char name[SLK_CONFIG_NAME_CHARS];
        bool changed = false;
        SLK_TRY(differs(&changed, a, b, key, error));
        slk_config_dotted(name, key, "");
        if (changed && json_array_append_new(names, json_string(name)) != 0)
            return no_memory(error);
    }
    if (!names)
        return no_memory(error);
    *ret_names = json_incref(names);
    return SLK_OK;
}

/* Where the value in force comes from: a variable's name or "config.toml:3". */
static void origin_of(char *out, size_t size, const slk_config_key *key, const slk_toml *toml,
                      const char *path)
{
    static const char *const suffixes[] = {"", "File"};
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; i < 2; i++) {
        char name[SLK_CONFIG_NAME_CHARS];
        slk_config_env(name, key, suffixes[i]);
        const char *value = getenv(name);
        if (value && *value && (i == 0 || key->type == KEY_SECRET)) {
            (void)snprintf(out, size, "%s", name);
            return;
        }
    }
    const slk_toml_entry *entry = entry_of(toml, key, slk_config_is_list(key->type) ? "[0]" : "");
    if (!entry && key->type == KEY_SECRET)
        entry = entry_of(toml, key, "File");
    if (entry)
        (void)snprintf(out, size, "%.100s:%u", slash ? slash + 1 : path, entry->line);
    else
        (void)snprintf(out, size, "%s", key->also_env ? key->also_env : "");
}

static slk_err append_difference(json_t *list, const slk_config *config, const slk_config *plain,
                                 const slk_config_key *key, const char *from, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf value;
    SLK_CLEANUP(slk_buf_done) slk_buf fallback;
    slk_buf_init(&value, VALUE_MAX_BYTES);
    slk_buf_init(&fallback, VALUE_MAX_BYTES);
    if (text_of(&value, config, key) != SLK_OK || text_of(&fallback, plain, key) != SLK_OK)
        return no_memory(error);
    json_t *row = json_pack("{s:s,s:s,s:s,s:s,s:s}", "section", key->section, "key", key->name,
                            "value", key->type == KEY_SECRET ? MASK : slk_buf_str(&value),
                            "default", slk_buf_str(&fallback), "from", from);
    return json_array_append_new(list, row) == 0 ? SLK_OK : no_memory(error);
}

slk_err slk_config_diff(json_t **ret_list, const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_config_done) slk_config config = {0};
    SLK_CLEANUP(slk_config_done) slk_config plain = {0};
    SLK_CLEANUP(slk_toml_freep) slk_toml *toml = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *list = json_array();
    SLK_TRY(slk_toml_read(&toml, path, error));
    SLK_TRY(slk_config_read(&config, path, error));
    SLK_TRY(slk_config_set_defaults(&plain, error));
    for (const slk_config_key *key = slk_config_keys; key->section; key++) {
        char from[160];
        bool changed = false;
        SLK_TRY(differs(&changed, &config, &plain, key, error));
        if (!changed)
            continue;
        origin_of(from, sizeof from, key, toml, path);
        SLK_TRY(append_difference(list, &config, &plain, key, from, error));
    }
    if (!list)
        return no_memory(error);
    *ret_list = json_incref(list);
    return SLK_OK;
}
