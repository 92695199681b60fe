"""The Open Inference Protocol (version 2), as KServe, Triton and MLServer speak it.

    GET  /v2, /v2/health/live, /v2/health/ready
    GET  /v2/models/<name>[/versions/<version>][/ready]
    POST /v2/models/<name>[/versions/<version>]/infer

Errors are ``{"error": …}``, with our ``error_code`` beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import InvalidInput
from .body import receive
from .codecs import Decoded
from .encode import encode_json, to_plain
from .exchange import Answer, Exchange
from .failures import as_json
from .json_forms import loads
from .scoring import Scorer, blaming_the_model
from .v2_schemas import Output, describe, to_input, to_outputs
from .v2_tensors import BINARY_SIZE, BYTES, as_parameters, read_inputs, to_bytes

if TYPE_CHECKING:
    from .hot import HotRoutes
    from .service import Service

_LENGTH_HEADER = "Inference-Header-Content-Length"
_KEYS = frozenset({"id", "parameters", "inputs", "outputs"})
# parameters of the protocol's extensions and of MLServer; all others are the model's
_RESERVED = frozenset(
    [
        "binary_data_output",
        "content_type",
        "headers",
        "priority",
        "timeout",
        "sequence_id",
        "sequence_start",
        "sequence_end",
    ]
)
_ONLY_VERSION = "1"  # of a model that has none, as elsewhere


def add_v2(hot: HotRoutes, service: Service) -> None:
    """Answer the protocol's routes for all models of a service."""

    def ready(exchange: Exchange) -> Answer:
        return as_json({"ready": service.ready}, 200 if service.ready else 503)

    server = {
        "name": "mlpack",
        "version": __version__,
        "extensions": ["binary_tensor_data"],
    }
    hot.add("GET", "/v2", lambda exchange: as_json(server))
    hot.add("GET", "/v2/health/live", lambda exchange: as_json({"live": True}))
    hot.add("GET", "/v2/health/ready", ready)
    for scorer in service.scorers.values():
        for path, route in _paths(scorer):
            hot.add("GET", path, partial(_metadata, scorer), route)
            hot.add("GET", f"{path}/ready", partial(_ready, service, scorer), f"{route}/ready")
            hot.add("POST", f"{path}/infer", partial(_infer, service, scorer), f"{route}/infer")


def version_of(scorer: Scorer) -> str:
    """A model's version, as the protocol wants one of every model."""
    return scorer.version or _ONLY_VERSION


def _paths(scorer: Scorer) -> list[tuple[str, str]]:
    path, route = f"/v2/models/{scorer.name}", "/v2/models/{name}"
    return [
        (path, route),
        (f"{path}/versions/{version_of(scorer)}", f"{route}/versions/{{version}}"),
    ]


def _metadata(scorer: Scorer, exchange: Exchange) -> Answer:
    exchange.model = scorer.name
    inputs, outputs = describe(scorer.signature)
    flavors = [name for name in scorer.model.metadata.flavors if name != "python_function"]
    return as_json(
        {
            "name": scorer.name,
            "versions": [version_of(scorer)],
            "platform": f"mlpack_{flavors[0] if flavors else 'pyfunc'}",
            "inputs": inputs,
            "outputs": outputs,
        }
    )


def _ready(service: Service, scorer: Scorer, exchange: Exchange) -> Answer:
    exchange.model = scorer.name
    content = {"name": scorer.name, "ready": service.ready}
    return as_json(content, 200 if service.ready else 503)


def _infer(service: Service, scorer: Scorer, exchange: Exchange) -> Answer:
    service.chosen(scorer, exchange)
    body = receive(exchange, service.settings.max_body)
    request, binary = _split(exchange, body)
    parameters = as_parameters("The request", request.get("parameters"))
    tensors = read_inputs(request.get("inputs"), binary)
    wanted = _Wanted(request.get("outputs"), parameters.get("binary_data_output"))
    kind = parameters.get("content_type")
    data = to_input(tensors, scorer.signature, kind if isinstance(kind, str) else None)
    predictions = scorer.predict(Decoded(data, _own(parameters, scorer) or None), exchange)
    with blaming_the_model():
        outputs = to_outputs(predictions, scorer.signature)
    head = {"model_name": scorer.name, "model_version": version_of(scorer)}
    if "id" in request:
        head["id"] = request["id"]
    return _answer(head, wanted.of(outputs), wanted)


