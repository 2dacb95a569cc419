/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Self-signed certificates for the first run and for tests: the other side trusts the file itself.
 */
#ifndef SLK_NET_CERTIFICATE_H
#define SLK_NET_CERTIFICATE_H

#include "base/err.h"

#include <stddef.h>

#define SLK_CERTIFICATE_FILE "tls.crt"
#define SLK_CERTIFICATE_KEY_FILE "tls.key"

/* Makes folder/tls.crt and folder/tls.key (0600, PEM): ECDSA P-256, valid 10 years, for the names
 * (DNS names or IP addresses as text) and always localhost, 127.0.0.1 and ::1. A pair that is
 * there is kept as it is. The folder must exist. */
SLK_MUST_CHECK slk_err slk_net_make_certificate(const char *folder, const char *const *names,
                                                size_t n_names, slk_error *error);

#endif
