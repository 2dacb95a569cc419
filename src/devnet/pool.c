/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages waiting and messages executed, in one list in order of arrival. */
#include "devnet/devnet_impl.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static bool pending(const slk_dev_message *message)
{
    return message->included < 0 && !message->dropped;
}

uint64_t slk_dev_pool_next_nonce(const slk_devnet *devnet, const slk_dev_actor *sender)
{
    uint64_t nonce = slk_dev_funds_latest(sender).nonce;
    for (size_t i = devnet->first_pending; i < devnet->n_messages; i++) {
        const slk_dev_message *m = &devnet->messages[i];
        if (pending(m) && slk_dev_actor_find(devnet, &m->signed_message.message.from) == sender &&
            m->signed_message.message.nonce >= nonce)
            nonce = m->signed_message.message.nonce + 1;
    }
    return nonce;
}

slk_dev_message *slk_dev_message_by_cid(const slk_devnet *devnet, const slk_cid *cid)
{
    for (size_t i = devnet->n_messages; i > 0; i--)
        if (slk_cid_equal(&devnet->messages[i - 1].cid, cid))
            return &devnet->messages[i - 1];
    return NULL;
}

slk_dev_message *slk_dev_message_by_uuid(const slk_devnet *devnet, const char *uuid)
{
    for (size_t i = devnet->n_messages; i > 0; i--)
        if (strcmp(devnet->messages[i - 1].uuid, uuid) == 0)
            return &devnet->messages[i - 1];
    return NULL;
}

static slk_err log_push(slk_devnet *devnet, const slk_signed_message *message, const char *uuid,
                        slk_error *error)
{
    SLK_CLEANUP(slk_buf_done) slk_buf cbor;
    SLK_CLEANUP(slk_buf_done) slk_buf record;
    slk_buf_init(&cbor, SLK_MESSAGE_PARAMS_MAX + 4096);
    slk_buf_init(&record, SLK_MESSAGE_PARAMS_MAX + 8192);
    SLK_TRY(slk_signed_message_to_cbor(&cbor, message));
    SLK_TRY(slk_cbor_put_array(&record, 3));
    SLK_TRY(slk_cbor_put_uint(&record, DEV_RECORD_PUSH));
    SLK_TRY(slk_cbor_put_bytes(&record, cbor.data, cbor.len));
    SLK_TRY(slk_cbor_put_bytes(&record, (const uint8_t *)uuid, strlen(uuid)));
    return slk_dev_store_append(devnet, &record, true, error);
}

slk_err slk_dev_pool_add(slk_devnet *devnet, slk_dev_message **ret_message,
                         slk_signed_message *message, const char *uuid, slk_error *error)
{
    slk_dev_message added = {.included = -1};
    if (DEV_GROW(devnet->messages, devnet->n_messages, devnet->messages_capacity) != SLK_OK ||
        slk_signed_message_cid(&added.cid, message) != SLK_OK)
        return slk_fail(error, SLK_E_NOMEM, "out of memory for a message");
    SLK_TRY(log_push(devnet, message, uuid, error));
    const slk_dev_actor *sender = slk_dev_actor_find(devnet, &message->message.from);
    for (size_t i = devnet->first_pending; i < devnet->n_messages; i++) {
        slk_dev_message *m = &devnet->messages[i];
        /* A fee replacement takes the place of the one waiting. */
        if (pending(m) && m->signed_message.message.nonce == message->message.nonce &&
            slk_dev_actor_find(devnet, &m->signed_message.message.from) == sender)
            m->dropped = true;
    }
    snprintf(added.uuid, sizeof added.uuid, "%s", uuid);
    added.signed_message = *message;
    *message = (slk_signed_message){0};
    devnet->messages[devnet->n_messages++] = added;
    *ret_message = &devnet->messages[devnet->n_messages - 1];
    return SLK_OK;
}

slk_dev_message *slk_dev_pool_next(slk_devnet *devnet)
{
    while (devnet->first_pending < devnet->n_messages &&
           !pending(&devnet->messages[devnet->first_pending]))
        devnet->first_pending++;
    for (size_t i = devnet->first_pending; i < devnet->n_messages; i++) {
        slk_dev_message *m = &devnet->messages[i];
        if (pending(m) && slk_dev_includable(devnet, &m->signed_message.message))
            return m;
    }
    return NULL;
}

bool slk_dev_pool_empty(slk_devnet *devnet)
{
    for (size_t i = devnet->first_pending; i < devnet->n_messages; i++)
        if (pending(&devnet->messages[i]))
            return false;
    return true;
}

void slk_dev_messages_done(slk_devnet *devnet)
{
    for (size_t i = 0; i < devnet->n_messages; i++) {
        slk_signed_message_done(&devnet->messages[i].signed_message);
        slk_free(devnet->messages[i].returned);
    }
    slk_free(devnet->messages);
    devnet->messages = NULL;
    devnet->n_messages = 0;
}
