/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* selkie params: the Groth16 parameter files of this machine. */
#include "app/params_source.h"
#include "app/proof_args.h"
#include "base/mem.h"
#include "proofs/params/params.h"

#include <stdio.h>

#define ROW_FOLDER                                                                               \
    {                                                                                            \
        .name = "folder", .type = SLK_OPTION_TEXT, .value = "DIR",                               \
        .env = "FIL_PROOFS_PARAMETER_CACHE",                                                     \
        .help = "parameter folder (default: /var/tmp/filecoin-proof-parameters, else under the " \
                "data folder)"                                                                   \
    }
#define ROW_SIZE                                                                           \
    {                                                                                      \
        .name = "sector-size", .type = SLK_OPTION_SIZE, .required = true, .value = "SIZE", \
        .help = "sector size: 2KiB, 8MiB, 512MiB, 32GiB, 64GiB …"                        \
    }

static slk_err open_folder(slk_tool *tool, char **ret_folder)
{
    return slk_proof_args_params_folder(ret_folder, tool, "folder");
}

static slk_err find_shape(slk_tool *tool, const slk_sector_shape **ret_shape)
{
    const uint64_t bytes = slk_options_u64(tool->options, "sector-size");
    const slk_sector_shape *shape = slk_sector_shape_of(bytes);
    if (!shape)
        return slk_tool_misuse(tool, slk_proof_args_no_size(tool));
    *ret_shape = shape;
    return SLK_OK;
}

static slk_err generate(slk_tool *tool)
{
    const slk_sector_shape *shape = NULL;
    SLK_TRY(find_shape(tool, &shape));
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    SLK_TRY(open_folder(tool, &folder));
    char name[SLK_PARAMS_NAME_MAX];
    slk_params_name(name, tool->crypto, shape, SLK_PARAMS_FILE_PARAMS);
    slk_tool_text(tool, "sector_size", shape->name);
    slk_tool_text(tool, "folder", folder);
    slk_tool_text(tool, "file", name);
    slk_tool_bool(tool, "development", true);
    if (slk_options_flag(tool->options, "dry-run"))
        return SLK_OK;
    (void)fprintf(stderr,
                  "selkie: these are DEVELOPMENT parameters: their secrets are public, anybody can "
                  "forge proofs under them. Never use them on a real network.\n");
    uint8_t digest[32];
    SLK_TRY(slk_params_generate(digest, tool->crypto, tool->pool, folder, shape,
                                slk_options_text(tool->options, "secrets-label"), &tool->job,
                                &tool->error));
    slk_tool_hex(tool, "sha256", digest, 32);
    return SLK_OK;
}

static int run_generate(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    slk_err code = slk_tool_init(&tool, command, options);
    if (code == SLK_OK)
        code = generate(&tool);
    return slk_tool_done(&tool, code, SLK_EXIT_DONE);
}

static slk_err verify(slk_tool *tool, bool *ret_matches)
{
    const slk_sector_shape *shape = NULL;
    SLK_TRY(find_shape(tool, &shape));
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    SLK_TRY(open_folder(tool, &folder));
    SLK_CLEANUP(slk_buf_done) slk_buf detail;
    slk_buf_init(&detail, 4096);
    SLK_TRY(slk_params_verify(ret_matches, &detail, tool->crypto, folder, shape, &tool->job,
                              &tool->error));
    slk_tool_text(tool, "sector_size", shape->name);
    slk_tool_text(tool, "folder", folder);
    slk_tool_bool(tool, "matches", *ret_matches);
    slk_tool_text(tool, "detail", slk_buf_str(&detail));
    return SLK_OK;
}

static int run_verify(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    bool matches = false;
    slk_err code = slk_tool_init(&tool, command, options);
    if (code == SLK_OK)
        code = verify(&tool, &matches);
    return slk_tool_done(&tool, code, matches ? SLK_EXIT_DONE : SLK_EXIT_NO);
}

static slk_err list(slk_tool *tool)
{
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    SLK_TRY(open_folder(tool, &folder));
    slk_tool_text(tool, "folder", folder);
    json_t *rows = json_array();
    slk_params_status status;
    for (size_t i = 0; slk_params_status_at(&status, tool->crypto, folder, i); i++)
        (void)json_array_append_new(
            rows, json_pack("{s:s,s:s,s:b,s:b,s:b,s:b,s:I,s:I}", "sector_size", status.shape->name,
                            "file", status.name, "have_params", status.have_params, "have_vk",
                            status.have_vk, "development", status.development, "official",
                            status.official, "bytes", (json_int_t)status.bytes, "expected_bytes",
                            (json_int_t)status.expected_bytes));
    slk_tool_json(tool, "parameters", rows);
    return SLK_OK;
}

