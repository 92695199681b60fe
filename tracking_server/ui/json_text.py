"""JSON of anybody, read without a fault; and as people would write it: what is short stays on one
line, rows of numbers too.
"""

from __future__ import annotations

import json
from typing import Any

_WIDE = 100  # characters of a line


def parse(text: str | bytes | None) -> Any:
    """The value of a text; None for none, for what is no JSON, and for what nests absurdly deep."""
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def readable(value: Any) -> str:
    """A value as JSON of several lines, in characters that a page can hold.

    What YAML knows and JSON does not, such as dates, is there as text.
    """
    try:
        text = _lines(value, 0)
    except RecursionError:
        text = json.dumps(value, default=str)  # as deep as it was read, on one line
    return sound(text)


def sound(text: str) -> str:
    """Without halves of surrogate pairs, which JSON and YAML may spell and no page can hold."""
    return text.encode("utf-8", "replace").decode()


def _lines(value: Any, indent: int) -> str:
    if not isinstance(value, dict | list) or not value:
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, list):
        parts, (begin, end) = [_lines(each, indent + 2) for each in value], "[]"
        is_row = not any(isinstance(each, dict | list) for each in value)
    else:
        names = [json.dumps(str(name), ensure_ascii=False) for name in value]
        inner = [_lines(each, indent + 2) for each in value.values()]
        parts, (begin, end) = [f"{n}: {v}" for n, v in zip(names, inner, strict=True)], "{}"
        is_row = False
    width = sum(map(len, parts)) + 2 * len(parts) + indent
    if is_row or (width <= _WIDE and not any("\n" in part for part in parts)):
        return f"{begin}{', '.join(parts)}{end}"
    blank = "\n" + " " * indent
    return f"{begin}{blank}  " + f",{blank}  ".join(parts) + f"{blank}{end}"
