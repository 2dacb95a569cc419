/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Partners: who may order from this provider, by which token, and on which terms.
 *
 * A partner's terms are what admission (provider.h) holds every order against. They bind new orders
 * only: sectors that were accepted are sealed, served and cleaned up whatever the terms become. */
#ifndef SLK_SEAL_PARTNER_H
#define SLK_SEAL_PARTNER_H

#include "base/err.h"
#include "seal/seal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLK_TOKEN_CHARS 65u /* 64 hex and NUL */
#define SLK_PARTNER_MINERS_MAX 256u
#define SLK_PARTNER_WEIGHT_MAX 1000

typedef struct slk_partner {
    int64_t id;
    char name[128];
    int64_t allowance_remaining;
    int64_t allowance_total;
} slk_partner;

/* One miner the partner may order for. */
typedef struct slk_partner_miner {
    uint64_t sp_id;
    int64_t max_sectors; /* of it, not cleaned up, at once; 0: what the allowance lets */
} slk_partner_miner;

typedef struct slk_partner_terms {
    const char *url; /* at most 500 chars; "" or NULL when the client cannot be called */
    int64_t allowance_remaining; /* it may still order, 0..10^9 */
    int64_t allowance_total; /* not cleaned up at once, 0..10^9 */
    const int64_t *proofs; /* registered seal proofs, of those we offer; none: all we offer */
    size_t proofs_n;
    const slk_partner_miner *miners; /* each once, at most SLK_PARTNER_MINERS_MAX; none: any */
    size_t miners_n;
    int64_t weight; /* its share of the machine beside other waiting partners, 1..1000; 0: 1 */
    int64_t expires_ms; /* no orders from this time on; 0: never */
} slk_partner_terms;

/* Which of the terms slk_partner_set changes. */
#define SLK_TERM_URL 1u
#define SLK_TERM_ALLOWANCE 2u /* both numbers */
#define SLK_TERM_PROOFS 4u
#define SLK_TERM_MINERS 8u
#define SLK_TERM_WEIGHT 16u
#define SLK_TERM_EXPIRY 32u

/* name 1..127 chars, unique (SLK_E_EXISTS). SLK_E_INVAL names the term that is wrong. The token is
 * shown here and never again. */
SLK_MUST_CHECK slk_err slk_partner_add(int64_t *ret_id, char ret_token[SLK_TOKEN_CHARS],
                                       slk_seal *seal, const char *name,
                                       const slk_partner_terms *terms, slk_error *error);
/* Whether slk_partner_add or _set would take the terms; for a dry run. */
SLK_MUST_CHECK slk_err slk_partner_check(const slk_seal *seal, const slk_partner_terms *terms,
                                         slk_error *error);
/* Changes the terms named by `what`, all or none. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_partner_set(slk_seal *seal, int64_t id, unsigned what,
                                       const slk_partner_terms *terms, slk_error *error);
/* SLK_E_CONFLICT while it has sectors that are not cleaned up. */
SLK_MUST_CHECK slk_err slk_partner_remove(slk_seal *seal, int64_t id, slk_error *error);
/* A new token; the old one stays valid for overlap_ms. */
SLK_MUST_CHECK slk_err slk_partner_rotate(char ret_token[SLK_TOKEN_CHARS], slk_seal *seal,
                                          int64_t id, int64_t overlap_ms, slk_error *error);
SLK_MUST_CHECK slk_err slk_partner_find(int64_t *ret_id, slk_seal *seal, const char *name,
                                        slk_error *error);

#define SLK_PARTNER_URL_CHARS 512u
/* Where the partner is called; "" nowhere. SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_partner_url(char ret_url[SLK_PARTNER_URL_CHARS], slk_seal *seal,
                                       int64_t id, slk_error *error);

/* Whose token it is; any text may come in. SLK_E_AUTH when no partner has it. */
SLK_MUST_CHECK slk_err slk_provider_authorize(slk_partner *ret_partner, slk_seal *seal,
                                              const char *token, slk_error *error);

#endif
