/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Results of calls: [CallID, value, CallError], or [CallID, CallError] where there is no value. */
#include "base/file.h"
#include "base/mem.h"
#include "farm/api_impl.h"
#include "farm/calls.h"

static slk_err read_ends(slk_lotus_call_id *ret_id, slk_lotus_fault *ret_fault,
                         const slk_rpc_call *call, slk_error *error)
{
    const size_t last = json_array_size(call->params) - 1;
    if (slk_lotus_call_id_read(ret_id, json_array_get(call->params, 0), "CallID", error) != SLK_OK)
        return slk_rpc_bad_param_error(call, 0, error);
    if (slk_lotus_fault_read(ret_fault, json_array_get(call->params, last), "CallError", error) !=
        SLK_OK)
        return slk_rpc_bad_param_error(call, last, error);
    return SLK_OK;
}

slk_err slk_farm_api_return(void *context, const slk_rpc_call *call, json_t **ret_result,
                            slk_error *error)
{
    (void)ret_result;
    const slk_farm_api *api = context;
    slk_lotus_call_id id;
    slk_farm_outcome outcome = {0};
    if (json_array_size(call->params) > 2)
        outcome.result = json_array_get(call->params, 1); /* borrowed */
    SLK_TRY(read_ends(&id, &outcome.fault, call, error));
    return slk_farm_returned(api->options.farm, &id, &outcome, error);
}

/* The bytes of a C1 go to a file straight from the request. */
slk_err slk_farm_api_return_file(void *context, const slk_rpc_call *call, json_t **ret_result,
                                 slk_error *error)
{
    (void)ret_result;
    const slk_farm_api *api = context;
    slk_lotus_call_id id;
    slk_farm_outcome outcome = {0};
    bool wanted = false;
    SLK_TRY(read_ends(&id, &outcome.fault, call, error));
    SLK_TRY(slk_farm_wants(&wanted, api->options.farm, &id, error));
    const json_t *value = json_array_get(call->params, 1);
    if (wanted && !outcome.fault.failed && !json_is_null(value)) {
        SLK_CLEANUP(slk_freep) char *path = slk_farm_result_file(api->options.farm, &id);
        if (!path)
            return slk_fail(error, SLK_E_NOMEM, "out of memory for a path");
        SLK_TRY(slk_rpc_bytes_to_file(call, value, path, error));
        outcome.result_file = true;
    }
    return slk_farm_returned(api->options.farm, &id, &outcome, error);
}
