"""Two versions side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from ...errors import InvalidInput, NotFound
from ...registry import names
from ...registry.diff import Difference, compare
from ...registry.entities import ModelVersion
from ..service import Service
from .part import asked
from .registry_subject import subject_of
from .words import address, cut, figure, segment

_MOST = 500  # lines of a section
_LONGEST = 2000  # characters of a value
_TITLES = {
    "version": "Version",
    "origin": "Origin",
    "params": "Params",
    "metrics": "Metrics",
    "signature": "Signature",
    "requirements": "Requirements",
    "model": "Model",
    "files": "Files",
}
_ORDER = ("metrics", "params", "signature", "requirements", "model", "origin", "version", "files")
_MARKS = {"~": "differs", "-": "only left", "+": "only right", "=": "the same"}


@dataclass(frozen=True)
class _Line:
    """One key of both, as it is shown.

    Attributes:
        mark: a key of `_MARKS`.
        delta: the second minus the first, with its direction; empty where they are no numbers.
        share: of the first, in percent; empty where that says nothing.
    """

    key: str
    mark: str
    left: str
    right: str
    delta: str = ""
    share: str = ""

    @property
    def meaning(self) -> str:
        return _MARKS[self.mark]


@dataclass(frozen=True)
class _Section:
    """Keys of one kind.

    Attributes:
        title: for people.
        name: of the kind.
        lines: that are shown.
        changed: how many differ.
        total: how many there are.
    """

    title: str
    name: str
    lines: list[_Line]
    changed: int
    total: int


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/registry/<name>/compare``"""

    @pages.get("/registry/<name>/compare")
    def compare_versions(name: str) -> str | Response:
        here = f"/registry/{segment(name)}/compare"
        chosen = request.args.getlist("version")
        if chosen:
            return redirect(address(here, **_sides(chosen)))
        told = {"left": asked("left"), "right": asked("right")}
        left, right = (_version(service, name, side, told[side]) for side in told)
        result = compare(
            subject_of(service, left, with_files=True), subject_of(service, right, with_files=True)
        )
        every = asked("all") == "1"
        swapped = {"left": told["right"], "right": told["left"]}
        keep = {"all": "1" if every else None}
        return render_template(
            "registry_compare.html",
            room="models",
            name=name,
            here=here,
            left=left,
            right=right,
            told=told,
            every=every,
            sections=_sections(result.sections, every),
            is_same=not any(one.is_changed for ones in result.sections.values() for one in ones),
            gone=result.gone,
            swap=address(here, **swapped, **keep),
            toggle=address(here, **told, all=None if every else "1"),
        )


def _sides(chosen: list[str]) -> dict[str, str]:
    """The two versions that were chosen in a list, the older one at the left."""
    if len(chosen) != 2:
        raise InvalidInput(f"Choose two versions to compare, not {len(chosen)}.")
    low, high = sorted(names.version(number) for number in chosen)
    return {"left": str(low), "right": str(high)}


def _version(service: Service, name: str, side: str, told: str) -> ModelVersion:
    """The version that ``3``, ``@alias``, ``other/3`` or ``other@alias`` names."""
    if not told:
        raise InvalidInput(
            f"Say which versions to compare: ?left=1&right=2, or left=other/3; {side} is missing."
        )
    head, slash, number = told.rpartition("/")
    if slash or told.isdecimal():
        return service.registry.get_model_version(head or name, names.version(number))
    head, at, alias = told.rpartition("@")
    if at:
        return service.registry.get_version_by_alias(head or name, alias)
    raise NotFound(f"{told[:80]!r} names no version; write 3, @champion or other-model/3.")


def _sections(found: dict[str, list[Difference]], every: bool) -> list[_Section]:
    sections = []
    for name in _ORDER:
        ones = found.get(name, [])
        changed = [one for one in ones if one.is_changed]
        shown = ones if every else changed
        if ones:
            lines = [_line(name, one) for one in shown[:_MOST]]
            sections.append(_Section(_TITLES[name], name, lines, len(changed), len(ones)))
    return sections


def _line(section: str, one: Difference) -> _Line:
    sides = [_shown(section, one.key, value) for value in (one.left, one.right)]
    mark = "=" if not one.is_changed else "~"
    if one.is_changed and one.left in (None, ""):
        mark = "+"
    elif one.is_changed and one.right in (None, ""):
        mark = "-"
    delta, share = _delta(one) if mark == "~" else ("", "")
    return _Line(one.key, mark, sides[0], sides[1], delta, share)


def _delta(one: Difference) -> tuple[str, str]:
    delta = one.delta
    if delta is None or not math.isfinite(delta) or delta == 0:
        return "", ""
    arrow = "▲" if delta > 0 else "▼"
    sign = "+" if delta > 0 else "−"
    share = abs(delta / one.left) * 100 if one.left else math.inf
    told = f"{sign}{share:.3g} %" if share < 100_000 else ""
    return f"{arrow} {sign}{figure(abs(delta))}", told


def _shown(section: str, key: str, value: Any) -> str:
    if value is None:
        return ""
    if section == "metrics":
        return figure(value)
    if section == "files":
        return f"{value[:23]}…"
    if section == "model" and key == "bytes" and isinstance(value, int):
        return f"{value:,}".replace(",", " ")
    return cut(str(value), _LONGEST)
