# SPDX-License-Identifier: MIT OR Apache-2.0
"""A whole farm on this machine: a chain, a provider and a client, each a real process with a folder
of its own, talking HTTPS. Processes can be killed and started again at any moment."""
import fcntl
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

from support import SELKIE, Failed, expect, selkie

from ports import free_port

START_SECONDS = 30


def parameters_folder(size="2KiB"):
    """Development parameters, made once per build folder (or where SELKIE_TEST_PARAMS says)."""
    folder = pathlib.Path(os.environ.get("SELKIE_TEST_PARAMS") or pathlib.Path(SELKIE).parent / "test-params")
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:  # scripts may run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        status = selkie("params", "list", "--folder", folder)
        row = next(r for r in status["parameters"] if r["sector_size"] == size)
        if not row["have_params"]:
            selkie("params", "generate", "--sector-size", size, "--folder", folder, timeout=1200)
    return folder


class Farm:
    def __init__(self, folder, epoch="200ms", size="2KiB", chain_info=None):
        self.folder, self.epoch, self.size = pathlib.Path(folder), epoch, size
        self.chain_info = chain_info  # of a chain that is not ours to run
        self.ports = {name: free_port() for name in ("devnet", "provider", "client")}
        self.processes, self.starts = {}, {}
        self.poll, self.api = "500ms", "http"
        self.more = {}  # further configuration of every node, by environment name
        self.params = parameters_folder(size) if size else self.folder  # without a size nothing is proven

    def repo(self, name):
        return self.folder / name

    def url(self, name):
        return f"https://127.0.0.1:{self.ports[name]}"

    def api_port(self, name):
        """Where workers find the node, also when it has been started again."""
        if f"{name}-api" not in self.ports:
            self.ports[f"{name}-api"] = free_port()
        return self.ports[f"{name}-api"]

    def environment(self, name):
        chain = {"SELKIE_NETWORK_CHAINAPIINFO": self.chain_info} if self.chain_info else {
            "SELKIE_NETWORK_CHAINAPIINFOFILE": str(self.repo("devnet") / "api-info")}
        other = {"provider": "client", "client": "provider"}.get(name, "client")
        certificate = self.repo(other) / "tls.crt"  # made at the other's first start
        trust = {"SELKIE_REMOTE_TRUSTEDCERTIFICATES": str(certificate)} if certificate.exists() else {}
        return {
            **os.environ, **chain, **trust,
            "SELKIE_NETWORK_DEVELOPMENT": "true",
            "SELKIE_HTTP_LISTENADDRESS": f"127.0.0.1:{self.ports.get(name, 0)}",
            "FIL_PROOFS_PARAMETER_CACHE": str(self.params),  # the devnet, too, reads this one
            "SELKIE_CLIENT_POLLINTERVAL": self.poll,
            "SELKIE_CLIENT_TICKETSLACK": "100",
            "SELKIE_PROVIDER_SEALPROOFS": "[5, 6, 7]",
            "SELKIE_API_LISTENADDRESS": f"/ip4/127.0.0.1/tcp/{self.api_port(name)}/{self.api}",
            **self.more,
        }

    def command(self, name):
        if name == "devnet":
            return ["devnet", "run", "--repo", str(self.repo(name)), "--listen", f"127.0.0.1:{self.ports[name]}",
                    "--epoch", self.epoch, "--sector-size", self.size]
        return ["run", "--repo", str(self.repo(name)), "--role", name]

    def start(self, name):
        self.repo(name).mkdir(parents=True, exist_ok=True)
        log = open(self.folder / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen([SELKIE, *self.command(name)], env=self.environment(name), stdin=subprocess.DEVNULL,
                                                stdout=log, stderr=log)
        self.starts[name] = self.starts.get(name, 0) + 1
        self.wait(lambda: self.listening(name), START_SECONDS, f"{name} to listen")

    def listening(self, name):
        if self.processes[name].poll() is not None:
            raise Failed(f"{name} ended with {self.processes[name].returncode}: {self.log_tail(name)}")
        if name == "devnet" and not (self.repo(name) / "api-info").exists():
            return False  # written once it listens, and read by the others at their start
        with socket.socket() as s:
            s.settimeout(1)
            return s.connect_ex(("127.0.0.1", self.ports[name])) == 0

    def log_tail(self, name, count=1500):
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-count:] if path.exists() else ""

    def wait(self, condition, seconds, what):
        """Waits for a condition, looking again at short intervals; fails loudly at the deadline."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {n}\n{self.log_tail(n)}" for n in self.processes)
                raise Failed(f"waited {seconds} s for {what}\n{logs}")
            time.sleep(0.05)

    def share_messages(self, count):
        """Sectors wait for each other until `count` of them share a message; before anything is started."""
        for kind in ("PRECOMMIT", "COMMIT"):
            self.more |= {f"SELKIE_BATCHING_{kind}_MAX": str(count), f"SELKIE_BATCHING_{kind}_TIMEOUT": "1h",
                          f"SELKIE_BATCHING_{kind}_SLACK": "1m"}

    def shared_messages(self, count):
        """The CIDs of pre-commit and commit that all the sectors have in common."""
        rows = self.sectors()
        expect(len(rows) == count, f"{len(rows)} sectors")
        for key in ("precommit_cid", "commit_cid"):
            cids = {r[key] for r in rows}
            expect(len(cids) == 1, f"{key} of {count} sectors: {cids}")
        return rows[0]["precommit_cid"], rows[0]["commit_cid"]

    def kill(self, name):
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def stop(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for name, process in self.processes.items():
            try:
                status = process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise Failed(f"{name} did not stop within 30 s of SIGTERM") from None
            expect(status == 0, f"{name} ended with {status} after SIGTERM")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()

    def on(self, name, *arguments, **options):
        return selkie(*arguments, "--repo", self.repo(name), environment=self.environment(name), **options)

    def prepare(self):
        """Starts everything and introduces provider and client to each other."""
        for name in ("provider", "client"):
            selkie("init", "--repo", self.repo(name))
        if not self.chain_info:
            self.start("devnet")
        self.start("provider")
        self.start("client")
        # Certificates exist only now; each side is started again with the other's.
        for name in ("provider", "client"):
            self.kill(name)
            self.start(name)
        self.introduce()

    def introduce(self, connect=None):
        """Provider and client know each other from now on; connect: the file for the string, if not in the client's repository."""
        connect = connect or self.repo("client") / "connect"
        self.on("provider", "partner", "add", "selkie-test", "--url", self.url("client"), "--allowance", 100, "--connect-out", connect)
        self.on("client", "provider", "add", "-", "--miner", "f01000", stdin=connect.read_text())

    def order(self, count=1, seal_proof=5):
        return self.on("client", "order", "--miner", "f01000", "--count", count, "--seal-proof", seal_proof)

    def sectors(self, name="client"):
        return self.on(name, "sector", "list")

    def all_proving(self, count):
        rows = self.sectors()
        failed = [r for r in rows if r["failed"]]
        if failed:
            raise Failed(f"a sector failed: {json.dumps(failed)}\n{self.log_tail('client')}\n{self.log_tail('provider')}")
        return len(rows) == count and all(r["state"] == "proving" and r["released"] for r in rows)

    def leftovers(self):
        return [str(p) for p in self.folder.rglob("*") if p.name.endswith((".tmp", ".blocks", ".part"))]
