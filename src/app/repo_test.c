/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Configuration, repository, keeper. */
#include "app/keeper.h"
#include "app/lock.h"
#include "app/repo.h"

#include "base/file.h"
#include "base/mem.h"
#include "codec/json.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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
        assert_true(all[i]->http_enable);
        assert_int_equal(all[i]->transfer_workers, 8);
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
    assert_int_equal(setenv("SELKIE_ADDRESSES_PRECOMMITCONTROL", "f01234, f099", 1), 0);
    assert_int_equal(read_text(&config, &error, "[Addresses]\nPreCommitControl = [\"f05\"]\n"),
                     SLK_OK);
    assert_int_equal(config.precommit_control.n, 2);
    assert_string_equal(config.precommit_control.text[0], "f01234");
    assert_string_equal(config.precommit_control.text[1], "f099");
    slk_config_done(&config);
    assert_int_equal(unsetenv("SELKIE_ADDRESSES_PRECOMMITCONTROL"), 0);
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
        {"[HTTP]\n\nListenAdress = \"x\"\n",
         "test.toml:3: HTTP.ListenAdress: no such option; did you mean ListenAddress in "
         "[HTTP]?"},
        {"[HTTP]\nDelegateTLS = \"yes\"\n", "test.toml:2: HTTP.DelegateTLS: want true or false"},
        {"[Provider]\nCapacity = 0\n", "test.toml:2: Provider.Capacity: want a number from 1 to"},
        {"[Provider]\nSealProofs = [5, 15]\n", "Provider.SealProofs[1]: want numbers from 0 to 14"},
        {"[Addresses]\nPreCommitControl = [\"f01234\", \"f0x\"]\n",
         "Addresses.PreCommitControl[1]: want addresses such as f01234"},
        {"[Addresses]\nCommitControl = [7]\n", "CommitControl[0]: want list of addresses"},
        {"[Addresses]\nCommitControl = [\"<empty>\"]\n", "CommitControl[0]: want addresses"},
        {"[Provider]\nSlotTime = \"30\"\n", "Provider.SlotTime: want a time such as"},
        {"[Provider]\nSlotTime = \"100h\"\n", "SlotTime: want a time from 1s to 1h"},
        {"[Provider]\nRemoteSealCleanupTimeout = \"1h\"\n",
         "RemoteSealCleanupTimeout in [Subsystems]?"},
        {"[http]\nlistenaddress = \"x\"\n", "did you mean ListenAddress in [HTTP]?"},
        {"[Node]\nRole = \"boss\"\n",
         "Node.Role: no such option; `selkie config default` lists them"},
        {"[API]\nTimeout = \"30s\"\n",
         "test.toml:2: API.Timeout: not taken: a call ends when its connection does"},
        {"[Node]\nLogLevel = \"loud\"\n", "Node.LogLevel: want debug, info, warn or error"},
        {"[Network]\nCommitMaxFee = \"1 FIL\"\n", "Network.CommitMaxFee: want amount"},
        {"[HTTP]\nExternalURL = \"seal.example\"\n", "HTTP.ExternalURL: want URL"},
        {"[Network]\nChainApiInfoFile = 7\n", "ChainApiInfoFile: want the path of a file"},
        {"[Network]\nChainApiInfoFile = \"x\"\nChainApiInfo = \"y\"\n",
         "Network.ChainApiInfo is set as well"},
        {"[HTTP]\nKeyFile = \"k\"\n", "must be set together"},
        {"[HTTP]\nDelegateTLS = true\n[Page]\nLoopbackOnly = true\n",
         "Page.LoopbackOnly cannot be kept with HTTP.DelegateTLS"},
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

static void every_mistake_is_found_at_once(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "check.toml");
    SLK_CLEANUP(slk_json_decrefp) json_t *mistakes = NULL;
    slk_error error = {0};
    const char *text = "[HTTP]\nListenAdress = \"x\"\nDelegateTLS = 3\n[Provider]\nCapacity = 0\n"
                       "[HTTP.Deep]\nx = 1\n[Proofs]\nThreads = 1.5\n";
    assert_int_equal(slk_file_write_atomic(path, text, strlen(text), 0600, NULL), SLK_OK);
    assert_int_equal(setenv("SELKIE_REMOTE_CONECTIONS", "9", 1), 0);
    assert_int_equal(setenv("SELKIE_WORKERS_CHAIN", "0", 1), 0);
    assert_int_equal(slk_config_check(&mistakes, path, &error), SLK_OK);
    static const char *const wanted[] = {
        "check.toml:2: HTTP.ListenAdress: no such option; did you mean",
        "check.toml:3: HTTP.DelegateTLS: want true or false",
        "check.toml:5: Provider.Capacity: want a number from 1",
        "check.toml:7: HTTP.Deep.x: no such option",
        "check.toml:9: Proofs.Threads: want number",
        "SELKIE_WORKERS_CHAIN: want a number from 1 to 64",
        "environment variable SELKIE_REMOTE_CONECTIONS: no such option",
    };
    const size_t n = sizeof wanted / sizeof *wanted;
    assert_int_equal(json_array_size(mistakes), n);
    for (size_t i = 0; i < n; i++) {
        bool found = false;
        for (size_t k = 0; k < n; k++)
            found = found || strstr(json_string_value(json_array_get(mistakes, k)), wanted[i]);
        if (!found)
            fail_msg("not found: %s", wanted[i]);
    }
    assert_int_equal(unsetenv("SELKIE_REMOTE_CONECTIONS"), 0);
    assert_int_equal(unsetenv("SELKIE_WORKERS_CHAIN"), 0);
}

