"""How busy the machine is while a run lasts: ``system/cpu_utilization_percentage`` and so on.

A daemon thread takes samples. Nothing that goes wrong in it reaches the training.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, MissingDependency, NotFound
from . import validate

if TYPE_CHECKING:
    from .client import TrackingClient

_log = logging.getLogger("mlpack.system_metrics")
_TRUE = frozenset({"1", "true", "yes", "on"})
_chosen: dict[str, Any] = {}  # what the functions below set, over the environment


def enable_system_metrics_logging() -> None:
    """Record system metrics in the runs that start from now on; needs psutil.

    Also: the environment variable ``MLPACK_ENABLE_SYSTEM_METRICS_LOGGING=true``.
    """
    _chosen["ENABLE_SYSTEM_METRICS_LOGGING"] = True


def disable_system_metrics_logging() -> None:
    """Record system metrics only where ``start_run(log_system_metrics=True)`` says so."""
    _chosen["ENABLE_SYSTEM_METRICS_LOGGING"] = False


def set_system_metrics_sampling_interval(interval: float | None) -> None:
    """Seconds between samples (``MLPACK_SYSTEM_METRICS_SAMPLING_INTERVAL``); default: 10."""
    _choose("SYSTEM_METRICS_SAMPLING_INTERVAL", interval, 0.01)


def set_system_metrics_samples_before_logging(samples: int | None) -> None:
    """How many samples make one logged mean (``MLPACK_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING``)."""
    _choose("SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", samples, 1)


def set_system_metrics_node_id(node_id: str | None) -> None:
    """A name of this machine that goes into the keys (``MLPACK_SYSTEM_METRICS_NODE_ID``)."""
    _chosen["SYSTEM_METRICS_NODE_ID"] = node_id
    if node_id is None:
        del _chosen["SYSTEM_METRICS_NODE_ID"]


def _choose(name: str, value: float | None, least: float) -> None:
    if value is None:
        _chosen.pop(name, None)
    elif isinstance(value, (int, float)) and value >= least:
        _chosen[name] = value
    else:
        raise InvalidInput(f"{name.lower()} must be a number of at least {least:g}; got {value!r}.")


def _setting(name: str) -> Any:
    """What was chosen, else the environment's word for it, else None."""
    if name in _chosen:
        return _chosen[name]
    return os.environ.get(f"MLPACK_{name}") or os.environ.get(f"MLFLOW_{name}") or None


def _number(name: str, default: float) -> float:
    value = _setting(name)
    try:
        number = float(value) if value is not None else default
    except ValueError:
        number = 0.0
    if not number > 0:
        raise InvalidInput(f"MLPACK_{name} must be a number above 0; got {value!r}.")
    return number


def wanted_monitor(asked: bool | None) -> Monitor | None:
    """A monitor for a run that is about to start, or None when nobody wants one.

    Args:
        asked: what the run's own start says; None: as is set for all runs.

    Raises:
        MissingDependency: psutil is not installed.
        InvalidInput: a setting that is no number.
    """
    if asked is None:
        asked = str(_setting("ENABLE_SYSTEM_METRICS_LOGGING")).lower() in _TRUE
    if not asked:
        return None
    if importlib.util.find_spec("psutil") is None:
        raise MissingDependency(
            "System metrics need psutil: pip install 'mlpack-toolkit[system-metrics]'"
        )
    node = _setting("SYSTEM_METRICS_NODE_ID")
    return Monitor(
        _number("SYSTEM_METRICS_SAMPLING_INTERVAL", 10),
        int(_number("SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", 1)),
        f"system/{node}/" if node else "system/",
    )


