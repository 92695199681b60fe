"""A store of each kind for the tests that ask for `store`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlpack.tests.stores import KINDS, empty
from mlpack.tracking.rest.store import RestStore
from mlpack.tracking.sql.store import SqlStore
from mlpack.tracking.store import TrackingStore


@pytest.fixture(autouse=True)
def _own_store(mlruns):
    """Every test here has a tracking store of its own."""


@pytest.fixture(params=KINDS)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, shared_database: Callable[[str], str]
) -> TrackingStore:
    """An empty store, of each kind in turn: a test that asks for it runs against all of them.

    Ids of experiments start anywhere, but that of "Default" is 0.
    """
    if request.param == "sqlite":
        return SqlStore(tmp_path / "store")
    if request.param == "rest":
        folder, url = request.getfixturevalue("shared_server")
        empty(SqlStore(folder))
        return RestStore(url)
    fresh = SqlStore(shared_database(request.param), artifact_root=str(tmp_path / "artifacts"))
    return empty(fresh)
