"""What to type to serve, ask, build, deploy, load and register a logged model."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import request

from ...tracking.entities import LoggedModel
from ..service import Service
from .model_example import Example
from .shell import with_server, word

PORT = 5001
ENDPOINT = f"http://127.0.0.1:{PORT}/invocations"
_LONGEST = 2000  # characters of an example within a command


@dataclass(frozen=True)
class Command:
    """One thing to do.

    Attributes:
        title: what it does.
        text: to copy.
        hint: what to know about it.
    """

    title: str
    text: str
    hint: str = ""


def server_address(service: Service) -> str:
    """How clients reach this server."""
    public = service.settings.public_url
    return (public or request.host_url).rstrip("/")


def loaded(server: str, uri: str) -> str:
    """Lines of Python that load a model of this server wherever they are run."""
    return (
        f"import mlpack\n\nmlpack.set_tracking_uri({server!r})\n"
        f"model = mlpack.pyfunc.load_model({uri!r})"
    )


def commands_of(
    model: LoggedModel, example: Example, server: str, registered: str
) -> list[Command]:
    """Everything that one can do with a model.

    Args:
        model: which.
        example: a request that it answers.
        server: this server's address.
        registered: the name that it is registered under; '' if under none.
    """
    uri, name = model.model_uri, _plain(registered or model.name)
    asking = _curl(model, example, server)
    return [
        Command("Serve it", with_server(server, "mlpack", "serve", "-m", uri, "-p", str(PORT))),
        *([Command("Ask it", asking)] if asking else []),
        Command(
            "Load it in Python",
            f"{loaded(server, uri)}\n"
            f"model.predict({'model.input_example()' if example.file else 'rows'})",
        ),
        Command(
            "Build its image",
            with_server(server, "mlpack", "build-docker", "-m", uri, "-n", name),
            "Without Docker: --builder oci --output layout:FOLDER.",
        ),
        Command(
            "Deploy it",
            with_server(server, "mlpack", "deploy", "-m", uri, "--target", "local", "-n", name),
            "Other targets: sagemaker, azureml, kubernetes, kserve. --dry-run shows what would "
            "be done.",
        ),
        Command(
            "Register it",
            with_server(server, "mlpack", "models", "register", uri, registered or name),
        ),
    ]


def _curl(model: LoggedModel, example: Example, server: str) -> str:
    header = "-H 'Content-Type: application/json'"
    body = "" if example.request is None else _compact(example.request)
    if body and len(body) <= _LONGEST:
        return f"curl {ENDPOINT} \\\n  {header} \\\n  -d {word(body)}"
    if example.file is None or not example.file.startswith("serving_"):
        return ""
    files = f"/ajax-api/2.0/mlflow/logged-models/{quote(model.model_id)}/artifacts/files"
    file = f"{server}{files}?artifact_file_path={quote(example.file, safe='')}"
    return f"curl -s {word(file)} \\\n  | curl {ENDPOINT} {header} -d @-"


def _compact(request: Any) -> str:
    try:
        return json.dumps(request)
    except RecursionError:
        return ""


def _plain(name: str) -> str:
    """A name that images and deployments may have."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
    return plain or "model"
