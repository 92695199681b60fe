"""What a table of runs asks of a store: the wanted keys alone, bounded counts, children."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from mlpack.errors import InvalidInput
from mlpack.tests.stores import SQL_KINDS, empty
from mlpack.tracking.entities import Metric, Param, RunTag, Tags, ViewType
from mlpack.tracking.sql.store import SqlStore
from mlpack.tracking.views import Keys


@pytest.fixture(params=SQL_KINDS)
def sql(
    request: pytest.FixtureRequest, tmp_path: Path, shared_database: Callable[[str], str]
) -> SqlStore:
    if request.param == "sqlite":
        return SqlStore(tmp_path / "store")
    uri = shared_database(request.param)
    return empty(SqlStore(uri, artifact_root=str(tmp_path / "artifacts")))


def make(store, start=1, experiment="0", name="r", parent=None, **data):
    tags = [RunTag(Tags.PARENT, parent)] if parent else []
    run_id = store.create_run(experiment, name, "u", start, tags).info.run_id
    store.log_batch(
        run_id,
        [Metric(key, value, 1) for key, value in data.get("metrics", {}).items()],
        [Param(key, value) for key, value in data.get("params", {}).items()],
        [RunTag(key, value) for key, value in data.get("tags", {}).items()],
    )
    return run_id


def test_only_the_wanted_keys(sql):
    odd = "a.b/c d,é`\"'"
    make(
        sql,
        metrics={odd: 1.0, "nan": math.nan, "m": 3},
        params={"p": "x", "q": "y"},
        tags={"t": "v"},
    )
    run = sql.run_table(["0"], Keys((odd, "nan", "none"), ("q",), ("t",)))[0]
    assert run.data.metrics[odd] == 1 and math.isnan(run.data.metrics["nan"])
    assert len(run.data.metrics) == 2
    assert run.data.params == {"q": "y"} and run.data.tags == {"t": "v"}
    bare = sql.run_table(["0"], Keys())[0]
    assert not bare.data.metrics and not bare.data.params and not bare.data.tags
    assert bare.info == run.info == sql.get_run(run.info.run_id).info


def test_pages_in_order_while_columns_change(sql):
    ids = [make(sql, i, metrics={"m": i % 3}) for i in range(7)]
    first = sql.run_table(
        ["0"], Keys(("m",)), "metrics.m < 9", max_results=3, order_by=["metrics.m"]
    )
    rest = sql.run_table(
        ["0"],
        Keys(),
        "metrics.m < 9",
        max_results=9,
        order_by=["metrics.m"],
        page_token=first.token,
    )
    assert rest.token is None
    assert {run.info.run_id for run in [*first, *rest]} == set(ids)
    assert [run.data.metrics["m"] for run in first] == [0, 0, 0]
    with pytest.raises(InvalidInput):
        sql.run_table(["0"], Keys(), page_token=first.token)


def test_the_first_keys_of_runs(sql):
    first = make(sql, metrics={f"m{i:03}": i for i in range(50)}, params={"p": "1"})
    second = make(sql, metrics={"a": 1, "m007": 2}, tags={"é": "1"})
    found = sql.keys_of_runs([first, second, "none"], limit=4)
    assert found.metrics == ("a", "m000", "m001", "m002") and found.params == ("p",)
    assert "é" in sql.keys_of_runs([second]).tags
    many = [make(sql, params={f"key{i}": "v"}) for i in range(60)]
    assert len(sql.keys_of_runs(many).params) == 60
    assert sql.keys_of_runs([]) == Keys()


def test_counts_that_end(sql):
    for i in range(12):
        make(sql, metrics={"m": i})
    gone = make(sql, metrics={"m": 1})
    sql.set_run_stage(gone, "deleted")
    other = sql.create_experiment("other")
    make(sql, experiment=other, metrics={"m": 1})
    assert sql.count_runs(["0"]) == 12 and sql.count_runs(["0"], most=5) == 5
    assert sql.count_runs(["0", other]) == 13
    assert sql.count_runs(["0"], "metrics.m >= 9") == 3
    assert sql.count_runs(["0"], "metrics.m >= 3", most=4) == 4
    assert sql.count_runs(["0"], "metrics.m = 77") == 0 == sql.count_runs(["77", "x"])
    assert sql.count_runs(["0"], view=ViewType.DELETED_ONLY) == 1
    assert sql.count_runs(["0"], view=ViewType.ALL) == 13
    with pytest.raises(InvalidInput):
        sql.count_runs(["0"], "metrics.m >> 9")


def test_children(sql):
    parent, other, lonely = make(sql), make(sql), make(sql)
    child = make(sql, parent=parent)
    make(sql, parent=parent)
    make(sql, parent=child)
    gone = make(sql, parent=other)
    sql.set_run_stage(gone, "deleted")
    assert sql.count_children([parent, other, lonely, child]) == {parent: 2, child: 1}
    assert sql.count_children([]) == {}