def _split(exchange: Exchange, body: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON of a request, and the binary data behind it."""
    text = exchange.header("HTTP_INFERENCE_HEADER_CONTENT_LENGTH").strip()
    size = len(body)
    if text:
        if not (text.isascii() and text.isdecimal()) or len(text) > 15 or int(text) > size:
            raise InvalidInput(
                f"The header {_LENGTH_HEADER} is {text[:30]!r}; the body has {size} bytes."
            )
        size = int(text)
    if not size:
        raise InvalidInput("The body is empty: send the tensors to score.")
    request = loads(body[:size])
    if type(request) is not dict:
        raise InvalidInput("The body must be an object with 'inputs', a list of tensors.")
    if unknown := request.keys() - _KEYS:
        raise InvalidInput(
            f"Unknown key {min(unknown)[:60]!r} in the body; known are {', '.join(sorted(_KEYS))}."
        )
    if type(request.get("id", "")) is not str:
        raise InvalidInput("'id' must be a string.")
    return request, body[size:]


def _own(parameters: Mapping[str, Any], scorer: Scorer) -> dict[str, Any]:
    """The parameters that are meant for the model."""
    declared = scorer.signature.params if scorer.signature is not None else None
    names = declared.by_name if declared is not None else {}
    return {k: v for k, v in parameters.items() if k not in _RESERVED or k in names}


class _Wanted:
    """Which outputs the caller asked for, and in which form."""

    def __init__(self, outputs: Any, all_binary: Any) -> None:
        self.names: list[str] | None = None
        self._all = _flag("binary_data_output", all_binary)
        self._binary: dict[str, bool] = {}
        if outputs is None:
            return
        if type(outputs) is not list:
            raise InvalidInput("'outputs' must be a list of objects with a 'name'.")
        names = []
        for item in outputs:
            if type(item) is not dict or type(item.get("name")) is not str:
                raise InvalidInput("'outputs' must be a list of objects with a 'name'.")
            name = item["name"]
            parameters = as_parameters(f"Output {name[:80]!r}", item.get("parameters"))
            if parameters.get("classification"):
                raise InvalidInput("Classification of outputs is not supported; ask without it.")
            if "binary_data" in parameters:
                self._binary[name] = _flag("binary_data", parameters["binary_data"])
            names.append(name)
        self.names = names or None

    def of(self, outputs: list[Output]) -> list[Output]:
        """The outputs that were asked for, in that order."""
        if self.names is None:
            return outputs
        by_name = {output.name: output for output in outputs}
        for name in self.names:
            if name not in by_name:
                known = ", ".join(repr(n) for n in list(by_name)[:10])
                raise InvalidInput(f"There is no output {name[:80]!r}; the model gave {known}.")
        return [by_name[name] for name in dict.fromkeys(self.names)]

    def as_binary(self, name: str) -> bool:
        """Whether an output goes behind the JSON."""
        return self._binary.get(name, self._all)


def _flag(name: str, value: Any) -> bool:
    if value is not None and type(value) is not bool:
        raise InvalidInput(f"{name!r} must be true or false.")
    return bool(value)


def _answer(head: dict[str, Any], outputs: list[Output], wanted: _Wanted) -> Answer:
    described, binaries = [], []
    for output in outputs:
        item: dict[str, Any] = {
            "name": output.name,
            "datatype": output.datatype,
            "shape": output.shape,
        }
        parameters: dict[str, Any] = {}
        if output.content_type is not None:
            parameters["content_type"] = output.content_type
        if wanted.as_binary(output.name):
            binaries.append(to_bytes(output.datatype, output.flat))
            parameters[BINARY_SIZE] = len(binaries[-1])
        else:
            flat = output.flat
            item["data"] = flat if output.datatype == BYTES else to_plain(flat)
        if parameters:
            item["parameters"] = parameters
        described.append(item)
    text = encode_json({**head, "outputs": described})
    if not binaries:
        return Answer(text)
    length = [(_LENGTH_HEADER, str(len(text)))]
    return Answer(b"".join((text, *binaries)), "application/octet-stream", headers=length)
