#!/usr/bin/env python3
"""A small HTTP server for the demos: it says which worker answered.

GET /            hello from web.1
GET /?ms=200     the same, after 200 ms
GET /?cpu=20     the same, after 20 ms of work
POST             the same; a proxy does not ask anybody else when this one fails
"""

import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

WORKER = socket.gethostname()


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep connections, as real servers do
    timeout = 75  # an idle connection outlives the proxy's own limit
    disable_nagle_algorithm = True

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        time.sleep(float(query.get("ms", ["0"])[0]) / 1000)
        work_until = time.thread_time() + float(query.get("cpu", ["0"])[0]) / 1000
        while time.thread_time() < work_until:
            pass
        body = f"hello from {WORKER}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Worker", WORKER)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.do_GET()

    def log_request(self, code="-", size="-"):
        if urlsplit(self.path).query:
            super().log_request(code, size)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"{WORKER} listens on port {port}", flush=True)
    Server(("", port), Answer).serve_forever()
