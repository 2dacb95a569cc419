/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/config.h"

#include "app/options.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "base/num.h"
#include "codec/toml.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum key_type {
    KEY_TEXT,
    KEY_SECRET,
    KEY_BOOL,
    KEY_NUMBER,
    KEY_TIME,
    KEY_NUMBERS
} key_type;

static const char *const type_words[] = {
    [KEY_TEXT] = "text",
    [KEY_SECRET] = "text, secret",
    [KEY_BOOL] = "true or false",
    [KEY_NUMBER] = "number",
    [KEY_TIME] = "time: 500ms, 30s, 5m, 72h",
    [KEY_NUMBERS] = "list of numbers",
};

typedef struct config_key {
    const char *section;
    const char *name;
    key_type type;
    size_t offset;
    const char *fallback; /* as written in the file, texts without quotes */
    int64_t least, most; /* KEY_NUMBER and elements of KEY_NUMBERS */
    const char *also_env; /* a name other programs use too; NULL none */
    const char *help;
} config_key;

#define AT(member) offsetof(slk_config, member)

static const config_key keys[] = {
    {"Node", "Role", KEY_TEXT, AT(role), "", 0, 0, NULL,
     "What this node does when `selkie run` has no --role: provider, client or both."},
    {"Node", "LogLevel", KEY_TEXT, AT(log_level), "info", 0, 0, NULL,
     "Least important lines logged: debug, info, warn or error."},
    {"Network", "Development", KEY_BOOL, AT(development), "false", 0, 0, NULL,
     "This is a development network: proofs may use development parameters, which anybody can "
     "forge. Never set this where value is at stake."},
    {"Network", "ChainApiInfo", KEY_SECRET, AT(chain_api_info), "", 0, 0, "FULLNODE_API_INFO",
     "Lotus node to ask, TOKEN:ADDRESS; several separated by commas. Clients need one, whose token "
     "allows signing; a provider needs none."},
    {"Network", "ChainApiInfoFile", KEY_TEXT, AT(chain_api_info_file), "", 0, 0, NULL,
     "File that holds ChainApiInfo, so that the token need not be here."},
    {"Network", "PreCommitMaxFee", KEY_TEXT, AT(precommit_max_fee), "20000000000000000", 0, 0, NULL,
     "Most to pay in gas for one pre-commit message, in attoFIL; 0 leaves it to the node."},
    {"Network", "CommitMaxFee", KEY_TEXT, AT(commit_max_fee), "30000000000000000", 0, 0, NULL,
     "Most to pay in gas for one prove-commit message, in attoFIL; 0 leaves it to the node."},
    {"HTTP", "ListenAddress", KEY_TEXT, AT(listen), "127.0.0.1:12310", 0, 0, NULL,
     "Address and port to serve on; :12310 means every address of this machine."},
    {"HTTP", "ExternalURL", KEY_TEXT, AT(external_url), "", 0, 0, NULL,
     "URL under which peers reach this node. Needed when it is not https://<ListenAddress>."},
    {"HTTP", "DelegateTLS", KEY_BOOL, AT(delegate_tls), "false", 0, 0, NULL,
     "Serve plain HTTP because a proxy in front does the TLS, or on loopback."},
    {"HTTP", "CertificateFile", KEY_TEXT, AT(certificate_file), "", 0, 0, NULL,
     "PEM certificate chain; unset, a self-signed one is made in the repository, which the other "
     "side must be given."},
    {"HTTP", "KeyFile", KEY_TEXT, AT(key_file), "", 0, 0, NULL, "PEM key of CertificateFile."},
    {"Remote", "TrustedCertificates", KEY_TEXT, AT(trusted_certificates), "", 0, 0, NULL,
     "PEM file of certificates to trust for peers, instead of the system's."},
    {"Remote", "AllowPlainHTTP", KEY_BOOL, AT(allow_plain_http), "false", 0, 0, NULL,
     "Call peers at http:// URLs outside this machine; their tokens then cross the network in "
     "clear."},
    {"Remote", "Connections", KEY_NUMBER, AT(connections), "4", 1, 16, NULL,
     "Connections per download of a sealed sector."},
    {"Provider", "SealProofs", KEY_NUMBERS, AT(seal_proofs), "[]", 0, 14, NULL,
     "Registered seal proofs offered to partners; empty: 8 and 9 (32 and 64 GiB), on development "
     "networks 5, 6 and 7."},
    {"Provider", "Capacity", KEY_NUMBER, AT(capacity_sectors), "16", 1, 1000000, NULL,
     "Sectors of all partners that may be here at once, counted until cleaned up."},
    {"Provider", "ScratchFolder", KEY_TEXT, AT(scratch_folder), "", 0, 0, NULL,
     "Where sectors are sealed: fast local disks. Unset: scratch in the repository."},
    {"Provider", "SlotTime", KEY_TIME, AT(slot_ms), "30s", 0, 0, NULL,
     "How long a place promised by `available` is kept for its order."},
    {"Provider", "CleanupTimeout", KEY_TIME, AT(cleanup_timeout_ms), "72h", 0, 0, NULL,
     "A sealed sector its client never asks to clean up is cleaned up after this."},
    {"Provider", "KeepRows", KEY_TIME, AT(keep_row_ms), "24h", 0, 0, NULL,
     "How long the record of a cleaned up sector is kept."},
    {"Client", "StorageFolder", KEY_TEXT, AT(storage_folder), "", 0, 0, NULL,
     "Where finished sectors lie, in Lotus's layout. Unset: storage in the repository."},
    {"Client", "PollInterval", KEY_TIME, AT(poll_ms), "30s", 0, 0, NULL,
     "Between two questions to a provider how far a sector is."},
    {"Client", "SeedMargin", KEY_NUMBER, AT(seed_margin_epochs), "3", 0, 900, NULL,
     "Epochs to wait past the seed's epoch, so that a reorganisation does not change it."},
    {"Client", "TicketSlack", KEY_NUMBER, AT(ticket_slack_epochs), "720", 0, 3000, NULL,
     "A sector whose ticket runs out within so many epochs is not pre-committed any more."},
    {"Client", "ChainPollInterval", KEY_TIME, AT(chain_poll_ms), "", 0, 0, NULL,
     "Between two looks at the chain. Unset: a quarter of an epoch."},
    {"Page", "Enable", KEY_BOOL, AT(page_enable), "true", 0, 0, NULL,
     "Serve the page at / and its API at /api/v0/, for those with an access token."},
    {"Page", "LoopbackOnly", KEY_BOOL, AT(page_loopback_only), "false", 0, 0, NULL,
     "Serve them to this machine alone."},
    {"Page", "SessionTime", KEY_TIME, AT(page_session_ms), "12h", 0, 0, NULL,
     "How long a login lasts."},
    {"Proofs", "ParametersFolder", KEY_TEXT, AT(parameters_folder), "", 0, 0,
     "FIL_PROOFS_PARAMETER_CACHE",
     "Groth16 parameter files. Unset: /var/tmp/filecoin-proof-parameters, or a folder in the "
     "repository when that is not writable."},
    {"Proofs", "Threads", KEY_NUMBER, AT(threads), "0", 0, 1024, NULL,
     "Threads for computations; 0 means one per processor."},
    {"Workers", "Compute", KEY_NUMBER, AT(compute_workers), "1", 1, 64, NULL,
     "Sectors labelled, hashed or checked at once."},
    {"Workers", "Snark", KEY_NUMBER, AT(snark_workers), "1", 1, 16, NULL,
     "Proofs (C2) made at once; they take the most memory."},
    {"Workers", "Transfer", KEY_NUMBER, AT(transfer_workers), "1", 1, 64, NULL,
     "Sectors fetched at once."},
    {"Workers", "Calls", KEY_NUMBER, AT(call_workers), "2", 1, 64, NULL, "Peers called at once."},
    {"Workers", "Chain", KEY_NUMBER, AT(chain_workers), "2", 1, 64, NULL,
     "Chain calls made at once."},
    {"Metrics", "Enable", KEY_BOOL, AT(metrics), "true", 0, 0, NULL,
     "Serve /metrics for Prometheus: to this machine without a token, unless DelegateTLS is on, to "
     "others with an access token that may read."},
};
#define KEYS (sizeof keys / sizeof *keys)

