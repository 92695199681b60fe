"""Small base images, models and packages, so that a whole build takes a fraction of a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlpack.builders.base import BuildSpec, Output
from mlpack.builders.lock import resolve
from mlpack.builders.oci.cache import Cache
from mlpack.tests.builders.oci_builder.bases import base_entries, make_base, write_base
from mlpack.tests.package_index import PackageIndex

MLMODEL = """\
flavors:
  python_function: {loader_module: mlflow.sklearn, python_version: 3.11.2, model_path: m.skops}
model_uuid: 12e6c174379849eeb366479b59b71e04
model_id: m-12e6c174379849eeb366479b59b71e04
run_id: 0e6c174379849eeb366479b59b71e041
utc_time_created: '2026-05-01 10:11:12.131415'
signature: {inputs: '[{"type": "double", "name": "x", "required": true}]'}
"""


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of all tests of this folder, so that the runtime is compiled once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks of one's own, and no settings of the user's."""
    monkeypatch.setenv("MLPACK_CACHE_DIR", str(shared_cache))
    monkeypatch.setenv("MLPACK_LOCKS", str(tmp_path / "locks"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker-config"))
    monkeypatch.setenv("MLPACK_HTTP_REQUEST_BACKOFF_FACTOR", "0")


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
        found.add("leaf", "1.0")
        found.add("leaf", "2.0")
        found.add("top", "1.0", ["leaf>=1"])
        yield found


@pytest.fixture
def base(tmp_path: Path) -> str:
    """A base image in a layout, as --base-image names it."""
    cache = Cache(tmp_path / "base-cache")
    return write_base(tmp_path / "base", make_base(base_entries(), cache=cache))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that asks for `top`."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text(MLMODEL)
    (folder / "requirements.txt").write_text("top==1.0\n")
    (folder / "m.skops").write_bytes(b"x" * 1000)
    return folder


@pytest.fixture
def spec(model: Path, base: str, index: PackageIndex, tmp_path: Path) -> BuildSpec:
    """A build of it into a layout."""
    outputs = (Output("layout", tmp_path / "out"),)
    return BuildSpec(
        model,
        "mlpack-test-d/x:1",
        base_image=base,
        platforms=("linux/amd64",),
        trust=True,
        outputs=outputs,
    )
