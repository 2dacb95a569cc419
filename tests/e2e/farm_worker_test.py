# SPDX-License-Identifier: MIT OR Apache-2.0
"""Workers serve a node: ours, and where ../shared/lotus-devnet is a real lotus-worker, also when either side
is killed; one lies."""

import base64
import contextlib
import socket
import threading
import time
import urllib.error

import farm
from played_worker import PlayedWorker, of_pc1
from support import *

DEVNET = SHARED / "lotus-devnet"
PROVING_SECONDS = 600


def lotus_binaries():
    folder = pathlib.Path(os.environ.get("LOTUS_DEVNET_BIN") or pathlib.Path.home() / ".cache" / "lotus-devnet-bin")
    if not (folder / "lotus-worker").exists():
        scratch = folder.with_name(f"{folder.name}.tmp.{os.getpid()}")
        scratch.mkdir(parents=True, exist_ok=True)
        subprocess.run(f"zstd -dc --long=29 {DEVNET}/bin.tar.zst | tar x -C {scratch}", shell=True, check=True)
        try:
            scratch.rename(folder)
        except OSError:  # another script was faster
            shutil.rmtree(scratch)
    return folder


class LotusWorker:
    """A lotus-worker of the provider, with a folder of its own."""

    def __init__(self, ours, name, tasks="--commit=false", perm="admin"):
        self.ours, self.folder, self.port = ours, ours.folder / name, farm.free_port()
        self.perm = perm
        self.log, self.tasks, self.process = ours.folder / f"{name}.log", tasks, None
        self.params = ours.folder / f"{name}-params"
        self.params.mkdir()
        for file in (DEVNET / "params").iterdir():
            shutil.copy(file, self.params)

    def start(self):
        info = self.ours.on("provider", "auth", "api-info", "--perm", self.perm)
        environment = {**os.environ, "MINER_API_INFO": f"{info['token']}:{info['address']}", "LOTUS_WORKER_PATH": str(self.folder),
                       "LOTUS_DEVNET_TRUST_PARAMS": "1", "LOTUS_SKIP_GENESIS_CHECK": "_yes_", "BELLMAN_NO_GPU": "1",
                       "FIL_PROOFS_PARAMETER_CACHE": str(self.params)}
        command = f"ulimit -n $(ulimit -Hn); exec {lotus_binaries()}/lotus-worker run --listen 127.0.0.1:{self.port} {self.tasks} --prove-replica-update2=false"
        self.process = subprocess.Popen(["bash", "-c", command], env=environment, stdin=subprocess.DEVNULL,
                                        stdout=open(self.log, "ab"), stderr=subprocess.STDOUT)
        self.ours.wait(self.connected, 120, f"the lotus-worker to connect; {self.tail()}")
        return self

    def connected(self):
        expect(self.process.poll() is None, f"lotus-worker ended: {self.tail()}")
        return any(w["Kind"] == "lotus" and w["Open"] and str(self.port) in w["URL"] for w in workers(self.ours))

    def tail(self):
        return self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""

    def command(self, *arguments):
        environment = {**os.environ, "LOTUS_WORKER_PATH": str(self.folder)}
        done = subprocess.run([lotus_binaries() / "lotus-worker", *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(9)
            self.process.wait()

    def files(self):
        """What lies there of sectors, by type."""
        return sorted(f"{kind}/{p.name}" for kind in ("unsealed", "sealed", "cache") for p in (self.folder / kind).glob("s-t0*"))

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()


class OwnWorker:
    """A worker of ours, with a token that lets it do no more than a worker must."""

    def __init__(self, ours, name="own", of="provider", flags=(), info=None):
        self.ours, self.of, self.folder, self.log, self.flags = ours, of, ours.folder / name, ours.folder / f"{name}.log", flags
        self.info = info or ours.on(of, "auth", "api-info")

    def start(self):
        environment = {**os.environ, "MINER_API_INFO": f"{self.info['token']}:{self.info['address']}",
                       "FIL_PROOFS_PARAMETER_CACHE": str(self.ours.params)}
        command = [SELKIE, "worker", "run", "--worker-repo", self.folder, "--listen", "127.0.0.1:0", "--development", "--name", self.folder.name]
        self.process = subprocess.Popen([*command, *self.flags], env=environment, stdin=subprocess.DEVNULL, stdout=open(self.log, "ab"),
                                        stderr=subprocess.STDOUT)

    def row(self):
        rows = [w for w in workers(self.ours, self.of) if w["Hostname"] == self.folder.name]
        return next((w for w in rows if w["Open"]), rows[0] if rows else None)

    def __enter__(self):
        self.start()
        try:
            self.ours.wait(lambda: (self.row() or {}).get("Open"), 60, "our worker to connect")
        except Failed as e:
            self.close()
            raise Failed(f"{e}; {self.tail()}") from e
        return self

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def files(self):
        return sorted(f"{kind}/{p.name}" for kind in ("unsealed", "sealed", "cache") for p in self.folder.glob(f"**/{kind}/s-t0*"))

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __exit__(self, *_):
        self.close()


def workers(ours, name="provider"):
    return ours.on(name, "worker", "list")


def only_workers(ours):
    """The provider labels nothing itself."""
    ours.more |= {"SELKIE_STORAGE_ALLOWPRECOMMIT1": "false"}


def jobs(ours):
    return [job for rows in ours.on("provider", "sealing", "jobs").values() for job in rows]


def seals_sectors():
    """Two sectors from order to proving, all labels, trees and C1 by the lotus-worker."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        ours.prepare()
        ours.order()
        ours.wait(lambda: ours.on("provider", "sealing", "sched-diag")["Why"], 60, "the sector to wait for a worker")
        reasons = list(ours.on("provider", "sealing", "sched-diag")["Why"].values())
        expect("does not do PC1" in reasons[0], f"the reason why it waits: {reasons}")
        with LotusWorker(ours, "lotus-worker", perm="worker") as worker:
            expect("Task types:" in worker.command("info"), "the lotus-worker's own commands, with a worker's token")
            ours.order()
            ours.wait(lambda: ours.all_proving(2), PROVING_SECONDS, "two sectors to be proving")
            ours.wait(lambda: not worker.files(), 90, f"the worker's disk to be free: {worker.files()}")
            for row in ours.sectors("provider"):
                expect(not row["failed"], row)
        equal(ours.leftovers(), [], "temporary files")


def ours_seals_sectors():
    """The same by two workers of ours, whose tokens let them do nothing else: one labels, the other fetches that and goes on.
    All of it over TLS, each known by its key."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        ours.api = "tls/http"
        ours.prepare()
        with OwnWorker(ours, "labels", flags=["--precommit2=false"]) as first, OwnWorker(ours, "trees", flags=["--precommit1=false"]) as second:
            local = [w["Tasks"] for w in workers(ours) if w["Kind"] == "local"]
            equal(local, [["PC2", "C2"]], "this node is one worker of the list")
            ours.order(count=2)
            ours.wait(lambda: ours.all_proving(2), PROVING_SECONDS, f"two sectors to be proving; {first.tail()} {second.tail()}")
            ours.wait(lambda: not first.files() + second.files(), 90, f"the workers' disks to be free: {first.files()} {second.files()}")
            equal(ours.on("provider", "worker", "ghosts"), [], "files that nobody needs")
            taken, went_on = first.log.read_text(), second.log.read_text()
            expect(taken.count("SealPreCommit1") >= 2, f"the labels are not our worker's: {taken[-2000:]}")
            expect(went_on.count("SealPreCommit2") >= 2 and "fetch.done" in went_on, f"the trees are not our other worker's: {went_on[-2000:]}")
            expect("AddPiece" not in taken, "an empty sector needs no data")


def a_node_that_cannot_start():
    """It says why, and leaves nothing behind that a worker would call."""
    with Folder() as folder, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = f"127.0.0.1:{taken.getsockname()[1]}"
        selkie("init", "--repo", folder / "node")
        for more in ({"SELKIE_HTTP_LISTENADDRESS": busy}, {"SELKIE_API_LISTENADDRESS": f"/ip4/127.0.0.1/tcp/{busy.split(':')[1]}/http"}):
            environment = {**os.environ, "SELKIE_NETWORK_DEVELOPMENT": "true", "SELKIE_HTTP_LISTENADDRESS": "127.0.0.1:0", **more}
            done = subprocess.run([SELKIE, "run", "--repo", folder / "node", "--role", "provider"], capture_output=True, text=True, timeout=60,
                                  env=environment, check=False)
            equal(done.returncode, 1, f"the exit status with {more}: {done.stderr[-500:]}")
            expect(busy in done.stderr, f"what it says: {done.stderr[-500:]}")
            expect(not (folder / "node" / "api").exists(), "the file api")


def outlives_a_restart():
    """The provider is killed while the worker stands still in the middle of its call: the same call is used."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        ours.prepare()
        with LotusWorker(ours, "lotus-worker") as worker:
            ours.order()
            seen = set()

            def pc1_runs():
                seen.update(j["ID"]["ID"] for j in jobs(ours) if j["Task"].endswith("precommit/1"))
                return seen

            ours.wait(pc1_runs, 120, "the labels to be begun")
            worker.signal(19)
            ours.kill("provider")
            ours.start("provider")
            worker.signal(18)
            ours.wait(lambda: ours.all_proving(1), PROVING_SECONDS, "the sector to be proving")
            log = ours.log_tail("provider", 1 << 20)
            expect("given anew" not in log, "the call was given a second time")


def a_dead_worker_is_replaced():
    """One of two workers is killed with a sector; the other does it anew after the time that is set."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        ours.more |= {"SELKIE_WORKERS_LOSTAFTER": "15s"}
        ours.prepare()
        with LotusWorker(ours, "first") as first:
            ours.order()
            ours.wait(lambda: jobs(ours), 120, "the sector to be given to the worker")
            first.kill()
            with LotusWorker(ours, "second"):
                ours.wait(lambda: ours.all_proving(1), PROVING_SECONDS, "the sector to be proving")


def lost_labels_are_made_again():
    """The only worker with a sealed sector's labels is gone for good before C1: another one makes them again, for the same
    ticket, so that the replica that the client has is the right one still."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        ours.more |= {"SELKIE_WORKERS_LOSTAFTER": "6s"}
        ours.prepare()
        with OwnWorker(ours, "first") as first:
            ours.order()
            ours.wait(lambda: [r for r in ours.sectors("provider") if r["state"] == "sealed"], 120, f"the sector to be sealed; {first.tail()}")
            ours.kill("client")
            first.process.kill()
            first.process.wait()
        shutil.rmtree(first.folder)
        replica = ours.sectors("provider")[0]["comm_r"]
        why = lambda: [row["Why"] for row in ours.on("provider", "sealing", "why", 0)]
        expect("the client fetches it" in why()[0], f"what a sealed sector waits for: {why()}")
        with OwnWorker(ours, "second") as second:
            ours.wait(lambda: [w for w in workers(ours) if w["Kind"] == "selkie" and not w["Open"]], 60, "the node to miss the first")
            ours.start("client")
            ours.wait(lambda: any("had them and is waited for" in w for w in why()), 60, "the reason why there is no C1")
            ours.wait(lambda: ours.all_proving(1), PROVING_SECONDS, f"the sector to be proving; {second.tail()}")
            expect("SealPreCommit1" in second.log.read_text(), "the second worker did not label it")
            # What ran alone there was measured, and the node reckons with it: trees and C1 take more than the table says.
            ours.wait(lambda: any(n["Origin"] == "measured" and n["NeedBytes"] > 6144 for n in ours.on("provider", "sealing", "sched-diag")["Needs"]),
                      30, "the node to know what tasks take")
        equal(ours.sectors("client")[0]["comm_r"], replica, "the replica")
        events = [e["event"] for e in ours.on("provider", "sector", "show", 0)["timeline"]]
        equal((events.count("relabel"), events.count("ticketed")), (1, 1), f"how it went: {events}")


def a_liar_is_closed():
    """A worker returns labels of other data: it is named and closed, the node does the work itself."""
    with Folder() as folder, farm.Farm(folder) as ours:
        ours.more["SELKIE_ALERTING_CHECKINTERVAL"] = "500ms"
        ours.prepare()
        with PlayedWorker(ours, "liar") as liar:
            liar.lies = {"SealPreCommit1": of_pc1(comm_d=[1] * 31 + [0])}
            ours.order()
            ours.wait(lambda: ours.all_proving(1), PROVING_SECONDS, "the sector to be proving")
            equal(liar.asked, ["AddPiece", "SealPreCommit1"], "what the liar was asked for")
            row = next(w for w in workers(ours) if w["Hostname"] == "liar")
            expect(not row["Open"] and "CommD" in row["Why"], f"the liar: {row}")
            expect("farm.worker_lies" in ours.log_tail("provider", 1 << 20), "the log names it")
            alerts = lambda: [a["rule"] for a in ours.on("provider", "alerts", "list")]
            ours.wait(lambda: "worker-refuted" in alerts(), 30, "the alert")
            ours.on("provider", "worker", "enable", row["Session"][:8])
            expect(next(w for w in workers(ours) if w["Hostname"] == "liar")["Open"], "an operator opens it again")
            ours.on("provider", "worker", "disable", "liar")
            expect(not next(w for w in workers(ours) if w["Hostname"] == "liar")["Open"], "… and closes it by its name")


def progress_comes_at_once():
    """A worker that tells what it does is not asked. One that refuses to, breaks off or tells nonsense is asked, until it tells again."""
    with Folder() as folder, farm.Farm(folder) as ours:
        only_workers(ours)
        ours.prepare()
        with PlayedWorker(ours, "teller", extensions=("progress", "events")) as teller:
            polls = lambda: teller.asked.count("TaskProgress")
            stage = lambda: next((j.get("Stage") for j in jobs(ours)), None)
            held, calls = threading.Event(), []
            teller.moments |= {"SealPreCommit1": lambda call, _: calls.append(call), "ReturnSealPreCommit1": lambda *_: held.wait(300)}

            def row(text):
                return {"ID": calls[0], "Task": "seal/v0/precommit/1", "Method": "SealPreCommit1", "State": "running", "Stage": text, "Done": 3, "Total": 10, "Since": 0}

            def seen(text, what):
                ours.wait(lambda: stage() == text, 30, f"{what}; {stage()}")
            ours.order()
            ours.wait(lambda: calls and teller.told and polls() == 1, 20, f"the call to be given, and all to be asked when the stream stood: {calls} {teller.asked} {teller.streams}")
            teller.tell("task", row("layer 7"))
            seen("layer 7", "what was told to be seen")
            teller.methods = ("AddPiece", "SealPreCommit1")
            teller.tell("worker", {})  # it does other work than before
            ours.wait(lambda: len(teller.row()["Tasks"]) == 2, 5, "that to be seen at once")
            ours.wait(lambda: polls() == 2, 5, f"it to be asked what it has in hand, once for what it said of itself: {polls()}")
            teller.tells_nothing, teller.rows = True, [row("layer 8")]
            teller.end_stream()
            seen("layer 8", "a worker to be asked that refuses to tell")
            expect(polls() > 2, "it was seen without a question")
            teller.tells_nothing, teller.rows = False, [row("layer 9")]  # an answer that is on its way is not older than what is told
            ours.wait(lambda: teller.told, 30, "the stream to be asked for again")
            seen("layer 9", "what it has in hand to be seen")
            for nonsense in (b"event: task\ndata: {\n\n", b"event: " + b"x" * 99 + b"\n\n", b"event: tasks\ndata: 7\n\nevent: task\ndata: [7]\n\nevent: a\ndata: {}\n\ndata: \xff\n\n"):
                before, teller.rows = teller.streams, [row(f"layer {len(nonsense)}")]
                teller.tell("", None, raw=nonsense)
                ours.wait(lambda: teller.streams > before, 30, f"the stream to be left after {nonsense[:40]}")
                seen(f"layer {len(nonsense)}", f"what it has in hand after {nonsense[:40]}")
            before, started = teller.streams, time.monotonic()
            with contextlib.suppress(OSError):  # the node has enough of it
                while teller.streams == before and time.monotonic() - started < 60:
                    teller.tell("", None, raw=b"x" * 65536)
            ours.wait(lambda: teller.streams > before, 60, "a line without an end to be left")
            held.set()
            teller.methods = (*teller.methods, "SealPreCommit2", "SealCommit1")
            ours.wait(lambda: [r for r in ours.sectors("provider") if r["state"] == "sealed"], 60, "the sector to be sealed")


def start_serving(ours):
    """A provider that has said where its workers find it, which it does after it listens."""
    selkie("init", "--repo", ours.repo("provider"))
    ours.start("provider")
    ours.wait(lambda: (ours.repo("provider") / "api").exists(), farm.START_SECONDS, "the node to serve workers")


def workers_are_apart():
    """URLs lead to who named them; what the node shows one worker is good for nothing at another, nor at the node."""
    with Folder() as folder, farm.Farm(folder, size=None, chain_info="http://127.0.0.1:1") as ours:
        start_serving(ours)
        with PlayedWorker(ours, "first") as first, PlayedWorker(ours, "second") as second:
            for call in (lambda url: first.refused("WorkerConnect", f"{url}/rpc/v0"), lambda url: first.refused("StorageAttach", *first.storage(url))):
                said = call("http://192.0.2.7:3456")
                expect("http://192.0.2.7:3456 does not lead to 127.0.0.1" in said and "WorkerAddresses" in said, f"a URL that leads elsewhere: {said}")
            expect(len(first.shown) == len(second.shown) == 1 and first.shown != second.shown, "one token for each worker")
            shown, theirs = next(iter(first.shown)), next(iter(second.shown))
            equal(first.call("AuthVerify", shown), ["admin"], "what a worker is shown")
            for worker, token in ((first, theirs), (second, shown)):
                expect("is not valid" in worker.refused("AuthVerify", token), "what another worker is shown is good here")
            try:
                json_rpc(first.node, shown, "Filecoin.Session", (), path="/rpc/v0")
                raise Failed("what a worker is shown is good at the node")
            except urllib.error.HTTPError as e:
                equal(e.code, 401, "what a worker is shown, at the node")
            expect("has no task of sector 1 of f01000" in first.refused("Selkie.FetchKey", f"{second.url}/remote/cache/s-t01000-1"), "files for nobody's task")
            equal(first.call("AuthVerify", ours.on("provider", "auth", "api-info", "--perm", "admin")["token"])[-1], "admin", "an operator's token")
            equal([sorted(worker.call("AuthVerify", first.token)) for worker in (first, second)], [["admin", "worker"], ["worker"]], "a worker's own token")
            for method in ("Selkie.Workers", "Selkie.WorkerUse"):
                expect("without a token" in of_a_stranger(first.node, method), f"{method} tells strangers of workers")
            its = first.call("Selkie.WorkerToken")
            claims, own = claims_of(its["Token"]), claims_of(first.token)
            equal((claims["Allow"], claims["jti"], claims["exp"] - time.time() < 86401), (["worker"], own["jti"], True), "a worker's next token")
            said = [first.refused("AuthVerify", f"guess-{n}") for n in range(110)]
            expect("is not valid" in said[0] and "too many tokens" in said[-1], f"who guesses: {said[0]}, {said[-1]}")
            equal(first.call("AuthVerify", shown), ["admin"], "what is known, after too many that are not")


def of_a_stranger(port, method):
    """What a call without a token is answered."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": []}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/rpc/v0", body), timeout=30) as answer:
        return answer.read().decode()


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def says_goodbye():
    """A worker that is ended, with nothing in hand, is forgotten at once; one that is killed is away."""
    with Folder() as folder, farm.Farm(folder, size=None, chain_info="http://127.0.0.1:1") as ours:
        start_serving(ours)
        with OwnWorker(ours) as worker:
            for end in (lambda: worker.process.terminate(), *(lambda how=how: selkie("worker", how, "--worker-repo", worker.folder) for how in ("stop", "drain"))):
                end()
                equal(worker.process.wait(30), 0, f"how it ended: {worker.tail()}")
                equal([w for w in workers(ours) if w["Kind"] != "local"], [], "workers that are left")
                worker.__enter__()
            worker.close()
            ours.wait(lambda: not worker.row()["Open"], 30, "the node to miss it")
            worker.__enter__()
            ours.kill("provider")
            selkie("worker", "stop", "--worker-repo", worker.folder)
            equal(worker.process.wait(30), 0, f"how it ended without its node: {worker.tail()}")
            ours.start("provider")


def tokens_are_renewed():
    """A worker outlives the token that it was started with, and starts again with the one that it was given."""
    with Folder() as folder, farm.Farm(folder, size=None, chain_info="http://127.0.0.1:1") as ours:
        start_serving(ours)
        worker = OwnWorker(ours, info=ours.on("provider", "auth", "api-info", "--expires", "3s"))

        def is_over():
            try:
                json_rpc(ours.api_port("provider"), worker.info["token"], "Filecoin.Session", (), path="/rpc/v0")
                return False
            except urllib.error.HTTPError as e:
                return e.code == 401
        with worker:
            before = worker.row()["Session"]
            ours.wait(is_over, 20, "the token to be over")
        with worker:
            ours.wait(lambda: any(w["Kind"] == "selkie" and w["Open"] and w["Session"] != before for w in workers(ours)), 20, "the worker to be back")
        equal((worker.folder / "node-token").stat().st_mode & 0o777, 0o600, "mode of the token that was kept")


def keys_are_known():
    """Node and worker serve TLS, each with a key that it made; another key than the token names is refused."""
    with Folder() as folder, farm.Farm(folder, size=None, chain_info="http://127.0.0.1:1") as ours:
        ours.api = "tls/http"
        start_serving(ours)
        with OwnWorker(ours) as worker:
            expect(worker.row()["URL"].startswith("https://127.0.0.1:"), f"the worker's URL: {worker.row()}")
            equal(selkie("worker", "info", "--worker-repo", worker.folder)["session"], worker.row()["Session"], "its own commands")
            for key in (ours.repo("provider") / "tls.key", worker.folder / "tls.key"):
                equal(key.stat().st_mode & 0o777, 0o600, f"mode of {key}")
            head, _, signature = worker.info["token"].split(".")
            claims = claims_of(worker.info["token"])
            claims["pin"] = "sha256//" + base64.b64encode(bytes(32)).decode()
            forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
            deceived = OwnWorker(ours, "deceived", info={**worker.info, "token": f"{head}.{forged}.{signature}"})
            deceived.start()
            with contextlib.closing(deceived):
                ours.wait(lambda: "its TLS key is not the one that was told" in deceived.tail(), 20, f"a node of another key to be refused: {deceived.tail()}")
            equal(deceived.row(), None, "the worker with that token")


def proofs_by_a_worker():
    """C2 of a client by a worker of ours; the client makes none itself."""
    with Folder() as folder, farm.Farm(folder) as ours:
        ours.more |= {"SELKIE_STORAGE_ALLOWCOMMIT": "false"}
        ours.prepare()
        with OwnWorker(ours, "prover", of="client") as worker:
            ours.order()
            ours.wait(lambda: ours.all_proving(1), PROVING_SECONDS, f"the sector to be proving; {worker.tail()}")
            expect("SealCommit2" in worker.log.read_text(), "the proof is not our worker's")
            use = ours.on("client", "info")["worker_use"]
            equal((use["RemoteTotal"], use["RemoteBusy"]), (1, 0), "workers in use")


if __name__ == "__main__":
    cases = [("own-worker-seals", ours_seals_sectors), ("own-worker-proves", proofs_by_a_worker), ("worker-lies", a_liar_is_closed), ("worker-tells", progress_comes_at_once),
             ("workers-apart", workers_are_apart), ("workers-by-tls", keys_are_known), ("tokens-renewed", tokens_are_renewed), ("worker-says-goodbye", says_goodbye),
             ("node-that-cannot-start", a_node_that_cannot_start),
             ("worker-gone-with-labels", lost_labels_are_made_again)]
    if (DEVNET / "start.sh").exists():
        cases += [("lotus-worker-seals", seals_sectors), ("provider-killed-while-it-works", outlives_a_restart),
                  ("worker-killed", a_dead_worker_is_replaced)]
    else:
        print("# skip the cases with a lotus-worker: ../shared/lotus-devnet is not here")
    run_cases(cases)
