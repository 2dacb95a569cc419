/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/buf.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/gate.h"
#include "base/job.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/outfile.h"
#include "base/pool.h"
#include "base/stage_names.h"
#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void numbers_are_parsed_whole(void **state)
{
    (void)state;
    uint64_t u;
    int64_t i;
    assert_int_equal(slk_parse_u64(&u, "18446744073709551615"), SLK_OK);
    assert_true(u == UINT64_MAX);
    assert_int_equal(slk_parse_u64(&u, "18446744073709551616"), SLK_E_LIMIT);
    assert_int_equal(slk_parse_u64(&u, ""), SLK_E_INVAL);
    assert_int_equal(slk_parse_u64(&u, "12 "), SLK_E_INVAL);
    assert_int_equal(slk_parse_u64(&u, "+1"), SLK_E_INVAL);
    assert_int_equal(slk_parse_i64(&i, "-9223372036854775808"), SLK_OK);
    assert_true(i == INT64_MIN);
    assert_int_equal(slk_parse_i64(&i, "9223372036854775808"), SLK_E_LIMIT);
}

static void hex_round_trips_and_refuses(void **state)
{
    (void)state;
    uint8_t in[3] = {0x00, 0xaf, 0x10}, out[3];
    char text[7];
    slk_hex_encode(text, in, 3);
    assert_string_equal(text, "00af10");
    assert_true(slk_hex_decode(out, 3, "00AF10"));
    assert_memory_equal(in, out, 3);
    assert_false(slk_hex_decode(out, 3, "00af1"));
    assert_false(slk_hex_decode(out, 3, "00af100"));
    assert_false(slk_hex_decode(out, 3, "00ag10"));
}

static void buffers_keep_their_maximum(void **state)
{
    (void)state;
    slk_buf buf;
    slk_buf_init(&buf, 5);
    assert_string_equal(slk_buf_str(&buf), "");
    assert_int_equal(slk_buf_text(&buf, "abc"), SLK_OK);
    assert_int_equal(slk_buf_text(&buf, "def"), SLK_E_LIMIT);
    assert_int_equal(slk_buf_printf(&buf, "%d", 42), SLK_OK);
    assert_string_equal(slk_buf_str(&buf), "abc42");
    slk_buf_done(&buf);
}

static void errors_carry_code_and_sentence(void **state)
{
    (void)state;
    slk_error e = {0};
    assert_int_equal(slk_fail_errno(&e, 2, "cannot open %s", "x"), SLK_E_NOTFOUND);
    assert_string_equal(e.message, "cannot open x: No such file or directory");
    assert_int_equal(slk_fail_context(&e, e.code, "reading"), SLK_E_NOTFOUND);
    assert_string_equal(e.message, "reading: cannot open x: No such file or directory");
    assert_int_equal(slk_fail_context(&e, SLK_E_PROTO, "then"), SLK_E_PROTO);
    assert_string_equal(e.message, "then: reading: cannot open x: No such file or directory");
    assert_int_equal(e.code, SLK_E_PROTO);
    for (int code = 0; code < SLK_ERR_COUNT; code++)
        assert_non_null(slk_err_name((slk_err)code));
}

struct counted {
    atomic_uint_fast64_t sum;
    atomic_uint seen[1000];
};

static void count_range(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    struct counted *c = context;
    assert_true(worker < 4);
    for (uint64_t i = begin; i < end; i++) {
        atomic_fetch_add(&c->sum, i);
        atomic_fetch_add(&c->seen[i], 1);
    }
}

static void pool_covers_each_index_once(void **state)
{
    (void)state;
    slk_pool *pool = NULL;
    assert_int_equal(slk_pool_new(&pool, 4, NULL), SLK_OK);
    for (int round = 0; round < 50; round++) {
        struct counted c = {0};
        slk_pool_for(pool, 1000, 7, count_range, &c);
        assert_int_equal(atomic_load(&c.sum), 999 * 1000 / 2);
        for (int i = 0; i < 1000; i++)
            assert_int_equal(atomic_load(&c.seen[i]), 1);
    }
    slk_pool_free(pool);
    struct counted alone = {0};
    slk_pool_for(NULL, 1000, 7, count_range, &alone);
    assert_int_equal(atomic_load(&alone.sum), 999 * 1000 / 2);
}

