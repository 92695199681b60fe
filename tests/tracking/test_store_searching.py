"""Searches, pages and samples, over every kind of store."""

from __future__ import annotations

import math

import pytest

from mlpack.errors import InvalidInput
from mlpack.tracking.entities import Metric, Param, RunTag, ViewType

VALUES = {"a": 0.5, "b": math.nan, "c": math.inf, "d": None, "e": 0.25, "f": 0.5}


@pytest.fixture
def experiment(store):
    made = store.create_experiment("searched")
    for start, (name, value) in enumerate(VALUES.items()):
        run = store.create_run(made, name, "u", 1000 + start, []).info.run_id
        metrics = [] if value is None else [Metric("m", value, 1)]
        store.log_batch(run, metrics, [Param("p", name * 120)], [RunTag("t", name.upper())])
    return made


def names(store, experiment, size, text="", order=()):
    found, token = [], None
    while True:
        page = store.search_runs(
            [experiment], text, max_results=size, order_by=order, page_token=token
        )
        found += [run.info.run_name for run in page]
        token = page.token
        if token is None:
            return "".join(found)


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("", (), "fedcba"),
        ("", ["metrics.m"], "efacbd"),
        ("", ["metrics.m DESC"], "cfaebd"),
        ("metrics.m != 0.5", ["metrics.m"], "ecb"),
        ("metrics.m > 0.3", ["metrics.m DESC"], "cfa"),
        ("params.p LIKE 'a%'", (), "a"),
        ("tags.t ILIKE 'b' ", (), "b"),
        ("tags.t LIKE 'b'", (), ""),
        ("", ["params.p DESC"], "fedcba"),
        ("run_name IN ('a', 'd')", ["start_time"], "ad"),
    ],
)
def test_orders_and_pages(store, experiment, size, text, order, expected):
    assert names(store, experiment, size, text, order) == expected


def test_samples_and_history(store, experiment):
    run = store.create_run(experiment, "long", "u", 1, []).info.run_id
    store.log_batch(run, [Metric("x", float(i), i, i) for i in range(500)])
    sample = store.sample_metric_history([run], "x", 5)[run]
    assert [point.step for point in sample] == [0, 124, 249, 374, 499]
    page = store.get_metric_history(run, "x", 300)
    rest = store.get_metric_history(run, "x", 300, page.token)
    assert [point.step for point in [*page, *rest]] == list(range(500))
    assert rest.token is None


def test_tokens_that_were_changed(store, experiment):
    token = store.search_runs([experiment], max_results=1).token
    with pytest.raises(InvalidInput):
        store.search_runs([experiment], max_results=1, page_token=token[:-8] + "AAAAAAA=")


def test_ids_alone(store):
    experiment = store.create_experiment("ids")
    made = [store.create_run(experiment, f"r{i}", "u", i, []).info.run_id for i in range(5)]
    store.set_run_stage(made[1], "deleted")
    assert store.search_run_ids([experiment]) == [made[i] for i in (4, 3, 2, 0)]
    page = store.search_run_ids([experiment], "run_name != 'r3'", ViewType.ALL, 2)
    rest = store.search_run_ids([experiment], "run_name != 'r3'", ViewType.ALL, 2, page.token)
    assert [*page, *rest] == [made[i] for i in (4, 2, 1, 0)] and rest.token is None


def test_models_measured_on_a_dataset(store):
    experiment = store.create_experiment("measured")
    run = store.create_run(experiment, "r", "u", 1, []).info.run_id
    one, two = (store.create_logged_model(experiment, name, run).model_id for name in "ab")
    store.log_batch(run, [Metric("auc", 0.5, 1, 0, one, "test", "d1"), Metric("x", 1, 1, 0, two)])
    for text in ("datasets.name = 'test'", "datasets.digest = 'd1' AND metrics.auc > 0.1"):
        assert [model.model_id for model in store.search_logged_models((), text)] == [one]
    assert not store.search_logged_models((), "datasets.name = 'none'")
    with pytest.raises(InvalidInput, match="name, digest"):
        store.search_logged_models((), "datasets.context = 'x'")