/* People get a table, scripts the array. */
static void print_table(const json_t *rows)
{
    (void)printf("%-8s %-8s %-5s %-12s %15s\n", "size", ".params", ".vk", "kind", "bytes");
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        const bool have = json_is_true(json_object_get(row, "have_params"));
        const bool vk = json_is_true(json_object_get(row, "have_vk"));
        const char *kind = !have && !vk                                        ? "-"
                           : json_is_true(json_object_get(row, "development")) ? "development"
                                                                               : "official?";
        (void)printf("%-8s %-8s %-5s %-12s %15lld\n",
                     json_string_value(json_object_get(row, "sector_size")), have ? "yes" : "-",
                     vk ? "yes" : "-", kind,
                     (long long)json_integer_value(json_object_get(row, "bytes")));
    }
}

static int run_list(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    slk_err code = slk_tool_init(&tool, command, options);
    if (code == SLK_OK)
        code = list(&tool);
    if (code == SLK_OK && !options->json) {
        print_table(json_object_get(tool.answer, "parameters"));
        (void)json_object_del(tool.answer, "parameters");
    }
    return slk_tool_done(&tool, code, SLK_EXIT_DONE);
}

static slk_err fetch(slk_tool *tool)
{
    const slk_sector_shape *shape = NULL;
    SLK_TRY(find_shape(tool, &shape));
    SLK_CLEANUP(slk_freep) char *folder = NULL;
    SLK_TRY(open_folder(tool, &folder));
    const char *from = slk_options_text(tool->options, "from");
    slk_tool_text(tool, "sector_size", shape->name);
    slk_tool_text(tool, "folder", folder);
    slk_tool_text(tool, "from", from);
    if (slk_options_flag(tool->options, "dry-run"))
        return SLK_OK;
    slk_params_source *source;
    void *context;
    SLK_CLEANUP(slk_params_url_freep) slk_params_url *url = NULL;
    if (slk_params_url_is(from)) {
        SLK_TRY(slk_params_url_new(&url, from, &tool->error));
        source = slk_params_url_get;
        context = url;
    } else {
        source = slk_params_fetch_local;
        context = (void *)(uintptr_t)from;
    }
    return slk_params_fetch(tool->crypto, folder, shape, source, context, &tool->job, &tool->error);
}

static int run_fetch(const slk_command *command, const slk_options *options)
{
    slk_tool tool;
    slk_err code = slk_tool_init(&tool, command, options);
    if (code == SLK_OK)
        code = fetch(&tool);
    return slk_tool_done(&tool, code, SLK_EXIT_DONE);
}

static const slk_option list_options[] = {ROW_FOLDER, {0}};
static const slk_option verify_options[] = {ROW_SIZE, ROW_FOLDER, {0}};
static const slk_option generate_options[] = {
    ROW_SIZE,
    {.name = "secrets-label",
     .type = SLK_OPTION_TEXT,
     .value = "TEXT",
     .fallback = SLK_PARAMS_DEVELOPMENT_LABEL,
     .help = "text the public secrets follow from"},
    ROW_FOLDER,
    {.name = "dry-run", .type = SLK_OPTION_FLAG, .help = "say what would be made, make nothing"},
    {0},
};
static const slk_option fetch_options[] = {
    ROW_SIZE,
    {.name = "from",
     .type = SLK_OPTION_TEXT,
     .required = true,
     .value = "URL|DIR",
     .env = "SELKIE_PARAMS_FROM",
     .help = "https URL the file names are appended to, or a local folder"},
    ROW_FOLDER,
    {.name = "dry-run",
     .type = SLK_OPTION_FLAG,
     .help = "say what would be fetched, fetch nothing"},
    {0},
};

const slk_command slk_commands_params[] = {
    {.name = "params list",
     .help = "Lists the parameter files this machine has, by sector size.",
     .example = "selkie params list --json",
     .options = list_options,
     .run = run_list},
    {.name = "params generate",
     .help = "Makes development parameters (never for a real network).",
     .example = "selkie params generate --sector-size 2KiB",
     .options = generate_options,
     .run = run_generate},
    {.name = "params fetch",
     .help = "Brings the published parameters of a sector size and checks their digests.",
     .example = "selkie params fetch --sector-size 32GiB --from https://parameters.example/ipfs",
     .options = fetch_options,
     .run = run_fetch},
    {.name = "params verify",
     .help = "Reads the parameter files whole and compares their digests; exit 3 if they differ.",
     .example = "selkie params verify --sector-size 2KiB",
     .options = verify_options,
     .run = run_verify},
    {0},
};
