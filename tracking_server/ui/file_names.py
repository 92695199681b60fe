"""Names of files, which may hold anything, for people and for programs."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def visible(name: str) -> str:
    """A name in which what cannot be seen, or turns writing around, is seen: ``\\u202e``."""
    return "".join(
        char
        if unicodedata.category(char) not in _UNSEEN
        else char.encode("unicode_escape").decode()
        for char in name
    )


def python_text(text: str) -> str:
    """A text as Python writes it, in double quotes."""
    plain = visible(text.replace("\\", "\\\\")).replace('"', '\\"')
    return f'"{plain}"'
