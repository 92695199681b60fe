"""What a registry wants to know before it answers: the header ``WWW-Authenticate``.

Format: RFC 9110, section 11.6.1; Docker's token protocol uses the scheme ``Bearer`` with
``realm``, ``service`` and ``scope``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NEXT = re.compile(
    rf"""[\s,]*(?:(?P<name>{_WORD})\s{{0,8}}=\s{{0,8}}
    (?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]+)) | (?P<scheme>{_WORD}))""",
    re.VERBOSE | re.DOTALL,
)
_MAX = 16384


@dataclass(frozen=True)
class Challenge:
    """One way to say who one is.

    Attributes:
        scheme: lower-case, such as ``bearer``.
        parameters: names lower-case.
    """

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def challenges(headers: Iterable[str]) -> list[Challenge]:
    """All of them, in the registry's order; what cannot be read is passed over.

    Args:
        headers: the values of each ``WWW-Authenticate``.
    """
    found: list[Challenge] = []
    for header in headers:
        place, text = 0, header[:_MAX]
        parameters: dict[str, str] | None = None
        while match := _NEXT.match(text, place):
            place = match.end()
            if match["scheme"]:
                parameters = {}
                found.append(Challenge(match["scheme"].lower(), parameters))
            elif parameters is not None:
                quoted = match["quoted"]
                value = match["bare"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                parameters.setdefault(match["name"].lower(), value)
    return found
