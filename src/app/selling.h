/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A node that sells sealed sectors: the key it signs with, the doors for customers, and the thread that
 * bills what was sealed and hands it over. */
#ifndef SLK_APP_SELLING_H
#define SLK_APP_SELLING_H

#include "app/repo.h"
#include "base/err.h"
#include "net/server.h"
#include "net/signing.h"
#include "seal/seal.h"
#include "shop/shop.h"

/* In the repository: the secret half of the key that signs (0600). Who has it can sign for the service;
 * without it new entries cannot follow the old ones under the same key. */
#define SLK_SIGNING_KEY_FILE "signing.key"

/* Of commands that list what several customers have. */
#define SLK_OPTION_CUSTOMER                                           \
    {                                                                 \
        .name = "customer", .type = SLK_OPTION_TEXT, .value = "NAME", \
        .help = "of this customer alone"                              \
    }

typedef struct slk_selling slk_selling;

/* The key, made when there is none; for commands that post to ledgers, too. */
SLK_MUST_CHECK slk_err slk_selling_key(slk_signing_key **ret_key, const slk_repo *repo,
                                       slk_error *error);

/* repo and seal are borrowed. */
SLK_MUST_CHECK slk_err slk_selling_new(slk_selling **ret_selling, const slk_repo *repo,
                                       slk_seal *seal, slk_error *error);
/* The doors' routes; returns their number. */
size_t slk_selling_routes(slk_http_route out[SLK_SHOP_ROUTES_MAX], slk_selling *selling);
/* Starts billing. */
SLK_MUST_CHECK slk_err slk_selling_start(slk_selling *selling, slk_error *error);
/* Ends it; before seal stops. NULL allowed. */
void slk_selling_stop(slk_selling *selling);
void slk_selling_free(slk_selling *selling); /* stopped, server gone; NULL allowed */

#endif
