/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is asked of a provider beside its sectors: who we are to it, what it can, whether it reaches us. */
#include "remote/peer.h"

#include "base/mem.h"
#include "remote/peer_impl.h"

#include <stdio.h>
#include <string.h>

slk_err slk_remote_peer_authorize(slk_remote_peer *peer, bool *ret_authorized, char *name,
                                  int64_t *ret_allowance, const slk_seal_remote *to,
                                  slk_error *error)
{
    slk_wire_token_request request = {0};
    (void)snprintf(request.partner_token, sizeof request.partner_token, "%s", to->token);
    slk_wire_authorized answer;
    const struct slk_peer_exchange exchange = {
        .name = "authorize",
        .request_type = &slk_wire_type_token_request,
        .request = &request,
        .answer_type = &slk_wire_type_authorized,
        .answer = &answer,
        .timeout_ms = SLK_PEER_QUICK_MS,
    };
    SLK_TRY(slk_peer_call(peer, to->url, to->token, &exchange, error));
    *ret_authorized = answer.authorized;
    *ret_allowance = answer.allowance_remaining;
    slk_peer_copy_printable(name, SLK_SEAL_REASON_CHARS, answer.partner_name);
    return SLK_OK;
}

slk_err slk_peer_capabilities(slk_remote_peer *peer, slk_wire_capabilities *ret, const char *url,
                              slk_error *error)
{
    const struct slk_peer_exchange exchange = {
        .name = "capabilities",
        .answer_type = &slk_wire_type_capabilities,
        .answer = ret,
        .timeout_ms = SLK_PEER_QUICK_MS,
    };
    return slk_peer_call(peer, url, NULL, &exchange, error);
}

slk_err slk_remote_peer_capabilities(slk_remote_peer *peer, int64_t *ret_proofs, size_t *ret_n,
                                     size_t max, const char *url, slk_error *error)
{
    slk_wire_capabilities answer;
    SLK_TRY(slk_peer_capabilities(peer, &answer, url, error));
    size_t n = answer.supported_proofs.n < max ? answer.supported_proofs.n : max;
    memcpy(ret_proofs, answer.supported_proofs.value, n * sizeof *ret_proofs);
    *ret_n = n;
    return SLK_OK;
}

slk_err slk_remote_peer_supports(slk_remote_peer *peer, bool *ret_supported, const char *url,
                                 int64_t seal_proof, slk_error *error)
{
    int64_t proofs[SLK_WIRE_PROOFS_MAX];
    size_t n;
    SLK_TRY(slk_remote_peer_capabilities(peer, proofs, &n, SLK_WIRE_PROOFS_MAX, url, error));
    *ret_supported = false;
    for (size_t i = 0; i < n; i++)
        *ret_supported = *ret_supported || proofs[i] == seal_proof;
    return SLK_OK;
}

/* ---- the way back ---- */

static void copy_called(slk_remote_called *ret, const slk_wire_called *answer)
{
    ret->reached = answer->reached;
    slk_peer_copy_printable(ret->url, sizeof ret->url, answer->url);
    slk_peer_copy_printable(ret->step, sizeof ret->step, answer->step);
    slk_peer_copy_printable(ret->reason, sizeof ret->reason, answer->reason);
}

slk_err slk_remote_peer_call_back(slk_remote_peer *peer, bool *ret_tried,
                                  slk_remote_called *ret_called, const slk_seal_remote *to,
                                  const char *nonce, slk_error *error)
{
    slk_wire_capabilities can;
    SLK_TRY(slk_peer_capabilities(peer, &can, to->url, error));
    *ret_tried = can.supports_call_back;
    if (!can.supports_call_back)
        return SLK_OK;
    slk_wire_call_back request = {0};
    (void)snprintf(request.partner_token, sizeof request.partner_token, "%s", to->token);
    (void)snprintf(request.nonce, sizeof request.nonce, "%s", nonce);
    slk_wire_called answer;
    const struct slk_peer_exchange exchange = {
        .name = "call-back",
        .request_type = &slk_wire_type_call_back,
        .request = &request,
        .answer_type = &slk_wire_type_called,
        .answer = &answer,
    };
    SLK_TRY(slk_peer_call(peer, to->url, to->token, &exchange, error));
    copy_called(ret_called, &answer);
    return SLK_OK;
}

static void stuck(slk_remote_called *called, const char *step, const char *reason)
{
    (void)snprintf(called->step, sizeof called->step, "%s", step);
    (void)snprintf(called->reason, sizeof called->reason, "%s", reason);
}

void slk_remote_peer_bring_nonce(slk_remote_peer *peer, slk_remote_called *ret_called,
                                 const char *url, const char *nonce)
{
    *ret_called = (slk_remote_called){0};
    (void)snprintf(ret_called->url, sizeof ret_called->url, "%s", url);
    if (slk_peer_check_url(peer, url, NULL) != SLK_OK) {
        stuck(ret_called, "url", *url ? "that URL is not called" : "there is no URL to call");
        return;
    }
    slk_wire_nonce request = {0};
    (void)snprintf(request.nonce, sizeof request.nonce, "%s", nonce);
    slk_wire_nonce_known answer = {0};
    slk_http_failure failure = {0};
    const struct slk_peer_exchange exchange = {
        .name = "called-back",
        .request_type = &slk_wire_type_nonce,
        .request = &request,
        .answer_type = &slk_wire_type_nonce_known,
        .answer = &answer,
        .timeout_ms = SLK_PEER_QUICK_MS,
        .failure = &failure,
    };
    const slk_err code = slk_peer_call(peer, url, NULL, &exchange, NULL);
    ret_called->reached = code == SLK_OK && answer.known;
    if (failure.step)
        stuck(ret_called, failure.step, failure.what);
    else if (code == SLK_E_NOTFOUND)
        stuck(ret_called, "answer", "who answers there knows nothing of this test");
    else if (!ret_called->reached)
        stuck(ret_called, "answer", "who answers there does not speak our protocol");
}
