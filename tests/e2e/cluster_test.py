# SPDX-License-Identifier: MIT OR Apache-2.0
"""Several nodes on one database. Two provider nodes share a PostgreSQL database, each with a scratch
folder of its own, two client nodes another one; two miners order through two partners, who meet now
one node, now the other; one node of each side is killed with SIGKILL every few seconds. Every sector
ends proving, none is on chain twice, allowances are exact, and fsck finds nothing."""
import collections
import os
import random
import selectors
import signal
import socket
import ssl
import sys
import threading
import urllib.error
import urllib.request

from farm import Farm, free_port
from support import *
from with_postgres import Server

SEED = int(os.environ.get("SELKIE_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
SECTORS = int(os.environ.get("SELKIE_TEST_SECTORS") or 2)  # of each of the two miners
SECONDS, SECONDS_PER_SECTOR = 600, 60
ALLOWANCE = 100
NODES = {"p1": "provider", "p2": "provider", "c1": "client", "c2": "client"}
MINERS = int(os.environ.get("SELKIE_TEST_MINERS") or 2)


class Door:
    """One address for several nodes: passes each connection on to a node that takes it."""

    def __init__(self, ports):
        self.ports, self.listener = ports, socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        turn = 0
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            turn += 1
            threading.Thread(target=self.carry, args=(caller, turn), daemon=True).start()

    def carry(self, caller, turn):
        for i in range(len(self.ports)):
            try:
                node = socket.create_connection(("127.0.0.1", self.ports[(turn + i) % len(self.ports)]), 2)
                break
            except OSError:
                continue
        else:
            caller.close()
            return
        node.settimeout(None)
        with caller, node, selectors.DefaultSelector() as ready:
            ready.register(caller, selectors.EVENT_READ, node)
            ready.register(node, selectors.EVENT_READ, caller)
            try:
                while True:
                    for key, _ in ready.select():
                        data = key.fileobj.recv(1 << 16)
                        if not data:
                            return
                        key.data.sendall(data)
            except OSError:
                return

    def close(self):
        self.listener.close()


class Cluster(Farm):
    def __init__(self, folder, server):
        super().__init__(folder)
        self.server, self.extra = server, {}
        self.ports = {name: free_port() for name in ("devnet", *NODES)}
        self.database = {side: server.database(side) for side in ("provider", "client")}
        self.doors = {side: Door([self.ports[n] for n in NODES if NODES[n] == side]) for side in ("provider", "client")}
        # A second address of the same providers, so that a client can have both partners.
        self.doors["again"] = Door(self.doors["provider"].ports)

    def door(self, side):
        return f"https://127.0.0.1:{self.doors[side].port}"

    def environment(self, name):
        side = NODES.get(name)
        if not side:
            return super().environment(name)
        first = self.repo("p1" if side == "provider" else "c1")
        other = self.repo("c1" if side == "provider" else "p1") / "tls.crt"
        environment = {
            **super().environment(name),
            "SELKIE_DATABASE_URL": self.database[side],
            "SELKIE_DATABASE_KEYFILE": str(first / "secret.key"),
            "SELKIE_HTTP_EXTERNALURL": self.door(side),
            "SELKIE_NODE_TASKLEASE": "8s",
            "SELKIE_PROVIDER_SCRATCHFOLDER": str(self.folder / f"{name if side == 'provider' else side}-scratch"),
            "SELKIE_CLIENT_STORAGEFOLDER": str(self.folder / f"{side}-storage"),
            "SELKIE_PROVIDER_CAPACITY": "64",
            "SELKIE_PROOFS_THREADS": "1",
            **self.extra,
        }
        if self.repo(name) != first:
            environment |= {"SELKIE_HTTP_CERTIFICATEFILE": str(first / "tls.crt"), "SELKIE_HTTP_KEYFILE": str(first / "tls.key")}
        if other.exists():
            environment["SELKIE_REMOTE_TRUSTEDCERTIFICATES"] = str(other)
        return environment

    def command(self, name):
        if name == "devnet":
            return super().command(name)
        return ["run", "--repo", str(self.repo(name)), "--role", NODES[name]]

    def prepare(self):
        self.start("devnet")
        for name in NODES:
            selkie("init", "--repo", self.repo(name))
        # The first of each side makes certificate and key, then knows the other's.
        for name in ("p1", "c1"):
            self.start(name)
            self.kill(name)
        for name in NODES:
            self.start(name)
        self.miners = ["f01000", *("f" + self.devnet("Devnet.CreateMiner", [2048])[1:] for _ in range(MINERS - 1))]
        for i, miner in enumerate(self.miners):
            connect = self.folder / f"connect-{i}"
            self.on("p1", "partner", "add", f"partner-{i}", "--url", self.door("client"), "--allowance", ALLOWANCE, "--connect-out", connect)
            self.on("c1", "provider", "add", "-", "--miner", miner, stdin=connect.read_text())

    def devnet(self, method, parameters):
        return json_rpc(self.ports["devnet"], (self.repo("devnet") / "token").read_text().strip(), method, parameters)

    def rows(self, side, sql):
        return self.server.sql(sql, side)

    def states(self):
        return collections.Counter(row[0] for row in self.rows("client", "SELECT state FROM rseal_client_pipeline"))

    def done(self, count):
        failed = self.rows("client", "SELECT sp_id, sector_number, failed_reason, failed_reason_msg FROM rseal_client_pipeline WHERE failed = 1") \
            + self.rows("provider", "SELECT sp_id, sector_number, failed_reason, failed_reason_msg FROM rseal_provider_pipeline WHERE failed = 1")
        expect(not failed, f"a sector failed: {failed}")
        (ready,), = self.rows("client", "SELECT count(*) FROM rseal_client_pipeline WHERE state = 'proving' AND after_cleanup = 1")
        return int(ready) == count


def killed_nodes():
    dice = random.Random(SEED)
    count = SECTORS * MINERS
    print(f"# seed {SEED}, {count} sectors", flush=True)
    server = Server()
    try:
        with Folder() as folder, Cluster(folder, server) as cluster:
            cluster.prepare()
            for miner in cluster.miners:
                cluster.on("c1", "order", "--miner", miner, "--count", SECTORS, "--seal-proof", 5)
            kills = under_fire(cluster, dice, count)
            judge(cluster, count)
            print(f"# {kills} kills", flush=True)
    finally:
        server.stop()


def under_fire(cluster, dice, count):
    """Kills one provider node and one client node every few seconds until all sectors are proving. On a
    slow machine the next kill waits until something has moved: a proof that takes longer than a node
    lives is never made."""
    kills, deadline = 0, time.monotonic() + SECONDS + count * SECONDS_PER_SECTOR
    pause = lambda: time.monotonic() + 2 + 6 * dice.random()
    due, before = pause(), cluster.states()
    while not cluster.done(count):
        if time.monotonic() > deadline:
            logs = "\n".join(f"--- {n}\n{cluster.log_tail(n, 3000)}" for n in cluster.processes)
            raise Failed(f"not done in time: {cluster.states()}\n{logs}")
        time.sleep(0.2)
        if time.monotonic() < due or cluster.states() == before:
            continue
        victims = [dice.choice(["p1", "p2"]), dice.choice(["c1", "c2"])]
        for name in victims:
            cluster.kill(name)
            kills += 1
        time.sleep(dice.random())  # how long they are away: part of the experiment
        for name in victims:
            cluster.start(name)
        print(f"# killed {victims} {dict(cluster.states())}", flush=True)
        due, before = pause(), cluster.states()
    return kills


def judge(cluster, count):
    cluster.wait(lambda: cluster.rows("provider", "SELECT count(*) FROM rseal_provider_pipeline WHERE state <> 'cleaned'") == [["0"]],
                 120, "the providers to clean up")
    for miner in cluster.miners:
        on_chain = [s["SectorNumber"] for s in cluster.devnet("Filecoin.StateMinerSectors", [miner, None, []])]
        equal(sorted(on_chain), list(range(SECTORS)), f"sectors of {miner} on chain")
    left = cluster.rows("provider", "SELECT allowance_remaining FROM rseal_delegated_partners ORDER BY id")
    equal(left, [[str(ALLOWANCE - SECTORS)]] * MINERS, "allowances left")
    (orders,), = cluster.rows("provider", "SELECT count(*) FROM sector_event WHERE event = 'accepted'")
    equal(int(orders), count, "orders accepted")
    twice = cluster.rows("client", "SELECT sp_id, sector_number, to_state, count(*) FROM sector_event WHERE role = 'client'"
                         " AND to_state IN ('precommitted', 'proving') AND from_state IS DISTINCT FROM to_state"
                         " GROUP BY sp_id, sector_number, to_state HAVING count(*) > 1")
    equal(twice, [], "edges taken twice")
    workers = cluster.rows("provider", "SELECT count(DISTINCT node) FROM sector_event WHERE event = 'labeled'")
    expect(count < 8 or workers == [["2"]], f"provider nodes that sealed: {workers}")
    for name in NODES:
        equal(cluster.on(name, "fsck")["findings"], [], f"fsck at {name}")
    nodes = cluster.on("p1", "node", "list")
    equal([n["alive"] for n in nodes], [True, True], "both provider nodes live")
    equal(len({n["provider_folder"] for n in nodes}), 2, "each has a scratch folder of its own")
    equal([str(p) for n in ("p1", "p2") for p in (cluster.folder / f"{n}-scratch").rglob("s-t*")], [], "sector files left at the providers")
    equal(cluster.leftovers(), [], "temporary files")


def one_name_one_node():
    """A second node under a name that lives is refused; after a kill the name is taken over; nodes
    with another secret.key are refused."""
    server = Server()
    try:
        with Folder() as folder, Cluster(folder, server) as cluster:
            cluster.start("devnet")
            selkie("init", "--repo", cluster.repo("p1"))
            selkie("init", "--repo", cluster.repo("p2"))
            cluster.start("p1")
            (cluster.repo("p2") / "node").write_text((cluster.repo("p1") / "node").read_text())
            answer = refused(cluster, "p2", {})
            expect("lives" in answer, f"a second node of one name: {answer}")
            (cluster.repo("p2") / "node").write_text("another\n")
            answer = refused(cluster, "p2", {"SELKIE_DATABASE_KEYFILE": str(cluster.repo("p2") / "secret.key")})
            expect("another key" in answer, f"a node with another key: {answer}")
            cluster.kill("p1")
            cluster.start("p1")
    finally:
        server.stop()


def refused(cluster, name, more):
    done = subprocess.run([SELKIE, *cluster.command(name)], capture_output=True, text=True, timeout=60, check=False,
                          env={**cluster.environment(name), **more})
    expect(done.returncode == 1, f"{name} ended with {done.returncode}")
    return done.stdout + done.stderr


WIRE = "/remoteseal/delegated/v0/"


class Asked:
    """The answer of a provider node to one question: status, header, body."""

    def __init__(self, cluster, name, token, path, method="GET", body=None, **fields):
        context = ssl.create_default_context(cafile=str(cluster.repo("p1") / "tls.crt"))
        header = {key.replace("_", "-"): value for key, value in fields.items()} | {"Authorization": f"Bearer {token}"}
        if body is not None:
            header["Content-Type"] = "application/json"
        request = urllib.request.Request(f"https://127.0.0.1:{cluster.ports[name]}{WIRE}{path}", method=method, headers=header,
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, context=context, timeout=60) as answer:
                self.status, self.header, self.body = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as refusal:
            self.status, self.header, self.body = refusal.code, refusal.headers, refusal.read()

    def all(self):
        names = ("Content-Length", "Content-Type", "Content-Range", "ETag", "Accept-Ranges")
        return self.status, [self.header[n] for n in names], self.body


def files_of_another_node():
    """Each node answers for what the other one has, as the other one does; never for strangers, never
    in a circle, and when the other one is down it says so."""
    server = Server()
    try:
        with Folder() as folder, Cluster(folder, server) as cluster:
            cluster.prepare()
            token = cluster.on("p1", "partner", "add", "asks", "--url", cluster.door("client"), "--allowance", 5)["token"]
            order = {"partner_token": token, "slot_token": "", "sp_id": 1000, "sector_number": 7, "reg_seal_proof": 5}
            equal(json.loads(Asked(cluster, "p1", token, "order", "POST", order).body), {"accepted": True}, "the order")
            cluster.wait(lambda: cluster.rows("provider", "SELECT state FROM rseal_provider_pipeline") == [["sealed"]], 120, "the seal")
            (folder_id,), = cluster.rows("provider", "SELECT folder_id FROM rseal_provider_pipeline")
            nodes = {n["url"]: n["provider_folder"] for n in cluster.on("p1", "node", "list")}
            has = next(n for n in ("p1", "p2") if nodes[cluster.url(n)] == folder_id)
            other = {"p1": "p2", "p2": "p1"}[has]
            same_answers(cluster, token, has, other)
            equal(Asked(cluster, other, "0" * 64, "sealed-data/1000/7").status, 401, "a stranger")
            marked = Asked(cluster, other, token, "sealed-data/1000/7", X_Selkie_Relayed_By="x")
            equal((marked.status, bool(marked.header["Retry-After"])), (503, True), "a question that was passed on")
            cluster.kill(has)
            lost = Asked(cluster, other, token, "sealed-data/1000/7")
            equal((lost.status, bool(lost.header["Retry-After"])), (503, True), "a node that is down")
            cluster.start(has)
            equal(Asked(cluster, other, token, "sealed-data/1000/7").status, 200, "after its restart")
            for name in ("p1", "p2"):
                expect(token not in cluster.log_tail(name, 1 << 20), f"the token in the log of {name}")
    finally:
        server.stop()


def same_answers(cluster, token, has, other):
    seed = {"partner_token": token, "sp_id": 1000, "sector_number": 7, "seed_epoch": 9, "seed_value": "A" * 43 + "="}
    tag = Asked(cluster, has, token, "sealed-data/1000/7", "HEAD").header["ETag"]
    questions = [("sealed-data/1000/7", {}), ("sealed-data/1000/7", {"method": "HEAD"}), ("sealed-data/1000/7", {"Range": "bytes=5-1999"}),
                 ("sealed-data/1000/7", {"Range": "bytes=2048-"}), ("sealed-data/1000/7", {"Range": "bytes=9-", "If_Range": tag}),
                 ("sealed-data/1000/7", {"Range": "bytes=9-", "If_Range": '"x"'}), ("sealed-data/1000/7", {"If_None_Match": tag}),
                 ("sealed-manifest/1000/7", {}), ("cache-data/1000/7", {}), ("commit1", {"method": "POST", "body": seed}),
                 ("commit1", {"method": "POST", "body": {**seed, "seed_value": "AAAA"}}), ("sealed-data/1000/8", {}), ("sealed-data/1000/x", {})]
    statuses = []
    for path, how in questions:
        here, there = (Asked(cluster, name, token, path, **how) for name in (has, other))
        equal(there.all(), here.all(), f"{path} {how} through {other}")
        statuses.append(here.status)
    equal(statuses, [200, 200, 206, 416, 206, 200, 304, 200, 200, 200, 400, 404, 400], "statuses")


def ask(cluster, name, token):
    """Status and Retry-After of one question to the node itself."""
    answer = Asked(cluster, name, token, "available", "POST", {"partner_token": token})
    return answer.status, answer.header["Retry-After"]


def database_in_trouble():
    """A table locked by somebody else: 503 with Retry-After, in bounded time; a restarted server: the
    next question is answered as if nothing had been."""
    server = Server()
    try:
        with Folder() as folder, Cluster(folder, server) as cluster:
            cluster.extra = {"SELKIE_DATABASE_BUSYTIMEOUT": "500ms"}
            cluster.start("devnet")
            selkie("init", "--repo", cluster.repo("p1"))
            cluster.start("p1")
            token = cluster.on("p1", "partner", "add", "one", "--url", cluster.door("client"), "--allowance", 5)["token"]
            equal(ask(cluster, "p1", token), (200, None), "a question")
            lock = ("LOCK TABLE rseal_delegated_partners, rseal_provider_slots IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(6)")
            locker = threading.Thread(target=lambda: server.sql(f"BEGIN; {lock}; COMMIT", "provider"))
            locker.start()
            cluster.wait(lambda: server.sql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
                                            " AND relation = 'rseal_delegated_partners'::regclass", "provider") == [["1"]], 10, "the lock")
            start = time.monotonic()
            status, again = ask(cluster, "p1", token)
            took = time.monotonic() - start
            equal((status, bool(again)), (503, True), "an answer while the table is locked")
            expect(took < 5.5, f"the answer came after {took:.1f} s")
            locker.join()
            equal(ask(cluster, "p1", token), (200, None), "a question after the lock")
            server.halt()
            status, _ = ask(cluster, "p1", token)
            equal(status, 503, "an answer without a server")
            server.start()
            equal(ask(cluster, "p1", token), (200, None), "a question after the server's restart")
            cluster.on("p1", "fsck")
    finally:
        server.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run_cases([("one-name-one-node", one_name_one_node), ("database-in-trouble", database_in_trouble),
               ("files-of-another-node", files_of_another_node),
               ("nodes-killed-every-few-seconds", killed_nodes)])
