/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/config.h"

#include "app/config_impl.h"
#include "app/typo.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* One reading: ends at the first mistake, or collects them all. */
struct reading {
    slk_config *config;
    const char *path;
    json_t *mistakes; /* NULL: end at the first */
};

#define WHERE_CHARS 288

/* Takes a mistake into the list, when there is one. */
static slk_err note(struct reading *reading, slk_err code, const slk_error *error)
{
    if (code == SLK_OK || code == SLK_E_NOMEM || !reading->mistakes)
        return code;
    const char *text = slk_error_text(error, code);
    SLK_CLEANUP(slk_freep) char *clean = slk_text_printable(text);
    return json_array_append_new(reading->mistakes, json_string(clean ? clean : text)) == 0
               ? SLK_OK
               : SLK_E_NOMEM;
}

/* ---- which key ---- */

/* The row of "Section.Key" or "Section.Key[3]"; *ret_file when it is the <Key>File of a secret. */
static const slk_config_key *find_key(bool *ret_file, const char *dotted)
{
    char name[SLK_CONFIG_NAME_CHARS];
    for (const slk_config_key *key = slk_config_keys; key->section; key++) {
        slk_config_dotted(name, key, "");
        const size_t n = strlen(name);
        *ret_file = false;
        if (strncmp(dotted, name, n) == 0 &&
            (dotted[n] == 0 || (dotted[n] == '[' && slk_config_is_list(key->type))))
            return key;
        *ret_file = true;
        slk_config_dotted(name, key, "File");
        if (key->type == KEY_SECRET && strcmp(dotted, name) == 0)
            return key;
    }
    return NULL;
}

/* The same key in another section or in other letters, else the nearest name: of the same section, or
 * with its section. */
static const slk_config_key *nearest_key(const char *dotted)
{
    const char *dot = strrchr(dotted, '.');
    const size_t section = dot ? (size_t)(dot - dotted) : 0;
    const slk_config_key *best = NULL;
    unsigned best_distance = ~0u;
    for (const slk_config_key *key = slk_config_keys; key->section; key++) {
        char name[SLK_CONFIG_NAME_CHARS];
        slk_config_dotted(name, key, "");
        if (strcasecmp(dot ? dot + 1 : dotted, key->name) == 0 || strcasecmp(dotted, name) == 0)
            return key;
        const bool same =
            section == strlen(key->section) && strncmp(dotted, key->section, section) == 0;
        const char *typed = same ? dot + 1 : dotted;
        const char *known = same ? key->name : name;
        const unsigned distance = slk_typo_distance(typed, known);
        if (slk_typo_near(typed, known) && distance < best_distance) {
            best = key;
            best_distance = distance;
        }
    }
    return best;
}

/* Options of a lotus-miner's config.toml that have no counterpart here, and why.
 * source: reference/lotus-worker 1.4 */
static const struct {
    const char *dotted, *why;
} of_lotus[] = {
    {"API.RemoteListenAddress", "not taken: workers fetch no files from a node; leave it out"},
    {"API.Timeout", "not taken: a call ends when its connection does; leave it out"},
    {"Storage.AllowAddPiece", "not taken: sectors here hold no deals; leave it out"},
    {"Storage.AllowPreCommit2", "not taken: trees are made where the layers are, so that "
                                "AllowPreCommit1 decides; leave it out"},
    {"Storage.AllowUnseal", "not taken: nothing is unsealed here; leave it out"},
    {"Storage.ParallelFetchLimit", "not taken: see RSealClientFetchMaxTasks in [Subsystems], and "
                                   "--parallel-fetch-limit of `selkie worker run`"},
    {"Storage.ResourceFiltering",
     "not taken: what workers have is always looked at, what this node "
     "does itself is bounded by Compute in [Workers]"},
};

static slk_err unknown_key(const char *where, const char *dotted, slk_error *error)
{
    const slk_config_key *nearest = nearest_key(dotted);
    for (size_t i = 0; i < sizeof of_lotus / sizeof *of_lotus; i++)
        if (strcmp(dotted, of_lotus[i].dotted) == 0)
            return slk_fail(error, SLK_E_INVAL, "%s: %s", where, of_lotus[i].why);
    if (nearest)
        return slk_fail(error, SLK_E_INVAL, "%s: no such option; did you mean %s in [%s]?", where,
                        nearest->name, nearest->section);
    return slk_fail(error, SLK_E_INVAL, "%s: no such option; `selkie config default` lists them",
                    where);
}

/* ---- the sources of values ---- */

