"""The containers by which files of an image are read: none stays."""

from __future__ import annotations

import time
from typing import Any


def assert_nobody_looks(engine: Any) -> None:
    """No container of this kind stays; those of tests on other workers come and go."""
    stay = _lookers(engine)
    deadline = time.monotonic() + 60
    while stay and time.monotonic() < deadline:
        time.sleep(0.1)
        stay &= _lookers(engine)
    assert not stay


def _lookers(engine: Any) -> set[str]:
    found = engine.api.containers(all=True, filters={"name": "mlpack-look-"})
    return {each["Id"] for each in found}
