# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a worker does when its miner, those who call it, and those it fetches from are hostile, wrong or gone:
real `selkie worker run` against a miner that is played here."""
import io
import tarfile
import threading
import time
import uuid

from played_miner import *
from support import *

ZEROS = "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy"  # of 2 KiB
NIL = "00000000-0000-0000-0000-000000000000"
PIECE = bytes(range(1, 128)) * 16  # 2032 bytes
# All that a worker answers. source: reference/lotus-worker 4.3, 4.4
METHODS = {"Version": 0, "TaskTypes": 0, "Paths": 0, "Info": 0, "Session": 0, "ProcessSession": 0, "Enabled": 0, "SetEnabled": 1, "TaskEnable": 1,
           "TaskDisable": 1, "WaitQuiet": 0, "Remove": 1, "StorageLocal": 0, "StorageAddLocal": 1, "StorageDetachLocal": 1, "StorageDetachAll": 0,
           "StorageRedeclareLocal": 2, "Shutdown": 0, "GenerateWinningPoSt": 4, "GenerateWindowPoSt": 5, "AddPiece": 4, "SealPreCommit1": 3,
           "SealPreCommit2": 2, "SealCommit1": 5, "SealCommit2": 2, "FinalizeSector": 1, "ReleaseUnsealed": 2, "MoveStorage": 2, "Fetch": 4,
           "UnsealPiece": 5, "DataCid": 2, "ReplicaUpdate": 2, "ProveReplicaUpdate1": 4, "ProveReplicaUpdate2": 5, "GenerateSectorKeyFromData": 2,
           "FinalizeReplicaUpdate": 1, "DownloadSectorData": 3, "Selkie.Hello": 0, "Selkie.SealPreCommit1Batch": 1, "Selkie.CheckReplica": 4,
           "Selkie.TaskCancel": 1, "Selkie.TaskProgress": 0, "Selkie.Machine": 0}
numbers = iter(range(1, 10000))


def failed(fault, *words):
    expect(fault, "the call did not fail")
    for word in words:
        expect(word in fault["Message"], f"no {word!r} in {fault}")


def well(fault):
    expect(fault is None, f"the call failed: {fault}")


class Gate:
    """A file of the miner's server whose first answer waits to be let go; later ones do not."""

    def __init__(self, miner, path, body=PIECE):
        self.asked, self.open, self.body = threading.Event(), threading.Event(), body
        miner.files[path] = self.serve

    def serve(self, handler):
        self.asked.set()
        self.open.wait(60)
        handler.give(200, self.body, Content_Type="application/octet-stream")


# ---- who may call ----

def no_token(miner, worker):
    for method, count in METHODS.items():
        _, error = worker.fault(method, *[None] * count, token="")
        expect(error["code"] == 1 and "missing permission" in error["message"] and "'admin'" in error["message"], f"{method}: {error}")


def token_that_may_only_read(miner, worker):
    miner.tokens["a-reader"] = ["read", "write", "sign"]
    for method, count in METHODS.items():
        _, error = worker.fault(method, *[None] * count, token="a-reader")
        expect("missing permission" in error["message"], f"{method}: {error}")
    equal(worker.raw("GET", "/remote/sealed/s-t01000-1", token="a-reader")[0], 401, "/remote with a reader's token")


def wrong_tokens(miner, worker):
    secret = worker.secret
    good = jwt(secret, ["admin"])
    equal(worker.call("Version", token=good), 67328, "a token with the worker's secret")
    none = f'{encode(b"{}")}.{encode(b"{}")}.'
    for name, token in {
        "nobody's": "nobody's", "of another secret": jwt(bytes(32), ["admin"]), "changed": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
        "over": jwt(secret, ["admin"], exp=int(time.time()) - 1), "without end": jwt(secret, ["admin"], exp="never"),
        "of no algorithm": jwt(secret, ["admin"], header={"alg": "none"}).rsplit(".", 1)[0] + ".", "of HS512": jwt(secret, ["admin"], {"alg": "HS512"}, hashlib.sha512),
        "empty parts": none, "long": "e" * 5000, "two parts": good.rsplit(".", 1)[0],
    }.items():
        status, text, _ = worker.raw("POST", "/rpc/v0", b"{}", token=token)
        expect((status, text) == (401, b""), f"{name}: {status} {text}")
    equal(worker.raw("POST", "/rpc/v0", b"{}", token="", Authorization="Basic YTpi")[0], 401, "another scheme")
    ends = jwt(secret, ["admin"], exp=int(time.time()) + 2)
    equal(worker.call("Version", token=ends), 67328, "a token that is not over yet")
    wait(lambda: worker.raw("POST", "/rpc/v0", b"{}", token=ends, source="127.0.0.9")[0] == 401, "the token to be over", 5)


def token_in_the_url(miner, worker):
    miner.tokens["by-url"] = ["admin"]
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "Filecoin.Version", "params": []})
    equal(worker.raw("POST", "/rpc/v0?token=by-url", body, token="")[0], 200, "the status with ?token=")
    equal(len([p for p in miner.calls("AuthVerify") if p == ["by-url"]]), 1, "questions about it")
    worker.raw("POST", "/rpc/v0?token=by-url", body, token="")
    equal(len([p for p in miner.calls("AuthVerify") if p == ["by-url"]]), 1, "questions about it, kept for a minute")


def guessing_is_slowed(miner, worker):
    statuses = {worker.raw("POST", "/rpc/v0", b"{}", token=f"guess-{i}", source="127.0.0.3")[0] for i in range(30)}
    equal(statuses, {401, 429}, "30 wrong tokens of one address")
    equal(worker.call("Version"), 67328, "another address meanwhile")


# ---- what is no call ----

def no_json_rpc(miner, worker):
    for body, status, code in (
        (b"{", 500, -32700), (b"", 400, -32600), (b"[]", 400, -32600), (b'{"jsonrpc":"2.0","id":1}', 400, -32600), (b"[" * 5000, 500, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"Filecoin.Version","method":"Filecoin.Shutdown","params":[]}', 500, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"Filecoin.Nothing","params":[]}', 500, -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"Filecoin.Version","params":[1]}', 500, -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"Filecoin.Version","params":{}}', 500, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"Filecoin.Version\\u0000x","params":[]}', 500, -32700), (b"\xff\xfe{}", 500, -32700),
    ):
        got, answer = worker.post(body)
        expect((got, answer["error"]["code"]) == (status, code), f"{body[:60]}: {got} {answer}")
    status, answer = worker.post(b'{"x":"' + b"y" * 70000 + b'"}', token="")
    equal((status, answer["error"]["code"]), (500, -32700), "70 KB of a stranger")


