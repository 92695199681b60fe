"""How a file is called that a browser gets (RFC 6266)."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

_MEANT = '"\\%'  # that quoted texts end with, or that some browsers decode


def disposition(what: Literal["attachment", "inline"], name: str) -> str:
    """The header Content-Disposition: whether a file is saved or shown, and its name.

    Headers are ASCII and names are anything: line breaks, quotes, letters of every language. What
    the plain name cannot hold is a ``_`` in it, and the whole name stands behind it.
    """
    plain = "".join(c if c.isascii() and c.isprintable() and c not in _MEANT else "_" for c in name)
    header = f'{what}; filename="{plain}"'
    if plain != name:
        header += f"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    return header
