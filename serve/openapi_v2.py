"""The Open Inference Protocol's part of ``/openapi.json``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

_DATATYPES = [
    *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
    *("FP16", "FP32", "FP64", "BYTES"),
]
_PARAMETERS = {"type": "object", "description": "Of the extensions, and the model's own."}
_TENSOR: dict[str, Any] = {
    "name": {"type": "string"},
    "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
    "datatype": {"enum": _DATATYPES},
    "parameters": _PARAMETERS,
    "data": {"type": "array", "description": "Flat or nested; left out for binary tensors."},
}
_NAMED_TENSORS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "datatype": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["name", "datatype", "shape"],
    },
}

SCHEMAS: dict[str, Any] = {
    "InferenceRequest": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "parameters": _PARAMETERS,
            "inputs": {
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/components/schemas/Tensor"},
            },
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "parameters": _PARAMETERS},
                    "required": ["name"],
                },
            },
        },
        "required": ["inputs"],
    },
    "Tensor": {"type": "object", "properties": _TENSOR, "required": ["name", "shape", "datatype"]},
    "InferenceAnswer": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "parameters": _PARAMETERS,
            "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}},
        },
        "required": ["model_name", "outputs"],
    },
    "ModelMetadata": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "versions": {"type": "array", "items": {"type": "string"}},
            "platform": {"type": "string"},
            "inputs": _NAMED_TENSORS,
            "outputs": _NAMED_TENSORS,
        },
        "required": ["name", "platform", "inputs", "outputs"],
    },
    "ServerMetadata": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "version": {"type": "string"},
            "extensions": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["name", "version", "extensions"],
    },
}

Refer = Callable[[str], dict[str, str]]


def model_paths(name: str, version: str, number: int, error: Refer) -> dict[str, Any]:
    """Routes of one model, with and without its version.

    Args:
        name: of the model.
        version: as the protocol has it.
        number: makes the names of operations differ.
        error: a reference to the answer of a status.
    """
    base = f"/v2/models/{quote(name, safe='')}"
    versioned = f"{base}/versions/{quote(version, safe='')}"
    return {
        **_model_paths(name, base, str(number + 1), error),
        **_model_paths(name, versioned, f"{number + 1}Version", error),
    }


def _model_paths(name: str, base: str, suffix: str, error: Refer) -> dict[str, Any]:
    infer = {
        "operationId": f"v2Infer{suffix}",
        "summary": f"Score tensors with {name}",
        "tags": ["v2"],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/InferenceRequest"}},
                "application/octet-stream": {
                    "schema": {
                        "type": "string",
                        "description": "The binary tensor extension: JSON, of the length that "
                        "the header Inference-Header-Content-Length says, then the tensors.",
                    }
                },
            },
        },
        "responses": {
            "200": {
                "description": "The predictions.",
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/InferenceAnswer"}
                    },
                    "application/octet-stream": {"schema": {"type": "string"}},
                },
            },
            **{s: error(s) for s in ("400", "406", "413", "415", "429", "500", "503", "504")},
        },
    }
    return {
        base: _get(f"v2Model{suffix}", f"What {name} takes and returns", "ModelMetadata"),
        f"{base}/ready": _get(f"v2ModelReady{suffix}", f"Whether {name} takes requests", None),
        f"{base}/infer": {"post": infer},
    }


def server_paths(error: Refer) -> dict[str, Any]:
    """Routes of the server."""
    paths = {
        "/v2": _get("v2Server", "Name, version and extensions of the server", "ServerMetadata"),
        "/v2/health/live": _get("v2Live", "200 while the server runs", None),
        "/v2/health/ready": _get("v2Ready", "200 once the server takes requests", None),
    }
    paths["/v2/health/ready"]["get"]["responses"]["503"] = error("503")
    return paths


def _get(name: str, summary: str, schema: str | None) -> dict[str, Any]:
    wanted = {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "object"}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": ["v2"],
            "responses": {
                "200": {
                    "description": "Here it is.",
                    "content": {"application/json": {"schema": wanted}},
                }
            },
        }
    }
