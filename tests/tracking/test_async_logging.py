"""Logging that does not wait: in order, in batches, flushed at exit, failures told."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import pytest

import mlpack
from mlpack.errors import InvalidInput, NotFound, StorageFailed
from mlpack.tracking import async_logging
from mlpack.tracking.entities import Metric, Param


@pytest.fixture(autouse=True)
def _as_a_fresh_process(monkeypatch):
    """Nothing was asked for, nothing is waiting."""
    for name in ("MLPACK_ENABLE_ASYNC_LOGGING", "MLFLOW_ENABLE_ASYNC_LOGGING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(async_logging, "_chosen", None)
    monkeypatch.setattr(async_logging, "_worker", async_logging._Worker())


class SlowStore:
    """Writes only while `open`; keeps the batches it was given."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches: list[tuple[str, int, int, int]] = []
        self.keys: list[str] = []
        self.fail: Exception | None = None

    def log_batch(self, run_id, metrics=(), params=(), tags=()):
        self.entered.set()
        assert self.open.wait(60)
        if self.fail:
            raise self.fail
        if any(param.value == "bad" for param in params):
            raise InvalidInput("bad param")
        self.batches.append((run_id, len(metrics), len(params), len(tags)))
        self.keys += [thing.key for thing in (*metrics, *params, *tags)]


def _points(count):
    return [Metric(f"m{i}", i, i) for i in range(count)]


def test_every_function_takes_synchronous():
    with mlpack.start_run() as run:
        operations = [
            mlpack.log_metric("a", 1, synchronous=False),
            mlpack.log_metrics({"b": 2, "c": 3}, synchronous=False),
            mlpack.log_param("p", 1, synchronous=False),
            mlpack.log_params({"q": 2}, synchronous=False),
            mlpack.set_tag("t", 3, synchronous=False),
            mlpack.set_tags({"u": 4}, synchronous=False),
        ]
        for operation in operations:
            operation.wait()
        data = mlpack.get_run(run.info.run_id).data
    assert data.metrics == {"a": 1, "b": 2, "c": 3}
    assert data.params == {"p": "1", "q": "2"}
    assert (data.tags["t"], data.tags["u"]) == ("3", "4")


def test_the_client_takes_synchronous():
    client = mlpack.MlpackClient()
    run_id = client.create_run("0").info.run_id
    client.log_metric(run_id, "m", 1, synchronous=False)
    client.log_param(run_id, "p", 1, synchronous=False)
    client.set_tag(run_id, "t", 1, synchronous=False)
    client.log_batch(run_id, metrics=[Metric("n", 1.0, 1)], synchronous=False).wait()
    data = client.get_run(run_id).data
    assert (data.metrics, data.params, data.tags["t"]) == ({"m": 1, "n": 1}, {"p": "1"}, "1")


def test_calls_wait_for_the_store_unless_asked_otherwise():
    with mlpack.start_run() as run:
        assert mlpack.log_metric("m", 1) is None
        assert mlpack.log_param("p", "v") == "v"
        mlpack.config.enable_async_logging()
        mlpack.log_metric("n", 2).wait()
        assert mlpack.log_metric("o", 3, synchronous=True) is None
        mlpack.config.enable_async_logging(False)
        assert mlpack.log_metric("p", 4) is None
    assert mlpack.get_run(run.info.run_id).data.metrics == {"m": 1, "n": 2, "o": 3, "p": 4}


@pytest.mark.parametrize("prefix", ["MLPACK", "MLFLOW"])
def test_the_environment_may_ask(prefix, monkeypatch):
    monkeypatch.setenv(f"{prefix}_ENABLE_ASYNC_LOGGING", "true")
    with mlpack.start_run():
        mlpack.log_metric("m", 1).wait()


