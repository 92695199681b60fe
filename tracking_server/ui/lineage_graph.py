"""The lineage of a version as a graph: what is in it, and where it is drawn. Pure.

Columns from left to right: what a run read, the run, the logged model, the versions of it, images,
deployments. Boxes of a column stand below each other; columns that are empty take no room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .lineage_nodes import COLUMNS, Edge, Node

WIDTH, HEIGHT = 190, 64  # of a box
_ACROSS, _BETWEEN, _TOP, _MARGIN = 40, 14, 30, 2
_FOLDED = 7  # boxes of a column, where it is not asked for all
_MOST = 200  # even then


@dataclass(frozen=True)
class Box:
    """A node and where its upper left corner is."""

    node: Node
    x: int
    y: int


@dataclass(frozen=True)
class Column:
    """Its title, and where it begins; all its nodes, also those that are folded away."""

    title: str
    x: int
    nodes: Sequence[Node]


@dataclass(frozen=True)
class Graph:
    """What a template draws.

    Attributes:
        paths: the curves of edges, as ``d`` of a ``<path>``, and whether one end is gone.
        folded: how many nodes are not drawn.
    """

    width: int
    height: int
    columns: list[Column] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    paths: list[tuple[str, bool]] = field(default_factory=list)
    folded: int = 0


def drawn(nodes: Iterable[Node], edges: Iterable[Edge], whole: bool, more: str) -> Graph:
    """Lay a graph out.

    Args:
        nodes: of any order; within a column they keep it.
        edges: between keys of nodes.
        whole: draw everything; otherwise long columns end with "+ n more".
        more: the address of everything.

    Returns:
        Where everything is drawn.
    """
    found = list(nodes)
    shown: list[tuple[str, list[Node], list[Node]]] = []
    stands_for: dict[str, str] = {}
    for kind, title in COLUMNS.items():
        column = [node for node in found if node.column == kind]
        if column:
            few = _folded(column, _MOST if whole else _FOLDED, more)
            stands_for |= {node.key: few[-1].key for node in column[len(few) - 1 :]}
            stands_for |= {node.key: node.key for node in few}
            shown.append((title, column, few))
    tallest = max((len(few) for _, _, few in shown), default=0)
    height = _TOP + tallest * (HEIGHT + _BETWEEN)
    columns, boxes = [], []
    for position, (title, column, few) in enumerate(shown):
        x = _MARGIN + position * (WIDTH + _ACROSS)
        columns.append(Column(title, x, column))
        top = _TOP + (tallest - len(few)) * (HEIGHT + _BETWEEN) // 2
        boxes += [Box(node, x, top + i * (HEIGHT + _BETWEEN)) for i, node in enumerate(few)]
    width = 2 * _MARGIN + len(shown) * (WIDTH + _ACROSS) - _ACROSS if shown else 0
    paths = _paths(boxes, edges, stands_for)
    hidden = sum(len(column) for _, column, _ in shown) - sum(not box.node.is_fold for box in boxes)
    return Graph(width, height, columns, boxes, paths, hidden)


def _folded(column: list[Node], most: int, more: str) -> list[Node]:
    if len(column) <= most:
        return column
    # the one that the page is about is never folded away
    first = sorted(column, key=lambda node: not node.is_here)[: most - 1]
    left = len(column) - len(first)
    kept = [node for node in column if node in first]
    column[:] = kept + [node for node in column if node not in first]
    fold = Node(f"more {column[0].column}", column[0].column, f"+ {left} more", href=more)
    return [*kept, fold]


def _paths(
    boxes: Sequence[Box], edges: Iterable[Edge], stands_for: dict[str, str]
) -> list[tuple[str, bool]]:
    at = {box.node.key: box for box in boxes}
    found: dict[str, bool] = {}
    for edge in edges:
        ends = [at.get(stands_for.get(key, "")) for key in (edge.start, edge.end)]
        if ends[0] is None or ends[1] is None:
            continue
        found.setdefault(_curve(ends[0], ends[1], boxes), any(b.node.gone for b in ends if b))
    return list(found.items())


def _curve(start: Box, end: Box, boxes: Sequence[Box]) -> str:
    """From box to box; past the boxes of a column between them, not behind one."""
    x, y = start.x + WIDTH, start.y + HEIGHT // 2
    to_x, to_y = end.x, end.y + HEIGHT // 2
    between = [box for box in boxes if start.x < box.x < end.x]
    if not between:
        return f"M{x} {y}{_bend(x, y, to_x, to_y)}"
    lane = _lane(between, to_y)
    low, high = min(box.x for box in between), max(box.x for box in between) + WIDTH
    return f"M{x} {y}{_bend(x, y, low, lane)}H{high}{_bend(high, lane, to_x, to_y)}"


def _bend(x: int, y: int, to_x: int, to_y: int) -> str:
    half = (to_x - x) // 2
    return f"C{x + half} {y} {to_x - half} {to_y} {to_x} {to_y}"


def _lane(between: Sequence[Box], wanted: int) -> int:
    """The height nearest to the one wanted at which no box is."""
    gap = _BETWEEN // 2
    edges = [y for box in between for y in (box.y - gap, box.y + HEIGHT + gap)]
    free = [
        y
        for y in [wanted, *edges]
        if not any(box.y - gap < y < box.y + HEIGHT + gap for box in between)
    ]
    return min(free, key=lambda y: abs(y - wanted))
