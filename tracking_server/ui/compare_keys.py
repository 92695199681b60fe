"""Which keys the compared runs have, in the order in which people count: loss_2 before loss_10."""

from __future__ import annotations

import re

from ...tracking.views import ComparedKey
from ..service import Service
from .compare_runs import Chosen

_MOST = 50_000  # that are put into this order; more come as the database sorts them


def keys(
    service: Service, chosen: Chosen, kind: str, words: str = "", differing: bool = False
) -> list[ComparedKey]:
    """All of a kind, up to a number that nobody reads; see `TrackingViews.compared_keys`."""
    found = service.store.compared_keys(chosen.ids, kind, words, differing, _MOST + 1)
    return sorted(found, key=lambda each: counted(each.key))


def page(
    service: Service,
    chosen: Chosen,
    kind: str,
    words: str,
    differing: bool,
    start: int,
    size: int,
) -> tuple[list[ComparedKey], bool]:
    """Some of them, and whether there are more behind."""
    found = keys(service, chosen, kind, words, differing)
    if len(found) > _MOST:
        asked = (chosen.ids, kind, words, differing, size + 1, start)
        found, start = service.store.compared_keys(*asked), 0
    some = found[start : start + size + 1]
    return some[:size], len(some) > size


def counted(key: str) -> tuple[tuple[str | int, ...], str]:
    """What keys are sorted by: texts in any case and numbers in turn."""
    parts = re.split("([0-9]+)", key.casefold())
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), key