def test_the_end_of_a_run_waits_for_it():
    with mlpack.start_run() as run:
        for step in range(500):
            mlpack.log_metric("m", step, step=step, synchronous=False)
    history = mlpack.MlpackClient().get_metric_history(run.info.run_id, "m")
    assert [metric.value for metric in history] == list(range(500))
    assert mlpack.get_run(run.info.run_id).info.status == "FINISHED"


def test_what_waits_is_written_together_and_in_order():
    store = SlowStore()
    for i in range(10):
        async_logging.submit(store, "a", params=[Param(f"a{i}", "1")])
        async_logging.submit(store, "b", metrics=_points(2))
    store.open.set()
    async_logging.flush_async_logging()
    assert [key for key in store.keys if key[0] == "a"] == [f"a{i}" for i in range(10)]
    assert len(store.batches) <= 4
    assert sum(batch[1] for batch in store.batches) == 20


def test_whoever_logs_faster_than_the_store_waits(monkeypatch):
    monkeypatch.setattr(async_logging, "_MOST_WAITING", 10)
    store = SlowStore()
    async_logging.submit(store, "a", metrics=_points(10))
    passed = threading.Event()

    def log_more():
        async_logging.submit(store, "a", metrics=_points(1))
        passed.set()

    thread = threading.Thread(target=log_more)
    thread.start()
    assert store.entered.wait(60)
    assert not passed.is_set()
    store.open.set()
    assert passed.wait(60)
    thread.join()
    async_logging.flush_async_logging()


def test_one_bad_call_spoils_no_other():
    store = SlowStore()
    first = async_logging.submit(store, "a", metrics=_points(1))
    assert store.entered.wait(60)  # so that the next three are written together
    good = async_logging.submit(store, "a", params=[Param("x", "1")])
    bad = async_logging.submit(store, "a", params=[Param("y", "bad"), Param("z", "1")])
    after = async_logging.submit(store, "a", metrics=_points(1))
    store.open.set()
    for operation in (first, good, after):
        operation.wait()
    with pytest.raises(InvalidInput, match="bad param"):
        bad.wait()
    async_logging.flush_async_logging()  # it was told already
    assert store.keys == ["m0", "x", "m0"]


def test_a_store_that_is_gone_fails_all_at_once():
    store = SlowStore()
    store.fail = StorageFailed("gone")
    operations = [async_logging.submit(store, "a", metrics=_points(1)) for _ in range(3)]
    store.open.set()
    for operation in operations:
        with pytest.raises(StorageFailed, match="gone"):
            operation.wait()


def test_flush_raises_what_nobody_waited_for():
    mlpack.MlpackClient().log_metric("nosuchrun", "m", 1, synchronous=False)
    with pytest.raises(NotFound, match="nosuchrun"):
        mlpack.flush_async_logging()
    mlpack.flush_async_logging()


def test_bad_values_are_told_at_once():
    with mlpack.start_run(), pytest.raises(InvalidInput):
        mlpack.log_metric("m", "one", synchronous=False)


def _script(code):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
    )


def test_the_end_of_the_process_waits_and_warns():
    done = _script(
        """
        import mlpack
        run = mlpack.start_run()
        for step in range(300):
            mlpack.log_metric("m", step, step=step, synchronous=False)
        mlpack.MlpackClient().log_metric("nosuchrun", "m", 1, synchronous=False)
        print(run.info.run_id)
        """
    )
    run_id = done.stdout.strip()
    assert done.returncode == 0
    assert "Logging to run nosuchrun failed" in done.stderr
    assert len(mlpack.MlpackClient().get_metric_history(run_id, "m")) == 300
    assert mlpack.get_run(run_id).info.status == "FINISHED"


def test_a_forked_child_logs_by_a_thread_of_its_own():
    with mlpack.start_run() as run:
        mlpack.log_metric("parent", 1, synchronous=False).wait()
        child = os.fork()
        if child == 0:
            try:
                mlpack.log_metric("child", 2, synchronous=False).wait()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert mlpack.get_run(run.info.run_id).data.metrics == {"parent": 1, "child": 2}
