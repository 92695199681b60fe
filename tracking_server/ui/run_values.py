"""The params and the metrics of a run as tables: filtered, in groups, a page at a time.

What fits on one page is filtered by the page's script alone; of more, the server finds the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from flask import Blueprint, render_template

from ...errors import InvalidInput
from ...tracking.entities import Run
from ..service import Service
from .part import asked, asked_number
from .words import SYSTEM, address, natural, segment

KINDS = {"metric": "metrics", "param": "params"}
_PAGE = 500
MOST_PAGES = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One param or metric.

    Attributes:
        label: the key without what the heading of its group says.
        value: of a param, or the last one of a metric.
        step: of a metric's last value.
    """

    key: str
    label: str
    value: Any
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Keys that begin alike (``train/…``); those without a name come first.

    Attributes:
        name: what they begin with.
        count: of all of them, also on other pages.
        rows: those of this page.
    """

    name: str
    count: int
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Values:
    """One page of a table.

    Attributes:
        kind: "metric" or "param".
        words: that keys or params' values must hold.
        total: how many there are without the words.
        fit: how many hold them.
        whole: all of them are on this page.
        earlier: the address of the page before, if there is one.
        later: the address of the page after.
    """

    kind: str
    words: str
    total: int
    fit: int
    groups: list[Group]
    first: int
    whole: bool
    earlier: str | None
    later: str | None


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/ui/runs/<id>/values?kind=&words=&page=``: one table as HTML."""

    @data.get("/runs/<run_id>/values")
    def values(run_id: str) -> str:
        kind = asked("kind")
        if kind not in KINDS:
            raise InvalidInput(f"kind must be one of {', '.join(KINDS)}.")
        run = service.store.get_run(run_id)
        page = asked_number("page", 1, 1, MOST_PAGES)
        found = values_of(run, kind, asked("words"), page)
        here = f"/runs/{segment(run_id)}"
        return render_template("run_values.html", values=found, here=here)


def values_of(run: Run, kind: str, words: str = "", page: int = 1) -> Values:
    """One page of the params or of the metrics of a run."""
    logged: Mapping[str, Any] = getattr(run.data, KINDS[kind])
    own = [key for key in logged if kind == "param" or not key.startswith(SYSTEM)]
    wanted = words.lower().split()
    fit = [key for key in own if _holds(wanted, key, logged[key])]
    groups = _Groups(fit)
    fit.sort(key=groups.place)
    first = min((page - 1) * _PAGE, max(0, len(fit) - 1) // _PAGE * _PAGE)
    shown = fit[first : first + _PAGE]
    here = f"/runs/{segment(run.info.run_id)}"

    def page_at(number: int) -> str:
        query = {f"{kind}s": words, f"{kind}s_page": str(number)}
        return address(here, **query) + f"#{kind}s"

    at = first // _PAGE + 1
    return Values(
        kind,
        words,
        len(own),
        len(fit),
        groups.of_page(shown, logged, run.data.moments if kind == "metric" else {}),
        first,
        not words and len(own) <= _PAGE,
        page_at(at - 1) if at > 1 else None,
        page_at(at + 1) if first + _PAGE < len(fit) else None,
    )


def system_metrics(run: Run) -> list[str]:
    """The keys of the metrics that the tables leave out."""
    return [key for key in run.data.metrics if key.startswith(SYSTEM)]


def _holds(wanted: Iterable[str], key: str, value: Any) -> bool:
    text = f"{key}\n{value}".lower() if isinstance(value, str) else key.lower()
    return all(word in text for word in wanted)


class _Groups:
    """Keys sorted by what they begin with.

    Args:
        keys: all of them, also those of other pages.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._counts = Counter(_prefix(key) for key in keys)

    def name(self, key: str) -> str:
        """The group of a key; "" for none, for a heading over one line says nothing."""
        prefix = _prefix(key)
        return prefix if self._counts[prefix] > 1 else ""

    def place(self, key: str) -> tuple[str, list[tuple[int, str]]]:
        """What sorts keys: no group first, and ``p2`` before ``p10``."""
        return self.name(key), natural(key)

    def of_page(
        self,
        keys: Iterable[str],
        values: Mapping[str, Any],
        moments: Mapping[str, tuple[int, int]],
    ) -> list[Group]:
        """Sorted keys with their values, in groups."""
        found = []
        for name, members in groupby(keys, self.name):
            cut = len(name) + 1 if name else 0
            rows = [
                Row(key, key[cut:], values[key], moments[key][1] if key in moments else None)
                for key in members
            ]
            found.append(Group(name, self._counts[name], rows))
        return found


def _prefix(key: str) -> str:
    prefix, slash, rest = key.partition("/")
    return prefix if slash and rest else ""
