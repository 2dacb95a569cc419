/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Methods of a lotus-miner that a node of ours has not: whoever types one of its commands is told what to
 * type instead. */
#include "farm/api.h"

#include <string.h>

/* The first whose beginning fits counts. source: the methods that commands of lotus-miner 1.36 call */
static const struct {
    const char *begin, *advice;
} advices[] = {
    {"PledgeSector", "sectors of this node are ordered by `selkie order`"},
    {"Sector",
     "sectors of this node are shown by `selkie sector list` and `selkie sector show N`, and "
     "ended by `selkie sector cancel N`"},
    {"StorageAddLocal",
     "folders of a node are named in its config.toml ([Provider] ScratchFolder, "
     "[Client] StorageFolder); a worker is given one by `selkie worker storage attach`"},
    {"StorageDetachLocal",
     "folders of a node are named in its config.toml ([Provider] ScratchFolder, "
     "[Client] StorageFolder); one is taken from a worker by `selkie worker "
     "storage detach`"},
    {"StorageRedeclareLocal",
     "a worker declares its files anew by `selkie worker storage redeclare`; a "
     "node's are looked at by `selkie fsck`"},
    {"ComputeDataCid", "data of a file is committed to by `selkie proof piece FILE`"},
    {"Log", "the log of this node: `selkie log`, `selkie log set-level LEVEL`"},
    {"Shutdown", "this node is ended on its machine, by `selkie stop` or `systemctl stop`"},
    {"Net",
     "this node is in no network of peers; whom it works with: `selkie partner list`, `selkie "
     "provider list`"},
    {"CreateBackup", "what of a node must be kept, and how, is in docs/operating.md, Backup"},
};

const char *slk_farm_api_missing(const char *method)
{
    static const char lotus[] = "Filecoin.";
    if (strncmp(method, lotus, strlen(lotus)) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
        if (strncmp(method + strlen(lotus), advices[i].begin, strlen(advices[i].begin)) == 0)
            return advices[i].advice;
    return "this node is no lotus-miner and serves what its workers need; `selkie --help` lists "
           "its own "
           "commands";
}
