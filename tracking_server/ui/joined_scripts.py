"""The modules of a page as one file, so that a browser asks once and not thirty times.

What lies in ``static/js`` are plain ES modules that import each other. A page gets the very same
text, each module as a function of its own, in the order in which browsers run modules; a source map
shows them apart again. That is so simple because our modules import and export in three ways only,
at the begin of a line, and not in circles; `join` refuses the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

# Texts have a line break put before them: a pattern that begins with one is found quickly.
_IMPORT = re.compile(
    r'\nimport (?:(\w+)|\* as (\w+)|\{([^}]*)\}) from "(\.\.?)/((?:\w+/)*\w+)\.js";'
)
_EXPORT = re.compile(r"\nexport (?=(?:async )?(?:function\*?|const|class) (\w+))")
_OTHERS = re.compile(r"\n(?:import\b(?!\()|export\b|await\b)")
_LATER = re.compile(r'import\("\./(\w+\.js)"\)')
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@dataclass
class Joined:
    """Modules in one.

    Attributes:
        text: the script.
        libraries: what it imports besides, relative to the modules' folder.
        lines: for each module, its first line in the text and how many it has.
    """

    text: str = ""
    libraries: list[str] = field(default_factory=list)
    lines: dict[str, tuple[int, int]] = field(default_factory=dict)

    def source_map(self) -> str:
        """Which line of which module each line is; browsers ask for it when somebody debugs."""
        segments = [""] * self.text.count("\n")
        source = line = 0  # a map tells differences to the entry before
        for number, (first, many) in enumerate(self.lines.values()):
            for at in range(many):
                segments[first + at] = f"A{_digits(number - source)}{_digits(at - line)}A"
                source, line = number, at
        told = {"version": 3, "sources": list(self.lines), "names": []}
        return json.dumps(told | {"mappings": ";".join(segments)})


def join(entries: Sequence[str], read: Callable[[str], str]) -> Joined:
    """Some modules, and all that they import.

    One alone exports what it did. Of several that make up a page, one that fails does not keep the
    others from running.

    Args:
        entries: names of files, as ``page.js``.
        read: the text of one.

    Raises:
        ValueError: a module imports or exports in a way that this does not know.
    """
    joined = Joined()
    texts = _in_order(entries, read)
    for text in texts.values():
        for *_, up, path in _IMPORT.findall(text):
            library = f"../{path}.js"
            if up == ".." and library not in joined.libraries:
                joined.libraries.append(library)
                joined.text += f'import * as {_variable(up, path)} from "{library}";\n'
    for name, text in texts.items():
        made, offered = _variable(".", name[:-3]), ", ".join(_EXPORT.findall(text))
        before, after = f"const {made} = (() => {{\n", f"return {{ {offered} }};\n}})();\n"
        if name in entries and len(entries) > 1:
            before = f"let {made}; try {{ {made} = (() => {{\n"
            after = f"{after[:-1]} }} catch (error) {{ reportError(error); }}\n"
        joined.text += before
        joined.lines[name] = joined.text.count("\n"), text.count("\n") - 1
        joined.text += _body(name, text) + after
    if len(entries) == 1 and offered:
        joined.text += f"export const {{ {offered} }} = {made};\n"
    return joined


def _in_order(entries: Sequence[str], read: Callable[[str], str]) -> dict[str, str]:
    """Texts of modules, those that others need first."""
    found: dict[str, str] = {}

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"Modules import each other in a circle: {', '.join(above)}.")
        if name not in found:
            text = "\n" + read(name).removesuffix("\n") + "\n"
            for *_, up, path in _IMPORT.findall(text):
                if up == ".":
                    add(f"{path}.js", (*above, name))
            found[name] = text

    for entry in entries:
        add(entry, ())
    return found


def _body(name: str, text: str) -> str:
    """A module's text within a function, line by line."""

    def taken(match: re.Match[str]) -> str:
        default, whole, names, up, path = match.groups()
        if default:
            return f"\nconst {default} = {_variable(up, path)}.default;"
        given = whole or "{" + names.replace(" as ", ": ") + "}"
        return f"\nconst {given} = {_variable(up, path)};"

    body = _LATER.sub(r'import("./+\1")', _EXPORT.sub("\n", _IMPORT.sub(taken, text)))
    if other := _OTHERS.search(body):
        line = body.count("\n", 0, other.end())
        raise ValueError(f"{name}:{line} imports or exports in a way that cannot be joined.")
    return body[1:]


def _variable(up: str, path: str) -> str:
    return f"${'$' if up == '..' else ''}{path.replace('/', '_')}"


def _digits(number: int) -> str:
    """A number as source maps write it: five bits a digit, the lowest first, the sign before."""
    rest = -number << 1 | 1 if number < 0 else number << 1
    text = ""
    while True:
        rest, five = rest >> 5, rest & 31
        text += _DIGITS[five | (32 if rest else 0)]
        if not rest:
            return text
