# SPDX-License-Identifier: MIT OR Apache-2.0
"""A real Lotus chain with its miner, which seals nothing by itself, and workers of ours for it; all of
them can be killed and started again at any moment. Needs ../shared/lotus-devnet."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import farm
from support import SELKIE, SHARED, Failed, Folder, expect, json_rpc

DEVNET = SHARED / "lotus-devnet"
BINARIES = pathlib.Path(os.environ.get("LOTUS_DEVNET_BIN") or
                        pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "lotus-devnet-bin")
OURS = {f"LOTUS_STORAGE_ALLOW{kind}": "false" for kind in ("ADDPIECE", "PRECOMMIT1", "PRECOMMIT2", "COMMIT", "UNSEAL")}
START_SECONDS = 300
PROVING_SECONDS = 900
# Each call of a sector without data, in the order of a sector's life. source: reference/lotus-worker 9.1
TRACE = ["AddPiece", "Fetch", "SealPreCommit1", "SealPreCommit2", "SealCommit1", "SealCommit2", "ReleaseUnsealed", "FinalizeSector"]


def wait(condition, seconds, what, logs=lambda: ""):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} s for {what}\n{logs()}")
        time.sleep(0.05)
    return found


def kill(process):
    """Without a word, as a power cut does it."""
    process.send_signal(signal.SIGKILL)
    process.wait()


class Miner:
    """The chain and lotus-miner, for a `with`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / "lotus"
        self.node_port, self.port = farm.free_port(), farm.free_port()
        self.process = None

    def environment(self):
        return {**os.environ, **OURS, "PATH": f"{BINARIES}:{os.environ['PATH']}", "LOTUS_PATH": str(self.folder / "node"),
                "LOTUS_MINER_PATH": str(self.folder / "miner"), "LOTUS_SKIP_GENESIS_CHECK": "_yes_", "LOTUS_DEVNET_MOCK_BEACON": "1",
                "LOTUS_DEVNET_INSECURE_POST": "1", "LOTUS_DEVNET_TRUST_PARAMS": "1", "LOTUS_F3_ENABLED": "false",
                "LOTUS_XX_HEIGHT": "900000000", "BELLMAN_NO_GPU": "1", "GOLOG_LOG_LEVEL": os.environ.get("GOLOG_LOG_LEVEL", "info"),
                "FIL_PROOFS_PARAMETER_CACHE": str(self.folder / "params")}

    def __enter__(self):
        done = subprocess.run(["bash", DEVNET / "start.sh", self.folder, str(self.node_port), str(self.port)],
                              capture_output=True, text=True, timeout=START_SECONDS, env={**os.environ, **OURS})
        expect(done.returncode == 0, f"the Lotus chain does not start: {done.stderr[-800:]}")
        found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "_API_INFO=" in line)
        self.info = found["MINER_API_INFO"]
        self.token = self.info.split(":", 1)[0]
        return self

    def __exit__(self, *_):
        if self.process:
            kill(self.process)
        subprocess.run(["bash", DEVNET / "stop.sh", self.folder], capture_output=True, timeout=120)

    def call(self, method, *parameters):
        return json_rpc(self.port, self.token, f"Filecoin.{method}", parameters, path="/rpc/v0")

    def cli(self, *arguments, program="lotus-miner", more=None):
        done = subprocess.run([program, *arguments], env={**self.environment(), **(more or {})}, capture_output=True, text=True, timeout=120)
        expect(done.returncode == 0, f"{program} {' '.join(arguments)}: {done.stderr[-800:]}")
        return done.stdout

    def pledge(self):
        return self.call("PledgeSector")["Number"]

    def state(self, number):
        try:
            return self.call("SectorsStatus", number, False)["State"]
        except (OSError, Failed, ValueError):
            return "unknown"  # it is being started again

    def log(self):
        return (self.folder / "miner.log").read_text(errors="replace")

    def kill_and_start(self):
        """The miner alone; the chain goes on."""
        if self.process:
            kill(self.process)
        else:
            os.kill(int((self.folder / "miner.pid").read_text()), signal.SIGKILL)
        (self.folder / "miner" / "api").unlink(missing_ok=True)
        log = open(self.folder / "miner.log", "ab")
        self.process = subprocess.Popen(["lotus-miner", "run", "--nosync"], env=self.environment(), stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log, start_new_session=True)
        wait(lambda: self.answers(), START_SECONDS, "lotus-miner to answer again", lambda: self.log()[-1500:])

    def answers(self):
        expect(self.process.poll() is None, f"lotus-miner ended: {self.log()[-1500:]}")
        try:
            return self.call("Version")
        except (OSError, Failed, ValueError):
            return False


class Worker:
    """selkie worker run, for a `with`."""

    def __init__(self, folder, miner, name="w1", options=(), info=None):
        self.folder = pathlib.Path(folder) / name
        self.miner, self.name, self.options, self.info = miner, name, options, info or miner.info
        self.port = farm.free_port()
        self.process, self.lock = None, threading.Lock()
        self.out = pathlib.Path(folder) / f"{name}.log"

    def environment(self):
        return {**os.environ, "MINER_API_INFO": self.info, "FIL_PROOFS_PARAMETER_CACHE": str(farm.parameters_folder())}

    def start(self):
        log = open(self.out, "ab")
        self.process = subprocess.Popen([SELKIE, "worker", "run", "--worker-repo", str(self.folder), "--listen", f"127.0.0.1:{self.port}",
                                         "--name", self.name, "--development", *self.options],
                                        env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __enter__(self):
        self.start()
        wait(lambda: "node.connected" in self.log(), 60, f"worker {self.name} to be connected", lambda: self.log()[-2000:])
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            kill(self.process)

    def log(self):
        return self.out.read_text(errors="replace") if self.out.exists() else ""

    def kill_and_start(self):
        kill(self.process)
        self.start()

    def events(self, event):
        """Values of the log's lines of that event, oldest first."""
        return [dict(re.findall(r'(\w+)=("[^"]*"|\S+)', line)) for line in self.log().splitlines() if f" {event} " in line]

    def taken(self):
        return [row["method"] for row in self.events("call.taken")]


@contextlib.contextmanager
def place(options=()):
    with Folder() as folder, Miner(folder) as miner, Worker(folder, miner, options=options) as worker:
        yield folder, miner, worker


def wait_proving(miner, worker, number, may_fail=False):
    def is_proving():
        state = miner.state(number)
        expect(may_fail or "Failed" not in state, f"sector {number} is in {state}\n{worker.log()[-3000:]}\n{miner.log()[-3000:]}")
        return state == "Proving"
    wait(is_proving, PROVING_SECONDS, f"sector {number} to be proving",
         lambda: f"state {miner.state(number)}\n{worker.log()[-3000:]}\n--- miner\n{miner.log()[-3000:]}")
