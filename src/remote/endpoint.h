/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the endpoints of both roles share. */
#ifndef SLK_REMOTE_ENDPOINT_H
#define SLK_REMOTE_ENDPOINT_H

#include "base/err.h"
#include "net/server.h"
#include "remote/wire.h"

#include <stdint.h>

/* Reads the request's JSON message; SLK_E_INVAL for a content type other than exactly
 * application/json (the reference takes no parameters either) or a bad message. */
SLK_MUST_CHECK slk_err slk_endpoint_read(void *ret_message, const slk_wire_type *type,
                                         const slk_http_exchange *exchange, slk_error *error);

/* Answers 200 with the message and a line feed, as Go ends one. */
SLK_MUST_CHECK slk_err slk_endpoint_reply(slk_http_exchange *exchange, const slk_wire_type *type,
                                          const void *message, slk_error *error);

/* The token that counts: body's (may be NULL), Authorization's, the query's; "" when none. */
const char *slk_endpoint_token(const slk_http_exchange *exchange, const char *in_body);

/* A key of a sector as it came: negative ones are SLK_E_INVAL. */
SLK_MUST_CHECK slk_err slk_endpoint_sector(uint64_t *ret_sp_id, uint64_t *ret_number, int64_t sp_id,
                                           int64_t number, slk_error *error);

/* Passes code on; a sector that is not there gets one message, whatever the reason. */
slk_err slk_endpoint_hide_sector(slk_err code, slk_error *error);

/* Logs a refusal that the operator should see: our own trouble, not the peer's mistakes. */
void slk_endpoint_log(const slk_http_exchange *exchange, slk_err code, const slk_error *error);

#endif
