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
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput
from ..flavors.schema import ColSpec, DataType, Schema
from ..flavors.table import Table

if TYPE_CHECKING:
    from ..flavors.signature import ModelSignature

_MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"})
_AT_ONCE = 1000  # rows
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
    first = next(rows, None)
    if first is None:
        raise InvalidInput("The CSV is empty.")
    head = first if header else None
    columns = _columns(rows if header else chain([first], rows), len(first), 2 if header else 1)
    if not columns[0]:
        raise InvalidInput("There are no rows to score: the CSV has only a header.")
    names = _names(head, len(first), schema)
    specs = _specs(schema)
    return Table(names, [_column(c, specs.get(n)) for n, c in zip(names, columns, strict=True)])


def _columns(rows: Iterator[list[str]], width: int, line: int) -> list[list[str]]:
    """The cells by column.

    Rows are turned a few at a time: a list for each of many short ones is a hundred times their
    text.
    """
    columns: list[list[str]] = [[] for _ in range(width)]
    while several := list(islice(rows, _AT_ONCE)):
        for line, row in enumerate(several, line):  # noqa: B020 - it counts on
            if len(row) != width:
                raise InvalidInput(f"CSV row {line} has {len(row)} cells, expected {width}.")
        line += 1
        for column, cells in zip(columns, zip(*several, strict=True), strict=True):
            column.extend(cells)
    return columns


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


def _rows(body: bytes | str) -> Iterator[list[str]]:
    """All lines but blank ones, as lists of cells."""
    csv.field_size_limit(sys.maxsize)  # base64 cells are long; the body's limit is what counts
    try:
        text = body if isinstance(body, str) else body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The CSV is not UTF-8: byte {error.start} is invalid.") from None
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        yield from filter(None, reader)
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
