# SPDX-License-Identifier: MIT OR Apache-2.0
"""Curio's own code as the other side: ../shared/curio-peer with the PostgreSQL it needs."""
import http.client
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile

from farm import free_port
from support import SHARED, Failed, expect, json

PEER = SHARED / "curio-peer" / "curio-peer.zst"
BASE = "/remoteseal/delegated/v0/"


def postgres_binaries():
    return sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def missing():
    """Why this cannot run here; empty when it can."""
    if not PEER.exists():
        return "../shared/curio-peer is not here"
    if not postgres_binaries():
        return "Debian's postgresql is not installed"
    return "" if shutil.which("zstd") else "zstd is not installed"


class Postgres:
    """A server of its own on loopback; it refuses to run as root, so it then runs as its own user."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="selkie-pg-"))
        self.folder.chmod(0o755)
        self.data, self.sockets, self.port = self.folder / "data", self.folder / "sockets", free_port()
        self.binaries = postgres_binaries()[-1].parent
        self.sockets.mkdir()
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        if self.user:
            shutil.chown(self.folder, "postgres", "postgres")
            shutil.chown(self.sockets, "postgres", "postgres")
        self.command("initdb", "-D", self.data, "-A", "trust", "-U", "yugabyte", "--no-sync")
        self.command("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "-o",
                     f"-p {self.port} -k {self.sockets} -c listen_addresses=127.0.0.1 -c fsync=off", "start")
        self.sql("create database yugabyte", database="postgres")
        return self

    def __exit__(self, *_):
        subprocess.run([*self.user, self.binaries / "pg_ctl", "-D", self.data, "-m", "immediate", "stop"], capture_output=True, cwd="/")
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, name, *arguments):
        done = subprocess.run([*self.user, self.binaries / name, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, text=True, timeout=120, cwd="/")
        expect(done.returncode == 0, f"{name}: {done.stdout[-800:]}")

    def sql(self, text, database="yugabyte"):
        done = subprocess.run([self.binaries / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "yugabyte", "-d", database, "-qAtc", text],
                              capture_output=True, text=True, timeout=60)
        expect(done.returncode == 0, f"psql: {done.stderr[-400:]}")
        return done.stdout.strip()


def unpack(folder):
    binary = folder / "curio-peer"
    if not binary.exists():
        subprocess.run(["zstd", "-dq", PEER, "-o", binary], check=True)
        binary.chmod(0o755)
    return binary


class Answer:
    """One HTTP answer; `broken` when the peer closed the connection instead."""

    def __init__(self, status, body, headers):
        self.status, self.body, self.headers = status, body, headers

    broken = property(lambda self: self.status == 0)

    def __repr__(self):
        return f"{self.status} {self.body[:160]!r}"


class Caller:
    """Calls the endpoints below one base URL."""

    def __init__(self, port, certificate=None):
        self.port, self.context = port, ssl.create_default_context(cafile=certificate) if certificate else None

    def __call__(self, method, path, body=None, content_type="application/json", headers=()):
        connection = (http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=self.context) if self.context
                      else http.client.HTTPConnection("127.0.0.1", self.port, timeout=60))
        sent = dict(headers)
        if body is not None and content_type:
            sent["Content-Type"] = content_type
        try:
            connection.request(method, BASE + path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()})
        except http.client.RemoteDisconnected:
            return Answer(0, b"", {})
        finally:
            connection.close()

    def post(self, path, message, **options):
        return self("POST", path, json.dumps(message), **options)


class Handlers:
    """Curio's own handlers: orders are taken and stay pending."""

    def __init__(self, folder, postgres, token):
        self.binary, self.postgres, self.token, self.port = unpack(folder), postgres, token, free_port()
        self.log = folder / "curio-handlers.log"

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.binary, "-pg", str(self.postgres.port), "-serve", "-partner", self.token, "-listen",
                                             f"127.0.0.1:{self.port}"], stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()  # it says when it listens
        if "listening" not in line:
            raise Failed(f"Curio's handlers do not start: {line} {self.log.read_text()[-800:]}")
        self.call = Caller(self.port)
        self.schema = self.postgres.sql("select schemaname from pg_tables where tablename = 'rseal_delegated_partners' order by schemaname").split()[-1]
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def sql(self, text):
        """SQL on Curio's tables; @ stands for its schema."""
        return self.postgres.sql(text.replace("@", self.schema + "."))

    def add_partner(self, token, allowance, name):
        self.sql("insert into @rseal_delegated_partners (partner_token, allowance_remaining, allowance_total, partner_name, partner_url) "
                 f"values ('{token}', {allowance}, {allowance}, '{name}', '')")
