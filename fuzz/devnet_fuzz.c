/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests to the development chain, one body a line. The first byte picks how they come: 'a' as admin,
 * 'n' without a token, 'g' as GET. Every answer is JSON or empty. A chain takes 20 ms to open, so it
 * serves many inputs and then reads its own log again: a failure may need the inputs before it. */
#include "fuzz.h"

#include "base/file.h"
#include "base/mem.h"
#include "codec/json.h"
#include "devnet/devnet.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)64 << 20)
#define REQUESTS_MAX 8
#define INPUTS_PER_CHAIN 200u
#define HEIGHT_MAX 500

static slk_err verify_seal(void *context, bool *ret_valid, const slk_devnet_seal *seal,
                           slk_error *error)
{
    (void)context, (void)error;
    *ret_valid = seal->proof_bytes == 192;
    return SLK_OK;
}

static slk_err comm_d(void *context, uint8_t out32[32], int64_t seal_proof,
                      const slk_devnet_piece *pieces, size_t n_pieces, slk_error *error)
{
    (void)context, (void)seal_proof, (void)error;
    memset(out32, 7, 32);
    if (n_pieces > 0)
        memcpy(out32, pieces[0].comm_p32, 32);
    return SLK_OK;
}

static slk_devnet *open_chain(const char *folder, bool no_auth)
{
    const slk_devnet_verifier verifier = {.verify_seal = verify_seal, .comm_d = comm_d};
    const slk_devnet_options options = {
        .folder = folder, .clock = SLK_DEVNET_MANUAL, .no_auth = no_auth, .genesis_time = 1};
    slk_devnet *devnet = NULL;
    slk_assert(slk_devnet_open(&devnet, &options, &verifier, NULL) == SLK_OK);
    return devnet;
}

static void ask(slk_devnet *devnet, const char *method, const char *body, size_t n)
{
    SLK_CLEANUP(slk_buf_done) slk_buf answer;
    SLK_CLEANUP(slk_json_decrefp) json_t *json = NULL;
    SLK_CLEANUP(slk_freep) char *exact = fuzz_text((const uint8_t *)body, n);
    const slk_devnet_request request = {
        .method = method, .path = "/rpc/v1", .body = exact, .body_bytes = n};
    slk_error error = {0};
    int status = 0;
    slk_buf_init(&answer, ANSWER_MAX);
    slk_assert(slk_devnet_handle(devnet, &status, &answer, &request, &error) == SLK_OK);
    slk_assert(status >= 200 && status < 600);
    if (answer.len > 0 && strcmp(method, "POST") == 0)
        slk_assert(slk_json_parse(&json, answer.data, answer.len, ANSWER_MAX, &error) == SLK_OK);
}

typedef struct served {
    char *folder;
    slk_devnet *devnet;
    unsigned inputs;
} served;

static served *chains(void)
{
    static served both[2];
    return both;
}

/* Opens the log again, which must give the same chain, and begins a new one. */
static void check_log(served *chain, bool no_auth)
{
    int64_t height = slk_devnet_height(chain->devnet);
    slk_devnet_close(chain->devnet);
    chain->devnet = open_chain(chain->folder, no_auth);
    slk_assert(slk_devnet_height(chain->devnet) == height);
    slk_devnet_close(chain->devnet);
    slk_assert(slk_remove_tree(chain->folder, NULL) == SLK_OK);
    chain->devnet = open_chain(chain->folder, no_auth);
    chain->inputs = 0;
}

static void close_chains(void)
{
    for (int i = 0; i < 2; i++) {
        slk_devnet_close(chains()[i].devnet);
        slk_free(chains()[i].folder);
    }
}

static slk_devnet *chain_for(bool no_auth)
{
    served *chain = &chains()[no_auth];
    if (!chain->devnet) {
        chain->folder = slk_path_join(fuzz_folder(), no_auth ? "admin" : "nobody");
        slk_assert(chain->folder && (chains()[!no_auth].devnet || atexit(close_chains) == 0));
        chain->devnet = open_chain(chain->folder, no_auth);
    }
    if (++chain->inputs > INPUTS_PER_CHAIN || slk_devnet_height(chain->devnet) > HEIGHT_MAX)
        check_log(chain, no_auth);
    return chain->devnet;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data + 1, n - 1);
    slk_devnet *devnet = chain_for(data[0] != 'n');
    const char *line = text;
    for (int i = 0; i < REQUESTS_MAX && line; i++) {
        const char *end = strchr(line, '\n');
        ask(devnet, data[0] == 'g' ? "GET" : "POST", line,
            end ? (size_t)(end - line) : strlen(line));
        line = end ? end + 1 : NULL;
    }
    return 0;
}