/* ---- the default file ---- */

static void env_name(char *out, size_t size, const config_key *key)
{
    (void)snprintf(out, size, "SELKIE_%s_%s", key->section, key->name);
    for (; *out; out++)
        *out = (char)toupper((unsigned char)*out);
}

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

static slk_err print_key(slk_buf *out, const config_key *key)
{
    char env[96];
    env_name(env, sizeof env, key);
    SLK_TRY(print_comment(out, key->help));
    SLK_TRY(slk_buf_printf(out, "# (%s", type_words[key->type]));
    if (key->type == KEY_NUMBER || key->type == KEY_NUMBERS)
        SLK_TRY(slk_buf_printf(out, ", %" PRId64 " to %" PRId64, key->least, key->most));
    SLK_TRY(slk_buf_printf(out, "; env %s", env));
    if (key->also_env)
        SLK_TRY(slk_buf_printf(out, " or %s", key->also_env));
    const bool quoted = key->type == KEY_TEXT || key->type == KEY_SECRET || key->type == KEY_TIME;
    return slk_buf_printf(out, ")\n#%s = %s%s%s\n", key->name, quoted ? "\"" : "", key->fallback,
                          quoted ? "\"" : "");
}

slk_err slk_config_print_default(slk_buf *out)
{
    SLK_TRY(slk_buf_text(out,
                         "# Configuration of this selkie node. Every option is listed with its "
                         "default; remove the # to\n# change one. Restart the node "
                         "afterwards.\n"));
    const char *section = "";
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(section, keys[i].section) != 0)
            SLK_TRY(slk_buf_printf(out, "\n[%s]\n", keys[i].section));
        else
            SLK_TRY(slk_buf_byte(out, '\n'));
        section = keys[i].section;
        SLK_TRY(print_key(out, &keys[i]));
    }
    return SLK_OK;
}

