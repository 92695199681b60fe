"""Whether a model gains from batching, and whether it may be batched: tried out at the start.

It may if its prediction for a row does not depend on the rows beside it, and is one a row. The
input example is the material. Where it holds one row only, others are made from that by changing
its numbers a little, for equal rows would not show that a model looks at its neighbours.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..flavors.table import Table
from .encode import to_plain
from .merge import join, kind_of, rows_of, split

log = logging.getLogger("mlpack.serve")

_PARTS = 5  # different rows that are tried
_MANY = 64  # rows that the costs are compared for
_SHARE = 0.5  # of what single calls cost, at most, so that it is worth the while
_PATIENCE = 10.0  # seconds after which the model is too slow to be tried further
_ATTEMPTS = 3
_CHEAP = 0.02  # seconds a call, up to which it is measured several times

Predict = Callable[[Any, Mapping[str, Any]], Any]


def gains_from_batching(predict: Predict, example: Any, params: Mapping[str, Any]) -> bool:
    """Try the model on its example: singly, a few rows at once, many at once.

    Args:
        predict: the model.
        example: enforced input.
        params: enforced parameters.

    Returns:
        True if rows do not influence each other, each has one prediction, and a call with many
        rows costs much less than as many calls.
    """
    until = time.monotonic() + _PATIENCE
    try:
        rows = _single_rows(example)
        if len(rows) < 2:
            return _no("its input example does not show whether rows influence each other")
        alone = [to_plain(predict(row, params)) for row in rows]
        for group in _groups(len(rows)):
            if time.monotonic() > until:
                return _no("it is too slow to be tried out")
            together = predict(join([rows[i] for i in group]), params)
            parts = split(together, [1] * len(group))
            if parts is None:
                return _no("it does not return one prediction a row")
            if not all(
                same(to_plain(part), alone[i]) for i, part in zip(group, parts, strict=True)
            ):
                return _no("rows that are predicted together influence each other")
        return _pays(predict, rows, params, until)
    except Exception as error:
        return _no(f"it raised {type(error).__name__} when it was tried out: {error}")


def _no(reason: str) -> bool:
    log.info("Requests are not batched for this model: %s.", reason)
    return False


def _groups(count: int) -> list[list[int]]:
    """Which rows are predicted together: several numbers of them, in several orders."""
    everything = list(range(count))
    many = [i % count for i in range(_MANY)]
    return [everything[:2], everything[:0:-1], everything, many]


def _pays(predict: Predict, rows: list[Any], params: Mapping[str, Any], until: float) -> bool:
    one = _seconds(predict, rows[0], params)
    for count in (8, _MANY):
        several = join([rows[i % len(rows)] for i in range(count)])
        for _ in range(_ATTEMPTS):  # a machine that is busy with other things makes one call slow
            if time.monotonic() > until:
                return _no("it is too slow to be tried out")
            if _seconds(predict, several, params) <= one * count * _SHARE:
                break
        else:
            return _no("calls with many rows save too little")
    return True


def _seconds(predict: Predict, data: Any, params: Mapping[str, Any]) -> float:
    """Of one call; the best of a few where it is cheap."""
    best = math.inf
    for _ in range(3):
        begun = time.perf_counter()
        predict(data, params)
        best = min(best, time.perf_counter() - begun)
        if best > _CHEAP:
            break
    return best


def _single_rows(example: Any) -> list[Any]:
    """A few different inputs of one row each, from the example or made from its first row."""
    count = rows_of(example)
    if not count or kind_of(example) is None:
        return []
    pieces = split(example, [1] * count) or []
    distinct: list[Any] = []
    for piece in pieces[: 4 * _PARTS]:
        if not any(same(to_plain(piece), to_plain(other)) for other in distinct):
            distinct.append(piece)
        if len(distinct) == _PARTS:
            break
    if len(distinct) > 1:
        return distinct
    changed = [_changed(distinct[0], step) for step in range(1, _PARTS)]
    return [*distinct, *(c for c in changed if not same(to_plain(c), to_plain(distinct[0])))]


def _changed(data: Any, step: int) -> Any:
    """The same row with other numbers; whatever else it holds stays."""
    if type(data) is Table:
        columns = [_changed(column, step + i) for i, column in enumerate(data.columns)]
        return Table(data.names, columns)
    if type(data) is dict:
        return {name: _changed(part, step) for name, part in data.items()}
    if type(data) is list:
        return [_changed(item, step) for item in data]
    if isinstance(data, bool):
        return data
    if isinstance(data, int):
        return data + step
    if isinstance(data, float):
        return data * (1 + 0.1 * step) + 0.01 * step
    kind = data.dtype.kind if hasattr(data, "dtype") else ""
    if kind in ("i", "u"):
        return data + data.dtype.type(step)
    if kind == "f":
        return data * data.dtype.type(1 + 0.1 * step) + data.dtype.type(0.01 * step)
    return data


def same(left: Any, right: Any) -> bool:
    """Whether two plain values are equal, but for the last digits of floats."""
    if type(left) is not type(right):
        return False
    if type(left) is float:
        return math.isclose(left, right, rel_tol=1e-5, abs_tol=1e-8)
    if type(left) is list:
        return len(left) == len(right) and all(map(same, left, right))
    if type(left) is dict:
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    return bool(left == right)