def bad_parameters(miner, worker):
    zeros = {"Type": "null", "Info": "2032"}
    for method, params in (
        ("AddPiece", [{"ID": {"Miner": -1, "Number": 1}, "ProofType": 5}, None, 2032, zeros]), ("AddPiece", [ref(1, proof=99), None, 2032, zeros]),
        ("AddPiece", [{"ID": "../../x", "ProofType": 5}, None, 2032, zeros]), ("AddPiece", [ref(1), None, 2032, {"Type": "file", "Info": "/etc/passwd"}]),
        ("AddPiece", [ref(1), None, 2032, {"Type": "push", "Info": "../x"}]), ("Selkie.TaskCancel", [{"ID": "x"}]), ("Remove", ["s-t01000-1"]),
        ("TaskEnable", ["../x"]), ("StorageRedeclareLocal", [7, True]), ("Selkie.SealPreCommit1Batch", [[]]),
    ):
        status, error = worker.fault(method, *params)
        expect(status == 500 and error["code"] == -32700, f"{method} {params}: {status} {error}")
    for folder in ("/etc", "/nonexistent", "relative", ""):
        _, error = worker.fault("StorageAddLocal", folder)
        equal(error["code"], 1, f"StorageAddLocal {folder!r}")


def bad_values_are_returned(miner, worker):
    """Whatever can be read is taken, and fails by its Return alone."""
    zeros = {"Type": "null", "Info": "2032"}
    huge = (2**63 - 1) // 127 * 127
    zero_cid = {"/": "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy"}
    n = next(numbers)
    for method, returns, params in (
        ("AddPiece", "ReturnAddPiece", [ref(n), None, 0, zeros]), ("AddPiece", "ReturnAddPiece", [ref(n), None, 2033, zeros]),
        ("AddPiece", "ReturnAddPiece", [ref(n), None, huge, zeros]), ("AddPiece", "ReturnAddPiece", [ref(n), [huge, huge], 2032, zeros]),
        ("AddPiece", "ReturnAddPiece", [ref(n), None, 2032, {"Type": "null", "Info": "1"}]),
        ("SealPreCommit1", "ReturnSealPreCommit1", [ref(n), "AAAA", [{"Size": 2048, "PieceCID": zero_cid}]]),
        ("SealPreCommit1", "ReturnSealPreCommit1", [ref(n), base64.b64encode(bytes(32)).decode(), [{"Size": 4096, "PieceCID": zero_cid}]]),
        ("SealPreCommit2", "ReturnSealPreCommit2", [ref(n), "no base64!"]), ("SealPreCommit2", "ReturnSealPreCommit2", [ref(n), "e30="]),
        ("SealPreCommit2", "ReturnSealPreCommit2", [ref(n), "A" * 70000]), ("SealCommit2", "ReturnSealCommit2", [ref(n), "no base64!"]),
        ("SealCommit2", "ReturnSealCommit2", [ref(n), "e30="]), ("ReleaseUnsealed", "ReturnReleaseUnsealed", [ref(n), [{"Offset": huge, "Size": huge}]]),
        ("Fetch", "ReturnFetch", [ref(n), 64, "sealing", "move"]), ("Fetch", "ReturnFetch", [ref(n), 2, "../x", "move"]),
        ("UnsealPiece", "ReturnUnsealPiece", [ref(n), huge, huge, base64.b64encode(bytes(32)).decode(), zero_cid]),
        ("MoveStorage", "ReturnMoveStorage", [ref(n), -1]), ("ReplicaUpdate", "ReturnReplicaUpdate", [ref(n), None]),
    ):
        _, fault = miner.returned(worker.call(method, *params), returns)
        failed(fault)
    worker.lives()


def large_bodies(miner, worker):
    """100 MiB go through a file; a byte more is refused; memory stays small."""
    head = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "Filecoin.SealCommit2", "params": [ref(next(numbers))]})[:-2].encode() + b',"'
    whole, tail = 104857600, b'"]}'
    middle = (whole - len(head) - len(tail)) // 4 * 4
    most, done = [worker.anonymous_kib()], threading.Event()

    def watch():
        while not done.is_set():
            most.append(worker.anonymous_kib())
            time.sleep(0.005)
    watcher = threading.Thread(target=watch)
    watcher.start()
    body = head + b"A" * middle + tail
    _, answer = worker.post(body.ljust(whole), timeout=120)
    _, fault = miner.returned(answer["result"], "ReturnSealCommit2", 120)
    done.set()
    watcher.join()
    failed(fault)
    print(f"#   100 MiB of SealCommit2: {(max(most) - most[0]) / 1024:.1f} MiB more of memory", flush=True)
    expect(max(most) - most[0] < 16 * 1024, f"memory grew by {max(most) - most[0]} KiB")
    wait(lambda: not list((worker.folder / "calls").iterdir()), "the files of the call to be gone")
    s = socket.create_connection(("127.0.0.1", worker.port), timeout=30)
    s.sendall(f"POST /rpc/v0 HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer {worker.own_token}\r\nContent-Length: {whole + 1}\r\n\r\n".encode())
    answer = s.recv(4096)
    expect(answer.startswith(b"HTTP/1.1 500") and b"-32700" in answer, f"a byte more: {answer[:200]}")
    s.close()


# ---- the miner ----

def another_version(folder, version):
    miner = Miner()
    miner.version = version
    miner.start()
    worker = Worker(folder, miner, name=f"v{version}")
    try:
        worker.start(connected=False)
        expect(worker.process.wait(30) != 0, "it ended well")
        expect("1.5.0" in worker.log() and str(version) in worker.log(), worker.log())
        equal(miner.calls("WorkerConnect"), [], "WorkerConnect")
    finally:
        miner.stop()


