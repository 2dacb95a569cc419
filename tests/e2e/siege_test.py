# SPDX-License-Identifier: MIT OR Apache-2.0
"""A node under siege: thousands of connections that send nothing or a byte now and then, from many
addresses, coming back when they are cut. Whoever asks properly is answered quickly meanwhile, the node
stays small, and the slow are cut at their deadlines."""
import contextlib
import multiprocessing
import resource
import select
import socket
import ssl
import urllib.error

from farm import Farm
from support import *

BESIEGERS = 10000
SIEGE_SECONDS = 15
COMEBACKS_PER_S = 1000
TURNS_PER_S = 50  # a besieger's rounds
GOOD_PER_S = 40
P99_SECONDS = 0.1
RSS_MAX = 300 << 20
TLS_CONNECTIONS = 1000
TLS_RSS_MAX = 100 << 20
DEADLINE_SECONDS = 10
SLOW_OF_A_KIND = 100

# What a besieger sends at first, and then every second. All stop short of a whole request, but the
# last: it has its answer and keeps the connection.
KINDS = {
    "silent": (b"", b""),
    "header": (b"GET /health/livez HTTP/1.1\r\nHost: x\r\nX: ", b"a"),
    "body": (b"POST /remoteseal/delegated/v0/order HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", b" "),
    "idle": (b"GET /health/livez HTTP/1.1\r\nHost: x\r\n\r\n", b""),
}


class Node(Farm):
    """A provider alone; its chain does not answer."""

    def __init__(self, folder, **more):
        super().__init__(folder, size=None, chain_info="x:/ip4/127.0.0.1/tcp/1/http")
        self.more = more
        selkie("init", "--repo", self.repo("provider"))
        self.start("provider")

    @property
    def port(self):
        return self.ports["provider"]

    def memory(self, field="VmRSS"):
        text = pathlib.Path(f"/proc/{self.processes['provider'].pid}/status").read_text()
        return int(next(line for line in text.splitlines() if line.startswith(field)).split()[1]) << 10


