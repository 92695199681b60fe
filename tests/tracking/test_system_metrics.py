"""How busy the machine was while a run lasted."""

import subprocess
import sys
import threading
import time

import pytest

import mlpack
from mlpack.errors import InvalidInput, MissingDependency
from mlpack.tracking import system_metrics

CPU = "system/cpu_utilization_percentage"


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch):
    monkeypatch.setattr(system_metrics, "_chosen", {})
    for prefix in ("MLPACK", "MLFLOW"):
        monkeypatch.delenv(f"{prefix}_ENABLE_SYSTEM_METRICS_LOGGING", raising=False)


def history(run, key=CPU):
    return mlpack.MlpackClient().get_metric_history(run.info.run_id, key)


def until(there):
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_values_come_while_the_run_lasts_and_end_with_it():
    mlpack.set_system_metrics_sampling_interval(0.02)
    with mlpack.start_run(log_system_metrics=True) as run:
        until(lambda: len(history(run)) >= 3)
    assert not [t for t in threading.enumerate() if t.name == "mlpack-system"]
    metrics = mlpack.get_run(run.info.run_id).data.metrics
    assert {key for key in metrics if "gpu" not in key} == {
        "system/cpu_utilization_percentage",
        "system/disk_available_megabytes",
        "system/disk_usage_megabytes",
        "system/disk_usage_percentage",
        "system/network_receive_megabytes",
        "system/network_transmit_megabytes",
        "system/system_memory_usage_megabytes",
        "system/system_memory_usage_percentage",
    }
    assert 0 < metrics["system/system_memory_usage_percentage"] <= 100
    assert [point.step for point in history(run)] == list(range(len(history(run))))


def test_a_short_run_has_one_value_and_a_resumed_one_goes_on():
    with mlpack.start_run(log_system_metrics=True) as run:
        pass
    with mlpack.start_run(run.info.run_id, log_system_metrics=True):
        pass
    assert [point.step for point in history(run)] == [0, 1]


def test_means_of_several_samples(monkeypatch):
    values = iter([10.0, 20.0, 40.0])
    monkeypatch.setattr(
        system_metrics, "_probes", lambda: [lambda: {"cpu_utilization_percentage": next(values)}]
    )
    mlpack.set_system_metrics_sampling_interval(0.01)
    mlpack.set_system_metrics_samples_before_logging(2)
    mlpack.set_system_metrics_node_id("node-1")
    key = "system/node-1/cpu_utilization_percentage"
    with mlpack.start_run(log_system_metrics=True) as run:
        until(lambda: history(run, key))
    assert history(run, key)[0].value == 15.0


def test_only_on_request(monkeypatch):
    with mlpack.start_run() as quiet:
        assert quiet.monitor is None
    mlpack.enable_system_metrics_logging()
    with mlpack.start_run() as run, mlpack.start_run(nested=True, log_system_metrics=False) as no:
        assert run.monitor is not None and no.monitor is None
    mlpack.disable_system_metrics_logging()
    assert mlpack.start_run().monitor is None
    mlpack.end_run()
    monkeypatch.setattr(system_metrics, "_chosen", {})
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true")
    assert mlpack.start_run().monitor is not None
    mlpack.end_run()


def test_trouble_stays_away_from_the_training(monkeypatch, caplog):
    def broken():
        raise OSError("no such disk")

    monkeypatch.setattr(system_metrics, "_probes", lambda: [broken, lambda: {"a": 1.0}])
    mlpack.set_system_metrics_sampling_interval(0.01)
    with mlpack.start_run(log_system_metrics=True) as run:
        until(lambda: history(run, "system/a"))
        mlpack.delete_run(run.info.run_id)
        until(lambda: not [t for t in threading.enumerate() if t.name == "mlpack-system"])
    monkeypatch.setattr(system_metrics, "_probes", broken)
    with mlpack.start_run(log_system_metrics=True):
        pass
    assert "no such disk" in caplog.text


def test_mistakes(monkeypatch):
    with pytest.raises(InvalidInput, match="must be a number of at least"):
        mlpack.set_system_metrics_sampling_interval(0)
    monkeypatch.setenv("MLPACK_SYSTEM_METRICS_SAMPLING_INTERVAL", "often")
    with pytest.raises(InvalidInput, match="must be a number above 0; got 'often'"):
        mlpack.start_run(log_system_metrics=True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"mlpack-toolkit\[system-metrics\]"):
        mlpack.start_run(log_system_metrics=True)
    assert mlpack.active_run() is None


def test_a_forked_child_leaves_it_to_its_parent():
    code = """
import os, mlpack
mlpack.set_system_metrics_sampling_interval(0.01)
with mlpack.start_run(log_system_metrics=True) as run:
    if os.fork() == 0:
        run.monitor.stop()
        os._exit(0)
    assert os.wait()[1] == 0
print(run.info.run_id)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True
    )
    metrics = mlpack.get_run(done.stdout.strip()).data.metrics
    assert CPU in metrics
