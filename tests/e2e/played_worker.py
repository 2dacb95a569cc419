# SPDX-License-Identifier: MIT OR Apache-2.0
"""A worker of a node that is played here. What it makes is made by our own commands, so that each answer can be
the right one or a wrong one; what it serves can be held or cut. source: reference/lotus-worker 4 to 6"""
import base64
import contextlib
import http.server
import io
import json
import pathlib
import tarfile
import threading
import urllib.parse
import uuid

from dropping_server import DroppingServer
from farm import free_port
from support import Failed, expect, json_rpc, selkie

SECTOR, SEALED, CACHE = 2048, 2, 4
PROOF = 5
ZEROS = "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy"
NAMES = {SEALED: "sealed", CACHE: "cache"}
FINISHED = ("p_aux", "t_aux", "sc-02-data-tree-r-last.dat")
METHODS = {"AddPiece": "addpiece", "SealPreCommit1": "precommit/1", "SealPreCommit2": "precommit/2", "SealCommit1": "commit/1",
           "SealCommit2": "commit/2"}


def hexed(text):
    return base64.b64decode(text).hex()


def of_pc1(**changes):
    """PC1's output with these in it."""
    return lambda result, _: base64.b64encode(json.dumps({**json.loads(base64.b64decode(result)), **changes}).encode()).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        worker = self.server.worker
        worker.shown.add(self.headers["Authorization"].split(" ")[1])
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        result = worker.answer(request["method"].split(".")[1], request.get("params") or [])
        self.give(200, json.dumps({"jsonrpc": "2.0", "id": request["id"], **result}).encode(), "application/json")

    def do_GET(self):
        if self.path == "/selkie/events":
            self.server.worker.stream(self)
        else:
            self.server.worker.serve(self, *self.place())

    def do_DELETE(self):
        self.server.worker.delete(self, *self.place())

    def place(self):
        kind, name = urllib.parse.urlsplit(self.path).path.split("/")[2:]
        return next(k for k, word in NAMES.items() if word == kind), int(name.rpartition("-")[2])

    def give(self, status, data=b"", kind="application/octet-stream", **more):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **more}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, *_):
        pass


