/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/signing.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <string.h>

#define KEY_FILE_MAX 128u

struct slk_signing_key {
    gnutls_privkey_t private;
    uint8_t public32[SLK_SIGNING_KEY_BYTES];
};

static slk_err refused(slk_error *error, int code)
{
    if (code == GNUTLS_E_MEMORY_ERROR)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a signing key");
    return slk_fail(error, SLK_E_INTERNAL, "a signature could not be made: %s",
                    gnutls_strerror(code));
}

/* GnuTLS wants both halves of a key; the public one follows from the secret only inside the library,
 * which tells it for a key read from PKCS #8. source: RFC 8410 7 */
static int import_secret(gnutls_privkey_t private, const uint8_t secret32[32])
{
    static const uint8_t head[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                   0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
    uint8_t der[sizeof head + SLK_SIGNING_KEY_BYTES];
    memcpy(der, head, sizeof head);
    memcpy(der + sizeof head, secret32, SLK_SIGNING_KEY_BYTES);
    const gnutls_datum_t datum = {der, sizeof der};
    const int code = gnutls_privkey_import_x509_raw(private, &datum, GNUTLS_X509_FMT_DER, NULL, 0);
    slk_bytes_wipe(der, sizeof der);
    return code;
}

static int read_public(slk_signing_key *key)
{
    gnutls_ecc_curve_t curve;
    gnutls_datum_t x = {NULL, 0};
    gnutls_pubkey_t public = NULL;
    int code = gnutls_pubkey_init(&public);
    if (code != 0)
        return code;
    code = gnutls_pubkey_import_privkey(public, key->private, 0, 0);
    if (code == 0)
        code = gnutls_pubkey_export_ecc_raw(public, &curve, &x, NULL);
    gnutls_pubkey_deinit(public);
    if (code != 0)
        return code;
    slk_assert(x.size == SLK_SIGNING_KEY_BYTES);
    memcpy(key->public32, x.data, SLK_SIGNING_KEY_BYTES);
    gnutls_free(x.data);
    return 0;
}

slk_err slk_signing_key_new(slk_signing_key **ret_key, const uint8_t secret32[32], slk_error *error)
{
    SLK_CLEANUP(slk_signing_key_freep) slk_signing_key *key = slk_calloc(1, sizeof *key);
    if (!key)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a signing key");
    int code = gnutls_privkey_init(&key->private);
    if (code == 0)
        code = import_secret(key->private, secret32);
    if (code == 0)
        code = read_public(key);
    if (code != 0)
        return refused(error, code);
    *ret_key = key;
    key = NULL;
    return SLK_OK;
}

void slk_signing_key_free(slk_signing_key *key)
{
    if (!key)
        return;
    if (key->private)
        gnutls_privkey_deinit(key->private);
    slk_free(key);
}

void slk_signing_key_freep(slk_signing_key **key)
{
    slk_signing_key_free(*key);
}

static slk_err make_file(const char *path, slk_error *error)
{
    uint8_t secret[SLK_SIGNING_KEY_BYTES];
    char hex[2 * SLK_SIGNING_KEY_BYTES + 2];
    slk_rng_fill(secret, sizeof secret);
    slk_hex_encode(hex, secret, sizeof secret);
    hex[2 * sizeof secret] = '\n';
    const slk_err code =
        slk_file_write_atomic(path, hex, 2 * SLK_SIGNING_KEY_BYTES + 1, 0600, error);
    slk_bytes_wipe(secret, sizeof secret);
    slk_bytes_wipe(hex, sizeof hex);
    return code;
}

slk_err slk_signing_key_load(slk_signing_key **ret_key, const char *path, slk_error *error)
{
    uint8_t secret[SLK_SIGNING_KEY_BYTES];
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, KEY_FILE_MAX);
    if (!slk_file_exists(path))
        SLK_TRY(make_file(path, error));
    slk_err code = slk_file_read_all(&text, path, error);
    if (code != SLK_OK)
        return code;
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.data[--text.len] = 0;
    if (!slk_hex_decode(secret, sizeof secret, slk_buf_str(&text)))
        code = slk_fail(error, SLK_E_CORRUPT,
                        "%s holds no signing key (64 hex digits): put back the right file, or "
                        "move it away and a new key is made",
                        path);
    else
        code = slk_signing_key_new(ret_key, secret, error);
    slk_bytes_wipe(secret, sizeof secret);
    slk_bytes_wipe(text.data, text.len);
    return code;
}

void slk_signing_public(uint8_t out32[32], const slk_signing_key *key)
{
    memcpy(out32, key->public32, SLK_SIGNING_KEY_BYTES);
}

void slk_signing_digest(uint8_t out32[32], const void *bytes, size_t n)
{
    slk_assert(gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, n, out32) == 0);
}

void slk_signing_id(char out[SLK_SIGNING_ID_CHARS], const uint8_t public32[32])
{
    uint8_t hash[32];
    slk_signing_digest(hash, public32, SLK_SIGNING_KEY_BYTES);
    slk_hex_encode(out, hash, (SLK_SIGNING_ID_CHARS - 1) / 2);
}

slk_err slk_sign(uint8_t out64[64], const slk_signing_key *key, const void *bytes, size_t n,
                 slk_error *error)
{
    slk_assert(n <= UINT32_MAX);
    const gnutls_datum_t data = {(unsigned char *)(uintptr_t)bytes, (unsigned)n};
    gnutls_datum_t signature = {NULL, 0};
    const int code =
        gnutls_privkey_sign_data2(key->private, GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &signature);
    if (code != 0)
        return refused(error, code);
    slk_assert(signature.size == SLK_SIGNATURE_BYTES);
    memcpy(out64, signature.data, SLK_SIGNATURE_BYTES);
    gnutls_free(signature.data);
    return SLK_OK;
}

bool slk_signature_valid(const uint8_t public32[32], const void *bytes, size_t n,
                         const uint8_t signature64[64])
{
    const gnutls_datum_t x = {(unsigned char *)(uintptr_t)public32, SLK_SIGNING_KEY_BYTES};
    const gnutls_datum_t data = {(unsigned char *)(uintptr_t)bytes, (unsigned)n};
    const gnutls_datum_t signature = {(unsigned char *)(uintptr_t)signature64, SLK_SIGNATURE_BYTES};
    gnutls_pubkey_t public = NULL;
    if (n > UINT32_MAX || gnutls_pubkey_init(&public) != 0)
        return false;
    const bool valid =
        gnutls_pubkey_import_ecc_raw(public, GNUTLS_ECC_CURVE_ED25519, &x, NULL) == 0 &&
        gnutls_pubkey_verify_data2(public, GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &signature) >= 0;
    gnutls_pubkey_deinit(public);
    return valid;
}
