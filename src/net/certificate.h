/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Self-signed certificates for the first run and for tests (the other side trusts the file itself),
 * and what a certificate of anybody says. */
#ifndef SLK_NET_CERTIFICATE_H
#define SLK_NET_CERTIFICATE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_CERTIFICATE_FILE "tls.crt"
#define SLK_CERTIFICATE_KEY_FILE "tls.key"

/* Makes folder/tls.crt and folder/tls.key (0600, PEM): ECDSA P-256, valid 10 years, for the names
 * (DNS names or IP addresses as text) and always localhost, 127.0.0.1 and ::1. A pair that is
 * there is kept as it is. The folder must exist. */
SLK_MUST_CHECK slk_err slk_net_make_certificate(const char *folder, const char *const *names,
                                                size_t n_names, slk_error *error);

#define SLK_CERTIFICATE_PIN_CHARS 64u
#define SLK_CERTIFICATE_PIN_PREFIX "sha256//"

/* What names the key of the first certificate of a PEM file, whatever else changes in it: the prefix
 * and its SHA-256 (of its SubjectPublicKeyInfo) in base64. SLK_E_INVAL when there is none in it. */
SLK_MUST_CHECK slk_err slk_net_certificate_pin(char ret_pin[SLK_CERTIFICATE_PIN_CHARS],
                                               const char *path, slk_error *error);

/* What a certificate says; times are the wall clock's. */
typedef struct slk_certificate_facts {
    int64_t not_before_ms;
    int64_t not_after_ms;
    bool self_signed;
    bool names_host; /* it is good for the host that was asked about */
} slk_certificate_facts;

/* Reads the first certificate of a PEM file. host: DNS name or address as text, NULL none.
 * SLK_E_INVAL when there is no certificate in it. */
SLK_MUST_CHECK slk_err slk_net_certificate_read(slk_certificate_facts *ret_facts, const char *path,
                                                const char *host, slk_error *error);

#endif