/* ---- values ---- */

static slk_err set_text(slk_config *config, const config_key *key, const char *text,
                        slk_error *error)
{
    char **at = (char **)(void *)((char *)config + key->offset);
    char *copy = slk_strdup(text);
    if (!copy)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the configuration");
    slk_free(*at);
    *at = copy;
    return SLK_OK;
}

static slk_err set_number(slk_config *config, const config_key *key, int64_t value,
                          const char *where, slk_error *error)
{
    if (value < key->least || value > key->most)
        return slk_fail(error, SLK_E_INVAL, "%s: want a number from %" PRId64 " to %" PRId64, where,
                        key->least, key->most);
    memcpy((char *)config + key->offset, &value, sizeof value);
    return SLK_OK;
}

static slk_err add_number(slk_config *config, const config_key *key, int64_t value,
                          const char *where, slk_error *error)
{
    slk_config_numbers *list = (slk_config_numbers *)(void *)((char *)config + key->offset);
    if (value < key->least || value > key->most)
        return slk_fail(error, SLK_E_INVAL, "%s: want numbers from %" PRId64 " to %" PRId64, where,
                        key->least, key->most);
    if (list->n == SLK_CONFIG_NUMBERS_MAX)
        return slk_fail(error, SLK_E_INVAL, "%s: more than %u numbers", where,
                        SLK_CONFIG_NUMBERS_MAX);
    list->value[list->n++] = value;
    return SLK_OK;
}

static slk_err set_time(slk_config *config, const config_key *key, const char *text,
                        const char *where, slk_error *error)
{
    uint64_t ms = 0;
    if (*text && (slk_parse_duration(&ms, text) != SLK_OK || ms > INT64_MAX / 2))
        return slk_fail(error, SLK_E_INVAL, "%s: want a time such as 500ms, 30s, 5m or 72h", where);
    const int64_t value = (int64_t)ms;
    memcpy((char *)config + key->offset, &value, sizeof value);
    return SLK_OK;
}

/* "[5, 6]" or "5,6", as defaults and the environment have it. */
static slk_err set_numbers(slk_config *config, const config_key *key, const char *text,
                           const char *where, slk_error *error)
{
    slk_config_numbers *list = (slk_config_numbers *)(void *)((char *)config + key->offset);
    list->n = 0;
    while (*text) {
        const size_t gap = strspn(text, "[], ");
        const size_t n = strcspn(text + gap, "[], ");
        char word[24];
        if (n >= sizeof word)
            return slk_fail(error, SLK_E_INVAL, "%s: want a list of numbers", where);
        memcpy(word, text + gap, n);
        word[n] = 0;
        int64_t value;
        if (n > 0 && slk_parse_i64(&value, word) != SLK_OK)
            return slk_fail(error, SLK_E_INVAL, "%s: want a list of numbers", where);
        if (n > 0)
            SLK_TRY(add_number(config, key, value, where, error));
        text += gap + n;
    }
    return SLK_OK;
}

/* A value as text, from the defaults or the environment. */
static slk_err set_from_text(slk_config *config, const config_key *key, const char *text,
                             const char *where, slk_error *error)
{
    int64_t number = 0;
    switch (key->type) {
    case KEY_TEXT:
    case KEY_SECRET:
        return set_text(config, key, text, error);
    case KEY_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return slk_fail(error, SLK_E_INVAL, "%s: want true or false", where);
        *(bool *)((char *)config + key->offset) = *text == 't';
        return SLK_OK;
    case KEY_NUMBER:
        if (slk_parse_i64(&number, text) != SLK_OK)
            return slk_fail(error, SLK_E_INVAL, "%s: want a number", where);
        return set_number(config, key, number, where, error);
    case KEY_TIME:
        return set_time(config, key, text, where, error);
    case KEY_NUMBERS:
        return set_numbers(config, key, text, where, error);
    }
    slk_assert(!"known type");
    return SLK_E_INTERNAL;
}

