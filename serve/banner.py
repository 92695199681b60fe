"""What a person reads when the server is up: address, model, and a curl line that works."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..flavors.schema import ColSpec, TensorSpec
from .examples import example_file, example_request, first_row

if TYPE_CHECKING:
    from ..flavors.loaded import LoadedModel
    from ..flavors.signature import ModelSignature

_LONGEST_BODY = 800  # characters of JSON that are still pleasant on a command line
_LONGEST_LINE = 400


def banner(
    model: LoadedModel,
    host: str,
    port: int,
    name: str,
    scheme: str = "http",
    needs_token: bool = False,
    path: str = "/invocations",
    others: Sequence[str] = (),
) -> str:
    """The text to print once the server answers.

    Args:
        model: the loaded model, of several the first.
        host: the address that the server listens on.
        port: likewise.
        name: how the user calls the model.
        scheme: http or https.
        needs_token: whether requests need one.
        path: where this model answers.
        others: names of further models.
    """
    url = f"{scheme}://{_reachable(host)}:{port}"
    flavors = [flavor for flavor in model.metadata.flavors if flavor != "python_function"]
    lines = [
        "",
        f"  mlpack is serving on {url}",
        "",
        f"  model      {_printable(name)}",
        f"  flavor     {_printable(', '.join(flavors) or 'pyfunc')}",
        *_signature_lines(model.signature),
        *([_line("beside it", f"{', '.join(others)}: see {url}/models")] if others else []),
        "",
        "  Try it:",
        "",
        f"    {curl_line(url + path, model, needs_token)}",
        "",
        "  Ctrl-C stops it.",
        "",
    ]
    return "\n".join(lines) + "\n"


def curl_line(url: str, model: LoadedModel, needs_token: bool = False) -> str:
    """A command that gets a prediction at an address, from the model's example if it has one.

    A long example is cut to its first row; one that is still long is sent from its file.
    """
    token = ' -H "Authorization: Bearer $TOKEN"' if needs_token else ""
    target = f"curl {url}{token} -H 'Content-Type: application/json' -d"
    file = example_file(model)
    payload = example_request(model) or {"dataframe_records": [{"column": "value"}]}
    for body in (payload, first_row(payload)):
        text = json.dumps(body)
        if len(text) <= _LONGEST_BODY:
            return f"{target} {shlex.quote(text)}"
    if file is not None:
        return f"{target} {shlex.quote(f'@{file}')}"
    return f"{target} @request.json"


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