/* The producer of a gate: raises it in steps, then closes it short of what is waited for. */
struct climb {
    slk_gate gate;
    atomic_uint_fast64_t made;
    uint64_t seen[3];
    bool reached[3];
};

static void climb_or_wait(void *context, uint64_t begin, uint64_t end, unsigned worker)
{
    (void)end;
    (void)worker;
    struct climb *c = context;
    for (uint64_t i = 1; begin == 0 && i <= 1000; i++) {
        atomic_store(&c->made, i);
        assert_true(slk_gate_raise(&c->gate, i));
    }
    if (begin == 0) {
        slk_gate_close(&c->gate);
        return;
    }
    static const uint64_t levels[3] = {500, 1000, 1001};
    for (size_t k = 0; k < 3; k++) {
        c->reached[k] = slk_gate_wait(&c->gate, levels[k]);
        c->seen[k] = atomic_load(&c->made);
    }
}

static void gates_hold_until_raised(void **state)
{
    (void)state;
    struct climb c = {.made = 0};
    slk_gate_init(&c.gate);
    slk_pool *pool = NULL;
    assert_int_equal(slk_pool_new(&pool, 2, NULL), SLK_OK);
    slk_pool_for(pool, 2, 1, climb_or_wait, &c);
    assert_true(c.reached[0] && c.seen[0] >= 500);
    assert_true(c.reached[1] && c.seen[1] == 1000);
    assert_false(c.reached[2]);
    assert_false(slk_gate_raise(&c.gate, 7)); /* a level never sinks */
    assert_true(slk_gate_wait(&c.gate, 1000));
    assert_false(slk_gate_broken(&c.gate));
    slk_gate_break(&c.gate);
    assert_true(slk_gate_broken(&c.gate));
    assert_false(slk_gate_raise(&c.gate, 2000));
    assert_false(slk_gate_wait(&c.gate, 1));
    slk_pool_free(pool);
    slk_gate_done(&c.gate);
}

static void memory_is_told(void **state)
{
    (void)state;
    assert_true(slk_mem_available() > 0);
    assert_true(slk_mem_usage_now().rss_peak_bytes > 0);
}

static void write_node(const char *folder, unsigned node, const char *text)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/node%u", folder, node);
    assert_int_equal(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof path, "%s/node%u/meminfo", folder, node);
    assert_int_equal(slk_file_write_atomic(path, text, strlen(text), 0644, NULL), SLK_OK);
}

static void memory_by_node_is_told(void **state)
{
    (void)state;
    char folder[] = "/tmp/slk-base-test-XXXXXX";
    uint64_t nodes[SLK_MEM_NODES_MAX];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(slk_mem_nodes(nodes, folder), 0);
    write_node(folder, 0, "Node 0 MemTotal:       1024 kB\nNode 0 MemFree:        12 kB\n");
    write_node(folder, 1, "Node 1 MemTotal:       0 kB\n"); /* processors alone */
    write_node(folder, 3, "Node 3 MemTotal:       2048 kB\n");
    assert_int_equal(slk_mem_nodes(nodes, folder), 2);
    assert_int_equal(nodes[0], 1 << 20);
    assert_int_equal(nodes[1], 2 << 20);
    assert_int_equal(slk_remove_tree(folder, NULL), SLK_OK);
}

static void files_appear_whole(void **state)
{
    (void)state;
    char folder[] = "/tmp/slk-base-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    SLK_CLEANUP(slk_freep) char *deep = slk_path_join(folder, "a/b/c");
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(deep, "file");
    slk_error e = {0};
    assert_int_equal(slk_folder_make("", 0700, &e), SLK_E_INVAL);
    assert_int_equal(slk_folder_make(deep, 0700, &e), SLK_OK);
    assert_int_equal(slk_folder_make(deep, 0700, &e), SLK_OK);
    assert_int_equal(slk_file_write_atomic(path, "hello", 5, 0600, &e), SLK_OK);
    assert_int_equal(slk_file_write_atomic(path, "world", 5, 0600, &e), SLK_OK);
    slk_buf buf;
    slk_buf_init(&buf, 100);
    assert_int_equal(slk_file_read_all(&buf, path, &e), SLK_OK);
    assert_string_equal(slk_buf_str(&buf), "world");
    slk_buf_done(&buf);
    slk_buf_init(&buf, 3);
    assert_int_equal(slk_file_read_all(&buf, path, &e), SLK_E_LIMIT);
    slk_buf_done(&buf);
    slk_file_map map;
    assert_int_equal(slk_file_map_read(&map, path, &e), SLK_OK);
    assert_int_equal(map.bytes, 5);
    slk_file_map_done(&map);
    assert_int_equal(slk_remove_tree(folder, &e), SLK_OK);
    assert_false(slk_file_exists(folder));
    assert_int_equal(slk_remove_tree(folder, &e), SLK_OK);
    assert_int_equal(slk_file_map_read(&map, path, &e), SLK_E_NOTFOUND);
}

