"""``/``: a model on a page, where a person tries it; the same facts as JSON for programs.

Made by the server from one template; a small script sends the form. With authentication on,
whoever comes without a token gets a page that asks for one (kept in the page's memory and nowhere
else), which then fetches this page again with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from ..errors import NotFound
from ..flavors.column_types import DataType
from ..flavors.schema import ColSpec, ParamSpec, Schema
from .browsers import HEADERS, wants_html
from .encode import encode_json
from .examples import example_request, first_row
from .exchange import Answer, Exchange
from .failures import as_json
from .model_facts import model_facts, signature_facts

if TYPE_CHECKING:
    from ..flavors.loaded import LoadedModel
    from .hot import HotRoutes
    from .service import Service

_WEB = Path(__file__).resolve().parent / "web"
_ASSETS = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_MOST_FIELDS = 60  # beyond that a form is no help; the JSON is there
_LONGEST_JSON = 100_000  # characters in the page
_LONGEST_LINE = 60  # of JSON that is laid out
_KINDS = {
    DataType.boolean: "boolean",
    DataType.integer: "integer",
    DataType.long: "integer",
    DataType.float: "number",
    DataType.double: "number",
    DataType.string: "text",
    DataType.binary: "text",
    DataType.datetime: "text",
}


@dataclass(frozen=True)
class Field:
    """One field of the form.

    Attributes:
        name: of the column or parameter; None where columns are known by position.
        label: what a person reads.
        type: in the signature's words.
        kind: how the script reads it: boolean, integer, number, text, json.
        required: whether an empty field is refused.
        value: what it holds at first; '' for nothing.
    """

    name: str | int | None
    label: str
    type: str
    kind: str
    required: bool
    value: str


def add_page(hot: HotRoutes, service: Service) -> None:
    """Answer ``/`` and what its page loads."""
    page = _Page(service)
    hot.add("GET", "/", page.answer)
    for name, content_type in _ASSETS.items():
        hot.add("GET", f"/web/{name}", _asset(name, content_type), "/web/{file}")


class _Page:
    """All that is asked at ``/``; made when first asked, and kept."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._made: dict[str, Answer] = {}

    def answer(self, exchange: Exchange) -> Answer:
        html = wants_html(exchange.header("HTTP_ACCEPT"))
        if not exchange.facts.get("authorized", True):
            # probes come without a token, too: they learn that something answers here
            return self._kept("sign in", None) if html else as_json({"status": "ok"})
        asked = parse_qs(exchange.header("QUERY_STRING")).get("model", [self._service.default.name])
        if asked[0] not in self._service.scorers:
            raise NotFound(f"There is no model {asked[0][:100]!r} here; see GET /models.")
        return self._kept("html" if html else "json", asked[0])

    def _kept(self, what: str, name: str | None) -> Answer:
        key = f"{what} {name}"
        if key not in self._made:
            self._made[key] = self._make(what, name)
        made = self._made[key]
        return Answer(made.body, made.content_type, headers=list(made.headers))

    def _make(self, what: str, name: str | None) -> Answer:
        if name is None:
            return _html(self._template.render(facts=None, names=()))
        scorer, names = self._service.scorers[name], list(self._service.scorers)
        model = scorer.model
        facts = model_facts(name, model, scorer.version)
        if what == "json":
            answer = Answer(encode_json({**facts, "models": names}))
            answer.headers += [("Cache-Control", "no-store"), ("Vary", "Accept, Authorization")]
            return answer
        known = {} if model.signature is None else signature_facts(model) or {}
        return _html(
            self._template.render(
                facts=facts,
                names=names,
                known=known,
                fields=form_fields(model),
                params=param_fields(model),
                rows=_row_count(example_request(model)),
                example=_pretty(example_request(model)),
                named=model.signature is not None and bool(_named_columns(model)),
                # one model answers at the address that everybody knows
                target="invocations" if len(names) == 1 else f"models/{quote(name)}/invocations",
            )
        )

    @cached_property
    def _template(self) -> Any:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        made = Environment(
            loader=FileSystemLoader(_WEB),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters["size"] = _readable_size
        made.filters["as_json"] = lambda value: encode_json(value).decode("ascii")
        return made.get_template("page.html")


def _html(text: str) -> Answer:
    headers = [*HEADERS, ("Cache-Control", "no-store"), ("Vary", "Accept, Authorization")]
    body = text.strip().encode("utf-8", "replace")
    return Answer(body, "text/html; charset=utf-8", headers=headers)


def _asset(name: str, content_type: str) -> Any:
    content = (_WEB / name).read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = [*HEADERS, ("Cache-Control", "no-cache"), ("ETag", etag)]

    def answer(exchange: Exchange) -> Answer:
        if exchange.header("HTTP_IF_NONE_MATCH") == etag:
            return Answer(b"", content_type, status=304, headers=list(headers))
        return Answer(content, content_type, headers=list(headers))

    return answer


# --- the form ------------------------------------------------------------------------------------
def form_fields(model: LoadedModel) -> list[Field]:
    """A field a column, holding the first row of the example; [] where only JSON will do."""
    schema = model.signature.inputs if model.signature is not None else None
    if schema is None or schema.is_tensor or len(schema) > _MOST_FIELDS:
        return []
    if not schema.has_names and len(schema) == 1:
        return []  # a list of anything (type hints), or a value
    row = _example_row(schema, first_row(example_request(model)))
    return [
        _column_field(spec, position, row.get(name))
        for position, (name, spec) in enumerate(zip(schema.names, schema.columns, strict=True))
    ]


def param_fields(model: LoadedModel) -> list[Field]:
    """A field a parameter, holding its default or what the example says."""
    if model.signature is None or model.signature.params is None:
        return []
    example = example_request(model)
    given = (example.get("params") if isinstance(example, dict) else None) or {}
    return [_param_field(param, given) for param in model.signature.params]


def _named_columns(model: LoadedModel) -> bool:
    inputs = model.signature.inputs if model.signature is not None else None
    return inputs is not None and inputs.has_names and not inputs.is_tensor


def _column_field(spec: ColSpec, position: int, value: Any) -> Field:
    kind = _KINDS.get(spec.type, "json") if isinstance(spec.type, DataType) else "json"
    label = f"column {position}" if spec.name is None else str(spec.name)
    # a missing number is NaN, which the server takes: whether the model does, it will say
    return Field(spec.name, label, repr(spec.type), kind, spec.required, _as_text(value, kind))


def _param_field(param: ParamSpec, given: Mapping[str, Any]) -> Field:
    plain = isinstance(param.dtype, DataType) and param.shape is None
    kind = _KINDS[param.dtype] if plain else "json"  # type: ignore[index]
    value = given.get(param.name, param.to_dict()["default"])
    kind_name = f"list of {param.dtype!r}" if param.shape is not None else repr(param.dtype)
    return Field(param.name, param.name, kind_name, kind, False, _as_text(value, kind))


def _example_row(schema: Schema, example: Any) -> dict[Any, Any]:
    """The first row of the example by the schema's names (positions where it has none)."""
    if not isinstance(example, dict):
        return {}
    split = example.get("dataframe_split")
    if isinstance(split, dict) and split.get("data"):
        names = split.get("columns") if schema.has_names else None
        return dict(zip(names or schema.names, split["data"][0], strict=False))
    rows = example.get("dataframe_records") or example.get("instances")
    if isinstance(rows, list) and rows and isinstance(rows[0], dict):
        return rows[0]
    columns = example.get("inputs")
    if isinstance(columns, dict):
        return {n: c[0] if isinstance(c, list) and c else c for n, c in columns.items()}
    return {}


def _row_count(example: Any) -> int:
    split = example.get("dataframe_split") if isinstance(example, dict) else None
    return len(split.get("data") or ()) if isinstance(split, dict) else 1


def _as_text(value: Any, kind: str) -> str:
    if value is None:
        return ""
    if kind == "json" or not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return value


def _pretty(example: Any) -> str:
    """The example as a person would type it: a row a line."""
    for candidate in (example, first_row(example)):
        text = "" if candidate is None else json.dumps(candidate, ensure_ascii=False, indent=1)
        if text and len(text) <= _LONGEST_JSON:
            return _join_innermost(candidate)
    return '{"inputs": []}'


def _join_innermost(value: Any, depth: int = 0) -> str:
    """JSON with indents, but what is short, or a list of plain values, on one line."""
    line = json.dumps(value, ensure_ascii=False)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if len(line) <= _LONGEST_LINE or not any(isinstance(item, list | dict) for item in inner):
        return line
    pad, end = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict):
        parts = [
            f"{pad}{json.dumps(str(key), ensure_ascii=False)}: {_join_innermost(item, depth + 1)}"
            for key, item in value.items()
        ]
        return "{\n" + ",\n".join(parts) + f"\n{end}}}"
    return "[\n" + ",\n".join(pad + _join_innermost(v, depth + 1) for v in value) + f"\n{end}]"


def _readable_size(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} bytes"
