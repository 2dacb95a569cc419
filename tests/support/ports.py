# SPDX-License-Identifier: MIT OR Apache-2.0
"""Ports of this machine for servers of tests."""
import random
import socket


def free_port():
    """Below those the system gives to connections, so that none takes it before its server listens."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
