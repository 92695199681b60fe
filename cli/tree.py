"""A tree of lines, as ``tree`` and ``git log --graph`` draw one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .terminal import wrap


@dataclass
class Node:
    """A line and what belongs to it."""

    text: str
    children: list[Node] = field(default_factory=list)

    def add(self, text: str) -> Node:
        """Add a line below this one and return it."""
        child = Node(text)
        self.children.append(child)
        return child


def draw(node: Node, width: int | None = None) -> Iterator[str]:
    """The lines of a tree.

    Args:
        node: its root.
        width: of the terminal; longer lines go on below their own beginning.
    """
    yield from _lines(node.text, "", "│   " if node.children else "    ", width)
    yield from _below(node, "", width)


def _below(node: Node, indent: str, width: int | None) -> Iterator[str]:
    for child in node.children:
        last = child is node.children[-1]
        inner = indent + ("    " if last else "│   ")
        go_on = inner + ("│   " if child.children else "    ")
        yield from _lines(child.text, indent + ("└── " if last else "├── "), go_on, width)
        yield from _below(child, inner, width)


def _lines(text: str, first: str, rest: str, width: int | None) -> Iterator[str]:
    lines = wrap(text, max(width - len(rest), 20)) if width else text.split("\n")
    yield first + lines[0]
    yield from (rest + line for line in lines[1:])
