"""The stores that the tests of the registry's client run against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import mlpack
from mlpack.tests.peer import peer_server
from mlpack.tests.rest_server import tracking_server


@pytest.fixture(scope="session")
def mlflow_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of MLflow itself."""
    with peer_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


@pytest.fixture(params=["folder", "server", pytest.param("mlflow", marks=pytest.mark.peer)])
def any_store(
    request: pytest.FixtureRequest, mlruns: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Which store is in use: a folder, our server, MLflow's."""
    kind = str(request.param)
    if kind == "folder":
        yield kind
    elif kind == "server":
        with tracking_server(tmp_path_factory.mktemp("ours")) as address:
            mlpack.set_tracking_uri(address)
            yield kind
            while mlpack.active_run():
                mlpack.end_run()
    else:
        mlpack.set_tracking_uri(request.getfixturevalue("mlflow_address"))
        yield kind
        while mlpack.active_run():
            mlpack.end_run()
