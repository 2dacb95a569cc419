/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/certificate.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "codec/base64.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define VALID_SECONDS ((time_t)10 * 365 * 24 * 3600)
#define CLOCK_SKEW_SECONDS ((time_t)24 * 3600)
#define PEM_MAX_BYTES ((size_t)1 << 20)
#define CHAIN_MAX 16u

typedef struct pair {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
} pair;

static void pair_done(pair *p)
{
    if (p->crt)
        gnutls_x509_crt_deinit(p->crt);
    if (p->key)
        gnutls_x509_privkey_deinit(p->key);
}

static slk_err check(int rc, const char *step, slk_error *error)
{
    if (rc >= 0)
        return SLK_OK;
    return slk_fail(error, SLK_E_INTERNAL, "cannot make a certificate (%s): %s", step,
                    gnutls_strerror(rc));
}

static slk_err add_name(gnutls_x509_crt_t crt, const char *name, slk_error *error)
{
    struct in_addr v4;
    struct in6_addr v6;
    unsigned append = GNUTLS_FSAN_APPEND;
    if (inet_pton(AF_INET, name, &v4) == 1)
        return check(
            gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, &v4, 4, append),
            "address", error);
    if (inet_pton(AF_INET6, name, &v6) == 1)
        return check(
            gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, &v6, 16, append),
            "address", error);
    return check(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name,
                                                      (unsigned)strlen(name), append),
                 "name", error);
}

static slk_err fill(pair *p, const char *const *names, size_t n_names, slk_error *error)
{
    unsigned bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
    time_t now = time(NULL);
    uint8_t serial[16];
    slk_rng_fill(serial, sizeof serial);
    serial[0] &= 0x7f; /* a positive integer */
    SLK_TRY(check(gnutls_x509_privkey_init(&p->key), "key", error));
    SLK_TRY(check(gnutls_x509_privkey_generate(p->key, GNUTLS_PK_ECDSA, bits, 0), "key", error));
    SLK_TRY(check(gnutls_x509_crt_init(&p->crt), "certificate", error));
    SLK_TRY(check(gnutls_x509_crt_set_version(p->crt, 3), "version", error));
    SLK_TRY(check(gnutls_x509_crt_set_serial(p->crt, serial, sizeof serial), "serial", error));
    SLK_TRY(check(gnutls_x509_crt_set_activation_time(p->crt, now - CLOCK_SKEW_SECONDS), "time",
                  error));
    SLK_TRY(check(gnutls_x509_crt_set_expiration_time(p->crt, now + VALID_SECONDS), "time", error));
    SLK_TRY(check(gnutls_x509_crt_set_dn(p->crt, "CN=selkie", NULL), "subject", error));
    static const char *const always[] = {"localhost", "127.0.0.1", "::1"};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        SLK_TRY(add_name(p->crt, always[i], error));
    for (size_t i = 0; i < n_names; i++)
        SLK_TRY(add_name(p->crt, names[i], error));
    SLK_TRY(check(gnutls_x509_crt_set_basic_constraints(p->crt, 0, -1), "constraints", error));
    SLK_TRY(
        check(gnutls_x509_crt_set_key_usage(p->crt, GNUTLS_KEY_DIGITAL_SIGNATURE), "usage", error));
    SLK_TRY(check(gnutls_x509_crt_set_key_purpose_oid(p->crt, GNUTLS_KP_TLS_WWW_SERVER, 0),
                  "purpose", error));
    SLK_TRY(check(gnutls_x509_crt_set_key(p->crt, p->key), "key", error));
    return check(gnutls_x509_crt_sign2(p->crt, p->crt, p->key, GNUTLS_DIG_SHA256, 0), "signature",
                 error);
}

static slk_err write_pair(const pair *p, const char *crt_path, const char *key_path,
                          slk_error *error)
{
    gnutls_datum_t pem = {0};
    SLK_TRY(check(gnutls_x509_privkey_export2(p->key, GNUTLS_X509_FMT_PEM, &pem), "key", error));
    slk_err code = slk_file_write_atomic(key_path, pem.data, pem.size, 0600, error);
    gnutls_memset(pem.data, 0, pem.size);
    gnutls_free(pem.data);
    SLK_TRY(code);
    SLK_TRY(check(gnutls_x509_crt_export2(p->crt, GNUTLS_X509_FMT_PEM, &pem), "text", error));
    code = slk_file_write_atomic(crt_path, pem.data, pem.size, 0600, error);
    gnutls_free(pem.data);
    return code;
}

