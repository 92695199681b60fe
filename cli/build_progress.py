"""Progress as people like it, on a terminal: one line a part, changing in place. Needs rich."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from .progress import Board, Line

_MARKS = {
    "cached": ("=", "cyan"),
    "done": ("✓", "green"),
    "stopped": ("✗", "red"),
}
_PLAIN_MARKS = {"✓": "+", "✗": "x"}  # where the terminal's encoding has no others
_WIDEST = 120  # a line's figures stay within sight of its name
_SPACIOUS = 100  # columns for a long bar and a speed
_WITH_BAR = 70  # columns that a line with a bar needs
_BAR, _SHORT_BAR = 24, 12
_MOST_LINES = 20  # transfers that are over leave first


class LiveBoard:
    """A board on the terminal behind standard error, drawn anew ten times a second.

    When the block ends, whichever way, the lines are gone and the cursor is back: what follows
    (a summary, an error) stands where they stood.
    """

    def __init__(self, board: Board, lock: threading.Lock, console: Console | None = None) -> None:
        self._board, self._lock = board, lock
        self._console = console or Console(stderr=True, highlight=False)
        self._spinners: dict[int, Spinner] = {}
        self._live = Live(
            get_renderable=self.render,
            console=self._console,
            refresh_per_second=10,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    def __enter__(self) -> LiveBoard:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def print(self, text: str) -> None:
        """A line that stays, above those that change."""
        self._console.print(Text(text), soft_wrap=True)

    def render(self) -> RenderableType:
        """All lines as they are now."""
        width = min(self._console.width, _WIDEST)
        with self._lock:
            return self._table(width)

    def _table(self, width: int) -> Table:
        lines = self._shown()
        bar = _BAR if width >= _SPACIOUS else _SHORT_BAR
        barred = width >= _WITH_BAR and any(map(_has_bar, lines))
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        if barred:
            table.add_column(no_wrap=True, width=bar)
        table.add_column(no_wrap=True, justify="right")
        table.width = width
        for line in lines:
            cells = [self._mark(line), Text(line.part, "bold"), self._what(line)]
            if barred:
                cells.append(self._bar(line, bar))
            table.add_row(*cells, self._figures(line, width >= _SPACIOUS))
        return table

    def _shown(self) -> list[Line]:
        lines = list(self._board.lines)
        while len(lines) > _MOST_LINES:
            over = next((line for line in lines if line.ended is not None), lines[0])
            lines.remove(over)
        return lines

    def _mark(self, line: Line) -> RenderableType:
        if line.state == "working":
            spinner = "dots" if self._unicode else "line"
            return self._spinners.setdefault(id(line), Spinner(spinner, style="cyan"))
        mark, style = _MARKS[line.state]
        return Text(mark if self._unicode else _PLAIN_MARKS.get(mark, mark), style)

    @property
    def _unicode(self) -> bool:
        return self._console.encoding.lower().startswith("utf")

    def _what(self, line: Line) -> Text:
        shown = Text(line.text, "" if line.state == "working" else "dim")
        if line.doing:
            shown.append(f"  {line.doing}" if line.text else line.doing, "dim")
        return shown

    def _bar(self, line: Line, width: int) -> RenderableType:
        if not _has_bar(line):
            return Text("")
        return ProgressBar(line.total, min(line.done, line.total), width=width)

    def _figures(self, line: Line, wide: bool) -> Text:
        if line.state == "cached":
            return Text("cached" if line.part else "", "dim")
        if line.state != "working" or not line.done:
            return Text(f"{line.seconds:.1f} s", "dim")
        parts = [f"{line.done / 1e6:.1f}"]
        parts.append(f"/ {line.total / 1e6:.1f} MB" if line.total else "MB")
        if wide and line.speed:
            parts.append(f" {line.speed / 1e6:.1f} MB/s")
        return Text(" ".join(parts))


def _has_bar(line: Line) -> bool:
    return line.state == "working" and bool(line.total)
