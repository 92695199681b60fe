"""Summaries of long curves: made when runs end, true for as long as they are kept."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpack.errors import StorageFailed
from mlpack.tests.tracking.test_curves import START, check, logged, on_a_store, one, sql_store
from mlpack.tracking.entities import Metric
from mlpack.tracking.sql import curve_buckets, curve_summaries, curve_summary, runs
from mlpack.tracking.sql.purge import find_garbage, remove_garbage

__all__ = ["sql_store"]
MANY = [(i, i * 10, math.sin(i / 50) + (9 if i == 777 else 0)) for i in range(1500)]


@pytest.fixture(autouse=True)
def short_ones_too(monkeypatch):
    monkeypatch.setattr(curve_summaries, "LONG", 20)
    monkeypatch.setattr(curve_summary, "ENTRIES", 300)
    monkeypatch.setattr(curve_summaries, "ENTRIES", 300)


@pytest.fixture
def not_read(monkeypatch):
    """A call after which no point may be looked at."""

    def refuse(*_):
        raise AssertionError("points were read")

    def forbid():
        monkeypatch.setattr(curve_summaries, "LONG", 10_000)
        monkeypatch.setattr("mlpack.tracking.sql.view_curves.joined", refuse)
        monkeypatch.setattr("mlpack.tracking.sql.view_curves._points", refuse)

    return forbid


def ended(store, *points, key="m"):
    run_id = logged(store, *points, key=key)
    store.update_run(run_id, "FINISHED", START + 99)
    return run_id


def kept(store, run_id):
    """The metrics of a run that have a summary of all points."""
    keys = store.get_run(run_id).data.metrics
    found = {key: summary_of(store, run_id, key) for key in keys}
    return {key for key, summary in found.items() if summary and summary.is_all}


def summary_of(store, run_id, key="m"):
    with store.database.read() as connection:
        inner = connection.exec_driver_sql(f"SELECT id FROM runs WHERE run_id = '{run_id}'")
        return curve_summaries.find(connection, inner.scalar_one(), key)


def test_an_ended_run_is_drawn_without_its_points(sql_store, not_read):
    run_id = logged(sql_store, *MANY)
    before = {most: one(sql_store, run_id, most) for most in (2, 50, 150, 300)}
    assert not kept(sql_store, run_id)
    sql_store.update_run(run_id, "FAILED", START)
    assert kept(sql_store, run_id) == {"m"}
    not_read()
    for most, plain in before.items():
        curve = one(sql_store, run_id, most)
        check(curve, MANY, most)
        assert len(curve.steps) > 0.7 * len(plain.steps)
    whole = before[300], one(sql_store, run_id, 300)
    assert whole[0].steps == whole[1].steps and whole[0].times == whole[1].times
    assert whole[0].low == whole[1].low and whole[0].counts == whole[1].counts
    assert whole[0].mean == pytest.approx(whole[1].mean)


def test_parts_and_more_points_are_read(sql_store):
    run_id = ended(sql_store, *MANY)
    assert one(sql_store, run_id, 50, "step", 0, 1499).count == 1500  # all of it by its ends
    assert one(sql_store, run_id, 50, "step", 100).count == 1400
    assert one(sql_store, run_id, 50, "time", START + 100).count == 1490
    assert len(one(sql_store, run_id, 1000).steps) > 700
    assert one(sql_store, run_id, 2000).exact


def test_short_curves_have_none(sql_store):
    assert kept(sql_store, ended(sql_store, *MANY[:20])) == set()
    assert kept(sql_store, ended(sql_store, *MANY[:21])) == {"m"}


def test_curves_without_steps(sql_store, not_read):
    points = [(0, i * 7, float(i)) for i in range(400)]
    run_id = ended(sql_store, *points)
    not_read()
    for axis in ("step", "time", "elapsed"):
        curve = one(sql_store, run_id, 30, axis)
        check(curve, points, 30)
        assert curve.times == sorted(curve.times) and len(curve.times) > 20


@on_a_store(20)
@given(
    points=st.lists(
        st.tuples(
            st.integers(-50, 50) | st.integers(-(2**62), 2**62),
            st.integers(0, 99),
            st.floats(width=32) | st.sampled_from([math.nan, math.inf, 1.0, 1.7e308]),
        ),
        min_size=25,
        max_size=60,
        unique=True,
    ),
    most=st.integers(2, 40),
)
def test_no_peak_is_lost_in_a_summary(sql_store, points, most):
    points = list({(s, t, repr(v)): (s, t, v) for s, t, v in points}.values())
    curve_summaries.ENTRIES = curve_summary.ENTRIES = 12
    run_id = ended(sql_store, *points)
    curve = one(sql_store, run_id, most)
    check(curve, points, most)
    order = curve.steps if len({step for step, _, _ in points}) > 1 else curve.times
    assert order == sorted(order)


@pytest.mark.parametrize("batch", [False, True])
def test_a_point_after_the_end_is_seen(sql_store, batch):
    run_id = ended(sql_store, *MANY)
    late = Metric("m", 99.0, START + 10**6, 5000)
    if batch:
        sql_store.log_batch(run_id, [late, Metric("new", 1.0, START, 0)])
    else:
        sql_store.log_metric(run_id, late)
    curve = one(sql_store, run_id, 50)
    assert (curve.count, max(curve.high), kept(sql_store, run_id)) == (1501, 99.0, set())
    assert sql_store.get_run(run_id).data.metrics["m"] == 99.0
    sql_store.update_run(run_id, "FINISHED", START)
    assert kept(sql_store, run_id) == {"m"}
    assert one(sql_store, run_id, 50).count == 1501


def test_points_of_other_metrics_change_nothing(sql_store):
    run_id = ended(sql_store, *MANY)
    sql_store.log_metric(run_id, Metric("other", 1.0, START, 0))
    assert kept(sql_store, run_id) == {"m"}


def test_a_point_that_is_sent_again_after_the_end(sql_store):
    run_id = ended(sql_store, *MANY)
    step, time, value = MANY[-1]
    sql_store.log_metric(run_id, Metric("m", value, START + time, step))
    assert one(sql_store, run_id, 50).count == 1500


def test_a_run_that_goes_on(sql_store):
    run_id = ended(sql_store, *MANY)
    sql_store.update_run(run_id, "RUNNING")
    assert kept(sql_store, run_id) == set()
    sql_store.log_metric(run_id, Metric("m", 99.0, START + 10**6, 5000))
    assert one(sql_store, run_id, 50).count == 1501
    sql_store.update_run(run_id, "KILLED", START)
    assert kept(sql_store, run_id) == {"m"} and one(sql_store, run_id, 50).count == 1501


@pytest.mark.parametrize("change", ["point", "resumed"])
def test_what_comes_while_a_summary_is_made(sql_store, monkeypatch, change):
    def only_read(database, run_id):
        with database.read() as connection:
            inner = connection.exec_driver_sql(f"SELECT id FROM runs WHERE run_id = '{run_id}'")
            run = inner.scalar_one()
            made.append((run, curve_summaries._whole(connection, run, "m")))

    made = []
    run_id = logged(sql_store, *MANY)
    monkeypatch.setattr(runs, "summarise", only_read)
    sql_store.update_run(run_id, "FINISHED", START)
    if change == "point":
        sql_store.log_metric(run_id, Metric("m", 99.0, START + 10**6, 5000))
    else:
        sql_store.update_run(run_id, "RUNNING")
    ((run, summary),) = made
    with sql_store.database.write() as connection:
        over = curve_summaries._is_over(connection, run)
        assert not (over and curve_summaries._has_all(connection, run, "m", summary))


def live(store, points):
    """A run that goes on, its points one by one or in small batches."""
    run_id = store.create_run("0", "live", "me", START, []).info.run_id
    for start in range(0, len(points), 7):
        some = [Metric("m", value, START + time, step) for step, time, value in points[start:][:7]]
        if start % 2:
            store.log_batch(run_id, some)
        else:
            for each in some:
                store.log_metric(run_id, each)
    return run_id


def test_a_run_that_goes_on_is_drawn_from_what_was_kept_and_what_came_later(sql_store, monkeypatch):
    monkeypatch.setattr(curve_summaries, "_EVERY", 100)
    run_id = live(sql_store, MANY)
    summary = summary_of(sql_store, run_id)
    assert not summary.is_all and 1300 < summary.points < 1500 and not kept(sql_store, run_id)
    before = one(sql_store, run_id, 50)
    check(before, MANY, 50)

    def refuse(*_):
        raise AssertionError("all points were read")

    with monkeypatch.context() as patch:
        patch.setattr("mlpack.tracking.sql.view_curves.joined", refuse)
        patch.setattr("mlpack.tracking.sql.curve_summaries._begun", refuse)
        assert one(sql_store, run_id, 50) == before
        more = [(i, i * 10, 2.0) for i in range(1500, 1550)]
        sql_store.log_batch(run_id, [Metric("m", v, START + t, s) for s, t, v in more])
        check(one(sql_store, run_id, 50), MANY + more, 50)
    with monkeypatch.context() as patch:
        patch.setattr(curve_summaries, "joined", refuse)
        sql_store.update_run(run_id, "FINISHED", START)
    assert kept(sql_store, run_id) == {"m"} and summary_of(sql_store, run_id).is_all
    check(one(sql_store, run_id, 50), MANY + more, 50)


def test_a_point_that_comes_late(sql_store, monkeypatch):
    monkeypatch.setattr(curve_summaries, "_EVERY", 100)
    run_id = live(sql_store, MANY)
    sql_store.log_metric(run_id, Metric("m", -50.0, START + 55, 5))
    late = [*MANY, (5, 55, -50.0)]
    check(one(sql_store, run_id, 50), late, 50)
    sql_store.log_metric(run_id, Metric("m", 0.0, START + 15_000, 1500))  # the next time it is kept
    assert summary_of(sql_store, run_id).points > 1400
    check(one(sql_store, run_id, 50), [*late, (1500, 15_000, 0.0)], 50)


def test_steps_that_begin_late(sql_store, monkeypatch):
    monkeypatch.setattr(curve_summaries, "_EVERY", 100)
    points = [(100, i * 10, float(i)) for i in range(400)]
    run_id = live(sql_store, points)
    assert summary_of(sql_store, run_id).axis.name == "timestamp"
    check(one(sql_store, run_id, 30), points, 30)
    sql_store.log_metric(run_id, Metric("m", 1.0, START + 4000, 101))
    check(one(sql_store, run_id, 30), [*points, (101, 4000, 1.0)], 30)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_no_point_is_lost(sql_store, monkeypatch, seed):
    """Points in and out of order, ends, new beginnings, looks."""
    chance = random.Random(seed)
    monkeypatch.setattr(curve_summaries, "_EVERY", 5)
    monkeypatch.setattr(curve_summaries, "ENTRIES", 16)
    monkeypatch.setattr(curve_summary, "ENTRIES", 16)
    monkeypatch.setattr(curve_summaries, "_LATE", 10)
    run_id = sql_store.create_run("0", "r", "me", START, []).info.run_id
    points, drawn_from = {}, set()
    wild = chance.random() < 0.3
    for moment in range(250):
        step = moment if chance.random() < 0.9 else chance.randrange(-50 if wild else 0, 300)
        time = moment * 3 if chance.random() < 0.97 else chance.randrange(800)
        value = chance.choice([chance.uniform(-1, 1), math.nan, math.inf, 0.5])
        sql_store.log_metric(run_id, Metric("m", value, START + time, step))
        points[step, time, repr(value)] = (step, time, value)
        if chance.random() < 0.02:
            sql_store.update_run(run_id, chance.choice(["FINISHED", "RUNNING"]), START)
        if chance.random() < 0.15:
            summary = summary_of(sql_store, run_id)
            drawn_from.add(summary and summary.is_all)
            most = chance.randrange(2, 20)
            check(one(sql_store, run_id, most), list(points.values()), most)
    assert False in drawn_from or wild


def test_a_summary_that_fails_does_not_keep_a_run_from_ending(sql_store, monkeypatch):
    def fail(*_):
        raise StorageFailed("The disk is full.")

    monkeypatch.setattr(curve_buckets, "grouped", fail)
    monkeypatch.setattr(curve_buckets, "scan", fail)
    run_id = ended(sql_store, *MANY)
    assert sql_store.get_run(run_id).info.status == "FINISHED"
    assert kept(sql_store, run_id) == set()


def test_who_ends_a_run_does_not_wait_for_long(sql_store, monkeypatch):
    monkeypatch.setattr(curve_summaries, "_PATIENCE", 0)
    run_id = logged(sql_store, *MANY)
    sql_store.log_batch(run_id, [Metric("z", v, START + t, s) for s, t, v in MANY[:900]])
    sql_store.update_run(run_id, "FINISHED", START)
    assert len(kept(sql_store, run_id)) == 1
    check(sql_store.curves([run_id], ["z"], 50)[0], MANY[:900], 50)


def test_a_purged_run_takes_its_summaries_along(sql_store):
    run_id = ended(sql_store, *MANY)
    sql_store.set_run_stage(run_id, "deleted")
    remove_garbage(sql_store, find_garbage(sql_store, run_ids=[run_id]))
    with sql_store.database.read() as connection:
        left = connection.exec_driver_sql("SELECT count(*) FROM metric_summaries").scalar()
    assert left == 0
