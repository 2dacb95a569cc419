# SPDX-License-Identifier: MIT OR Apache-2.0
"""A node and its workers, and what comes between them: a network that is cut, either side killed in a fetch, a sector
that is canceled, files that are left behind. Every sector ends as it should, and nothing else is left of it."""
import contextlib
import hashlib
import socket
import threading

import farm
from many_workers import Worker, Workers, calls_left, lines
from played_worker import CACHE, SEALED, PlayedWorker
from support import *
from with_postgres import Server

SECONDS = 120


def only_workers(ours, **more):
    """Provider and client compute nothing that workers do."""
    ours.more |= {"SELKIE_STORAGE_ALLOWPRECOMMIT1": "false", "SELKIE_STORAGE_ALLOWCOMMIT": "false", "SELKIE_PROVIDER_CAPACITY": "100", **more}
    ours.prepare()


def sealed(ours, count=1):
    rows = ours.sectors("provider")
    expect(not [r for r in rows if r["failed"]], f"a sector failed: {rows}\n{ours.log_tail('provider', 3000)}")
    return sum(r["sealed_ms"] is not None for r in rows) >= count


def scratch(ours):
    """What lies at the provider of sectors, half-made or whole."""
    folder = ours.repo("provider") / "scratch"
    return sorted(str(p.relative_to(folder)) for kind in ("sealed", "cache") for p in (folder / kind).glob("*"))


def temporary(ours):
    """At the provider and its workers; the client fetches at this moment."""
    return [str(p) for place in ours.folder.iterdir() if place.is_dir() and place.name not in ("client", "devnet")
            for p in place.rglob("*") if p.name.endswith((".tmp", ".blocks", ".part"))]


def half(handler, data):
    """The first half of a body, and no more."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/octet-stream")
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data[:len(data) // 2])
    handler.wfile.flush()


class Cut(Exception):
    """Ends the connection."""


def network_cut():
    """In the middle of the cache, then of the replica, the worker's network is gone; when it is back all comes whole."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        with PlayedWorker(ours, "far") as worker:
            gone = {kind: threading.Event() for kind in ("cache", "sealed")}

            def cut(kind):
                def act(handler, data):
                    half(handler, data)
                    worker.leave()  # before the connection ends: whoever asks again at once is not to be served
                    gone[kind].set()
                    raise Cut
                return act

            worker.moments = {f"GET {kind}": cut(kind) for kind in gone}
            ours.order()
            for kind, event in gone.items():
                expect(event.wait(SECONDS), f"the {kind} was not asked for")
                if kind == "cache":  # the other cut is as short as it can be
                    ours.wait(lambda: " farm.bring " in ours.log_tail("provider", 1 << 20), SECONDS, "the node to notice")
                equal(ours.sectors("provider")[0]["sealed_ms"], None, "sealed before it is here")
                expect(f"{kind}/s-t01000-0" not in scratch(ours), f"half a {kind} has its name: {scratch(ours)}")
                worker.come()
            ours.wait(lambda: sealed(ours), SECONDS, "the sector to be sealed")
            equal((ours.repo("provider") / "scratch/sealed/s-t01000-0").read_bytes(), worker.place(SEALED, 0).read_bytes(), "the replica")
            expect(worker.row()["Open"], f"it is no liar: {worker.row()}")
            equal(worker.asked.count("SealPreCommit2"), 1, "trees made")
            equal(temporary(ours), [], "temporary files")


def cache_with_layers():
    """Of a cache that is not finalised the node reads no more than p_aux, and makes the rest from the replica."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours, SELKIE_STORAGE_ALLOWCOMMIT="true")
        with PlayedWorker(ours, "lotus") as worker:
            worker.whole = True
            ours.order()
            ours.wait(lambda: sealed(ours), SECONDS, "the sector to be sealed")
            here, there = ours.repo("provider") / "scratch/cache/s-t01000-0", worker.place(CACHE, 0)
            expect(any("layer" in p.name for p in there.iterdir()), f"layers at the worker: {list(there.iterdir())}")
            equal(sorted(p.name for p in here.iterdir() if not p.name.startswith("c1")), ["p_aux", "sc-02-data-tree-r-last.dat", "t_aux"], "what is here")
            for name in ("p_aux", "sc-02-data-tree-r-last.dat"):
                equal((here / name).read_bytes(), (there / name).read_bytes(), name)
            ours.wait(lambda: ours.all_proving(1), SECONDS, "the sector to be proving")


QUESTIONS = ("ReturnAddPiece", "ReturnSealPreCommit1", "ReturnSealPreCommit2", "GET cache", "GET sealed", "SealCommit1", "ReturnSealCommit1")


def node_killed():
    """At each thing it asks of a worker: with calls in flight, in the middle of files, and when they are here."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        killed_at(ours, QUESTIONS)


