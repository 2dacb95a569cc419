# SPDX-License-Identifier: MIT OR Apache-2.0
"""Lotus's own command-line tools, of ../shared/lotus-devnet, on a node of ours and on a worker of ours: what an
operator types works, and what makes no sense here is answered by a sentence that says what to type instead."""
import subprocess

import farm
from farm_worker_test import DEVNET, OwnWorker, lotus_binaries, only_workers
from played_worker import PlayedWorker
from support import *

CALL_SECONDS = 30


class Keeper(PlayedWorker):
    """A worker that takes every task and never ends one."""

    def finish(self, *_):
        pass


def tool(program, environment):
    """A function that runs the program; (exit status, all that it says)."""
    def run(*arguments):
        done = subprocess.run([lotus_binaries() / program, *map(str, arguments)], env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=CALL_SECONDS)
        return done.returncode, done.stdout
    return run


def says(run, arguments, status, *wanted):
    found, text = run(*arguments)
    for what in wanted:
        expect(what in text, f"{' '.join(map(str, arguments))} lacks {what!r}: {text}")
    equal(found, status, f"exit status of {' '.join(map(str, arguments))}: {text}")
    return text


def miner_of(ours, perm="admin"):
    info = ours.on("provider", "auth", "api-info", "--perm", perm)
    return tool("lotus-miner", {"MINER_API_INFO": f"{info['token']}:{info['address']}", "LOTUS_MINER_PATH": str(ours.folder / "none")})


def on_a_node():
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        ours.prepare()
        miner = miner_of(ours)
        ours.order()
        ours.wait(lambda: ours.on("provider", "sealing", "sched-diag")["Why"], 60, "the sector to wait for a worker")
        says(miner, ["sealing", "sched-diag"], 0, '"TaskType": "seal/v0/precommit/1"', "does not do PC1")
        says(miner, ["sealing", "abort", "--sched", "00000000-0000-0000-0000-000000000001"], 1, "selkie sector cancel")
        with Keeper(ours, "keeper") as keeper:
            ours.wait(lambda: keeper.asked, 60, "the worker to be called")
            says(miner, ["sealing", "workers"], 0, "host keeper", "core(s) in use")
            jobs = says(miner, ["sealing", "jobs"], 0, "keeper", "running", "AP")
            call = next(line.split()[0] for line in jobs.splitlines() if "keeper" in line)
            says(miner, ["sealing", "abort", call], 0, "aborting job")
            ours.wait(lambda: "aborted by the operator" in ours.log_tail("provider", 1 << 20), 60, "the job to be given up")
            says(miner, ["storage", "list"], 0, keeper.path, "Use: Seal")
            says(miner, ["storage", "find", "1"], 0)
            says(miner, ["storage", "locks"], 0)
        token = says(miner, ["auth", "create-token", "--perm", "write"], 0).strip()
        reader = tool("lotus-miner", {"MINER_API_INFO": f"{token}:/ip4/127.0.0.1/tcp/{ours.api_port('provider')}/http"})
        says(reader, ["sealing", "workers"], 1, "missing permission")
        says(miner, ["auth", "api-info", "--perm", "admin"], 0, "MINER_API_INFO=ey")
        says(miner, ["version"], 0, "selkie")
        for arguments, advice in ((["sectors", "status", "1"], "selkie sector show"), (["sectors", "pledge"], "selkie order"),
                                  (["storage", "attach", folder], "ScratchFolder"), (["storage", "detach", "--really-do-it", folder], "ScratchFolder"),
                                  (["storage", "redeclare", "--all"], "selkie worker storage redeclare"), (["stop"], "selkie stop"),
                                  (["log", "set-level", "debug"], "selkie log"), (["sealing", "data-cid", DEVNET / "stop.sh", "2048"], "selkie proof piece")):
            says(miner, arguments, 1, advice)


def on_a_worker():
    with Folder() as folder, farm.Farm(folder) as ours:
        ours.prepare()
        with OwnWorker(ours) as worker:
            run = tool("lotus-worker", {"LOTUS_WORKER_PATH": str(worker.folder)})
            says(run, ["info"], 0, "Worker version:  1.7.0", "Enabled: true", "Task types: FUS FIN GET UNS C1 C2 PC2 PC1 AP DC", str(worker.folder))
            says(run, ["tasks", "disable", "--all"], 0)
            says(run, ["info"], 0, "Task types: FUS FIN GET C1 \n")
            # All of Lotus's kinds are named, three of which ours does not do: those that it does are on again.
            says(run, ["tasks", "enable", "--all"], 0)
            says(run, ["info"], 0, "Task types: FUS FIN GET UNS C1 C2 PC2 PC1 AP DC")
            refused = selkie("worker", "tasks", "enable", "RU", "--worker-repo", worker.folder, status=1)
            expect("does not do RU" in refused["error"]["message"], f"a kind that is none of ours: {refused}")
            path = folder / "path"
            says(run, ["storage", "attach", "--init", "--seal", path], 0)
            says(run, ["info"], 0, f"Local: {path}")
            says(run, ["storage", "redeclare", path], 0)
            says(run, ["storage", "redeclare", "--id", "00000000-0000-0000-0000-000000000001"], 0, "is open here")
            says(run, ["storage", "detach", "--really-do-it", path], 0)
            expect(str(path) not in run("info")[1], "a path that was detached")
            says(run, ["resources", "--all"], 0, "PC1_2K_MIN_MEMORY=2048")
            equal(selkie("worker", "resources", "--measured", "--worker-repo", worker.folder), [], "what tasks took where none ran")
            says(run, ["set", "--enabled=false"], 0)
            says(run, ["info"], 0, "Enabled: false")
            says(run, ["wait-quiet"], 0)
            says(run, ["stop"], 0)
            equal(worker.process.wait(30), 0, "exit status of the worker that was stopped")


if __name__ == "__main__":
    if not (DEVNET / "start.sh").exists():
        skip("Lotus's tools: ../shared/lotus-devnet is not here")
    run_cases([("lotus-tools-on-a-node", on_a_node), ("lotus-tools-on-a-worker", on_a_worker)])
