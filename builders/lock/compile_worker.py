"""Compiles a list of Python files to the same bytes wherever and whenever it runs.

Runs in a process of its own, by the Python whose bytecode is wanted; so it uses the standard
library alone. Reads one JSON list from standard input: ``[source, path in the image, file to
write]``; prints how many there were.

What a compiled file holds should depend on its source alone. But ``marshal`` marks an object
that something else refers to as well (a name that another module has interned, say), so that
the bytes tell what else the process has seen. Here everything that goes into a file is referred
to by this script, too, so all of it is marked, always. And one character's text is kept once in
a process, with a mark when somebody has interned it; so all of them are, beforehand. Sets are
told of at `names_in_sets`.
"""

from __future__ import annotations

import importlib.util
import json
import marshal
import os
import sys
import types
import warnings

# the source is checked at no start: in an image it does not change (PEP 552)
_UNCHECKED = (0b01).to_bytes(4, "little")


def main() -> None:
    for number in range(256):
        sys.intern(chr(number))
    warnings.simplefilter("ignore")
    made = 0
    for source, shown, target in json.load(sys.stdin):
        with open(source, "rb") as file:  # noqa: PTH123
            content = file.read()
        compiled = compiled_bytes(content, shown)
        if compiled is None:
            continue  # written for another Python, or a template; importing it says so
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        with open(target, "wb") as file:  # noqa: PTH123
            file.write(compiled)
        made += 1
    print(made)  # noqa: T201


def compiled_bytes(content: bytes, shown: str) -> bytes | None:
    """What Python writes to ``__pycache__``; None when the source does not compile."""
    try:
        held: list[object] = []
        code = compile(content, shown, "exec", dont_inherit=True, optimize=0)
        hold(code, held)
        if known := names_in_sets(held):
            code = compile(content, shown, "exec", dont_inherit=True, optimize=0)
            held = [known]
            hold(code, held)
        body = marshal.dumps(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    head = importlib.util.MAGIC_NUMBER + _UNCHECKED + importlib.util.source_hash(content)
    return head + body


def names_in_sets(held: list[object]) -> list[str]:
    """All text in the sets among some constants, interned.

    Whether equal sets of a file are kept as one depends on whether something has interned their
    words before (CPython makes a new set when it puts interned ones in their place). So a file
    with sets is compiled once more when all of them are.
    """
    inside: list[object] = []
    for value in held:
        if isinstance(value, frozenset):
            hold(value, inside)
    return [sys.intern(each) for each in inside if type(each) is str]


def hold(value: object, held: list[object]) -> None:
    """Refer to a constant and everything in it."""
    held.append(value)
    if isinstance(value, types.CodeType):
        names = (value.co_names, value.co_varnames, value.co_freevars, value.co_cellvars)
        own = (value.co_name, value.co_qualname, value.co_filename)
        for each in (value.co_consts, *names, *own, value.co_linetable, value.co_exceptiontable):
            hold(each, held)
    elif isinstance(value, (tuple, frozenset)):
        for each in value:
            hold(each, held)
    elif isinstance(value, slice):  # a constant since Python 3.14
        hold((value.start, value.stop, value.step), held)


if __name__ == "__main__":
    main()
