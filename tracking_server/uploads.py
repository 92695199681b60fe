"""Large files in parts, as MLflow's clients send them: create, each part, complete or abort.

The addresses of parts are of this server, for every kind of place. Clients send parts without
credentials; the upload's id in the address, which nobody can guess, is what lets them.
"""

from __future__ import annotations

import posixpath
from typing import Any

from flask import Blueprint, Response, request

from ..artifacts.uploads import MOST_PARTS, Uploads, visible_path
from ..errors import InvalidInput
from .answers import json_answer
from .fields import Schema, integer, many, text
from .files import take
from .requests import read_message
from .service import Service

_PART = "/mlflow-artifacts/mpu-part/"
_BEGIN = Schema(path=text(required=True), num_parts=integer(default=1))
_END = Schema(
    path=text(required=True),
    upload_id=text(required=True),
    parts=many(
        Schema(part_number=integer(required=True), etag=text(required=True)), limit=MOST_PARTS
    ),
)


def add_routes(routes: Blueprint, service: Service) -> None:
    """Add the four calls to the routes of files."""

    def uploads() -> Uploads:
        return Uploads(service.places.destination)

    @routes.post("/mlflow-artifacts/mpu/create/", defaults={"folder": ""})
    @routes.post("/mlflow-artifacts/mpu/create/<path:folder>")
    def begin(folder: str) -> Response:
        message = read_message(request, _BEGIN, {})
        upload = uploads().begin(_target(folder, message), message["num_parts"])
        address = f"{_own_address(service)}{_PART}{upload}"
        credentials = [
            {"url": f"{address}/{number}", "part_number": number, "headers": {}}
            for number in range(1, message["num_parts"] + 1)
        ]
        return json_answer({"upload_id": upload, "credentials": credentials})

    @routes.put(f"{_PART}<upload>/<int:number>")
    def part(upload: str, number: int) -> Response:
        tag = take(lambda pieces, size: uploads().put(upload, number, pieces, size), request)
        response = json_answer({})
        response.set_etag(tag)
        return response

    @routes.post("/mlflow-artifacts/mpu/complete/", defaults={"folder": ""})
    @routes.post("/mlflow-artifacts/mpu/complete/<path:folder>")
    def complete(folder: str) -> Response:
        message = read_message(request, _END, {})
        tags = [(part["part_number"], part["etag"].strip('"')) for part in message["parts"]]
        uploads().finish(message["upload_id"], _target(folder, message), tags)
        return json_answer({})

    @routes.post("/mlflow-artifacts/mpu/abort/", defaults={"folder": ""})
    @routes.post("/mlflow-artifacts/mpu/abort/<path:folder>")
    def abort(folder: str) -> Response:
        message = read_message(request, _END, {})
        uploads().cancel(message["upload_id"], _target(folder, message))
        return json_answer({})


def _target(folder: str, message: dict[str, Any]) -> str:
    """The file to be: clients send its path on their own disk, of which the name counts."""
    name = message["path"].replace("\\", "/").rpartition("/")[2]
    if name in ("", "."):
        raise InvalidInput(f"The path {message['path']!r} names no file.")
    return visible_path(posixpath.join(folder, name))


def _own_address(service: Service) -> str:
    """Where the client reaches these routes: it gets whole addresses, not relative ones."""
    below = request.path.partition("/mlflow-artifacts/")[0]
    host = service.settings.public_url or f"{request.scheme}://{request.host}{request.root_path}"
    return host.rstrip("/") + below
