"""Stores to test: every kind for the tests that ask for `store`."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpack.tracking.sql.store import SqlStore
from mlpack.tracking.store import TrackingStore


@pytest.fixture(autouse=True)
def _own_store(mlruns):
    """Every test here has a tracking store of its own."""


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TrackingStore:
    """An empty store, of each kind in turn: a test that asks for it runs against all of them."""
    return SqlStore(tmp_path / "store" / "mlpack.db")
