"""A logged model's input example as a request, as a table, and as text to edit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...flavors.descriptor import Model
from ...flavors.examples import EXAMPLE_FILE, SERVING_FILE
from .json_text import readable, sound
from .words import cut

_LARGEST = 100_000  # bytes of an example that is shown
_MOST_ROWS = 10
_MOST_COLUMNS = 50
_LONGEST = 100  # characters of a cell

Read = Callable[[str, int], bytes | None]
"""``read(name, most)``: the first bytes of one of the model's files; None if it has none."""


@dataclass(frozen=True)
class Grid:
    """The example as a table; ``more`` says what of it is left out."""

    columns: list[str]
    rows: list[list[str]]
    more: str = ""


@dataclass(frozen=True)
class Example:
    """What to send to ``/invocations``.

    Attributes:
        request: the body; None when there is none to show.
        note: why there is none, or that it is made up.
        file: in which it lies, if it does.
    """

    request: Any = None
    note: str = ""
    file: str | None = None

    @property
    def text(self) -> str:
        """For people to edit."""
        return "" if self.request is None else readable(self.request)

    @property
    def grid(self) -> Grid | None:
        """The rows, if it has any."""
        return _grid(self.request) if isinstance(self.request, dict) else None


def example_of(model: Model, read: Read) -> Example:
    """The example that was logged with a model, else one made up from its signature.

    Args:
        model: its descriptor.
        read: of its files; may raise `MlpackError`.
    """
    info = model.saved_input_example_info or {}
    serving = info.get("serving_input_path", SERVING_FILE)
    for name, as_request in ((serving, None), (info.get("artifact_path", EXAMPLE_FILE), info)):
        raw = read(name, _LARGEST + 1) if info and isinstance(name, str) else None
        if raw is None:
            continue
        if len(raw) > _LARGEST:
            return Example(None, "The input example is too large to be shown here.", name)
        try:
            # other tools write NaN, which is no JSON, for a missing number
            value = json.loads(raw, parse_constant=lambda _: None)
        except (ValueError, RecursionError) as error:
            return Example(None, f"The input example {name} cannot be read: {error}.", name)
        return Example(value if as_request is None else _request(value, as_request), file=name)
    return _made_up(model)


def _request(value: Any, info: dict[str, Any]) -> Any:
    """The body of a request from the data alone, which is all that older models keep."""
    params = None
    if info.get("params") and isinstance(value, dict) and "inputs" in value:
        value, params = value["inputs"], value.get("params")
    is_split = info.get("type") == "dataframe" and isinstance(value, dict) and "data" in value
    request = {"dataframe_split" if is_split else "inputs": value}
    return request if params is None else {**request, "params": params}


def _made_up(model: Model) -> Example:
    from ...serve.examples import from_signature

    request = from_signature(model.signature)
    if request is None:
        return Example(None, "The model was logged without an input example.")
    return Example(request, "Made up from the signature: the model has no input example.")


def _grid(request: dict[str, Any]) -> Grid | None:
    split, records = request.get("dataframe_split"), request.get("dataframe_records")
    if isinstance(split, dict) and isinstance(split.get("data"), list):
        rows = [row if isinstance(row, list) else [row] for row in split["data"]]
        named = split.get("columns")
        width = max(map(len, rows), default=0)
        columns = named if isinstance(named, list) else list(range(width))
    elif isinstance(records, list) and all(isinstance(row, dict) for row in records):
        columns = list(dict.fromkeys(name for row in records for name in row))
        rows = [[row.get(name) for name in columns] for row in records]
    else:
        return None
    if not rows or not columns:
        return None
    more = []
    if len(rows) > _MOST_ROWS:
        more.append(f"{len(rows) - _MOST_ROWS} more rows")
    if len(columns) > _MOST_COLUMNS:
        more.append(f"{len(columns) - _MOST_COLUMNS} more columns")
    shown = [[_cell(value) for value in row[:_MOST_COLUMNS]] for row in rows[:_MOST_ROWS]]
    return Grid([_cell(name) for name in columns[:_MOST_COLUMNS]], shown, " and ".join(more))


def _cell(value: Any) -> str:
    text = sound(value) if isinstance(value, str) else readable(value)
    return cut(text, _LONGEST)
