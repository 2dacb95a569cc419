/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/fault.h"

void slk_fault_init(slk_fault *fault)
{
    *fault = (slk_fault){0};
}

void slk_fault_set(slk_fault *fault, const slk_error *error)
{
    if (atomic_exchange(&fault->claimed, true))
        return;
    fault->error = *error;
    atomic_store(&fault->set, true);
}

bool slk_fault_any(slk_fault *fault)
{
    return atomic_load_explicit(&fault->claimed, memory_order_relaxed);
}

slk_err slk_fault_result(slk_fault *fault, slk_error *error)
{
    if (!atomic_load(&fault->set))
        return SLK_OK;
    slk_assert(fault->error.code != SLK_OK);
    if (error)
        *error = fault->error;
    return fault->error.code;
}