slk_err slk_config_set_defaults(slk_config *config, slk_error *error)
{
    for (const slk_config_key *key = slk_config_keys; key->section; key++)
        SLK_TRY(slk_config_set(config, key, key->fallback, key->name, error));
    return SLK_OK;
}

static slk_err set_from_foreign_environment(struct reading *reading, slk_error *error)
{
    for (const slk_config_key *key = slk_config_keys; key->section; key++) {
        const char *value = key->also_env ? getenv(key->also_env) : NULL;
        if (value && *value)
            SLK_TRY(note(reading, slk_config_set(reading->config, key, value, key->also_env, error),
                         error));
    }
    return SLK_OK;
}

static slk_err set_from_entry(struct reading *reading, const slk_toml *toml,
                              const slk_toml_entry *entry, slk_error *error)
{
    bool file = false;
    const slk_config_key *key = find_key(&file, entry->key);
    char where[WHERE_CHARS];
    char plain[SLK_CONFIG_NAME_CHARS];
    (void)snprintf(where, sizeof where, "%.180s:%u: %.80s", reading->path, entry->line, entry->key);
    if (!key)
        return unknown_key(where, entry->key, error);
    if (!file)
        return slk_config_set_entry(reading->config, key, entry, where, error);
    if (entry->kind != SLK_TOML_STRING)
        return slk_fail(error, SLK_E_INVAL, "%s: want the path of a file", where);
    slk_config_dotted(plain, key, "");
    const slk_toml_entry *other = slk_toml_find(toml, plain);
    if (*entry->text && other && other->text && *other->text)
        return slk_fail(error, SLK_E_INVAL, "%s: %s is set as well; leave one of them out", where,
                        plain);
    return slk_config_set_from_file(reading->config, key, entry->text, where, error);
}

static slk_err set_from_file(struct reading *reading, const slk_toml *toml, slk_error *error)
{
    for (size_t i = 0; i < slk_toml_count(toml); i++) {
        const slk_toml_entry *entry = slk_toml_at(toml, i);
        SLK_TRY(note(reading, set_from_entry(reading, toml, entry, error), error));
    }
    return SLK_OK;
}

static slk_err set_from_variable(slk_config *config, const slk_config_key *key, slk_error *error)
{
    char name[SLK_CONFIG_NAME_CHARS];
    slk_config_env(name, key, "");
    const char *value = getenv(name);
    if (value && *value)
        return slk_config_set(config, key, value, name, error);
    slk_config_env(name, key, "File");
    value = key->type == KEY_SECRET ? getenv(name) : NULL;
    return value ? slk_config_set_from_file(config, key, value, name, error) : SLK_OK;
}

/* Whether a variable has a section's prefix but names no key of it. */
static bool is_unknown_variable(const char *name, size_t n)
{
    bool in_section = false;
    for (const slk_config_key *key = slk_config_keys; key->section; key++) {
        char known[SLK_CONFIG_NAME_CHARS];
        slk_config_env(known, key, "");
        if (strlen(known) == n && strncmp(name, known, n) == 0)
            return false;
        slk_config_env(known, key, "File");
        if (key->type == KEY_SECRET && strlen(known) == n && strncmp(name, known, n) == 0)
            return false;
        const size_t prefix = strlen("SELKIE_") + strlen(key->section) + 1;
        in_section = in_section || (n > prefix && strncmp(name, known, prefix) == 0);
    }
    return in_section;
}

static slk_err set_from_environment(struct reading *reading, slk_error *error)
{
    for (const slk_config_key *key = slk_config_keys; key->section; key++)
        SLK_TRY(note(reading, set_from_variable(reading->config, key, error), error));
    for (char **at = environ; at && *at; at++) {
        const size_t n = strcspn(*at, "=");
        if (!is_unknown_variable(*at, n))
            continue;
        const slk_err code = slk_fail(error, SLK_E_INVAL,
                                      "environment variable %.*s: no such option; `selkie config "
                                      "default` lists them with their variables",
                                      n > 80 ? 80 : (int)n, *at);
        SLK_TRY(note(reading, code, error));
    }
    return SLK_OK;
}

static slk_err check_pairs(struct reading *reading, slk_error *error)
{
    const slk_config *config = reading->config;
    /* Behind a proxy, who comes from this machine is what the proxy lets its peers say. */
    if (config->page_loopback_only && config->delegate_tls)
        SLK_TRY(note(reading,
                     slk_fail(error, SLK_E_INVAL,
                              "%.180s: Page.LoopbackOnly cannot be kept with HTTP.DelegateTLS; set "
                              "Page.Enable = false, or let the proxy refuse / and /api/",
                              reading->path),
                     error));
    if ((*config->certificate_file == 0) == (*config->key_file == 0))
        return SLK_OK;
    return note(reading,
                slk_fail(error, SLK_E_INVAL,
                         "%.180s: HTTP.CertificateFile and HTTP.KeyFile must be set together",
                         reading->path),
                error);
}

