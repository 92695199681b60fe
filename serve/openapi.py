"""``/openapi.json``: every route of this server in OpenAPI 3.1, made once from the signatures.

Addresses are those of the models that are served, each with schemas and an example of its own.
``servers`` is relative, so the document is right behind any prefix.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .. import __version__
from . import openapi_v2, v2
from .auth import PAGE, PROBES, Auth
from .codecs import ARROW, ARROW_FILE, CSV, JSON, NPY, PARQUET
from .encode import encode_json
from .examples import example_request, first_row
from .exchange import Answer, Exchange
from .json_schemas import JsonSchema, answer_schema, params_schema, request_schema
from .streams import EVENTS, LINES

if TYPE_CHECKING:
    from ..flavors.loaded import LoadedModel
    from .hot import HotRoutes
    from .scoring import Scorer
    from .service import Service

# content type -> what it is, and the package that it needs beside the model
_FORMATS = {
    CSV: ("A line a row, after a header; `header=absent` reads columns by position.", None),
    PARQUET: ("A Parquet file.", "pyarrow"),
    ARROW: ("An Arrow IPC stream.", "pyarrow"),
    ARROW_FILE: ("An Arrow IPC file.", "pyarrow"),
    NPY: ("One array as numpy saves it.", "numpy"),
}
_STREAMS = {
    EVENTS: ("Server-sent events, one a piece of the answer.", None),
    LINES: ("A line of JSON a piece of the answer.", None),
}
_PUBLIC = PROBES | {PAGE}
_LONGEST_EXAMPLE = 20_000  # characters
_DESCRIPTION = (
    "Scores rows with a model. Bodies may be compressed (`Content-Encoding: gzip`, `deflate`, "
    "`zstd`); `Accept` chooses the format of the answer. Errors are always JSON."
)
_ERRORS = {
    "400": "The body, its data or its parameters are wrong; the message says where.",
    "401": "No token, or a wrong one.",
    "403": "A page of another site made a browser send it.",
    "404": "There is nothing at this address, or no such model.",
    "405": "The address has other methods.",
    "406": "No format that `Accept` names can be answered.",
    "408": "The request came too slowly.",
    "413": "The body is larger than the server takes.",
    "415": "No or another content type, charset or compression than those that are read.",
    "429": "More requests wait than the server takes in; try again after `Retry-After` seconds.",
    "500": "The model failed.",
    "503": "The server starts or stops.",
    "504": "No answer within the time limit.",
}
_SCORING_ERRORS = ("400", "406", "408", "413", "415", "429", "500", "503", "504")


def add_openapi(hot: HotRoutes, service: Service) -> None:
    """Answer ``/openapi.json``."""

    @cache
    def made() -> bytes:
        bearer = any(isinstance(guard, Auth) for guard in hot.guards)
        return encode_json(document(service.scorers, bearer=bearer))

    def answer(exchange: Exchange) -> Answer:
        return Answer(made())

    hot.add("GET", "/openapi.json", answer)


def document(scorers: Mapping[str, Scorer], *, bearer: bool = False) -> dict[str, Any]:
    """The OpenAPI document of a server.

    Args:
        scorers: by the names they are served under, the default one first.
        bearer: whether requests need a token.
    """
    schemas: dict[str, JsonSchema] = {"Error": _error_schema(), **openapi_v2.SCHEMAS}
    paths: dict[str, Any] = {}
    for number, (name, scorer) in enumerate(scorers.items()):
        suffix = str(number + 1) if number else ""
        schemas[f"Request{suffix}"] = request_schema(scorer.signature)
        schemas[f"Answer{suffix}"] = answer_schema(scorer.signature)
        score = _scoring(scorer, suffix)
        if not number:
            paths["/invocations"] = {"post": _named(score, "invoke")}
            paths["/score"] = {"post": _named(score, "score")}
        paths[f"/models/{quote(name, safe='')}/invocations"] = {
            "post": _named(score, f"invokeModel{number + 1}")
        }
        paths[f"/models/{quote(name, safe='')}/invoke"] = {
            "post": _named(score, f"sagemakerInvoke{number + 1}")
        }
        paths |= openapi_v2.model_paths(name, v2.version_of(scorer), number, _response)
    paths |= openapi_v2.server_paths(_response) | _others()
    for path, methods in paths.items():
        _add_common_errors(path, methods, bearer)
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": ", ".join(scorers),
            "version": __version__,
            "summary": "A model served by mlpack",
            "description": _DESCRIPTION,
        },
        "servers": [{"url": "./"}],
        "paths": paths,
        "components": {"schemas": schemas, "responses": _responses()},
    }
    if bearer:
        made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return made


# --- scoring -------------------------------------------------------------------------------------
def _scoring(scorer: Scorer, suffix: str) -> dict[str, Any]:
    return {
        "summary": f"Score rows with {scorer.name}",
        "tags": ["scoring"],
        "parameters": _parameters(scorer.model),
        "requestBody": {"required": True, "content": _request_content(scorer.model, suffix)},
        "responses": {
            "200": {
                "description": "The predictions.",
                "headers": {
                    "X-Mlpack-Ignored-Columns": {
                        "description": "Columns that came and that the signature does not know.",
                        "schema": {"type": "string"},
                    }
                },
                "content": _answer_content(scorer, suffix),
            },
            **{status: _response(status) for status in _SCORING_ERRORS},
        },
    }


def _parameters(model: LoadedModel) -> list[dict[str, Any]]:
    timeout = {
        "name": "X-Request-Timeout",
        "in": "header",
        "description": "Seconds that the client waits; work that nobody waits for is not begun.",
        "schema": {"type": "number", "exclusiveMinimum": 0},
    }
    declared = model.signature.params if model.signature is not None else None
    if declared is None or not len(declared):
        return [timeout]
    params = {
        "name": "X-Mlpack-Params",
        "in": "header",
        "description": "Parameters beside a body that has no room for them, as a JSON object.",
        "content": {JSON: {"schema": params_schema(declared)}},
    }
    return [timeout, params]


def _request_content(model: LoadedModel, suffix: str) -> dict[str, Any]:
    as_json: dict[str, Any] = {"schema": _ref(f"Request{suffix}")}
    content = {JSON: as_json, **_binary(_FORMATS)}
    example = short_example(model)
    if example is not None:
        as_json["example"] = example
        if (text := _as_csv(example)) is not None:
            content[CSV]["example"] = text
    return content


def _answer_content(scorer: Scorer, suffix: str) -> dict[str, Any]:
    formats = {**_FORMATS, **_STREAMS} if scorer.streams else _FORMATS
    return {JSON: {"schema": _ref(f"Answer{suffix}")}, **_binary(formats)}


def short_example(model: LoadedModel, longest: int = _LONGEST_EXAMPLE) -> Any:
    """The model's example request, cut to one row where it is long; None if it is still."""
    payload = example_request(model)
    for example in (payload, first_row(payload)):
        if example is not None and len(json.dumps(example)) <= longest:
            return example
    return None


