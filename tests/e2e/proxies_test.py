# SPDX-License-Identifier: MIT OR Apache-2.0
"""A node behind nginx, HAProxy and Caddy, each a real process: requests that two parsers in a row could
read differently. However a proxy reads such a request, what it passes on is as many requests to us as to
it, and the next one to use its connection gets its own answer.

A tap between proxy and node sees all bytes. The proxy marks every request it passes on with a header
nobody else knows, so the marks are the requests as the proxy counts them; our answers are the requests
as we do."""
import contextlib
import re
import secrets
import shutil
import socket
import threading

from farm import free_port
from siege_test import Node
from support import *

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
SIZE = b"%d" % len(SMUGGLED)
POST = b"POST /remoteseal/delegated/v0/order HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /health/livez HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n" + SMUGGLED
ANSWER_SECONDS = 0.4  # silence after which no further answer is expected

CASES = {
    "length and coding": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
    "coding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + END,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: " + SIZE + b"\r\n\r\n" + SMUGGLED,
    "two lengths, the larger first": POST + b"Content-Length: " + SIZE + b"\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
    "equal lengths": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" + SMUGGLED,
    "list of lengths": POST + b"Content-Length: 3, 3\r\n\r\nabc" + SMUGGLED,
    "signed length": POST + b"Content-Length: +3\r\n\r\nabc" + SMUGGLED,
    "negative length": POST + b"Content-Length: -3\r\n\r\nabc" + SMUGGLED,
    "hex length": POST + b"Content-Length: 0x3\r\n\r\nabc" + SMUGGLED,
    "empty length": POST + b"Content-Length: \r\n\r\n" + SMUGGLED,
    "length with words": POST + b"Content-Length: 3 x\r\n\r\nabc" + SMUGGLED,
    "length with an underscore": POST + b"Content_Length: " + SIZE + b"\r\n\r\n" + SMUGGLED,
    "length past 2^64": POST + b"Content-Length: 18446744073709551619\r\n\r\nabc" + SMUGGLED,
    "length with zeros": POST + b"Content-Length: 00000000000000000000003\r\n\r\nabc" + SMUGGLED,
    "unknown coding": POST + b"Transfer-Encoding: gzip\r\n\r\n" + SMUGGLED,
    "identity": POST + b"Transfer-Encoding: identity\r\nContent-Length: " + SIZE + b"\r\n\r\n" + SMUGGLED,
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
    "chunked not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + END,
    "chunked in a list": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + END,
    "almost chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + END,
    "chunked behind a control": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + END,
    "chunked in quotes": POST + b"Transfer-Encoding: \"chunked\"\r\n\r\n" + END,
    "chunked in 1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + END,
    "blank before the colon": POST + b"Content-Length : " + SIZE + b"\r\n\r\n" + SMUGGLED,
    "blank before the coding's colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + END,
    "blank before the name": POST + b" Transfer-Encoding: chunked\r\n\r\n" + END,
    "folded coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + END,
    "folded value": POST + b"X: a\r\n Content-Length: " + SIZE + b"\r\n\r\n" + SMUGGLED,
    "blank in a name": GET + b"X Y: 1\r\n\r\n" + SMUGGLED,
    "no colon": GET + b"nonsense\r\n\r\n" + SMUGGLED,
    "empty name": GET + b": x\r\n\r\n" + SMUGGLED,
    "no host": GET.replace(b"Host: x\r\n", b"") + b"\r\n" + SMUGGLED,
    "two hosts": GET + b"Host: y\r\n\r\n" + SMUGGLED,
    "host with a blank": GET.replace(b"Host: x", b"Host: a b") + b"\r\n" + SMUGGLED,
    "NUL in a value": POST + b"X: a\0\r\nContent-Length: " + SIZE + b"\r\n\r\n" + SMUGGLED,
    "NUL in a name": GET + b"X\0Y: b\r\n\r\n" + SMUGGLED,
    "NUL in the target": GET.replace(b"livez", b"livez\0x") + b"\r\n" + SMUGGLED,
    "control in the target": GET.replace(b"livez", b"\x01livez") + b"\r\n" + SMUGGLED,
    "bare CR": POST + b"X: a\rContent-Length: " + SIZE + b"\r\n\r\n" + SMUGGLED,
    "bare CR as a line": POST + b"X: a\r\rContent-Length: " + SIZE + b"\r\n\r\n" + SMUGGLED,
    "bare LF": (GET + b"\r\n").replace(b"\r", b"") + SMUGGLED,
    "bare LF in the header": POST + b"X: a\nContent-Length: " + SIZE + b"\r\n\r\n" + SMUGGLED,
    "bad chunk size": CHUNKED + b"zz\r\nabc\r\n" + END,
    "huge chunk size": CHUNKED + b"ffffffffffffffffff\r\nabc\r\n" + END,
    "chunk size past 2^64": CHUNKED + b"10000000000000003\r\nabc\r\n" + END,
    "negative chunk size": CHUNKED + b"-3\r\nabc\r\n" + END,
    "signed chunk size": CHUNKED + b"+3\r\nabc\r\n" + END,
    "chunk size with a prefix": CHUNKED + b"0x3\r\nabc\r\n" + END,
    "chunk size and a blank": CHUNKED + b"3 \r\nabc\r\n" + END,
    "empty chunk size": CHUNKED + b"\r\nabc\r\n" + END,
    "chunk extension": CHUNKED + b"3;a=b\r\nabc\r\n" + END,
    "chunk extension ended by LF": CHUNKED + b"3;a\nabc\r\n" + END,
    "chunk size ended by LF": CHUNKED + b"3\nabc\n0\n\n" + SMUGGLED,
    "chunk longer than its size": CHUNKED + b"3\r\nabcd\r\n" + END,
    "chunk without an end": CHUNKED + b"3\r\nabc" + END,
    "chunk with another end": CHUNKED + b"3\r\nabcXX" + END,
    "length in the trailer": CHUNKED + b"0\r\nContent-Length: " + SIZE + b"\r\n\r\n" + SMUGGLED,
    "nonsense in the trailer": CHUNKED + b"0\r\nnonsense\r\n\r\n" + SMUGGLED,
    "GET with a body": GET + b"Content-Length: " + SIZE + b"\r\n\r\n" + SMUGGLED,
    "length named in Connection": POST + b"Connection: Content-Length\r\nContent-Length: " + SIZE + b"\r\n\r\n" + SMUGGLED,
    "upgrade": GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n" + SMUGGLED,
    "expect, and the body at once": POST + b"Expect: 100-continue\r\nContent-Length: " + SIZE + b"\r\n\r\n" + SMUGGLED,
    "HTTP 0.9": b"GET /health/livez\r\n\r\n" + SMUGGLED,
    "HTTP 1.2": GET.replace(b"1.1", b"1.2") + b"\r\n" + SMUGGLED,
    "HTTP 2.0": GET.replace(b"1.1", b"2.0") + b"\r\n" + SMUGGLED,
    "version in small letters": GET.replace(b"HTTP/", b"http/") + b"\r\n" + SMUGGLED,
    "two blanks in the request line": GET.replace(b"GET ", b"GET  ") + b"\r\n" + SMUGGLED,
    "tabs in the request line": GET.replace(b"GET /health/livez ", b"GET\t/health/livez\t") + b"\r\n" + SMUGGLED,
    "blank in the target": GET.replace(b"livez", b"livez x") + b"\r\n" + SMUGGLED,
    "another host in the target": GET.replace(b"/health", b"http://y/health") + b"\r\n" + SMUGGLED,
    "two proper requests": GET + b"\r\n" + SMUGGLED,
}