def returns_until_taken(miner, worker):
    """Refused twice, its answer lost, reported already: each result comes until it is had, and no more often."""
    refused, lost, had = (next(numbers) for _ in range(3))
    echo = f"invalid token Bearer {miner.token} in {worker.own_token}"
    miner.faults["ReturnAddPiece"] += [refuse(echo), cut, refuse("result for 1 already reported")]
    ids = []
    for i, number in enumerate((refused, lost, had)):  # in this order, so that each meets its own fault
        ids.append(worker.add_zeros(number))
        miner.wait_call("ReturnAddPiece", ids[i])
    for one in ids[:2]:
        miner.wait_call("ReturnAddPiece", one, n=2)
        equal(miner.calls("ReturnAddPiece", one)[0], miner.calls("ReturnAddPiece", one)[1], "the second Return")
    wait(lambda: not worker.jobs(), "all results to be had")
    equal([len(miner.calls("ReturnAddPiece", one)) for one in ids], [2, 2, 1], "Returns")


def miner_away(miner, worker):
    """It is gone while work goes on, and comes back as another process."""
    source = Miner()
    source.start()
    gate = Gate(source, "/away")
    one = worker.add_from(next(numbers), source.url("/away"))
    expect(gate.asked.wait(10), "the data was not asked for")
    connects, before = len(miner.calls("WorkerConnect")), worker.log().count("call.not_returned")
    miner.stop()
    try:
        gate.open.set()
        two = worker.add_zeros(next(numbers))  # with the worker's own token
        wait(lambda: worker.log().count("call.not_returned") >= before + 2, "the Returns to fail")
        status, _, _ = worker.raw("POST", "/rpc/v0", b"{}", token="unknown-now")
        equal(status, 503, "a token that nobody can be asked about")
    finally:
        source.stop()
        miner.session = str(uuid.uuid4())
        miner.start()
    for call_id in (one, two):
        _, fault = miner.returned(call_id, "ReturnAddPiece", 60)
        well(fault)
    miner.wait_call("WorkerConnect", n=connects + 1, seconds=30)
    with miner.moved:
        order = [m for m, _ in miner.heard]
    expect(order.index("StorageAttach", order.index("WorkerConnect")) < len(order) - 1 - order[::-1].index("WorkerConnect"), "paths are told before WorkerConnect")
    miner.session = NIL  # of one that is closing
    worker.lives()


# ---- twice the same ----

def same_call_twice(miner, worker):
    number = next(numbers)
    ids = [worker.add_zeros(number) for _ in range(2)]
    expect(ids[0] != ids[1], "two calls with one id")
    results = [miner.returned(i, "ReturnAddPiece") for i in ids]
    for value, fault in results:
        well(fault)
        equal(value, results[0][0], "the second piece")
    equal((worker.folder / "unsealed" / f"s-t01000-{number}").stat().st_size, 2055, "bytes of the unsealed file")


# ---- killed ----

def killed_at_each_point(miner, worker):
    """At work, behind that on the same sector, pushed to, done with its Return refused, and in its Return: all of
    them end under their ids. What comes before the new process has gone through them runs once."""
    gets, number, gate = [], next(numbers), Gate(miner, "/killed")
    miner.files["/once"] = lambda h: (gets.append(1), h.give(200, PIECE))
    miner.faults["ReturnAddPiece"].append(refuse("not well"))
    done = worker.add_from(next(numbers), miner.url("/once"))
    miner.wait_call("ReturnAddPiece", done)
    miner.faults[done["ID"]] += [refuse("not well")] * 50
    miner.faults["ReturnSealCommit2"] += [refuse("not well")] * 50
    big = worker.call("SealCommit2", ref(next(numbers)), "A" * 200000)
    miner.wait_call("ReturnSealCommit2", big)
    held = threading.Event()
    miner.faults["ReturnAddPiece"].append(lambda: held.wait(20) and None)
    told = worker.add_zeros(next(numbers))
    miner.wait_call("ReturnAddPiece", told)
    running = worker.add_from(number, miner.url("/killed"))
    expect(gate.asked.wait(10), "the data was not asked for")
    behind = worker.add_zeros(number)
    push, _, cut_off, _ = pushed(worker)
    equal(push.head(), 200, "HEAD")
    worker.kill()
    held.set()
    gate.open.set()
    miner.faults.clear()
    miner.faults[told["ID"]].append(refuse("result for it already reported"))
    early = taken_while_greeting(miner, worker)
    for call_id in (running, behind, early, done):
        miner.wait_call("ReturnAddPiece", call_id, n=2 if call_id == done else 1)
        value, fault = miner.returned(call_id, "ReturnAddPiece")
        well(fault)
        equal(value["Size"], 2048, "the piece's size")
    miner.wait_call("ReturnSealCommit2", big, n=2)
    failed(miner.returned(big, "ReturnSealCommit2")[1])
    miner.wait_call("ReturnAddPiece", told, n=2)
    equal(miner.returned(cut_off, "ReturnAddPiece")[1]["Code"], 101, "the code of a call whose data cannot come again")
    wait(lambda: not worker.jobs(), "all results to be had")
    equal(len(gets), 1, "how often the data of a call that was done was fetched")
    equal([len(miner.calls("ReturnAddPiece", i)) for i in (running, behind, early, told, cut_off)], [1, 1, 1, 2, 1], "Returns")


def taken_while_greeting(miner, worker):
    """It is not begun before the worker knows whose miner that is."""
    held, came = threading.Event(), threading.Event()
    miner.faults["ActorAddress"].append(lambda: came.set() or held.wait(30) and "f01000")
    worker.start(connected=False)
    expect(came.wait(30), "the miner was not asked")
    gate = Gate(miner, "/early")
    call_id = worker.add_from(next(numbers), miner.url("/early"))
    equal([j["State"] for j in worker.jobs() if j["ID"] == call_id], ["waiting"], "a call that comes too early")
    connects = len(miner.calls("WorkerConnect"))
    held.set()
    miner.wait_call("WorkerConnect", n=connects + 1)
    expect(gate.asked.wait(10), "the data was not asked for")
    gate.open.set()
    return call_id


