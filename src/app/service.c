/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/service.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECRET_MAX_BYTES 4096u

static slk_err act(const slk_command *command, const slk_options *options, bool view,
                   slk_error *error)
{
    SLK_CLEANUP(slk_node_closep) slk_node *node = NULL;
    const slk_node_options how = {
        .folder = slk_options_text(options, "repo"), .tool = true, .view = view};
    SLK_TRY(slk_node_open(&node, &how, error));
    return command->action(node, options, error);
}

static int run(const slk_command *command, const slk_options *options, bool view)
{
    slk_error error = {0};
    const slk_err code = act(command, options, view, &error);
    return code == SLK_OK ? SLK_EXIT_DONE : slk_command_fail(command, options, code, &error);
}

int slk_service_run(const slk_command *command, const slk_options *options)
{
    return run(command, options, false);
}

int slk_service_view(const slk_command *command, const slk_options *options)
{
    return run(command, options, true);
}

int slk_service_verdict(const slk_command *command, const slk_options *options)
{
    slk_error error = {0};
    const slk_err code = act(command, options, false, &error);
    if (code != SLK_E_CORRUPT)
        return code == SLK_OK ? SLK_EXIT_DONE : slk_command_fail(command, options, code, &error);
    if (!options->json) {
        (void)printf("not valid: %s\n", slk_error_text(&error, code));
        return SLK_EXIT_NO;
    }
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer = json_pack("{s:b,s:s}", "valid", 0, "reason", slk_error_text(&error, code));
    if (!answer)
        return slk_command_fail(command, options, SLK_E_NOMEM, NULL);
    (void)json_dumpf(answer, stdout, JSON_COMPACT);
    (void)printf("\n");
    return SLK_EXIT_NO;
}

void slk_service_say(const slk_options *options, const char *text)
{
    (void)printf("%s\n", options->json ? "{\"done\":true}" : text);
}

void slk_service_print(const json_t *value)
{
    (void)json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    (void)printf("\n");
}

bool slk_service_dry(const slk_options *options, const char *text)
{
    if (!slk_options_flag(options, "dry-run"))
        return false;
    if (options->json)
        (void)printf("{\"dry_run\":true}\n");
    else
        (void)printf("dry run: %s; nothing was changed\n", text);
    return true;
}

slk_err slk_service_secret(char **ret_text, const char *argument, slk_error *error)
{
    char line[SECRET_MAX_BYTES];
    size_t n = 0;
    if (strcmp(argument, "-") != 0) {
        *ret_text = slk_strdup(argument);
        return *ret_text ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory");
    }
    while (n < sizeof line - 1) {
        const ssize_t got = read(STDIN_FILENO, line + n, sizeof line - 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return slk_fail_errno(error, errno, "cannot read standard input");
        if (got == 0)
            break;
        n += (size_t)got;
    }
    if (n == sizeof line - 1)
        return slk_fail(error, SLK_E_LIMIT, "standard input is too long");
    line[n] = 0;
    line[strcspn(line, "\n")] = 0;
    char *text = slk_strdup(line);
    slk_bytes_wipe(line, sizeof line);
    if (!text)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    *ret_text = text;
    return SLK_OK;
}

slk_err slk_service_json(json_t **ret, const slk_buf *text, slk_error *error)
{
    return slk_json_parse(ret, slk_buf_str(text), text->len, SLK_VIEW_MAX_BYTES, error);
}

slk_err slk_service_read(json_t **ret, slk_service_list *of, slk_node *node, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, SLK_VIEW_MAX_BYTES);
    SLK_TRY(of(&text, node->seal, error));
    return slk_service_json(ret, &text, error);
}

const char *slk_service_text(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));
    return text ? text : "";
}

int64_t slk_service_number(const json_t *object, const char *field)
{
    return json_integer_value(json_object_get(object, field));
}

bool slk_service_bool(const json_t *object, const char *field)
{
    return json_is_true(json_object_get(object, field));
}
