"""Curves for drawing: nothing that was logged is lost from sight, on every database."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlpack.errors import InvalidInput
from mlpack.tests.stores import SQL_KINDS, empty
from mlpack.tracking.entities import Metric
from mlpack.tracking.sql import curve_scan
from mlpack.tracking.sql.store import SqlStore

START = 1_700_000_000_000
_ids = iter(range(10**9))


@pytest.fixture(params=SQL_KINDS)
def sql_store(request, tmp_path, shared_database):
    if request.param == "sqlite":
        return SqlStore(tmp_path / "store")
    return empty(SqlStore(shared_database(request.param), artifact_root=str(tmp_path)))


def logged(store, *points, key="m"):
    """A run with these (step, time, value)."""
    run_id = store.create_run("0", f"r{next(_ids)}", "me", START, []).info.run_id
    metrics = [Metric(key, value, START + time, step) for step, time, value in points]
    for start in range(0, len(metrics), 1000):
        store.log_batch(run_id, metrics[start : start + 1000])
    return run_id


def one(store, run_id, *args, **options):
    (curve,) = store.curves([run_id], ["m"], *args, **options)
    return curve


def on_a_store(examples):
    """Settings for so many examples, all on one store."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def check(curve, points, most):
    """What must hold of any curve of these (step, time, value)."""
    finite = [value for _, _, value in points if math.isfinite(value)]
    lows, highs = ([v for v in side if v is not None] for side in (curve.low, curve.high))
    assert curve.count == len(points) == sum(curve.counts)
    assert curve.gaps == len(points) - len(finite)
    assert len(curve.steps) <= most
    assert {len(curve.times), len(curve.low), len(curve.high), len(curve.mean)} == {
        len(curve.steps)
    }
    assert (min(lows, default=None), max(highs, default=None)) == (
        min(finite, default=None),
        max(finite, default=None),
    )
    for low, mean, high in zip(curve.low, curve.mean, curve.high, strict=True):
        assert (low is None) == (mean is None) == (high is None)
        assert low is None or low <= mean <= high
    if curve.exact:
        assert curve.low == curve.mean == curve.high and len(curve.steps) == len(points)


values = st.floats(width=32) | st.floats() | st.sampled_from([math.nan, math.inf, 0.0, 1.0])
steps = st.integers(0, 50) | st.integers(-(2**62), 2**62) | st.just(0)
histories = st.lists(
    st.tuples(steps, st.integers(0, 99), values), min_size=1, max_size=60, unique=True
)
in_order = st.lists(values, min_size=1, max_size=80).map(
    lambda found: [(i * 3 + 7, i, value) for i, value in enumerate(found)]
)


@on_a_store(40)
@given(points=histories | in_order, most=st.integers(2, 12), axis=st.sampled_from(["step", "time"]))
def test_no_peak_is_lost(sql_store, points, most, axis):
    points = list({(s, t, repr(v)): (s, t, v) for s, t, v in points}.values())
    curve = one(sql_store, logged(sql_store, *points), most, axis)
    check(curve, points, most)
    if axis == "step" and len({step for step, _, _ in points}) > 1:
        assert curve.steps == sorted(curve.steps)
    else:
        assert curve.times == sorted(curve.times)


@on_a_store(40)
@given(
    points=st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 3), st.floats(-10, 10)),
        min_size=1,
        unique=True,
    ),
    most=st.integers(2, 9),
    ends=st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted),
)
def test_the_fast_way_and_the_plain_one_agree(tmp_path_factory, points, most, ends):
    store = SqlStore(tmp_path_factory.mktemp("store"))
    # times go up with steps here and there: the fast way takes some and gives up the others
    points = [(step, step * 2 + late, value) for step, late, value in points]
    points = list({(s, t, v + 0.0): (s, t, v + 0.0) for s, t, v in points}.values())
    run_id = logged(store, *points)
    inside = [p for p in points if ends[0] <= p[0] <= ends[1]]
    fast = store.curves([run_id], ["m"], most, "step", *ends)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlpack.tracking.sql.curve_buckets.scan", lambda *_: None)
        plain = store.curves([run_id], ["m"], most, "step", *ends)
    assert len(fast) == len(plain) == bool(inside)
    for one_way, other in zip(fast, plain, strict=True):
        assert one_way.steps == other.steps and one_way.counts == other.counts
        assert (one_way.low, one_way.high) == (other.low, other.high)
        assert one_way.times == other.times
        assert one_way.mean == pytest.approx(other.mean)
        check(one_way, inside, most)


