/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The file that says that parameters are for development only. */
#include "proofs/params/internal.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "crypto/sha256/sha256.h"

#include <string.h>

#define SIDECAR_BYTES_MAX 4096u
#define PARAMS_DIGEST_FIELD "params-sha256: "
#define KEY_DIGEST_FIELD "vk-sha256: "

bool slk_params_label_is_plain(const char *label)
{
    size_t n = strlen(label);
    for (size_t i = 0; i < n; i++)
        if (label[i] < 0x20 || label[i] > 0x7e)
            return false;
    return n >= 1 && n <= 200;
}

slk_err slk_params_warning(slk_buf *buf, const slk_crypto *crypto, const char *label,
                           const uint8_t params_sha256[32], const uint8_t *key, size_t key_bytes)
{
    char params_hex[65], key_hex[65];
    uint8_t digest[32];
    slk_hex_encode(params_hex, params_sha256, 32);
    slk_sha256_of(crypto, digest, key, key_bytes);
    slk_hex_encode(key_hex, digest, 32);
    return slk_buf_printf(buf,
                          "DEVELOPMENT PARAMETERS - NEVER USE THEM ON A REAL NETWORK\n"
                          "Their secrets follow from a text that everybody can read, so everybody "
                          "can forge proofs under them.\n"
                          "secrets-label: %s\n" PARAMS_DIGEST_FIELD "%s\n" KEY_DIGEST_FIELD "%s\n",
                          label, params_hex, key_hex);
}

static bool field(uint8_t out[32], const char *text, const char *name)
{
    char hex[65];
    const char *at = strstr(text, name);
    if (at == NULL || strlen(at) < strlen(name) + 64)
        return false;
    memcpy(hex, at + strlen(name), 64);
    hex[64] = '\0';
    return slk_hex_decode(out, 32, hex);
}

slk_err slk_params_sidecar_read(slk_params_sidecar *ret_sidecar, const slk_crypto *crypto,
                                const char *folder, const slk_sector_shape *shape, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = NULL;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_params_sidecar sidecar = {0};
    slk_buf_init(&text, SIDECAR_BYTES_MAX);
    SLK_TRY(slk_params_path(&path, crypto, folder, shape, SLK_PARAMS_FILE_DEVELOPMENT, error));
    sidecar.present = slk_file_exists(path);
    if (sidecar.present && slk_file_read_all(&text, path, NULL) == SLK_OK) {
        sidecar.have_digests =
            field(sidecar.params_sha256, slk_buf_str(&text), PARAMS_DIGEST_FIELD) &&
            field(sidecar.key_sha256, slk_buf_str(&text), KEY_DIGEST_FIELD);
    }
    *ret_sidecar = sidecar;
    return SLK_OK;
}
