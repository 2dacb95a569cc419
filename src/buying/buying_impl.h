/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Asking a service. */
#ifndef SLK_BUYING_BUYING_IMPL_H
#define SLK_BUYING_BUYING_IMPL_H

#include "base/buf.h"
#include "buying/buying.h"

#define ANSWER_MAX_BYTES ((size_t)8 << 20)

/* One question. */
typedef struct question {
    const char *method;
    const char *path; /* below /sealing/v1/ */
    const char *token; /* NULL none */
    const char *key; /* Idempotency-Key; NULL none */
    const json_t *body; /* NULL none */
} question;

/* The answer's object, 2xx. A refusal comes with the service's own sentence: 400 SLK_E_INVAL, 401 SLK_E_AUTH,
 * 402 SLK_E_LIMIT, 404 SLK_E_NOTFOUND, 409 SLK_E_CONFLICT, 429 and 5xx SLK_E_BUSY; what is no answer of a
 * service SLK_E_PROTO. */
SLK_MUST_CHECK slk_err slk_buying_ask(json_t **ret, const slk_buying *buying, const char *url,
                                      const question *q, slk_error *error);
/* The payload of a signed answer, by the key; SLK_E_PROTO when it is not signed by it. */
SLK_MUST_CHECK slk_err slk_buying_verify(json_t **ret_payload, const json_t *envelope,
                                         const uint8_t public32[32], slk_error *error);
/* Both, of a service that is known. */
SLK_MUST_CHECK slk_err slk_buying_ask_signed(json_t **ret_payload, const slk_buying *buying,
                                             const slk_buying_service *service, const question *q,
                                             slk_error *error);

/* A service's token in clear, appended to out, which the caller wipes. partner: the one for remote seal. */
SLK_MUST_CHECK slk_err slk_buying_token(slk_buf *out, const slk_buying *buying,
                                        const slk_buying_service *service, bool partner,
                                        slk_error *error);

#endif
