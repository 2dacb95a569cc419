/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The default transport: HTTP POST through net/. */
#include "chain/chain_impl.h"

#include "net/client.h"

static slk_err post(void *context, slk_buf *ret_body, int *ret_status, const char *url,
                    const char *token, const char *body, size_t body_bytes, int64_t timeout_ms,
                    slk_error *error)
{
    slk_http_response response = {0};
    const slk_http_request request = {
        .method = "POST",
        .url = url,
        .bearer = token[0] == 0 ? NULL : token,
        .body = body,
        .body_bytes = body_bytes,
        .content_type = "application/json",
        .total_timeout_ms = timeout_ms,
        .stall_timeout_ms = timeout_ms,
        .max_body_bytes = ret_body->max,
    };
    SLK_TRY(slk_http_call(context, &request, &response, error));
    slk_err code = slk_buf_append(ret_body, response.body.data, response.body.len);
    *ret_status = response.status;
    slk_http_response_done(&response);
    return code == SLK_OK ? SLK_OK : slk_fail(error, code, "no memory for a node's answer");
}

slk_err slk_chain_http_new(struct slk_http_client **ret_http, slk_chain_transport *ret_transport,
                           const slk_chain_options *options, slk_error *error)
{
    const slk_http_client_options http = {
        .allow_plain_http = true, .later = options->later, .later_context = options->later_context};
    SLK_TRY(slk_http_client_new(ret_http, &http, error));
    *ret_transport = (slk_chain_transport){.context = *ret_http, .post = post};
    return SLK_OK;
}

void slk_chain_http_free(struct slk_http_client *http)
{
    slk_http_client_free(http);
}
