/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a node's error means. Codes say little (every wrapped error is 1), so the text is read too.
 * source: reference/chain 3.1, 1.8 */
#include "chain/chain_impl.h"

#include "base/bytes.h"
#include "base/num.h"

#include <stdio.h>
#include <string.h>

/* source: filecoin-project/lotus api/api_errors.go */
enum {
    RPC_OUT_OF_GAS = 2,
    RPC_REVERTED = 3,
    RPC_ACTOR_NOT_FOUND = 11,
    RPC_NULL_ROUND = 12,
    RPC_STATE_UNAVAILABLE = -32002,
    RPC_LIMIT = -32005,
    RPC_NO_METHOD = -32601,
};

/* The number in "exit=[Name(16)" or "exit=[1000]"; -1 without one. */
static int64_t exit_code_in(const char *text)
{
    const char *at = strstr(text, "exit=[");
    if (at == NULL)
        return -1;
    at += strlen("exit=[");
    size_t name = strcspn(at, "(]");
    if (at[name] == '(')
        at += name + 1;
    char digits[12];
    size_t n = strspn(at, "0123456789");
    int64_t code;
    if (n == 0 || n >= sizeof digits)
        return -1;
    memcpy(digits, at, n);
    digits[n] = 0;
    return slk_parse_i64(&code, digits) == SLK_OK ? code : -1;
}

static void read_text(slk_chain_fault *fault, const char *text)
{
    fault->exit_code = exit_code_in(text);
    fault->out_of_gas =
        fault->rpc_code == RPC_OUT_OF_GAS || strstr(text, "call ran out of gas") != NULL;
    fault->from_future = strstr(text, "randomness from the future") != NULL ||
                         strstr(text, "height greater than start point") != NULL;
    fault->message_unknown = strstr(text, "failed to load message") != NULL;
    fault->replaced_by_other = strstr(text, "NOT a valid replacement message") != NULL;
    fault->nonce_too_low = strstr(text, "nonce too low") != NULL;
    fault->already_pending = strstr(text, "with nonce already exists") != NULL;
    fault->not_enough_funds = strstr(text, "not enough funds") != NULL;
}

static slk_err code_of(const slk_chain_fault *fault, const char *text)
{
    if (strstr(text, "missing permission") != NULL)
        return SLK_E_AUTH;
    if (fault->from_future || fault->rpc_code == RPC_LIMIT)
        return SLK_E_BUSY;
    if (fault->rpc_code == RPC_STATE_UNAVAILABLE)
        return SLK_E_BUSY;
    if (fault->rpc_code == RPC_NO_METHOD)
        return SLK_E_UNREACHABLE; /* a node of another kind or age: as good as none */
    if (fault->replaced_by_other)
        return SLK_E_CONFLICT;
    if (fault->message_unknown || fault->rpc_code == RPC_ACTOR_NOT_FOUND ||
        fault->rpc_code == RPC_NULL_ROUND || strstr(text, "actor not found") != NULL)
        return SLK_E_NOTFOUND;
    return SLK_E_INVAL;
}

slk_err slk_chain_read_error(slk_chain_fault *fault, const json_t *rpc_error, const char *method,
                             slk_error *error)
{
    *fault = (slk_chain_fault){.exit_code = -1};
    const char *text = "";
    slk_error ignored;
    if (slk_json_i64(&fault->rpc_code, rpc_error, "code", &ignored) != SLK_OK ||
        slk_json_string(&text, rpc_error, "message", &ignored) != SLK_OK)
        return slk_fail(error, SLK_E_PROTO, "%s: the node's error has no code or message", method);
    read_text(fault, text);
    char shown[300];
    (void)snprintf(shown, sizeof shown, "%s", text);
    slk_text_quotable(shown);
    return slk_fail(error, code_of(fault, text), "%s: %s (code %lld)", method, shown,
                    (long long)fault->rpc_code);
}
