"""JSON as a tree that folds."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from ..json_text import parse
from ..words import cut
from .file import File
from .kind import Kind, by_suffix
from .text import whole

_LARGEST = 2 << 20
_MOST_NODES = 3000
_DEEPEST = 30
_LONGEST = 2000  # characters of a text
_OPEN = 2  # levels that are open at first


def prepare(file: File) -> dict[str, Any] | None:
    """The tree; None for what is no JSON, is large, or nests absurdly deep."""
    value = parse(whole(file, _LARGEST))
    if not isinstance(value, dict | list):
        return None
    drawing = _Drawing()
    tree = drawing.node(None, value, 0)
    cut = f"the first {_MOST_NODES:,} values" if drawing.left < 0 else None
    return {"tree": tree, "cut": cut}


class _Drawing:
    """Draws so many nodes and no more."""

    def __init__(self) -> None:
        self.left = _MOST_NODES

    def node(self, key: str | int | None, value: Any, depth: int) -> Markup:
        """A value with what it is called."""
        name = Markup("")
        if key is not None:
            name = Markup('<span class="key">{}</span>: ').format(cut(str(key), _LONGEST))
        if not isinstance(value, dict | list) or not value or depth >= _DEEPEST:
            return Markup('<div class="leaf">{}{}</div>').format(name, _leaf(value))
        count = len(value)
        kind = f"{{{count}}}" if isinstance(value, dict) else f"[{count}]"
        inside = self._inside(value, depth + 1)
        return Markup(
            '<details{}><summary>{}<span class="quiet">{}</span></summary>{}</details>'
        ).format(Markup(" open") if depth < _OPEN else "", name, kind, inside)

    def _inside(self, value: dict[str, Any] | list[Any], depth: int) -> Markup:
        parts = []
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            self.left -= 1
            if self.left < 0:
                parts.append(Markup('<div class="leaf quiet">…</div>'))
                break
            parts.append(self.node(key, each, depth))
        return Markup("").join(parts)


def _leaf(value: Any) -> Markup:
    if isinstance(value, dict | list):
        text = "…" if value else "{}" if isinstance(value, dict) else "[]"
        return Markup('<span class="quiet">{}</span>').format(text)
    if isinstance(value, str):
        return Markup('<span class="text">{}</span>').format(f'"{cut(value, _LONGEST)}"')
    return Markup('<span class="value">{}</span>').format(json.dumps(value))


KIND = Kind(
    "json",
    by_suffix(".json", ".ipynb", ".geojson"),
    prepare,
    "mlpack.artifacts.load_dict({uri})",
    is_text=True,
)
