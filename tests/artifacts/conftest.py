"""Places for files of every kind; the servers behind them start once a session."""

from __future__ import annotations

import importlib.util
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mlpack.artifacts.base import ArtifactStore
from mlpack.artifacts.open import open_artifacts

_numbers = itertools.count()


def _load_servers() -> ModuleType:
    # pytest's importlib mode puts no folder of tests on sys.path
    path = Path(__file__).with_name("servers.py")
    spec = importlib.util.spec_from_file_location("mlpack_tests_object_servers", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


servers = _load_servers()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the machine's user reach a test."""
    prefixes = ("AWS_", "AZURE_", "GOOGLE_", "MLFLOW_", "MLPACK_", "STORAGE_")
    for name in list(os.environ):
        if name.startswith(prefixes):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))


@pytest.fixture(scope="session")
def object_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """A function from "s3", "az" or "gs" to the server of that kind, with a bucket in it."""
    starters = {"s3": servers.s3, "az": servers.azure, "gs": servers.gcs}
    running: dict[str, Any] = {}
    contexts = []

    def server(kind: str) -> Any:
        if kind not in running:
            context = starters[kind](tmp_path_factory.mktemp(kind))
            running[kind] = context.__enter__()
            contexts.append(context)
            servers.make_bucket(running[kind], kind, "bucket")
        return running[kind]

    yield server
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.fixture
def use_server(
    object_server: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Any]:
    """As `object_server`, and the environment of this test leads to it."""

    def use(kind: str) -> Any:
        server = object_server(kind)
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        return server

    return use


@pytest.fixture(scope="session")
def object_servers_module() -> ModuleType:
    """For tests that start a server of their own."""
    return servers


OBJECT_STORES = [
    pytest.param(kind, marks=pytest.mark.cloud, id=kind) for kind in ("s3", "az", "gs", "wasbs")
]
PROXIES = [
    pytest.param("proxy", marks=pytest.mark.server, id="proxy"),
    pytest.param("proxy-s3", marks=[pytest.mark.server, pytest.mark.cloud], id="proxy-s3"),
]


@pytest.fixture(params=["local", *OBJECT_STORES, *PROXIES])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    """An empty place; every test that takes it runs over all kinds."""
    kind = request.param
    if kind == "local":
        return open_artifacts(str(tmp_path / "place"))
    if kind.startswith("proxy"):
        server = request.getfixturevalue("tracking_server")(kind.partition("-")[2] or "local")
        return open_artifacts(f"mlflow-artifacts:/{_fresh()}", tracking_uri=server)
    request.getfixturevalue("use_server")("az" if kind == "wasbs" else kind)
    host = "bucket@devstoreaccount1.blob.core.windows.net" if kind == "wasbs" else "bucket"
    return open_artifacts(f"{kind}://{host}/{_fresh()}")


@pytest.fixture
def object_place(request: pytest.FixtureRequest, use_server: Callable[[str], Any]) -> Any:
    """An empty place in S3."""
    use_server("s3")
    return open_artifacts(f"s3://bucket/{_fresh()}")


@pytest.fixture(scope="session")
def tracking_server(
    tmp_path_factory: pytest.TempPathFactory, object_server: Callable[[str], Any]
) -> Iterator[Callable[[str], str]]:
    """A function from "local" or "s3" to a tracking server that keeps its files there."""
    running: dict[str, str] = {}
    contexts = []

    def server(kind: str) -> str:
        if kind not in running:
            folder = tmp_path_factory.mktemp(f"tracking-{kind}")
            environment: dict[str, str] = {}
            destination = str(folder / "files")
            if kind == "s3":
                environment = object_server("s3").environment
                destination = "s3://bucket/behind a server"
            context = servers.tracking(folder, destination, environment)
            running[kind] = context.__enter__().url
            contexts.append(context)
        return running[kind]

    yield server
    for context in contexts:
        context.__exit__(None, None, None)


def _fresh() -> str:
    return f"place {os.getpid()}-{next(_numbers)}/ä"