def killed_in_deletes(miner, worker):
    """By the miner, to whom it says that a file goes: it is whole after the restart, told of again, and goes when it is asked
    for once more. So does what was half removed."""
    well(miner.returned(worker.add_zeros(number := next(numbers)), "ReturnAddPiece")[1])
    cache = worker.folder / "cache" / f"s-t01000-{number}"
    cache.mkdir()
    for name in ("p_aux", "t_aux"):
        (cache / name).write_bytes(b"x")
    before = sector_files(worker, number)
    for kind in ("unsealed", "cache"):
        def struck():
            worker.kill()
            cut()
        url, declared = f"/remote/{kind}/s-t01000-{number}", len(miner.calls("StorageDeclareSector"))
        miner.faults["StorageDropSector"].append(struck)
        try:
            worker.raw("DELETE", url)
            raise Failed(f"DELETE of {kind} was answered")
        except (OSError, http.client.HTTPException):
            pass
        equal(sector_files(worker, number), before, f"files after a kill in DELETE of {kind}")
        gone = worker.folder / kind / "fetching" / "s-t01000-99999.gone"  # as a kill in the removal leaves it
        gone.mkdir()
        (gone / "p_aux").write_bytes(b"x")
        worker.start()
        told = [p[2] for p in miner.calls("StorageDeclareSector")[declared:] if p[1]["Number"] == number]
        equal(told, [5 if kind == "unsealed" else 4], "what the miner is told lies there")
        expect(not gone.exists(), "what was being removed stays")
        equal(worker.raw("DELETE", url)[0], 200, f"DELETE of {kind} once more")
        before = sector_files(worker, number)
        expect(not [f for f in before if f.startswith(kind)], f"it is still there: {before}")


def sector_files(worker, number):
    """All that has the sector's name, by place."""
    found = [p for kind in ("unsealed", "sealed", "cache") for p in (worker.folder / kind).rglob("*") if f"s-t01000-{number}" in str(p) and p.is_file()]
    return {str(p.relative_to(worker.folder)): sha256_file(p) for p in found}


FINISHED = ("p_aux", "sc-02-data-tree-r-last.dat", "t_aux")


def killed_in_finalize(miner, worker):
    """As soon as it has the call, and in its Return: the cache is trimmed, nothing that stays is touched, and the call ends once
    under its id."""
    number, ticket = next(numbers), base64.b64encode(bytes(32)).decode()
    pieces = [{"Size": 2048, "PieceCID": {"/": ZEROS}}]
    labels, fault = miner.returned(worker.call("SealPreCommit1", ref(number), ticket, pieces), "ReturnSealPreCommit1")
    well(fault)
    well(miner.returned(worker.call("SealPreCommit2", ref(number), labels), "ReturnSealPreCommit2")[1])
    before = sector_files(worker, number)
    kept = {place: digest for place, digest in before.items() if place.startswith("sealed/") or place.endswith(FINISHED)}
    expect(len(kept) == 4 < len(before), f"a sealed sector: {sorted(before)}")
    taken = worker.call("FinalizeSector", ref(number))
    worker.kill_and_start()
    well(miner.returned(taken, "ReturnFinalizeSector")[1])
    equal(sector_files(worker, number), kept, "what is left")

    def struck():
        worker.kill()
        cut()
    miner.faults["ReturnFinalizeSector"].append(struck)
    again = worker.call("FinalizeSector", ref(number))
    worker.process.wait(30)
    worker.start()
    miner.wait_call("ReturnFinalizeSector", again, n=2)
    equal(sector_files(worker, number), kept, "what is left of a finished one")
    wait(lambda: not worker.jobs(), "all results to be had")
    equal([len(miner.calls("ReturnFinalizeSector", c)) for c in (taken, again)], [1, 2], "Returns")


# ---- pushed data ----

class Push:
    """The sender of a stream: HEAD in the background, then POST."""

    def __init__(self, worker, name, source="127.0.0.1"):
        self.worker, self.path, self.source, self.status = worker, f"/rpc/streams/v0/push/{name}", source, None
        self.thread = threading.Thread(target=self.ask, daemon=True)
        self.thread.start()

    def ask(self):
        try:
            self.status = self.worker.raw("HEAD", self.path, token="", source=self.source, timeout=60)[0]
        except OSError:
            self.status = 0

    def head(self):
        self.thread.join(60)
        return self.status

    def post(self, body, **fields):
        return self.worker.raw("POST", self.path, body, token="", **fields)[0]


def pushed(worker, size=2032):
    name, number = str(uuid.uuid4()), next(numbers)
    push = Push(worker, name)
    return push, number, worker.call("AddPiece", ref(number), None, size, {"Type": "push", "Info": name}), name


def pushed_whole(miner, worker):
    push, number, call_id, _ = pushed(worker)
    equal(push.head(), 200, "HEAD")
    equal(push.post(PIECE), 200, "POST")
    value, fault = miner.returned(call_id, "ReturnAddPiece")
    well(fault)
    equal((worker.folder / "unsealed" / f"s-t01000-{number}").read_bytes()[:2048], pad(PIECE), "the data")
    gate = Gate(miner, "/same")
    gate.open.set()
    equal(miner.returned(worker.add_from(next(numbers), miner.url("/same")), "ReturnAddPiece")[0], value, "the piece by HTTP")
    push, _, call_id, _ = pushed(worker)
    equal(push.head(), 200, "HEAD")
    equal(push.post(io.BytesIO(PIECE), Transfer_Encoding="chunked"), 200, "POST in chunks")
    equal(miner.returned(call_id, "ReturnAddPiece")[0], value, "the piece in chunks")


def pushed_short_and_cut(miner, worker):
    push, number, call_id, _ = pushed(worker)
    equal(push.head(), 200, "HEAD")
    push.post(PIECE[:1000])
    failed(miner.returned(call_id, "ReturnAddPiece")[1])
    push, number, call_id, _ = pushed(worker)
    equal(push.head(), 200, "HEAD")
    s = socket.create_connection(("127.0.0.1", worker.port))
    s.sendall(f"POST {push.path} HTTP/1.1\r\nHost: w\r\nContent-Length: 2032\r\n\r\n".encode() + PIECE[:1016])
    s.close()
    failed(miner.returned(call_id, "ReturnAddPiece")[1])
    expect(not (worker.folder / "unsealed" / f"s-t01000-{number}").exists(), "half a piece has a sector's name")


def pushed_to_nobody(miner, worker):
    for name in ("x", "..%2f..%2ftoken", "A" * 36, NIL.replace("0", "g"), "%00" * 36):
        expect(worker.raw("HEAD", f"/rpc/streams/v0/push/{name}", token="")[0] in (400, 404), name)
    push, _, call_id, name = pushed(worker)
    equal(push.head(), 200, "HEAD")
    equal(worker.raw("HEAD", push.path, token="")[0], 409, "a second HEAD")
    status, error = worker.fault("AddPiece", ref(next(numbers)), None, 2032, {"Type": "push", "Info": name})
    equal((status, error["code"]), (500, -32700), "a second call of one stream")
    equal(push.post(PIECE), 200, "POST")
    well(miner.returned(call_id, "ReturnAddPiece")[1])


