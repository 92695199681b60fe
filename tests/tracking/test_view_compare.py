"""Runs side by side: which keys they have, in which they differ, and the values."""

import math

import pytest

from mlpack.tests.stores import SQL_KINDS, empty
from mlpack.tracking.entities import Metric, Param, RunTag
from mlpack.tracking.sql.store import SqlStore


@pytest.fixture(params=SQL_KINDS)
def sql_store(request, tmp_path, shared_database):
    if request.param == "sqlite":
        return SqlStore(tmp_path / "store")
    return empty(SqlStore(shared_database(request.param), artifact_root=str(tmp_path / "files")))


def made(store, metrics=(), params=(), tags=()):
    run_id = store.create_run("0", "a run", "me", 1, []).info.run_id
    store.log_batch(
        run_id,
        [Metric(key, value, 1) for key, value in metrics],
        [Param(key, value) for key, value in params],
        [RunTag(key, value) for key, value in tags],
    )
    return run_id


def test_keys_and_where_they_differ(sql_store):
    long = "x" * 5000
    a = made(sql_store, [("m", 1.0), ("n", math.nan)], [("C", "1"), ("l", long + "a"), ("s", "é")])
    b = made(sql_store, [("m", 1.0), ("n", math.nan)], [("C", "1"), ("l", long + "b"), ("s", "é")])
    c = made(sql_store, [("n", 1.0)], [("C", "1")], [("t", "v")])

    def differing(kind, *runs):
        return {each.key: each.differs for each in sql_store.compared_keys(runs, kind)}

    assert differing("param", a, b) == {"C": False, "l": True, "s": False}
    assert differing("param", a, b, c) == {"C": False, "l": True, "s": True}
    assert differing("metric", a, b) == {"m": False, "n": False}
    assert differing("metric", a, b, c) == {"m": True, "n": True}
    assert differing("tag", a) == {} and differing("tag", a, c) == {"t": True}
    found = sql_store.compared_keys([a, b, c], "param", differing=True)
    assert [(each.key, each.count) for each in found] == [("l", 2), ("s", 2)]
    values = sql_store.compared_values([a, b, c, "none"], "metric", ["m", "n", "none"])
    assert values["m"] == {a: 1.0, b: 1.0} and values["none"] == {}
    assert math.isnan(values["n"][a]) and values["n"][c] == 1.0


def test_infinities_differ_from_the_largest_number(sql_store):
    a = made(sql_store, [("m", math.inf), ("k", math.inf)])
    b = made(sql_store, [("m", 1.7976931348623157e308), ("k", math.inf)])
    found = sql_store.compared_keys([a, b], "metric")
    assert [(each.key, each.differs) for each in found] == [("k", False), ("m", True)]


def test_words_pages_and_orders(sql_store):
    a = made(sql_store, params=[(f"Layer{i:02}%_x", str(i)) for i in range(30)] + [("other", "1")])
    names = [f"Layer{i:02}%_x" for i in range(30)]

    def keys(**asked):
        return [each.key for each in sql_store.compared_keys([a], "param", **asked)]

    assert keys(words="LAYER", limit=10, offset=25) == names[25:]
    assert keys(words="%_") == names and keys(words="layer0", limit=3) == names[:3]
    assert keys(words="_%") == []


def test_runs_in_the_order_asked_for(sql_store):
    a, b = made(sql_store), made(sql_store)
    sql_store.set_run_stage(a, "deleted")
    found = sql_store.runs_of_ids([b, "none", a, b])
    assert [(run.info.run_id, run.info.lifecycle_stage) for run in found] == [
        (b, "active"),
        (a, "deleted"),
    ]
