"""Commands to copy: whatever a name holds, a shell takes it for one word.

A command is pasted into a terminal, where line breaks and control characters would act before the
shell has read a word; so they are spelled out.
"""

from __future__ import annotations

import shlex


def command(*words: str) -> str:
    """A line for a shell; words that begin it or are options are ours, the others anybody's."""
    return " ".join(map(word, words))


def with_server(server: str, *words: str) -> str:
    """A command that works with a server's models, wherever it is typed."""
    return f"export MLPACK_TRACKING_URI={word(server)}\n{command(*words)}"


def word(text: str) -> str:
    """One word of a line."""
    if text.isprintable():
        return shlex.quote(text)
    spelled = "".join(map(_spelled, text))
    return f"$'{spelled}'"  # bash, zsh, ksh and POSIX of 2024 read this


def _spelled(char: str) -> str:
    if char in "'\\":
        return "\\" + char
    if char.isprintable():
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "replace"))