def test_the_fast_way_takes_a_plain_loop(tmp_path, monkeypatch):
    """Otherwise the tests above prove nothing about it."""
    store = SqlStore(tmp_path / "store")
    run_id = logged(store, *((i, i // 3, math.sin(i)) for i in range(2000)))
    found = []
    original = curve_scan.scan
    monkeypatch.setattr(
        "mlpack.tracking.sql.curve_buckets.scan",
        lambda *asked: found.append(original(*asked)) or found[-1],
    )
    whole = one(store, run_id, 100)
    part = one(store, run_id, 100, "step", 501, 1700)
    assert found[0] and found[1] and len(found) == 2
    assert whole.count == 2000 and 90 < len(whole.steps) <= 100
    assert (part.count, part.steps[0], part.steps[-1] <= 1700) == (1200, 501, True)


@pytest.mark.parametrize(
    "time", [lambda i: 0, lambda i: i // 500, lambda i: -i], ids=["one", "few", "back"]
)
def test_points_of_one_time_are_not_read_for_each_bucket(tmp_path, time):
    store = SqlStore(tmp_path / "store")
    run_id = logged(store, *((i, time(i), math.sin(i)) for i in range(4000)))
    with store.database.read() as connection:
        raw = connection.connection.dbapi_connection
        steps = []
        raw.set_progress_handler(lambda: steps.append(1000), 1000)
        found = curve_scan.scan(raw, 1, "m", 0, 3999, 20)
        raw.set_progress_handler(None, 0)
    assert found is None and sum(steps) < 4000 * 20
    check(one(store, run_id, 200), [(i, time(i), math.sin(i)) for i in range(4000)], 200)


def test_steps_that_were_logged_again_are_grouped(sql_store):
    """A run that was resumed from an older checkpoint: time goes on, steps go back."""
    points = [(i, i, 1.0) for i in range(500)] + [(i, 1000 + i, 5.0) for i in range(250, 750)]
    curve = one(sql_store, logged(sql_store, *points), 50)
    check(curve, points, 50)
    middle = curve.steps.index(next(step for step in curve.steps if step > 300))
    assert (curve.low[middle], curve.high[middle]) == (1.0, 5.0)


def test_curves_without_steps_are_spread_over_time(sql_store):
    points = [(0, i * 10, float(i)) for i in range(300)]
    curve = one(sql_store, logged(sql_store, *points), 30)
    check(curve, points, 30)
    assert 25 < len(curve.steps) <= 30 and set(curve.steps) == {0}


def test_a_range_of_times_since_each_runs_start(sql_store):
    run_id = logged(sql_store, *((i, i * 1000, float(i)) for i in range(100)))
    curve = one(sql_store, run_id, 1000, "elapsed", 10_000, 19_999)
    assert curve.exact and curve.steps == list(range(10, 20))
    assert one(sql_store, run_id, 10, "time", START + 50_000).count == 50


def test_steps_of_any_size(sql_store):
    points = [(-(2**62), 0, 1.0), (2**62, 1, 2.0), (2**62 + 1, 2, 3.0), (0, 3, math.inf)]
    run_id = logged(sql_store, *points)
    check(one(sql_store, run_id, 2), points, 2)
    check(one(sql_store, run_id, 3), points, 3)


def test_values_at_the_edge_of_what_a_double_holds(sql_store):
    points = [(i, i, sign * 1.7e308) for i, sign in enumerate([1, 1, -1, 1, 1, 1])]
    check(one(sql_store, logged(sql_store, *points), 2), points, 2)
    points = [(i, i, value) for i, value in enumerate([5e-324, 2.5e-310, -5e-324])]
    check(one(sql_store, logged(sql_store, *points), 2), points, 2)


def test_many_curves_come_in_the_order_that_was_asked_for(sql_store):
    runs = [logged(sql_store, *((i, i, i * k) for i in range(40))) for k in range(1, 6)]
    logged(sql_store, (0, 0, 1.0), key="other")
    found = sql_store.curves([*reversed(runs), runs[0]], ["m", "none"], 7)
    assert [curve.run_id for curve in found] == list(reversed(runs))
    assert [max(curve.high) for curve in found] == [39 * k for k in (5, 4, 3, 2, 1)]


def test_what_cannot_be(sql_store):
    with pytest.raises(InvalidInput, match="at least 2"):
        sql_store.curves([], [], 1)
    assert sql_store.curves(["nobody"], ["m"], 10) == []
