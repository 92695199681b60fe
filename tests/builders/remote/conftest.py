"""Registries that all tests of this folder share, and an environment of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpack.builders.oci.cache import Cache
from mlpack.tests.builders.remote.servers import Registry, registry


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No logins or certificates of the user, and no pauses; the folder of Docker's settings."""
    docker = tmp_path / "docker-config"
    docker.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(docker))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("MLPACK_CACHE_DIR", str(tmp_path / "users-cache"))
    monkeypatch.setenv("MLPACK_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    for name in (
        "XDG_RUNTIME_DIR",
        "REGISTRY_AUTH_FILE",
        "MLPACK_INSECURE_REGISTRIES",
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
    ):
        monkeypatch.delenv(name, raising=False)
    return docker


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """An empty one."""
    return Cache(tmp_path / "cache")


@pytest.fixture
def other_cache(tmp_path: Path) -> Cache:
    """Another empty one, of another machine."""
    return Cache(tmp_path / "other-cache")


@pytest.fixture(scope="session")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One that lets everybody in."""
    with registry(tmp_path_factory.mktemp("registry")) as running:
        yield running
