/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie config default|check|diff|updated`: the options of a node as a file. */
#include "app/config.h"
#include "app/service.h"

#include "base/file.h"
#include "base/mem.h"
#include "codec/json.h"

#include <stdio.h>
#include <string.h>

/* FILE, else config.toml of --repo. */
static slk_err pick_file(char **ret_path, const slk_options *options, slk_error *error)
{
    const char *repo = slk_options_text(options, "repo");
    char *path = NULL;
    if (options->n_args == 1)
        path = slk_strdup(options->args[0]);
    else if (repo)
        path = slk_path_join(repo, SLK_CONFIG_FILE);
    else
        return slk_fail(error, SLK_E_INVAL, "say which: a FILE, or --repo DIR");
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    *ret_path = path;
    return SLK_OK;
}

static int config_default(const slk_command *command, const slk_options *options)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_CONFIG_TEXT_MAX_BYTES);
    if (slk_config_print_default(&text) != SLK_OK)
        return slk_command_fail(command, options, SLK_E_NOMEM, NULL);
    if (!options->json) {
        (void)fputs(slk_buf_str(&text), stdout);
        return SLK_EXIT_DONE;
    }
    SLK_CLEANUP(slk_json_decrefp) json_t *answer = json_pack("{s:s}", "text", slk_buf_str(&text));
    (void)json_dumpf(answer, stdout, JSON_COMPACT);
    (void)printf("\n");
    return SLK_EXIT_DONE;
}

static const char *roles_text(const slk_config_roles *roles)
{
    if (roles->provider && roles->client)
        return "both";
    return roles->provider ? "provider" : roles->client ? "client" : "";
}

static void print_mistakes(const json_t *mistakes, const char *path, const char *role)
{
    const size_t n = json_array_size(mistakes);
    for (size_t i = 0; i < n; i++)
        (void)printf("%s\n", json_string_value(json_array_get(mistakes, i)));
    if (n > 0) {
        (void)printf("%zu mistake%s\n", n, n == 1 ? "" : "s");
        return;
    }
    (void)printf("%s is valid%s%s\n", path,
                 strcmp(role, "both") == 0 ? " for provider and client"
                 : *role                   ? " for a "
                                           : "",
                 strcmp(role, "both") == 0 ? "" : role);
    if (!*role)
        (void)printf(
            "not checked: what a role needs, for the file enables none; --role provider, client or "
            "both checks it, and `selkie run` wants it, too\n");
    (void)printf(
        "not checked: whether ports are free, and chain and partners answer; `selkie doctor` "
        "asks them\n");
}

/* What a node would fail of at its start, once each option by itself is right. */
static slk_err check_fit(json_t *mistakes, slk_config_roles *ret_roles, const char *path,
                         const char *role, slk_error *error)
{
    SLK_CLEANUP(slk_config_done) slk_config config = {0};
    SLK_TRY(slk_config_read(&config, path, error));
    SLK_TRY(slk_config_pick_roles(ret_roles, &config, role, error));
    slk_error why = {0};
    if ((!ret_roles->provider && !ret_roles->client) ||
        slk_config_fits(&config, ret_roles, &why) == SLK_OK)
        return SLK_OK;
    return json_array_append_new(mistakes, json_string(why.message)) == 0
               ? SLK_OK
               : slk_fail(error, SLK_E_NOMEM, "out of memory");
}

static int config_check(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *path = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *mistakes = NULL;
    slk_err code = pick_file(&path, options, &error);
    if (code == SLK_OK)
        code = slk_config_check(&mistakes, path, &error);
    slk_config_roles roles = {0};
    if (code == SLK_OK && json_array_size(mistakes) == 0)
        code = check_fit(mistakes, &roles, path, slk_options_text(options, "role"), &error);
    if (code != SLK_OK)
        return slk_command_fail(command, options, code, &error);
    const bool valid = json_array_size(mistakes) == 0;
    if (options->json) {
        SLK_CLEANUP(slk_json_decrefp)
        json_t *answer = json_pack("{s:s,s:s,s:b,s:O}", "file", path, "role", roles_text(&roles),
                                   "valid", valid ? 1 : 0, "mistakes", mistakes);
        (void)json_dumpf(answer, stdout, JSON_COMPACT);
        (void)printf("\n");
    } else {
        print_mistakes(mistakes, path, roles_text(&roles));
    }
    return valid ? SLK_EXIT_DONE : SLK_EXIT_NO;
}

static void print_differences(const json_t *list)
{
    const char *section = "";
    if (json_array_size(list) == 0)
        (void)printf("every option has its default\n");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (strcmp(section, slk_service_text(row, "section")) != 0)
            (void)printf("%s[%s]\n", i ? "\n" : "", slk_service_text(row, "section"));
        section = slk_service_text(row, "section");
        (void)printf("%s = %s   # default %s; %s\n", slk_service_text(row, "key"),
                     slk_service_text(row, "value"), slk_service_text(row, "default"),
                     slk_service_text(row, "from"));
    }
}

static int config_diff(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *path = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    slk_err code = pick_file(&path, options, &error);
    if (code == SLK_OK)
        code = slk_config_diff(&list, path, &error);
    if (code != SLK_OK)
        return slk_command_fail(command, options, code, &error);
    if (options->json) {
        (void)json_dumpf(list, stdout, JSON_COMPACT);
        (void)printf("\n");
    } else {
        print_differences(list);
    }
    return SLK_EXIT_DONE;
}

/* Writes the new text, the old one kept as <path>.old. */
static slk_err replace_file(const char *path, const slk_buf *text, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *old = slk_strf("%s.old", path);
    SLK_CLEANUP(slk_buf_done) slk_buf before;
    slk_buf_init(&before, (size_t)1 << 20);
    if (!old)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    SLK_TRY(slk_file_read_all(&before, path, error));
    SLK_TRY(slk_file_write_atomic(old, before.data, before.len, 0600, error));
    return slk_file_write_atomic(path, text->data, text->len, 0600, error);
}

static slk_err update(const slk_options *options, slk_error *error)
{
    const bool dry = slk_options_flag(options, "dry-run");
    SLK_CLEANUP(slk_freep) char *path = NULL;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_CONFIG_TEXT_MAX_BYTES);
    SLK_TRY(pick_file(&path, options, error));
    SLK_TRY(slk_config_print_updated(&text, path, dry, error));
    if (dry && !options->json)
        (void)fputs(slk_buf_str(&text), stdout);
    else if (dry)
        (void)printf("{\"dry_run\":true}\n");
    if (dry)
        return SLK_OK;
    SLK_TRY(replace_file(path, &text, error));
    if (options->json)
        (void)printf("{\"done\":true}\n");
    else
        (void)printf("%s has every option of this version, your values in force; the one before is "
                     "%s.old\n",
                     path, path);
    return SLK_OK;
}

static int config_updated(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    const slk_err code = update(options, &error);
    return code == SLK_OK ? SLK_EXIT_DONE : slk_command_fail(command, options, code, &error);
}

#define OPTION_REPO                                                                    \
    {                                                                                  \
        .name = "repo", .type = SLK_OPTION_TEXT, .env = "SELKIE_PATH", .value = "DIR", \
        .help = "the node whose config.toml it is, without FILE"                       \
    }

static const slk_option file_options[] = {OPTION_REPO, {.name = NULL}};
static const slk_option check_options[] = {
    OPTION_REPO,
    {.name = "role",
     .type = SLK_OPTION_TEXT,
     .value = "ROLE",
     .help = "that it shall be right for, as of `selkie run` (else Enable… in [Subsystems])"},
    {.name = NULL},
};
static const slk_option updated_options[] = {
    OPTION_REPO,
    {.name = "dry-run",
     .type = SLK_OPTION_FLAG,
     .help = "print the new file, its secrets masked, and change nothing"},
    {.name = NULL},
};

const slk_command slk_commands_config[] = {
    {.name = "config default",
     .help = "Print a config.toml that lists every option with its default.",
     .example = "selkie config default > config.toml",
     .run = config_default},
    {.name = "config check",
     .args = "[FILE]",
     .args_max = 1,
     .help = "Name every mistake of a configuration and the environment; exit 3 when there is one.",
     .example = "selkie config check --role client ~/.selkie/config.toml",
     .options = check_options,
     .run = config_check},
    {.name = "config diff",
     .args = "[FILE]",
     .args_max = 1,
     .help = "Show what differs from the defaults, and where it is set.",
     .example = "selkie config diff --repo ~/.selkie",
     .options = file_options,
     .run = config_diff},
    {.name = "config updated",
     .args = "[FILE]",
     .args_max = 1,
     .help =
         "Write config.toml anew with the options and comments of this version, keeping values.",
     .example = "selkie config updated --repo ~/.selkie --dry-run",
     .options = updated_options,
     .run = config_updated},
    {.name = NULL},
};
