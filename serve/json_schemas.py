"""A model's signature as JSON Schema (2020-12, the dialect of OpenAPI 3.1).

What a schema says is what `flavors.enforce` checks: types and ranges, which columns may be left
out or null, the shapes of tensors. Where the model takes more than a schema can say in a useful
way (columns in any order, further ones, which are left out), the description does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ..flavors.column_types import AnyType, Array, DataType, Map, Object, Type
from ..flavors.schema import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

if TYPE_CHECKING:
    from ..flavors.signature import ModelSignature

JsonSchema = dict[str, Any]

_SCALARS: dict[DataType, JsonSchema] = {
    DataType.boolean: {"type": "boolean"},
    DataType.integer: {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    DataType.long: {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    DataType.float: {"type": "number", "minimum": -3.4028234663852886e38},
    DataType.double: {"type": "number"},
    DataType.string: {"type": "string"},
    DataType.binary: {"type": "string", "contentEncoding": "base64"},
    DataType.datetime: {
        "type": "string",
        "format": "date-time",
        "description": "ISO 8601, between 1678 and 2261; without a zone it is UTC.",
    },
}
_SCALARS[DataType.float]["maximum"] = -_SCALARS[DataType.float]["minimum"]
_COLUMNS: JsonSchema = {
    "type": "array",
    "items": {"type": ["string", "integer"]},
    "uniqueItems": True,
    "description": "One name a column of `data`.",
}
_INDEX: JsonSchema = {
    "type": "array",
    "items": {"type": ["string", "number"]},
    "description": "Labels of the rows, one each; the model may see them.",
}
_LOOSE: JsonSchema = {"description": "The model has no signature: what comes is not checked."}


def request_schema(signature: ModelSignature | None) -> JsonSchema:
    """The JSON body of a request: one of the forms that the model takes, and its params."""
    schema = signature.inputs if signature is not None else None
    params = signature.params if signature is not None else None
    forms = _forms(schema)
    return {
        "oneOf": [
            {
                "title": name,
                "type": "object",
                "properties": {name: form, **_params_property(params)},
                "required": [name],
                "additionalProperties": False,
            }
            for name, form in forms.items()
        ]
    }


def answer_schema(signature: ModelSignature | None) -> JsonSchema:
    """The JSON body of an answer: ``{"predictions": …}``."""
    outputs = signature.outputs if signature is not None else None
    return {
        "type": "object",
        "properties": {"predictions": _predictions(outputs)},
        "required": ["predictions"],
    }


def row_schema(schema: Schema) -> JsonSchema:
    """One row of a table as an object: a record."""
    columns = {str(name): column_schema(spec) for name, spec in _named(schema)}
    required = [str(name) for name, spec in _named(schema) if spec.required]
    return {"type": "object", "properties": columns, "required": required}


def column_schema(spec: ColSpec) -> JsonSchema:
    """One cell of a column. A missing number is NaN, which doubles and floats always may be."""
    found = type_schema(spec.type)
    is_float = spec.type in (DataType.float, DataType.double)
    return found if spec.required and not is_float else nullable(found)


def type_schema(dtype: Type) -> JsonSchema:
    """A column's type, nested ones included."""
    if isinstance(dtype, DataType):
        return dict(_SCALARS[dtype])
    if isinstance(dtype, AnyType):
        return {}
    if isinstance(dtype, Array):
        return {"type": "array", "items": nullable(type_schema(dtype.dtype))}
    if isinstance(dtype, Map):
        return {"type": "object", "additionalProperties": nullable(type_schema(dtype.value_type))}
    assert isinstance(dtype, Object)
    fields = {p.name: type_schema(p.dtype) for p in dtype.properties}
    optional = {p.name for p in dtype.properties if not p.required}
    return {
        "type": "object",
        "properties": {n: nullable(s) if n in optional else s for n, s in fields.items()},
        "required": [name for name in fields if name not in optional],
        "additionalProperties": False,
    }


