"""One side of the comparison of registries.

registry_worker.py PRODUCT build FILE MODELS     makes a registry with so many models
registry_worker.py PRODUCT measure FILE MODELS   measures one case of `CASES` after the other

Registering so many versions takes hours on the peer's side, so the rows go straight into the
tables that each product's own package has made.
"""

from __future__ import annotations

import importlib
import itertools
import logging
import random
import sqlite3
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from filling import Filling, opened
from harness import serve_measurements

VERSIONS = 100  # of each model
CALLS = 5
SLOW = 0.25  # seconds: such a call is not repeated
# what it is called, and whether a time is promised
CASES = {
    "model": ("get a model", True),
    "version": ("get a version", True),
    "alias": ("resolve an alias", True),
    "latest": ("latest version of each stage", True),
    "models": ("first page of models", True),
    "models by tag": ("models by a tag that all have", True),
    "models by rare tag": ("models by a tag that one has", True),
    "versions": ("first page of versions", True),
    "versions of a model": ("versions of a model", True),
    "versions by tag": ("versions by a tag that all have", True),
    "versions by rare tag": ("versions by a tag that ten have", True),
    "versions of a run": ("versions of a run", True),
}
_BEGUN = 1_700_000_000_000
_STAGES = ("None", "Archived", "Archived")


class Version(NamedTuple):
    """What both sides record of a version."""

    key: int
    model: int
    number: int
    updated: int
    stage: str
    source: str
    run_id: str
    tags: dict[str, str]


def main(product: str, what: str, file: str, models: str) -> None:
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    tracker = importlib.import_module(product)
    client = (getattr(tracker, "MlpackClient", None) or tracker.MlflowClient)(
        f"sqlite:///{Path(file).absolute()}"
    )
    if what == "build":
        build(client, product, file, int(models))
        return
    cases = itertools.cycle(calls(client, int(models)).values())
    serve_measurements(lambda: seconds_of(next(cases)))


def calls(client: Any, models: int) -> dict[str, Callable[[], Any]]:
    """A call for each of `CASES`."""
    name = _name(models // 2)
    run = _run_of(models * VERSIONS // 2)

    def of_models(text: str) -> Any:
        return client.search_registered_models(filter_string=text, max_results=100)

    def of_versions(text: str) -> Any:
        return client.search_model_versions(filter_string=text, max_results=100)

    return {
        "model": lambda: client.get_registered_model(name),
        "version": lambda: client.get_model_version(name, "50"),
        "alias": lambda: client.get_model_version_by_alias(name, "champion"),
        "latest": lambda: client.get_latest_versions(name),
        "models": lambda: of_models(""),
        "models by tag": lambda: of_models("tags.wide = 'yes'"),
        "models by rare tag": lambda: of_models("tags.rare = 'r7'"),
        "versions": lambda: of_versions(""),
        "versions of a model": lambda: of_versions(f"name = '{name}'"),
        "versions by tag": lambda: of_versions("tags.wide = 'yes'"),
        "versions by rare tag": lambda: of_versions("tags.rare = 'r7'"),
        "versions of a run": lambda: of_versions(f"run_id = '{run}'"),
    }


def seconds_of(call: Callable[[], Any]) -> float:
    """The best of a few calls."""
    best = 1e9
    for _ in range(CALLS):
        start = time.perf_counter()
        found = call()
        best = min(best, time.perf_counter() - start)
        assert found
        if best > SLOW:
            break
    return best


def build(client: Any, product: str, file: str, models: int) -> None:
    """Make a registry of the product's own and fill its tables."""
    client.create_registered_model("~ makes the tables")
    fill: Callable[..., None] = _fill_ours if product == "mlpack" else _fill_peers
    with opened(file) as database:
        fill(database, models)
    print("> built", flush=True)


def _name(model: int) -> str:
    return f"model-{model:05d}"


def _run_of(version: int) -> str:
    return f"{version // 2:032x}"


def _tags_of(model: int) -> dict[str, str]:
    return {"wide": "yes", "team": f"team {model % 7}", "rare": f"r{model}"}


def _aliases(model: int) -> list[tuple[str, int]]:
    return [("champion", VERSIONS - model % 5), ("challenger", VERSIONS)]


def _made(models: int) -> Iterator[Version]:
    """Every version of every model; the same for both sides."""
    chance = random.Random(7)
    for key in range(1, models * VERSIONS + 1):
        model, number = divmod(key - 1, VERSIONS)
        stage = {VERSIONS - 2: "Production", VERSIONS - 1: "Staging"}.get(number, _STAGES[key % 3])
        updated = _BEGUN + chance.randrange(models * VERSIONS * 20)
        tags = {"wide": "yes", "some": f"s{key % 50}", "rare": f"r{key // 10}"}
        source = f"models:/m-{key:032x}"
        yield Version(key, model, number + 1, updated, stage, source, _run_of(key), tags)


def _fill_ours(database: sqlite3.Connection, models: int) -> None:
    from mlpack.registry.sql.versions import source_hash

    first = 10  # an inner key that is free
    tables = ("registered_models", "registered_model_tags", "registered_model_aliases")
    with Filling(database, *tables, "model_versions", "model_version_tags") as fill:
        fill.add(
            "registered_models",
            "id, name, description, creation_time, last_update_time, last_version",
            ((m + first, _name(m), "", _BEGUN + m, _BEGUN + m, VERSIONS) for m in range(models)),
        )
        tags = ((m + first, k, v, v) for m in range(models) for k, v in _tags_of(m).items())
        fill.add("registered_model_tags", "model, key, value, start", tags)
        for v in _made(models):
            moment = v.updated
            fill.add(
                "model_versions",
                "id, model, version, creation_time, last_update_time, description, user_id, stage, "
                "source, source_hash, run_id, status",
                [
                    (
                        v.key,
                        v.model + first,
                        v.number,
                        *(_BEGUN + v.key, moment, "", "me", v.stage),
                        *(v.source, source_hash(v.source), v.run_id, "READY"),
                    )
                ],
            )
            fill.add(
                "model_version_tags",
                "version, key, value, start, last_update_time",
                [(v.key, key, value, value, moment) for key, value in v.tags.items()],
            )
        fill.add(
            "registered_model_aliases",
            "model, alias, version",
            ((m + first, a, m * VERSIONS + n) for m in range(models) for a, n in _aliases(m)),
        )


def _fill_peers(database: sqlite3.Connection, models: int) -> None:
    tables = ("registered_models", "registered_model_tags", "registered_model_aliases")
    with Filling(database, *tables, "model_versions", "model_version_tags") as fill:
        fill.add(
            "registered_models",
            "name, creation_time, last_updated_time",
            ((_name(m), _BEGUN + m, _BEGUN + m) for m in range(models)),
        )
        tags = ((_name(m), k, v) for m in range(models) for k, v in _tags_of(m).items())
        fill.add("registered_model_tags", "name, key, value", tags)
        for v in _made(models):
            name = _name(v.model)
            fill.add(
                "model_versions",
                "name, version, creation_time, last_updated_time, user_id, current_stage, source, "
                "run_id, status",
                [
                    (
                        name,
                        v.number,
                        _BEGUN + v.key,
                        v.updated,
                        *("me", v.stage, v.source),
                        *(v.run_id, "READY"),
                    )
                ],
            )
            fill.add(
                "model_version_tags",
                "name, version, key, value",
                [(name, v.number, key, value) for key, value in v.tags.items()],
            )
        fill.add(
            "registered_model_aliases",
            "name, alias, version",
            ((_name(m), a, n) for m in range(models) for a, n in _aliases(m)),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
