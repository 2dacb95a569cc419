/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "rpc/permission.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
    unsigned bit;
    const char *word;
} words[] = {
    {SLK_RPC_READ, "read"},   {SLK_RPC_WRITE, "write"},   {SLK_RPC_SIGN, "sign"},
    {SLK_RPC_ADMIN, "admin"}, {SLK_RPC_WORKER, "worker"}, {SLK_RPC_FETCH, "fetch"},
};
#define WORDS (sizeof words / sizeof *words)

unsigned slk_rpc_permission_of(const char *word)
{
    for (size_t i = 0; i < WORDS; i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].bit;
    return 0;
}

const char *slk_rpc_permission_word(unsigned permissions)
{
    for (size_t i = 0; i < WORDS; i++)
        if (permissions & words[i].bit)
            return words[i].word;
    return "";
}

unsigned slk_rpc_permissions_of_level(unsigned level)
{
    switch (level) {
    case SLK_RPC_READ:
    case SLK_RPC_WRITE:
    case SLK_RPC_SIGN:
    case SLK_RPC_ADMIN:
        return 2 * level - 1;
    default:
        return 0;
    }
}

unsigned slk_rpc_permissions_of_claims(const slk_jwt_claims *claims)
{
    unsigned permissions = 0;
    for (unsigned i = 0; i < claims->n_allow; i++)
        permissions |= slk_rpc_permission_of(claims->allow[i]);
    return permissions;
}

void slk_rpc_permissions_to_claims(slk_jwt_claims *claims, unsigned permissions)
{
    claims->n_allow = 0;
    for (size_t i = 0; i < WORDS; i++)
        if (permissions & words[i].bit)
            (void)snprintf(claims->allow[claims->n_allow++], sizeof claims->allow[0], "%s",
                           words[i].word);
}