def node_killed_on_postgresql():
    """A node comes again only some seconds after its kill there: one kill, with a call in flight."""
    server = Server()
    try:
        with Folder() as folder, farm.Farm(folder) as ours:
            database, plain = server.database("provider"), ours.environment
            ours.environment = lambda name: plain(name) | ({"SELKIE_DATABASE_URL": database} if name == "provider" else {})
            only_workers(ours)
            killed_at(ours, ("ReturnSealPreCommit1",))
            equal(server.sql("SELECT task, state FROM worker_call WHERE task <> 'C1' ORDER BY task", "provider"), [["PC1", "done"], ["PC2", "done"]], "calls that are kept")
    finally:
        server.stop()


def node_killed_in_deletes():
    """When it has its worker's files removed, the sector being done: they go, and nothing is kept of its calls."""
    def cleared(ours, worker):
        ours.wait(lambda: ours.all_proving(1), SECONDS, "the sector to be proving")
        ours.wait(lambda: not worker.files(), SECONDS, f"the worker's files to go: {worker.files()}")
        ours.wait(lambda: not calls_left(ours), SECONDS, f"the calls to be forgotten: {calls_left(ours)}")
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours, SELKIE_STORAGE_ALLOWCOMMIT="true")  # the client proves it
        killed_at(ours, ("DELETE sealed", "DELETE cache"), cleared)


def same_replica(ours, worker):
    equal((ours.repo("provider") / "scratch/sealed/s-t01000-0").read_bytes(), worker.place(SEALED, 0).read_bytes(), "the replica")


def killed_at(ours, moments, then=same_replica):
    """No call is given twice that the worker had been asked for and the node knew of, and nothing half-made is used."""
    with PlayedWorker(ours, "worker") as worker:
        killed, problems, done, one_at_a_time = [], [], threading.Event(), threading.Lock()

        def kill(what):
            def act(*arguments):
                try:
                    with one_at_a_time:  # it may ask for files while it is still being greeted
                        if what.startswith("GET"):
                            half(*arguments)
                        ours.kill("provider")
                        ours.start("provider")
                        ours.wait(lambda: reaches(ours.api_port("provider")), 30, "the node to serve its workers")
                        worker.greet()
                        killed.append(what)
                except Exception as problem:
                    problems.append(problem)
                if problems or len(killed) == len(moments):
                    done.set()
                if not what.startswith(("Seal", "Return")):
                    raise Cut
            return act

        worker.moments = {what: kill(what) for what in moments}
        ours.order()
        expect(done.wait(SECONDS) and not problems, f"killed only at {killed}: {problems}\n{ours.log_tail('provider', 4000)}")
        ours.wait(lambda: sealed(ours), SECONDS, "the sector to be sealed")
        equal(killed, list(moments), "where it was killed")
        equal([worker.asked.count(m) for m in ("SealPreCommit1", "SealPreCommit2")], [1, 1], f"how often it was asked: {worker.asked}")
        expect("given anew" not in ours.log_tail("provider", 1 << 20), "a call was given a second time")
        then(ours, worker)
        equal(temporary(ours), [], "temporary files")


def reaches(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def digest(folder):
    """Of all files of a worker, by their place."""
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for kind in ("sealed", "cache")
            for p in (folder / kind).rglob("*") if p.is_file() and "s-t0" in str(p)}


