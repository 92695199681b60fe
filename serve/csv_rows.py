"""CSV text as a table, by the signature's types; without one, by what the cells look like.

The rules: the first line is the header (unless the caller says there is none). An empty cell
is a missing value, except in a required string column, where it is the empty string. In
columns of numbers, booleans and dates ``NA``, ``NaN`` and ``null`` are missing too. A cell
that is not of its column's type stays text, so that enforcement reports it with its row.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput
from ..flavors.schema import ColSpec, DataType, Schema
from ..flavors.table import Table

if TYPE_CHECKING:
    from ..flavors.signature import ModelSignature

_MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"})
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def parse(body: bytes | str, signature: ModelSignature | None, *, header: bool = True) -> Table:
    """Read CSV.

    Args:
        body: UTF-8, comma-separated, quoted as RFC 4180 says.
        signature: its input columns give the types.
        header: whether the first line names the columns; if not, they are known by position.

    Raises:
        InvalidInput: not UTF-8, no rows, a row of another length than the header, a name
            that occurs twice, broken quoting.
    """
    rows = _rows(body)
    schema = signature.inputs if signature is not None else None
    if not rows:
        raise InvalidInput("The CSV is empty.")
    head = rows[0] if header else None
    rows = rows[1:] if header else rows
    if not rows:
        raise InvalidInput("There are no rows to score: the CSV has only a header.")
    width = len(head or rows[0])
    for line, row in enumerate(rows, 2 if header else 1):
        if len(row) != width:
            raise InvalidInput(f"CSV row {line} has {len(row)} cells, expected {width}.")
    names = _names(head, width, schema)
    specs = _specs(schema)
    columns = zip(*rows, strict=True)
    return Table(names, [_column(c, specs.get(n)) for n, c in zip(names, columns, strict=True)])


def _names(header: list[str] | None, width: int, schema: Schema | None) -> Sequence[str | int]:
    """The columns' names as the signature has them: they may be integers, or there are none."""
    if schema is None or schema.is_tensor:
        return header or range(width)
    if not schema.has_names:
        return range(width)
    if header is None:
        return schema.names if len(schema) == width else range(width)
    known = {str(name): name for name in schema.names}
    return [known.get(name, name) for name in header]


def _rows(body: bytes | str) -> list[list[str]]:
    """All lines but blank ones, as lists of cells."""
    csv.field_size_limit(sys.maxsize)  # base64 cells are long; the body's limit is what counts
    try:
        text = body if isinstance(body, str) else body.decode("utf-8")
        reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        return [row for row in reader if row]
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The CSV is not UTF-8: byte {error.start} is invalid.") from None
    except csv.Error as error:
        raise InvalidInput(f"The CSV cannot be read: {error} (line {reader.line_num}).") from None


def _specs(schema: Schema | None) -> dict[str | int, ColSpec]:
    if schema is None or schema.is_tensor:
        return {}
    pairs = zip(schema.names, schema, strict=True)
    return {name: spec for name, spec in pairs if isinstance(spec, ColSpec)}


def _column(cells: Sequence[str], spec: ColSpec | None) -> list[Any]:
    if spec is None:
        return _guess(cells)
    if not isinstance(spec.type, DataType):  # arrays, objects, maps: JSON in a cell
        return [_read_json(cell) if cell else None for cell in cells]
    if spec.type is DataType.string:
        return list(cells) if spec.required else [cell or None for cell in cells]
    if spec.type is DataType.binary:
        return [cell or None for cell in cells]
    missing = _missing_marker(spec)
    convert = _CONVERT[spec.type]
    try:
        return [missing if cell in _MISSING else convert(cell) for cell in cells]
    except ValueError:
        return [missing if cell in _MISSING else _or_text(convert, cell) for cell in cells]


def _missing_marker(spec: ColSpec) -> float | None:
    """NaN is a value of a floating-point column even where null is refused."""
    return float("nan") if spec.type in (DataType.float, DataType.double) else None


def _boolean(cell: str) -> bool:
    try:
        return _BOOLEANS[cell.strip().lower()]
    except KeyError:
        raise ValueError(cell) from None


def _integer(cell: str) -> int | float:
    try:
        return int(cell)
    except ValueError:
        return float(cell)  # "3.0", as DataFrames write integers beside missing values


_CONVERT: dict[DataType, Callable[[str], Any]] = {
    DataType.boolean: _boolean,
    DataType.integer: _integer,
    DataType.long: _integer,
    DataType.float: float,
    DataType.double: float,
    DataType.datetime: str.strip,
}


def _or_text(convert: Callable[[str], Any], cell: str) -> Any:
    try:
        return convert(cell)
    except ValueError:
        return cell


def _read_json(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell


def _guess(cells: Sequence[str]) -> list[Any]:
    """The narrowest of integers, floats, booleans and strings that all cells are."""
    filled = [cell for cell in cells if cell not in _MISSING]
    readers: tuple[Callable[[str], Any], ...] = (int, float, _true_or_false)
    for read in readers if filled else ():
        try:
            for cell in filled:
                read(cell)
        except ValueError:
            continue
        gap = None if read is _true_or_false else float("nan")
        return [gap if cell in _MISSING else read(cell) for cell in cells]
    return [None if cell == "" else cell for cell in cells]


def _true_or_false(cell: str) -> bool:
    if cell.lower() not in ("true", "false"):
        raise ValueError(cell)
    return cell.lower() == "true"
