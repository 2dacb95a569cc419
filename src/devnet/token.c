/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bearer tokens in the form of Lotus: JWT, HS256, {"Allow":[…]}, no expiry. */
#include "devnet/devnet_impl.h"

#include "base/mem.h"
#include "net/jwt.h"

#include <stdio.h>
#include <string.h>

const char *const slk_dev_permission_names[5] = {"none", "read", "write", "sign", "admin"};

void slk_dev_token_make(const slk_devnet *devnet, char *out, size_t n,
                        slk_dev_permission permission)
{
    slk_jwt_claims claims = {0};
    SLK_CLEANUP(slk_freep) char *token = NULL;
    for (int p = DEV_READ; p <= (int)permission; p++)
        (void)snprintf(claims.allow[claims.n_allow++], sizeof claims.allow[0], "%s",
                       slk_dev_permission_names[p]);
    const slk_err code = slk_jwt_make(&token, &claims, devnet->token_key, NULL);
    snprintf(out, n, "%s", code == SLK_OK ? token : "");
}

slk_dev_permission slk_dev_token_check(const slk_devnet *devnet, const char *token)
{
    slk_jwt_claims claims;
    slk_dev_permission found = DEV_NOBODY;
    if (slk_jwt_read(&claims, token, devnet->token_key, 0, NULL) != SLK_OK)
        return DEV_NOBODY;
    for (unsigned i = 0; i < claims.n_allow; i++)
        for (int p = DEV_READ; p <= DEV_ADMIN; p++)
            if (strcmp(claims.allow[i], slk_dev_permission_names[p]) == 0 && p > (int)found)
                found = (slk_dev_permission)p;
    return found;
}
