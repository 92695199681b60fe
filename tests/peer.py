"""Where the real MLflow package lives; tests get it as the fixture `peer_python`."""

from __future__ import annotations

import os
from pathlib import Path


def peer_python() -> str:
    """The Python of the environment that holds MLflow and nothing of ours.

    Raises:
        RuntimeError: there is none; says how to make it.
    """
    root = Path(__file__).resolve().parent.parent
    named = os.environ.get("MLPACK_PEER_PYTHON")
    python = Path(named) if named else root / ".venv-peer" / "bin" / "python"
    if python.is_file():
        return str(python)
    raise RuntimeError(
        f"The tests marked 'peer' need the mlflow package in an environment of its own; {python} "
        "does not exist. `make test` makes it, or set MLPACK_PEER_PYTHON to a Python that has "
        "mlflow and skops."
    )
