"""What a tracking server can be told, from options or from the environment."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ..errors import InvalidInput

_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?", re.IGNORECASE)
_ALL_INTERFACES = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


@dataclass(frozen=True)
class ServerSettings:
    """Settings of one server.

    Attributes:
        backend_store_uri: the store of runs; None: the folder ``./mlruns``.
        artifacts_destination: where files go that come through the server; None: beside the runs
            for a folder, ``./mlartifacts`` for a database.
        default_artifact_root: where new experiments keep their files; None: through the server.
        allowed_artifact_roots: further places whose files the server may show with its own
            credentials.
        presigned_downloads: let clients read large files from the object store by themselves.
        serve_artifacts: transfer files for clients.
        public_url: how clients reach the server; None: as each request names it.
        host: address to listen on.
        port: 0 takes a free one, which the banner shows.
        workers: processes.
        threads: requests that a worker takes at once.
        allowed_hosts: names in the Host header beyond this machine's own; ``*`` for any.
        cors_allowed_origins: pages elsewhere that may call the API; ``*`` for any.
        expose_prometheus: answer ``/metrics``, for which prometheus_client has to be installed.
        access_log: write one line a request to standard output.
        any_local_folder: read files wherever the database says they are (`mlpack ui`).
        graceful_timeout: seconds that requests in flight get to finish after SIGTERM.
        scoring_endpoints: hosts (``host`` or ``host:port``, ``*`` within) that the scoring form of
            a model's page may ask; a server for this machine alone may ask this machine, too.

    Raises:
        InvalidInput: a value is out of range.
    """

    backend_store_uri: str | None = None
    artifacts_destination: str | None = None
    default_artifact_root: str | None = None
    allowed_artifact_roots: tuple[str, ...] = ()
    presigned_downloads: bool = False
    serve_artifacts: bool = True
    public_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 5000
    workers: int = 2
    threads: int = 16
    allowed_hosts: tuple[str, ...] = ()
    cors_allowed_origins: tuple[str, ...] = ()
    expose_prometheus: bool = True
    access_log: bool = False
    any_local_folder: bool = False
    graceful_timeout: int = 25
    scoring_endpoints: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.host.strip():
            raise InvalidInput("The host is empty; use 127.0.0.1, or 0.0.0.0 for all interfaces.")
        if self.public_url is not None and not _ADDRESS.fullmatch(self.public_url):
            raise InvalidInput("The public URL must be of the form http(s)://host[:port][/prefix].")
        for name, low, high in (("port", 0, 65535), ("workers", 1, 1000), ("threads", 1, 1000)):
            if not low <= getattr(self, name) <= high:
                raise InvalidInput(
                    f"{name} must be between {low} and {high}, not {getattr(self, name)}."
                )

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def listens_everywhere(self) -> bool:
        """Whether the host names all interfaces instead of one."""
        return self.host in _ALL_INTERFACES

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> ServerSettings:
        """Settings from ``MLPACK_*`` and the peer's variables.

        Raises:
            InvalidInput: a variable does not hold what it should; the message names it.
        """
        environ = os.environ if environ is None else environ
        found: dict[str, Any] = {}
        for setting, (names, read) in _VARIABLES.items():
            name = next((n for n in names if environ.get(n, "").strip()), None)
            if name is not None:
                try:
                    found[setting] = read(environ[name].strip())
                except ValueError:
                    raise InvalidInput(
                        f"The environment variable {name} is {environ[name]!r}; it must be "
                        f"{'a whole number' if read is int else '1 or 0'}."
                    ) from None
        return cls(**found)

    def with_options(self, **options: Any) -> ServerSettings:
        """A copy with every option that is not None put in."""
        given = {name: value for name, value in options.items() if value is not None}
        return replace(self, **given)


def names(text: str) -> tuple[str, ...]:
    """The parts of a list with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _flag(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError(text)


# setting -> (variables, the first that is set counts; how to read it)
_VARIABLES: dict[str, tuple[tuple[str, ...], Callable[[str], Any]]] = {
    "backend_store_uri": (("MLPACK_BACKEND_STORE_URI", "MLFLOW_BACKEND_STORE_URI"), str),
    "artifacts_destination": (
        ("MLPACK_ARTIFACTS_DESTINATION", "MLFLOW_ARTIFACTS_DESTINATION"),
        str,
    ),
    "default_artifact_root": (
        ("MLPACK_DEFAULT_ARTIFACT_ROOT", "MLFLOW_DEFAULT_ARTIFACT_ROOT"),
        str,
    ),
    "allowed_artifact_roots": (("MLPACK_ALLOWED_ARTIFACT_ROOTS",), names),
    "presigned_downloads": (("MLPACK_PRESIGNED_DOWNLOADS",), _flag),
    "public_url": (("MLPACK_PUBLIC_URL",), str),
    "serve_artifacts": (("MLPACK_SERVE_ARTIFACTS", "MLFLOW_SERVE_ARTIFACTS"), _flag),
    "host": (("MLPACK_HOST", "MLFLOW_HOST"), str),
    "port": (("MLPACK_PORT", "MLFLOW_PORT"), int),
    "workers": (("MLPACK_WORKERS", "MLFLOW_WORKERS"), int),
    "threads": (("MLPACK_THREADS",), int),
    "allowed_hosts": (("MLPACK_ALLOWED_HOSTS", "MLFLOW_SERVER_ALLOWED_HOSTS"), names),
    "cors_allowed_origins": (
        ("MLPACK_CORS_ALLOWED_ORIGINS", "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"),
        names,
    ),
    "expose_prometheus": (("MLPACK_EXPOSE_PROMETHEUS",), _flag),
    "access_log": (("MLPACK_ACCESS_LOG",), _flag),
    "any_local_folder": (("MLPACK_ANY_LOCAL_FOLDER",), _flag),
    "graceful_timeout": (("MLPACK_GRACEFUL_TIMEOUT",), int),
    "scoring_endpoints": (("MLPACK_SCORING_ENDPOINTS",), names),
}
assert _VARIABLES.keys() == {field.name for field in fields(ServerSettings)}
