/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "seal/member.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "db/args.h"
#include "seal/rows_impl.h"
#include "seal/seal_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_FILE ".selkie-folder"
#define LOOK_AGAIN_MS 250
#define ALIVE_MS 10000 /* ten heartbeats */
#define ALIVE_IN_FILE_MS 150000 /* there it is noted once a minute */

static const slk_sql read_node = {"node.read",
                                  "SELECT instance, seen_ms FROM node WHERE name = $1"};
static const slk_sql insert_node = {
    "node.insert", "INSERT INTO node (name, roles, starts, started_ms, seen_ms, instance,"
                   " provider_folder_id, client_folder_id) VALUES ($1, $2, 1, $3, $3, $4, $5, $6)"
                   " ON CONFLICT (name) DO NOTHING"};
static const slk_sql take_node = {
    "node.take",
    "UPDATE node SET roles = $2, starts = starts + 1, started_ms = $3, seen_ms = $3,"
    " instance = $4, provider_folder_id = $5, client_folder_id = $6, url = '', pin = ''"
    " WHERE name = $1 AND instance = $7 AND seen_ms = $8"};
static const slk_sql seen_node = {"node.seen",
                                  "UPDATE node SET seen_ms = $3 WHERE name = $1 AND instance = $2"};
static const slk_sql leave_node = {
    "node.leave", "UPDATE node SET seen_ms = $3, instance = '' WHERE name = $1 AND instance = $2"};

static const slk_sql note_address = {
    "node.address", "UPDATE node SET url = $3, pin = $4 WHERE name = $1 AND instance = $2"};
static const slk_sql find_holders = {
    "node.holders", "SELECT name, url, pin FROM node WHERE provider_folder_id = $1 AND name <> $2"
                    " AND url <> '' AND instance <> '' AND seen_ms > $3"
                    " ORDER BY seen_ms DESC, name LIMIT 4"};

static const slk_sql write_shared = {"node.agree",
                                     "INSERT INTO node_shared (name, value) VALUES ($1, $2)"
                                     " ON CONFLICT (name) DO NOTHING"};
static const slk_sql count_shared = {
    "node.agreed", "SELECT count(*) FROM node_shared WHERE name = $1 AND value = $2"};

static const slk_sql place_task[SLK_PIPELINE_COUNT] = {
    [SLK_PIPELINE_PROVIDER] = {"task.place_provider",
                               "UPDATE task SET folder_id = (SELECT folder_id FROM"
                               " rseal_provider_pipeline WHERE sp_id = $2 AND sector_number = $3)"
                               " WHERE id = $1"},
    [SLK_PIPELINE_CLIENT] = {"task.place_client",
                             "UPDATE task SET folder_id = (SELECT folder_id FROM"
                             " rseal_client_pipeline WHERE sp_id = $2 AND sector_number = $3)"
                             " WHERE id = $1"},
};
static const slk_sql place_row[SLK_PIPELINE_COUNT] = {
    [SLK_PIPELINE_PROVIDER] = {"provider.place",
                               "UPDATE rseal_provider_pipeline SET folder_id = $3"
                               " WHERE sp_id = $1 AND sector_number = $2 AND folder_id = ''"},
    [SLK_PIPELINE_CLIENT] = {"client.place",
                             "UPDATE rseal_client_pipeline SET folder_id = $3"
                             " WHERE sp_id = $1 AND sector_number = $2 AND folder_id = ''"},
};

/* ---- folders ---- */

/* Of two nodes that make the file at once the second finds the first one's: link never replaces. */
static slk_err make_folder_file(const char *folder, const char *path, slk_error *error)
{
    char id[38];
    slk_seal_uuid(id);
    strcat(id, "\n");
    SLK_CLEANUP(slk_freep) char *fresh = slk_strf("%s/.selkie-folder-%.8s", folder, id);
    if (!fresh)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const slk_err code = slk_file_write_atomic(fresh, id, strlen(id), 0644, error);
    const int why = code != SLK_OK || link(fresh, path) == 0 || errno == EEXIST ? 0 : errno;
    (void)unlink(fresh); /* also when it could not be made to last */
    if (code != SLK_OK)
        return code;
    if (why != 0)
        return slk_fail_errno(error, why, "cannot make %s", path);
    /* After a power cut the folder must not be another one than the database says. */
    return slk_file_sync_folder_of(path, error);
}

slk_err slk_member_folder_id(char ret_id[37], const char *folder, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(folder, FOLDER_FILE);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    if (!slk_file_exists(path))
        SLK_TRY(make_folder_file(folder, path, error));
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 64);
    SLK_TRY(slk_file_read_all(&text, path, error));
    if (strcspn(slk_buf_str(&text), "\n") != 36)
        return slk_fail(error, SLK_E_CORRUPT, "%s does not hold a folder's id", path);
    memcpy(ret_id, slk_buf_str(&text), 36);
    ret_id[36] = 0;
    return SLK_OK;
}

