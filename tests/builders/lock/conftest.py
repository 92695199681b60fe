"""Models, an index of tiny wheels, and a store of locks of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpack.builders.base import BuildSpec
from mlpack.builders.lock import resolve
from mlpack.builders.lock.store import LockStore
from mlpack.builders.lock.target import Target
from mlpack.builders.oci.spec import Platform
from mlpack.tests.package_index import PackageIndex

TARGET = Target("3.11", Platform("linux", "amd64"))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """The only index that there is, nothing of it in uv's cache."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    # the runtime's own requirements are not in it
    monkeypatch.setattr(resolve, "runtime_requirements", list)
    found = PackageIndex()
    with found.serving():
        monkeypatch.setenv("UV_DEFAULT_INDEX", found.url)
        found.add("base", "1.0")
        found.add("base", "2.0")
        found.add("top", "1.0", ["base>=1"])
        found.add("old", "1.0", ["base<2"])
        found.add_source("compiled", "1.0")
        found.add("windows", "1.0", tag="cp311-cp311-win_amd64")
        yield found


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that asks for `top`."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "requirements.txt").write_text("top==1.0\n")
    return folder


@pytest.fixture
def spec(model: Path) -> BuildSpec:
    """A build of it."""
    return BuildSpec(model, "mlpack-test-c/x")


@pytest.fixture
def store(tmp_path: Path) -> LockStore:
    """An empty store."""
    return LockStore(tmp_path / "locks")
