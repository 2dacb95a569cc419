/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lines of a log file, ours or not. */
#include "fuzz.h"

#include "app/log_lines.h"
#include "base/mem.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SLK_CLEANUP(slk_freep) char *text = fuzz_text(data, n);
    const slk_log_filter all = {.least = SLK_LOG_DEBUG};
    const slk_log_filter some = {.least = SLK_LOG_WARN, .event = "task", .sector = "f01000/7"};
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (slk_log_line_passes(line, &some))
            slk_assert(slk_log_line_passes(line, &all) && strstr(line, "f01000/7"));
        json_t *object = slk_log_line_json(line);
        slk_assert(object && (json_object_get(object, "text") || json_object_get(object, "event")));
        json_decref(object);
    }
    return 0;
}