def pushed_and_failed_before(miner, worker):
    """The sender is answered, whether the call fails before it reads or is canceled while it waits."""
    push, _, call_id, _ = pushed(worker, size=0)
    equal(push.head(), 204, "HEAD of a call that fails")
    failed(miner.returned(call_id, "ReturnAddPiece")[1], "no size")
    number, gate = next(numbers), Gate(miner, "/before")
    first = worker.add_from(number, miner.url("/before"))
    expect(gate.asked.wait(10), "the data was not asked for")
    name = str(uuid.uuid4())
    push = Push(worker, name)
    second = worker.call("AddPiece", ref(number), None, 2032, {"Type": "push", "Info": name})
    equal(worker.call("Selkie.TaskCancel", second), True, "canceled")
    equal(push.head(), 204, "HEAD of a canceled call")
    failed(miner.returned(second, "ReturnAddPiece")[1])
    gate.open.set()
    well(miner.returned(first, "ReturnAddPiece")[1])


def pushed_by_who_leaves(miner, worker):
    number, gate = next(numbers), Gate(miner, "/leaves")
    first = worker.add_from(number, miner.url("/leaves"))
    expect(gate.asked.wait(10), "the data was not asked for")
    name = str(uuid.uuid4())
    s = socket.create_connection(("127.0.0.1", worker.port))
    s.sendall(f"HEAD /rpc/streams/v0/push/{name} HTTP/1.1\r\nHost: w\r\n\r\n".encode())
    second = worker.call("AddPiece", ref(number), None, 2032, {"Type": "push", "Info": name})
    s.close()
    time.sleep(0.3)  # until the worker has seen it: nothing outside it shows that
    gate.open.set()
    well(miner.returned(first, "ReturnAddPiece")[1])
    failed(miner.returned(second, "ReturnAddPiece")[1], "sender has gone")


def strangers_take_all_streams(miner, worker):
    """More of them than there are places, from several addresses: a call has its stream nevertheless."""
    strangers = []
    for address in range(20, 25):
        for _ in range(60):
            s = socket.create_connection(("127.0.0.1", worker.port), source_address=(f"127.0.0.{address}", 0))
            s.sendall(f"HEAD /rpc/streams/v0/push/{uuid.uuid4()} HTTP/1.1\r\nHost: w\r\n\r\n".encode())
            strangers.append(s)
    answered = wait(lambda: [s for s in strangers if s.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK)] if readable(strangers) else [], "some to give way")
    expect(answered[0].recv(100).startswith(b"HTTP/1.1 404"), "who gives way is told")
    pushed_whole(miner, worker)
    for s in strangers:
        s.close()


def readable(sockets):
    for s in sockets:
        try:
            s.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK)
        except BlockingIOError:
            continue
        sockets[:] = [s]
        return True
    return False


def nobody_claims(miner, worker):
    """Let go after half a minute; runs beside the others."""
    started = time.monotonic()
    status = worker.raw("HEAD", f"/rpc/streams/v0/push/{uuid.uuid4()}", token="", source="127.0.0.30", timeout=60)[0]
    return status, time.monotonic() - started


# ---- data by URL ----

def data_by_url(miner, worker):
    miner.files["/short"] = lambda h: h.give(200, PIECE[:1000])
    miner.files["/long"] = lambda h: h.give(200, PIECE + b"more")
    miner.files["/part"] = lambda h: h.give(206, PIECE)
    miner.files["/elsewhere"] = lambda h: h.give(302, b"", Location=miner.url("/long"))
    miner.files["/lies"] = lambda h: (h.give(200, PIECE[:1000], Content_Length="2032"), h.connection.shutdown(socket.SHUT_RDWR))
    miner.files["/echo"] = lambda h: h.give(403, f"no: {miner.token}".encode())
    for path, word in (("/short", ""), ("/none", "404"), ("/part", "206"), ("/elsewhere", "302"), ("/lies", ""), ("/echo", "403")):
        fault = miner.returned(worker.add_from(next(numbers), miner.url(path)), "ReturnAddPiece")[1]
        failed(fault, word, "[name: w1]")
        expect(miner.token not in fault["Message"], f"a token in {fault}")
    well(miner.returned(worker.add_from(next(numbers), miner.url("/long")), "ReturnAddPiece")[1])
    for url in ("file:///etc/passwd", "gopher://127.0.0.1:1/x", "ftp://127.0.0.1/x", "http://127.0.0.1:1/closed", "//x", "http://[::1", "http://a\r\nb/"):
        status, answer = worker.post(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "Filecoin.AddPiece",
                                                 "params": [ref(next(numbers)), None, 2032, {"Type": "http", "Info": url}]}))
        if "result" in answer:
            failed(miner.returned(answer["result"], "ReturnAddPiece")[1])
        else:
            equal(status, 500, url)
    for method, path, header in miner.asked:
        expect(path not in ("/short", "/long", "/elsewhere") or "Authorization" not in header, f"a token went to {path}")
    equal(len([1 for _, path, _ in miner.asked if path == "/elsewhere"]), 1, "how often the redirect was asked for")


# ---- WebSocket ----

