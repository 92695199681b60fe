"""An object as a file among a run's artifacts; its type chooses the format."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from ..artifacts.render import write_dict, write_figure
from ..errors import InvalidInput
from ..tracking.client import TrackingClient


def log_object(client: TrackingClient, run_id: str, name: str, value: Any) -> str:
    """Write a figure as PNG, a table as CSV, an array as NPY, plain values as JSON.

    Args:
        client: of the run's store.
        run_id: whose.
        name: of the file, without a suffix.
        value: the object; a pair of a file's name and its bytes is written as it is.

    Returns:
        The path among the artifacts.

    Raises:
        InvalidInput: it is nothing of that kind.
    """
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], bytes):
        suffix = PurePath(value[0]).suffix
    elif hasattr(value, "savefig"):
        suffix = ".png"
    elif hasattr(value, "to_csv"):
        suffix = ".csv"
    elif hasattr(value, "__array__"):
        suffix = ".npy"
    elif isinstance(value, (dict, list, str, int, float, bool)):
        suffix = ".json"
    else:
        raise InvalidInput(
            f"The artifact {name!r} is a {type(value).__name__}; give a figure, a table, an array, "
            "plain values, or the path of a file."
        )
    with client.artifacts(run_id).new_file(f"{name}{suffix}") as path:
        if suffix == ".csv":
            value.to_csv(path, index=False)
        elif suffix == ".npy":
            import numpy as np

            np.save(path, value, allow_pickle=False)
        elif isinstance(value, tuple):
            path.write_bytes(value[1])
        elif suffix == ".png":
            write_figure(value, path)
        else:
            write_dict(value, path)
    return f"{name}{suffix}"