static void secrets_may_lie_in_files(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "secret");
    SLK_CLEANUP(slk_freep) char *text = slk_strf("[Network]\nChainApiInfoFile = \"%s\"\n", path);
    slk_config config = {0};
    slk_error error = {0};
    assert_int_equal(slk_file_write_atomic(path, "tok:addr \n", 10, 0600, NULL), SLK_OK);
    assert_int_equal(setenv("FULLNODE_API_INFO", "elsewhere", 1), 0); /* asked last */
    assert_int_equal(read_text(&config, &error, text), SLK_OK);
    assert_string_equal(config.chain_api_info, "tok:addr");
    slk_config_done(&config);
    assert_int_equal(setenv("SELKIE_NETWORK_CHAINAPIINFOFILE", path, 1), 0);
    assert_int_equal(read_text(&config, &error, "[Network]\nChainApiInfo = \"x\"\n"), SLK_OK);
    assert_string_equal(config.chain_api_info, "tok:addr");
    slk_config_done(&config);
    assert_int_equal(unsetenv("SELKIE_NETWORK_CHAINAPIINFOFILE"), 0);
    assert_int_equal(unsetenv("FULLNODE_API_INFO"), 0);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(read_text(&config, &error, text), SLK_E_INVAL);
    assert_non_null(strstr(error.message, "everybody may read"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_text(&config, &error, text), SLK_E_NOTFOUND);
    assert_non_null(strstr(error.message, "test.toml:2: Network.ChainApiInfoFile: "));
}

/* The file rewritten says the same, and nothing is lost on the way. */
static void a_rewritten_file_keeps_every_value(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "old.toml");
    const char *text = "[HTTP]\nListenAddress = \":80\"\nDelegateTLS = true\n"
                       "DomainName = \"a\\\\b\\\"\\u0007é\"\n"
                       "[Provider]\nSealProofs = [5, 6]\nSlotTime = \"90s\"\n"
                       "[Addresses]\nCommitControl = [\"f01234\", \"t099\"]\n"
                       "[Network]\nChainApiInfo = \"top-secret:addr\"\n[Workers]\nChain = 9\n";
    assert_int_equal(slk_file_write_atomic(path, text, strlen(text), 0600, NULL), SLK_OK);
    SLK_CLEANUP(slk_buf_done) slk_buf plain;
    SLK_CLEANUP(slk_buf_done) slk_buf masked;
    slk_buf_init(&plain, SLK_CONFIG_TEXT_MAX_BYTES);
    slk_buf_init(&masked, SLK_CONFIG_TEXT_MAX_BYTES);
    slk_error error = {0};
    assert_int_equal(slk_config_print_updated(&plain, path, false, &error), SLK_OK);
    assert_int_equal(slk_config_print_updated(&masked, path, true, &error), SLK_OK);
    assert_non_null(strstr(slk_buf_str(&plain), "\nSlotTime = \"90s\"\n"));
    assert_non_null(strstr(slk_buf_str(&plain), "\nCommitControl = [\"f01234\", \"t099\"]\n"));
    assert_non_null(strstr(slk_buf_str(&plain), "\n#PreCommitControl = []\n"));
    assert_null(strstr(slk_buf_str(&masked), "top-secret"));
    slk_config before = {0}, after = {0};
    SLK_CLEANUP(slk_json_decrefp) json_t *changed = NULL;
    assert_int_equal(read_text(&before, &error, text), SLK_OK);
    assert_int_equal(read_text(&after, &error, slk_buf_str(&plain)), SLK_OK);
    assert_int_equal(slk_config_changed(&changed, &before, &after, &error), SLK_OK);
    assert_int_equal(json_array_size(changed), 0);
    assert_int_equal(after.commit_control.n, 2);
    slk_config_done(&before);
    slk_config_done(&after);
}