class PlayedWorker:
    """One of the tasks in `methods`. lies: by method, what becomes of its result; also ("sealed", "cache") of the bytes
    served. moments: by method, "GET sealed", "DELETE cache" and so on, what is done just before it is answered or served.
    extensions: of ours, without which it is one of Lotus."""

    def __init__(self, ours, name, methods=("AddPiece", "SealPreCommit1", "SealPreCommit2", "SealCommit1"), of="provider", extensions=()):
        self.ours, self.name, self.of, self.methods, self.extensions = ours, name, of, methods, extensions
        self.rows, self.told, self.streams = [], None, 0  # what it has in hand; where its events go; how often they were asked for
        self.tells_nothing = False
        self.folder, self.port = pathlib.Path(ours.folder) / name, free_port()
        for kind in NAMES.values():
            (self.folder / kind).mkdir(parents=True)
        self.path, self.server = str(uuid.uuid4()), None
        self.asked, self.lies, self.moments = [], {}, {}
        self.whole = False  # all of a cache is served, as Lotus does before it is finalised
        self.shown = set()  # tokens that calls bore
        self.calls = {}  # CallID's uuid: (method, sector, result)
        self.url = f"http://127.0.0.1:{self.port}"
        info = ours.on(of, "auth", "api-info", "--perm", "worker")
        self.token, self.node = info["token"], info["address"].split("/")[4]

    # ---- here and away ----

    def start(self):
        """A new process of it, as far as the node sees."""
        self.session = str(uuid.uuid4())
        self.come()
        return self

    def come(self):
        """The network is back."""
        self.server = DroppingServer(("127.0.0.1", self.port), Handler)
        self.server.worker = self
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.greet()

    def storage(self, url):
        """The parameters of StorageAttach."""
        stat = {"Capacity": 1 << 40, "Available": 1 << 40, "FSAvailable": 1 << 40, "Reserved": 0, "Max": 0, "Used": 0}
        return {"ID": self.path, "URLs": [f"{url}/remote"], "Weight": 10, "MaxStorage": 0, "CanSeal": True,
                "CanStore": False, "Groups": None, "AllowTo": None, "AllowTypes": None, "DenyTypes": None,
                "AllowMiners": None, "DenyMiners": None}, stat

    def greet(self):
        path, stat = self.storage(self.url)
        self.call("StorageAttach", path, stat)
        self.call("StorageReportHealth", self.path, {"Stat": stat, "Err": ""})
        for kind, number in self.files():
            self.declare(kind, number)
        self.call("WorkerConnect", f"{self.url}/rpc/v0")

    def leave(self):
        """No answer to anything, what is under way cut off."""
        self.server.shutdown()
        self.server.server_close()
        self.server.drop_all()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.leave()

    def row(self):
        return next((w for w in self.ours.on(self.of, "worker", "list") if w["Session"] == self.session), None)

    # ---- files ----

    def place(self, kind, number):
        return self.folder / NAMES[kind] / f"s-t01000-{number}"

    def files(self):
        """(type, number of the sector) of all that is here."""
        return sorted((k, int(p.name.rpartition("-")[2])) for k, word in NAMES.items() for p in (self.folder / word).iterdir())

    def declare(self, kind, number):
        self.call("StorageDeclareSector", self.path, {"Miner": 1000, "Number": number}, kind, False)

    def bytes_of(self, kind, number):
        place = self.place(kind, number)
        if kind == SEALED:
            data = place.read_bytes()
        else:
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for name in sorted(p.name for p in place.iterdir() if p.name[0] != ".") if self.whole else FINISHED:
                    tar.add(place / name, name)
            data = out.getvalue()
        return self.lies.get(NAMES[kind], lambda bytes_, _: bytes_)(data, number)

    def serve(self, handler, kind, number):
        """A range where one is asked for: each file has an ETag of its bytes."""
        if not self.place(kind, number).exists():
            handler.give(500)
            return
        data = self.bytes_of(kind, number)
        self.moment(f"GET {NAMES[kind]}", handler, data)
        wanted = handler.headers.get("Range")
        if kind == CACHE or not wanted:
            handler.give(200, data, "application/x-tar" if kind == CACHE else "application/octet-stream")
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        first, last = int(first), min(int(last or len(data) - 1), len(data) - 1)
        handler.give(206, data[first:last + 1], Content_Range=f"bytes {first}-{last}/{len(data)}",
                     ETag=f'"{uuid.uuid5(uuid.NAMESPACE_OID, data.hex())}"')

    def delete(self, handler, kind, number):
        self.moment(f"DELETE {NAMES[kind]}", handler, None)
        place = self.place(kind, number)
        if place.is_dir():
            for p in place.iterdir():
                p.unlink()
            place.rmdir()
        else:
            place.unlink(missing_ok=True)
        self.call("StorageDropSector", self.path, {"Miner": 1000, "Number": number}, kind)
        handler.give(200)

    def moment(self, name, *what):
        act = self.moments.pop(name, None)
        if act:
            act(*what)

    # ---- events ----

    def stream(self, handler):
        """Until it is ended."""
        self.streams += 1
        if self.tells_nothing:
            handler.give(503)
            return
        over = threading.Event()
        handler.send_response(200)
        for name, value in (("Content-Type", "text/event-stream"), ("Connection", "close")):
            handler.send_header(name, value)
        handler.end_headers()
        self.told = (handler, over)
        self.tell("tasks", self.rows)
        over.wait(300)

    def tell(self, name, value, raw=None):
        handler, _ = self.told
        handler.wfile.write(raw or f"event: {name}\ndata: {json.dumps(value)}\n\n".encode())
        handler.wfile.flush()

    def end_stream(self):
        self.told[1].set()
        self.told = None

    # ---- calls ----

    def call(self, method, *parameters):
        return json_rpc(self.node, self.token, method if "." in method else f"Filecoin.{method}", parameters, path="/rpc/v0")

    def refused(self, method, *parameters):
        """What the node says to a call that it must not do."""
        try:
            return f"done: {self.call(method, *parameters)}"
        except Failed as e:
            return str(e)

    def answer(self, method, parameters):
        plain = {"Version": 67328, "Session": self.session, "TaskTypes": {f"seal/v0/{METHODS[m]}": {} for m in self.methods},
                 "Paths": [{"ID": self.path, "Weight": 10, "LocalPath": str(self.folder), "CanSeal": True, "CanStore": False}],
                 "Info": {"Hostname": self.name, "IgnoreResources": True, "Resources": {
                     "MemPhysical": 1 << 40, "MemUsed": 0, "MemSwap": 0, "MemSwapUsed": 0, "CPUs": 64, "GPUs": None, "Resources": None}}}
        if self.extensions:
            plain |= {"Hello": {"version": "0", "tasks": plain["TaskTypes"], "extensions": list(self.extensions)}, "TaskProgress": self.rows}
        if method == "TaskProgress":
            self.asked.append(method)
        if method in plain:
            return {"result": plain[method]}
        if method not in METHODS:
            return {"error": {"code": -32601, "message": f"method '{method}' not found"}}
        self.asked.append(method)
        call = {"Sector": parameters[0]["ID"], "ID": str(uuid.uuid4())}
        self.moment(method, call, parameters)
        threading.Thread(target=self.finish, args=(method, call, parameters), daemon=True).start()
        return {"result": call}

    def finish(self, method, call, parameters):
        number = call["Sector"]["Number"]
        result = getattr(self, f"do_{method}")(number, *parameters[1:])
        result = self.lies.get(method, lambda result_, _: result_)(result, number)
        self.moment(f"Return{method}", call, result)
        self.returns(method, call, result)

    def returns(self, method, call, result):
        with contextlib.suppress(OSError):  # the node has ended
            self.call(f"Return{method}", call, result, None)

    def do_AddPiece(self, *_):
        return {"Size": SECTOR, "PieceCID": {"/": ZEROS}}

    def do_SealPreCommit1(self, number, ticket, _):
        self.place(CACHE, number).mkdir(exist_ok=True)
        done = selkie("proof", "pc1", *self.sector(number), "--ticket", hexed(ticket), *self.kept(number))
        for kind in NAMES:
            self.declare(kind, number)
        layers = [{"id": f"layer-{n}", "path": "/nowhere", "rows_to_discard": 0, "size": SECTOR // 32} for n in (1, 2)]
        out = {"_lotus_SealRandomness": ticket, "comm_d": list(bytes.fromhex(done["comm_d"])),
               "config": {"id": "tree-d", "path": "/nowhere", "rows_to_discard": 0, "size": SECTOR // 16 - 1},
               "labels": {"StackedDrg2KiBV1": {"_h": None, "labels": layers}}, "registered_proof": "StackedDrg2KiBV1_1"}
        return base64.b64encode(json.dumps(out).encode()).decode()

    def do_SealPreCommit2(self, number, _):
        done = selkie("proof", "pc2", "--seal-proof", PROOF, *self.kept(number))
        return {"Unsealed": {"/": done["comm_d_cid"]}, "Sealed": {"/": done["comm_r_cid"]}}

    def do_SealCommit1(self, number, ticket, seed, _, cids):
        known = selkie("proof", "pc2", "--seal-proof", PROOF, *self.kept(number))  # is done already
        expect(cids["Sealed"]["/"] == known["comm_r_cid"] or self.lies, f"sector {number} has another CommR: {cids}")
        out = self.folder / f"c1-{uuid.uuid4()}"
        selkie("proof", "c1", *self.sector(number), "--ticket", hexed(ticket), "--seed", hexed(seed), "--comm-r", known["comm_r"],
               "--comm-d", known["comm_d"], *self.kept(number), "--out", out)
        return base64.b64encode(out.read_bytes()).decode()

    def do_SealCommit2(self, number, c1):
        asked, out = self.folder / f"c1-{uuid.uuid4()}", self.folder / f"c2-{uuid.uuid4()}"
        asked.write_bytes(base64.b64decode(c1))
        selkie("proof", "c2", "--seal-proof", PROOF, "--miner", "f01000", "--sector", number, "--c1", asked, "--out", out, "--development",
               "--params", self.ours.params)
        return base64.b64encode(out.read_bytes()).decode()

    def sector(self, number):
        return "--seal-proof", PROOF, "--miner", "f01000", "--sector", number

    def kept(self, number):
        return "--sealed", self.place(SEALED, number), "--cache", self.place(CACHE, number)
