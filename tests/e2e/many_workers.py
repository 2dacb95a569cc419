# SPDX-License-Identifier: MIT OR Apache-2.0
"""Several workers of ours for one provider on this machine, each with folders of its own; and what node and
workers noted of each task."""
import contextlib
import datetime
import re
import sqlite3

import farm
from support import *

LINE = re.compile(r"(\S+Z) \S+ +(\S+) (.*)")
FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|(\S+))')


def lines(path):
    """(seconds since 1970, event, fields) of a log."""
    for text in path.read_text(errors="replace").splitlines() if path.exists() else ():
        if found := LINE.match(text):
            when = datetime.datetime.fromisoformat(found[1].replace("Z", "+00:00")).timestamp()
            yield when, found[2], {f[0]: f[1] or f[2] for f in FIELD.findall(found[3])}


class Worker:
    """One `selkie worker run`; its port stays the same when it is started again."""

    def __init__(self, ours, name, of="provider", options=(), environment=()):
        self.ours, self.name, self.of, self.options, self.environment = ours, name, of, options, dict(environment)
        self.folder, self.log = ours.folder / name, ours.folder / f"{name}.log"
        self.port, self.process = farm.free_port(), None
        self.node_port = None  # what stands before its node; None: nothing

    def start(self):
        info = self.ours.on(self.of, "auth", "api-info", "--perm", "worker")
        address = f"/ip4/127.0.0.1/tcp/{self.node_port}/http" if self.node_port else info["address"]
        environment = {**os.environ, "MINER_API_INFO": f"{info['token']}:{address}", "FIL_PROOFS_PARAMETER_CACHE": str(self.ours.params),
                       **self.environment}
        command = [SELKIE, "worker", "run", "--worker-repo", self.folder, "--listen", f"127.0.0.1:{self.port}", "--name", self.name, "--development"]
        self.process = subprocess.Popen([*command, *self.options], env=environment, stdin=subprocess.DEVNULL, stdout=open(self.log, "ab"),
                                        stderr=subprocess.STDOUT)
        return self

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def again(self):
        self.kill()
        return self.start()

    def events(self, event):
        return [(when, fields) for when, what, fields in lines(self.log) if what == event]

    def taken(self):
        return [fields["method"] for _, fields in self.events("call.taken")]

    def files(self):
        """What lies there of sectors, also half-made."""
        places = [p for kind in ("unsealed", "sealed", "cache", "fetching") for p in self.folder.glob(f"**/{kind}/*")]
        return sorted(str(p.relative_to(self.folder)) for p in places if p.name != "fetching")

    def calls(self):
        """Files of calls that are kept for nobody."""
        return sorted(p.name for p in (self.folder / "calls").glob("*"))

    def tail(self):
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""


class Workers:
    """So many of them."""

    def __init__(self, ours, count, of="provider", options=(), name="worker", environment=()):
        self.ours, self.all = ours, [Worker(ours, f"{of}-{name}-{i}", of, options, environment) for i in range(count)]

    def __enter__(self):
        try:
            for worker in self.all:
                worker.start()
            self.connected()
        except BaseException:
            self.__exit__()
            raise
        return self

    def connected(self):
        def here():
            rows = self.ours.on(self.all[0].of, "worker", "list")
            return {w.name for w in self.all} <= {r["Hostname"] for r in rows if r["Open"]}
        self.ours.wait(here, 60, f"the workers to connect: {self.all[-1].tail()}")

    def __exit__(self, *_):
        for worker in self.all:
            with contextlib.suppress(OSError):
                worker.kill()

    def files(self):
        return [f"{w.name}: {file}" for w in self.all for file in w.files() + w.calls()]


def calls_left(ours, name="provider"):
    """Rows of calls that the node keeps."""
    with sqlite3.connect(f"file:{ours.repo(name)}/selkie.db?mode=ro", uri=True) as db:
        return db.execute("SELECT sector_number, task, state, hostname FROM worker_call").fetchall()