def ghosts():
    """A sector ends while its worker is away, and its node is killed before it is back: its files go by themselves then. Of a
    sector that the node does not know an operator decides; those of one under way stay as they are."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        with Workers(ours, 1) as group:
            worker = group.all[0]
            ours.order(count=2)
            ours.wait(lambda: sealed(ours, 2), SECONDS, "two sectors to be sealed")
            worker.kill()
            for kind in ("sealed", "cache"):  # from another life of the worker
                there = worker.folder / kind / "s-t01000-1"
                (shutil.copytree if there.is_dir() else shutil.copy)(there, there.with_name("s-t01000-77"))
            before = digest(worker.folder)
            ours.on("client", "sector", "cancel", "f01000/0", "--really-do-it")
            ours.wait(lambda: any(r["state"] == "cleaned" for r in ours.sectors("provider")), SECONDS, "the sector to be over")
            ours.wait(lambda: not [r for r in calls_left(ours) if r[0] == 0], SECONDS, "its calls to be forgotten")
            ours.kill("provider")
            ours.start("provider")
            worker.start()
            ours.wait(lambda: not [f for f in worker.files() if f.endswith("-0")], SECONDS, f"the sector's files to go: {worker.files()}")
            found = ours.on("provider", "worker", "ghosts")
            equal({(g["Number"], g["Known"]) for g in found}, {(77, False)}, "what an operator is asked about")
            others = {place: sum_ for place, sum_ in before.items() if not place.split("/")[1].endswith("-0")}
            equal(digest(worker.folder), others, "files of others")
            ours.on("provider", "worker", "remove-ghosts", "--really-do-it")
            equal(digest(worker.folder), {p: d for p, d in others.items() if "-77" not in p}, "files of the sector under way")
            equal(ours.on("provider", "worker", "ghosts"), [], "what is left then")


def options_of(name):
    """Labels at one worker alone, all that follows at the other."""
    return {"labels": ("--precommit2=false",), "trees": ("--precommit1=false",)}[name]


def fetched_by_another():
    """The worker that labels makes no trees: another one fetches the layers. Each of the two, and their node, is killed in that;
    what it fetched is gone where it was, and the sector is sealed there."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        labels, trees = (Worker(ours, name, options=options_of(name)) for name in ("labels", "trees"))
        try:
            labels.start()
            trees.start()
            moments = {("trees", "call.taken"): trees.again, ("labels", "fetch"): labels.again, ("trees", "call.done"): lambda: restart(ours)}
            for count, ((_, event), kill) in enumerate(moments.items(), 1):
                seen = len(fetches(trees, "call.taken")), len(fetches(trees, "call.done"))
                ours.order()
                ours.wait(lambda: len(fetches(trees, "call.taken")) > seen[0], SECONDS, f"the fetch: {trees.tail()}")
                if event == "call.done":
                    ours.wait(lambda: len(fetches(trees, event)) > seen[1], SECONDS, f"the end of the fetch: {trees.tail()}")
                kill()
                ours.wait(lambda: sealed(ours, count), SECONDS, f"the sector to be sealed: {labels.tail()}{trees.tail()}")
                equal(labels.files(), [], "what is left where the layers were made")
                expect("SealPreCommit2" in trees.taken() and "SealPreCommit2" not in labels.taken(), "who made the trees")
            equal(temporary(ours), [], "temporary files")
        finally:
            labels.kill()
            trees.kill()


def fetches(worker, event):
    return [f for _, f in worker.events(event) if f["method"] == "Fetch"]


def restart(ours):
    ours.kill("provider")
    ours.start("provider")


def cancelled():
    """A client cancels while the worker labels, and while a sector waits for a worker: it really stops, the files go, the room is
    another's. Sectors of 512 MiB, whose labels take longer than all of this."""
    with Folder() as folder, farm.Farm(folder, size=None) as ours:
        ours.size = "512MiB"
        only_workers(ours, SELKIE_PROVIDER_SEALPROOFS="[7]")
        worker = Worker(ours, "worker")
        try:
            with environment(PC1_512M_MAX_CONCURRENT="1"):
                worker.start()
            ours.order(count=2, seal_proof=7)
            ours.wait(lambda: started(worker), SECONDS, f"the labels to be begun: {worker.tail()}")
            first = int(started(worker)[0]["sector"].rpartition("-")[2])
            waits = 1 - first
            ours.wait(lambda: str(waits) in str(requests(ours)), SECONDS, "the other sector to wait")
            ours.on("client", "sector", "cancel", f"f01000/{waits}")
            ours.wait(lambda: not requests(ours), 30, "the one that waits to be given up")
            ours.on("client", "sector", "cancel", f"f01000/{first}")
            ours.wait(lambda: worker.events("call.failed"), 30, f"the worker to stop: {worker.tail()}")
            for what, left in {"files": worker.files, "calls": worker.calls, "calls of the node": lambda: calls_left(ours)}.items():
                ours.wait(lambda: not left(), 30, f"its {what} to go")
            before = used_ticks(worker)
            ours.order(seal_proof=7)
            ours.wait(lambda: len(started(worker)) == 2, 30, f"the next sector to have its room: {worker.tail()}")
            idle = used_ticks(worker) - before
            expect(idle < 50, f"it went on for {idle} ticks with what was canceled")
            equal([f["sector"] for f in started(worker)], [f"1000-{first}", "1000-2"], "what was begun")
            ours.on("client", "sector", "cancel", "f01000/2")
            ours.wait(lambda: not worker.files(), 60, f"all to go: {worker.files()}")
        finally:
            worker.kill()


@contextlib.contextmanager
def environment(**more):
    os.environ.update(more)
    yield
    for name in more:
        del os.environ[name]


def started(worker):
    return [f for _, f in worker.events("call.started") if f["method"] == "SealPreCommit1"]


def requests(ours):
    return [r["Sector"]["Number"] for r in ours.on("provider", "sealing", "sched-diag")["SchedInfo"]["Requests"]]


def used_ticks(worker):
    """Processor time of the worker and what it started, in hundredths of a second."""
    return sum(map(int, pathlib.Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()[11:15]))


if __name__ == "__main__":
    run_cases([("network-cut-while-files-come", network_cut), ("cache-with-layers", cache_with_layers), ("node-killed-at-each-question", node_killed), ("node-killed-in-deletes", node_killed_in_deletes),
               ("node-killed-on-postgresql", node_killed_on_postgresql),
               ("files-left-behind", ghosts), ("layers-fetched-by-another", fetched_by_another),
               ("canceled-at-a-worker", cancelled)])