def _as_csv(example: Any) -> str | None:
    """The example as CSV, where its rows are plain."""
    split = example.get("dataframe_split") if isinstance(example, dict) else None
    if not isinstance(split, dict) or not split.get("columns"):
        return None
    cells = [cell for row in split["data"] for cell in row]
    if any(isinstance(cell, list | dict) for cell in cells):
        return None
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(split["columns"])
    for row in split["data"]:
        writer.writerow(map(_csv_cell, row))
    return text.getvalue()


def _csv_cell(value: Any) -> Any:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


# --- the other routes ----------------------------------------------------------------------------
def _others() -> dict[str, Any]:
    ready = "200 once the server takes requests, 503 before and while it stops"
    return {
        "/ping": _get("ping", ready, "text/plain", unready=True),
        "/health": _get("health", ready, "text/plain", unready=True),
        "/version": _get("version", "The version of mlpack", "text/plain"),
        "/metrics": _get("metrics", "Prometheus metrics of all workers", "text/plain"),
        "/models": _get("models", "The models that are served, and their shares", JSON),
        "/openapi.json": _get("openapi", "This document", JSON),
        "/": {
            "get": {
                "operationId": "home",
                "summary": "The model on a page, or in JSON when HTML is not accepted",
                "tags": ["server"],
                "responses": {
                    "200": {
                        "description": "A page for people, or the same facts as JSON.",
                        "content": {
                            "text/html": {"schema": {"type": "string"}},
                            JSON: {"schema": {"type": "object"}},
                        },
                    }
                },
            }
        },
    }


def _get(name: str, summary: str, content_type: str, *, unready: bool = False) -> dict[str, Any]:
    kind = "object" if content_type == JSON else "string"
    content = {content_type: {"schema": {"type": kind}}}
    responses: dict[str, Any] = {"200": {"description": "Here it is.", "content": content}}
    if unready:
        responses["503"] = _response("503")
    operation = {"operationId": name, "summary": summary, "tags": ["server"]}
    return {"get": {**operation, "responses": responses}}


# --- errors --------------------------------------------------------------------------------------
def _add_common_errors(path: str, methods: dict[str, Any], bearer: bool) -> None:
    """What any request can meet, and the token where one is needed."""
    for method, operation in methods.items():
        operation["responses"].setdefault("408", _response("408"))
        if method == "post":
            operation["responses"].setdefault("403", _response("403"))
        if bearer and path not in _PUBLIC:
            operation["responses"]["401"] = _response("401")
            operation["security"] = [{"token": []}]


def _error_schema() -> JsonSchema:
    return {
        "type": "object",
        "properties": {
            "error_code": {"type": "string", "description": "Stable, for programs."},
            "message": {"type": "string", "description": "For people: what is wrong, and where."},
        },
        "required": ["error_code", "message"],
    }


def _responses() -> dict[str, Any]:
    made = {}
    for status, description in _ERRORS.items():
        made[f"Error{status}"] = {
            "description": description,
            "content": {JSON: {"schema": _ref("Error")}},
        }
    seconds = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
    for status in ("429", "503"):
        made[f"Error{status}"]["headers"] = {"Retry-After": seconds}
    return made


def _binary(formats: Mapping[str, tuple[str, str | None]]) -> dict[str, Any]:
    """Those of the formats that can be had here."""
    return {
        content_type: {"schema": {"type": "string", "description": description}}
        for content_type, (description, package) in formats.items()
        if package is None or find_spec(package) is not None
    }


def _response(status: str) -> dict[str, str]:
    return {"$ref": f"#/components/responses/Error{status}"}


def _ref(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _named(operation: dict[str, Any], name: str) -> dict[str, Any]:
    return {"operationId": name, **operation, "responses": dict(operation["responses"])}
