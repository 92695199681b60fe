"""Fixtures of the tests of deploy targets."""

import io
import tarfile
from typing import Any

import pytest

# A server that starts in no time and misbehaves on request; the target sees no difference.
SERVER = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
from http.server import BaseHTTPRequestHandler, HTTPServer
print("starting", os.environ.get("VERSION", "1"), flush=True)
if os.environ.get("CRASH"):
    sys.exit("cannot load the model")
class Handler(BaseHTTPRequestHandler):
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
        if body == b"bad":
            self.answer(400, b'{"error_code": "BAD_REQUEST", "message": "column a is missing"}')
        elif body == b"raise":
            self.answer(500, b'{"error_code": "INTERNAL_ERROR", "message": "division by zero"}')
        else:
            self.answer(200, os.environ.get("VERSION", "1").encode())
HTTPServer(("", 8080), Handler).serve_forever()
"""
DOCKERFILE = (
    'FROM python:3.11-slim\nCOPY server.py /\nUSER 1\nENTRYPOINT ["python3", "/server.py"]\n'
)


@pytest.fixture(scope="session")
def quick_image(docker_engine: Any) -> str:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in (("Dockerfile", DOCKERFILE), ("server.py", SERVER)):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    buffer.seek(0)
    name = "mlpack-test/quick:1"
    docker_engine.images.build(fileobj=buffer, custom_context=True, tag=name, rm=True)
    return name
