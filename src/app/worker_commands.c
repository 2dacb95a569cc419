/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie worker …` on a running worker, over its API; on one of Lotus's just as well. */
#include "app/lotus_api.h"
#include "app/service.h"
#include "app/worker_commands.h"
#include "app/worker_link.h"

#include "base/mem.h"
#include "codec/json.h"
#include "codec/sse.h"
#include "lotus/resources.h"
#include "lotus/storage.h"
#include "lotus/task.h"
#include "lotus/worker_info.h"
#include "net/client.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX_BYTES ((size_t)16 << 20) /* of a list of them */

/* ---- info ---- */

struct facts {
    int64_t version;
    char session[SLK_UUID_CHARS];
    bool enabled;
    slk_lotus_worker_info info;
    slk_lotus_task_set tasks;
    slk_lotus_local_paths paths;
};

static slk_err ask_facts(struct facts *f, slk_worker_link *link, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *version = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *session = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *enabled = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *info = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *tasks = NULL;
    SLK_CLEANUP(slk_json_decrefp) json_t *paths = NULL;
    SLK_TRY(slk_worker_ask(link, "Filecoin.Version", json_array(), &version, error));
    SLK_TRY(slk_worker_ask(link, "Filecoin.ProcessSession", json_array(), &session, error));
    SLK_TRY(slk_worker_ask(link, "Filecoin.Enabled", json_array(), &enabled, error));
    SLK_TRY(slk_worker_ask(link, "Filecoin.Info", json_array(), &info, error));
    SLK_TRY(slk_worker_ask(link, "Filecoin.TaskTypes", json_array(), &tasks, error));
    SLK_TRY(slk_worker_ask(link, "Filecoin.Paths", json_array(), &paths, error));
    SLK_TRY(slk_json_as_i64(&f->version, version, "Version", error));
    SLK_TRY(slk_lotus_uuid_read(f->session, session, "ProcessSession", error));
    f->enabled = json_is_true(enabled);
    SLK_TRY(slk_lotus_worker_info_read(&f->info, info, "Info", error));
    SLK_TRY(slk_lotus_task_set_read(&f->tasks, tasks, "TaskTypes", error));
    return slk_lotus_local_paths_read(&f->paths, paths, "Paths", error);
}

static void facts_done(struct facts *f)
{
    slk_lotus_worker_info_done(&f->info);
    slk_lotus_local_paths_done(&f->paths);
}

static int by_order(const void *a, const void *b)
{
    const slk_lotus_task *x = a;
    const slk_lotus_task *y = b;
    return slk_lotus_task_order(*x) - slk_lotus_task_order(*y);
}

/* Those of the set in the order in which they are started. */
static size_t in_order(slk_lotus_task out[SLK_LOTUS_TASKS], slk_lotus_task_set set)
{
    size_t n = 0;
    for (slk_lotus_task t = 0; t < SLK_LOTUS_TASKS; t++)
        if (set & SLK_LOTUS_TASK_BIT(t))
            out[n++] = t;
    qsort(out, n, sizeof *out, by_order);
    return n;
}

static void print_bytes(const char *title, uint64_t used, uint64_t total)
{
    (void)printf("%s%.1f GiB/%.1f GiB", title, (double)used / (1 << 30), (double)total / (1 << 30));
}

static void print_info(const struct facts *f)
{
    const slk_lotus_machine *m = &f->info.machine;
    slk_lotus_task tasks[SLK_LOTUS_TASKS];
    const size_t n = in_order(tasks, f->tasks);
    (void)printf("Worker version:  %" PRId64 ".%" PRId64 ".%" PRId64 "\n", f->version >> 16,
                 f->version >> 8 & 0xff, f->version & 0xff);
    (void)printf("CLI version: selkie %s\n\nSession: %s\nEnabled: %s\n", SLK_VERSION, f->session,
                 f->enabled ? "true" : "false");
    (void)printf("Hostname: %s\nCPUs: %" PRIu64 "; GPUs: [", f->info.hostname, m->cpus);
    for (size_t i = 0; i < m->gpus.n; i++)
        (void)printf("%s%s", i ? ", " : "", m->gpus.item[i]);
    print_bytes("]\nRAM: ", m->mem_used, m->mem_physical);
    print_bytes("; Swap: ", m->mem_swap_used, m->mem_swap);
    (void)printf("\nTask types: ");
    for (size_t i = 0; i < n; i++)
        (void)printf("%s ", slk_lotus_task_short(tasks[i]));
    (void)printf("\n\n");
    for (size_t i = 0; i < f->paths.n; i++) {
        const slk_lotus_local_path *p = &f->paths.item[i];
        (void)printf("%s:\n\tWeight: %" PRIu64 "; Use: %s%s%s\n\tLocal: %s\n", p->id, p->weight,
                     p->can_seal ? "Seal " : "", p->can_store ? "Store" : "",
                     p->can_seal || p->can_store ? "" : "ReadOnly", p->folder);
    }
}

static slk_err show_facts(const struct facts *f, const slk_options *options, slk_error *error)
{
    if (!options->json) {
        print_info(f);
        return SLK_OK;
    }
    SLK_CLEANUP(slk_json_decrefp)
    json_t *all = json_pack(
        "{sI ss sb so so so}", "api_version", (json_int_t)f->version, "session", f->session,
        "enabled", f->enabled, "info", slk_lotus_worker_info_json(&f->info), "tasks",
        slk_lotus_task_set_json(f->tasks), "paths", slk_lotus_local_paths_json(&f->paths));
    if (!all)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    slk_service_print(all);
    return SLK_OK;
}

static slk_err info(slk_worker_link *link, const slk_options *options, slk_error *error)
{
    struct facts f = {0};
    slk_err code = ask_facts(&f, link, error);
    if (code == SLK_OK)
        code = show_facts(&f, options, error);
    facts_done(&f);
    return code;
}

/* ---- storage ---- */

static slk_err storage_list(slk_worker_link *link, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    slk_lotus_local_paths paths = {0};
    SLK_TRY(slk_worker_ask(link, "Filecoin.Paths", json_array(), &value, error));
    if (options->json) {
        slk_service_print(value);
        return SLK_OK;
    }
    SLK_TRY(slk_lotus_local_paths_read(&paths, value, "Paths", error));
    if (paths.n == 0)
        (void)printf("no storage paths; `selkie worker storage attach --init --seal DIR` adds "
                     "one\n");
    for (size_t i = 0; i < paths.n; i++)
        (void)printf("%s  weight %" PRIu64 "  %s%s %s\n", paths.item[i].id, paths.item[i].weight,
                     paths.item[i].can_seal ? "seal " : "", paths.item[i].can_store ? "store" : "",
                     paths.item[i].folder);
    slk_lotus_local_paths_done(&paths);
    return SLK_OK;
}

static slk_err add_words(slk_lotus_strings *list, const char *words, slk_error *error)
{
    while (words && *words) {
        const size_t n = strcspn(words, ",");
        SLK_CLEANUP(slk_freep) char *word = slk_strf("%.*s", (int)n, words);
        if (!word || slk_lotus_strings_add(list, word) != SLK_OK)
            return slk_fail(error, SLK_E_NOMEM, "out of memory");
        words += n + (words[n] == ',');
    }
    return SLK_OK;
}

static slk_err init_path(const slk_options *options, const char *folder, slk_error *error)
{
    slk_lotus_meta meta = {.weight = slk_options_u64(options, "weight"),
                           .can_seal = slk_options_flag(options, "seal"),
                           .can_store = slk_options_flag(options, "store"),
                           .max_storage = slk_options_u64(options, "max-storage")};
    if (!meta.can_seal && !meta.can_store)
        return slk_fail(error, SLK_E_INVAL, "say what the path is for: --seal, --store or both");
    slk_err code = add_words(&meta.filter.groups, slk_options_text(options, "groups"), error);
    if (code == SLK_OK)
        code = add_words(&meta.filter.allow_to, slk_options_text(options, "allow-to"), error);
    if (code == SLK_OK)
        code = slk_store_init_path(folder, &meta, error);
    slk_lotus_meta_done(&meta);
    return code;
}

static slk_err absolute(char **ret_folder, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *path = NULL;
    SLK_TRY(slk_home_path(&path, options->args[0], error));
    char *real = realpath(path, NULL); /* of libc's heap, as slk_free expects */
    if (!real)
        return slk_fail(error, SLK_E_NOTFOUND, "there is no folder %s", path);
    *ret_folder = real;
    return SLK_OK;
}

static slk_err storage_attach(slk_worker_link *link, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    SLK_TRY(absolute(&folder, options, error));
    if (slk_service_dry(options, "the folder would become a storage path of the worker"))
        return SLK_OK;
    if (slk_options_flag(options, "init"))
        SLK_TRY(init_path(options, folder, error));
    SLK_TRY(slk_worker_tell(link, "Filecoin.StorageAddLocal", json_pack("[s]", folder), error));
    slk_service_say(options, "attached");
    return SLK_OK;
}

static slk_err storage_detach(slk_worker_link *link, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    SLK_TRY(absolute(&folder, options, error));
    if (!slk_options_flag(options, "really-do-it")) {
        if (slk_service_dry(options, "the path would be closed; its files stay"))
            return SLK_OK;
        return slk_fail(error, SLK_E_INVAL,
                        "detaching %s makes what lies there unreachable for the node: pass "
                        "--really-do-it",
                        folder);
    }
    SLK_TRY(slk_worker_tell(link, "Filecoin.StorageDetachLocal", json_pack("[s]", folder), error));
    slk_service_say(options, "detached; its files stay where they are");
    return SLK_OK;
}

static slk_err storage_redeclare(slk_worker_link *link, const slk_options *options,
                                 slk_error *error)
{
    const char *id = slk_options_text(options, "id");
    const bool all = slk_options_flag(options, "all");
    if ((id != NULL) == all)
        return slk_fail(error, SLK_E_INVAL, "name one path by --id, or take --all");
    if (slk_service_dry(options, "the node would be told again what lies there"))
        return SLK_OK;
    SLK_TRY(slk_worker_tell(link, "Filecoin.StorageRedeclareLocal",
                            json_pack("[s?b]", id, slk_options_bool(options, "drop-missing")),
                            error));
    slk_service_say(options, "the node was told again what lies there");
    return SLK_OK;
}

/* ---- tasks ---- */

static slk_err tasks_list(slk_worker_link *link, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    slk_lotus_task_set set = 0;
    slk_lotus_task tasks[SLK_LOTUS_TASKS];
    SLK_TRY(slk_worker_ask(link, "Filecoin.TaskTypes", json_array(), &value, error));
    if (options->json) {
        slk_service_print(value);
        return SLK_OK;
    }
    SLK_TRY(slk_lotus_task_set_read(&set, value, "TaskTypes", error));
    const size_t n = in_order(tasks, set);
    for (size_t i = 0; i < n; i++)
        (void)printf("%-4s %s\n", slk_lotus_task_short(tasks[i]), slk_lotus_task_name(tasks[i]));
    return SLK_OK;
}

/* What the operator may switch. source: reference/lotus-worker 1.2 */
static const slk_lotus_task switchable[] = {
    SLK_LOTUS_UNSEAL,     SLK_LOTUS_COMMIT2,   SLK_LOTUS_PRECOMMIT2,
    SLK_LOTUS_PRECOMMIT1, SLK_LOTUS_ADD_PIECE, SLK_LOTUS_DATA_CID,
};

static slk_err switch_one(slk_worker_link *link, const char *method, slk_lotus_task task,
                          slk_error *error)
{
    return slk_worker_tell(link, method, json_pack("[s]", slk_lotus_task_name(task)), error);
}

/* Ours answers well to be told of a kind that it does not do, for the sake of Lotus's --all. */
static slk_err check_offered(slk_worker_link *link, slk_lotus_task task, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    slk_lotus_task_set set = 0;
    SLK_TRY(slk_worker_ask(link, "Filecoin.TaskTypes", json_array(), &value, error));
    SLK_TRY(slk_lotus_task_set_read(&set, value, "TaskTypes", error));
    if (set & SLK_LOTUS_TASK_BIT(task))
        return SLK_OK;
    return slk_fail(error, SLK_E_UNSUPPORTED,
                    "the worker does not do %s; `selkie worker tasks list` "
                    "shows what it does",
                    slk_lotus_task_short(task));
}

static slk_err switch_tasks(slk_worker_link *link, const slk_options *options, bool on,
                            slk_error *error)
{
    slk_lotus_task task;
    const char *method = on ? "Filecoin.TaskEnable" : "Filecoin.TaskDisable";
    const bool all = slk_options_flag(options, "all");
    if (all == (options->n_args == 1))
        return slk_fail(error, SLK_E_INVAL, "name one kind of task (PC1), or take --all");
    if (!all && !slk_lotus_task_of_short(&task, options->args[0]))
        return slk_fail(error, SLK_E_INVAL, "no kind of task %.20s; there are UNS C2 PC2 PC1 AP DC",
                        options->args[0]);
    if (slk_service_dry(options, "the worker would offer another set of tasks"))
        return SLK_OK;
    if (!all)
        SLK_TRY(switch_one(link, method, task, error));
    for (size_t i = 0; all && i < sizeof switchable / sizeof *switchable; i++)
        SLK_TRY(switch_one(link, method, switchable[i], error));
    if (!all && on)
        SLK_TRY(check_offered(link, task, error));
    slk_service_say(options, "done; the node sees it when it next looks");
    return SLK_OK;
}

static slk_err tasks_enable(slk_worker_link *link, const slk_options *options, slk_error *error)
{
    return switch_tasks(link, options, true, error);
}

static slk_err tasks_disable(slk_worker_link *link, const slk_options *options, slk_error *error)
{
    return switch_tasks(link, options, false, error);
}

/* ---- jobs ---- */

static slk_err print_job(const json_t *row, slk_error *error)
{
    slk_lotus_call_id id;
    SLK_TRY(slk_lotus_call_id_read(&id, json_object_get(row, "ID"), "call", error));
    const int64_t total = slk_service_number(row, "Total");
    const char *why = slk_service_text(row, "Why");
    (void)printf("%-9.8s f0%" PRIu64 "-%-6" PRIu64 " %-16s %-10s %s", id.uuid, id.sector.miner,
                 id.sector.number, slk_service_text(row, "Method"), slk_service_text(row, "State"),
                 slk_service_text(row, "Stage"));
    if (total > 0)
        (void)printf(" %" PRId64 "%%", 100 * slk_service_number(row, "Done") / total);
    (void)printf("%s%s\n", *why ? "  failed: " : "", why);
    return SLK_OK;
}

static slk_err print_jobs(const json_t *list, slk_error *error)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        SLK_TRY(print_job(json_array_get(list, i), error));
    return SLK_OK;
}

static void print_job_titles(void)
{
    (void)printf("%-9s %-14s %-16s %-10s %s\n", "ID", "SECTOR", "CALL", "STATE", "PROGRESS");
}

/* The list that a stream begins with, then each change; later lists say nothing new. */
struct following {
    slk_sse sse;
    bool json, listed;
};

static slk_err show_event(void *context, const char *name, const char *data, size_t n,
                          slk_error *error)
{
    struct following *f = context;
    SLK_CLEANUP(slk_json_decrefp) json_t *value = NULL;
    const bool list = strcmp(name, "tasks") == 0 && !f->listed;
    slk_err code = SLK_OK;
    if (!list && strcmp(name, "task") != 0)
        return SLK_OK;
    f->listed = true;
    SLK_TRY(slk_json_parse(&value, data, n, n, error));
    if (f->json)
        (void)printf("%s\n", data);
    else
        code = list ? print_jobs(value, error) : print_job(value, error);
    if (code == SLK_OK && fflush(stdout) != 0)
        code = slk_fail(error, SLK_E_CANCELED, "nobody reads what is printed");
    return code;
}

static slk_err take_events(void *context, const slk_http_response *response, const uint8_t *bytes,
                           size_t n, slk_error *error)
{
    struct following *f = context;
    (void)response;
    return slk_sse_take(&f->sse, bytes, n, error);
}

static slk_err read_events(slk_worker_link *link, struct following *f, slk_error *error)
{
    SLK_CLEANUP(slk_http_client_freep) slk_http_client *client = NULL;
    SLK_CLEANUP(slk_http_response_done) slk_http_response response = {0};
    SLK_CLEANUP(slk_freep) char *url = slk_http_url_join(link->api.info.url, "/selkie/events");
    if (!url)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const slk_http_client_options options = {.allow_plain_http = true};
    const slk_http_request request = {.url = url,
                                      .bearer = link->api.info.token,
                                      .pin = link->api.pin,
                                      .sink = take_events,
                                      .sink_context = f};
    SLK_TRY(slk_http_client_new(&client, &options, error));
    SLK_TRY(slk_http_call(client, &request, &response, error));
    if (response.status == 404)
        return slk_fail(error, SLK_E_UNSUPPORTED,
                        "that worker does not tell of what it does as it happens; leave out "
                        "--follow");
    return slk_http_expect_success(&response, "the worker's events", error);
}

static slk_err follow(slk_worker_link *link, const slk_options *options, slk_error *error)
{
    struct following f = {.json = options->json};
    slk_sse_init(&f.sse, JOBS_MAX_BYTES, show_event, &f);
    if (!f.json)
        print_job_titles();
    const slk_err code = read_events(link, &f, error);
    slk_sse_done(&f.sse);
    return code == SLK_OK ? slk_fail(error, SLK_E_UNREACHABLE, "the worker has ended, or the token")
                          : code;
}

static slk_err jobs(slk_worker_link *link, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *list = NULL;
    if (slk_options_flag(options, "follow"))
        return follow(link, options, error);
    SLK_TRY(slk_worker_ask(link, "Selkie.TaskProgress", json_array(), &list, error));
    if (options->json) {
        slk_service_print(list);
        return SLK_OK;
    }
    print_job_titles();
    return print_jobs(list, error);
}

/* ---- resources: of the environment, without a worker ---- */

struct variables {
    bool all, standard;
    json_t *json; /* NULL: print */
    unsigned shown;
};

static bool show_variable(void *context, const char *name, const char *value, const char *standard)
{
    struct variables *v = context;
    const char *shown = v->standard ? standard : value ? value : v->all ? standard : NULL;
    v->shown += shown != NULL;
    if (shown && v->json)
        return json_object_set_new(v->json, name, json_string(shown)) == 0;
    if (shown)
        (void)printf("%s=%s\n", name, shown);
    return true;
}

static slk_err measured(slk_worker_link *link, const slk_options *options, slk_error *error)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *machine = NULL;
    SLK_TRY(slk_worker_ask(link, "Selkie.Machine", json_array(), &machine, error));
    const json_t *list = json_object_get(machine, "Peaks");
    if (options->json) {
        slk_service_print(list);
        return SLK_OK;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        (void)printf("%s, seal proof %" PRId64 ": %.1f MiB\n", slk_service_text(row, "Task"),
                     slk_service_number(row, "Proof"),
                     (double)slk_service_number(row, "Bytes") / (1 << 20));
    }
    if (json_array_size(list) == 0)
        (void)printf("no task ran alone there since it started\n");
    return SLK_OK;
}

static int run_resources(const slk_command *command, const slk_options *options)
{
    SLK_CLEANUP(slk_json_decrefp) json_t *json = options->json ? json_object() : NULL;
    struct variables v = {.all = slk_options_flag(options, "all"),
                          .standard = slk_options_flag(options, "default"),
                          .json = json};
    if (slk_options_flag(options, "measured"))
        return slk_worker_with_link(command, options, measured);
    if (options->json && !json)
        return slk_command_fail(command, options, SLK_E_NOMEM, NULL);
    slk_lotus_need_variables(NULL, NULL, show_variable, &v);
    if (json)
        slk_service_print(json);
    else if (v.shown == 0)
        (void)printf(
            "no variable is set in this shell: tasks are reckoned to need what Lotus's table says\n"
            "\n"
            "What a worker's tasks are reckoned to need is changed by {TASK}_{SIZE}_{FIELD}, or\n"
            "{TASK}_{FIELD} for all sizes, in the environment that it is started with:\n"
            "  PC1_32G_MAX_MEMORY=68719476736 selkie worker run\n"
            "\n"
            "  selkie worker resources --all        every such variable, with what holds now\n"
            "  selkie worker resources --measured   memory that tasks took at a running worker\n");
    return SLK_EXIT_DONE;
}

/* ---- the table ---- */

#define RUN(name)                                                                 \
    static int run_##name(const slk_command *command, const slk_options *options) \
    {                                                                             \
        return slk_worker_with_link(command, options, name);                      \
    }
RUN(info)
RUN(storage_list)
RUN(storage_attach)
RUN(storage_detach)
RUN(storage_redeclare)
RUN(tasks_list)
RUN(tasks_enable)
RUN(tasks_disable)
RUN(jobs)

static const slk_option plain_options[] = {SLK_OPTION_WORKER_REPO, {.name = NULL}};
static const slk_option jobs_options[] = {
    SLK_OPTION_WORKER_REPO,
    {.name = "follow", .type = SLK_OPTION_FLAG, .help = "go on with each change, as it happens"},
    {.name = NULL}};
static const slk_option task_options[] = {
    SLK_OPTION_WORKER_REPO,
    SLK_OPTION_DRY_RUN,
    {.name = "all", .type = SLK_OPTION_FLAG, .help = "every kind that can be switched"},
    {.name = NULL}};
static const slk_option attach_options[] = {
    SLK_OPTION_WORKER_REPO,
    SLK_OPTION_DRY_RUN,
    {.name = "init", .type = SLK_OPTION_FLAG, .help = "make the folder a storage path first"},
    {.name = "weight",
     .type = SLK_OPTION_U64,
     .fallback = "10",
     .help = "of the path; 0: read only"},
    {.name = "seal", .type = SLK_OPTION_FLAG, .help = "sectors are sealed there"},
    {.name = "store", .type = SLK_OPTION_FLAG, .help = "finished sectors are kept there"},
    {.name = "max-storage", .type = SLK_OPTION_SIZE, .help = "most bytes to use (default: all)"},
    {.name = "groups", .type = SLK_OPTION_TEXT, .value = "A,B", .help = "groups it belongs to"},
    {.name = "allow-to",
     .type = SLK_OPTION_TEXT,
     .value = "A,B",
     .help = "groups its files may be moved to (default: any)"},
    {.name = NULL}};
static const slk_option detach_options[] = {
    SLK_OPTION_WORKER_REPO,
    SLK_OPTION_DRY_RUN,
    {.name = "really-do-it", .type = SLK_OPTION_FLAG, .help = "do it"},
    {.name = NULL}};
static const slk_option redeclare_options[] = {
    SLK_OPTION_WORKER_REPO,
    SLK_OPTION_DRY_RUN,
    {.name = "id", .type = SLK_OPTION_TEXT, .value = "UUID", .help = "of one path"},
    {.name = "all", .type = SLK_OPTION_FLAG, .help = "all paths"},
    {.name = "drop-missing",
     .type = SLK_OPTION_BOOL,
     .fallback = "true",
     .help = "take back what is not there any more"},
    {.name = NULL}};
static const slk_option resource_options[] = {
    SLK_OPTION_WORKER_REPO,
    {.name = "measured",
     .type = SLK_OPTION_FLAG,
     .help = "what tasks took of memory at a running worker instead"},
    {.name = "all",
     .type = SLK_OPTION_FLAG,
     .help = "those that are not set, too, with what holds; in bytes, threads, GPUs, tasks"},
    {.name = "default", .type = SLK_OPTION_FLAG, .help = "all, with what holds where none is set"},
    {.name = NULL}};

const slk_command slk_commands_worker[] = {
    {.name = "worker info",
     .help = "Show a running worker: session, machine, kinds of work, storage paths.",
     .example = "selkie worker info --worker-repo ~/.selkieworker",
     .options = plain_options,
     .run = run_info},
    {.name = "worker jobs",
     .help = "Show what a worker has in hand, and how far it is.",
     .example = "selkie worker jobs --follow",
     .options = jobs_options,
     .run = run_jobs},
    {.name = "worker storage list",
     .help = "Show a worker's storage paths.",
     .example = "selkie worker storage list",
     .options = plain_options,
     .run = run_storage_list},
    {.name = "worker storage attach",
     .args = "DIR",
     .args_min = 1,
     .args_max = 1,
     .help = "Give a running worker a storage path.",
     .example = "selkie worker storage attach --init --seal /mnt/nvme/sealing",
     .options = attach_options,
     .run = run_storage_attach},
    {.name = "worker storage detach",
     .args = "DIR",
     .args_min = 1,
     .args_max = 1,
     .help = "Take a storage path from a running worker; its files stay.",
     .example = "selkie worker storage detach --really-do-it /mnt/nvme/sealing",
     .options = detach_options,
     .run = run_storage_detach},
    {.name = "worker storage redeclare",
     .help = "Tell the node again what lies on a worker's paths.",
     .example = "selkie worker storage redeclare --all",
     .options = redeclare_options,
     .run = run_storage_redeclare},
    {.name = "worker tasks list",
     .help = "Show the kinds of work a worker offers.",
     .example = "selkie worker tasks list",
     .options = plain_options,
     .run = run_tasks_list},
    {.name = "worker tasks enable",
     .args = "[KIND]",
     .args_max = 1,
     .help = "Have a worker offer a kind of work: UNS C2 PC2 PC1 AP DC.",
     .example = "selkie worker tasks enable PC1",
     .options = task_options,
     .run = run_tasks_enable},
    {.name = "worker tasks disable",
     .args = "[KIND]",
     .args_max = 1,
     .help = "Have a worker offer a kind of work no more; what runs goes on.",
     .example = "selkie worker tasks disable C2",
     .options = task_options,
     .run = run_tasks_disable},
    {.name = "worker resources",
     .help = "Show the variables of this shell's environment that change what a worker's tasks are "
             "reckoned to need: {TASK}_{SIZE}_{FIELD}, such as PC1_32G_MAX_MEMORY. A worker has "
             "those that it was started with.",
     .example = "selkie worker resources --all",
     .options = resource_options,
     .run = run_resources},
    {.name = NULL},
};
