/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Configuration, repository, keeper. */
#include "app/keeper.h"
#include "app/repo.h"

#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/selkie-repo-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    return slk_remove_tree(folder, NULL) == SLK_OK ? 0 : -1;
}

static slk_err read_text(slk_config *ret, slk_error *error, const char *text)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "test.toml");
    assert_int_equal(slk_file_write_atomic(path, text, strlen(text), 0600, NULL), SLK_OK);
    return slk_config_read(ret, path, error);
}

static void the_default_file_says_the_defaults(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 1 << 16);
    assert_int_equal(slk_config_print_default(&text), SLK_OK);
    slk_config commented = {0}, plain = {0}, empty = {0};
    slk_error error = {0};
    assert_int_equal(read_text(&commented, &error, slk_buf_str(&text)), SLK_OK);
    /* The same with every option in force: "\n#Key = value" becomes "\nKey = value". */
    for (char *at = (char *)text.data; (at = strstr(at, "\n#")) != NULL; at++)
        if (at[2] != ' ')
            at[1] = ' ';
    assert_int_equal(read_text(&plain, &error, slk_buf_str(&text)), SLK_OK);
    assert_int_equal(read_text(&empty, &error, ""), SLK_OK);
    const slk_config *all[] = {&commented, &plain, &empty};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(all[i]->listen, "127.0.0.1:12310");
        assert_false(all[i]->delegate_tls);
        assert_int_equal(all[i]->poll_ms, 30000);
        assert_int_equal(all[i]->cleanup_timeout_ms, INT64_C(72) * 3600 * 1000);
        assert_int_equal(all[i]->chain_poll_ms, 0);
        assert_int_equal(all[i]->seal_proofs.n, 0);
        assert_int_equal(all[i]->connections, 4);
    }
    slk_config_done(&commented);
    slk_config_done(&plain);
    slk_config_done(&empty);
}

static void values_come_from_file_then_environment(void **state)
{
    (void)state;
    slk_config config = {0};
    slk_error error = {0};
    const char *text = "[HTTP]\nDelegateTLS = true\nListenAddress = \":80\"\n"
                       "[Provider]\nSealProofs = [5, 6]\nCapacity = 3\nSlotTime = \"5s\"\n";
    assert_int_equal(setenv("SELKIE_PROVIDER_CAPACITY", "7", 1), 0);
    assert_int_equal(setenv("FULLNODE_API_INFO", "tok:/ip4/127.0.0.1/tcp/1/http", 1), 0);
    assert_int_equal(read_text(&config, &error, text), SLK_OK);
    assert_true(config.delegate_tls);
    assert_string_equal(config.listen, ":80");
    assert_int_equal(config.seal_proofs.n, 2);
    assert_int_equal(config.seal_proofs.value[1], 6);
    assert_int_equal(config.capacity_sectors, 7);
    assert_int_equal(config.slot_ms, 5000);
    assert_string_equal(config.chain_api_info, "tok:/ip4/127.0.0.1/tcp/1/http");
    slk_config_done(&config);
    assert_int_equal(setenv("SELKIE_PROVIDER_CAPACITY", "many", 1), 0);
    assert_int_equal(read_text(&config, &error, text), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "SELKIE_PROVIDER_CAPACITY: want a number"));
    assert_int_equal(unsetenv("SELKIE_PROVIDER_CAPACITY"), 0);
    assert_int_equal(unsetenv("FULLNODE_API_INFO"), 0);
}

static void mistakes_are_named_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[HTTP]\n\nListenAdress = \"x\"\n", "test.toml:3: HTTP.ListenAdress: no such option"},
        {"[HTTP]\nDelegateTLS = \"yes\"\n", "test.toml:2: HTTP.DelegateTLS: want true or false"},
        {"[Provider]\nCapacity = 0\n", "test.toml:2: Provider.Capacity: want a number from 1 to"},
        {"[Provider]\nSealProofs = [5, 15]\n", "Provider.SealProofs[1]: want numbers from 0 to 14"},
        {"[Provider]\nSlotTime = \"30\"\n", "Provider.SlotTime: want a time such as"},
        {"[Node]\nRole = \"boss\"\n", "Node.Role: want provider, client or both"},
        {"[HTTP]\nKeyFile = \"k\"\n", "must be set together"},
        {"[HTTP\n", "test.toml:1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slk_config config = {0};
        slk_error error = {0};
        assert_int_equal(read_text(&config, &error, cases[i].text), SLK_E_INVAL);
        if (!strstr(error.message, cases[i].message))
            fail_msg("got: %s", error.message);
    }
}

