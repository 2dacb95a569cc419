/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Runs a fuzz target without a fuzzer: every file of the corpus folder as it is, cut at many
 * places, and with a few thousand small changes from a fixed seed. So ./check covers the parsers
 * under the sanitizers with any compiler; clang builds link libFuzzer in place of this file. */
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define INPUT_MAX ((size_t)1 << 20)
#define CUTS 200u
#define CHANGES 800u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13; /* source: Marsaglia, Xorshift RNGs, 2003 */
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void change(uint8_t *bytes, size_t n, uint64_t *random)
{
    static const uint8_t telling[] = {0, 1, 0x7f, 0x80, 0xff, '0', '9', '-', '/', '\n', '"', '['};
    for (unsigned i = 0; i <= *random % 4; i++) {
        uint64_t r = next_random(random);
        uint8_t *at = &bytes[r % n];
        if (r >> 32 & 1)
            *at = telling[(r >> 33) % sizeof telling];
        else
            *at = (uint8_t)(*at ^ 1u << ((r >> 33) % 8));
    }
}

/* The target sees an exact-size copy, so that a read past its end is seen too. */
static void run_copy(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = slk_alloc(n, 1);
    slk_assert(copy != NULL);
    if (n)
        memcpy(copy, bytes, n);
    (void)LLVMFuzzerTestOneInput(copy, n);
    slk_free(copy);
}

static void replay(const slk_buf *input)
{
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
    run_copy(input->data, input->len);
    for (size_t i = 0; i < CUTS; i++)
        run_copy(input->data, input->len * i / CUTS);
    uint8_t *copy = slk_alloc(input->len, 1);
    slk_assert(copy != NULL);
    for (size_t i = 0; i < CHANGES && input->len; i++) {
        memcpy(copy, input->data, input->len);
        change(copy, input->len, &random);
        run_copy(copy, input->len);
    }
    slk_free(copy);
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        (void)fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 2;
    }
    size_t inputs = 0;
    for (const struct dirent *e = readdir(folder); e; e = readdir(folder)) {
        if (e->d_name[0] == '.')
            continue;
        SLK_CLEANUP(slk_freep) char *path = slk_path_join(argv[1], e->d_name);
        SLK_CLEANUP(slk_buf_done) slk_buf input;
        slk_buf_init(&input, INPUT_MAX);
        slk_assert(path && slk_file_read_all(&input, path, NULL) == SLK_OK);
        replay(&input);
        inputs++;
    }
    (void)closedir(folder);
    (void)printf("%zu inputs of the corpus and their variants\n", inputs);
    return inputs ? 0 : 1;
}