def tensor_schema(spec: TensorSpec, *, one_row: bool = False) -> JsonSchema:
    """Nested lists of a tensor's shape.

    Args:
        spec: of the tensor.
        one_row: leave the first dimension out, as ``instances`` do.
    """
    found = _cell(spec.dtype)
    for size in reversed(spec.shape[1:] if one_row else spec.shape):
        found = {"type": "array", "items": found}
        if size >= 0:
            found |= {"minItems": size, "maxItems": size}
    if not one_row and spec.shape and spec.shape[0] < 0:
        found["minItems"] = 1
    return found


def params_schema(params: ParamSchema) -> JsonSchema:
    """The object of inference parameters; none is required, as each has a default."""
    return {
        "type": "object",
        "properties": {spec.name: _param(spec) for spec in params},
        "additionalProperties": False,
    }


def nullable(schema: JsonSchema) -> JsonSchema:
    """The same, or null."""
    kind = schema.get("type")
    if isinstance(kind, str) and kind != "null":
        return {**schema, "type": [kind, "null"]}
    return schema


def _params_property(params: ParamSchema | None) -> dict[str, JsonSchema]:
    return {"params": params_schema(params)} if params is not None and len(params) else {}


def _param(spec: ParamSpec) -> JsonSchema:
    found = type_schema(spec.dtype)
    if spec.shape is not None:
        found = {"type": "array", "items": nullable(found)}
    default = spec.to_dict()["default"]
    return {**nullable(found), "default": default}


# --- what goes in --------------------------------------------------------------------------------
def _forms(schema: Schema | None) -> dict[str, JsonSchema]:
    if schema is None:
        records = _list_of({"type": "object", "minProperties": 1})
        split = {
            "type": "object",
            "properties": {"columns": _COLUMNS, "data": _list_of(_list_of({})), "index": _INDEX},
            "required": ["data"],
            "additionalProperties": False,
        }
        return {
            "dataframe_split": {**split, **_LOOSE},
            "dataframe_records": {**records, **_LOOSE},
            "instances": {"type": "array", "minItems": 1, **_LOOSE},
            "inputs": {**_LOOSE},
        }
    if schema.is_tensor:
        return _tensor_forms(schema)
    if not schema.has_names:
        return _positional_forms(schema)
    return _column_forms(schema)


def _column_forms(schema: Schema) -> dict[str, JsonSchema]:
    records = _list_of(row_schema(schema))
    columns = {str(name): _list_of(column_schema(spec)) for name, spec in _named(schema)}
    names = list(schema.names)
    split = {
        "type": "object",
        "description": "Columns may come in any order, optional ones may be left out; those "
        "that the signature does not know are ignored, and named in an answer's header.",
        "properties": {
            "columns": {"const": names},
            "data": _list_of(_row_by_position(schema)),
            "index": _INDEX,
        },
        "required": ["columns", "data"],
        "additionalProperties": False,
    }
    required = [str(name) for name, spec in _named(schema) if spec.required]
    return {
        "dataframe_split": split,
        "dataframe_records": {**records, "description": "One object a row."},
        "instances": {**records, "description": "One object a row."},
        "inputs": {
            "type": "object",
            "description": "Column by column, all of one length.",
            "properties": columns,
            "required": required,
        },
    }


def _positional_forms(schema: Schema) -> dict[str, JsonSchema]:
    split = {
        "type": "object",
        "description": "Columns are known by their position; their names do not matter.",
        "properties": {
            "columns": {**_COLUMNS, "minItems": len(schema), "maxItems": len(schema)},
            "data": _list_of(_row_by_position(schema)),
            "index": _INDEX,
        },
        "required": ["data"],
        "additionalProperties": False,
    }
    only = schema.columns[0]
    # one column without a name is a list of values, or (type hints) a value of any kind
    plain = _list_of(column_schema(only)) if len(schema) == 1 else split["properties"]["data"]  # type: ignore[index]
    return {"inputs": plain, "instances": plain, "dataframe_split": split}


