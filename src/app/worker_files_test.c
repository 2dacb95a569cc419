/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How a worker finds its node, its own secret, and the address it is reached at. */
#include "app/lotus_api.h"
#include "app/lotus_keys.h"
#include "app/worker_place.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "rpc/permission.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static const char *const variables[] = {"MINER_API_INFO", "STORAGE_API_INFO", "SELKIE_PATH",
                                        "HOME"};

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/slk-worker-files-XXXXXX");
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        assert_int_equal(unsetenv(variables[i]), 0);
    return setenv("HOME", folder, 1);
}

static int tear_down(void **state)
{
    slk_error error = {0};
    (void)state;
    return slk_remove_tree(folder, &error) == SLK_OK ? 0 : -1;
}

static char *path_of(const char *name)
{
    char *path = slk_path_join(folder, name);
    assert_non_null(path);
    return path;
}

static void put(const char *name, const char *text)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *path = path_of(name);
    assert_int_equal(slk_file_write_atomic(path, text, strlen(text), 0600, &error), SLK_OK);
}

/* ---- the secret ---- */

#define KEY "keystore/MF2XI2BNNJ3XILLQOJUXMYLUMU"

static void a_secret_is_made_once_and_for_its_owner(void **state)
{
    uint8_t one[32], two[32];
    slk_error error = {0};
    struct stat st;
    (void)state;
    assert_int_equal(slk_lotus_secret(one, folder, &error), SLK_OK);
    assert_int_equal(slk_lotus_secret(two, folder, &error), SLK_OK);
    assert_memory_equal(one, two, 32);
    assert_false(slk_bytes_all_zero(one, 32));
    SLK_CLEANUP(slk_freep) char *key = path_of(KEY);
    assert_int_equal(stat(key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    SLK_CLEANUP(slk_freep) char *store = path_of("keystore");
    assert_int_equal(stat(store, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(chmod(key, 0640), 0);
    assert_int_equal(slk_lotus_secret(one, folder, &error), SLK_E_AUTH);
    assert_non_null(strstr(error.message, "chmod 600"));
}

/* source: reference/lotus-worker 1.4, 2: file and token as Lotus has them */
static void lotus_s_secret_is_read_and_signs_its_tokens(void **state)
{
    uint8_t secret[32];
    slk_error error = {0};
    char *token = NULL;
    (void)state;
    SLK_CLEANUP(slk_freep) char *store = path_of("keystore");
    assert_int_equal(slk_folder_make(store, 0700, &error), SLK_OK);
    put(KEY, "{\"Type\":\"jwt-hmac-secret\",\"PrivateKey\":"
             "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"}");
    assert_int_equal(slk_lotus_secret(secret, folder, &error), SLK_OK);
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(secret[i], i);
    assert_int_equal(slk_lotus_token(&token, secret, SLK_RPC_ADMIN, NULL, &error), SLK_OK);
    assert_string_equal(token, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJBbGxvdyI6WyJhZG1pbiJdfQ."
                               "uHl5sSm5M8-hA_so7jGS10_9wkCKm1jaP22REf2z8XE");
    slk_free(token);
    put(KEY, "{\"Type\":\"jwt-hmac-secret\",\"PrivateKey\":\"c2hvcnQ=\"}");
    assert_int_equal(slk_lotus_secret(secret, folder, &error), SLK_E_CORRUPT);
    put(KEY, "{\"Type\":\"jwt-hmac-secret\",\"PrivateKey\":\"c2hvcnQ");
    assert_int_equal(slk_lotus_secret(secret, folder, &error), SLK_E_CORRUPT);
    assert_null(strstr(error.message, "c2hvcnQ")); /* what it holds is not repeated */
}

/* ---- the node ---- */

static void check_miner(const char *repo, const char *url, const char *token, const char *from)
{
    slk_lotus_api api = {0};
    slk_error error = {0};
    if (slk_lotus_api_miner(&api, repo, &error) != SLK_OK)
        fail_msg("%s", error.message);
    assert_string_equal(api.url, url);
    assert_string_equal(api.info.token, token);
    assert_non_null(strstr(api.from, from));
    slk_lotus_api_done(&api);
}

static void the_node_is_found_in_lotus_s_order(void **state)
{
    slk_lotus_api api = {0};
    slk_error error = {0};
    (void)state;
    assert_int_equal(slk_lotus_api_miner(&api, NULL, &error), SLK_E_NOTFOUND);
    assert_non_null(strstr(error.message, "MINER_API_INFO"));
    SLK_CLEANUP(slk_freep) char *home = path_of(".lotusminer");
    assert_int_equal(mkdir(home, 0700), 0);
    put(".lotusminer/api", "/ip4/127.0.0.1/tcp/2345/http");
    put(".lotusminer/token", "t-home\n");
    check_miner(NULL, "http://127.0.0.1:2345/rpc/v0", "t-home", ".lotusminer");
    SLK_CLEANUP(slk_freep) char *ours = path_of("selkie");
    assert_int_equal(mkdir(ours, 0700), 0);
    assert_int_equal(setenv("SELKIE_PATH", ours, 1), 0);
    assert_int_equal(slk_lotus_api_miner(&api, NULL, &error), SLK_E_NOTFOUND); /* it serves none */
    assert_non_null(strstr(error.message, ours));
    assert_int_equal(setenv("SELKIE_PATH", "/nowhere/at/all", 1), 0);
    assert_int_equal(slk_lotus_api_miner(&api, NULL, &error), SLK_E_NOTFOUND);
    assert_non_null(strstr(error.message, "no folder /nowhere/at/all (of SELKIE_PATH)"));
    assert_int_equal(setenv("SELKIE_PATH", ours, 1), 0);
    put("selkie/api", "/ip4/127.0.0.1/tcp/3333/http\n");
    put("selkie/token", "t-ours");
    check_miner(NULL, "http://127.0.0.1:3333/rpc/v0", "t-ours", "selkie");
    check_miner("~/.lotusminer", "http://127.0.0.1:2345/rpc/v0", "t-home", ".lotusminer");
    assert_int_equal(setenv("STORAGE_API_INFO", "t-old:/ip4/10.0.0.1/tcp/1/http", 1), 0);
    check_miner("~/.lotusminer", "http://10.0.0.1:1/rpc/v0", "t-old", "STORAGE_API_INFO");
    assert_int_equal(
        setenv("MINER_API_INFO", "t-new:/ip4/10.0.0.2/tcp/2/http,t:/ip4/1.1.1.1/tcp/1", 1), 0);
    check_miner(NULL, "http://10.0.0.2:2/rpc/v0", "t-new", "MINER_API_INFO");
    assert_int_equal(setenv("MINER_API_INFO", "s3cret:nonsense", 1), 0);
    assert_int_equal(slk_lotus_api_miner(&api, NULL, &error), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "MINER_API_INFO"));
    assert_null(strstr(error.message, "s3cret"));
}

/* ---- the address ---- */

/* A port of loopback that accepts connections; the caller closes the socket. */
static int listening(char url[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    (void)snprintf(url, 64, "http://127.0.0.1:%u/rpc/v0", ntohs(address.sin_port));
    return fd;
}

static void the_address_is_what_the_node_can_reach(void **state)
{
    slk_worker_place place;
    slk_error error = {0};
    char url[64];
    (void)state;
    const int fd = listening(url);
    assert_int_equal(slk_worker_place_find(&place, "0.0.0.0:3456", false, url, &error), SLK_OK);
    assert_string_equal(place.listen, "127.0.0.1:3456"); /* nobody else needs it */
    assert_string_equal(place.host, "127.0.0.1");
    assert_true(place.from_node);
    assert_int_equal(slk_worker_place_find(&place, "0.0.0.0:3456", true, url, &error), SLK_OK);
    assert_string_equal(place.listen, "0.0.0.0:3456"); /* as it was told */
    assert_string_equal(place.host, "127.0.0.1");
    assert_int_equal(slk_worker_place_find(&place, "10.0.0.5:99", true, url, &error), SLK_OK);
    assert_string_equal(place.host, "10.0.0.5");
    assert_false(place.from_node);
    assert_int_equal(slk_worker_place_find(&place, "[fd00::5]:99", true, url, &error), SLK_OK);
    assert_string_equal(place.host, "[fd00::5]");
    assert_int_equal(close(fd), 0);
    assert_int_equal(slk_worker_place_find(&place, ":3456", true, url, &error), SLK_E_UNREACHABLE);
    assert_non_null(strstr(error.message, "does not answer"));
    static const char *const wrong[] = {
        "3456", "10.0.0.5", "10.0.0.5:", "10.0.0.5:70000", "fd00::5:99", "10.0.0.5:x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(slk_worker_place_find(&place, wrong[i], true, url, &error), SLK_E_INVAL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_secret_is_made_once_and_for_its_owner),
        TEST(lotus_s_secret_is_read_and_signs_its_tokens),
        TEST(the_node_is_found_in_lotus_s_order),
        TEST(the_address_is_what_the_node_can_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