static slk_err read_folders(slk_seal *seal, slk_error *error)
{
    const slk_seal_options *o = &seal->options;
    char scratch[37], storage[37];
    SLK_TRY(slk_member_folder_id(scratch, o->scratch_folder, error));
    (void)snprintf(seal->folder_id[SLK_PIPELINE_PROVIDER], SLK_FOLDER_ID_CHARS, "%s", scratch);
    if (!o->client)
        return SLK_OK;
    SLK_TRY(slk_member_folder_id(storage, o->storage_folder, error));
    (void)snprintf(seal->folder_id[SLK_PIPELINE_CLIENT], SLK_FOLDER_ID_CHARS, "%s/%s", storage,
                   scratch);
    return SLK_OK;
}

bool slk_member_has(const slk_seal *seal, slk_pipeline pipeline, const char *folder_id)
{
    return folder_id[0] == '\0' || strcmp(folder_id, seal->folder_id[pipeline]) == 0;
}

slk_err slk_member_need(const slk_seal *seal, slk_pipeline pipeline, const char *folder_id,
                        slk_error *error)
{
    if (slk_member_has(seal, pipeline, folder_id))
        return SLK_OK;
    return slk_fail(error, SLK_E_BUSY, "the sector's files are with another node");
}

slk_err slk_member_place_task(slk_db *db, slk_pipeline pipeline, int64_t task_id, uint64_t sp_id,
                              uint64_t number, slk_error *error)
{
    return slk_sql_run(db, &place_task[pipeline],
                       SLK_ARGS(slk_arg_i(task_id), slk_arg_u(sp_id), slk_arg_u(number)), NULL,
                       error);
}

slk_err slk_member_place_row(slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id, uint64_t number,
                             slk_error *error)
{
    return slk_sql_run(
        seal->db, &place_row[pipeline],
        SLK_ARGS(slk_arg_u(sp_id), slk_arg_u(number), slk_arg_t(seal->folder_id[pipeline])), NULL,
        error);
}

/* ---- addresses ---- */

static slk_err name_is_taken(const slk_seal *seal, slk_error *error)
{
    return slk_fail(error, SLK_E_CONFLICT, "another process has taken the name %s",
                    seal->options.node_name);
}

slk_err slk_member_note_address(slk_seal *seal, const char *url, const char *pin, slk_error *error)
{
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(seal->db, &note_address,
                        SLK_ARGS(slk_arg_t(seal->options.node_name), slk_arg_t(seal->instance),
                                 slk_arg_t(url), slk_arg_t(pin)),
                        &changes, error));
    return changes == 1 ? SLK_OK : name_is_taken(seal, error);
}

int64_t slk_member_fresh_ms(const slk_db *db)
{
    return slk_db_is_server(db) ? ALIVE_MS : ALIVE_IN_FILE_MS;
}

slk_err slk_member_find_holders(slk_member_address ret[SLK_MEMBER_HOLDERS_MAX], size_t *ret_n,
                                slk_seal *seal, const char *folder_id, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    const int64_t since_ms = slk_seal_now(seal) - slk_member_fresh_ms(seal->db);
    SLK_TRY(slk_sql_open(
        &q, seal->db, &find_holders,
        SLK_ARGS(slk_arg_t(folder_id), slk_arg_t(seal->options.node_name), slk_arg_i(since_ms)),
        error));
    size_t n = 0;
    while (n < SLK_MEMBER_HOLDERS_MAX) {
        bool row = false;
        SLK_TRY(slk_query_step(&q, &row, error));
        if (!row)
            break;
        slk_sql_copy_text(ret[n].name, sizeof ret[n].name, &q, 0);
        slk_sql_copy_text(ret[n].url, sizeof ret[n].url, &q, 1);
        slk_sql_copy_text(ret[n].pin, sizeof ret[n].pin, &q, 2);
        n++;
    }
    *ret_n = n;
    return SLK_OK;
}

/* ---- the name ---- */

typedef struct namesake {
    bool there;
    char instance[40];
    int64_t seen_ms;
} namesake;

static slk_err read_namesake(namesake *ret, slk_seal *seal, slk_error *error)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    SLK_TRY(slk_sql_open(&q, seal->db, &read_node, SLK_ARGS(slk_arg_t(seal->options.node_name)),
                         error));
    *ret = (namesake){0};
    SLK_TRY(slk_query_step(&q, &ret->there, error));
    if (ret->there) {
        slk_sql_copy_text(ret->instance, sizeof ret->instance, &q, 0);
        ret->seen_ms = slk_column_i64(&q, 1);
    }
    return SLK_OK;
}

static slk_err lives_elsewhere(const slk_seal *seal, slk_error *error)
{
    return slk_fail(error, SLK_E_BUSY,
                    "another node named %s lives on the database %s: stop it, or give this one "
                    "another name (the file `node` in its repository)",
                    seal->options.node_name, slk_db_name(seal->db));
}

