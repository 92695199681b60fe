import pytest


@pytest.fixture(autouse=True)
def _own_store(mlruns):
    """Every test here has a tracking store of its own."""
