"""Fixtures of the whole suite."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from mlpack.tests import leftovers

if TYPE_CHECKING:
    from mlpack.builders.base import BuiltImage

# the many Pythons that tests start do not each compile all of the libraries anew
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# what tests lock is not kept for the user's own builds
os.environ["MLPACK_LOCKS"] = tempfile.mkdtemp(prefix="mlpack-test-locks-")
atexit.register(shutil.rmtree, os.environ["MLPACK_LOCKS"], ignore_errors=True)

# how long one example takes is for benchmarks to say; in CI all runs try the same examples
settings.register_profile("mlpack", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("mlpack")

# killed tests leave no servers behind
leftovers.watch()

# servers of databases, and empty stores, for whoever asks; how workers share the tests
pytest_plugins = ("mlpack.tests.databases", "mlpack.tests.stores", "mlpack.tests.workers")


@pytest.fixture(scope="session")
def peer_python() -> str:
    """The Python that has MLflow; fails, with the way to get it, when there is none."""
    # pytest's importlib mode puts no folder of tests on sys.path
    path = Path(__file__).with_name("peer.py")
    spec = importlib.util.spec_from_file_location("mlpack_tests_peer", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.peer_python())


@pytest.fixture(scope="session")
def iris_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small scikit-learn classifier, saved with its input example."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    from mlpack.flavors import save_model

    features, labels = load_iris(return_X_y=True, as_frame=True)
    folder = tmp_path_factory.mktemp("iris") / "model"
    model = LogisticRegression(max_iter=500).fit(features, labels)
    save_model(model, folder, input_example=features[:2])
    return folder


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Any]:
    """A client of the Docker engine; a test that asks for it fails without one."""
    from mlpack.builders.engine import connect

    client = connect()
    yield client
    client.close()


@pytest.fixture(scope="session")
def runtime_as_it_is() -> Iterator[None]:
    """All images of this session hold the same runtime, also when somebody edits it meanwhile."""
    from mlpack.builders import context, runtime_wheel

    files = tuple(context.runtime_files())
    with pytest.MonkeyPatch.context() as patch:
        for module in (context, runtime_wheel):
            patch.setattr(module, "runtime_files", lambda: files)
        yield


@pytest.fixture(scope="session")
def iris_image(iris_model: Path, docker_engine: Any, runtime_as_it_is: None) -> BuiltImage:
    """The image of `iris_model`, built once for all tests that run or inspect one."""
    from mlpack.builders.base import BuildSpec
    from mlpack.builders.docker import DockerBuilder

    image = DockerBuilder().build(BuildSpec(iris_model, "mlpack-test/iris:shared", trust=True))
    # the build of another worker takes the name, and an image goes with its last one
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    docker_engine.images.get(image.id).tag("mlpack-test/iris", f"of-{worker}")
    return image


@pytest.fixture
def mlruns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A tracking store of one's own: ``./mlruns`` below a fresh working folder."""
    from mlpack.registry import uri as registry_uri
    from mlpack.tracking import active, uri

    monkeypatch.chdir(tmp_path)
    for name in ("TRACKING_URI", "REGISTRY_URI", "RUN_ID", "EXPERIMENT_NAME", "EXPERIMENT_ID"):
        monkeypatch.delenv(f"MLPACK_{name}", raising=False)
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)
    monkeypatch.setattr(uri, "_chosen", None)
    monkeypatch.setattr(registry_uri, "_chosen", None)
    monkeypatch.setattr(active, "_experiments", {})
    yield tmp_path / "mlruns"
    while active.active_run():
        active.end_run()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, without a window; a worker can have but one, so all tests share it.

    MLPACK_TEST_BROWSER names another: with chromium-headless-shell, which draws no frame around
    pages, a new page costs an eighth.
    """
    from playwright.sync_api import sync_playwright

    name = os.environ.get("MLPACK_TEST_BROWSER", "chromium")
    program = shutil.which(name) or pytest.fail(f"No browser: apt-get install {name}")
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()
