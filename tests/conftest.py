"""Fixtures of the whole suite."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


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
