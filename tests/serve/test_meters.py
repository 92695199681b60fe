"""Numbers in memory that processes share."""

import os
import threading

import pytest

from mlpack.serve.meters import Meters


def in_child(work):
    """Run a function in a forked process, and see that it went well."""
    pid = os.fork()
    if not pid:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def read(meters):
    return {
        (family.name, series.labels): series.cells
        for family, found in meters.read()
        for series in found
    }


@pytest.fixture
def meters():
    made = Meters(workers=3)
    made.hits = made.counter("hits_total", "", ("route",))
    made.open = made.gauge("open", "")
    made.took = made.histogram("took_seconds", "", (0.1, 1.0))
    return made


def test_what_several_processes_count_adds_up(meters):
    slots = [meters.take_slot() for _ in range(3)]
    assert slots == [1, 2, 3] and meters.take_slot() is None

    def work(slot):
        meters.enter_slot(slot)
        for _ in range(100):
            meters.hits.add(1, ("/a",))
        meters.hits.add(slot, (f"/{slot}",))
        meters.open.add(1)
        meters.took.observe(0.05)
        meters.took.observe(0.1)
        meters.took.observe(7)

    for slot in slots:
        in_child(lambda slot=slot: work(slot))
    meters.hits.add(1, ("/a",))  # the parent counts, too
    found = read(meters)
    assert found["hits_total", ("/a",)] == [301]
    assert [found["hits_total", (f"/{n}",)] for n in (1, 2, 3)] == [[1], [2], [3]]
    assert found["open", ()] == [3]
    assert found["took_seconds", ()] == [6, 0, 3, pytest.approx(3 * 7.15)]
    assert [slot for slot, _ in meters.processes()] == [1, 2, 3]


def test_a_dead_workers_counters_stay_its_gauges_go_and_its_slot_is_used_again(meters):
    slot = meters.take_slot()

    def first():
        meters.enter_slot(slot)
        meters.hits.add(5, ("/a",))
        meters.open.set(5)

    in_child(first)
    meters.leave_slot(slot)
    assert read(meters) == {("hits_total", ("/a",)): [5], ("open", ()): [0]}
    assert list(meters.processes()) == []
    assert meters.take_slot() == slot

    def second():
        meters.enter_slot(slot)
        meters.hits.add(1, ("/b",))
        meters.hits.add(1, ("/a",))
        meters.open.add(1)

    in_child(second)
    assert read(meters) == {
        ("hits_total", ("/a",)): [6],
        ("hits_total", ("/b",)): [1],
        ("open", ()): [1],
    }


def test_threads_of_one_process_lose_nothing(meters):
    def work():
        for _ in range(20_000):
            meters.hits.add(1, ("/a",))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(meters)["hits_total", ("/a",)] == [80_000]


def test_a_worker_without_a_slot_counts_unseen(meters):
    def work():
        meters.enter_slot(None)
        meters.hits.add(1, ("/a",))
        assert read(meters)["hits_total", ("/a",)] == [1]

    in_child(work)
    meters.leave_slot(None)
    assert read(meters) == {}


def test_a_slot_that_is_full_loses_new_series_and_keeps_the_old():
    meters = Meters(workers=1, slot_bytes=1024)
    hits = meters.counter("hits_total", "", ("who",))
    took = meters.histogram("took_seconds", "", (1.0,), ("who",))
    for n in range(500):
        hits.add(1, (str(n),))
        took.observe(1, (str(n),))
    hits.add(1, ("0",))
    found = read(meters)
    assert 10 < len(found) < 100
    assert found["hits_total", ("0",)] == [2]
    assert all(sum(cells) <= 2 for cells in found.values())
