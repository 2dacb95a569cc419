/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Handlers of the API's parts, for its one table. Context: slk_farm_api. */
#ifndef SLK_FARM_API_IMPL_H
#define SLK_FARM_API_IMPL_H

#include "farm/api.h"
#include "net/limiter.h"

struct slk_farm_api {
    slk_farm_api_options options;
    slk_limiter *unknown; /* of AuthVerify about tokens that are nobody's, by address */
};

/* api.c */
/* Who calls. */
SLK_MUST_CHECK slk_err slk_farm_api_who(slk_farm_who *ret_who, const slk_farm_api *api,
                                        const slk_rpc_call *call, slk_error *error);

/* api_storage.c */
slk_rpc_handler slk_farm_api_attach, slk_farm_api_detach, slk_farm_api_report, slk_farm_api_declare,
    slk_farm_api_drop, slk_farm_api_find, slk_farm_api_best, slk_farm_api_info, slk_farm_api_list,
    slk_farm_api_locks, slk_farm_api_lock, slk_farm_api_try_lock, slk_farm_api_stat,
    slk_farm_api_local;

/* api_return.c */
slk_rpc_handler slk_farm_api_return, slk_farm_api_return_file;

#endif
