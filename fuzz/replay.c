/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Runs a fuzz target without a fuzzer: every file of the corpus folder, in the order of their names, as
 * it is, cut at VARIANTS / 4 places, and with VARIANTS small changes from a fixed seed. So ./check covers the parsers
 * under the sanitizers with any compiler; clang builds link libFuzzer in place of this file. */
#include "fuzz.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX ((size_t)1 << 20)

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

static void replay(const slk_buf *input, uint64_t variants)
{
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
    run_copy(input->data, input->len);
    for (size_t i = 0; i < variants / 4; i++)
        run_copy(input->data, input->len * i / (variants / 4));
    uint8_t *copy = slk_alloc(input->len, 1);
    slk_assert(copy != NULL);
    for (size_t i = 0; i < variants && input->len; i++) {
        memcpy(copy, input->data, input->len);
        change(copy, input->len, &random);
        run_copy(copy, input->len);
    }
    slk_free(copy);
}

static void replay_file(const char *folder, const char *name, uint64_t variants)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, name);
    SLK_CLEANUP(slk_buf_done) slk_buf input;
    slk_buf_init(&input, INPUT_MAX);
    slk_assert(path && slk_file_read_all(&input, path, NULL) == SLK_OK);
    (void)fprintf(stderr, "%s\n", path); /* the last line before an abort names the input */
    replay(&input, variants);
}

int main(int argc, char **argv)
{
    uint64_t variants;
    struct dirent **entries = NULL;
    if (argc != 3 || slk_parse_u64(&variants, argv[2]) != SLK_OK) {
        (void)fprintf(stderr, "usage: %s CORPUS-FOLDER VARIANTS\n", argv[0]);
        return 2;
    }
    int n = scandir(argv[1], &entries, NULL, alphasort), inputs = 0;
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            replay_file(argv[1], entries[i]->d_name, variants);
            inputs++;
        }
        free(entries[i]);
    }
    free(entries);
    (void)printf("%d inputs of the corpus and their variants\n", inputs);
    return inputs ? 0 : 1;
}
