#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Transfers, idle connections and lists: every figure with its bound, and whether it is reached.

A sealed file goes over TLS 1.3 on loopback. By the clock means the shortest of the runs on a machine
that has nothing else to do; processor time says something on a busy one, too, and the least of the runs
counts. The sector is sealed first (512 MiB: a minute on two cores), or kept in a folder for the next
time. Needs the curl command. Exit 1 when a bound is missed.

    python3 bench/figures.py
    python3 bench/figures.py --runs 9 --sector DIR --docs docs/performance.md --json figures.json
"""
import argparse
import json
import os
import pathlib
import random
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from lists import measure_lists
from side_by_side import ROOT, write_docs

PROOFS = {"8m": 6, "512m": 7}  # registered seal proofs
CONNECTIONS = 4  # what a node opens unless it is told otherwise
CUTS = 200
IDLE = 1000
GBIT = 8e-9


def processor_seconds():
    """Of all children waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def seal(selkie, folder, size):
    proof = ["--seal-proof", PROOFS[size]]
    files = ["--sealed", folder / "sealed", "--cache", folder / "cache"]
    for stage in (["pc1", *proof, "--miner", "f01000", "--sector", 1, "--ticket", "07" * 32, "--no-tree-d", *files], ["pc2", *proof, *files]):
        subprocess.run([str(part) for part in [selkie, "proof", *stage]], check=True, stdout=subprocess.DEVNULL)
    for layer in (folder / "cache").glob("*-layer-*"):  # neither these nor TreeC are looked at here
        layer.unlink()
    for tree in (folder / "cache").glob("*tree-c*"):
        tree.unlink()