class Monitor:
    """Samples until it is stopped, and logs the mean of every few samples.

    Args:
        interval: seconds between samples.
        samples: that make one logged value.
        prefix: of the keys.
    """

    def __init__(self, interval: float, samples: int, prefix: str) -> None:
        self._interval = interval
        self._samples = samples
        self._prefix = prefix
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._taken: list[dict[str, float]] = []
        self._step = 0
        self._process = os.getpid()

    def start(self, client: TrackingClient, run_id: str, *, resumed: bool = False) -> None:
        """Begin; a resumed run goes on after the steps that it has."""
        self._client, self._run_id = client, run_id
        if resumed:
            self._step = self._next_step()
        self._thread = threading.Thread(target=self._watch, name="mlpack-system", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, with what was sampled since the last value; does nothing in a forked child."""
        if self._thread is None or self._process != os.getpid():
            return
        self._end.set()
        self._thread.join(5.0)
        self._thread = None

    def _watch(self) -> None:
        try:
            probes = _probes()
            while not self._end.wait(self._interval):
                self._take(probes)
                if len(self._taken) >= self._samples and not self._publish():
                    return
            if not self._taken:
                self._take(probes)
            self._publish()
        except Exception as error:
            _log.warning("System metrics of run %s end early: %s", self._run_id, error)

    def _take(self, probes: list[Callable[[], dict[str, float]]]) -> None:
        sample: dict[str, float] = {}
        for probe in probes:
            with suppress(Exception):  # a disk or GPU that went away takes only its own values
                sample |= probe()
        self._taken.append(sample)

    def _publish(self) -> bool:
        """Log the mean of what was taken; False when the run takes no more."""
        taken, self._taken = self._taken, []
        means = {
            key: round(sum(values) / len(values), 1)
            for key in taken[-1]
            if (values := [sample[key] for sample in taken if key in sample])
        }
        moment = validate.now()
        metrics = [
            validate.metric(self._prefix + key, value, moment, self._step)
            for key, value in means.items()
        ]
        try:
            self._client.store.log_batch(self._run_id, metrics=metrics)
        except (NotFound, InvalidInput):
            return False  # the run was deleted
        except Exception as error:
            _log.warning("System metrics of run %s could not be logged: %s", self._run_id, error)
        self._step += 1
        return True

    def _next_step(self) -> int:
        key = f"{self._prefix}cpu_utilization_percentage"
        with suppress(Exception):
            points = self._client.store.sample_metric_history([self._run_id], key, 2)
            return max(point.step for point in points[self._run_id]) + 1
        return 0


def _probes() -> list[Callable[[], dict[str, float]]]:
    import psutil

    psutil.cpu_percent()  # the first call has nothing to compare with
    start = psutil.net_io_counters()

    def cpu_and_memory() -> dict[str, float]:
        memory = psutil.virtual_memory()
        return {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / 1e6,
            "system_memory_usage_percentage": memory.used / memory.total * 100,
        }

    def disk() -> dict[str, float]:
        usage = psutil.disk_usage(os.sep)
        return {
            "disk_usage_percentage": usage.percent,
            "disk_usage_megabytes": usage.used / 1e6,
            "disk_available_megabytes": usage.free / 1e6,
        }

    def network() -> dict[str, float]:
        now = psutil.net_io_counters()
        return {
            "network_receive_megabytes": (now.bytes_recv - start.bytes_recv) / 1e6,
            "network_transmit_megabytes": (now.bytes_sent - start.bytes_sent) / 1e6,
        }

    return [cpu_and_memory, disk, network, *_gpu_probes()]


def _gpu_probes() -> list[Callable[[], dict[str, float]]]:
    """One probe a GPU of NVIDIA, where its library (nvidia-ml-py) is installed."""
    try:
        pynvml = importlib.import_module("pynvml")

        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    except Exception:  # no library, no driver, no GPU
        return []

    def probe(number: int, handle: Any) -> dict[str, float]:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        values = {
            "memory_usage_percentage": memory.used / memory.total * 100,
            "memory_usage_megabytes": memory.used / 1e6,
        }
        with suppress(pynvml.NVMLError):
            values["utilization_percentage"] = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu
        with suppress(pynvml.NVMLError):
            watts = pynvml.nvmlDeviceGetPowerUsage(handle) / 1000
            limit = pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000
            values |= {"power_usage_watts": watts, "power_usage_percentage": watts / limit * 100}
        return {f"gpu_{number}_{key}": value for key, value in values.items()}

    return [
        lambda number=number, handle=handle: probe(number, handle)  # type: ignore[misc]
        for number, handle in enumerate(handles)
    ]
