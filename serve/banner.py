"""What a person reads when the server is up: address, model, and a curl line that works."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..flavors.schema import ColSpec, DataType, Schema, TensorSpec

if TYPE_CHECKING:
    from ..flavors.loaded import LoadedModel
    from ..flavors.signature import ModelSignature

_LONGEST_BODY = 800  # characters of JSON that are still pleasant on a command line
_LONGEST_LINE = 400
_SAMPLES: dict[DataType, Any] = {
    DataType.boolean: True,
    DataType.integer: 0,
    DataType.long: 0,
    DataType.float: 0.0,
    DataType.double: 0.0,
    DataType.string: "text",
    DataType.binary: "",
    DataType.datetime: "2024-01-31T12:00:00",
}


def banner(model: LoadedModel, host: str, port: int, name: str) -> str:
    """The text to print once the server answers.

    Args:
        model: the loaded model.
        host: the address that the server listens on.
        port: likewise.
        name: how the user calls the model.
    """
    url = f"http://{_reachable(host)}:{port}"
    flavors = [flavor for flavor in model.metadata.flavors if flavor != "python_function"]
    lines = [
        "",
        f"  mlpack is serving on {url}",
        "",
        f"  model      {_printable(name)}",
        f"  flavor     {_printable(', '.join(flavors) or 'pyfunc')}",
        *_signature_lines(model.signature),
        "",
        "  Try it:",
        "",
        f"    {curl_line(url, model)}",
        "",
        "  Ctrl-C stops it.",
        "",
    ]
    return "\n".join(lines) + "\n"


def curl_line(url: str, model: LoadedModel) -> str:
    """A command that gets a prediction, from the model's own example if it has one.

    A long example is cut to its first row; one that is still long is sent from its file.
    """
    target = f"curl {url}/invocations -H 'Content-Type: application/json' -d"
    file = example_file(model)
    payload = _read(file) if file is not None else _from_signature(model.signature)
    if payload is None:
        payload = {"dataframe_records": [{"column": "value"}]}
    for body in (payload, _first_row(payload)):
        text = json.dumps(body)
        if len(text) <= _LONGEST_BODY:
            return f"{target} {shlex.quote(text)}"
    if file is not None:
        return f"{target} {shlex.quote(f'@{file}')}"
    return f"{target} @request.json"


def example_file(model: LoadedModel) -> Path | None:
    """Where the model keeps the request that its input example makes, if it has one."""
    info = model.metadata.saved_input_example_info or {}
    name = info.get("serving_input_path", "serving_input_example.json")
    if not isinstance(name, str) or Path(name).name != name:
        return None
    file = Path(model.folder).absolute() / name
    return file if file.is_file() else None


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _first_row(payload: Any) -> Any:
    """The same request for one row."""
    if not isinstance(payload, dict):
        return payload
    short = {}
    for key, value in payload.items():
        if isinstance(value, list) and key != "params":
            value = value[:1]
        if key == "dataframe_split" and isinstance(value, dict):
            value = {k: v[:1] if k != "columns" else v for k, v in value.items()}
        short[key] = value
    return short


def _from_signature(signature: ModelSignature | None) -> Any:
    """A request that fits the signature, of made-up values."""
    if signature is None or signature.inputs is None:
        return None
    schema: Schema = signature.inputs
    if schema.is_tensor:
        tensors = {spec.name: _zeros(spec) for spec in schema if isinstance(spec, TensorSpec)}
        return {"inputs": tensors if schema.has_names else next(iter(tensors.values()))}
    row = [_sample(spec) for spec in schema if isinstance(spec, ColSpec)]
    if None in row:  # nested types: no honest example can be made up
        return None
    if not schema.has_names:
        return {"inputs": row} if len(row) == 1 else {"dataframe_split": {"data": [row]}}
    return {"dataframe_split": {"columns": list(schema.names), "data": [row]}}


def _sample(spec: ColSpec) -> Any:
    return _SAMPLES[spec.type] if isinstance(spec.type, DataType) else None


def _zeros(spec: TensorSpec) -> Any:
    sample: Any = "text" if spec.dtype.startswith(("str", "object", "bytes")) else 0
    cells = 1
    for length in reversed(spec.shape):
        cells *= max(length, 1)
        if cells > _LONGEST_BODY:
            return []
        sample = [sample] * (1 if length < 0 else length)
    return sample


def _signature_lines(signature: ModelSignature | None) -> list[str]:
    if signature is None:
        return ["  signature  none: requests are not checked"]
    lines = []
    if signature.inputs is not None:
        lines.append(_line("input", ", ".join(map(_describe, signature.inputs))))
    if signature.params is not None and len(signature.params):
        shown = (f"{p.name}={p.default!r}" for p in signature.params)
        lines.append(_line("params", ", ".join(shown)))
    return lines


def _describe(spec: ColSpec | TensorSpec) -> str:
    named = "" if spec.name is None else f"{spec.name}: "
    if isinstance(spec, TensorSpec):
        return f"{named}{spec.dtype}{list(spec.shape)}"
    return f"{named}{spec.type!r}{'' if spec.required else '?'}"


def _line(label: str, text: str) -> str:
    text = _printable(text)
    shown = text if len(text) <= _LONGEST_LINE else text[:_LONGEST_LINE] + " …"
    return f"  {label:<9}  {shown}"


def _printable(text: str) -> str:
    """No control characters: names come from a model's file and go to a terminal."""
    return "".join(c if c.isprintable() else "�" for c in text)


def _reachable(host: str) -> str:
    """An address that a client on this machine can use."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host
