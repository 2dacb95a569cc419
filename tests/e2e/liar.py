# SPDX-License-Identifier: MIT OR Apache-2.0
"""A provider that lies: an HTTPS server in front of a real one that changes what it was told to."""
import http.server
import ssl
import threading
import urllib.error
import urllib.request


class Liar:
    """change(path, status, headers, body) -> (status, headers, body); headers is a plain dict."""

    def __init__(self, certificate, key, real_url, change):
        self.real_url, self.change = real_url, change
        self.trust = ssl.create_default_context(cafile=certificate)
        liar = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, body = liar.forward(self.command, self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def forward(self, method, path, headers, body):
        passed = {k: v for k, v in headers.items() if k.lower() not in ("host", "content-length", "connection", "accept-encoding")}
        request = urllib.request.Request(self.real_url + path, method=method, data=body if method == "POST" else None, headers=passed)
        try:
            with urllib.request.urlopen(request, context=self.trust, timeout=60) as answer:
                status, got, data = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as refusal:
            status, got, data = refusal.code, refusal.headers, refusal.read()
        kept = {k: v for k, v in got.items() if k.lower() in ("content-type", "content-range", "etag", "accept-ranges")}
        return self.change(path, status, kept, data)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