struct writer {
    const char *path;
    char byte;
};

static void *write_often(void *argument)
{
    const struct writer *w = argument;
    char text[300];
    memset(text, w->byte, sizeof text);
    for (int i = 0; i < 50; i++)
        assert_int_equal(slk_file_write_atomic(w->path, text, sizeof text, 0600, NULL), SLK_OK);
    return NULL;
}

static void writers_of_one_file_take_turns(void **state)
{
    (void)state;
    char folder[] = "/tmp/slk-base-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, "file");
    pthread_t threads[4];
    struct writer writers[4];
    for (int i = 0; i < 4; i++) {
        writers[i] = (struct writer){path, (char)('a' + i)};
        assert_int_equal(pthread_create(&threads[i], NULL, write_often, &writers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    slk_buf buf;
    slk_buf_init(&buf, 1000);
    assert_int_equal(slk_file_read_all(&buf, path, NULL), SLK_OK);
    assert_int_equal(buf.len, 300);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(buf.data[i], buf.data[0]);
    slk_buf_done(&buf);
    SLK_CLEANUP(slk_freep) char *temp = slk_path_join(folder, "file.tmp");
    assert_false(slk_file_exists(temp));
    assert_int_equal(slk_remove_tree(folder, NULL), SLK_OK);
}

/* Two writers of one path: the second is refused, the first is not disturbed. */
static void output_files_have_one_writer(void **state)
{
    (void)state;
    char folder[] = "/tmp/selkie-out-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = slk_path_join(folder, "out");
    char *temp = slk_path_join(folder, "out.tmp");
    slk_outfile first, second = SLK_OUTFILE_NONE;
    slk_error error = {0};
    assert_int_equal(slk_outfile_open(&first, path, NULL, 5, &error), SLK_OK);
    assert_int_equal(slk_file_write_at(first.fd, "first", 5, 0, first.temp, NULL), SLK_OK);
    assert_int_equal(slk_outfile_open(&second, path, NULL, 5, &error), SLK_E_BUSY);
    assert_non_null(strstr(error.message, path));
    slk_outfile_done(&second);
    assert_true(slk_file_exists(temp));
    assert_int_equal(slk_outfile_commit(&first, NULL), SLK_OK);
    slk_outfile_done(&first);
    assert_int_equal(slk_outfile_open(&second, path, NULL, 0, NULL), SLK_OK);
    slk_outfile_done(&second); /* given up: the whole file stays */
    assert_false(slk_file_exists(temp));
    uint64_t bytes = 0;
    assert_int_equal(slk_file_size(&bytes, path, NULL), SLK_OK);
    assert_int_equal(bytes, 5);
    int fd = -1;
    assert_int_equal(slk_file_create_unnamed(&fd, folder, NULL), SLK_OK);
    assert_int_equal(slk_file_write_at(fd, "x", 1, 0, folder, NULL), SLK_OK);
    slk_closep(&fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing else is in it */
    slk_free(path);
    slk_free(temp);
}

static void texts_become_printable(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"plain", "plain"},
        {"a\nb\x1b[0m\x7f", "a?b?[0m?"},
        {"\xc3\xa9\xe2\x98\x83", "\xc3\xa9\xe2\x98\x83"},
        {"\xff\xc3", "??"},
        {"\xc0\x80x", "??x"},
        {"\xed\xa0\x80", "???"},
        {"\xf0\x9f\xa6\xad", "\xf0\x9f\xa6\xad"},
        {"\xc2\x9b", "??"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char *clean = slk_text_printable(pairs[i][0]);
        assert_string_equal(clean, pairs[i][1]);
        slk_free(clean);
    }
}

static void errors_are_utf8(void **state)
{
    (void)state;
    slk_error error = {0};
    char text[400];
    memset(text, 'a', sizeof text);
    memcpy(text + sizeof error.message - 2, "\xc3\xa9", 3); /* its second half does not fit */
    assert_int_equal(slk_fail(&error, SLK_E_IO, "%s", text), SLK_E_IO);
    assert_int_equal(strlen(error.message), sizeof error.message - 2);
    assert_true(slk_text_is_utf8(error.message));
    memcpy(text + sizeof error.message - 5, "\xc3\xa9", 3);
    (void)slk_fail(&error, SLK_E_IO, "%s", text);
    (void)slk_fail_context(&error, SLK_E_IO, "x");
    assert_true(slk_text_is_utf8(error.message));
    assert_int_equal(strlen(error.message), sizeof error.message - 2);
    (void)slk_fail(&error, SLK_E_IO, "%.1s, \xff\nx", "\xc3\xa9");
    assert_string_equal(error.message, "?, ?\nx");
    (void)slk_fail_errno(&error, 5, "%.1s", "\xc3\xa9");
    assert_true(error.message[0] == '?' && slk_text_is_utf8(error.message));
    char words[] = "say \"\xc2\x9b\"\n\xe2\x98";
    slk_text_quotable(words);
    assert_string_equal(words, "say '?"
                               "?'?");
    assert_true(slk_text_is_printable("\xc3\xa9"));
    assert_false(slk_text_is_printable("a\n"));
    assert_false(slk_text_is_printable("\xc2\x9b"));
    assert_false(slk_text_is_utf8("a\xc3"));
    assert_true(slk_text_is_utf8("\n"));
}

static void times_are_printed(void **state)
{
    (void)state;
    char text[32];
    slk_clock_format(text, sizeof text, INT64_C(1700000020123));
    assert_string_equal(text, "2023-11-14T22:13:40.123Z");
}

/* Which stages were seen, in which order and how often does not matter; how long they took does not
 * enter the test. */
static void jobs_under_another_end_with_it(void **state)
{
    (void)state;
    slk_job above, one, two;
    slk_job_init(&above);
    slk_job_init_under(&one, &above);
    slk_job_init_under(&two, &above);
    slk_job_stage(&one, "one", 3);
    slk_job_cancel(&one);
    assert_int_equal(slk_job_check(&one, NULL), SLK_E_CANCELED);
    assert_int_equal(slk_job_check(&two, NULL), SLK_OK);
    assert_int_equal(slk_job_check(&above, NULL), SLK_OK);
    slk_job_cancel(&above);
    assert_int_equal(slk_job_check(&two, NULL), SLK_E_CANCELED);
}

static void jobs_tell_their_pace(void **state)
{
    (void)state;
    slk_job job;
    double rate = -1;
    int64_t left_ms = -1;
    slk_job_init(&job);
    slk_job_stage(&job, "one", 1000);
    const uint64_t since = atomic_load(&job.since_ns);
    assert_false(slk_job_pace(&rate, &left_ms, &job, since + 1000000000));
    slk_job_advance(&job, 200);
    assert_false(slk_job_pace(&rate, &left_ms, &job, since));
    assert_true(slk_job_pace(&rate, &left_ms, &job, since + 4000000000));
    assert_true(rate > 49.99 && rate < 50.01);
    assert_int_equal(left_ms, 16000);
    /* What was done before it was watched says nothing of its pace. */
    slk_job_stage(&job, "two", 1000);
    slk_job_resume(&job, 600);
    const uint64_t anew = atomic_load(&job.since_ns);
    assert_false(slk_job_pace(&rate, &left_ms, &job, anew + 1000000000));
    slk_job_advance(&job, 100);
    assert_true(slk_job_pace(&rate, &left_ms, &job, anew + 10000000000));
    assert_true(rate > 9.99 && rate < 10.01);
    assert_int_equal(left_ms, 30000);
    slk_job_advance(&job, 400); /* more than there was: nobody knows */
    assert_false(slk_job_pace(&rate, &left_ms, &job, anew + 20000000000));
}

static void jobs_remember_their_stages(void **state)
{
    (void)state;
    slk_job job;
    slk_job_init(&job);
    const char *name = "none";
    double seconds = -1;
    assert_false(slk_job_stage_seconds(&job, 0, &name, &seconds));
    slk_job_stage(&job, "one", 3);
    slk_job_stage(&job, "two", 0);
    slk_job_stage(&job, "one", 1);
    assert_true(slk_job_stage_seconds(&job, 0, &name, &seconds));
    assert_string_equal(name, "one");
    assert_true(seconds >= 0);
    assert_true(slk_job_stage_seconds(&job, 1, &name, &seconds));
    assert_string_equal(name, "two");
    assert_false(slk_job_stage_seconds(&job, 2, &name, &seconds));
    static const char *const many[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k",
                                       "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v",
                                       "w", "x", "y", "z", "A", "B", "C", "D", "E", "F", "G"};
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        slk_job_stage(&job, many[i], 0);
    assert_true(slk_job_stage_seconds(&job, SLK_JOB_STAGES - 1, &name, &seconds));
    assert_false(slk_job_stage_seconds(&job, SLK_JOB_STAGES, &name, &seconds));
}

static void uuids_are_random_and_of_one_form(void **state)
{
    (void)state;
    char a[SLK_UUID_CHARS], b[SLK_UUID_CHARS];
    slk_uuid_random(a);
    slk_uuid_random(b);
    assert_string_not_equal(a, b);
    assert_true(slk_uuid_is(a) && slk_uuid_is(b) && slk_uuid_is(SLK_UUID_NIL));
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
    assert_false(slk_uuid_is(""));
    assert_false(slk_uuid_is("6F6b1d0a-7d0e-4c38-9a52-5f2c1a3f9d77")); /* one spelling */
    assert_false(slk_uuid_is("6f6b1d0a-7d0e-4c38-9a52-5f2c1a3f9d7"));
    assert_false(slk_uuid_is("6f6b1d0a-7d0e-4c38-9a52-5f2c1a3f9d777"));
    assert_false(slk_uuid_is("6f6b1d0a-7d0e-4c38-9a5215f2c1a3f9d77"));
}

static void stage_names_are_kept_once(void **state)
{
    static const char no[] = "no";
    slk_stage_names names = {0};
    char text[64] = "layer 3";
    (void)state;
    const char *kept = slk_stage_names_keep(&names, text, no);
    assert_string_equal(kept, "layer 3");
    assert_ptr_not_equal(kept, text);
    text[6] = '4';
    assert_string_equal(kept, "layer 3");
    assert_string_equal(slk_stage_names_keep(&names, text, no), "layer 4");
    assert_ptr_equal(slk_stage_names_keep(&names, "layer 3", no), kept);
    assert_ptr_equal(slk_stage_names_keep(&names, "", no), no);
    assert_ptr_equal(slk_stage_names_keep(&names, "a\033[2J", no), no);
    assert_ptr_equal(slk_stage_names_keep(&names, "\xc3\xa4", no), no);
    memset(text, 'a', SLK_STAGE_NAME_CHARS);
    text[SLK_STAGE_NAME_CHARS] = 0;
    assert_ptr_equal(slk_stage_names_keep(&names, text, no), no);
    text[SLK_STAGE_NAME_CHARS - 1] = 0;
    assert_string_equal(slk_stage_names_keep(&names, text, no), text);
    for (unsigned i = 3; i < SLK_STAGE_NAMES_MAX; i++) {
        (void)snprintf(text, sizeof text, "%u", i);
        assert_string_equal(slk_stage_names_keep(&names, text, no), text);
    }
    assert_ptr_equal(slk_stage_names_keep(&names, "one more", no), no);
    assert_ptr_equal(slk_stage_names_keep(&names, "layer 3", no), kept);
    slk_stage_names_done(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuids_are_random_and_of_one_form),
        cmocka_unit_test(jobs_under_another_end_with_it),
        cmocka_unit_test(jobs_tell_their_pace),
        cmocka_unit_test(jobs_remember_their_stages),
        cmocka_unit_test(stage_names_are_kept_once),
        cmocka_unit_test(numbers_are_parsed_whole),
        cmocka_unit_test(hex_round_trips_and_refuses),
        cmocka_unit_test(buffers_keep_their_maximum),
        cmocka_unit_test(errors_carry_code_and_sentence),
        cmocka_unit_test(pool_covers_each_index_once),
        cmocka_unit_test(gates_hold_until_raised),
        cmocka_unit_test(memory_is_told),
        cmocka_unit_test(memory_by_node_is_told),
        cmocka_unit_test(files_appear_whole),
        cmocka_unit_test(writers_of_one_file_take_turns),
        cmocka_unit_test(output_files_have_one_writer),
        cmocka_unit_test(texts_become_printable),
        cmocka_unit_test(errors_are_utf8),
        cmocka_unit_test(times_are_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
