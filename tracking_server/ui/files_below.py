"""Every file below a location."""

from __future__ import annotations

from typing import Any

from ...errors import MlpackError
from ..service import Service

_MOST = 1000


def files_below(service: Service, location: str) -> dict[str, Any]:
    """``files`` for a template, and ``files_note``: why there are none, or not all."""
    try:
        store, folder, prefix = service.places.find(location)
        cut = len(prefix) + 1 if prefix else 0
        files: list[dict[str, Any]] = []
        for entry in store.walk(folder):
            if len(files) == _MOST:
                return {"files": files, "files_note": f"Only the first {_MOST} are shown."}
            files.append({"path": entry.path[cut:], "size": entry.size})
    except MlpackError as error:
        return {"files": [], "files_note": error.message}
    return {"files": files, "files_note": None}