slk_err slk_net_make_certificate(const char *folder, const char *const *names, size_t n_names,
                                 slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *crt_path = slk_path_join(folder, SLK_CERTIFICATE_FILE);
    SLK_CLEANUP(slk_freep) char *key_path = slk_path_join(folder, SLK_CERTIFICATE_KEY_FILE);
    if (!crt_path || !key_path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    /* The certificate is written last, so a pair cut in half by a crash is made anew. */
    if (slk_file_exists(crt_path) && slk_file_exists(key_path))
        return SLK_OK;
    SLK_CLEANUP(pair_done) pair p = {0};
    SLK_TRY(fill(&p, names, n_names, error));
    return write_pair(&p, crt_path, key_path, error);
}

/* ---- reading ---- */

typedef struct certificates {
    gnutls_x509_crt_t chain[CHAIN_MAX];
    int n;
} certificates;

static void certificates_done(certificates *c)
{
    for (int i = 0; i < c->n; i++)
        gnutls_x509_crt_deinit(c->chain[i]);
}

static slk_err read_chain(certificates *ret, const char *path, slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf pem;
    slk_buf_init(&pem, PEM_MAX_BYTES);
    SLK_TRY(slk_file_read_all(&pem, path, error));
    unsigned n = CHAIN_MAX;
    const gnutls_datum_t text = {.data = pem.data, .size = (unsigned)pem.len};
    const int rc = pem.len == 0
                       ? GNUTLS_E_NO_CERTIFICATE_FOUND
                       : gnutls_x509_crt_list_import(ret->chain, &n, &text, GNUTLS_X509_FMT_PEM, 0);
    if (rc < 1)
        return slk_fail(error, SLK_E_INVAL, "%s holds no certificate in PEM form: %s", path,
                        gnutls_strerror(rc));
    ret->n = rc;
    return SLK_OK;
}

slk_err slk_net_certificate_pin(char ret_pin[SLK_CERTIFICATE_PIN_CHARS], const char *path,
                                slk_error *error)
{
    SLK_CLEANUP(certificates_done) certificates found = {0};
    SLK_TRY(read_chain(&found, path, error));
    uint8_t digest[32];
    size_t n = sizeof digest;
    const int rc = gnutls_x509_crt_get_key_id(found.chain[0], GNUTLS_KEYID_USE_SHA256, digest, &n);
    if (rc < 0 || n != sizeof digest)
        return slk_fail(error, SLK_E_INVAL, "the key of the certificate %s cannot be read", path);
    SLK_CLEANUP(slk_buf_done) slk_buf pin;
    slk_buf_init(&pin, SLK_CERTIFICATE_PIN_CHARS - 1);
    if (slk_buf_text(&pin, SLK_CERTIFICATE_PIN_PREFIX) != SLK_OK ||
        slk_base64_encode(&pin, digest, n) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    memcpy(ret_pin, slk_buf_str(&pin), pin.len + 1);
    return SLK_OK;
}

slk_err slk_net_certificate_read(slk_certificate_facts *ret_facts, const char *path,
                                 const char *host, slk_error *error)
{
    SLK_CLEANUP(certificates_done) certificates found = {0};
    SLK_TRY(read_chain(&found, path, error));
    const gnutls_x509_crt_t first = found.chain[0];
    *ret_facts = (slk_certificate_facts){
        .not_before_ms = (int64_t)gnutls_x509_crt_get_activation_time(first) * 1000,
        .not_after_ms = (int64_t)gnutls_x509_crt_get_expiration_time(first) * 1000,
        .self_signed = gnutls_x509_crt_check_issuer(first, first) != 0,
        .names_host = host && gnutls_x509_crt_check_hostname2(first, host, 0) != 0,
    };
    return SLK_OK;
}
