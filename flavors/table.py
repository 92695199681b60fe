"""A batch of named columns, light enough for one request and for ten thousand rows.

What a request's JSON becomes and what a predictor receives. A column is a plain list, a
numpy array, or a pandas extension array (strings, categories) that came with a DataFrame;
numpy and pandas are imported only where a column needs them. Enforcement leaves the columns of
one numeric type together in one two-dimensional block, from which a matrix or a DataFrame is
made without touching single columns.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput
from .column_types import duplicates
from .columns import Column, as_array, concat_column, from_series, to_list

if TYPE_CHECKING:
    import numpy as np

Name = str | int
Block = tuple[Any, Sequence[int]]  # columns as the rows of one array, and their positions

# frames all of one of these stay one array
_BLOCK_DTYPES = ("float64", "float32", "int64", "int32", "bool")


class Table:
    """Columns of equal length under distinct names.

    Args:
        names: strings, or integers where the columns have no names.
        columns: one sequence a name; a string is not a sequence here.
        index: row labels that a DataFrame should get back; None counts from 0.

    Attributes:
        blocks: columns that lie together in one array; the others are only in ``columns``.
        rows: the rows of a table that came as rows and that nobody took apart yet, else None.
        dropped: names of columns that came in but that the signature does not know; set by
            `enforce`, so that a server can tell the caller.

    Raises:
        InvalidInput: names repeat, or lengths differ.
    """

    __slots__ = ("_columns", "blocks", "dropped", "index", "n_rows", "names", "rows")

    def __init__(
        self,
        names: Sequence[Name],
        columns: Sequence[Column],
        index: Sequence[Hashable] | None = None,
    ) -> None:
        self.names: tuple[Name, ...] = tuple(names)
        self.index = index
        self.dropped: tuple[Name, ...] = ()
        self.blocks: tuple[Block, ...] = ()
        self.rows: Sequence[Sequence[Any]] | None = None
        self._columns: list[Column] = list(columns)
        if len(self.names) != len(self._columns):
            raise InvalidInput(f"{len(self.names)} column names for {len(self._columns)} columns.")
        lengths = list(map(len, self._columns))
        self.n_rows: int = lengths[0] if lengths else 0 if index is None else len(index)
        if lengths.count(self.n_rows) != len(lengths):
            odd = next(i for i, n in enumerate(lengths) if n != self.n_rows)
            raise InvalidInput(
                f"Columns differ in length: {self.names[0]!r} has {self.n_rows} values, "
                f"{self.names[odd]!r} has {lengths[odd]}."
            )
        self._check_labels()

    def _check_labels(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise InvalidInput(f"These column names occur twice: {duplicates(self.names)}.")
        if self.index is not None and len(self.index) != self.n_rows:
            raise InvalidInput(f"The index has {len(self.index)} labels for {self.n_rows} rows.")

    @classmethod
    def from_blocks(
        cls,
        names: Sequence[Name],
        blocks: Sequence[Block],
        columns: Sequence[Column],
        n_rows: int,
        index: Sequence[Hashable] | None = None,
    ) -> Table:
        """A table from checked parts; nothing is checked or copied again.

        Args:
            names: of all columns.
            blocks: arrays of shape (columns, rows) with the positions of their columns.
            columns: the remaining columns at their positions, None where a block has one.
            n_rows: length of every column.
            index: row labels.
        """
        table = cls.__new__(cls)
        table.names, table.index, table.dropped, table.rows = tuple(names), index, (), None
        table.n_rows, table.blocks = n_rows, tuple(blocks)
        table._columns = list(columns)
        return table

    @classmethod
    def from_split(
        cls,
        columns: Sequence[Name] | None,
        data: Any,
        index: Sequence[Hashable] | None = None,
    ) -> Table:
        """From rows under a header, the ``dataframe_split`` form.

        Args:
            columns: the header; None numbers the columns from 0.
            data: a list of rows (lists of equal length) or a two-dimensional array.
            index: row labels.

        Raises:
            InvalidInput: a row is no list or of another length than the header.
        """
        if columns is not None:
            columns = _names(columns)
        if hasattr(data, "ndim"):
            if data.ndim != 2:
                raise InvalidInput(f"Expected a 2-dimensional array, got shape {data.shape}.")
            return cls(columns or range(data.shape[1]), list(data.T), index)
        if not isinstance(data, list | tuple):
            raise InvalidInput(f"'data' must be a list of rows, got {_kind(data)}.")
        if not all(t is list or t is tuple for t in set(map(type, data))):
            row = next(i for i, r in enumerate(data) if not isinstance(r, list | tuple))
            raise InvalidInput(f"Row {row} of 'data' must be a list, got {_kind(data[row])}.")
        widths = list(map(len, data))
        width = len(columns) if columns is not None else widths[0] if widths else 0
        if widths.count(width) != len(widths):
            row = next(i for i, n in enumerate(widths) if n != width)
            raise InvalidInput(f"Row {row} has {widths[row]} values, expected {width}.")
        names = tuple(range(width)) if columns is None else columns
        if not data or not width:
            return cls(names, [[] for _ in range(width)], _labels(index))
        table = cls.from_blocks(names, (), (None,) * width, len(data), _labels(index))
        table._check_labels()
        table.rows = data
        return table

    @classmethod
    def from_records(cls, records: Sequence[Mapping[Name, Any]]) -> Table:
        """From one mapping a row; a key that a row lacks is None there.

        Raises:
            InvalidInput: a row is no mapping.
        """
        if not isinstance(records, list | tuple):
            raise InvalidInput(f"Records must be a list of objects, got {_kind(records)}.")
        if set(map(type, records)) != {dict}:
            for i, record in enumerate(records):
                if not isinstance(record, Mapping):
                    raise InvalidInput(f"Record {i} must be an object, got {_kind(record)}.")
        if not records:
            return cls((), [])
        names = _names(records[0])
        keys = records[0].keys()
        if any(record.keys() != keys for record in records):
            names = _names(dict.fromkeys(name for record in records for name in record))
            return cls(names, [[record.get(name) for record in records] for name in names])
        if len(names) < 2:
            return cls(names, [[record[name] for record in records] for name in names])
        table = cls.from_blocks(names, (), (None,) * len(names), len(records))
        table._check_labels()
        table.rows = list(map(itemgetter(*names), records))
        return table

    @classmethod
    def from_dict(cls, data: Mapping[Name, Column]) -> Table:
        """From a mapping of names to columns (lists or one-dimensional arrays).

        Raises:
            InvalidInput: a value is no column, or lengths differ.
        """
        for name, column in data.items():
            if isinstance(column, str | bytes | Mapping) or not hasattr(column, "__len__"):
                raise InvalidInput(f"Column {name!r} must be a list, got {_kind(column)}.")
            if getattr(column, "ndim", 1) != 1:
                raise InvalidInput(f"Column {name!r} must be one-dimensional.")
        columns = [list(c) if isinstance(c, tuple) else c for c in data.values()]
        return cls(_names(data), columns)

    @classmethod
    def from_pandas(cls, data: Any) -> Table:
        """From a DataFrame or a Series (one column, 0 if it has no name).

        Raises:
            InvalidInput: column names repeat or are neither strings nor integers.
        """
        if data.ndim == 1:
            data = data.to_frame(0 if data.name is None else data.name)
        import pandas as pd

        names = _names(data.columns)
        counted = isinstance(data.index, pd.RangeIndex) and data.index.start == 0
        index = None if counted and data.index.step == 1 else data.index
        if twice := duplicates(names):
            raise InvalidInput(f"These column names occur twice: {twice}.")
        dtypes = set(data.dtypes)
        if len(dtypes) == 1 and dtypes.pop() in _BLOCK_DTYPES:
            block = data.to_numpy().T
            holes = [None] * len(names)
            return cls.from_blocks(names, [(block, range(len(names)))], holes, len(data), index)
        table = cls(names, [from_series(series) for _, series in data.items()], index)
        table.n_rows = len(data)
        return table

    @property
    def columns(self) -> list[Column]:
        """The columns, in the order of ``names``."""
        self._take_rows_apart()
        for block, positions in self.blocks:
            if self._columns[positions[0]] is None:
                for position, row in zip(positions, block, strict=True):
                    self._columns[position] = row
        return self._columns

    def _take_rows_apart(self) -> None:
        if self.rows is not None:
            self._columns = list(map(list, zip(*self.rows, strict=True)))
            self.rows = None

    def column(self, name: Name) -> Column:
        """One column.

        Raises:
            InvalidInput: there is no such column.
        """
        try:
            return self.columns[self.names.index(name)]
        except ValueError:
            raise InvalidInput(f"There is no column {name!r} among {list(self.names)}.") from None

    def select(self, names: Sequence[Name]) -> Table:
        """These columns in this order.

        Raises:
            InvalidInput: a name is unknown.
        """
        return Table(names, [self.column(name) for name in names], self.index)

    def to_records(self) -> list[dict[Name, Any]]:
        """One dict a row, of plain Python values."""
        lists = map(to_list, self.columns)
        return [dict(zip(self.names, row, strict=True)) for row in zip(*lists, strict=True)]

    def to_matrix(self, dtype: Any = None) -> np.ndarray:
        """All values as one array of shape (rows, columns).

        Args:
            dtype: the array's dtype; by default the smallest that holds all columns
                (``object`` as soon as one holds strings).

        Raises:
            InvalidInput: a column does not convert to ``dtype``.
        """
        import numpy as np

        if len(self.blocks) == 1 and len(self.blocks[0][1]) == len(self.names):
            matrix: np.ndarray = self.blocks[0][0].T
            return matrix if dtype is None else matrix.astype(dtype, copy=False)
        arrays = [as_array(column) for column in self.columns]
        if dtype is None:
            kinds = {a.dtype for a in arrays}
            mixed = any(d.kind not in "biufc" for d in kinds) and len(kinds) > 1
            dtype = object if mixed else np.result_type(*kinds) if kinds else np.float64
        matrix = np.empty((self.n_rows, len(arrays)), dtype=dtype)
        for i, array in enumerate(arrays):
            try:
                matrix[:, i] = array
            except (TypeError, ValueError) as error:
                raise InvalidInput(
                    f"Column {self.names[i]!r} does not convert to {matrix.dtype}: {error}."
                ) from None
        return matrix

    def to_pandas(self) -> Any:
        """The same as a ``pandas.DataFrame``."""
        from .frames import build_frame

        self._take_rows_apart()
        loose = [(i, c) for i, c in enumerate(self._columns) if not self._in_block(i)]
        return build_frame(self.names, self.blocks, loose, self.n_rows, self.index)

    def _in_block(self, position: int) -> bool:
        return any(position in positions for _, positions in self.blocks)

    def __len__(self) -> int:
        return self.n_rows

    def __repr__(self) -> str:
        return f"<Table {self.n_rows} rows × {len(self.names)} columns {list(self.names)}>"


def concat(tables: Sequence[Table]) -> Table:
    """One table of all rows, in order; row labels are lost.

    Args:
        tables: at least one, all with the same names in the same order.

    Raises:
        InvalidInput: none given, or names differ.
    """
    if not tables:
        raise InvalidInput("There is no table to join.")
    first = tables[0]
    if any(t.names != first.names for t in tables):
        raise InvalidInput("Tables with different columns cannot be joined.")
    if len(tables) == 1:
        return first
    for table in tables:
        table._take_rows_apart()
    layouts = {tuple((b.dtype, tuple(at)) for b, at in t.blocks) for t in tables}
    if len(layouts) > 1:
        columns = zip(*(t.columns for t in tables), strict=True)
        return Table(first.names, [concat_column(parts) for parts in columns])
    blocks, joined = [], [None] * len(first.names)
    if first.blocks:
        import numpy as np

        for i, (_, positions) in enumerate(first.blocks):
            blocks.append((np.concatenate([t.blocks[i][0] for t in tables], axis=1), positions))
    for i in range(len(first.names)):
        if not first._in_block(i):
            joined[i] = concat_column([t._columns[i] for t in tables])
    return Table.from_blocks(first.names, blocks, joined, sum(t.n_rows for t in tables))


def _names(names: Iterable[Any]) -> tuple[Name, ...]:
    if isinstance(names, str | bytes) or not isinstance(names, Iterable):
        raise InvalidInput(f"Column names must be a list, got {_kind(names)}.")
    result = tuple(names)
    kinds = set(map(type, result))
    if kinds <= {str, int}:
        return result
    plain = []
    for name in result:
        if isinstance(name, bool) or not (isinstance(name, str) or hasattr(name, "__index__")):
            raise InvalidInput(f"A column's name must be a string or an integer, got {name!r}.")
        plain.append(str(name) if isinstance(name, str) else name.__index__())
    return tuple(plain)


def _labels(index: Any) -> Sequence[Hashable] | None:
    if index is None or hasattr(index, "dtype"):
        return index  # type: ignore[no-any-return]
    if not isinstance(index, list | tuple):
        raise InvalidInput(f"'index' must be a list of row labels, got {_kind(index)}.")
    if not all(isinstance(label, str | int | float | bool | None) for label in index):
        raise InvalidInput("'index' must hold strings or numbers.")
    return index


def _kind(value: Any) -> str:
    """How a caller would call the type of a JSON value."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    names |= {int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)
