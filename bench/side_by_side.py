#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Selkie beside the official Rust crates, stage by stage, in one run on this machine.

Builds bench/peer by itself (cargo, libhwloc-dev; versions pinned there). Every turn seals a new sector of
random data with a random ticket and seed in both programs, first Selkie, then the crates; a number
counts only when both computed the same labels, CommD, CommR and hashes, and when the crates accept
Selkie's proof. A row is the shortest of the turns, ratio = Rust time / Selkie time, memory the most
anonymous memory seen in any turn, sampled from outside in the same way for both.

    python3 bench/side_by_side.py --sizes 2k 8m 512m --params DIR --runs 3 --json FILE --docs docs/performance.md
    python3 bench/side_by_side.py --sizes 512m --rows labels-single pc2 --threads 1 2
"""
import argparse
import hashlib
import json
import os
import pathlib
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# size: bytes, number in the PoRep id, registered seal proof (None: this size has none), layers
SIZES = {"2k": (2 << 10, 5, 5, 2), "8m": (8 << 20, 6, 6, 2), "512m": (512 << 20, 7, 7, 2), "1g": (1 << 30, 103, None, 2)}
# Rows in the order of the table: what is compared, target and stretch of the ratio, what a unit is.
ROWS = {
    "poseidon-2": ("Poseidon batch, one core, arity 2", "", "hash"),
    "poseidon-8": ("Poseidon batch, one core, arity 8", "8 / 14", "hash"),
    "poseidon-11": ("Poseidon batch, one core, arity 11", "8 / 14", "hash"),
    "tree-d": ("TreeD, with the copy of the data", "2", "node"),
    "labels-single": ("SDR labels, against single-core mode", "1.6 / 2", "node and layer"),
    "labels-multi": ("SDR labels, against multicore mode", "1.1 / 1.2", "node and layer"),
    "labels-batch": ("SDR labels of a batch, core time of one label, against multicore mode", "8 / 11", "node, layer and sector"),
    "pc1": ("PC1, whole", "", "node and layer"),
    "pc2": ("PC2", "8 / 14", "node"),
    "c1": ("C1, cold cache", "2", "challenge"),
    "check-replica": ("check-replica (TreeR again)", "8 / 14", "node"),
    "c2": ("C2", "5 / 10", "constraint"),
    "verify-1": ("verify, one proof", "1.5", "proof"),
    "verify-100": ("verify, 100 proofs in a batch", "", "batch"),
    "verify-each": ("verify, one of 100 in a batch against one alone", "8", "proof"),
    "params": ("development parameters", "10 / 20", "constraint"),
}
BY_DEFAULT = [name for name in ROWS if name != "params"]
VERIFY_ROWS = ("verify-1", "verify-100", "verify-each")
SNARK_ROWS = ("c2", *VERIFY_ROWS)
CONSTRAINTS_2K = 2687921
POSEIDON_HASHES = 2048


class Run:
    """One process: its JSON answer, its processor time, the most anonymous memory it had."""

    def __init__(self, command, folder, threads, **environment):
        if threads:
            command = ["taskset", "-c", f"0-{threads - 1}", *command]
        before = self.processor_seconds()
        process = subprocess.Popen([str(c) for c in command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env={**os.environ, **environment})
        self.peak = 0
        watcher = threading.Thread(target=self.watch, args=(process.pid,))
        watcher.start()
        out, said = process.communicate()
        watcher.join()
        self.cpu = self.processor_seconds() - before
        if process.returncode:
            sys.exit(f"{' '.join(map(str, command))}:\n{said[-2000:]}{out[-500:]}")
        self.answer = json.loads(out)

    @staticmethod
    def processor_seconds():
        """Of all children waited for; there is one at a time."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def watch(self, pid):
        while True:
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                return
            anonymous = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:")]
            if not anonymous:  # ended, not yet waited for
                return
            self.peak = max(self.peak, int(anonymous[0]) << 10)
            time.sleep(0.01)


def agree(what, ours, theirs):
    if ours != theirs:
        sys.exit(f"{what}: Selkie has {ours}, the crates have {theirs}: no ratio is worth anything")


def build_peer(folder):
    """The peer out of the source tree, with the machine's own instructions, as a farm would build it."""
    for tool in ("cargo", "pkg-config"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed; --peer names a program built elsewhere")
    if subprocess.run(["pkg-config", "--exists", "hwloc"]).returncode:
        sys.exit("libhwloc-dev is not installed; --peer names a program built elsewhere")
    source = folder / "source"
    shutil.copytree(ROOT / "bench" / "peer", source, dirs_exist_ok=True)
    print("building the peer (some minutes the first time)", file=sys.stderr)
    environment = {**os.environ, "RUSTFLAGS": "-C target-cpu=native", "CARGO_TARGET_DIR": str(folder)}
    if subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=source, env=environment).returncode:
        sys.exit("the peer does not build")
    return folder / "release" / "selkie-bench-peer"


