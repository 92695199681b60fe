"""The names and values that a page completes, from every kind of database."""

from __future__ import annotations

import pytest

from mlpack.errors import InvalidInput
from mlpack.tests.stores import SQL_KINDS, empty
from mlpack.tracking.entities import Metric, Param, RunTag
from mlpack.tracking.sql.store import SqlStore

LONG = "x" * 300


@pytest.fixture(params=SQL_KINDS)
def filled(request, tmp_path, shared_database):
    """A store, and two experiments of it."""
    if request.param == "sqlite":
        store = SqlStore(tmp_path / "store")
    else:
        store = empty(SqlStore(shared_database(request.param), artifact_root=str(tmp_path / "a")))
    one, two = store.create_experiment("one"), store.create_experiment("two")
    for number in range(3):
        run = store.create_run(one, f"r{number}", "u", number, []).info.run_id
        metrics = [Metric(key, number, 1) for key in ("accuracy", "Acc top 5", "val/accuracy")]
        params = [Param("seed", f"{number}-{'ab'[number % 2]}"), Param("note", LONG)]
        store.log_batch(run, metrics, params, [RunTag("100%_é", "Grün")])
    run = store.create_run(two, "r", "u", 9, []).info.run_id
    store.log_batch(
        run, [Metric("loss", float("nan"), 1)], [Param(f"p{i:04}", "v") for i in range(1500)]
    )
    return store, one, two


def test_names(filled):
    store, one, two = filled
    assert store.key_names([one], "metric") == ["Acc top 5", "accuracy", "val/accuracy"]
    assert store.key_names([one, two], "metric", "ACC") == [
        "Acc top 5",
        "accuracy",
        "val/accuracy",
    ]
    assert store.key_names([one, two], "metric", "accuracy", 1) == ["accuracy"]
    assert store.key_names([two], "metric", "o") == ["loss"]
    assert store.key_names([one], "tag") == ["100%_é", "mlflow.runName"]
    assert store.key_names([one], "tag", "0%_É") == ["100%_é"]
    assert store.key_names([], "tag") == store.key_names(["9" * 30, "x"], "tag") == []


def test_many_names(filled):
    store, _, two = filled
    assert store.key_names([two], "param", limit=3) == ["p0000", "p0001", "p0002"]
    assert len(store.key_names([two], "param", limit=5000)) == 1500
    assert store.key_names([two], "param", "149") == [
        "p0149",
        "p1149",
        *(f"p149{i}" for i in range(10)),
    ]


def test_values(filled):
    store, one, two = filled
    assert store.key_values([one], "param", "seed") == ["0-a", "1-b", "2-a"]
    assert store.key_values([one, two], "param", "seed", "A") == ["0-a", "2-a"]
    assert store.key_values([one], "param", "seed", "1") == ["1-b"]
    assert store.key_values([one], "tag", "100%_é", "g") == ["Grün"]
    assert store.key_values([one], "param", "note") == []  # too long to be typed
    assert store.key_values([one], "param", "missing", "%") == []


def test_kinds_that_are_none(filled):
    store, one, _ = filled
    with pytest.raises(InvalidInput, match="must be one of metric, param, tag"):
        store.key_names([one], "metrics")
    with pytest.raises(InvalidInput, match="must be one of param, tag"):
        store.key_values([one], "metric", "accuracy")