class Tap:
    """Passes connections on to the node and keeps what went through: per connection what the proxy sent,
    what the node answered, and whether the node has closed."""

    def __init__(self, port):
        self.target, self.wires = port, []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                proxy, _ = self.listener.accept()
            except OSError:
                return
            node = socket.create_connection(("127.0.0.1", self.target))
            wire = {"asked": b"", "answered": b"", "node_closed": False}
            self.wires.append(wire)
            threading.Thread(target=self.carry, args=(wire, "asked", proxy, node), daemon=True).start()
            threading.Thread(target=self.carry, args=(wire, "answered", node, proxy), daemon=True).start()

    @staticmethod
    def carry(wire, name, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                wire[name] += data
                target.sendall(data)
        wire["node_closed"] |= name == "answered"
        for s in (source, target):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)


def answers(stream):
    """The final answers in what a node sent. Our library sends the header of its own refusals twice; the
    connection ends with them."""
    found = []
    while match := re.match(rb"HTTP/1\.1 (\d\d\d) .*?\r\n\r\n", stream, re.S):
        length = re.search(rb"\r\nContent-Length: (\d+)\r\n", match[0], re.I)
        if int(match[1]) >= 200:
            found.append(int(match[1]))
        stream = stream[match.end() + (int(length[1]) if length else 0):]
    return found


