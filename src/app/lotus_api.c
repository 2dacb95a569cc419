/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/lotus_api.h"

#include "app/lotus_keys.h"
#include "app/repo.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "rpc/permission.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_BYTES 8192u
#define RPC_PATH "/rpc/v0"

void slk_lotus_api_done(slk_lotus_api *api)
{
    slk_apiinfo_done(&api->info);
    slk_free(api->url);
    slk_free(api->from);
    *api = (slk_lotus_api){0};
}

slk_err slk_home_path(char **ret_path, const char *path, slk_error *error)
{
    const char *home = getenv("HOME");
    char *out = NULL;
    if (strncmp(path, "~/", 2) != 0)
        out = slk_strdup(path);
    else if (home && *home)
        out = slk_path_join(home, path + 2);
    else
        return slk_fail(error, SLK_E_INVAL, "HOME is not set, so %s is nowhere", path);
    if (!out)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
    *ret_path = out;
    return SLK_OK;
}

/* Takes over from, which may be NULL: out of memory. */
static slk_err fill(slk_lotus_api *ret_api, const char *text, size_t n, char *from,
                    slk_error *error)
{
    slk_lotus_api api = {.from = from};
    slk_err code = from ? SLK_OK : slk_fail(error, SLK_E_NOMEM, "out of memory for an address");
    if (code == SLK_OK) {
        code = slk_apiinfo_parse(&api.info, text, n, error);
        if (code != SLK_OK)
            (void)slk_fail_context(error, code, "%s", from);
    }
    if (code == SLK_OK && !(api.url = slk_strf("%s%s", api.info.url, RPC_PATH)))
        code = slk_fail(error, SLK_E_NOMEM, "out of memory for an address");
    if (code != SLK_OK) {
        slk_lotus_api_done(&api);
        return code;
    }
    slk_jwt_claims claims;
    slk_jwt_peek(&claims, api.info.token);
    memcpy(api.pin, claims.pin, sizeof api.pin);
    *ret_api = api;
    return SLK_OK;
}

slk_err slk_lotus_api_env(slk_lotus_api *ret_api, const char *const *names, slk_error *error)
{
    for (; *names; names++) {
        const char *value = getenv(*names);
        if (value && *value)
            return fill(ret_api, value, strcspn(value, ","),
                        slk_strf("environment variable %s", *names), error);
    }
    return slk_fail(error, SLK_E_NOTFOUND, "no environment variable names the API");
}

/* The first line of a file of the repository, appended. */
static slk_err read_line(slk_buf *out, const char *folder, const char *name, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, name);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
    const size_t start = out->len;
    SLK_TRY(slk_file_read_all(out, path, error));
    while (out->len > start && strchr("\r\n\t ", out->data[out->len - 1]))
        out->data[--out->len] = 0;
    return out->len > start ? SLK_OK : slk_fail(error, SLK_E_CORRUPT, "%s is empty", path);
}

slk_err slk_lotus_api_repo(slk_lotus_api *ret_api, const char *folder, slk_error *error)
{
    slk_buf text;
    slk_buf_init(&text, FILE_MAX_BYTES);
    slk_err code = read_line(&text, folder, "token", error);
    if (code == SLK_OK)
        code = slk_buf_byte(&text, ':');
    if (code == SLK_OK)
        code = read_line(&text, folder, "api", error);
    if (code == SLK_OK)
        code = fill(ret_api, slk_buf_str(&text), text.len,
                    slk_strf("files api and token in %s", folder), error);
    if (text.data)
        slk_bytes_wipe(text.data, text.len);
    slk_buf_done(&text);
    return code;
}

static slk_err note(const char *folder, const char *name, const char *text, unsigned mode,
                    slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, name);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
    return slk_file_write_atomic(path, text, strlen(text), mode, error);
}

slk_err slk_lotus_api_note_token(const char *folder, const uint8_t secret32[SLK_JWT_SECRET_BYTES],
                                 const char *pin, slk_error *error)
{
    const slk_lotus_grant grant = {.pin = pin};
    char *token = NULL;
    SLK_TRY(slk_lotus_token(&token, secret32, slk_rpc_permissions_of_level(SLK_RPC_ADMIN), &grant,
                            error));
    const slk_err code = note(folder, "token", token, 0600, error);
    slk_bytes_wipe(token, strlen(token));
    slk_free(token);
    return code;
}

slk_err slk_lotus_api_note_address(const char *folder, const char *address, slk_error *error)
{
    return note(folder, "api", address, 0644, error);
}

void slk_lotus_api_forget(const char *folder)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "api");
    if (path)
        (void)unlink(path);
}

static slk_err in_repo(slk_lotus_api *ret_api, const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    SLK_TRY(slk_home_path(&folder, path, error));
    const slk_err code = slk_lotus_api_repo(ret_api, folder, error);
    if (code != SLK_E_NOTFOUND)
        return code;
    if (slk_repo_check(folder, error) == SLK_OK || !slk_file_exists(folder))
        return slk_repo_no_node(folder, error);
    return slk_fail(error, SLK_E_NOTFOUND,
                    "%s holds no files api and token: no lotus-miner and no node runs there", path);
}

slk_err slk_lotus_api_miner(slk_lotus_api *ret_api, const char *repo, slk_error *error)
{
    static const char *const names[] = {"MINER_API_INFO", "STORAGE_API_INFO", NULL};
    const char *ours = getenv("SELKIE_PATH");
    const slk_err code = slk_lotus_api_env(ret_api, names, error);
    if (code != SLK_E_NOTFOUND)
        return code;
    if (repo)
        return in_repo(ret_api, repo, error);
    if (ours && *ours)
        return in_repo(ret_api, ours, error);
    if (in_repo(ret_api, "~/.lotusminer", error) == SLK_OK)
        return SLK_OK;
    return slk_fail(error, SLK_E_NOTFOUND,
                    "which node to work for is not known: set MINER_API_INFO to what `selkie auth "
                    "api-info` on it, or `lotus-miner auth api-info --perm admin`, prints, or name "
                    "its repository by --miner-repo");
}