def _tensor_forms(schema: Schema) -> dict[str, JsonSchema]:
    if not schema.has_names:
        only = tensor_schema(schema.tensors[0])
        return {"inputs": only, "instances": only}
    whole = {str(spec.name): tensor_schema(spec) for spec in schema.tensors}
    rows = {str(spec.name): tensor_schema(spec, one_row=True) for spec in schema.tensors}
    named = {"type": "object", "required": list(whole)}
    return {
        "inputs": {**named, "properties": whole},
        "instances": _list_of({**named, "properties": rows}),
    }


def _row_by_position(schema: Schema) -> JsonSchema:
    cells = [column_schema(spec) for spec in schema.columns]
    size = {"minItems": len(cells), "maxItems": len(cells)}
    if all(cell == cells[0] for cell in cells):
        return {"type": "array", "items": cells[0], **size}
    return {"type": "array", "prefixItems": cells, **size}


def _named(schema: Schema) -> Iterable[tuple[str | int, ColSpec]]:
    return zip(schema.names, schema.columns, strict=True)


def _list_of(items: JsonSchema) -> JsonSchema:
    return {"type": "array", "items": items, "minItems": 1}


def _cell(dtype: str) -> JsonSchema:
    """A tensor's element by its numpy dtype."""
    name = dtype.partition("[")[0]
    if name.startswith(("int", "uint")):
        bits = int(name.lstrip("uint"))
        low, high = (0, 2**bits) if name[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        return {"type": "integer", "minimum": low, "maximum": min(high, 2**63) - 1}
    if name in _LARGEST:
        return {"type": ["number", "null"], "minimum": -_LARGEST[name], "maximum": _LARGEST[name]}
    return dict(_CELLS.get(name.rstrip("0123456789"), lambda: {})())


_LARGEST = {"float16": 65504.0, "float32": _SCALARS[DataType.float]["maximum"]}
_CELLS: dict[str, Callable[[], JsonSchema]] = {
    "bool": lambda: {"type": "boolean"},
    "float": lambda: {"type": ["number", "null"]},
    "str": lambda: {"type": "string"},
    "bytes": lambda: _SCALARS[DataType.binary],
    "datetime": lambda: nullable(_SCALARS[DataType.datetime]),
    "timedelta": lambda: {"type": ["number", "null"], "description": "Seconds."},
}


# --- what comes out ------------------------------------------------------------------------------
def _predictions(outputs: Schema | None) -> JsonSchema:
    """NaN and the infinities leave as null, so every number may be one.

    What a model returns is not held against its signature, so this stays general where frameworks
    differ: a table leaves as records, a dict of columns as an object.
    """
    if outputs is None:
        return {"description": "Whatever the model returns; it declares no output."}
    if outputs.is_tensor:
        if not outputs.has_names:
            return _with_nulls(tensor_schema(outputs.tensors[0]))
        named = {str(t.name): _with_nulls(tensor_schema(t)) for t in outputs.tensors}
        return {"type": "object", "properties": named}
    if outputs.has_names:
        fields = {str(name): nullable(type_schema(spec.type)) for name, spec in _named(outputs)}
        record = {"type": "object", "properties": fields}
        return {"description": "One object a row.", "type": ["array", "object"], "items": record}
    if len(outputs) > 1:
        return {"type": "array", "items": {"type": ["array", "object"]}}
    cell = nullable(type_schema(outputs.columns[0].type))
    if cell.get("type") is None:
        return {}
    kinds = cell["type"] if isinstance(cell["type"], list) else [cell["type"]]
    # a Series without a name leaves as records, its column called "0"
    return {"type": ["array", *kinds], "items": {**cell, "type": sorted({*kinds, "object"})}}


def _with_nulls(schema: JsonSchema) -> JsonSchema:
    if schema.get("type") == "array":
        return {**schema, "items": _with_nulls(schema["items"])}
    return nullable(schema)
