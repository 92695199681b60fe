"""The containers by which files of an image are read: none stays."""

from __future__ import annotations

from typing import Any

from mlpack.tests.serve.real import eventually


def assert_nobody_looks(engine: Any) -> None:
    """No container of this kind stays; those of tests on other workers come and go."""
    here = _lookers(engine)
    eventually(lambda: not here & _lookers(engine))


def _lookers(engine: Any) -> set[str]:
    found = engine.api.containers(all=True, filters={"name": "mlpack-look-"})
    return {each["Id"] for each in found}
