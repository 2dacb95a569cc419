/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bearer tokens in the form of Lotus: JWT, HS256, {"Allow":[…]}, no expiry. */
#include "devnet/devnet_impl.h"

#include "base/mem.h"
#include "net/jwt.h"

#include <stdio.h>

void slk_dev_token_make(const slk_devnet *devnet, char *out, size_t n, unsigned permissions)
{
    slk_jwt_claims claims = {0};
    SLK_CLEANUP(slk_freep) char *token = NULL;
    slk_rpc_permissions_to_claims(&claims, permissions);
    const slk_err code = slk_jwt_make(&token, &claims, devnet->token_key, NULL);
    snprintf(out, n, "%s", code == SLK_OK ? token : "");
}

unsigned slk_dev_token_check(const slk_devnet *devnet, const char *token)
{
    slk_jwt_claims claims;
    if (slk_jwt_read(&claims, token, devnet->token_key, 0, NULL) != SLK_OK)
        return 0;
    return slk_rpc_permissions_of_claims(&claims) & DEV_PERMISSIONS;
}
