/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of the shop share. */
#ifndef SLK_SHOP_SHOP_IMPL_H
#define SLK_SHOP_SHOP_IMPL_H

#include "service/customer.h"
#include "shop/shop.h"

#include <jansson.h>

#define ANSWER_MAX_BYTES ((size_t)8 << 20)
#define LIST_MOST UINT64_C(1000)

typedef struct shop_request {
    slk_shop *shop;
    slk_http_exchange *exchange;
    slk_db *db;
    slk_customer customer; /* who asks; id 0 where the door asks for nobody */
    const json_t *body; /* the object of POST; NULL for the others */
    int64_t now_ms;
} shop_request;

/* Answers by shop_reply or shop_reply_signed. */
typedef slk_err shop_handler(shop_request *request, slk_error *error);

typedef struct shop_door {
    const char *method, *path;
    shop_handler *handler;
    bool anybody; /* no token is asked for */
    size_t max_body_bytes; /* 0: SLK_HTTP_JSON_MAX_BYTES */
} shop_door;

typedef struct shop_served {
    slk_shop *shop;
    const shop_door *door;
} shop_served;

struct slk_shop {
    slk_shop_options options;
    shop_served served[SLK_SHOP_ROUTES_MAX];
};

/* The doors, each table ending in an empty row. */
extern const shop_door slk_shop_offer_doors[];
extern const shop_door slk_shop_order_doors[];
extern const shop_door slk_shop_account_doors[];
extern const shop_door slk_shop_invoice_doors[];

/* Nothing of the service is for caches; before any reply. */
SLK_MUST_CHECK slk_err slk_shop_reply_headers(slk_http_exchange *exchange);
/* value is given away; NULL is out of memory. */
SLK_MUST_CHECK slk_err slk_shop_reply(shop_request *request, int status, json_t *value,
                                      slk_error *error);
SLK_MUST_CHECK slk_err slk_shop_reply_signed(shop_request *request, int status, json_t *value,
                                             slk_error *error);

/* ---- reading; an error names the field ---- */
/* ?name=; absent: fallback. SLK_E_INVAL when it is no whole number up to most. */
SLK_MUST_CHECK slk_err slk_shop_query(uint64_t *ret, const shop_request *request, const char *name,
                                      uint64_t most, uint64_t fallback, slk_error *error);
/* A member of the body that may be absent. */
SLK_MUST_CHECK slk_err slk_shop_bool(bool *ret, const shop_request *request, const char *field,
                                     slk_error *error);

#endif
