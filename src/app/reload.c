/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/reload.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"

#include <string.h>
#include <unistd.h>

/* What slk_reload applies; all else wants a restart. */
static const char *const reloadable[] = {"Node.LogLevel", "Node.LogFile", "Node.LogFileMiB",
                                         "Node.LogFilesKept"};

char *slk_log_path(const slk_repo *repo, const slk_config *config)
{
    return slk_repo_path(repo, SLK_LOG_FILE, config->log_file);
}

/* That of set-level, else the configured one. */
static slk_log_level pick_level(const slk_repo *repo, const slk_config *config)
{
    slk_log_level level = SLK_LOG_INFO;
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(repo->folder, SLK_LOG_LEVEL_FILE);
    SLK_CLEANUP(slk_buf_done) slk_buf text;
    slk_buf_init(&text, 32);
    if (path && slk_file_read_all(&text, path, NULL) == SLK_OK &&
        slk_log_level_read(&level, slk_buf_str(&text)))
        return level;
    (void)slk_log_level_read(&level, config->log_level);
    return level;
}

void slk_log_apply(const slk_repo *repo, const slk_config *config)
{
    slk_error error = {0};
    slk_log_set_level(pick_level(repo, config));
    if (config->log_file_mib == 0) {
        slk_log_close_file();
        return;
    }
    SLK_CLEANUP(slk_freep) char *path = slk_log_path(repo, config);
    const slk_err code = path ? slk_log_open_file(path, (uint64_t)config->log_file_mib << 20,
                                                  (unsigned)config->log_files_kept, &error)
                              : slk_fail(&error, SLK_E_NOMEM, "out of memory for the log file");
    if (code != SLK_OK)
        slk_log(SLK_LOG_WARN, "log.file", "why=\"%s\" then=\"the log is on standard error alone\"",
                slk_error_text(&error, code));
}

void slk_log_start(const slk_repo *repo)
{
    SLK_CLEANUP(slk_freep) char *path = slk_path_join(repo->folder, SLK_LOG_LEVEL_FILE);
    if (path)
        (void)unlink(path); /* absent mostly */
    slk_log_apply(repo, &repo->config);
}

static bool is_reloadable(const char *name)
{
    for (size_t i = 0; i < sizeof reloadable / sizeof *reloadable; i++)
        if (strcmp(reloadable[i], name) == 0)
            return true;
    return false;
}

static void tell(const json_t *changed)
{
    for (size_t i = 0; i < json_array_size(changed); i++) {
        const char *name = json_string_value(json_array_get(changed, i));
        if (!is_reloadable(name))
            slk_log(SLK_LOG_WARN, "config.waits", "option=%s then=\"a restart takes it over\"",
                    name);
    }
    slk_log(SLK_LOG_INFO, "config.reloaded", "least=%s", slk_log_level_name(slk_log_get_level()));
}

void slk_reload(const slk_repo *repo, const char *config_file)
{
    slk_error error = {0};
    SLK_CLEANUP(slk_config_done) slk_config config = {0};
    SLK_CLEANUP(slk_json_decrefp) json_t *changed = NULL;
    SLK_CLEANUP(slk_freep) char *path = slk_repo_path(repo, SLK_CONFIG_FILE, config_file);
    slk_err code = path ? slk_config_read(&config, path, &error)
                        : slk_fail(&error, SLK_E_NOMEM, "out of memory for the configuration");
    if (code == SLK_OK)
        code = slk_config_changed(&changed, &repo->config, &config, &error);
    if (code != SLK_OK) {
        slk_log(SLK_LOG_ERROR, "config.refused", "why=\"%s\" then=\"nothing was changed\"",
                slk_error_text(&error, code));
        return;
    }
    slk_log_apply(repo, &config);
    tell(changed);
}