static void a_repository_is_made_once_and_locked(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "deep/node");
    slk_error error = {0};
    slk_repo repo = {.lock_fd = -1};
    assert_int_equal(slk_repo_open(&repo, path, NULL, false, &error), SLK_E_NOTFOUND);
    assert_int_equal(slk_repo_init(path, &error), SLK_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(slk_repo_open(&repo, path, NULL, true, &error), SLK_OK);
    slk_repo other = {.lock_fd = -1};
    assert_int_equal(slk_repo_open(&other, path, NULL, true, &error), SLK_E_BUSY);
    assert_int_equal(slk_repo_init(path, &error), SLK_OK);
    assert_int_equal(slk_repo_open(&other, path, NULL, false, &error), SLK_OK);
    assert_string_equal(repo.name, other.name);
    slk_repo_done(&repo);
    slk_repo_done(&other);
    assert_int_equal(slk_repo_open(&repo, path, NULL, true, &error), SLK_OK);
    slk_repo_done(&repo);
}

static void the_url_is_external_served_or_listened(void **state)
{
    (void)state;
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "url-node");
    assert_int_equal(slk_repo_init(path, &error), SLK_OK);
    slk_repo repo = {.lock_fd = -1};
    assert_int_equal(slk_repo_open(&repo, path, NULL, false, &error), SLK_OK);
    SLK_CLEANUP(slk_freep) char *first = NULL;
    SLK_CLEANUP(slk_freep) char *second = NULL;
    assert_int_equal(slk_repo_url(&first, &repo, &error), SLK_OK);
    assert_string_equal(first, "https://127.0.0.1:12310");
    assert_int_equal(slk_repo_note_url(&repo, 4711, &error), SLK_OK);
    assert_int_equal(slk_repo_url(&second, &repo, &error), SLK_OK);
    assert_string_equal(second, "https://127.0.0.1:4711");
    slk_repo_done(&repo);
}

static void tokens_are_wrapped_and_damage_is_seen(void **state)
{
    (void)state;
    slk_crypto *crypto = NULL;
    slk_error error = {0};
    assert_int_equal(slk_crypto_new(&crypto, NULL, &error), SLK_OK);
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "secret.key");
    slk_keeper made, again;
    assert_int_equal(slk_keeper_open(&made, crypto, path, &error), SLK_OK);
    assert_int_equal(slk_keeper_open(&again, crypto, path, &error), SLK_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    slk_seal_keeper ops;
    slk_keeper_ops(&ops, &made);
    SLK_CLEANUP(slk_buf_done) slk_buf wrapped;
    SLK_CLEANUP(slk_buf_done) slk_buf second;
    SLK_CLEANUP(slk_buf_done) slk_buf token;
    slk_buf_init(&wrapped, 1024);
    slk_buf_init(&second, 1024);
    slk_buf_init(&token, 1024);
    assert_int_equal(ops.wrap(ops.ctx, &wrapped, "0123456789abcdef", &error), SLK_OK);
    assert_int_equal(ops.wrap(ops.ctx, &second, "0123456789abcdef", &error), SLK_OK);
    assert_string_not_equal(slk_buf_str(&wrapped), slk_buf_str(&second));
    slk_keeper_ops(&ops, &again);
    assert_int_equal(ops.unwrap(ops.ctx, &token, slk_buf_str(&wrapped), &error), SLK_OK);
    assert_string_equal(slk_buf_str(&token), "0123456789abcdef");
    for (size_t i = 0; i < 40; i++) {
        wrapped.data[i] = wrapped.data[i] == 'A' ? 'B' : 'A';
        slk_buf_reset(&token);
        assert_int_equal(ops.unwrap(ops.ctx, &token, slk_buf_str(&wrapped), &error), SLK_E_CORRUPT);
    }
    slk_keeper_done(&made);
    slk_keeper_done(&again);
    slk_crypto_free(crypto);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_file_says_the_defaults),
        cmocka_unit_test(values_come_from_file_then_environment),
        cmocka_unit_test(mistakes_are_named_with_their_line),
        cmocka_unit_test(a_repository_is_made_once_and_locked),
        cmocka_unit_test(the_url_is_external_served_or_listened),
        cmocka_unit_test(tokens_are_wrapped_and_damage_is_seen),
    };
    return cmocka_run_group_tests_name("repository", tests, make_folder, drop_folder);
}
