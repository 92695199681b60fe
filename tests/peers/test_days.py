"""The unmodified client of three generations can't tell our server from the original."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from typing import Any

import pytest

pytestmark = [pytest.mark.peer, pytest.mark.server]

Live = Callable[[str, int, str], dict[str, Any]]

# Where we differ on purpose, and why.
ON_PURPOSE = {
    "a_run/done/metrics/[du]*": "infinity stays infinite, and is not the largest finite number",
    "a_run/done/latest/[37]/1": "the same",
    "a_run/special/[12]": "the same",
    "the_life_of_a_run/again/1": "what runs again has no end",
    "searching_runs/refused/metrics.score > 1 metrics.score < 2": "a forgotten AND is an error",
    "searching_runs/refused/params.depth IN *": "IN is for all that is text",
    "unknown_things/get odd experiment/*": "an id that is no number names no experiment",
    "unknown_things/history": "a run that does not exist has no history to show",
    "logged_models/refused/5/1": "a param that would change: the same code as for a run",
    "logged_models/searches/status = *": "a status is found by its name; the original finds none",
    "aliases/versions/*": "versions that are found know their aliases, too",
    "models/told the model": "a model is told of each of its versions once",
    "files/lists/*/2": "an empty file has a size, and it is 0",
}


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Each place where two diaries disagree and should not."""
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        for key in ours:
            yield from differences(ours[key], theirs[key], f"{path}/{key}".lstrip("/"))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(one, other, f"{path}/{number}")
    elif ours != theirs and not any(fnmatch(path, place) for place in ON_PURPOSE):
        yield f"{path}: ours {ours!r}, theirs {theirs!r}"


@pytest.mark.parametrize("generation", [1, 2, 3])
@pytest.mark.parametrize("day", ["day_of_runs", "day_of_models"])
def test_a_day_is_alike(day: str, generation: int, ours: str, theirs: str, live: Live) -> None:
    with ThreadPoolExecutor() as pool:
        here = pool.submit(live, day, generation, ours)
        there = pool.submit(live, day, generation, theirs)
    assert list(differences(here.result(), there.result())) == []


@pytest.mark.db
@pytest.mark.cloud
@pytest.mark.parametrize(
    ("day", "generation"), [("day_of_runs", 1), ("day_of_models", 2), ("day_of_runs", 3)]
)
def test_a_day_over_postgresql_and_s3(
    day: str, generation: int, ours: str, elsewhere: str, live: Live
) -> None:
    here, there = live(day, generation, ours), live(day, generation, elsewhere)
    assert list(differences(there, here)) == []
