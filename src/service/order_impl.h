/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rows of orders and of their sectors, for the files that change them. */
#ifndef SLK_SERVICE_ORDER_IMPL_H
#define SLK_SERVICE_ORDER_IMPL_H

#include "service/order.h"

/* An order without its counts, by id alone; SLK_E_NOTFOUND. */
SLK_MUST_CHECK slk_err slk_order_read(slk_order *ret_order, slk_db *db, const char *id,
                                      slk_error *error);
SLK_MUST_CHECK slk_err slk_order_count(slk_order *order, slk_db *db, slk_error *error);

typedef struct slk_sold {
    char order_id[SLK_UUID_CHARS];
    uint64_t position, sp_id, number;
    slk_sold_state state;
} slk_sold;

/* Moves one sector along an edge of order.h, guarded by the state it leaves, inside a transaction.
 * SLK_E_CONFLICT when it stands elsewhere by now. */
SLK_MUST_CHECK slk_err slk_sold_move(slk_db *db, const slk_sold *sold, slk_sold_state to,
                                     int64_t now_ms, slk_error *error);

/* After sectors moved: what is outstanding, and whether the order is completed. Inside the same
 * transaction. */
SLK_MUST_CHECK slk_err slk_order_settle(slk_db *db, const char *id, int64_t now_ms,
                                        slk_error *error);

/* false: no such name. */
bool slk_sold_state_parse(slk_sold_state *ret, const char *name);

#endif
