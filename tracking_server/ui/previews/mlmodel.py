"""``MLmodel``: what a model says about itself, in tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ....errors import MlpackError
from ....flavors import yaml_text
from ....flavors.descriptor import MLMODEL, Model
from ....flavors.schema import ColSpec, ParamSchema, Schema
from ..json_text import readable
from ..words import cut
from .file import File
from .kind import Kind

LARGEST = 4 << 20
_MOST_ROWS = 1000  # of a schema
_MOST_REQUIREMENTS = 64 << 10  # bytes of that file
_LONGEST = 300  # characters of a type or a default


@dataclass(frozen=True)
class Row:
    """One input, output or parameter as a line of a table."""

    name: str
    type: str
    required: bool = True
    default: str = ""


@dataclass(frozen=True)
class Told:
    """A descriptor as ``templates/mlmodel.html`` draws it.

    Attributes:
        model: the descriptor itself.
        inputs, outputs, params: rows; None where the signature does not say.
        more: how many rows were left out, all tables together.
        flavors: name -> its keys and values as text, ``python_function`` last.
        requirements: lines of requirements.txt, if they were read.
    """

    model: Model
    inputs: list[Row] | None
    outputs: list[Row] | None
    params: list[Row] | None
    more: int
    flavors: dict[str, dict[str, str]]
    requirements: list[str]

    @property
    def python_version(self) -> str:
        return str(self.model.pyfunc.get("python_version") or "")


def prepare(file: File) -> dict[str, Any] | None:
    """Its tables; None for one that cannot be read, which is shown as the text that it is."""
    if file.size > LARGEST:
        return None
    try:
        model = Model.from_dict(yaml_text.load(file.head(LARGEST), MLMODEL))
        return {"told": tell(model, _requirements(file))}
    except MlpackError:
        return None


def tell(model: Model, requirements: str = "") -> Told:
    """A descriptor in rows of tables.

    Args:
        model: the descriptor.
        requirements: the text of its requirements.txt.
    """
    signature = model.signature
    parts = (signature.inputs, signature.outputs) if signature else (None, None)
    params = signature.params if signature else None
    tables = [None if part is None else _schema(part) for part in parts]
    tables.append(None if params is None else _params(params))
    more = sum(max(0, len(table or ()) - _MOST_ROWS) for table in tables)
    inputs, outputs, params_rows = (table and table[:_MOST_ROWS] for table in tables)
    flavors = {
        name: {key: _short(value) for key, value in sorted(keys.items()) if value is not None}
        for name, keys in sorted(
            model.flavors.items(), key=lambda each: each[0] == "python_function"
        )
    }
    lines = [line.strip() for line in requirements.splitlines()]
    shown = [line for line in lines if line and not line.startswith("#")]
    return Told(model, inputs, outputs, params_rows, more, flavors, shown)


def _schema(schema: Schema) -> list[Row]:
    rows = []
    for name, each in zip(schema.names, schema, strict=True):
        if isinstance(each, ColSpec):
            kind = each.type
            told = kind.value if hasattr(kind, "value") else repr(kind)
        else:
            told = f"{each.dtype} {list(each.shape)}"
        label = str(name) if schema.has_names else ""
        rows.append(Row(label, _short(told), each.required))
    return rows


def _params(params: ParamSchema) -> list[Row]:
    return [
        Row(
            each.name,
            _short(getattr(each.dtype, "value", None) or repr(each.dtype))
            + ("" if each.shape is None else " list"),
            False,
            _short(each.default),
        )
        for each in params
    ]


def _requirements(file: File) -> str:
    """Of the file beside it."""
    try:
        return file.beside("requirements.txt").head(_MOST_REQUIREMENTS).decode("utf-8", "replace")
    except MlpackError:
        return ""


def _short(value: object) -> str:
    return cut(value if isinstance(value, str) else readable(value), _LONGEST)


KIND = Kind(
    "mlmodel",
    lambda file: file.name == MLMODEL,
    prepare,
    "mlpack.pyfunc.load_model({folder})",
    is_text=True,
)
