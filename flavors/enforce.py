"""Data against a signature: the right columns or tensors, in order, in the declared types.

The hot path of the scoring server. A schema is compiled once into a `_Plan`; a request whose
columns come in the signature's order and are all of one numeric type is one numpy call.

Rows in messages count from 0, as in pandas. Columns that the signature does not know are left
out and named in `Table.dropped`.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from itertools import chain
from typing import Any

from ..errors import SchemaMismatch
from .cast import Misfit, cast_values
from .cast_arrays import cast_array
from .column_types import AnyType, DataType, Type
from .columns import to_list
from .nested import cast_nested
from .params import enforce_params
from .schema import ColSpec, Schema
from .signature import ModelSignature
from .table import Block, Name, Table
from .tabulate import is_pandas, tabulate
from .tensors import enforce_tensors

__all__ = ["enforce", "enforce_params"]

_SHOWN = 5  # problems or names listed in one message


def enforce(signature: ModelSignature | None, data: Any) -> Any:
    """Check data against a signature's inputs and convert it to their types.

    Args:
        signature: None, or one without inputs, checks nothing.
        data: a `Table`, DataFrame, Series, array, sparse matrix, dict, list or scalar, from a
            request or from a caller in Python.

    Returns:
        For a schema of columns a `Table` in the schema's order (optional columns that did not
        come are absent; unnamed columns keep the names they came with). For tensors an array
        or a dict of arrays. Without a schema the data itself, DataFrames as a `Table`.

    Raises:
        SchemaMismatch: the data does not fit; the message names column, row and value.
        InvalidInput: it is no batch at all, such as columns of different lengths.
    """
    schema = signature.inputs if signature is not None else None
    if schema is None:
        return Table.from_pandas(data) if is_pandas(data) else data
    if schema.is_tensor:
        return enforce_tensors(schema, data)
    if schema.plan is None:
        schema.plan = _Plan(schema)
    plan: _Plan = schema.plan
    return plan.apply(data if type(data) is Table else tabulate(schema, data))


class _Plan:
    """A schema of columns, compiled."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.names = schema.names
        self.specs = schema.columns
        self.groups = _groups(self.specs)

    def apply(self, table: Table) -> Table:
        """The table that the model gets."""
        if table.n_rows == 0:
            raise SchemaMismatch("The input has no rows.")
        if table.names == self.names:
            if self._is_done(table):
                return table
            if table.rows is not None and len(self.groups) == 1:
                block = _plain_matrix(table.rows, *self.groups)
                if block is not None:
                    return _in_one_block(self.names, block, table)
            return _convert(self.names, self.specs, self.groups, table.columns, table)
        names, specs, columns, dropped = self._match(table)
        groups = self.groups if len(specs) == len(self.specs) else _groups(specs)
        enforced = _convert(names, specs, groups, columns, table)
        enforced.dropped = dropped
        return enforced

    def _is_done(self, table: Table) -> bool:
        """All columns already lie in one block of the one declared type."""
        if len(self.groups) != 1 or len(table.blocks) != 1:
            return False
        (dtype,) = self.groups
        block, positions = table.blocks[0]
        return (
            isinstance(dtype, DataType)
            and block.dtype.name == dtype.numpy
            and len(positions) == len(self.names)
        )

    def _match(
        self, table: Table
    ) -> tuple[Sequence[Name], Sequence[ColSpec], Sequence[Any], tuple[Name, ...]]:
        """Names, specs and columns side by side in the schema's order, and what is left over."""
        columns = table.columns
        if not self.schema.has_names:
            wanted = len(self.specs)
            if len(columns) < wanted:
                raise SchemaMismatch(
                    f"The signature declares {wanted} columns, the input has {len(columns)}."
                )
            return table.names[:wanted], self.specs, columns[:wanted], table.names[wanted:]
        position: dict[Name, int] = {name: i for i, name in enumerate(table.names)}
        _number_names(position, self.names)
        found = [
            (spec, position.get(name)) for spec, name in zip(self.specs, self.names, strict=True)
        ]
        missing = [spec.name for spec, at in found if at is None and spec.required]
        taken = {at for _, at in found}
        dropped = tuple(name for i, name in enumerate(table.names) if i not in taken)
        if missing:
            raise SchemaMismatch(_missing_message(missing, dropped))
        present = [(spec, at) for spec, at in found if at is not None]
        names = [spec.name for spec, _ in present if spec.name is not None]
        return names, [s for s, _ in present], [columns[at] for _, at in present], dropped


def _groups(specs: Sequence[ColSpec]) -> dict[Type, list[int]]:
    """The positions of the columns of each type."""
    groups: dict[Type, list[int]] = {}
    for position, spec in enumerate(specs):
        groups.setdefault(spec.type, []).append(position)
    return groups


