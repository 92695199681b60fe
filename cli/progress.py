"""Live progress on standard error: what a builder or target reports, as lines that people follow.

`Board` keeps what is known; how it is shown depends on where: on a terminal with rich (extra
``images``) as lines that change (build_progress.py), in a file, a CI log or without rich as plain
lines, one when a part begins that takes long and one when it is done.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import click

from .terminal import clean

if TYPE_CHECKING:
    from ..builders.base import Progress

State = Literal["working", "cached", "done", "stopped"]
_WINDOW_SECONDS = 3.0  # over which a speed is told
_LONG_SECONDS = 10.0  # a part that takes longer says in a log that it is at work


@dataclass
class Line:
    """One part of the image, one step of a deployment, or one transfer.

    Attributes:
        name: the part's, '' for what belongs to none.
        text: what happens to it.
        state: whether it is still at work.
        detail: its last line of output.
        done: bytes so far.
        total: bytes in all; 0 while that is not known.
        started: when.
        ended: when; None while it is at work.
    """

    name: str
    text: str
    state: State = "working"
    detail: str = ""
    done: int = 0
    total: int = 0
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def at(self, done: int, total: int) -> None:
        """A transfer is so far."""
        now = time.monotonic()
        if done < self.done:  # the next file of the same part
            self._seen.clear()
        self.done, self.total = done, max(total, 0)
        self._seen.append((now, done))
        while self._seen[0][0] < now - _WINDOW_SECONDS and len(self._seen) > 2:
            self._seen.popleft()

    @property
    def speed(self) -> float:
        """Bytes a second of late; 0 while that cannot be told."""
        if self.state != "working" or len(self._seen) < 2:
            return 0.0
        (begin, first), (end, last) = self._seen[0], self._seen[-1]
        return (last - first) / (end - begin) if end > begin else 0.0

    @property
    def seconds(self) -> float:
        """How long it has been at work."""
        return (self.ended or time.monotonic()) - self.started

    def end(self, state: State) -> None:
        """It is no longer at work."""
        if self.ended is None:
            self.state, self.ended, self.detail = state, time.monotonic(), ""


class Board:
    """All lines, in the order in which they began."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self._current: Line | None = None

    def take(self, event: Progress) -> tuple[Line | None, Line | None]:
        """Keep one event; the line that it is about, and the one that ended by it."""
        text = clean(event.message)
        if event.kind == "log":
            if self._current is not None:
                self._current.detail = text
            return self._current, None
        ended = None
        line = self.lines.get(event.part or text)
        if line is None:
            line = self.lines[event.part or text] = Line(event.part or "", text)
        if event.kind == "part":
            # builders work on one part after another, and so do targets on their steps
            if self._current is not None and self._current is not line:
                ended = self._end(self._current, "done")
            if line.ended is not None:  # again, for the next platform
                line.state, line.ended, line.started = "working", None, time.monotonic()
            self._current, line.text = line, text
        elif event.kind == "cached":
            ended = self._end(line, "cached")
        elif event.kind == "bytes":
            line.text = text
            line.at(event.done, event.total)
            if event.part is None and event.total and event.done >= event.total:
                ended = self._end(line, "done")
        return line, ended

    def finish(self, state: State) -> list[Line]:
        """Whatever is still at work has ended so; the lines."""
        working = [line for line in self.lines.values() if line.ended is None]
        for line in working:
            line.end(state)
        return working

    def _end(self, line: Line, state: State) -> Line | None:
        if line.ended is not None:
            return None
        line.end(state)
        return line


class BuildProgress:
    """Shows what a builder or target reports, until the block ends.

    Args:
        quiet: show notices only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._board = Board()
        self._lock = threading.Lock()
        self._live: Any = None
        self._show: Callable[[str], None] = lambda text: click.echo(text, err=True)
        self._told: set[int] = set()

    def __enter__(self) -> BuildProgress:
        if not self.quiet and _is_terminal():
            with suppress(ImportError):
                from .build_progress import LiveBoard

                self._live = LiveBoard(self._board, self._lock)
                self._live.__enter__()
                self._show = self._live.print
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            ended = self._board.finish("done" if kind is None else "stopped")
        if self._live is not None:
            self._live.__exit__(kind, error, trace)
        elif not self.quiet and kind is None:
            for line in ended:
                self._tell(line)

    def report(self, event: Progress) -> None:
        """Show one event; any thread may call it."""
        if event.kind == "notice":
            self._show(f"note: {clean(event.message)}")
            return
        with self._lock:
            line, ended = self._board.take(event)
        if self.quiet or self._live is not None:
            return
        if ended is not None:
            self._tell(ended)
        if line is not None and line.ended is None and line.seconds > _LONG_SECONDS:
            self._tell_working(line)

    def _tell(self, line: Line) -> None:
        """A plain line about something that ended; what was over in no time needs none."""
        name = line.name or line.text
        if line.state == "cached":
            self._show(f"  {name}: cached")
        elif line.name or line.seconds >= 1:
            self._show(f"  {name}: {line.seconds:.1f} s")

    def _tell_working(self, line: Line) -> None:
        if id(line) not in self._told:
            self._told.add(id(line))
            self._show(f"  {line.name or line.text} …")


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
