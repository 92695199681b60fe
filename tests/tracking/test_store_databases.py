"""What every kind of database must do alike, and what goes wrong with one on a server."""

import math

from mlpack.tracking.entities import Metric, Param, RunTag


def _run(store, **tags):
    tags = [RunTag(key, value) for key, value in tags.items()]
    return store.create_run("0", "name", "someone", 1, tags).info.run_id


def test_a_run_with_everything(store):
    run_id = _run(store, a="b")
    store.log_metric(run_id, Metric("one", 1.5, 10, 0))
    store.log_batch(
        run_id,
        metrics=[Metric("big", 1e308, 2**62, -(2**62)), Metric("nan", math.nan, 1, 0)],
        params=[Param("päram", "x" * 6000)],
        tags=[RunTag("tag", "\N{SNOWMAN}" + "\U0001f600" * 7999)],
    )
    data = store.get_run(run_id).data
    assert data.metrics["one"] == 1.5 and data.metrics["big"] == 1e308
    assert math.isnan(data.metrics["nan"])
    assert data.params == {"päram": "x" * 6000}
    assert data.tags["tag"] == "\N{SNOWMAN}" + "\U0001f600" * 7999
    [big] = store.get_metric_history(run_id, "big")
    assert (big.timestamp, big.step) == (2**62, -(2**62))


def test_the_latest_metric_is_that_of_the_greatest_step_then_time(store):
    run_id = _run(store)
    for value, timestamp, step in [(1, 5, 1), (2, 9, 0), (3, 4, 1), (4, 5, 1), (5, 1, 2)]:
        store.log_metric(run_id, Metric("m", value, timestamp, step))
        store.log_batch(run_id, metrics=[Metric("n", value, timestamp, step)])
    batch = [Metric("o", 1, 5, 1), Metric("o", 2, 9, 0), Metric("o", 3, 5, 1), Metric("o", 4, 4, 1)]
    store.log_batch(run_id, metrics=batch)
    assert store.get_run(run_id).data.metrics == {"m": 5, "n": 5, "o": 3}


def test_keys_differ_by_case_and_by_blanks_at_the_end(store):
    run_id = _run(store)
    keys = ["Key", "key", "key ", "kéy"]
    store.log_batch(
        run_id,
        metrics=[Metric(key, i, 0, 0) for i, key in enumerate(keys)],
        params=[Param(key, str(i)) for i, key in enumerate(keys)],
        tags=[RunTag(key, str(i)) for i, key in enumerate(keys)],
    )
    data = store.get_run(run_id).data
    assert data.metrics == {key: i for i, key in enumerate(keys)}
    assert data.params == {key: str(i) for i, key in enumerate(keys)}
    assert {key: data.tags[key] for key in keys} == data.params
    for name in ("Name", "name", "name "):
        store.create_experiment(name)
    assert store.get_experiment_by_name("NAME") is None


def test_a_repeated_call_changes_nothing(store):
    run_id = _run(store)
    for _ in range(3):
        store.log_metric(run_id, Metric("m", 1, 2, 3))
        store.log_batch(run_id, [Metric("m", 1, 2, 3)], [Param("p", "1")], [RunTag("t", "1")])
    assert len(store.get_metric_history(run_id, "m")) == 1
