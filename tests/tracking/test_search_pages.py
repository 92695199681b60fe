"""Whatever happens between two pages, a run that nobody touched is shown once."""

from __future__ import annotations

import math
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpack.tracking.entities import Metric, RunTag
from mlpack.tracking.sql.store import SqlStore

ORDERS = [
    [],
    ["start_time ASC"],
    ["end_time DESC"],
    ["run_name ASC", "metrics.m"],
    ["metrics.m ASC"],
    ["metrics.m DESC", "tags.t ASC"],
    ["tags.t DESC"],
    ["params.none ASC"],
]
FILTERS = ["", "metrics.m != 2", "tags.t IS NOT NULL", "metrics.m >= 1 AND run_name != 'b'"]

values = st.sampled_from([0.0, 1.0, 2.0, 3.0, math.nan, math.inf, -math.inf])
new_runs = st.tuples(
    st.sampled_from("abc"), st.integers(0, 3), st.none() | values, st.none() | st.sampled_from("xy")
)
changes = st.one_of(
    st.tuples(st.just("insert"), new_runs),
    st.tuples(st.sampled_from(["delete", "end"]), st.integers(0, 50)),
    st.tuples(st.just("log"), st.tuples(st.integers(0, 50), values)),
)
_numbers = count()


@pytest.fixture(scope="module")
def one_store(tmp_path_factory):
    return SqlStore(Path(tmp_path_factory.mktemp("pages")))


def insert(store, experiment, run):
    name, start, value, tag = run
    run_id = store.create_run(experiment, name, "u", start, []).info.run_id
    metrics = [] if value is None else [Metric("m", value, 1)]
    store.log_batch(run_id, metrics, tags=[] if tag is None else [RunTag("t", tag)])
    return run_id


def change(store, experiment, known, what, how):
    """Make a change; the id of the run that it touched."""
    if what == "insert":
        known.append(insert(store, experiment, how))
        return known[-1]
    number, value = how if what == "log" else (how, None)
    run_id = known[number % len(known)]
    if store.get_run(run_id).info.lifecycle_stage == "deleted":
        store.set_run_stage(run_id, "active")
    elif what == "delete":
        store.set_run_stage(run_id, "deleted")
    elif what == "end":
        store.update_run(run_id, "FINISHED", end_time=number % 3)
    else:
        store.log_batch(run_id, [Metric("m", value, next(_numbers) + 2)])
    return run_id


@settings(max_examples=60, deadline=None)
@given(
    runs=st.lists(new_runs, min_size=1, max_size=14),
    order=st.sampled_from(ORDERS),
    text=st.sampled_from(FILTERS),
    size=st.integers(1, 5),
    between=st.lists(st.lists(changes, max_size=3), max_size=8),
)
def test_untouched_runs_are_shown_once(one_store, runs, order, text, size, between):
    store = one_store
    experiment = store.create_experiment(f"e{next(_numbers)}")
    known = [insert(store, experiment, run) for run in runs]
    for number in range(0, len(known), 2):
        store.update_run(known[number], "FINISHED", end_time=number % 3)
    whole = [
        run.info.run_id for run in store.search_runs([experiment], text, order_by=order)
    ]  # before anything changes
    touched: set[str] = set()
    shown: list[str] = []
    token = None
    later = iter(between)
    while True:
        page = store.search_runs(
            [experiment], text, max_results=size, order_by=order, page_token=token
        )
        shown += [run.info.run_id for run in page]
        token = page.token
        if token is None:
            break
        for what, how in next(later, []):
            touched.add(change(store, experiment, known, what, how))
    untouched = [run_id for run_id in shown if run_id not in touched]
    assert untouched == [run_id for run_id in whole if run_id not in touched]
