# SPDX-License-Identifier: MIT OR Apache-2.0
"""A connection of two processes that lets a number of bytes pass and then holds all."""
import contextlib
import socket
import threading


class Valve:
    """In front of a port of this machine. What comes from there is counted, and passes while it is allowed."""

    def __init__(self, target):
        self.target, self.passed, self.allowed = target, 0, None  # None: all
        self.changed = threading.Condition()
        self.held = False  # something waits for more to be allowed
        self.sockets = set()
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):  # the door is closed
            while True:
                near, _ = self.door.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                with self.changed:
                    self.sockets |= {near, far}
                for pair in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def carry(self, source, target, counted):
        with contextlib.suppress(OSError):  # either side ends as it likes
            while data := source.recv(65536):
                while data:
                    part = self.take(source, len(data)) if counted else len(data)
                    target.sendall(data[:part])
                    data = data[part:]
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def take(self, source, wanted):
        """How many of so many bytes may pass; waits for at least one."""
        with self.changed:
            while self.allowed is not None and self.allowed <= self.passed:
                self.held = True
                self.changed.wait()
                if source not in self.sockets:
                    raise OSError("cut")
            part = wanted if self.allowed is None else min(wanted, self.allowed - self.passed)
            self.passed += part
            return part

    def allow(self, more):
        """So many bytes from now on, None: all; what was held before is cut off."""
        with self.changed:
            self.allowed = None if more is None else self.passed + more
            self.held = False
            for end in self.sockets:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self.sockets = set()
            self.changed.notify_all()

    def close(self):
        self.door.close()
        self.allow(0)
