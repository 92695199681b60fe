"""Settings from options and the environment; CPUs by control group."""

import os

import pytest

from mlpack.errors import InvalidInput
from mlpack.serve.settings import ServeSettings, available_cpus, parse_size


def test_the_environment_is_read_ours_before_the_peers():
    settings = ServeSettings.from_environment(
        {
            "MLPACK_HOST": "0.0.0.0",
            "SAGEMAKER_BIND_TO_PORT": "9000",
            "MLFLOW_MODELS_WORKERS": "3",
            "MLPACK_WORKERS": "2",
            "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT": "7.5",
            "MLPACK_MAX_BODY": "2M",
            "MLPACK_ACCESS_LOG": "true",
            "MLPACK_BANNER": "0",
            "MLPACK_THREADS": " ",
        },
        port=8080,
    )
    assert (settings.host, settings.port, settings.workers) == ("0.0.0.0", 9000, 2)
    assert (settings.timeout, settings.max_body, settings.threads) == (7.5, 2 * 1024**2, 32)
    assert settings.access_log and not settings.banner


def test_load_and_routes_come_from_the_environment_too():
    settings = ServeSettings.from_environment(
        {
            "MLPACK_BATCHING": "OFF",
            "MLPACK_MAX_BATCH_ROWS": "64",
            "MLPACK_MAX_BATCH_WAIT": "0.005",
            "MLPACK_MAX_QUEUE": "10",
            "MLPACK_MAX_REQUESTS": "1000",
            "MLPACK_ROUTE": "a=1,b=2",
            "MLPACK_ROUTE_BY": "X-User",
            "MLPACK_SHADOW": "b",
        }
    )
    assert (settings.batching, settings.max_batch_rows, settings.max_batch_wait) == (
        "off",
        64,
        0.005,
    )
    assert (settings.max_queue, settings.max_requests) == (10, 1000)
    assert (settings.route, settings.route_by, settings.shadow) == ("a=1,b=2", "X-User", "b")


def test_defaults_and_options():
    settings = ServeSettings.from_environment({}, port=8080).with_options(workers=4, host=None)
    assert (settings.port, settings.worker_count, settings.host) == (8080, 4, "127.0.0.1")
    assert ServeSettings().worker_count == min(available_cpus(), 8)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("MLPACK_PORT", "http", "MLPACK_PORT is 'http'; it must be a whole number"),
        ("MLPACK_PORT", "70000", "port must be between 0 and 65535, not 70000"),
        ("MLPACK_WORKERS", "0", "workers must be"),
        ("MLFLOW_MODELS_WORKERS", "two", "MLFLOW_MODELS_WORKERS"),
        ("MLPACK_THREADS", "-1", "threads must be"),
        ("MLPACK_BATCHING", "maybe", "batching must be auto, on or off"),
        ("MLPACK_MAX_BATCH_ROWS", "0", "max_batch_rows must be"),
        ("MLPACK_MAX_BATCH_WAIT", "-1", "max_batch_wait must be"),
        ("MLPACK_MAX_QUEUE", "many", "MLPACK_MAX_QUEUE is 'many'; it must be a whole number"),
        ("MLPACK_TIMEOUT", "nan", "timeout must be"),
        ("MLPACK_TIMEOUT", "soon", "a number"),
        ("MLPACK_MAX_BODY", "big", "a size such as 100M"),
        ("MLPACK_MAX_BODY", "inf", "a size such as 100M"),
        ("MLPACK_ACCESS_LOG", "maybe", "1 or 0"),
    ],
)
def test_wrong_values_are_named(variable, value, says):
    with pytest.raises(InvalidInput, match=says):
        ServeSettings.from_environment({variable: value})


def test_sizes():
    assert [parse_size(t) for t in ("1000", "2k", "1.5M", "1 GiB", "3MB")] == [
        1000,
        2048,
        1536 * 1024,
        1024**3,
        3 * 1024**2,
    ]
    for wrong in ("", "M", "-1", "0", "nan", "1e400"):
        with pytest.raises((ValueError, OverflowError)):
            parse_size(wrong)


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("max 100000", None), ("100000 100000", 1), ("50000 100000", 1), ("garbage", None)],
)
def test_the_containers_quota_caps_the_cpus(tmp_path, text, cpus):
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert available_cpus(tmp_path) == (cpus or len(os.sched_getaffinity(0)))


def test_the_quota_of_the_older_control_groups(tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert available_cpus(tmp_path) == 1
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert available_cpus(tmp_path) == len(os.sched_getaffinity(0))