/* ---- the file ---- */

/* Finds the row of "Section.Key" or "Section.Key[3]". */
static const config_key *find_key(const char *dotted)
{
    for (size_t i = 0; i < KEYS; i++) {
        char name[96];
        (void)snprintf(name, sizeof name, "%s.%s", keys[i].section, keys[i].name);
        const size_t n = strlen(name);
        if (strncmp(dotted, name, n) == 0 &&
            (dotted[n] == 0 || (dotted[n] == '[' && keys[i].type == KEY_NUMBERS)))
            return &keys[i];
    }
    return NULL;
}

static slk_err set_from_entry(slk_config *config, const slk_toml_entry *entry, const char *path,
                              slk_error *error)
{
    const config_key *key = find_key(entry->key);
    char where[256];
    (void)snprintf(where, sizeof where, "%.160s:%u: %.60s", path, entry->line, entry->key);
    if (!key)
        return slk_fail(error, SLK_E_INVAL, "%s: no such option", where);
    const slk_toml_kind wanted = key->type == KEY_BOOL ? SLK_TOML_BOOLEAN
                                 : key->type == KEY_NUMBER || key->type == KEY_NUMBERS
                                     ? SLK_TOML_INTEGER
                                     : SLK_TOML_STRING;
    if (entry->kind != wanted)
        return slk_fail(error, SLK_E_INVAL, "%s: want %s", where, type_words[key->type]);
    if (key->type == KEY_BOOL)
        *(bool *)((char *)config + key->offset) = entry->boolean;
    else if (key->type == KEY_NUMBER)
        return set_number(config, key, entry->integer, where, error);
    else if (key->type == KEY_NUMBERS)
        return add_number(config, key, entry->integer, where, error);
    else
        return set_from_text(config, key, entry->text, where, error);
    return SLK_OK;
}

static slk_err set_defaults(slk_config *config, slk_error *error)
{
    for (size_t i = 0; i < KEYS; i++)
        SLK_TRY(set_from_text(config, &keys[i], keys[i].fallback, keys[i].name, error));
    return SLK_OK;
}

static slk_err set_from_environment(slk_config *config, slk_error *error)
{
    for (size_t i = 0; i < KEYS; i++) {
        char name[96];
        env_name(name, sizeof name, &keys[i]);
        const char *value = getenv(name);
        const char *named = name;
        if (!value && keys[i].also_env) {
            named = keys[i].also_env;
            value = getenv(named);
        }
        if (value && *value)
            SLK_TRY(set_from_text(config, &keys[i], value, named, error));
    }
    return SLK_OK;
}

static slk_err check_words(const slk_config *config, slk_error *error)
{
    static const char *const roles[] = {"", "provider", "client", "both"};
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    bool role_ok = false;
    bool level_ok = false;
    for (size_t i = 0; i < 4; i++) {
        role_ok = role_ok || strcmp(config->role, roles[i]) == 0;
        level_ok = level_ok || strcmp(config->log_level, levels[i]) == 0;
    }
    if (!role_ok)
        return slk_fail(error, SLK_E_INVAL, "Node.Role: want provider, client or both");
    if (!level_ok)
        return slk_fail(error, SLK_E_INVAL, "Node.LogLevel: want debug, info, warn or error");
    if ((*config->certificate_file == 0) != (*config->key_file == 0))
        return slk_fail(error, SLK_E_INVAL,
                        "HTTP.CertificateFile and HTTP.KeyFile must be set together");
    return SLK_OK;
}

static slk_err read_into(slk_config *config, const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_toml_freep) slk_toml *toml = NULL;
    SLK_TRY(slk_toml_read(&toml, path, error));
    SLK_TRY(set_defaults(config, error));
    for (size_t i = 0; i < slk_toml_count(toml); i++)
        SLK_TRY(set_from_entry(config, slk_toml_at(toml, i), path, error));
    SLK_TRY(set_from_environment(config, error));
    return check_words(config, error);
}

slk_err slk_config_read(slk_config *ret_config, const char *path, slk_error *error)
{
    slk_config config = {0};
    const slk_err code = read_into(&config, path, error);
    if (code != SLK_OK) {
        slk_config_done(&config);
        return code;
    }
    *ret_config = config;
    return SLK_OK;
}

void slk_config_done(slk_config *config)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (keys[i].type != KEY_TEXT && keys[i].type != KEY_SECRET)
            continue;
        char **at = (char **)(void *)((char *)config + keys[i].offset);
        if (*at && keys[i].type == KEY_SECRET)
            slk_bytes_wipe(*at, strlen(*at));
        slk_free(*at);
        *at = NULL;
    }
}