static void differences_are_listed_with_their_origin(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "diff.toml");
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    slk_error error = {0};
    const char *text = "[HTTP]\nListenAddress = \":80\"\nDelegateTLS = false\n"
                       "[Network]\nChainApiInfo = \"top-secret\"\n";
    assert_int_equal(slk_file_write_atomic(path, text, strlen(text), 0600, NULL), SLK_OK);
    assert_int_equal(setenv("SELKIE_PROVIDER_CAPACITY", "7", 1), 0);
    assert_int_equal(slk_config_diff(&list, path, &error), SLK_OK);
    assert_int_equal(unsetenv("SELKIE_PROVIDER_CAPACITY"), 0);
    static const char *const wanted[][4] = {
        {"ChainApiInfo", "\"***\"", "\"\"", "diff.toml:5"},
        {"ListenAddress", "\":80\"", "\"127.0.0.1:12310\"", "diff.toml:2"},
        {"Capacity", "7", "16", "SELKIE_PROVIDER_CAPACITY"},
    };
    static const char *const fields[] = {"key", "value", "default", "from"};
    assert_int_equal(json_array_size(list), 3);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 4; k++)
            assert_string_equal(
                json_string_value(json_object_get(json_array_get(list, i), fields[k])),
                wanted[i][k]);
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

static void assert_no_node(const char *path, const char *text)
{
    slk_error error = {0};
    assert_int_equal(slk_repo_no_node(path, &error), SLK_E_NOTFOUND);
    assert_non_null(strstr(error.message, text));
    assert_non_null(strstr(error.message, path));
}

static void who_serves_nobody_is_told_apart(void **state)
{
    (void)state;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "quiet");
    slk_error error = {0};
    assert_no_node(path, "there is no folder");
    assert_int_equal(setenv("SELKIE_PATH", path, 1), 0);
    assert_no_node(path, "(of SELKIE_PATH)");
    assert_int_equal(unsetenv("SELKIE_PATH"), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_no_node(path, "is no repository of a node; `selkie init");
    assert_int_equal(slk_repo_init(path, &error), SLK_OK);
    assert_no_node(path, "no node runs in");
    /* Who holds the lock is another process: to itself it is nobody. */
    int told[2];
    char byte = 0;
    assert_int_equal(pipe(told), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = -1;
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)!slk_lock_take(&fd, path, NULL);
        (void)!write(told[1], "l", 1);
        (void)raise(SIGSTOP);
        (void)!slk_lock_note_serving(fd, NULL);
        (void)!write(told[1], "s", 1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_no_node(path, "still starting");
    assert_int_equal(waitpid(child, NULL, WUNTRACED), child);
    assert_int_equal(kill(child, SIGCONT), 0);
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_no_node(path, "takes no workers");
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_no_node(path, "no node runs in");
    (void)close(told[0]);
    (void)close(told[1]);
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

static void set_text(char **member, const char *text)
{
    slk_free(*member);
    *member = slk_strdup(text);
    assert_non_null(*member);
}

static void nodes_know_each_others_address(void **state)
{
    (void)state;
    slk_error error = {0};
    slk_repo repo;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "nodes");
    assert_int_equal(slk_repo_init(path, &error), SLK_OK);
    assert_int_equal(slk_repo_open(&repo, path, NULL, false, &error), SLK_OK);
    static const struct {
        const char *listen, *node_url, *url; /* %s: this machine's name */
    } cases[] = {
        {"10.0.0.3:0", "", "https://10.0.0.3:4711"},
        {"[::1]:12310", "", "https://[::1]:4711"},
        {":12310", "https://p2.farm.example:99/", "https://p2.farm.example:99"},
        {":12310", "", NULL},
        {"0.0.0.0:1", "", NULL},
    };
    char host[256], everywhere[300];
    assert_int_equal(gethostname(host, sizeof host), 0);
    (void)snprintf(everywhere, sizeof everywhere, "https://%s:4711", host);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SLK_CLEANUP(slk_freep) char *url = NULL;
        set_text(&repo.config.listen, cases[i].listen);
        set_text(&repo.config.node_url, cases[i].node_url);
        set_text(&repo.config.external_url, "https://all.example");
        assert_int_equal(slk_repo_node_url(&url, &repo, 4711, &error), SLK_OK);
        assert_string_equal(url, cases[i].url ? cases[i].url : everywhere);
    }
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
        cmocka_unit_test(every_mistake_is_found_at_once),
        cmocka_unit_test(secrets_may_lie_in_files),
        cmocka_unit_test(a_rewritten_file_keeps_every_value),
        cmocka_unit_test(differences_are_listed_with_their_origin),
        cmocka_unit_test(a_repository_is_made_once_and_locked),
        cmocka_unit_test(who_serves_nobody_is_told_apart),
        cmocka_unit_test(the_url_is_external_served_or_listened),
        cmocka_unit_test(nodes_know_each_others_address),
        cmocka_unit_test(tokens_are_wrapped_and_damage_is_seen),
    };
    return cmocka_run_group_tests_name("repository", tests, make_folder, drop_folder);
}
