"""The Docker engine: finding it, and saying what to do when it is not there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ..errors import EngineUnavailable

_TIMEOUT = 60


def connect() -> Any:
    """A client of the engine that ``docker`` itself would talk to.

    ``DOCKER_HOST`` first, then the docker command's current context.

    Raises:
        EngineUnavailable: nothing answers, or we may not talk to it.
    """
    import docker
    from docker.errors import DockerException

    place = "the address in DOCKER_HOST"
    client = None
    try:
        if os.environ.get("DOCKER_HOST"):
            place = os.environ["DOCKER_HOST"]
            client = docker.from_env(timeout=_TIMEOUT)
        else:
            place, tls = _context()
            client = docker.DockerClient(base_url=place, tls=tls, timeout=_TIMEOUT)
        client.ping()
    except (DockerException, OSError, ValueError) as error:
        if client is not None:
            client.close()
        raise EngineUnavailable(_explain(place, error)) from None
    return client


def published_host() -> str:
    """Where published ports of the engine's containers are reached from here."""
    from urllib.parse import urlsplit

    parts = urlsplit(os.environ.get("DOCKER_HOST") or _context()[0])
    if parts.scheme not in ("tcp", "ssh", "https", "http") or parts.hostname == "localhost":
        return "127.0.0.1"
    return parts.hostname or "127.0.0.1"


def _context() -> tuple[str, Any]:
    """The endpoint of ``docker context``: rootless engines and Docker Desktop live there."""
    from docker.context import ContextAPI

    default = "unix:///var/run/docker.sock"
    try:
        context = ContextAPI.get_current_context()
    except Exception:
        return default, None  # a broken ~/.docker is docker's to complain about
    if context is None or not context.Host:
        return default, None
    return context.Host, context.TLSConfig or None


def _explain(place: str, error: Exception) -> str:
    text = str(error)
    if "Permission denied" in text or "PermissionError" in text:
        return (
            f"You may not use the Docker engine at {place}. Add yourself to its group "
            "(sudo usermod -aG docker $USER, then log in again)."
        )
    socket = place.removeprefix("unix://")
    missing = place.startswith("unix://") and not Path(socket).exists()
    reason = re.search(r"\[Errno -?\d+\] ([^'\")\]]+)", text)  # deep in what urllib3 says
    why = reason[1] if reason else text.splitlines()[0][:200]
    if missing:
        why = "there is no such socket"
    return (
        f"No Docker engine answers at {place} ({why}). Start Docker or set DOCKER_HOST; "
        "without one, `mlpack generate-dockerfile` writes the files and `mlpack serve` answers "
        "requests right here."
    )
