"""Spans of time as options take them."""

from __future__ import annotations

import re

import click

_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_MILLISECONDS = (86_400_000, 3_600_000, 60_000, 1000)


def milliseconds(_: click.Context, __: click.Parameter, text: str | None) -> int:
    """For an option's callback: ``1d12h`` in milliseconds, nothing as 0."""
    if text is None:
        return 0
    match = _SPAN.fullmatch(text)
    if not text or match is None:
        raise click.BadParameter("use a span such as 30d, 12h or 1d12h30m")
    return sum(int(n or 0) * unit for n, unit in zip(match.groups(), _MILLISECONDS, strict=True))
