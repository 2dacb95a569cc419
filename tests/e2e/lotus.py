# SPDX-License-Identifier: MIT OR Apache-2.0
"""A real Lotus chain with its miner, and workers for it: of ../shared/lotus-devnet."""

import signal

import farm
from support import *

DEVNET = SHARED / "lotus-devnet"
STARTING_SECONDS = 300


def present():
    return (DEVNET / "start.sh").exists()


def binaries():
    """Where start.sh unpacks the programs."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    return pathlib.Path(os.environ.get("LOTUS_DEVNET_BIN") or cache / "lotus-devnet-bin")


class Lotus:
    """`environment` is that of node and miner, beside what start.sh sets."""

    def __init__(self, folder, environment=None):
        self.folder, self.environment = folder / "lotus", {**os.environ, **(environment or {})}
        self.workers = []

    def __enter__(self):
        done = subprocess.run(["bash", DEVNET / "start.sh", self.folder, str(farm.free_port()), str(farm.free_port())],
                              capture_output=True, text=True, timeout=STARTING_SECONDS, env=self.environment)
        expect(done.returncode == 0, f"the Lotus chain does not start: {done.stderr[-800:]}")
        infos = dict(line.split("=", 1) for line in done.stdout.splitlines() if "_API_INFO=" in line)
        self.info, self.miner_info = infos["FULLNODE_API_INFO"], infos["MINER_API_INFO"]
        return self

    def __exit__(self, *_):
        for process in self.workers:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        subprocess.run(["bash", DEVNET / "stop.sh", self.folder], capture_output=True, timeout=120)

    def call(self, method, parameters):
        token, address = self.info.split(":", 1)
        return json_rpc(address.split("/")[4], token, method, parameters)

    def ask_miner(self, method, parameters):
        token, address = self.miner_info.split(":", 1)
        return json_rpc(address.split("/")[4], token, method, parameters, path="/rpc/v0")

    def worker(self, name, *options):
        """Starts a lotus-worker for the miner; its output is <folder>/<name>.log."""
        folder = self.folder.parent / name
        environment = {**self.environment, "MINER_API_INFO": self.miner_info, "LOTUS_WORKER_PATH": str(folder),
                       "LOTUS_DEVNET_TRUST_PARAMS": "1", "LOTUS_SKIP_GENESIS_CHECK": "_yes_", "BELLMAN_NO_GPU": "1",
                       "FIL_PROOFS_PARAMETER_CACHE": self.environment.get("FIL_PROOFS_PARAMETER_CACHE", str(self.folder / "params"))}
        with open(self.folder.parent / f"{name}.log", "wb") as log:
            process = subprocess.Popen([binaries() / "lotus-worker", "run", "--listen", f"127.0.0.1:{farm.free_port()}", *options],
                                       stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment)
        self.workers.append(process)
        return folder
