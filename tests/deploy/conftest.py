"""Fixtures of the tests of deploy targets."""

import io
import json
import os
import tarfile
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from mlpack.deploy_targets.base import DeployRequest
from mlpack.deploy_targets.local import LocalTarget

# A server that starts in no time and misbehaves on request; the target sees no difference.
SERVER = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
from http.server import BaseHTTPRequestHandler, HTTPServer
print("starting", os.environ.get("VERSION", "1"), flush=True)
if os.environ.get("CRASH"):
    sys.exit("cannot load the model")
class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        "What it writes once is at the end of its log, however often it is asked."
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
    # of this worker, since what another builds at the same time is not the same image
    name = f"mlpack-test/quick:of-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    docker_engine.images.build(fileobj=buffer, custom_context=True, tag=name, rm=True)
    return name


class Named:
    """A deployment's name that nobody else uses, and what there is of it."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.name = f"t-{uuid.uuid4().hex[:12]}"
        self.target = LocalTarget()

    def request(self, image: Any, wait: bool = True, **options: Any) -> DeployRequest:
        return DeployRequest(self.name, "runs:/abc/model", image, options, wait)

    def containers(self) -> list[Any]:
        found = self.engine.containers.list(all=True, filters={"name": f"mlpack-{self.name}"})
        return sorted(found, key=lambda each: each.name)

    def names(self) -> list[str]:
        return [each.name.removeprefix(f"mlpack-{self.name}") for each in self.containers()]

    def answer(self) -> Any:
        return json.loads(self.target.predict(self.name, b"{}", "application/json").body)


@pytest.fixture
def named(docker_engine: Any) -> Iterator[Named]:
    made = Named(docker_engine)
    yield made
    for container in made.containers():
        container.remove(force=True)
    for volume in docker_engine.volumes.list(filters={"name": f"mlpack-{made.name}"}):
        volume.remove()
