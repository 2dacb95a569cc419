/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/lotus_keys.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/uuid.h"
#include "codec/json.h"
#include "rpc/permission.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES 4096u
/* base32 of "auth-jwt-private". source: reference/lotus-worker 1.4 */
#define KEY_FILE "MF2XI2BNNJ3XILLQOJUXMYLUMU"
#define KEY_TYPE "jwt-hmac-secret"

static slk_err check_mode(const char *path, slk_error *error)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return slk_fail_errno(error, errno, "cannot look at %s", path);
    if (st.st_mode & 077)
        return slk_fail(error, SLK_E_AUTH, "others may read %s: chmod 600 it", path);
    return SLK_OK;
}

static slk_err take_secret(uint8_t out32[SLK_JWT_SECRET_BYTES], const json_t *value,
                           slk_error *error)
{
    const char *type = NULL;
    SLK_CLEANUP(slk_buf_done) slk_buf key;
    slk_buf_init(&key, FILE_MAX_BYTES);
    SLK_TRY(slk_json_string(&type, value, "Type", error));
    SLK_TRY(slk_json_bytes(&key, value, "PrivateKey", error));
    const bool right = strcmp(type, KEY_TYPE) == 0 && key.len == SLK_JWT_SECRET_BYTES;
    if (right)
        memcpy(out32, key.data, SLK_JWT_SECRET_BYTES);
    slk_bytes_wipe(key.data, key.len);
    return right ? SLK_OK : slk_fail(error, SLK_E_CORRUPT, "it is no key of 32 bytes");
}

static slk_err read_secret(uint8_t out32[SLK_JWT_SECRET_BYTES], const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    slk_buf text;
    slk_buf_init(&text, FILE_MAX_BYTES);
    slk_err code = check_mode(path, error);
    if (code == SLK_OK)
        code = slk_file_read_all(&text, path, error);
    if (code == SLK_OK &&
        slk_json_parse(&value, text.data, text.len, FILE_MAX_BYTES, NULL) != SLK_OK)
        code = slk_fail(error, SLK_E_CORRUPT, "it is no JSON"); /* without quoting from it */
    if (text.data)
        slk_bytes_wipe(text.data, text.len);
    slk_buf_done(&text);
    if (code == SLK_OK)
        code = take_secret(out32, value, error);
    return code == SLK_OK ? SLK_OK : slk_fail_context(error, code, "the key %s", path);
}

static slk_err make_secret(uint8_t out32[SLK_JWT_SECRET_BYTES], const char *path, slk_error *error)
{
    uint8_t secret[SLK_JWT_SECRET_BYTES];
    slk_buf text;
    slk_buf_init(&text, FILE_MAX_BYTES);
    slk_rng_fill(secret, sizeof secret);
    json_t *value = json_pack("{ssso}", "Type", KEY_TYPE, "PrivateKey",
                              slk_json_new_bytes(secret, sizeof secret));
    slk_err code = value ? slk_json_print(&text, value) : SLK_E_NOMEM;
    json_decref(value);
    if (code == SLK_OK)
        code = slk_file_write_atomic(path, text.data, text.len, 0600, error);
    else
        code = slk_fail(error, code, "out of memory for a key");
    if (text.data)
        slk_bytes_wipe(text.data, text.len);
    slk_buf_done(&text);
    if (code == SLK_OK)
        memcpy(out32, secret, sizeof secret);
    slk_bytes_wipe(secret, sizeof secret);
    return code;
}

slk_err slk_lotus_secret(uint8_t out32[SLK_JWT_SECRET_BYTES], const char *folder, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *store = slk_path_join(folder, "keystore");
    SLK_CLEANUP(slk_freep) char *path = store ? slk_path_join(store, KEY_FILE) : NULL;
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a key");
    SLK_TRY(slk_folder_make(store, 0700, error));
    return slk_file_exists(path) ? read_secret(out32, path, error)
                                 : make_secret(out32, path, error);
}

slk_err slk_lotus_token(char **ret_token, const uint8_t secret32[SLK_JWT_SECRET_BYTES],
                        unsigned permissions, const slk_lotus_grant *grant, slk_error *error)
{
    slk_jwt_claims claims = {0};
    slk_rpc_permissions_to_claims(&claims, permissions);
    if (grant) {
        claims.expires_s = grant->expires_s;
        if (grant->pin)
            (void)snprintf(claims.pin, sizeof claims.pin, "%s", grant->pin);
        if (grant->own)
            slk_uuid_random(claims.id);
    }
    return slk_jwt_make(ret_token, &claims, secret32, error);
}
