"""A cluster of our own for the tests of ``kubernetes`` and ``kserve``."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlpack.builders.base import BuildSpec
from mlpack.deploy_targets.base import DeployRequest
from mlpack.tests.deploy.kubernetes.api_server import TOKEN, ApiServer
from mlpack.tests.deploy.kubernetes.controllers import Controllers, Docker, Scripted

IMAGE = "registry.example/churn@sha256:" + "1" * 64
SECOND = "registry.example/churn@sha256:" + "2" * 64


@dataclass
class Cluster:
    """What a test sees: the API server, what runs its pods, and the kubeconfig."""

    api: ApiServer
    runtime: Any
    kubeconfig: Path

    def find(self, kind: str, name: str = "churn") -> Any:
        return self.api.find(kind, "models", name)


@pytest.fixture(scope="session")
def check_inference_service() -> Iterator[Callable[[dict[str, Any]], str]]:
    """KServe's own models, asked in the environment that has them."""
    root = Path(__file__).parents[3]
    named = os.environ.get("MLPACK_CLOUDS_PYTHON")
    python = Path(named) if named else root / ".venv-clouds/bin/python"
    assert python.is_file(), "make .venv-clouds/.done makes the environment with KServe's models"
    script = Path(__file__).with_name("check_inference.py")
    process = subprocess.Popen(
        [str(python), str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout

    def check(found: dict[str, Any]) -> str:
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(found) + "\n")
        process.stdin.flush()
        return str(json.loads(process.stdout.readline()))

    yield check
    process.stdin.close()
    process.wait(60)


def kubeconfig(folder: Path, server: str, token: str = TOKEN) -> Path:
    """A kubeconfig with one context, whose namespace is ``models``."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [
            {"name": "test", "context": {"cluster": "c", "user": "u", "namespace": "models"}}
        ],
    }
    file = folder / f"kubeconfig-{token}"
    file.write_text(yaml.safe_dump(content))
    return file


def _cluster(
    runtime: Any, folder: Path, patch: pytest.MonkeyPatch, check: Any
) -> Iterator[Cluster]:
    api = ApiServer(check)
    controllers = Controllers(api, runtime)
    file = kubeconfig(folder, api.url)
    patch.setenv("KUBECONFIG", str(file))
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    yield Cluster(api, runtime, file)
    controllers.close()
    api.close()


@pytest.fixture
def cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check_inference_service: Any
) -> Iterator[Cluster]:
    """Pods are ready when a script says so."""
    yield from _cluster(Scripted(), tmp_path, monkeypatch, check_inference_service)


@pytest.fixture
def bare_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Without KServe."""
    yield from _cluster(Scripted(), tmp_path, monkeypatch, None)


@pytest.fixture
def real_cluster(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    check_inference_service: Any,
    docker_engine: Any,
) -> Iterator[Cluster]:
    """Pods are real containers."""
    runtime = Docker(docker_engine)
    yield from _cluster(runtime, tmp_path, monkeypatch, check_inference_service)
    runtime.close()


def request(image: str | BuildSpec = IMAGE, name: str = "churn", **options: Any) -> DeployRequest:
    """A request with an image that is somewhere."""
    wait = options.pop("wait", True)
    return DeployRequest(name, "models:/churn/1", image, options, wait)
