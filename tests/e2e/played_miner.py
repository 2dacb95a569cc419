# SPDX-License-Identifier: MIT OR Apache-2.0
"""A miner's API and storage that are played here, so that each answer can be a wrong one; a worker of ours
for it; and clients that speak HTTP, WebSocket and JWT by hand. source: reference/lotus-worker 2 to 6"""
import base64
import collections
import hashlib
import hmac
import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import uuid

from dropping_server import DroppingServer
from support import SELKIE, Failed, expect

from ports import free_port

SECTOR = 2048
API_VERSION = 66816
REPEAT_SECONDS = 20


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwt(secret, allow, header=None, mac=hashlib.sha256, **more):
    text = f'{encode(json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode())}.{encode(json.dumps({"Allow": allow, **more}).encode())}'
    return f"{text}.{encode(hmac.new(secret, text.encode(), mac).digest())}"


def ref(number, miner=1000, proof=5):
    return {"ID": {"Miner": miner, "Number": number}, "ProofType": proof}


def wait(condition, what, seconds=30, logs=lambda: ""):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} s for {what}\n{logs()}")
        time.sleep(0.02)
    return found


class Miner:
    """Answers as a lotus-miner does, unless it is told otherwise."""

    def __init__(self):
        self.port = free_port()
        self.secret = os.urandom(32)
        self.token = jwt(self.secret, ["read", "write", "sign", "admin"])
        self.tokens = {}  # further ones: what AuthVerify says of them
        self.version, self.session = API_VERSION, str(uuid.uuid4())
        self.heard = []  # (method, params), as they came
        self.faults = collections.defaultdict(list)  # method: functions, each for one call; of a CallID's uuid too
        self.places = {}  # (number, type): URLs that StorageFindSector names
        self.files = {}  # path: function(handler) that answers a GET, HEAD or DELETE
        self.asked = []  # (method, path, header) of those
        self.moved = threading.Condition()
        self.server = None

    def info(self, token=None):
        return f"{token or self.token}:/ip4/127.0.0.1/tcp/{self.port}/http"

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def start(self):
        self.server = DroppingServer(("127.0.0.1", self.port), Handler)
        self.server.miner = self
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.server.drop_all()

    def calls(self, method, of=None):
        with self.moved:
            return [p for m, p in self.heard if m == method and (of is None or p[0] == of)]

    def wait_call(self, method, of=None, n=1, seconds=30):
        with self.moved:
            done = self.moved.wait_for(lambda: len([1 for m, p in self.heard if m == method and (of is None or p[0] == of)]) >= n, seconds)
        expect(done, f"the miner did not hear {method} of {of} {n} times: {[m for m, _ in self.heard][-40:]}")
        return self.calls(method, of)[n - 1]

    def returned(self, call_id, method, seconds=30):
        """Value and fault of a call's Return."""
        params = self.wait_call(method, call_id, seconds=seconds)
        return (params[1] if len(params) > 2 else None), params[-1]

    def answer(self, method, params):
        with self.moved:
            self.heard.append((method, params))
            self.moved.notify_all()
            keys = ([params[0].get("ID")] if method.startswith("Return") else []) + [method]
            fault = next((self.faults[k].pop(0) for k in keys if isinstance(k, str) and self.faults.get(k)), None)
        if fault:
            return fault()
        if method == "Version":
            return {"Version": "1.36.2", "APIVersion": self.version, "BlockDelay": 30, "Agent": "lotus"}
        if method == "AuthVerify":
            if params[0] not in self.tokens:
                raise Refused(f"JWT Verification of {params[0]} failed")
            return self.tokens[params[0]]
        if method == "StorageFindSector":
            urls = self.places.get((params[0]["Number"], params[1]), [])
            return [{"ID": str(uuid.uuid4()), "URLs": urls, "BaseURLs": [], "Weight": 10, "CanSeal": True, "CanStore": True, "Primary": True}] if urls else []
        return {"ActorAddress": "f01000", "ActorSectorSize": SECTOR, "Session": self.session, "StorageList": {}}.get(method)


class Refused(Exception):
    """Becomes an error of JSON-RPC."""


class Cut(Exception):
    """Becomes the end of the connection."""


def refuse(text):
    def fault():
        raise Refused(text)
    return fault


def cut():
    raise Cut


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def give(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **fields}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_POST(self):
        miner = self.server.miner
        call = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        answer = {"jsonrpc": "2.0", "id": call["id"]}
        if self.headers.get("Authorization") != f"Bearer {miner.token}":
            self.give(401)
            return
        try:
            answer["result"] = miner.answer(call["method"].split(".")[1], call["params"])
        except Refused as why:
            answer["error"] = {"code": 1, "message": str(why)}
        except Cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.give(200, json.dumps(answer).encode() + b"\n", Content_Type="application/json")

    def do_GET(self):
        miner = self.server.miner
        path = self.path.split("?")[0]
        with miner.moved:
            miner.asked.append((self.command, self.path, dict(self.headers)))
            miner.moved.notify_all()
        miner.files.get(path, lambda h: h.give(404))(self)

    do_DELETE = do_HEAD = do_GET