def sockets(miner, worker):
    equal(Socket(worker, token="").status, 401, "a WebSocket without a token")
    equal(Socket(worker, token="nobody's").status, 401, "one with a wrong token")
    equal(Socket(worker, key="short").status, 400, "one with a short key")
    ws = Socket(worker)
    equal(ws.status, 101, "one with a token")
    text = json.dumps({"jsonrpc": "2.0", "id": "a", "method": "Filecoin.Version", "params": []}).encode()
    for i, byte in enumerate(text):
        ws.send(0 if i else 1, bytes([byte]), fin=i == len(text) - 1)
        if i == 5:
            ws.send(9, b"between")
            equal(ws.frame(), (10, b"between"), "a Pong between fragments")
    equal(json.loads(ws.frame()[1])["result"], 67328, "an answer to fragments")
    gate = Gate(miner, f"/ws{next(numbers)}")
    call_id = worker.add_from(next(numbers), miner.url(list(miner.files)[-1]))
    ws.call(7, "WaitQuiet")
    ws.send(1, json.dumps({"jsonrpc": "2.0", "method": "xrpc.cancel", "params": [7]}).encode())
    answer = json.loads(ws.frame()[1])
    expect(answer["id"] == 7 and "error" in answer, f"a canceled call: {answer}")
    gate.open.set()
    well(miner.returned(call_id, "ReturnAddPiece")[1])
    ws.send(1, b"no JSON")
    equal(json.loads(ws.frame()[1])["error"]["code"], -32700, "no JSON")
    ws.send(8, b"\x03\xe8")
    equal(ws.frame()[0], 8, "a Close")
    for name, status, send in (
        ("unmasked", 1002, lambda w: w.send(1, b"x", masked=False)), ("reserved op", 1002, lambda w: w.send(3, b"x")), ("reserved bit", 1002, lambda w: w.send(0x41, b"x")),
        ("a long Ping", 1002, lambda w: w.send(9, b"x" * 126)), ("nothing to continue", 1002, lambda w: w.send(0, b"x")),
        ("too large", 1009, lambda w: w.send(1, b"x", length=1 << 40)), ("no UTF-8", 1007, lambda w: w.send(1, b"\xff\xfe")),
    ):
        ws = Socket(worker)
        send(ws)
        op, payload = ws.frame()
        equal((op, int.from_bytes(payload[:2], "big")), (8, status), name)
        ws.close()
    worker.lives()


# ---- events ----

