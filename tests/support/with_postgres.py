#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs a command with a private PostgreSQL server: with_postgres.py COMMAND ARGUMENT...

The server lies in a folder of its own (in memory where possible), listens on a socket there and on
127.0.0.1 at a free port, trusts everybody on this machine, does not sync (tests do not survive a
power cut), and is gone when the command ends. SELKIE_TEST_DATABASE holds its URL."""
import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile

from ports import free_port

SETTINGS = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300", "shared_buffers=16MB",
            "autovacuum=off", "max_wal_size=64MB", "jit=off", "log_min_messages=fatal"]


def programs():
    """The folder of initdb and postgres: Debian keeps them out of PATH."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(pathlib.Path(p).parent.name))
    if found:
        return pathlib.Path(found[-1])
    where = shutil.which("initdb")
    if not where:
        sys.exit("PostgreSQL is not installed (Debian package postgresql)")
    return pathlib.Path(where).parent


class Server:
    """A PostgreSQL server on 127.0.0.1; url, port, restart() and stop()."""

    def __init__(self, folder=None, port=None, settings=()):
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="slk-pg-", dir=base))
        self.bin = programs()
        # Not as root, which PostgreSQL refuses.
        self.user = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.run(self.bin / "initdb", "-D", self.folder / "data", "-A", "trust", "-U", "selkie", "-N", "-E", "UTF8", "--no-locale")
        self.port = port or free_port()
        self.settings = [*SETTINGS, *settings]
        self.url = f"postgresql://selkie@127.0.0.1:{self.port}/postgres?sslmode=disable"
        # By the socket, which costs less than the way through the network.
        self.near_url = f"postgresql://selkie@/postgres?host={self.folder}&port={self.port}"
        self.start()

    def as_user(self):
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}

    def run(self, *command):
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              cwd=self.folder, check=False, **self.as_user())
        if done.returncode:
            sys.exit(f"{command[0]}: {done.stdout.decode(errors='replace')}")

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 " + " ".join(f"-c {s}" for s in self.settings)
        self.run(self.bin / "pg_ctl", "-D", self.folder / "data", "-w", "-t", "60", "-l", self.folder / "log", "-o", options, "start")

    def pid(self):
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def halt(self):
        self.run(self.bin / "pg_ctl", "-D", self.folder / "data", "-w", "-m", "immediate", "stop")

    def sql(self, text, database="postgres"):
        """Rows of one statement, as lists of text."""
        done = subprocess.run([str(self.bin / "psql"), "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
                               str(self.port), "-U", "selkie", "-d", database, "-c", text], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def database(self, name):
        """Makes a database; returns its URL."""
        self.sql(f'CREATE DATABASE "{name}"')
        return f"postgresql://selkie@127.0.0.1:{self.port}/{name}?sslmode=disable"

    def stop(self):
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server = Server()
    try:
        return subprocess.run(sys.argv[1:], check=False, env={**os.environ, "SELKIE_TEST_DATABASE": server.near_url,
                                                              "SELKIE_TEST_DATABASE_PID": str(server.pid())}).returncode
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
