/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The doors of the service, /sealing/v1/: offers, quotes, orders, the account of a customer. JSON;
 * docs/service/openapi.yaml describes every path. Served by the node's own HTTP server.
 *
 * Who asks says so by `Authorization: Bearer TOKEN` (service/customer.h) and sees nothing of others:
 * what is another's is 404, as what does not exist. Wrong tokens are counted per address. Offers alone
 * are for everybody.
 *
 * What binds the service is signed: offers, quotes and orders come as
 *     {"payload": "<the JSON as text>", "key": "<public key, hex>", "signature": "<hex>"}
 * where the signature is Ed25519 over the bytes of payload.
 *
 * Failures are {"error":{"code","message"}}; 402 when the account does not suffice. */
#ifndef SLK_SHOP_SHOP_H
#define SLK_SHOP_SHOP_H

#include "base/err.h"
#include "net/server.h"
#include "net/signing.h"
#include "seal/seal.h"
#include "service/offer.h"

#include <stddef.h>
#include <stdint.h>

#define SLK_SHOP_ROUTES_MAX 24u

typedef struct slk_shop slk_shop;

typedef struct slk_shop_options {
    slk_seal *seal; /* borrowed, as all below */
    const slk_signing_key *key; /* noted in the database (service/keys.h) by _new */
    /* How long so many sectors of that proof would take from now, by the queue. */
    slk_err (*eta)(void *context, int64_t *ret_ms, const slk_order_wish *wish, slk_error *error);
    /* The base URL customers' nodes reach this one at; heap, the caller frees. */
    slk_err (*own_url)(void *context, char **ret_url, slk_error *error);
    void *context;
} slk_shop_options;

SLK_MUST_CHECK slk_err slk_shop_new(slk_shop **ret_shop, const slk_shop_options *options,
                                    slk_error *error);
void slk_shop_free(slk_shop *shop); /* server gone; NULL allowed */

/* The routes with their context, for slk_http_server_options; returns their number. */
size_t slk_shop_routes(slk_http_route out[SLK_SHOP_ROUTES_MAX], slk_shop *shop);

#endif