/* ---- reading ---- */

static slk_err read_into(struct reading *reading, slk_toml **ret_toml, bool environment,
                         slk_error *error)
{
    SLK_TRY(slk_config_set_defaults(reading->config, error));
    if (environment)
        SLK_TRY(set_from_foreign_environment(reading, error));
    const slk_err code = slk_toml_read(ret_toml, reading->path, error);
    if (code == SLK_E_IO || code == SLK_E_NOMEM)
        return code; /* says nothing about what is written in it */
    SLK_TRY(note(reading, code, error));
    if (code == SLK_OK)
        SLK_TRY(set_from_file(reading, *ret_toml, error));
    if (environment)
        SLK_TRY(set_from_environment(reading, error));
    return check_pairs(reading, error);
}

static slk_err read_config(slk_config *ret_config, slk_toml **ret_toml, const char *path,
                           bool environment, slk_error *error)
{
    slk_config config = {0};
    struct reading reading = {.config = &config, .path = path};
    const slk_err code = read_into(&reading, ret_toml, environment, error);
    if (code != SLK_OK)
        slk_config_done(&config);
    else
        *ret_config = config;
    return code;
}

slk_err slk_config_read(slk_config *ret_config, const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_toml_freep) slk_toml *toml = NULL;
    return read_config(ret_config, &toml, path, true, error);
}

slk_err slk_config_read_file(slk_config *ret_config, slk_toml **ret_toml, const char *path,
                             slk_error *error)
{
    slk_toml *toml = NULL;
    const slk_err code = read_config(ret_config, &toml, path, false, error);
    if (code != SLK_OK)
        slk_toml_free(toml);
    else
        *ret_toml = toml;
    return code;
}

slk_err slk_config_check(json_t **ret_mistakes, const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_config_done) slk_config config = {0};
    SLK_CLEANUP(slk_toml_freep) slk_toml *toml = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *mistakes = json_array();
    struct reading reading = {.config = &config, .path = path, .mistakes = mistakes};
    const slk_err code = mistakes ? read_into(&reading, &toml, true, error) : SLK_E_NOMEM;
    if (code == SLK_E_IO)
        return code;
    if (code != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the configuration");
    *ret_mistakes = json_incref(mistakes);
    return SLK_OK;
}

slk_err slk_config_pick_roles(slk_config_roles *ret_roles, const slk_config *config,
                              const char *role, slk_error *error)
{
    const bool both = role && strcmp(role, "both") == 0;
    if (!role || !*role)
        *ret_roles = (slk_config_roles){config->enable_provider, config->enable_client};
    else if (both || strcmp(role, "provider") == 0 || strcmp(role, "client") == 0)
        *ret_roles = (slk_config_roles){both || role[0] == 'p', both || role[0] == 'c'};
    else
        return slk_fail(error, SLK_E_INVAL, "no role `%.40s`: --role provider, client or both",
                        role);
    return SLK_OK;
}

slk_err slk_config_fits(const slk_config *config, const slk_config_roles *roles, slk_error *error)
{
    if (!roles->provider && !roles->client)
        return slk_fail(error, SLK_E_INVAL,
                        "say what this node does: --role provider, client or both, or "
                        "EnableRemoteSealProvider, EnableRemoteSealClient in [Subsystems]");
    if (roles->client && !*config->chain_api_info)
        return slk_fail(error, SLK_E_INVAL,
                        "a client needs a chain: set FULLNODE_API_INFO, or ChainApiInfoFile in "
                        "[Network]");
    if (!*config->api_certificate_file != !*config->api_key_file)
        return slk_fail(error, SLK_E_INVAL,
                        "[API] has one of CertificateFile and KeyFile; both belong together");
    if (*config->trusted_certificates && !slk_file_exists(config->trusted_certificates))
        return slk_fail(error, SLK_E_INVAL,
                        "TrustedCertificates names %s, which is not there; a node makes its "
                        "tls.crt at its first start: start the other side, then this one again",
                        config->trusted_certificates);
    return SLK_OK;
}

void slk_config_done(slk_config *config)
{
    for (const slk_config_key *key = slk_config_keys; key->section; key++) {
        if (!slk_config_is_text(key->type))
            continue;
        char **at = (char **)(void *)((char *)config + key->offset);
        if (*at && key->type == KEY_SECRET)
            slk_bytes_wipe(*at, strlen(*at));
        slk_free(*at);
        *at = NULL;
    }
}
