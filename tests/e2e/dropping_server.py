# SPDX-License-Identifier: MIT OR Apache-2.0
"""An HTTP server whose open connections can be cut all at once."""
import contextlib
import http.server
import socket


class DroppingServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments):
        self.open = set()
        super().__init__(*arguments)

    def process_request(self, request, address):
        self.open.add(request)
        super().process_request(request, address)

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_):
        pass  # whoever is killed leaves broken connections

    def drop_all(self):
        for request in list(self.open):
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