def _convert(
    names: Sequence[Name],
    specs: Sequence[ColSpec],
    groups: dict[Type, list[int]],
    columns: Sequence[Any],
    table: Table,
) -> Table:
    """Columns in schema order to their types, those of one type at once where that is easy."""
    blocks: list[Block] = []
    result: list[Any] = [None] * len(specs)
    misfits: list[tuple[int, Misfit]] = []
    for dtype, positions in groups.items():
        plain = _plain_block([columns[i] for i in positions], dtype)
        if plain is None:
            for i in positions:
                try:
                    result[i] = _cast(columns[i], specs[i])
                except Misfit as misfit:
                    misfits.append((i, misfit))
        elif isinstance(plain, list):
            for i in positions:
                result[i] = columns[i]
        else:
            blocks.append((plain, positions))
    if misfits:
        first = sorted(misfits, key=lambda found: found[0])[:_SHOWN]
        problems = [_describe(names[i], specs[i], misfit) for i, misfit in first]
        more = len(misfits) - len(first)
        raise SchemaMismatch("; ".join(problems) + (f"; and {more} more columns." if more else "."))
    return Table.from_blocks(names, blocks, result, table.n_rows, table.index)


# Python types that need no look at single values
_PLAIN_KINDS: dict[Type, frozenset[type]] = {
    DataType.double: frozenset({float, int}),
    DataType.long: frozenset({int}),
    DataType.boolean: frozenset({bool}),
    DataType.string: frozenset({str}),
}


def _plain_block(columns: list[Any], dtype: Type) -> Any:
    """Lists of plainly the right type as one array (strings: as they are), else None."""
    allowed = _PLAIN_KINDS.get(dtype)
    if allowed is None or set(map(type, columns)) != {list}:
        return None
    if dtype is DataType.string:
        return columns if set(map(type, chain.from_iterable(columns))) <= allowed else None
    return _plain_matrix(columns, dtype)


def _plain_matrix(lists: Sequence[Sequence[Any]], dtype: Type) -> Any:
    """Lists of equal length, all of plain numbers of one type, as one array, else None."""
    allowed = _PLAIN_KINDS.get(dtype)
    if allowed is None or dtype is DataType.string:
        return None
    values = list(chain.from_iterable(lists))
    if not set(map(type, values)) <= allowed:
        return None
    import numpy as np

    assert isinstance(dtype, DataType)
    try:
        # numpy reads one long list faster than a list of lists
        return np.array(values, dtype=dtype.numpy).reshape(len(lists), -1)
    except OverflowError:
        return None  # column by column finds the number that is too large


def _in_one_block(names: tuple[Name, ...], matrix: Any, table: Table) -> Table:
    positions = range(len(names))
    holes = [None] * len(names)
    return Table.from_blocks(names, [(matrix.T, positions)], holes, table.n_rows, table.index)


def _number_names(position: dict[Name, int], wanted: Sequence[Name]) -> None:
    """JSON objects have only string keys: let "0" stand for a column named 0."""
    for name in wanted:
        if type(name) is int and name not in position and str(name) in position:
            position[name] = position.pop(str(name))


def _cast(column: Any, spec: ColSpec) -> Any:
    """One column in its declared type."""
    # the format has no unnamed optional columns, so gaps in unnamed ones must be let through;
    # and a gap among floats is NaN, which only the model knows whether it takes: see `gaps`
    floats = spec.type in (DataType.float, DataType.double)
    nullable = not spec.required or spec.name is None or floats
    if isinstance(spec.type, DataType):
        if type(column) is list or type(column) is tuple:
            return cast_values(column, spec.type, nullable)
        return cast_array(column, spec.type, nullable)
    if isinstance(spec.type, AnyType):
        return column
    result = []
    for row, value in enumerate(to_list(column)):
        if isinstance(value, float) and value != value:
            value = None  # what pandas makes of a missing cell
        try:
            result.append(cast_nested(value, spec.type, nullable))
        except Misfit as misfit:
            raise Misfit(row, misfit.got, misfit.hint, misfit.path) from None
    return result


def _describe(name: Name, spec: ColSpec, misfit: Misfit) -> str:
    expected = repr(spec.type)
    if len(expected) > 200:
        expected = expected[:200] + "…"
    path = f" at {misfit.path}" if misfit.path else ""
    row = "" if misfit.row is None else f" in row {misfit.row}"
    hint = f" ({misfit.hint})" if misfit.hint else ""
    return f"column {name!r}: expected {expected}, got {misfit.got}{path}{row}{hint}"


def _missing_message(missing: Sequence[Any], extra: Sequence[Name]) -> str:
    one = len(missing) == 1
    text = f"missing column{'' if one else 's'} {_listed(missing)}"
    if not extra:
        return text + "."
    spellings = {str(name).casefold(): name for name in extra}
    for name in missing:
        if close := get_close_matches(str(name).casefold(), spellings, n=1, cutoff=0.75):
            return f"{text}; did you mean {name!r} by {spellings[close[0]]!r}?"
    return f"{text}; the input has these unknown ones: {_listed(extra)}."


def _listed(names: Sequence[Any]) -> str:
    text = ", ".join(repr(str(n)[:80] if isinstance(n, str) else n) for n in names[:_SHOWN])
    return text if len(names) <= _SHOWN else f"{text} and {len(names) - _SHOWN} more"