def talk(port, text):
    """What comes back until the other side closes or is silent."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(text)
        with contextlib.suppress(OSError):
            s.settimeout(10)
            while data := s.recv(1 << 16):
                got += data
                s.settimeout(ANSWER_SECONDS)
    return got


class Proxy:
    """One of the proxies in front of a tap. mark: what it adds to each request it passes on."""

    def __init__(self, folder, name, target):
        self.port, self.mark, self.folder = free_port(), secrets.token_hex(16), folder / name
        self.folder.mkdir()
        config = self.folder / "config"
        config.write_text(getattr(self, f"{name}_config")(target))
        command = {"nginx": ["nginx", "-p", str(self.folder), "-c", str(config), "-e", str(self.folder / "error.log")],
                   "haproxy": ["haproxy", "-db", "-f", str(config)],
                   "caddy": ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]}[name]
        self.log = open(self.folder / "log", "wb")
        environment = {**os.environ, "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment)

    def nginx_config(self, target):
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""daemon off; master_process off; pid {self.folder}/pid; events {{}}
http {{ access_log off; {temporary} upstream node {{ server 127.0.0.1:{target}; keepalive 8; }}
server {{ listen 127.0.0.1:{self.port}; location / {{ proxy_pass http://node; proxy_http_version 1.1; proxy_request_buffering off;
proxy_set_header Connection ""; proxy_set_header X-Mark {self.mark}; }} }} }}"""

    def haproxy_config(self, target):
        return f"""defaults
    mode http
    timeout connect 10s
    timeout client 10s
    timeout server 10s
listen front
    bind 127.0.0.1:{self.port}
    http-reuse always
    http-request set-header X-Mark {self.mark}
    server node 127.0.0.1:{target}
"""

    def caddy_config(self, target):
        return f"""{{
    admin off
    auto_https off
}}
http://:{self.port} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{target} {{
        header_up X-Mark {self.mark}
    }}
}}
"""

    def __enter__(self):
        until = time.monotonic() + 30
        while True:
            expect(self.process.poll() is None and time.monotonic() < until, f"no proxy: {(self.folder / 'log').read_text()[-600:]}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return self
            time.sleep(0.05)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def counted(wire, mark):
    return wire["asked"].count(mark.encode()), len(answers(wire["answered"]))


def agree(wire, mark):
    """As many answers as requests; fewer only where we have ended the connection."""
    asked, answered = counted(wire, mark)
    return asked == answered or (asked > answered and wire["node_closed"])


def in_front(name):
    with Folder() as folder, Node(folder, SELKIE_HTTP_DELEGATETLS="true") as node:
        tap = Tap(node.port)
        passed = refused = 0
        with Proxy(folder, name, tap.port) as proxy:
            for what, text in CASES.items():
                before = sum(counted(w, proxy.mark)[0] for w in tap.wires)
                got = talk(proxy.port, text)
                asked = sum(counted(w, proxy.mark)[0] for w in tap.wires) - before
                for _ in range(2):  # whoever comes next
                    next_one = talk(proxy.port, GET + b"Connection: close\r\n\r\n")
                    expect(next_one.startswith(b"HTTP/1.1 200") and b"smuggled" not in next_one,
                           f"{what}: the next one gets {next_one[:300]!r}")
                node.wait(lambda: all(agree(w, proxy.mark) for w in tap.wires), 5,
                          f"{what}: as many answers as requests: {[counted(w, proxy.mark) for w in tap.wires]}")
                passed, refused = passed + (asked > 0), refused + (asked == 0)
                if os.environ.get("SELKIE_TEST_VERBOSE"):
                    print(f"#   {what}: {asked} passed on, the peer sees {answers(got)}")
            expect(passed > 5, f"{name} passes something on")
        print(f"# {name}: of {len(CASES)} it refuses {refused}; we and it count the same in all of them")
        tap.listener.close()


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin"
    cases = [("behind-nginx", "nginx"), ("behind-haproxy", "haproxy"), ("behind-caddy", "caddy")]
    for case, missing in [c for c in cases if not shutil.which(c[1])]:
        print(f"# skip {case}: {missing} is not installed")
    run_cases([(case, lambda name=name: in_front(name)) for case, name in cases if shutil.which(name)])