class Worker:
    """selkie worker run, for a `with`."""

    def __init__(self, folder, miner, name="w1", options=(), info=None):
        self.folder, self.miner, self.name, self.options = pathlib.Path(folder) / name, miner, name, options
        self.info = info or miner.info()
        self.port = free_port()
        self.out = pathlib.Path(folder) / f"{name}.log"
        self.process = None

    def start(self, connected=True):
        before = self.log().count("node.connected")
        with open(self.out, "ab") as log:
            self.process = subprocess.Popen([SELKIE, "worker", "run", "--worker-repo", str(self.folder), "--listen", f"127.0.0.1:{self.port}",
                                             "--name", self.name, "--development", *self.options],
                                            env={**os.environ, "MINER_API_INFO": self.info, "LOTUS_WORKER_IGNORE_RESOURCES": "1"},
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if connected:
            wait(lambda: self.log().count("node.connected") > before and self.lives(), "a worker to be connected", 60, self.log)
        return self

    def lives(self):
        expect(self.process.poll() is None, f"the worker ended: {self.log()[-2000:]}")
        return True

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def kill_and_start(self):
        self.kill()
        self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()

    def log(self):
        return self.out.read_text(errors="replace") if self.out.exists() else ""

    @property
    def own_token(self):
        return (self.folder / "token").read_text().strip()

    @property
    def secret(self):
        key = json.loads(next((self.folder / "keystore").iterdir()).read_text())
        return base64.b64decode(key["PrivateKey"])

    def anonymous_kib(self):
        """Memory of the process that is no file's."""
        return int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1])

    def raw(self, method, path, body=None, token=None, source="127.0.0.1", timeout=30, **fields):
        """Status, body and headers; token None: the worker's own, "" none. source: where the call comes from."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout, source_address=(source, 0))
        token = self.own_token if token is None else token
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **{k.replace("_", "-"): v for k, v in fields.items()}}
        try:
            connection.request(method, path, body, headers, encode_chunked=body is not None and "Transfer-Encoding" in headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def post(self, body, **how):
        """Status and JSON, if it is any."""
        status, text, _ = self.raw("POST", "/rpc/v0", body, **how)
        return status, json.loads(text) if text else None

    def call(self, method, *params, **how):
        name = method if "." in method else f"Filecoin.{method}"
        _, answer = self.post(json.dumps({"jsonrpc": "2.0", "id": 1, "method": name, "params": params}), **how)
        expect(answer and "error" not in answer, f"{method}: {answer}")
        return answer["result"]

    def fault(self, method, *params, **how):
        """Status and error of a call that must fail as such."""
        name = method if "." in method else f"Filecoin.{method}"
        status, answer = self.post(json.dumps({"jsonrpc": "2.0", "id": 1, "method": name, "params": params}), **how)
        expect(answer is None or "error" in answer, f"{method} {params} did not fail: {answer}")
        return status, answer and answer["error"]

    def add_zeros(self, number):
        return self.call("AddPiece", ref(number), None, 2032, {"Type": "null", "Info": "2032"})

    def add_from(self, number, url):
        return self.call("AddPiece", ref(number), None, 2032, {"Type": "http", "Info": url})

    def jobs(self):
        return self.call("Selkie.TaskProgress")


class Socket:
    """A WebSocket by hand: frames go out as they are given. source: RFC 6455"""

    def __init__(self, worker, token=None, query="", key="dGhlIHNhbXBsZSBub25jZQ=="):
        self.s = socket.create_connection(("127.0.0.1", worker.port), timeout=30)
        token = worker.own_token if token is None else token
        self.s.sendall((f"GET /rpc/v0{query} HTTP/1.1\r\nHost: w\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        f"Origin: http://elsewhere.example\r\nSec-WebSocket-Key: {key}\r\n"
                        + (f"Authorization: Bearer {token}\r\n" if token else "") + "\r\n").encode())
        self.head = b""
        while b"\r\n\r\n" not in self.head:
            got = self.s.recv(1)
            if not got:
                break
            self.head += got
        self.status = int(self.head.split()[1])

    def send(self, op, payload=b"", fin=True, masked=True, length=None):
        n = len(payload) if length is None else length
        head = bytes([(0x80 if fin else 0) | op])
        mask_bit = 0x80 if masked else 0
        head += bytes([mask_bit | n]) if n < 126 else bytes([mask_bit | 126]) + struct.pack(">H", n) if n < 65536 else bytes([mask_bit | 127]) + struct.pack(">Q", n)
        mask = b"\x11\x22\x33\x44" if masked else b""
        body = bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) if masked else payload
        self.s.sendall(head + mask + body)

    def exactly(self, n):
        out = b""
        while len(out) < n:
            got = self.s.recv(n - len(out))
            if not got:
                return None
            out += got
        return out

    def frame(self):
        """op and payload of the next that is no Ping; None at the end."""
        while head := self.exactly(2):
            n = head[1] & 127
            if n >= 126:
                n = int.from_bytes(self.exactly(2 if n == 126 else 8), "big")
            payload = self.exactly(n)
            if head[0] & 15 != 9:
                return head[0] & 15, payload
        return None

    def call(self, number, method, *params):
        self.send(1, json.dumps({"jsonrpc": "2.0", "id": number, "method": f"Filecoin.{method}", "params": params}).encode())

    def close(self):
        self.s.close()
