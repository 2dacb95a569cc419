/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is accepted goes to a listen address and back. */
#include "fuzz.h"

#include "base/mem.h"
#include "codec/multiaddr.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    char listen[SLK_MULTIADDR_LISTEN_CHARS], printed[SLK_MULTIADDR_TEXT_CHARS];
    slk_error error = {0};
    slk_multiaddr address, again;
    if (slk_multiaddr_parse(&address, text, true, &error) == SLK_OK) {
        slk_multiaddr_listen(listen, &address);
        slk_multiaddr_print(printed, &address);
        slk_assert(slk_multiaddr_parse(&again, printed, true, &error) == SLK_OK);
        slk_assert(strcmp(again.host, address.host) == 0 && again.port == address.port);
        slk_assert(again.tls == address.tls && again.v6 == address.v6);
        slk_assert(slk_multiaddr_from_listen(&again, listen, address.tls, &error) == SLK_OK);
        slk_assert(strcmp(again.host, address.host) == 0 && again.port == address.port);
    }
    if (slk_multiaddr_from_listen(&address, text, false, &error) == SLK_OK) {
        slk_multiaddr_listen(listen, &address);
        slk_assert(slk_multiaddr_from_listen(&again, listen, false, &error) == SLK_OK);
    }
    return 0;
}
