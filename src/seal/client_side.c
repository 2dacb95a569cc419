/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/client_side_impl.h"

void slk_side_done(slk_side *s)
{
    if (s->has_files)
        slk_seal_files_leave(s->seal, SLK_PIPELINE_CLIENT, s->task->sp_id, s->task->number);
    slk_seal_token_done(&s->token);
    slk_seal_places_done(&s->store);
    slk_seal_places_done(&s->scratch);
}

slk_err slk_side_read(slk_side *s, slk_error *error)
{
    slk_seal_token_done(&s->token);
    SLK_TRY(slk_client_row_read(&s->row, s->seal, s->task->sp_id, s->task->number, error));
    if (!s->row.has_provider)
        return SLK_OK;
    SLK_TRY(slk_seal_token_open(&s->token, s->seal, s->row.provider_token, error));
    s->to = (slk_seal_remote){s->row.provider_url, slk_buf_str(&s->token.text)};
    return SLK_OK;
}

slk_err slk_side_begin(slk_side *s, slk_task *task, slk_error *error)
{
    s->task = task;
    s->seal = task->seal;
    const slk_seal_options *o = slk_seal_get_options(s->seal);
    SLK_TRY(slk_seal_places_of(&s->store, o->storage_folder, task->sp_id, task->number, error));
    SLK_TRY(slk_seal_places_of(&s->scratch, o->scratch_folder, task->sp_id, task->number, error));
    s->paths = (slk_seal_paths){s->store.sealed, s->store.cache};
    SLK_TRY(slk_side_read(s, error));
    if (s->row.has_completion)
        return slk_seal_parse_cids(&s->comm, &s->row.completion, error);
    return SLK_OK;
}

slk_err slk_side_take_files(slk_side *s, slk_error *error)
{
    SLK_TRY(slk_seal_files_enter(s->seal, SLK_PIPELINE_CLIENT, s->task->sp_id, s->task->number,
                                 &s->task->job, error));
    s->has_files = true;
    return slk_task_check_ours(s->task, error);
}
