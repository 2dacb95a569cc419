# SPDX-License-Identifier: MIT OR Apache-2.0
"""Input that is huge, deep or odd, sent to a node sixteen times at once: refused, the connection closed
where more would come, and little memory taken for each."""
import concurrent.futures
import contextlib
import socket
import sqlite3

from siege_test import Node
from support import *

AT_ONCE = 16
MEMORY_EACH = 1 << 20
GIB = 1 << 30
MIB = 1 << 20
ORDER = "POST /remoteseal/delegated/v0/order HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
GET = "GET /health/livez HTTP/1.1\r\nHost: x\r\n"


def order(token, fields):
    body = b'{"partner_token":"' + token.encode() + b'","slot_token":"",' + fields + b"}"
    return f"{ORDER}Content-Length: {len(body)}\r\n\r\n".encode() + body


def post(body):
    return f"{ORDER}Content-Length: {len(body)}\r\n\r\n".encode() + body


def endless(head, piece):
    """The head, then a GiB in pieces, as long as anybody listens."""
    yield head.encode()
    for _ in range(GIB // len(piece)):
        yield piece


def read_answer(s):
    """Status of one answer, read to its end; 0: none comes."""
    got = b""
    while (data := s.recv(1 << 16)):
        got += data
        head, end, body = got.partition(b"\r\n\r\n")
        length = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if end and length and len(body) >= int(length[0]):
            break
    return int(got.split(b" ")[1]) if got.startswith(b"HTTP/1.1 ") else 0


def send(port, pieces):
    """Sends them one by one; the status of the answer (0: none), how many bytes went out, and whether the
    connection is closed: then another request on it gets no answer."""
    sent = status = 0
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                s.sendall(piece)
                sent += len(piece)
        with contextlib.suppress(ConnectionError):
            status = read_answer(s)
            s.sendall((GET + "\r\n").encode())
            return status, sent, read_answer(s) != 200
    return status, sent, True


# name: what is sent, which statuses fit (0: closed without a word), whether the connection must end.
def huge():
    chunk = b"%x\r\n" % MIB + b"[" * MIB + b"\r\n"
    return {
        "a GiB announced": (lambda: endless(f"{ORDER}Content-Length: {GIB}\r\n\r\n", b"[" * MIB), {413, 0}, True),
        "a GiB in chunks": (lambda: endless(f"{ORDER}Transfer-Encoding: chunked\r\n\r\n", chunk), {413, 0}, True),
        "a GiB of one field": (lambda: endless(f"{GET}X: ", b"a" * MIB), {400, 413, 431, 0}, True),
        "a GiB of fields": (lambda: endless(GET, b"X: a\r\n" * 100000), {400, 413, 431, 0}, True),
        "a GiB of target": (lambda: endless("GET /", b"a" * MIB), {400, 414, 0}, True),
        "a GiB of one chunk's size": (lambda: endless(f"{ORDER}Transfer-Encoding: chunked\r\n\r\n", b"0" * MIB), {400, 413, 500, 0}, True),  # 500 is our library's
        "ten thousand fields": (lambda: [(GET + "".join(f"X-{i}: y\r\n" for i in range(10000)) + "\r\n").encode()], {431, 0}, True),
        "sixty-five fields": (lambda: [(GET + "".join(f"X-{i}: y\r\n" for i in range(65)) + "\r\n").encode()], {431}, True),
        "a range of ten thousand parts": (lambda: [(GET + "Range: bytes=" + ",".join(f"{i}-{i}" for i in range(10000)) + "\r\n\r\n").encode()], {431, 0}, True),
        "a hundred thousand deep": (lambda: [post(b"[" * 100000 + b"]" * 100000)], {413}, True),
        "as deep as the size allows": (lambda: [post(b"[" * 32768 + b"]" * 32768)], {400}, False),
        "as deep, never closed": (lambda: [post(b'{"a":' * 13000)], {400}, False),
        "a number of 60 000 digits": (lambda: [post(b'{"sp_id":' + b"9" * 60000 + b"}")], {400}, False),
        "thirty thousand numbers": (lambda: [post(b"[" + b"0," * 30000 + b"0]")], {400}, False),
        "twenty thousand objects": (lambda: [post(b"[" + b"{}," * 20000 + b"{}]")], {400}, False),
        "twenty thousand lists": (lambda: [post(b"[" + b"[]," * 20000 + b"[]]")], {400}, False),
    }


def memory_is_bounded():
    with Folder() as folder, Node(folder, SELKIE_HTTP_DELEGATETLS="true") as node:
        for name, (make, statuses, must_close) in huge().items():
            send(node.port, make())  # what is made once is not counted
            pathlib.Path(f"/proc/{node.processes['provider'].pid}/clear_refs").write_text("5")  # the peak begins anew
            before = node.memory("VmHWM")
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                answers = list(pool.map(lambda _: send(node.port, make()), range(AT_ONCE)))
            grown = node.memory("VmHWM") - before
            print(f"# {name}: {sorted({a[0] for a in answers})}, {max(a[1] for a in answers) >> 10} KiB sent at most,"
                  f" {grown // AT_ONCE >> 10} KiB of memory each")
            expect({a[0] for a in answers} <= statuses, f"{name}: {answers}")
            expect(all(a[2] for a in answers) or not must_close, f"{name}: a connection stays open: {answers}")
            expect(max(a[1] for a in answers) < 64 * MIB, f"{name}: the node takes it all: {answers}")
            expect(grown <= AT_ONCE * MEMORY_EACH, f"{name}: {grown >> 10} KiB for {AT_ONCE}")


GOOD = b'"sp_id":1000,"sector_number":7,"reg_seal_proof":5'
ODD = {
    "a key twice": b'"sp_id":1000,' + GOOD,
    "the token twice": b'"partner_token":"x",' + GOOD,
    "an escaped key twice": b'"sp_\\u0069d":1000,' + GOOD,
    "a broken letter": GOOD + b',"x":"\xc3("',
    "a letter too long": GOOD + b',"x":"\xc0\xaf"',
    "a letter cut": GOOD + b',"x":"\xe2\x82"',
    "half a pair": GOOD + b',"x":"\xed\xa0\x80"',
    "half a pair, escaped": GOOD + b',"x":"\\ud800"',
    "a letter past the last": GOOD + b',"x":"\xf4\x90\x80\x80"',
    "a NUL": GOOD + b',"x":"\0"',
    "an escaped NUL": GOOD + b',"x\\u0000":1',
    "a control": GOOD + b',"x":"\x01"',
    "a mark of byte order": b'\xef\xbb\xbf' + GOOD,
    "a comma too many": GOOD + b",",
    "a comment": GOOD + b"/* x */",
    "a single quote": GOOD + b",'x':1",
    "a number with a plus": GOOD.replace(b"7", b"+7"),
    "a number with a zero": GOOD.replace(b"7", b"07"),
    "a number in hex": GOOD.replace(b"7", b"0x7"),
    "no number": GOOD.replace(b"7", b"NaN"),
    "infinity": GOOD.replace(b"7", b"1e999"),
    "past int64": GOOD.replace(b"7", b"9223372036854775808"),
    "past int64 below": GOOD.replace(b"7", b"-9223372036854775809"),
    "the least int64": GOOD.replace(b"7", b"-9223372036854775808"),
    "past uint64": GOOD.replace(b"7", b"18446744073709551616"),
    "a fraction": GOOD.replace(b"7", b"7.5"),
    "a text": GOOD.replace(b"7", b'"7"'),
}


def odd_messages():
    with Folder() as folder, Node(folder, SELKIE_HTTP_DELEGATETLS="true") as node:
        token = node.on("provider", "partner", "add", "one", "--url", "https://127.0.0.1:9", "--miners", "f01000:9", "--allowance", 9)["token"]
        for name, fields in ODD.items():
            status, _, _ = send(node.port, [order(token, fields)])
            expect(status == 400, f"{name}: {status}")
        with sqlite3.connect(f"file:{node.repo('provider')}/selkie.db?mode=ro", uri=True) as db:
            equal(db.execute("SELECT count(*) FROM rseal_provider_pipeline").fetchone(), (0,), "rows after all of them")
        status, _, _ = send(node.port, [order(token, GOOD.replace(b"7", b"9223372036854775807"))])
        equal(status, 200, "the largest number there is")
        status, _, _ = send(node.port, [order(token, GOOD)])
        equal(status, 200, "a proper order")


if __name__ == "__main__":
    run_cases([("memory-is-bounded", memory_is_bounded), ("odd-messages", odd_messages)])