def random_data(path, size):
    """Random field elements in Fr32 form: the two top bits of every node are clear."""
    clear = bytes(i & 0x3F for i in range(256))
    with open(path, "wb") as f:
        while size > 0:
            chunk = bytearray(secrets.token_bytes(min(size, 1 << 20)))
            chunk[31::32] = chunk[31::32].translate(clear)
            f.write(chunk)
            size -= len(chunk)


def digest(path):
    hash = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            hash.update(chunk)
    return hash.hexdigest()


def forget_pages(*folders):
    """What a stage will read comes from the disk and not from the page cache."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                fd = os.open(path, os.O_RDONLY)
                os.fsync(fd)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(fd)


class Table:
    """Shortest time and highest memory per row, of each side."""

    def __init__(self):
        self.rows = {}

    def add(self, side, key, seconds, peak=0, units=None):
        row = self.rows.setdefault(key, {})
        row[f"{side}_s"] = min(seconds, row.get(f"{side}_s", seconds))
        row[f"{side}_peak"] = max(peak, row.get(f"{side}_peak", 0))
        if units:
            row["units"] = units


class Bench:
    def __init__(self, options, folder):
        self.options, self.top, self.table = options, folder, Table()
        self.parents = folder / "parents"
        self.parents.mkdir()

    def wants(self, *rows):
        return any(row in self.options.rows for row in rows)

    def selkie(self, folder, threads, *arguments):
        return Run([self.options.selkie, *arguments, "--json"], folder, threads, FIL_PROOFS_PARENT_CACHE=str(self.parents))

    def peer(self, folder, threads, stage, multicore=0, **arguments):
        return Run([self.options.peer, stage, *(f"{k}={v}" for k, v in arguments.items())], folder, threads,
                   FIL_PROOFS_PARENT_CACHE=str(self.parents), FIL_PROOFS_PARAMETER_CACHE=str(self.options.params or folder),
                   FIL_PROOFS_USE_MULTICORE_SDR=str(multicore), RUST_LOG="error")

    def poseidon(self, folder):
        ours = self.selkie(folder, 1, "bench", "poseidon")
        theirs = self.peer(folder, 1, "poseidon", count=POSEIDON_HASHES)
        for row in ours.answer["rows"]:
            arity = row["work"].split()[1]
            other = theirs.answer["arities"][arity]
            agree(f"Poseidon hashes of arity {arity}", row["digest"], other["digest"])
            key = ("", f"poseidon-{arity}", 1)
            if self.wants(key[1]):
                self.table.add("selkie", key, row["seconds"] / POSEIDON_HASHES, ours.peak, 1)
                self.table.add("rust", key, other["seconds_each"], theirs.peak)

    def sector(self, folder, size, threads):
        sector = Sector(self, folder, size, threads)
        sector.selkie_labels()
        sector.rust_labels()
        if self.wants("pc1", "pc2", "c1", "check-replica", *SNARK_ROWS):
            sector.later_stages()

    def batch(self, folder, size, threads):
        """Sectors of different miners and tickets over the same data; the crates label one of them."""
        n = self.options.batch
        sectors = [Sector(self, folder, size, threads, name=f"-{i}", data=i == 0) for i in range(n)]
        rows = [{"seal_proof": SIZES[size][2], "miner": s.miner, "sector": s.number, "ticket": s.ticket.hex(), "unsealed": "unsealed",
                 "sealed": s.sealed, "cache": s.cache} for s in sectors]
        (folder / "batch.json").write_text(json.dumps(rows))
        ours = self.selkie(folder, threads, "proof", "pc1", "--batch", "batch.json")
        chosen = sectors[secrets.randbelow(n)]
        comm_d = ours.answer["sectors"][sectors.index(chosen)]["comm_d"]
        theirs = chosen.peer("labels", 1 if threads != 1 else 0, cache="labels-theirs", comm_d=comm_d)
        agree("labels of a batch", chosen.layer(chosen.cache), theirs.answer["last_layer_sha256"])
        key = (size, "labels-batch", threads)
        self.table.add("selkie", key, ours.answer["cpu_ns_per_label"] * 1e-9, ours.peak, 1)
        self.table.add("rust", key, theirs.cpu / (chosen.nodes * chosen.layers), theirs.peak)

    def verify(self, folder, threads):
        ours = self.selkie(folder, threads, "bench", "verify", "--size", "2KiB", "--params", self.options.params)
        for row in ours.answer["rows"]:
            n = 1 if row["work"] == "one" else 100
            if row["stage"] == "verify":
                self.table.add("selkie", ("2k", f"verify-{n}", threads), row["seconds"], ours.peak, 1)

    def params(self, folder, threads):
        ours = self.selkie(folder, threads, "params", "generate", "--folder", folder / "params", "--sector-size", "2KiB")
        self.table.add("selkie", ("2k", "params", threads), ours.answer["seconds"], ours.peak, CONSTRAINTS_2K)
        theirs = self.peer(folder, threads, "params", size=2048, porep=5)
        self.table.add("rust", ("2k", "params", threads), theirs.answer["seconds"], theirs.peak)

    def turn(self):
        if self.wants("poseidon-2", "poseidon-8", "poseidon-11"):
            self.poseidon(self.top)
        for threads in self.options.threads:
            for size in self.options.sizes:
                with tempfile.TemporaryDirectory(dir=self.top) as folder:
                    self.sector(pathlib.Path(folder), size, threads)
            for size in self.options.batch_sizes if self.wants("labels-batch") else []:
                with tempfile.TemporaryDirectory(dir=self.top) as folder:
                    self.batch(pathlib.Path(folder), size, threads)
            if self.options.params and "2k" in self.options.sizes and self.wants(*VERIFY_ROWS):
                self.verify(self.top, threads)
            if self.wants("params"):
                with tempfile.TemporaryDirectory(dir=self.top) as folder:
                    self.params(pathlib.Path(folder), threads)


class Sector:
    """One sector of random data, sealed by both."""

    def __init__(self, bench, folder, size, threads, name="", data=True):
        self.bench, self.folder, self.size, self.threads = bench, folder, size, threads
        self.sealed, self.cache = f"ours{name}", f"cache{name}"
        self.bytes, self.porep, registered, self.layers = SIZES[size]
        self.nodes = self.bytes // 32
        self.miner, self.number = secrets.randbelow(1 << 40), secrets.randbelow(1 << 50)
        self.ticket, self.seed = (bytearray(secrets.token_bytes(32)) for _ in range(2))
        self.ticket[31] &= 0x3F
        self.seed[31] &= 0x3F
        porep_id = self.porep.to_bytes(8, "little").hex() + "00" * 24
        self.kind = ["--seal-proof", registered] if registered is not None else [
            "--sector-size", self.bytes, "--porep-id", porep_id, "--api-version", "1.1"]
        self.identity = ["--miner", self.miner, "--sector", self.number, "--ticket", self.ticket.hex()]
        self.common = {"size": self.bytes, "porep": self.porep, "miner": self.miner, "sector": self.number, "ticket": self.ticket.hex()}
        if data:
            random_data(folder / "unsealed", self.bytes)

    def note(self, side, row, seconds, run, units=None):
        if self.bench.wants(row):
            self.bench.table.add(side, (self.size, row, self.threads), seconds, run.peak, units)

    def selkie(self, *arguments):
        return self.bench.selkie(self.folder, self.threads, *arguments)

    def peer(self, stage, multicore=0, **arguments):
        return self.bench.peer(self.folder, self.threads, stage, multicore, **self.common, **arguments)

    def layer(self, cache):
        return digest(self.folder / cache / f"sc-02-data-layer-{self.layers}.dat")

    def selkie_labels(self):
        # TreeC belongs to the row of PC2, as in the crates; by itself Selkie would begin it while it labels.
        run = self.selkie("proof", "pc1", *self.kind, *self.identity, "--unsealed", "unsealed", "--sealed", self.sealed, "--cache", self.cache,
                          "--tree-c", "no")
        stages = run.answer["stages"]
        labels = sum(seconds for name, seconds in stages.items() if name.startswith("layer"))
        self.comm_d, self.labels = run.answer["comm_d"], self.layer(self.cache)
        self.note("selkie", "tree-d", stages["tree-d"], run, self.nodes)
        self.note("selkie", "labels-single", labels, run, self.nodes * self.layers)
        self.note("selkie", "labels-multi", labels, run, self.nodes * self.layers)
        self.note("selkie", "pc1", run.answer["seconds"] - stages.get("parents", 0), run, self.nodes * self.layers)

    def rust_labels(self):
        if self.bench.wants("tree-d"):
            run = self.bench.peer(self.folder, self.threads, "tree-d", size=self.bytes, unsealed="unsealed", sealed="copy", cache="tree-d")
            agree("CommD", self.comm_d, run.answer["comm_d"])
            self.note("rust", "tree-d", run.answer["seconds"], run)
        for multicore, row in enumerate(("labels-single", "labels-multi")):
            # The crates' multicore mode wants more than one core.
            if not self.bench.wants(row) or (multicore and self.threads == 1):
                continue
            run = self.peer("labels", multicore, cache=row, comm_d=self.comm_d)
            agree("labels", self.labels, run.answer["last_layer_sha256"])
            self.note("rust", row, run.answer["seconds"], run)
            shutil.rmtree(self.folder / row)

    def later_stages(self):
        files = ["--sealed", self.sealed, "--cache", self.cache]
        theirs = {"sealed": "theirs", "cache": "cache-theirs", "comm_d": self.comm_d}
        run = self.selkie("proof", "pc2", *self.kind, *files)
        comm_r = run.answer["comm_r"]
        self.note("selkie", "pc2", run.answer["seconds"], run, self.nodes)
        rust = self.peer("pc1", 1 if self.threads != 1 else 0, unsealed="unsealed", out="p1.json", **theirs)
        self.note("rust", "pc1", rust.answer["seconds"], rust)
        rust = self.peer("pc2", **{"in": "p1.json"}, **theirs)
        agree("CommR", comm_r, rust.answer["comm_r"])
        self.note("rust", "pc2", rust.answer["seconds"], rust)
        self.c1(files, theirs, comm_r)
        if self.bench.wants("check-replica"):
            run = self.selkie("proof", "check-replica", *self.kind, *files, "--comm-r", comm_r)
            self.note("selkie", "check-replica", run.answer["seconds"], run, self.nodes)
            rust = self.peer("check", sealed="theirs", out="again")
            self.note("rust", "check-replica", rust.answer["seconds"], rust)
        if self.size == "2k" and self.bench.options.params and self.bench.wants(*SNARK_ROWS):
            self.c2(comm_r)

    def c1(self, files, theirs, comm_r):
        statement = ["--seed", self.seed.hex(), "--comm-r", comm_r, "--comm-d", self.comm_d]
        forget_pages(self.folder / self.cache)
        run = self.selkie("proof", "c1", *self.kind, *self.identity, *statement, *files, "--out", "c1.json")
        self.note("selkie", "c1", run.answer["seconds"], run, run.answer["challenges"] * run.answer["partitions"])
        forget_pages(self.folder / "cache-theirs")
        rust = self.peer("c1", out="c1-theirs.json", seed=self.seed.hex(), comm_r=comm_r, **theirs)
        self.note("rust", "c1", rust.answer["seconds"], rust)

    def c2(self, comm_r):
        run = self.selkie("proof", "c2", "--c1", "c1.json", "--miner", self.miner, "--sector", self.number, "--out", "proof",
                          "--params", self.bench.options.params, "--development")
        self.note("selkie", "c2", run.answer["seconds"], run, CONSTRAINTS_2K)
        if self.bench.wants("c2"):
            rust = self.peer("c2", **{"in": "c1-theirs.json"}, out="proof-theirs")
            self.note("rust", "c2", rust.answer["seconds"], rust)
        # The crates refuse a wrong proof with an error, which ends this run.
        rust = self.peer("verify", **{"in": "proof"}, seed=self.seed.hex(), comm_r=comm_r, comm_d=self.comm_d, runs=5, batch=100)
        for row, seconds in (("verify-1", rust.answer["seconds"]), ("verify-100", rust.answer["batch_seconds"])):
            self.bench.table.add("rust", (self.size, row, self.threads), seconds, rust.peak)


def finished(table, clock_hz, wanted):
    """The rows as a list, with what follows from them."""
    for (size, name, threads), row in list(table.rows.items()):
        if name == "verify-1":
            batch = table.rows[size, "verify-100", threads]
            table.add("selkie", (size, "verify-each", threads), batch["selkie_s"] / 100, batch["selkie_peak"], 1)
            table.add("rust", (size, "verify-each", threads), row["rust_s"], row["rust_peak"])
    order = list(ROWS)
    cores = os.cpu_count()
    out = []
    for (size, name, threads), row in sorted(table.rows.items(), key=lambda item: (order.index(item[0][1]), item[0][2] or 0, SIZES.get(item[0][0], (0,))[0])):
        ours, rust = row.get("selkie_s"), row.get("rust_s")
        if name not in wanted:
            continue
        used = 1 if name.startswith(("poseidon", "labels")) else threads or cores
        out.append({"size": size, "row": name, "threads": threads, "rust_s": rust, "selkie_s": ours,
                    "ratio": rust / ours if rust and ours else None, "unit": ROWS[name][2],
                    "cycles_each": ours * used * clock_hz / row["units"] if ours and row.get("units") else None,
                    "rust_peak_bytes": row.get("rust_peak", 0), "selkie_peak_bytes": row.get("selkie_peak", 0)})
    return out


def seconds_text(value):
    if value is None:
        return "–"
    return f"{value * 1e6:.2f} us" if value < 1e-4 else f"{value * 1e3:.2f} ms" if value < 0.1 else f"{value:.2f} s"


def markdown(rows):
    lines = ["| stage | size | cores | Rust | Selkie | ratio | target / stretch | cycles each, of | Rust MiB | Selkie MiB |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        text, target, unit = ROWS[row["row"]]
        ratio = f"**{row['ratio']:.2f}**" if row["ratio"] else "–"
        cycles = f"{row['cycles_each']:,.0f} / {unit}" if row["cycles_each"] else "–"
        lines.append(f"| {text} | {row['size']} | {row['threads'] or 'all'} | {seconds_text(row['rust_s'])} | {seconds_text(row['selkie_s'])} | "
                     f"{ratio} | {target} | {cycles} | {row['rust_peak_bytes'] / 2**20:.0f} | {row['selkie_peak_bytes'] / 2**20:.0f} |")
    return "\n".join(lines)


def kernels_markdown(machine, rows):
    """What one core does, from `selkie cpu` and `selkie bench`; the chosen kernel of each primitive first."""
    lines = ["| primitive | kernel | unit | ns | cycles |", "|---|---|---|---|---|"]
    for primitive, speeds in machine["ns_each"].items():
        chosen = machine["kernels"][primitive]
        for kernel in sorted((k for k in speeds if k != "unit"), key=lambda k: (k != chosen, speeds[k])):
            lines.append(f"| {primitive} | {'**' + kernel + '**' if kernel == chosen else kernel} | {speeds['unit']} | {speeds[kernel]:,.1f} | "
                         f"{speeds[kernel] * machine['clock_hz'] / 1e9:,.0f} |")
    for row in rows:
        if row["stage"] in ("ntt", "msm"):
            lines.append(f"| {row['stage']} | {row['work']} | {row['unit']} | {1e9 * row['threads'] / row['per_second']:,.1f} | {row['cycles_each']:,.0f} |")
    return "\n".join(lines)


def write_docs(path, name, text):
    """Replaces what stands between the marks of that name."""
    first, last = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    page = path.read_text()
    before, _, rest = page.partition(first)
    _, _, after = rest.partition(last)
    if not after:
        sys.exit(f"{path} lacks the lines {first} and {last}")
    path.write_text(f"{before}{first}\n{text}\n{last}{after}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--selkie", type=os.path.abspath, default=ROOT / "build" / "selkie")
    parser.add_argument("--peer", type=os.path.abspath, help="the peer, already built; default: built in --build-folder")
    parser.add_argument("--build-folder", type=pathlib.Path, default=ROOT / "build" / "bench-peer")
    parser.add_argument("--params", type=os.path.abspath, help="folder with the 2 KiB development parameters, for c2 and verify")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["2k", "8m"])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=BY_DEFAULT, metavar="ROW", help=f"default: all but params ({', '.join(ROWS)})")
    parser.add_argument("--threads", nargs="+", type=int, default=[0], help="cores given to both, 0: all; several for scaling")
    parser.add_argument("--batch", type=int, default=16, help="sectors of labels-batch")
    parser.add_argument("--batch-sizes", nargs="+", choices=[size for size, row in SIZES.items() if row[2] is not None], default=["8m"], help="sector sizes of labels-batch")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=os.path.abspath, help="where sectors are sealed")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--docs", type=pathlib.Path, help="a page whose marked table is replaced")
    options = parser.parse_args()
    options.peer = options.peer or build_peer(options.build_folder.absolute())
    with tempfile.TemporaryDirectory(prefix="selkie-side-", dir=options.folder) as top:
        bench = Bench(options, pathlib.Path(top))
        machine = bench.selkie(top, 0, "cpu").answer
        for turn in range(options.runs):
            print(f"turn {turn + 1} of {options.runs}", file=sys.stderr)
            bench.turn()
        kernels = bench.selkie(top, 0, "bench", "ntt", "msm").answer["rows"]
    rows = finished(bench.table, machine["clock_hz"], options.rows)
    text = markdown(rows)
    print(text)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "runs": options.runs, "rows": rows}, indent=1) + "\n")
    if options.docs:
        write_docs(options.docs, "side_by_side", text)
        write_docs(options.docs, "kernels", kernels_markdown(machine, kernels))


if __name__ == "__main__":
    main()