def descriptors(wanted):
    """Raises this process's limit; how many of the wanted connections it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    possible = min(wanted, hard - 500)
    if possible < wanted:
        print(f"# {possible} connections instead of {wanted}: the limit on descriptors is {hard}")
    return possible


def address(i):
    return f"127.{1 + i // 64 // 250}.{1 + i // 64 % 250}.7"


def dial(port, i):
    """Begins a connection from one of many addresses, 64 connections each."""
    s = socket.socket()
    s.setblocking(False)
    s.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: ports are for each peer
    s.bind((address(i), 0))
    with contextlib.suppress(BlockingIOError):
        s.connect(("127.0.0.1", port))
    return s


class Besieger:
    """Holds `count` connections as long as it lives; those that are cut come back."""

    def __init__(self, port, count, report):
        self.port, self.count, self.report = port, count, report
        self.poll, self.open, self.opened, self.most = select.epoll(), {}, 0, 0

    def begin(self):
        s = dial(self.port, self.opened % self.count)
        kind = list(KINDS.values())[self.opened % len(KINDS)]
        self.opened += 1
        self.open[s.fileno()] = [s, kind, False]
        self.poll.register(s, select.EPOLLIN | select.EPOLLOUT)

    def drop(self, fd):
        self.open.pop(fd)[0].close()

    def heard(self, fd, events):
        s, kind, _ = self.open[fd]
        try:
            if events & (select.EPOLLERR | select.EPOLLHUP) or (events & select.EPOLLIN and not s.recv(4096)):
                return self.drop(fd)
            if events & select.EPOLLOUT:
                s.send(kind[0])
                self.open[fd][2] = True
                self.poll.modify(s, select.EPOLLIN)
        except OSError:
            self.drop(fd)

    def drip(self, turn):
        for fd in [fd for fd, (_, kind, sent) in self.open.items() if fd % TURNS_PER_S == turn and sent and kind[1]]:
            try:
                self.open[fd][0].send(self.open[fd][1][1])
            except OSError:
                self.drop(fd)

    def run(self):
        turn = 0
        while True:
            for _ in range(min(COMEBACKS_PER_S // TURNS_PER_S, self.count - len(self.open))):
                self.begin()
            until = time.monotonic() + 1 / TURNS_PER_S
            while (left := until - time.monotonic()) > 0:
                for fd, events in self.poll.poll(left):
                    self.heard(fd, events)
            turn = (turn + 1) % TURNS_PER_S
            self.drip(turn)
            self.most = max(self.most, len(self.open))
            self.report[0], self.report[1] = self.opened, self.most


@contextlib.contextmanager
def besieged(port, count):
    report = multiprocessing.Array("l", 2)
    process = multiprocessing.Process(target=lambda: Besieger(port, count, report).run(), daemon=True)
    process.start()
    try:
        yield report
    finally:
        process.kill()
        process.join()


def ask(port):
    """One proper request on a connection of its own; how long until all of the answer was there."""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
        s.sendall(b"GET /health/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := s.recv(4096):
            answer += part
    expect(answer.startswith(b"HTTP/1.1 200 "), f"the answer to a proper request: {answer[:200]!r}")
    return time.monotonic() - start


def ask_for(port, seconds):
    """Proper requests at a steady rate; how long each took, in order of their lengths."""
    times, begin = [], time.monotonic()
    while time.monotonic() < begin + seconds:
        times.append(ask(port))
        time.sleep(max(0, begin + len(times) / GOOD_PER_S - time.monotonic()))  # the rate, nothing is waited for
    return sorted(times)


def quick(times, what):
    p99 = times[len(times) * 99 // 100]
    print(f"# {what}: {len(times)} proper requests, median {1000 * times[len(times) // 2]:.1f} ms, p99 {1000 * p99:.1f} ms,"
          f" slowest {1000 * times[-1]:.1f} ms")
    expect(len(times) >= 200, f"{what}: only {len(times)} requests were answered")
    expect(p99 < P99_SECONDS, f"{what}: p99 {1000 * p99:.0f} ms")


def ten_thousand():
    count = descriptors(BESIEGERS)
    with Folder() as folder, Node(folder, SELKIE_HTTP_DELEGATETLS="true") as node, besieged(node.port, count) as report:
        node.wait(lambda: report[0] > count, 60, "the siege to be complete")
        quick(ask_for(node.port, SIEGE_SECONDS), "under siege")
        peak = node.memory("VmHWM")
        print(f"# {report[1]} connections at once, {report[0]} in all; the node took {peak >> 20} MiB at most")
        expect(peak < RSS_MAX, f"the node took {peak >> 20} MiB")


def begin_slow(port, poll):
    """Connections of every kind that does not get an answer; by descriptor: socket, kind, when it began."""
    slow = {}
    for i in range(SLOW_OF_A_KIND):
        for name in ("silent", "header", "body"):
            s = socket.create_connection(("127.0.0.1", port), source_address=(address(len(slow)), 0))
            s.sendall(KINDS[name][0])
            slow[s.fileno()] = (s, name, time.monotonic())
            poll.register(s, select.EPOLLIN)
    return slow


def all_cut(slow, poll):
    """Sends each its byte a second until all are cut; after how many seconds they were, by kind."""
    after, drip_at = {name: [] for name in KINDS}, time.monotonic() + 1
    while slow:
        for fd, _ in poll.poll(max(0, drip_at - time.monotonic())):
            s, name, began = slow.pop(fd)
            after[name].append(time.monotonic() - began)
            poll.unregister(fd)
            s.close()
        if time.monotonic() < drip_at:
            continue
        expect(all(time.monotonic() - began < 2 * DEADLINE_SECONDS for _, _, began in slow.values()), f"{len(slow)} are not cut")
        drip_at += 1
        for s, name, _ in slow.values():
            with contextlib.suppress(OSError):
                s.send(KINDS[name][1])
    return after


def cut_in_time():
    """With the deadlines of every node, and nobody else there: none has to make room."""
    descriptors(0)
    with Folder() as folder, Node(folder, SELKIE_HTTP_DELEGATETLS="true") as node:
        poll = select.epoll()
        for name, times in all_cut(begin_slow(node.port, poll), poll).items():
            if name == "idle":
                continue  # sixty seconds; the unit test has a shorter deadline
            print(f"# {name}: {len(times)} cut after {min(times):.2f} to {max(times):.2f} s")
            expect(len(times) == SLOW_OF_A_KIND, f"{name}: {len(times)} were cut")
            expect(DEADLINE_SECONDS - 0.1 <= min(times) and max(times) <= DEADLINE_SECONDS + 1, f"{name}: cut after {min(times)} to {max(times)} s")


def idle_over_tls():
    """Each has had an answer, so that it may stay for a minute."""
    descriptors(TLS_CONNECTIONS)
    with Folder() as folder, Node(folder) as node:
        context = ssl.create_default_context(cafile=str(node.repo("provider") / "tls.crt"))

        def connect(i):
            raw = socket.create_connection(("127.0.0.1", node.port), timeout=30, source_address=(address(i), 0))
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s = context.wrap_socket(raw, server_hostname="127.0.0.1")
            s.sendall(KINDS["idle"][0])
            expect(s.recv(4096).startswith(b"HTTP/1.1 200 "), "an answer")
            return s

        connect(0).close()
        before = node.memory()
        held = [connect(i) for i in range(TLS_CONNECTIONS)]
        grown = node.memory() - before
        print(f"# {len(held)} idle TLS connections take {grown >> 20} MiB, {grown // len(held) >> 10} KiB each")
        threads = len(list(pathlib.Path(f"/proc/{node.processes['provider'].pid}/task").iterdir()))
        expect(threads > TLS_CONNECTIONS, f"all are held: {threads} threads")
        expect(grown < TLS_RSS_MAX, f"{grown >> 20} MiB")
        for s in held:
            s.close()


def guess(node, who, path, token, body=None):
    """Status and Retry-After of one call with a token, from the address `who` behind a proxy."""
    request = urllib.request.Request(f"http://127.0.0.1:{node.port}{path}", data=body, headers={
        "X-Forwarded-For": who, "Content-Type": "application/json", "Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, None
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers["Retry-After"]


def guesses():
    """Twenty wrong tokens a minute of one address, wherever it tries them; a right one passes."""
    with Folder() as folder, Node(folder, SELKIE_HTTP_DELEGATETLS="true") as node:
        partner = node.on("provider", "partner", "add", "one", "--url", "https://127.0.0.1:9")["token"]
        sector = b'{"sp_id":1000,"sector_number":1}'
        places = [("/remoteseal/delegated/v0/status", sector), ("/metrics", None), ("/remoteseal/delegated/v0/sealed-data/1000/1", None)]
        answers = [guess(node, "203.0.113.9", *(lambda p: (p[0], f"{i:064x}", p[1]))(places[i % 3])) for i in range(30)]
        wrong = [status for status, _ in answers]
        expect(wrong[:20] == [401] * 20 and set(wrong[22:]) == {429}, f"guesses of one address: {answers}")
        expect(all(again and 1 <= int(again) <= 4 for status, again in answers if status == 429), f"how long to wait: {answers}")
        equal(guess(node, "203.0.113.9", *places[0][:1], partner, sector), (200, None), "the right token from there")
        equal(guess(node, "203.0.113.10", places[1][0], "0" * 64)[0], 401, "the first guess of another address")


def descriptors_are_raised():
    """Whatever the shell allows, a node takes all that it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with Folder() as folder, Node(folder) as node:
            equal(resource.prlimit(node.processes["provider"].pid, resource.RLIMIT_NOFILE), (hard, hard), "the node's limit")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


if __name__ == "__main__":
    run_cases([("descriptors-are-raised", descriptors_are_raised), ("the-slow-are-cut-in-time", cut_in_time),
               ("guesses", guesses), ("ten-thousand", ten_thousand), ("idle-over-tls", idle_over_tls)])
