"""Answers as our server does, starts in no time, and misbehaves when variables say so."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
print("starting", os.environ.get("VERSION"), flush=True)
if os.environ.get("CRASH"):
    print("the token is Bearer abcdef0123456789", flush=True)
    sys.exit("cannot load the model: no module named nonsense")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        pass

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(503 if os.environ.get("SICK") else 200, b"{}")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print("asked", flush=True)
        if body == b"bad":
            self.answer(400, b'{"error_code": "BAD_REQUEST", "message": "column a is missing"}')
        elif body == b"raise" or os.environ.get("RAISE"):
            self.answer(500, b'{"error_code": "INTERNAL_ERROR", "message": "division by zero"}')
        else:
            self.answer(200, os.environ.get("VERSION", "1").encode())


ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()
