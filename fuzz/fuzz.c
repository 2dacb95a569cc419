/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fuzz.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct shared {
    char folder[64];
    slk_crypto *crypto;
} shared;

static shared *shared_state(void)
{
    static shared state;
    return &state;
}

char *fuzz_text(const uint8_t *data, size_t n)
{
    char *text = slk_alloc(n + 1, 1);
    slk_assert(text);
    if (n > 0)
        memcpy(text, data, n);
    text[n] = 0;
    return text;
}

static void remove_folder(void)
{
    slk_err code = slk_remove_tree(shared_state()->folder, NULL);
    (void)code; /* the process ends: nobody is left to tell */
}

const char *fuzz_folder(void)
{
    char *folder = shared_state()->folder;
    if (folder[0] == 0) {
        (void)snprintf(folder, sizeof shared_state()->folder, "%s/slk_fuzz.XXXXXX",
                       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        slk_assert(mkdtemp(folder));
        slk_assert(atexit(remove_folder) == 0);
    }
    return folder;
}

void fuzz_write(const char *name, const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(fuzz_folder(), name);
    slk_assert(path);
    SLK_CLEANUP(slk_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    slk_assert(fd >= 0);
    slk_assert(n == 0 || write(fd, data, n) == (ssize_t)n);
}

static void free_crypto(void)
{
    slk_crypto_free(shared_state()->crypto);
}

const slk_crypto *fuzz_crypto(void)
{
    slk_crypto **crypto = &shared_state()->crypto;
    if (*crypto == NULL) {
        slk_assert(slk_crypto_new(crypto, NULL, NULL) == SLK_OK);
        slk_assert(atexit(free_crypto) == 0);
    }
    return *crypto;
}