/* Ours when it stands still for watch_ms, or was given free. */
static slk_err watch_namesake(namesake *ret, slk_seal *seal, slk_error *error)
{
    SLK_TRY(read_namesake(ret, seal, error));
    if (!ret->there || ret->instance[0] == '\0')
        return SLK_OK;
    int64_t until_ms = slk_clock_monotonic_ms() + seal->options.watch_ms;
    while (slk_clock_monotonic_ms() < until_ms) {
        slk_clock_sleep_ms(LOOK_AGAIN_MS);
        namesake now;
        SLK_TRY(read_namesake(&now, seal, error));
        if (now.seen_ms != ret->seen_ms && now.instance[0] != '\0')
            return lives_elsewhere(seal, error);
        *ret = now;
    }
    return SLK_OK;
}

slk_err slk_member_join(slk_seal *seal, slk_error *error)
{
    const slk_seal_options *o = &seal->options;
    SLK_TRY(read_folders(seal, error));
    if (o->beside)
        return SLK_OK;
    namesake found;
    SLK_TRY(watch_namesake(&found, seal, error));
    slk_seal_uuid(seal->instance);
    const char *roles = o->provider && o->client ? "both" : o->provider ? "provider" : "client";
    const slk_arg args[] = {slk_arg_t(o->node_name),
                            slk_arg_t(roles),
                            slk_arg_i(slk_seal_now(seal)),
                            slk_arg_t(seal->instance),
                            slk_arg_t(o->provider ? seal->folder_id[SLK_PIPELINE_PROVIDER] : ""),
                            slk_arg_t(seal->folder_id[SLK_PIPELINE_CLIENT]),
                            slk_arg_t(found.instance),
                            slk_arg_i(found.seen_ms)};
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(seal->db, found.there ? &take_node : &insert_node, args,
                        found.there ? 8 : 6, &changes, error));
    return changes == 1 ? SLK_OK : lives_elsewhere(seal, error);
}

slk_err slk_member_beat(slk_seal *seal, slk_error *error)
{
    int64_t changes = 0;
    SLK_TRY(slk_sql_run(seal->db, &seen_node,
                        SLK_ARGS(slk_arg_t(seal->options.node_name), slk_arg_t(seal->instance),
                                 slk_arg_i(slk_seal_now(seal))),
                        &changes, error));
    return changes == 1 ? SLK_OK : name_is_taken(seal, error);
}

slk_err slk_member_leave(slk_seal *seal, slk_error *error)
{
    return slk_sql_run(seal->db, &leave_node,
                       SLK_ARGS(slk_arg_t(seal->options.node_name), slk_arg_t(seal->instance),
                                slk_arg_i(slk_seal_now(seal))),
                       NULL, error);
}

slk_err slk_member_agree(slk_db *db, const char *name, const char *value, slk_error *error)
{
    int64_t agree = 0;
    SLK_TRY(
        slk_sql_run(db, &write_shared, SLK_ARGS(slk_arg_t(name), slk_arg_t(value)), NULL, error));
    SLK_TRY(slk_sql_number(&agree, db, &count_shared, SLK_ARGS(slk_arg_t(name), slk_arg_t(value)),
                           error));
    if (agree == 1)
        return SLK_OK;
    return slk_fail(error, SLK_E_CONFLICT, "nodes of the database %s have another %s",
                    slk_db_name(db), name);
}

/* ---- locks ---- */

static char *lock_path(const slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id, uint64_t number)
{
    return slk_strf("%s/locks/%s-s-t0%lu-%lu", seal->options.scratch_folder,
                    slk_pipeline_name(pipeline), (unsigned long)sp_id, (unsigned long)number);
}

/* The file we locked may have been removed by its last holder: only the one under the name counts. */
static bool still_named(int fd, const char *path)
{
    struct stat ours, named;
    return fstat(fd, &ours) == 0 && stat(path, &named) == 0 && ours.st_ino == named.st_ino &&
           ours.st_dev == named.st_dev;
}

slk_err slk_member_lock(int *ret_fd, const slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id,
                        uint64_t number, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = lock_path(seal, pipeline, sp_id, number);
    if (!path)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    *ret_fd = -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return slk_fail_errno(error, errno, "cannot make %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && still_named(fd, path))
        *ret_fd = fd;
    else
        (void)close(fd);
    return SLK_OK;
}

void slk_member_unlock(int fd, const slk_seal *seal, slk_pipeline pipeline, uint64_t sp_id,
                       uint64_t number)
{
    if (fd < 0)
        return;
    SLK_CLEANUP(slk_freep) char *path = lock_path(seal, pipeline, sp_id, number);
    if (path)
        (void)unlink(path);
    (void)close(fd);
}
