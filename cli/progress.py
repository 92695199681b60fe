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
from collections.abc import Callable, Iterable
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
    """One layer of a part, one step of a deployment, or one transfer.

    Attributes:
        part: of the image, '' for what belongs to none.
        text: what it is.
        state: whether it is still at work.
        doing: what happens to it now: its transfer, or the last line of its output.
        done: bytes so far.
        total: bytes in all; 0 while that is not known.
        started: when.
        ended: when; None while it is at work.
    """

    part: str
    text: str
    state: State = "working"
    doing: str = ""
    done: int = 0
    total: int = 0
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def name(self) -> str:
        """For a log."""
        return ", ".join(filter(None, (self.part, self.text)))

    def at(self, done: int, total: int) -> None:
        """A transfer is so far."""
        now = time.monotonic()
        if done < self.done:  # the next file of the same layer
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
            self.state, self.ended, self.doing = state, time.monotonic(), ""


class Board:
    """All lines, in the order in which they began."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._transfers: dict[str, Line] = {}  # those of no part, by what they say
        self._current: Line | None = None  # the step at work

    def take(self, event: Progress) -> list[Line]:
        """Keep one event; the lines that ended by it."""
        text = clean(event.message)
        if event.kind == "log":
            if self._current is not None:
                self._current.doing = text
            return []
        if event.kind == "part":
            return self._begin(event.part or "", text)
        if event.kind == "cached":
            return self._cached(event.part or "", text)
        return self._advance(event, text)

    def finish(self, state: State) -> list[Line]:
        """Whatever is still at work has ended so; those lines."""
        return _ended(self.lines, state)

    @property
    def working(self) -> list[Line]:
        """The lines at work."""
        return [line for line in self.lines if line.ended is None]

    def _begin(self, part: str, text: str) -> list[Line]:
        """Builders work on one layer after another, and so do targets on their steps."""
        text = "" if text == part else text
        current = self._current
        if current and current.part == part and not current.text and current.ended is None:
            current.text = text  # the part was announced, and now its first layer
            return []
        ended = _ended([current] if current else [], "done")
        self._current = self._add(part, text)
        return ended

    def _cached(self, part: str, text: str) -> list[Line]:
        text = "" if text == part else text
        line = self._current
        if line is None or line.part != part or line.ended is not None or not part:
            line = self._add(part, text)
        line.text = text or line.text
        return _ended([line], "cached")

    def _advance(self, event: Progress, text: str) -> list[Line]:
        if event.part is None:
            line = self._transfers.get(text)
            if line is None:
                line = self._transfers[text] = self._add("", text)
            line.at(event.done, event.total)
            over = event.total and event.done >= event.total
            return _ended([line], "done") if over else []
        line = self._current
        if line is None or line.part != event.part or line.ended is not None:
            line = self._current = self._add(event.part, "")
        line.doing = text
        line.at(event.done, event.total)
        return []

    def _add(self, part: str, text: str) -> Line:
        line = Line(part, text)
        self.lines.append(line)
        return line


def _ended(lines: Iterable[Line], state: State) -> list[Line]:
    working = [line for line in lines if line.ended is None]
    for line in working:
        line.end(state)
    return working


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
            ended, working = self._board.take(event), self._board.working
        if self.quiet or self._live is not None:
            return
        for line in ended:
            self._tell(line)
        for line in working:
            if line.seconds > _LONG_SECONDS and id(line) not in self._told:
                self._told.add(id(line))
                self._show(f"  {line.name} …")

    def _tell(self, line: Line) -> None:
        """A plain line about something that ended; what was over in no time needs none."""
        if line.state == "cached" and line.part:
            self._show(f"  {line.name}: cached")
        elif line.state == "done" and line.seconds >= 0.1:
            self._show(f"  {line.name}: {line.seconds:.1f} s")


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