class Server:
    def __init__(self, program, folder):
        self.process = subprocess.Popen([program, "serve", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = self.answer()["port"]

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def used(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Network:
    """A port that leads to the server: through it go `rate` bytes a second (0: as many as can), and it
    cuts connections while `cuts` are left, each after a random number of bytes up to `cut_bytes`."""

    def __init__(self, target, rate=0, cuts=0, cut_bytes=0):
        self.target, self.rate, self.cuts, self.cut_bytes = target, rate, cuts, cut_bytes
        self.sent = 0
        self.due = time.monotonic()
        self.lock = threading.Lock()
        self.random = random.Random(1)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self.back, args=(server, client), daemon=True).start()

    def plan(self):
        with self.lock:
            if not self.cuts:
                return None
            self.cuts -= 1
            return self.random.randint(1, self.cut_bytes)

    def pay(self, n):
        """Counts what is sent to the client and waits for as long as it takes."""
        with self.lock:
            self.sent += n
            if not self.rate:
                return
            self.due = max(self.due, time.monotonic() - 0.05) + n / self.rate
            wait = self.due - time.monotonic()
        if wait > 0:
            time.sleep(wait)

    @staticmethod
    def forward(client, server):
        try:
            while data := client.recv(1 << 16):
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def back(self, server, client):
        left = self.plan()
        try:
            while left != 0 and (data := server.recv(1 << 18)):
                data = data[:left]
                self.pay(len(data))
                client.sendall(data)
                left = left and left - len(data)
        except OSError:
            pass
        for end in (client, server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def end(self):
        self.listener.close()


class Transfers:
    def __init__(self, options, folder):
        self.program, self.folder, self.runs = options.build / "bench" / "transfer_bench", folder, options.runs
        subprocess.run([self.program, "make", folder], check=True)
        self.bytes = (folder / "sealed").stat().st_size
        self.server = Server(self.program, folder)

    def curl(self):
        before, start = processor_seconds(), time.monotonic()
        dest = self.folder / "dest"
        subprocess.run(["curl", "-s", "--cacert", self.folder / "tls.crt", "-o", dest, f"https://127.0.0.1:{self.server.port}/file"], check=True)
        seconds = time.monotonic() - start
        dest.unlink()
        return {"seconds": seconds, "cpu_seconds": processor_seconds() - before}

    def receive(self, what, port=None, connections=CONNECTIONS):
        done = subprocess.run([self.program, "receive", self.folder, str(port or self.server.port), str(connections), what], check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    def rates(self, say):
        """Each way some times in a row: the first run of one may have to wait for memory that the host of a
        virtual machine took back, the next ones find it."""
        self.curl()  # brings the file into memory
        before, sent, runs = self.server.used()["cpu_seconds"], [], {"curl": []}
        for _ in range(self.runs):
            runs["curl"].append(self.curl())
            after = self.server.used()["cpu_seconds"]
            sent.append(after - before)
            before = after
        runs["one"] = [self.receive("fetch", connections=1) for _ in range(self.runs)]
        runs["some"] = [self.receive("fetch") for _ in range(self.runs)]
        gbits = {(who, what): self.bytes * GBIT / min(run[what] for run in runs[who]) for who in runs for what in ("seconds", "cpu_seconds")}
        say("sent, for each second of a processor", self.bytes * GBIT / min(sent), "at least", 8, "Gbit/s")
        for who, text in (("some", f"over {CONNECTIONS} connections"), ("one", "over one connection")):
            for what, unit in (("seconds", "by the clock"), ("cpu_seconds", "for each second of a processor")):
                say(f"received, hashes checked, {text}, {unit}; curl: {gbits['curl', what]:.1f} Gbit/s", 100 * gbits[who, what] / gbits["curl", what], "at least", 80, "% of curl")

    def cuts(self, say):
        for connections in (1, 16):
            sent = []
            for cuts in (0, CUTS):
                network = Network(self.server.port, cuts=cuts, cut_bytes=3 * self.bytes // (2 * CUTS))
                self.receive("fetch", network.port, connections)
                network.end()
                sent.append(network.sent)
                if network.cuts:
                    sys.exit(f"{network.cuts} of {cuts} cuts were left when the file was there")
            say(f"sent again after {CUTS} cuts at random bytes, connections set up anew counted, {connections} at once", 100 * (sent[1] - sent[0]) / self.bytes, "at most", 0.5, "% of the file")

    def overlap(self, say):
        """The check is the slower one on loopback; behind a network of half its rate the transfer is. A check
        that is the slower one has every core at work, so that what sender and receiver need of them on the
        same machine comes on top: the second row takes that off."""
        checks = [self.receive("check") for _ in range(self.runs)]
        check = min(run["seconds"] for run in checks)
        for text, rate in (("the check is the slower", 0), ("the transfer is the slower", self.bytes / check / 2)):
            network = Network(self.server.port, rate=rate)
            port = network.port if rate else self.server.port
            runs = 1 if rate else self.runs
            before = self.server.used()["cpu_seconds"]
            fetches = [self.receive("fetch", port) for _ in range(runs)]
            sender = (self.server.used()["cpu_seconds"] - before) / runs
            fetch = min(run["seconds"] for run in fetches)
            both = min(self.receive("both", port)["seconds"] for _ in range(runs))
            network.end()
            say(f"transfer {fetch:.2f} s, replica check {check:.2f} s, both at once {both:.2f} s: {text}", 100 * (both / max(fetch, check) - 1), "at most", 10, "% later than the slower")
            if not rate:
                work = sender + min(run["cpu_seconds"] for run in fetches) + min(run["cpu_seconds"] for run in checks)
                cores = len(os.sched_getaffinity(0))
                say(f"the same against {work / cores:.2f} s, in which {cores} cores do what sender, receiver and check need of them", 100 * (both / max(fetch, check, work / cores) - 1), "at most", 10, "% later")

    def idle(self, say):
        context = ssl.create_default_context(cafile=self.folder / "tls.crt")
        context.check_hostname = False
        open_ = [context.wrap_socket(socket.create_connection(("127.0.0.1", self.server.port))) for _ in range(IDLE)]
        kib = self.server.used()["resident_kib"]
        for connection in open_:
            connection.close()
        say(f"memory of a server with {IDLE} idle TLS connections, all of it", kib * 1024 / 1e6, "below", 100, "MB")


class Figures:
    def __init__(self):
        self.rows = []

    def say(self, figure, value, relation, bound, unit):
        reached = value >= bound if relation == "at least" else value <= bound if relation == "at most" else value < bound
        self.rows.append({"figure": figure, "value": round(value, 3), "relation": relation, "bound": bound, "unit": unit, "reached": reached})
        print(f"{'reached' if reached else 'MISSED '}  {value:8.2f} {unit}, {relation} {bound}: {figure}", flush=True)

    def markdown(self):
        lines = ["| figure | measured | bound | |", "|---|---|---|---|"]
        for row in self.rows:
            lines.append(f"| {row['figure']} | {row['value']:.3g} {row['unit']} | {row['relation']} {row['bound']} | {'reached' if row['reached'] else '**missed**'} |")
        return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="folder of the build, bench/transfer_bench in it")
    parser.add_argument("--size", choices=PROOFS, default="512m", help="of the sector; 8m is over too soon for figures by the clock")
    parser.add_argument("--sectors", type=int, default=10_000, help="in the database of the lists")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sector", type=pathlib.Path, help="folder of the sealed sector, made if it is not there and kept")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--docs", type=pathlib.Path, help="a page whose marked table is replaced")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, max(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="selkie-figures-") as temporary:
        folder = (options.sector or pathlib.Path(temporary)).absolute()
        if not (folder / "sealed").exists():
            folder.mkdir(parents=True, exist_ok=True)
            seal(options.build / "selkie", folder, options.size)
        transfers = Transfers(options, folder)
        for group in (transfers.rates, transfers.overlap, transfers.cuts, transfers.idle):
            group(figures.say)
        transfers.server.end()
    for row in measure_lists(options.build / "selkie", options.sectors):
        figures.say(f"`selkie {row['command']}` at {options.sectors:,} sectors", row["wall_ms"], "below", row["goal_ms"], "ms")
    if options.json:
        options.json.write_text(json.dumps({"load": os.getloadavg(), "runs": options.runs, "rows": figures.rows}, indent=1) + "\n")
    if options.docs:
        write_docs(options.docs, "figures", figures.markdown())
    sys.exit(0 if all(row["reached"] for row in figures.rows) else 1)


if __name__ == "__main__":
    main()
