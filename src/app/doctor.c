/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/doctor.h"

#include "app/service.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "fil/sector.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const words[SLK_HEALTH_COUNT] = {"good", "warning", "fault"};

/* ---- findings ---- */

static void print_finding(slk_health health, const char *check, const char *text, const char *fix)
{
    static const char *const marks[SLK_HEALTH_COUNT] = {"✓", "!", "✗"};
    (void)printf("%s %-14s %s\n", marks[health], check, text);
    if (fix)
        (void)printf("  %-14s -> %s\n", "", fix);
    (void)fflush(stdout);
}

void slk_doctor_say(slk_doctor *doctor, slk_health health, const char *check, const char *fix,
                    const char *format, ...)
{
    char line[600];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    SLK_CLEANUP(slk_freep) char *text = slk_text_printable(line);
    doctor->count[health]++;
    json_t *finding = json_pack("{s:s,s:s,s:s,s:s?}", "check", check, "health", words[health],
                                "text", text ? text : "", "fix", fix);
    if (!text || json_array_append_new(doctor->findings, finding) != 0)
        doctor->lost = true;
    if (doctor->print)
        print_finding(health, check, text ? text : line, fix);
}

bool slk_doctor_ok(slk_doctor *doctor, slk_err code, const slk_error *error, const char *check,
                   const char *fix)
{
    if (code != SLK_OK)
        slk_doctor_say(doctor, SLK_HEALTH_FAULT, check, fix, "%s", slk_error_text(error, code));
    return code == SLK_OK;
}

/* ---- the whole ---- */

static int64_t count(slk_db *db, const slk_sql *sql)
{
    SLK_CLEANUP(slk_query_done) slk_query q = {0};
    bool row = false;
    if (slk_query_init(&q, db, sql, NULL) != SLK_OK || slk_query_step(&q, &row, NULL) != SLK_OK ||
        !row)
        return 0;
    return slk_column_i64(&q, 0);
}

/* What it does: as configured, by whom it knows, and as what its database has seen it run; else both. */
static void learn(slk_doctor *doctor)
{
    static const slk_sql partners = {"doctor.partners",
                                     "SELECT count(*) FROM rseal_delegated_partners"};
    static const slk_sql providers = {"doctor.providers",
                                      "SELECT count(*) FROM rseal_client_providers"};
    static const slk_sql ran_provider = {
        "doctor.ran_provider", "SELECT count(*) FROM node WHERE roles IN ('provider', 'both')"};
    static const slk_sql ran_client = {
        "doctor.ran_client", "SELECT count(*) FROM node WHERE roles IN ('client', 'both')"};
    const slk_node *node = doctor->node;
    const slk_config *config = &node->repo.config;
    doctor->provider = config->enable_provider || count(node->db, &partners) > 0 ||
                       count(node->db, &ran_provider) > 0;
    doctor->client = config->enable_client || count(node->db, &providers) > 0 ||
                     count(node->db, &ran_client) > 0;
    if (!doctor->provider && !doctor->client)
        doctor->provider = doctor->client = true;
    const slk_seal_options *o = slk_seal_get_options(node->seal);
    for (size_t i = 0; i < o->seal_proofs_n; i++) {
        slk_seal_proof proof;
        if (slk_seal_proof_registered(&proof, o->seal_proofs[i], NULL) == SLK_OK &&
            proof.shape->bytes > doctor->sector_bytes)
            doctor->sector_bytes = proof.shape->bytes;
    }
}

static void look_at_node(slk_doctor *doctor)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_node_closep) slk_node *node = NULL;
    const slk_node_options options = {.folder = doctor->folder, .tool = true};
    if (!slk_doctor_ok(doctor, slk_node_open(&node, &options, &error), &error, "node",
                       "nothing further of the node can be looked at until this is mended"))
        return;
    doctor->node = node;
    learn(doctor);
    slk_doctor_database(doctor);
    slk_doctor_disks(doctor);
    slk_doctor_parameters(doctor);
    slk_doctor_address(doctor);
    slk_doctor_chain(doctor);
    slk_doctor_time(doctor);
    slk_doctor_peers(doctor);
    doctor->node = NULL;
}

void slk_doctor_look(slk_doctor *doctor)
{
    slk_doctor_machine(doctor);
    if (!doctor->folder)
        return;
    const unsigned faults = doctor->count[SLK_HEALTH_FAULT];
    slk_doctor_configuration(doctor);
    if (doctor->count[SLK_HEALTH_FAULT] == faults)
        look_at_node(doctor);
}

/* ---- the command ---- */

static int run_doctor(const slk_command *command, const slk_options *options)
{
    slk_doctor doctor = {
        .folder = slk_options_text(options, "repo"),
        .sectors = slk_options_u64(options, "sectors"),
        .full = slk_options_flag(options, "full"),
        .print = !options->json,
        .findings = json_array(),
    };
    slk_doctor_look(&doctor);
    const unsigned faults = doctor.count[SLK_HEALTH_FAULT];
    const unsigned warnings = doctor.count[SLK_HEALTH_WARNING];
    SLK_CLEANUP(slk_json_decrefp)
    json_t *answer = json_pack("{s:o,s:i,s:i}", "findings", doctor.findings, "warnings",
                               (int)warnings, "faults", (int)faults);
    if (!answer || doctor.lost)
        return slk_command_fail(command, options, SLK_E_NOMEM, NULL);
    if (options->json) {
        (void)json_dumpf(answer, stdout, JSON_COMPACT);
        (void)printf("\n");
    } else {
        (void)printf("\n%u good, %u warnings, %u faults\n", doctor.count[SLK_HEALTH_GOOD], warnings,
                     faults);
    }
    return faults > 0 ? SLK_EXIT_USAGE : warnings > 0 ? SLK_EXIT_FAILED : SLK_EXIT_DONE;
}

static const slk_option doctor_options[] = {
    {.name = "repo",
     .type = SLK_OPTION_TEXT,
     .env = "SELKIE_PATH",
     .value = "DIR",
     .help = "the node's folder; without it only the machine is looked at"},
    {.name = "sectors",
     .type = SLK_OPTION_U64,
     .fallback = "1",
     .value = "N",
     .help = "there should be room on the disks for so many sectors"},
    {.name = "full",
     .type = SLK_OPTION_FLAG,
     .help = "read the proof parameters whole and compare their digests: minutes"},
    {.name = NULL},
};

const slk_command slk_commands_doctor[] = {
    {.name = "doctor",
     .help =
         "Looks at machine, disks, configuration, database, chain and peers and says what to mend; "
         "exit 0 all good, 1 warnings, 2 faults.",
     .example = "selkie doctor --repo ~/.selkie --sectors 8",
     .options = doctor_options,
     .run = run_doctor},
    {.name = NULL},
};
