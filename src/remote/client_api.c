/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/client_api.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/cid.h"
#include "fil/address.h"
#include "fil/commcid.h"
#include "remote/endpoint.h"
#include "net/limiter.h"
#include "remote/wire.h"
#include "seal/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct slk_remote_client {
    slk_seal *seal;
    slk_limiter *tickets;
    slk_limiter *nonces;
};

slk_err slk_remote_client_new(slk_remote_client **ret_client, slk_seal *seal, slk_error *error)
{
    slk_remote_client *client = slk_calloc(1, sizeof *client);
    if (!client)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for the client's endpoints");
    client->seal = seal;
    slk_err code = slk_limiter_new(&client->tickets, SLK_REMOTE_TICKET_BURST,
                                   SLK_REMOTE_TICKET_INTERVAL_MS, error);
    if (code == SLK_OK)
        code = slk_limiter_new(&client->nonces, SLK_REMOTE_TICKET_BURST,
                               SLK_REMOTE_TICKET_INTERVAL_MS, error);
    if (code != SLK_OK) {
        slk_remote_client_free(client);
        return code;
    }
    *ret_client = client;
    return SLK_OK;
}

void slk_remote_client_free(slk_remote_client *client)
{
    if (!client)
        return;
    slk_limiter_free(client->tickets);
    slk_limiter_free(client->nonces);
    slk_free(client);
}

/* The parts a provider states, checked for form only. */
static slk_err read_completion(slk_seal_completion *ret, const slk_wire_complete *message,
                               slk_error *error)
{
    slk_cid cid;
    uint8_t commitment[32];
    SLK_TRY(slk_cid_parse(&cid, message->tree_d_cid, error));
    SLK_TRY(slk_comm_d_from_cid(commitment, &cid, error));
    SLK_TRY(slk_cid_parse(&cid, message->tree_r_cid, error));
    SLK_TRY(slk_comm_r_from_cid(commitment, &cid, error));
    if (message->ticket_value.n != sizeof ret->ticket)
        return slk_fail(error, SLK_E_INVAL, "ticket_value must be 32 bytes");
    (void)snprintf(ret->tree_d_cid, sizeof ret->tree_d_cid, "%s", message->tree_d_cid);
    (void)snprintf(ret->tree_r_cid, sizeof ret->tree_r_cid, "%s", message->tree_r_cid);
    ret->ticket_epoch = message->ticket_epoch;
    memcpy(ret->ticket, message->ticket_value.data, sizeof ret->ticket);
    return SLK_OK;
}

static slk_err post_complete(void *context, slk_http_exchange *exchange, slk_error *error)
{
    slk_remote_client *client = context;
    slk_wire_complete message;
    SLK_TRY(slk_endpoint_read(&message, &slk_wire_type_complete, exchange, error));
    const char *token = slk_endpoint_token(exchange, message.partner_token);
    if (slk_client_authorize(client->seal, token, error) == SLK_E_AUTH)
        return *token ? slk_http_guessed(exchange, error)
                      : slk_fail(error, SLK_E_AUTH, "unauthorized");
    uint64_t sp_id, number;
    SLK_TRY(slk_endpoint_sector(&sp_id, &number, message.sp_id, message.sector_number, error));
    slk_seal_completion completion;
    SLK_TRY(read_completion(&completion, &message, error));
    SLK_TRY(slk_endpoint_hide_sector(
        slk_client_complete(client->seal, token, sp_id, number, &completion, error), error));
    slk_log(SLK_LOG_INFO, "complete.received", "sector=f0%" PRIu64 "/%" PRIu64, sp_id, number);
    return slk_http_reply_empty(exchange, 200);
}

static slk_err read_miner(uint64_t *ret_id, const slk_http_exchange *exchange, slk_error *error)
{
    const char *text = slk_http_query(exchange, "maddr");
    slk_address address = {0};
    if (!text || slk_address_parse(&address, text, NULL) != SLK_OK ||
        !slk_address_id(ret_id, &address))
        return slk_fail(error, SLK_E_INVAL, "maddr must be a miner's id address such as f01000");
    return SLK_OK;
}

static slk_err brake(slk_limiter *limiter, slk_http_exchange *exchange, slk_error *error)
{
    const char *owner = slk_http_peer_owner(exchange);
    const int64_t now = slk_clock_monotonic_ms();
    if (slk_limiter_take(limiter, owner, now))
        return SLK_OK;
    return slk_http_slow_down(exchange, slk_limiter_wait(limiter, owner, now), error);
}

static slk_err get_ticket(void *context, slk_http_exchange *exchange, slk_error *error)
{
    slk_remote_client *client = context;
    uint64_t sp_id;
    SLK_TRY(read_miner(&sp_id, exchange, error));
    SLK_TRY(brake(client->tickets, exchange, error));
    slk_wire_ticket answer = {.ticket = {.n = 32}};
    const slk_err code =
        slk_client_ticket(answer.ticket.data, &answer.epoch, client->seal, sp_id, error);
    if (code != SLK_OK && code != SLK_E_NOTFOUND && code != SLK_E_INVAL) {
        slk_endpoint_log(exchange, code, error);
        return slk_http_reply_text(exchange, 503, "no ticket now: the chain does not answer");
    }
    SLK_TRY(code);
    return slk_endpoint_reply(exchange, &slk_wire_type_ticket, &answer, error);
}

/* No token: whoever has the nonce was given it by us. */
static slk_err post_called_back(void *context, slk_http_exchange *exchange, slk_error *error)
{
    slk_remote_client *client = context;
    slk_wire_nonce message;
    SLK_TRY(slk_endpoint_read(&message, &slk_wire_type_nonce, exchange, error));
    SLK_TRY(brake(client->nonces, exchange, error));
    SLK_TRY(slk_client_nonce_take(client->seal, message.nonce, error));
    slk_log(SLK_LOG_INFO, "provider.called_back", "peer=%s", slk_http_peer(exchange));
    const slk_wire_nonce_known answer = {.known = true};
    return slk_endpoint_reply(exchange, &slk_wire_type_nonce_known, &answer, error);
}

void slk_remote_client_routes(slk_http_route out[SLK_REMOTE_CLIENT_ROUTES],
                              slk_remote_client *client)
{
    out[0] = (slk_http_route){
        .method = "POST",
        .path = SLK_WIRE_PATH "complete",
        .handler = post_complete,
        .context = client,
        .plain_errors = true,
    };
    out[1] = (slk_http_route){
        .method = "GET",
        .path = SLK_WIRE_PATH "ticket",
        .handler = get_ticket,
        .context = client,
        .plain_errors = true,
    };
    out[2] = (slk_http_route){
        .method = "POST",
        .path = SLK_WIRE_PATH "called-back",
        .handler = post_called_back,
        .context = client,
        .plain_errors = true,
    };
}
