"""Live progress on standard error: one line a part of the image, or plain lines off a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..builders.base import Progress


class BuildProgress:
    """Shows what a builder reports.

    On a terminal the current step stands in one line that changes, with the time so far and the
    last line of output; in a file or a CI log each step is a line of its own.

    Args:
        quiet: show notices only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._status: Any = None
        self._part = ""

    def __enter__(self) -> BuildProgress:
        if not self.quiet and sys.stderr.isatty():
            from tqdm import tqdm

            self._status = tqdm(
                desc="Preparing …",
                bar_format="{elapsed}  {desc}",
                leave=False,
                dynamic_ncols=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status:
            self._status.close()

    def report(self, event: Progress) -> None:
        """Show one event."""
        if event.kind == "notice":
            self._line(f"note: {event.message}")
        elif self.quiet:
            return
        elif event.kind == "part":
            self._part = event.message
            self._line(f"  {event.message}", transient=True)
        elif event.kind == "cached":
            self._line(f"  {event.part}: cached")
        elif event.kind == "bytes" and event.total:
            self._show(f"{event.message}  {event.done / event.total:.0%}")
        elif event.kind in ("log", "bytes"):
            self._show(f"{self._part}  {event.message}")

    def _line(self, text: str, *, transient: bool = False) -> None:
        if transient and self._status:
            self._show(text.strip())
        else:
            if self._status:
                self._status.clear()
            click.echo(text, err=True)

    def _show(self, text: str) -> None:
        if self._status:
            self._status.set_description_str(text[:120])