class Events:
    """A stream of them, read by hand."""

    def __init__(self, worker, token=None, source="127.0.0.1"):
        self.s = socket.create_connection(("127.0.0.1", worker.port), 30, (source, 0))
        token = worker.own_token if token is None else token
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        self.s.sendall(f"GET /selkie/events HTTP/1.1\r\nHost: w\r\n{bearer}\r\n".encode())
        self.file = self.s.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.fields = {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            self.fields[name.lower()] = value.strip()

    def until(self, *words):
        """The text that comes, once it has all of these."""
        text = ""
        while not all(word in text for word in words):
            n = int(self.file.readline() or "0", 16)
            expect(n > 0, f"the stream ended: {text}")
            text += self.file.read(n).decode()
            self.file.readline()
        return text

    def close(self):
        self.file.close()
        self.s.close()


def events_for_whom(miner, worker):
    miner.tokens |= {"reads-only": ["read", "write", "sign"], "fetches": ["fetch", "s-t01000-1", "admin"], "events-by-url": ["admin"]}
    for token, status in (("", 401), ("nobody's", 401), ("reads-only", 403), ("fetches", 403), ("x" * 5000, 401)):
        answer = Events(worker, token=token, source="127.0.0.40")
        equal(answer.status, status, f"events for {token[:10]!r}")
        answer.close()
    equal(worker.raw("GET", "/selkie/events?token=events-by-url", token="", source="127.0.0.40")[0], 401, "a token in the URL")
    equal(worker.raw("POST", "/selkie/events", b"{}")[0], 405, "POST")
    equal(worker.raw("HEAD", "/selkie/events")[0], 200, "HEAD")
    equal(len({worker.raw("GET", "/selkie/events", token=f"guess-{i}", source="127.0.0.41")[0] for i in range(30)}), 2, "401, then 429 to who guesses")


def events_are_whole(miner, worker):
    """Each change of a call, in order; what comes later begins with what there is."""
    gate, number = Gate(miner, "/events"), next(numbers)
    reader = Events(worker)
    equal((reader.status, reader.fields["content-type"]), (200, "text/event-stream"), "the stream")
    reader.until("event: tasks")
    call_id = worker.add_from(number, miner.url("/events"))
    expect(gate.asked.wait(10), "the data was not asked for")
    reader.until('"running"', call_id["ID"])
    late = Events(worker)
    expect('"running"' in late.until("event: tasks", call_id["ID"]), "what there is")
    gate.open.set()
    well(miner.returned(call_id, "ReturnAddPiece")[1])
    text = late.until('"returned"')
    expect(text.index('"returning"') < text.index('"returned"') and "Why" not in text, text)
    broken = worker.call("AddPiece", ref(next(numbers)), None, 0, {"Type": "null", "Info": "0"})
    text = reader.until('"returned"', broken["ID"], "a piece has no size")
    shown = [json.loads(line[6:])["State"] for line in text.splitlines() if line.startswith("data: {") and broken["ID"] in line]
    equal(shown, ["waiting", "running", "returning", "returned"], "what became of a call")
    before = worker.call("TaskTypes")
    worker.call("TaskDisable", "seal/v0/commit/2")
    late.until("event: worker")
    worker.call("TaskEnable", "seal/v0/commit/2")
    equal(worker.call("TaskTypes"), before, "its work")
    follow = subprocess.Popen([SELKIE, "worker", "jobs", "--follow", "--worker-repo", worker.folder], stdout=subprocess.PIPE, text=True)
    expect(follow.stdout.readline().startswith("ID "), "the titles of the command")
    fresh = worker.add_zeros(next(numbers))
    well(miner.returned(fresh, "ReturnAddPiece")[1])
    while not ((line := follow.stdout.readline()).startswith(fresh["ID"][:8]) and " returned" in line):
        expect(line, "the command ended")
    follow.kill()
    follow.wait()
    reader.close()
    late.close()


def reading(worker):
    """A reader, if there is a place."""
    reader = Events(worker)
    if reader.status == 200:
        return reader
    reader.close()
    return None


def events_for_so_many(miner, worker):
    """Sixteen read; the next is refused until one has left."""
    readers = []

    def all_read():  # who left is missed within ten seconds
        reader = reading(worker)
        readers.extend([reader] if reader else [])
        return len(readers) == 16
    wait(all_read, "sixteen to read", 30)
    more = Events(worker)
    equal((more.status, more.fields["retry-after"]), (503, "60"), "one more")
    for one in (more, *readers):
        one.close()
    wait(lambda: reading(worker), "a place to be free again", 30).close()


# ---- /remote of the worker ----

def remote_paths(miner, worker):
    number = next(numbers)
    well(miner.returned(worker.add_zeros(number), "ReturnAddPiece")[1])
    name = f"s-t01000-{number}"
    secrets = (worker.own_token.encode(), (worker.folder / "storage.json").read_bytes())
    for path in (f"/remote/unsealed/{name}", f"/remote/unsealed/../unsealed/{name}", "/remote/stat/x"):
        equal(worker.raw("GET", path, token="")[0] in (401, 404), True, f"{path} without a token")
    for path in (
        "/remote/unsealed/../../token", "/remote/unsealed/..%2f..%2ftoken", "/remote/unsealed/%2e%2e%2f%2e%2e%2ftoken", "/remote/../token", "/remote/unsealed/..",
        "/remote/%2e%2e/token", "/remote/keystore/x", "/remote/unsealed/fetching", f"/remote/unsealed/{name}%00", f"/remote/unsealed/{name}%00.x",
        f"/remote/unsealed/{name}/", f"/remote/unsealed/{name}.tmp", f"/remote/unsealed/s-t01000-0{number}", f"/remote/unsealed/S-t01000-{number}",
        "/remote/unsealed/s-t01000-99999999999999999999", "/remote/unsealed/s-t0-1-1", "/remote/unsealed//etc/passwd", "/remote/unsealed%2f..%2ftoken/x",
        f"/remote/unsealed/..%5c{name}", "/remote/calls/calls.db", "/remote/stat/../../token", "/remote/stat/" + NIL, f"/remote/piece/{name}",
        f"/remote/unsealed/{name}/5/allocated/18446744073709551615/127", f"/remote/unsealed/{name}/5/allocated/127/x", f"/remote/unsealed/{name}/99/allocated/0/127",
    ):
        status, body, _ = worker.raw("GET", path)
        expect(status >= 400, f"{path}: {status} {body[:80]}")
        expect(not any(s in body for s in secrets) and str(worker.folder).encode() not in body, f"{path} tells {body[:200]}")
    status, body, header = worker.raw("GET", f"/remote/unsealed/{name}")
    equal((status, len(body), header["Content-Type"]), (200, 2055, "application/octet-stream"), "the file")
    for asked, want in (("bytes=0-0", (206, 1)), ("bytes=2054-", (206, 1)), ("bytes=2055-", (416, None)), ("bytes=0-18446744073709551615", (206, 2055)),
                        ("bytes=99999999999999999999999-", (None, None)), ("bytes=5-2", (200, 2055)), ("bytes=-0", (None, None)), ("lines=1-2", (200, 2055))):
        status, body, _ = worker.raw("GET", f"/remote/unsealed/{name}", Range=asked)
        expect(want[0] in (None, status) and want[1] in (None, len(body)), f"{asked}: {status}, {len(body)} bytes")
    equal(worker.raw("GET", f"/remote/unsealed/{name}/5/allocated/0/2032")[0], 200, "allocated")
    equal(worker.raw("PUT", f"/remote/unsealed/{name}", b"x")[0], 405, "PUT")


def remote_links(miner, worker):
    outside = worker.folder / "keystore"
    number = next(numbers)
    (worker.folder / "sealed" / f"s-t01000-{number}").symlink_to(worker.folder / "token")
    (worker.folder / "cache" / f"s-t01000-{number}").symlink_to(outside)
    inside = next(numbers)
    cache = worker.folder / "cache" / f"s-t01000-{inside}"
    cache.mkdir()
    (cache / "p_aux").symlink_to(worker.folder / "token")
    (cache / "t_aux").write_bytes(b"t" * 100)
    for path in (f"/remote/sealed/s-t01000-{number}", f"/remote/cache/s-t01000-{number}", f"/remote/cache/s-t01000-{inside}"):
        status, body, _ = worker.raw("GET", path)
        expect(status == 500 or worker.own_token.encode() not in body, f"{path}: {status} {body[:100]}")
    equal(worker.raw("DELETE", f"/remote/cache/s-t01000-{inside}")[0], 200, "DELETE of the cache with a link in it")
    expect((worker.folder / "token").exists() and not cache.exists(), "the link's target went, or the cache did not")
    equal(worker.raw("DELETE", f"/remote/cache/s-t01000-{number}")[0], 500, "DELETE of a link")
    expect(list(outside.iterdir()), "the keystore is empty")
    for kind in ("sealed", "cache"):
        (worker.folder / kind / f"s-t01000-{number}").unlink()


def remote_deletes(miner, worker):
    number, gate = next(numbers), Gate(miner, "/delete")
    file = worker.folder / "unsealed" / f"s-t01000-{number}"
    url = f"/remote/unsealed/{file.name}"
    well(miner.returned(worker.add_zeros(number), "ReturnAddPiece")[1])
    equal(worker.raw("DELETE", url, token="")[0], 401, "DELETE without a token")
    for keep in ("..", "x.y", "a" * 36, NIL + "." * 5000):
        equal(worker.raw("DELETE", f"{url}?keep={keep}")[0], 500, f"keep={keep[:40]}")
    own = next(iter(worker.call("StorageLocal")))
    worker.raw("DELETE", f"{url}?keep={own}")
    expect(file.exists(), "what is kept is gone")
    busy = worker.add_from(number, miner.url("/delete"))  # anew: at work on the file
    expect(gate.asked.wait(10), "the data was not asked for")
    gone = []
    thread = threading.Thread(target=lambda: gone.append(worker.raw("DELETE", url, timeout=60)[0]))
    thread.start()
    equal(worker.raw("GET", url)[0], 503, "GET of a file in the making")
    gate.open.set()
    well(miner.returned(busy, "ReturnAddPiece")[1])
    thread.join()
    equal((gone, file.exists()), ([200], False), "DELETE after the step")


# ---- what a worker fetches ----

def archive(**members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, what in members.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            if isinstance(what, str):
                info.type, info.linkname = tarfile.SYMTYPE, what
                tar.addfile(info)
            else:
                info.size = len(what)
                tar.addfile(info, io.BytesIO(what))
    return out.getvalue()


def fetched(miner, worker):
    def fetch(kind, urls):
        number = next(numbers)
        miner.places[(number, kind)] = urls
        return number, miner.returned(worker.call("Fetch", ref(number), kind, "sealing", "move"), "ReturnFetch")[1]
    tar = {"Content_Type": "application/x-tar"}
    miner.files["/remote/small"] = lambda h: h.give(200, bytes(100), Content_Type="application/octet-stream")
    miner.files["/remote/echo"] = lambda h: h.give(500, f"bad {h.headers.get('Authorization')}".encode())
    miner.files["/remote/moved"] = lambda h: h.give(302, b"", Location=miner.url("/remote/trap"))
    for name, url in {"file": "file:///etc/passwd", "small": miner.url("/remote/small"), "echo": miner.url("/remote/echo"), "moved": miner.url("/remote/moved"),
                      "closed": "http://127.0.0.1:1/remote/sealed/x", "garbage": "http://[", "split": "http://127.0.0.1/\r\nX: y"}.items():
        number, fault = fetch(2, [url])
        failed(fault)
        expect(miner.token not in fault["Message"], f"{name}: a token in {fault}")
        expect(not (worker.folder / "sealed" / f"s-t01000-{number}").exists(), f"{name}: a file is there")
    expect(not [1 for _, path, _ in miner.asked if path == "/remote/trap"], "the redirect was followed")
    for name, members in {"up": {"..__token": b"x" * 64}, "absolute": {"__tmp__x": b"x"}, "deep": {"a__p_aux": bytes(64)}, "link": {"p_aux": "../../token"},
                          "unknown": {"evil.sh": b"x"}, "large": {"p_aux": bytes(65)}}.items():
        miner.files[f"/remote/{name}"] = lambda h, m=members: h.give(200, archive(**m), **tar)
        number, fault = fetch(4, [miner.url(f"/remote/{name}")])
        failed(fault)
        expect(not (worker.folder / "cache" / f"s-t01000-{number}").exists(), f"{name}: a cache is there")
    miner.files["/remote/good"] = lambda h: h.give(200, bytes(2048) if h.command != "DELETE" else b"", Content_Type="application/octet-stream")
    number, fault = fetch(2, ["http://127.0.0.1:1/x", miner.url("/remote/small"), miner.url("/remote/good")])
    well(fault)
    deletes = [(p, h) for m, p, h in miner.asked if m == "DELETE" and p.startswith("/remote/good")]
    own = next(iter(worker.call("StorageLocal")))
    equal([p for p, _ in deletes], [f"/remote/good?keep={own}"], "DELETE at the source")
    miner.places.clear()
    equal(worker.call("Remove", {"Miner": 1000, "Number": number}), None, "Remove")
    expect(not (worker.folder / "sealed" / f"s-t01000-{number}").exists(), "it is still there")


# ---- at the end ----

def nothing_told(miner, worker):
    texts = worker.log() + "".join(p.read_text(errors="replace") for p in worker.folder.glob("selkie.log*"))
    for what, token in {"the miner's token": miner.token, "its own token": worker.own_token, **{f"token {t}": t for t in miner.tokens}}.items():
        expect(token not in texts and token.split(".")[-1] not in texts, f"{what} stands in a log")
    for path in [worker.folder / "token", *(worker.folder / "keystore").iterdir()]:
        equal(path.stat().st_mode & 0o777, 0o600, f"mode of {path}")
    with open(f"/proc/{worker.process.pid}/cmdline", "rb") as f:
        expect(miner.token.encode() not in f.read(), "the token stands in the command line")
    wait(lambda: not worker.jobs(), "all results to be had")
    expect(not list((worker.folder / "calls").iterdir()), "files of calls are left")
    for kind in ("unsealed", "sealed", "cache"):
        equal([p.name for p in (worker.folder / kind / "fetching").iterdir()], [], f"what failed calls left in {kind}/fetching")


def drained(miner, worker):
    """It ends when the miner has all results, and is waited for no longer than somebody likes."""
    of = ("--worker-repo", worker.folder)
    miner.faults["ReturnAddPiece"] = [refuse("not now")] * 1000
    number = next(numbers)
    one = worker.add_zeros(number)
    said = selkie("worker", "drain", "--timeout", "2s", *of, status=1)["error"]
    expect(said["code"] == "timeout" and f"AP of f01000/{number} is done and waits for the node" in said["message"], f"who gives up: {said}")
    expect(not worker.call("Enabled") and worker.lives(), "it takes nothing new, and goes on")
    selkie("worker", "drain", "--off", *of)
    expect(worker.call("Enabled"), "it takes work again")
    drain = subprocess.Popen([SELKIE, "worker", "drain", "--json", *map(str, of)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait(lambda: not worker.call("Enabled"), "the drain to begin")
    miner.wait_call("ReturnAddPiece", one, n=len(miner.calls("ReturnAddPiece", one)) + 2)
    expect(drain.poll() is None and worker.lives(), "it ends before its result is had")
    miner.faults.clear()
    answer, lines = drain.communicate(timeout=60)
    equal({k: v for k, v in json.loads(answer).items() if k != "seconds"}, {"done": True, "returned": 1}, f"what a drain says: {lines}")
    expect(lines.startswith("in hand: 1; AP of f01000/") and "in hand: nothing" in lines, f"what it waits for: {lines}")
    equal(worker.process.wait(30), 0, "how it ended")


TOGETHER = [strangers_take_all_streams, no_token, token_that_may_only_read, wrong_tokens, token_in_the_url, guessing_is_slowed, no_json_rpc, bad_parameters, bad_values_are_returned,
            large_bodies, same_call_twice, pushed_whole, pushed_short_and_cut, pushed_to_nobody, pushed_and_failed_before, pushed_by_who_leaves, data_by_url, sockets, events_for_whom, events_are_whole, events_for_so_many, remote_paths, remote_links, remote_deletes, fetched, returns_until_taken, miner_away,
            killed_at_each_point, killed_in_deletes, killed_in_finalize, nothing_told, drained]


def main():
    with Folder() as folder:
        miner = Miner()
        miner.start()
        with Worker(folder, miner) as worker:
            unclaimed = []
            waiter = threading.Thread(target=lambda: unclaimed.append(nobody_claims(miner, worker)), daemon=True)
            cases = [(f.__name__.replace("_", "-"), lambda f=f: f(miner, worker)) for f in TOGETHER]
            others = [(f"miner-of-version-{name}", lambda v=v: another_version(folder, v)) for name, v in (("1.4", 66560), ("1.6", 67072))]

            def let_go():
                waiter.join(60)
                status, seconds = unclaimed[0]
                expect(status == 404 and 25 < seconds < 40, f"a stream that nobody names: {status} after {seconds:.1f} s")
            first_kill = next(i for i, (name, _) in enumerate(cases) if name.startswith("killed-"))
            alone = ("a-stream-that-nobody-names", waiter.start)  # after those that give way to others
            run_cases([cases[0], alone, *cases[1:first_kill], *others, ("and-is-let-go", let_go), *cases[first_kill:]])


if __name__ == "__main__":
    main()
