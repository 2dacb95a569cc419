/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/doctor.h"

#include "app/service.h"
#include "base/file.h"
#include "base/mem.h"
#include "app/progress.h"
#include "codec/json.h"
#include "fil/sector.h"
#include "proofs/params/params.h"
#include "seal/schema.h"
#include "seal/times.h"

#include <inttypes.h>

/* ---- configuration ---- */

void slk_doctor_configuration(slk_doctor *doctor)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(doctor->folder, SLK_CONFIG_FILE);
    SLK_CLEANUP(slk_json_decrefp) json_t *mistakes = NULL;
    slk_err code = slk_repo_check(doctor->folder, &error);
    if (code == SLK_OK)
        code = path ? slk_config_check(&mistakes, path, &error) : SLK_E_NOMEM;
    if (!slk_doctor_ok(doctor, code, &error, "configuration",
                       "selkie init --repo DIR makes a repository with its config.toml"))
        return;
    for (size_t i = 0; i < json_array_size(mistakes); i++)
        slk_doctor_say(doctor, SLK_HEALTH_FAULT, "configuration",
                       "mend config.toml; `selkie config check` shows it again", "%s",
                       json_string_value(json_array_get(mistakes, i)));
    if (json_array_size(mistakes) == 0)
        slk_doctor_say(doctor, SLK_HEALTH_GOOD, "configuration", NULL, "%s is sound",
                       SLK_CONFIG_FILE);
}

/* ---- database ---- */

void slk_doctor_database(slk_doctor *doctor)
{
    static const slk_sql read = {"doctor.schema", "SELECT max(version) FROM schema_migrations"};
    /* Changes nothing, but needs the right to. */
    static const slk_sql write = {"doctor.write", "UPDATE node SET name = name WHERE name = ''"};
    slk_error error = {0};
    bool row = false;
    size_t n;
    const slk_migration *list = slk_seal_migrations(&n);
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    slk_err code = slk_db_run(doctor->node->db, &write, &error);
    if (code == SLK_OK)
        code = slk_query_init(&q, doctor->node->db, &read, &error);
    if (code == SLK_OK)
        code = slk_query_step(&q, &row, &error);
    if (!slk_doctor_ok(doctor, code, &error, "database",
                       "look at its disk, its rights and whether another program holds it"))
        return;
    const int64_t version = row ? slk_column_i64(&q, 0) : 0;
    slk_doctor_say(doctor, SLK_HEALTH_GOOD, "database", NULL,
                   "writable, schema %" PRId64 " of %" PRId64, version, list[n - 1].version);
}

/* ---- the time ---- */

void slk_doctor_time(slk_doctor *doctor)
{
    slk_error error = {0};
    slk_time_view view;
    char text[SLK_TIME_TEXT_CHARS];
    if (!slk_doctor_ok(doctor, slk_time_look(doctor->node->seal, &error), &error, "clock",
                       "look at the database"))
        return;
    slk_time_view_get(&view, doctor->node->seal);
    slk_time_describe(text, &view);
    if (view.doubt == SLK_TIME_BELIEVED)
        slk_doctor_say(doctor, SLK_HEALTH_GOOD, "clock", NULL, "%s", text);
    else
        slk_doctor_say(doctor, SLK_HEALTH_FAULT, "clock", SLK_TIME_ADVICE, "%s", text);
}

/* ---- parameters ---- */

/* Reads them whole, with progress on standard error. */
static void verify(slk_doctor *d, const char *folder, const slk_params_status *s)
{
    SLK_CLEANUP(slk_buf_done) slk_buf detail;
    slk_buf_init(&detail, 4096);
    slk_job job;
    slk_job_init(&job);
    slk_progress *progress = NULL;
    slk_error error = {0};
    bool matches = false;
    slk_err code = slk_progress_start(&progress, &job, !d->print, &error);
    if (code == SLK_OK)
        code =
            slk_params_verify(&matches, &detail, d->node->crypto, folder, s->shape, &job, &error);
    (void)slk_progress_stop(progress);
    if (!slk_doctor_ok(d, code, &error, "parameters", "selkie params fetch brings them anew"))
        return;
    slk_doctor_say(d, matches ? SLK_HEALTH_GOOD : SLK_HEALTH_FAULT, "parameters",
                   matches ? NULL : "selkie params fetch brings them anew", "%s: %s",
                   s->shape->name, slk_buf_str(&detail));
}

/* missing: how bad it is that the files are not there. */
static void look_at_size(slk_doctor *d, const char *folder, const slk_params_status *s,
                         slk_health missing)
{
    slk_error error = {0};
    slk_params_key *key = NULL;
    if (!s->have_params || s->bytes != s->expected_bytes) {
        slk_doctor_say(d, s->have_params ? SLK_HEALTH_FAULT : missing, "parameters",
                       "selkie params fetch (or, on a development network, params generate)",
                       "%s: the Groth16 parameters are %s", s->shape->name,
                       s->have_params ? "cut short" : "not there");
        return;
    }
    /* The verifying key is read, checked and compared with the published one. */
    const slk_err code = slk_params_key_open(&key, d->node->crypto, folder, s->shape,
                                             d->node->repo.config.development, &error);
    slk_params_key_free(key);
    if (!slk_doctor_ok(d, code, &error, "parameters", "selkie params fetch brings them anew"))
        return;
    if (d->full)
        verify(d, folder, s);
    else
        slk_doctor_say(d, SLK_HEALTH_GOOD, "parameters", NULL,
                       "%s: %s, verifying key checked (--full reads all)", s->shape->name,
                       s->development ? "development parameters" : "published parameters");
}

/* Whether one of the node's proofs is of that size. */
static bool is_ours(const slk_doctor *d, const slk_sector_shape *shape)
{
    const slk_seal_options *o = slk_seal_get_options(d->node->seal);
    for (size_t i = 0; i < o->seal_proofs_n; i++) {
        slk_seal_proof proof;
        if (slk_seal_proof_registered(&proof, o->seal_proofs[i], NULL) == SLK_OK &&
            proof.shape == shape)
            return true;
    }
    return false;
}

/* A provider makes no SNARK; a client does, of the sizes it orders: of those it may order one that is
 * there is enough. */
void slk_doctor_parameters(slk_doctor *doctor)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    const slk_node *node = doctor->node;
    if (!doctor->client)
        return;
    if (!slk_doctor_ok(doctor,
                       slk_params_folder(&folder, node->repo.config.parameters_folder,
                                         node->repo.folder, &error),
                       &error, "parameters", "set ParametersFolder in [Proofs]"))
        return;
    slk_params_status s;
    bool some = false;
    for (size_t i = 0; slk_params_status_at(&s, node->crypto, folder, i); i++)
        some = some || (is_ours(doctor, s.shape) && s.have_params);
    const slk_health missing = some ? SLK_HEALTH_WARNING : SLK_HEALTH_FAULT;
    for (size_t i = 0; slk_params_status_at(&s, node->crypto, folder, i); i++)
        if (is_ours(doctor, s.shape) && (s.have_params || !some || !node->repo.config.development))
            look_at_size(doctor, folder, &s, missing);
}
