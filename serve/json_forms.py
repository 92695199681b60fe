"""The JSON body of a request: exactly one of four forms, and perhaps ``params``.

    dataframe_split     {"columns": [...], "data": [[...], ...], "index": [...]}
    dataframe_records   [{"column": value, ...}, ...]
    instances           row by row: [[1, 2], ...] for a tensor, [{"column": value}, ...] for columns
    inputs              column by column: {"column": [...], ...}, or one tensor, or any value

Strict where silence would hide a mistake: repeated keys and unknown keys are errors. ``NaN``,
``Infinity`` and ``-Infinity``, which are no JSON, are read all the same, since that is what
Python's own ``json`` writes, and so MLflow's client. Only structure is judged here; whether the
values fit is for `flavors.enforce`, which knows the signature.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import InvalidInput
from ..flavors.table import Table
from . import fast_json, simd_json

if TYPE_CHECKING:
    from ..flavors.signature import ModelSignature

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_KEYS = frozenset((*FORMS, "params"))
_USAGE = f"Send a JSON object with exactly one of {', '.join(FORMS)}, and 'params' if need be."


def parse(body: bytes | str, signature: ModelSignature | None) -> tuple[Any, dict[str, Any] | None]:
    """A request's JSON as model input and parameters, both still to be enforced.

    Args:
        body: the bytes as they came, UTF-8.
        signature: tells columns from tensors where the form leaves it open.

    Returns:
        The data (a `Table`, or what JSON gave for tensors and free-form models) and the
        parameters (None when the request has none).

    Raises:
        InvalidInput: it is not JSON, not an object, or not one of the forms.
    """
    if type(body) is bytes and (table := simd_json.read(body, signature)) is not None:
        return table, None
    payload = fast_json.loads(body, signature) if type(body) is bytes else None
    return split_payload(loads(body) if payload is None else payload, signature)


def split_payload(
    payload: Any, signature: ModelSignature | None
) -> tuple[Any, dict[str, Any] | None]:
    """As `parse`, for JSON that is parsed already."""
    if type(payload) is not dict:
        raise InvalidInput(f"The body is {_kind(payload)}. {_USAGE}")
    if not payload.keys() <= _KEYS:
        _refuse_unknown_keys(payload)
    params = payload.get("params")
    if params is not None and type(params) is not dict:
        raise InvalidInput(f"'params' must be an object, not {_kind(params)}.")
    forms = [form for form in FORMS if form in payload]
    if len(forms) != 1:
        found = " and ".join(forms) if forms else "no rows to score"
        raise InvalidInput(f"The body has {found}. {_USAGE}")
    return _READERS[forms[0]](payload[forms[0]], signature), params


def loads(body: bytes | str) -> Any:
    """Parse JSON, with ``NaN`` and ``Infinity`` as the floats they are.

    Raises:
        InvalidInput: not UTF-8, not JSON, nested too deep, a repeated key, a number with
            thousands of digits.
    """
    try:
        text = body if isinstance(body, str) else body.decode("utf-8")
        return _DECODER.decode(text.removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The body is not UTF-8: byte {error.start} is invalid.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(f"The body is not valid JSON: {error.msg} ({where}).") from None
    except RecursionError:
        raise InvalidInput("The JSON is nested too deep.") from None
    except ValueError:  # Python refuses to read integers of more than 4,300 digits
        raise InvalidInput("The JSON has a number with too many digits.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InvalidInput(f"The JSON has the key {_short(twice)} twice in one object.")
    return result


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def _refuse_unknown_keys(payload: dict[str, Any]) -> NoReturn:
    unknown = next(key for key in payload if key not in _KEYS)
    close = get_close_matches(unknown[:50], _KEYS, 1, 0.7)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise InvalidInput(f"Unknown key {_short(unknown)} in the body.{hint} {_USAGE}")


def _read_split(value: Any, signature: ModelSignature | None) -> Table:
    if type(value) is not dict:
        raise InvalidInput(
            f"'dataframe_split' must be an object with 'columns' and 'data', not {_kind(value)}."
        )
    if unknown := value.keys() - {"columns", "data", "index"}:
        raise InvalidInput(f"'dataframe_split' has the unknown key {_short(min(unknown))}.")
    if "data" not in value:
        raise InvalidInput("'dataframe_split' lacks 'data', the list of rows.")
    columns = value.get("columns")
    if columns is None:
        columns = _declared_names(signature)
    return _with_rows(Table.from_split(columns, value["data"], value.get("index")))


def _read_records(value: Any, signature: ModelSignature | None) -> Table:
    if type(value) is not list:
        raise InvalidInput(
            f"'dataframe_records' must be a list with one object a row, not {_kind(value)}."
        )
    return _with_rows(Table.from_records(value))


def _read_instances(value: Any, signature: ModelSignature | None) -> Any:
    if type(value) is not list:
        raise InvalidInput(f"'instances' must be a list with one item a row, not {_kind(value)}.")
    if not value:
        raise InvalidInput("There are no rows to score: 'instances' is empty.")
    if _undeclared(signature) and type(value[0]) is dict:
        return Table.from_records(value)
    return _tensor_or_list(value, signature)


def _read_inputs(value: Any, signature: ModelSignature | None) -> Any:
    if value is None:
        raise InvalidInput("'inputs' is null.")
    if type(value) is dict and _undeclared(signature):
        return {name: _tensor_or_list(column, None) for name, column in value.items()}
    return _tensor_or_list(value, signature)


_READERS = {
    "dataframe_split": _read_split,
    "dataframe_records": _read_records,
    "instances": _read_instances,
    "inputs": _read_inputs,
}


def _tensor_or_list(value: Any, signature: ModelSignature | None) -> Any:
    """Numbers in a regular grid become an array where no signature says what they are."""
    if type(value) is not list or not _undeclared(signature):
        return value
    import numpy as np

    try:
        array = np.array(value)
    except (ValueError, OverflowError):  # ragged, or nested deeper than arrays go
        return value
    return array if array.dtype.kind in "biuf" else value


def _undeclared(signature: ModelSignature | None) -> bool:
    return signature is None or signature.inputs is None


def _declared_names(signature: ModelSignature | None) -> list[Any] | None:
    """Names for a header-less table: the signature's, when it has any."""
    schema = signature.inputs if signature is not None else None
    return list(schema.names) if schema is not None and schema.has_names else None


def _with_rows(table: Table) -> Table:
    if table.n_rows == 0:
        raise InvalidInput("There are no rows to score.")
    return table


def _kind(value: Any) -> str:
    names = {list: "a list", dict: "an object", str: "a string", bool: "a boolean"}
    names |= {int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
