/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Can a provider be used? Name, TCP, TLS, protocol, token, and the way back to us, one after the other,
 * each with what to do when it fails. Nothing is ordered and nothing is changed by it. A provider that
 * can be asked to comes back to the address it has of us, with a nonce that the node which runs there
 * notes; of any other only our own address is looked at. */
#ifndef SLK_APP_PROVIDER_CHECK_H
#define SLK_APP_PROVIDER_CHECK_H

#include "app/service.h"
#include "remote/connect.h"

#define SLK_PROVIDER_CHECKS 6u

typedef enum slk_check_mark {
    SLK_CHECK_GOOD,
    SLK_CHECK_DOUBTFUL, /* works, but somebody should look */
    SLK_CHECK_BAD,
    SLK_CHECK_SKIPPED, /* something before it is bad */
} slk_check_mark;

typedef struct slk_provider_check_row {
    const char *what; /* "dns", "tcp", "tls", "protocol", "token", "callback" */
    slk_check_mark mark;
    char found[256]; /* a sentence: what was found or why it failed; no secrets */
    const char *next; /* what to do; "" nothing */
} slk_provider_check_row;

typedef struct slk_provider_check {
    slk_provider_check_row rows[SLK_PROVIDER_CHECKS];
    bool good; /* no row is bad */
    char partner_name[SLK_SEAL_REASON_CHARS]; /* what the provider calls us */
    int64_t allowance_remaining;
} slk_provider_check;

/* Takes at most half a minute. SLK_OK whatever was found. */
SLK_MUST_CHECK slk_err slk_provider_check_run(slk_provider_check *ret, slk_node *node,
                                              const char *url, const char *token, slk_error *error);
/* SLK_OK when good, else the first bad row as a failure: SLK_E_AUTH for the token, SLK_E_PROTO,
 * SLK_E_UNREACHABLE. */
SLK_MUST_CHECK slk_err slk_provider_check_failure(const slk_provider_check *check,
                                                  slk_error *error);
/* A table with a mark per row. */
void slk_provider_check_print(const slk_provider_check *check);
/* [{"check","mark":"good|doubtful|bad|skipped","found","next"}]; NULL when out of memory. */
json_t *slk_provider_check_json(const slk_provider_check *check) SLK_MUST_CHECK;

#endif
