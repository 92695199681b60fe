"""What a scoring server can be told, from options or from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..errors import InvalidInput

MEGABYTE = 1024 * 1024
BATCHING = ("auto", "on", "off")


@dataclass(frozen=True)
class ServeSettings:
    """Settings of one server.

    Attributes:
        host: address to listen on; a name, an IPv4 or an IPv6 address.
        port: 0 takes a free one, which the banner shows.
        workers: processes; None means one a CPU, at most 8.
        threads: requests that a worker takes at once.
        batching: predict concurrent requests together: "auto" where the model gains from it and
            its rows do not influence each other, "on", "off".
        max_batch_rows: most rows that are put together.
        max_batch_wait: seconds that a prediction waits for others to join; 0: no time at all.
        max_queue: requests that may wait in a worker; what comes then is answered with 429.
        max_requests: a worker is replaced after about as many requests; 0: never.
        route: which share of `/invocations` each of several models gets: "a=90,b=10"; '' gives
            all to the first.
        route_by: a header of requests; those with the same value go to the same model.
        shadow: the name of a model that gets a copy of each request to `/invocations`.
        timeout: seconds after which a request is answered with 504; 0 for no limit.
        graceful_timeout: seconds that requests in flight get to finish after SIGTERM.
            Orchestrators kill after 30, so it stays below.
        keepalive: seconds that an idle connection is kept open.
        max_body: largest request body in bytes.
        access_log: write one line of JSON a request to standard output.
        auth_tokens_file: who sends one of its tokens is let in; None: everybody (see `auth`).
        public_metrics: /metrics needs no token.
        certfile: certificate to speak HTTPS with, PEM; None: HTTP.
        keyfile: its key; None: it is in the same file.
        cors_origins: sites whose scripts may call.
        otel: send spans by OpenTelemetry; None: if the usual variables name a collector and the
            package is installed.
        capture: folder for inputs and predictions; None: none are kept.
        capture_rate: share of the requests that are captured.
        capture_max_mb: most megabytes of them; the oldest files go.
        banner: print address, model and a curl line once the server answers.

    Raises:
        InvalidInput: a value is out of range.
    """

    host: str = "127.0.0.1"
    port: int = 5000
    workers: int | None = None
    threads: int = 32
    batching: str = "auto"
    max_batch_rows: int = 512
    max_batch_wait: float = 0.0
    max_queue: int = 500
    max_requests: int = 0
    route: str = ""
    route_by: str = ""
    shadow: str = ""
    timeout: float = 60.0
    graceful_timeout: float = 25.0
    keepalive: float = 60.0
    max_body: int = 100 * MEGABYTE
    access_log: bool = False
    auth_tokens_file: str | None = None
    public_metrics: bool = False
    certfile: str | None = None
    keyfile: str | None = None
    cors_origins: tuple[str, ...] = ()
    otel: bool | None = None
    capture: str | None = None
    capture_rate: float = 1.0
    capture_max_mb: int = 1024
    banner: bool = True

    def __post_init__(self) -> None:
        if not self.host.strip():
            raise InvalidInput("The host is empty; use 127.0.0.1, or 0.0.0.0 for all interfaces.")
        _within("port", self.port, 0, 65535)
        _within("workers", 1 if self.workers is None else self.workers, 1, 1000)
        _within("threads", self.threads, 1, 1000)
        if self.batching not in BATCHING:
            raise InvalidInput(f"batching must be auto, on or off, not {self.batching!r}.")
        _within("max_batch_rows", self.max_batch_rows, 1, 2**31)
        _within("max_batch_wait", self.max_batch_wait, 0, 60)
        _within("max_queue", self.max_queue, 0, 1_000_000)
        _within("max_requests", self.max_requests, 0, 2**31)
        _within("timeout", self.timeout, 0, 86400)
        _within("graceful_timeout", self.graceful_timeout, 0, 86400)
        _within("keepalive", self.keepalive, 0, 86400)
        _within("max_body", self.max_body, 1, 2**40)
        _within("capture_rate", self.capture_rate, 0, 1)
        _within("capture_max_mb", self.capture_max_mb, 1, 2**40)

    @property
    def worker_count(self) -> int:
        """The number of worker processes to start."""
        return self.workers if self.workers is not None else min(available_cpus(), 8)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, **defaults: Any
    ) -> ServeSettings:
        """Settings from ``MLPACK_*`` and the variables that deployments of the peer set.

        Args:
            environ: by default the process's own.
            defaults: for what no variable sets.

        Raises:
            InvalidInput: a variable does not hold what it should; the message names it.
        """
        environ = os.environ if environ is None else environ
        found: dict[str, Any] = {}
        for setting, (names, read) in _VARIABLES.items():
            name = next((n for n in names if environ.get(n, "").strip()), None)
            if name is not None:
                found[setting] = _read(name, environ[name].strip(), read)
        return cls(**{**defaults, **found})

    def with_options(self, **options: Any) -> ServeSettings:
        """A copy with every option that is not None put in."""
        given = {name: value for name, value in options.items() if value is not None}
        return replace(self, **given)


def available_cpus(root: Path = Path("/sys/fs/cgroup")) -> int:
    """CPUs that this process may use: its affinity, capped by the container's quota."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_quota(root)
    return cpus if quota is None else max(1, min(cpus, round(quota)))


def _cgroup_quota(root: Path) -> float | None:
    """CPUs' worth of time that the control group grants: version 2, else version 1."""
    try:
        quota, period = (root / "cpu.max").read_text().split()[:2]
    except (OSError, ValueError):
        try:
            quota = (root / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    try:
        granted = float(quota) / float(period)
    except (ValueError, ZeroDivisionError):  # "max": no limit
        return None
    return granted if granted > 0 else None


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InvalidInput(f"{name} must be between {low:g} and {high:g}, not {value:g}.")


def parse_size(text: str) -> int:
    """Bytes from ``1000000``, ``512K``, ``100M`` or ``2G`` (powers of 1024).

    Raises:
        ValueError: it is none of these.
    """
    number = text.strip().upper().removesuffix("B").removesuffix("I")
    factor = {"K": 1024, "M": MEGABYTE, "G": 1024 * MEGABYTE}.get(number[-1:], 1)
    size = float(number[:-1] if factor > 1 else number) * factor
    if not 1 <= size < 2**63:
        raise ValueError(text)
    return int(size)


def _flag(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError(text)


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


# setting -> (variables, the first that is set counts; how to read it)
_VARIABLES: dict[str, tuple[tuple[str, ...], Callable[[str], Any]]] = {
    "host": (("MLPACK_HOST",), str),
    "port": (("MLPACK_PORT", "SAGEMAKER_BIND_TO_PORT"), int),
    "workers": (("MLPACK_WORKERS", "MLFLOW_MODELS_WORKERS"), int),
    "threads": (("MLPACK_THREADS",), int),
    "batching": (("MLPACK_BATCHING",), str.lower),
    "max_batch_rows": (("MLPACK_MAX_BATCH_ROWS",), int),
    "max_batch_wait": (("MLPACK_MAX_BATCH_WAIT",), float),
    "max_queue": (("MLPACK_MAX_QUEUE",), int),
    "max_requests": (("MLPACK_MAX_REQUESTS",), int),
    "route": (("MLPACK_ROUTE",), str),
    "route_by": (("MLPACK_ROUTE_BY",), str),
    "shadow": (("MLPACK_SHADOW",), str),
    "timeout": (("MLPACK_TIMEOUT", "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT"), float),
    "graceful_timeout": (("MLPACK_GRACEFUL_TIMEOUT",), float),
    "keepalive": (("MLPACK_KEEPALIVE",), float),
    "max_body": (("MLPACK_MAX_BODY",), parse_size),
    "access_log": (("MLPACK_ACCESS_LOG",), _flag),
    "auth_tokens_file": (("MLPACK_AUTH_TOKENS_FILE",), str),
    "public_metrics": (("MLPACK_PUBLIC_METRICS",), _flag),
    "certfile": (("MLPACK_CERTFILE",), str),
    "keyfile": (("MLPACK_KEYFILE",), str),
    "cors_origins": (("MLPACK_CORS_ORIGINS",), _list),
    "otel": (("MLPACK_OTEL",), _flag),
    "capture": (("MLPACK_CAPTURE",), str),
    "capture_rate": (("MLPACK_CAPTURE_RATE",), float),
    "capture_max_mb": (("MLPACK_CAPTURE_MAX_MB",), int),
    "banner": (("MLPACK_BANNER",), _flag),
}
assert _VARIABLES.keys() == {field.name for field in fields(ServeSettings)}

_KINDS: dict[Callable[[str], Any], str] = {
    int: "a whole number",
    float: "a number",
    parse_size: "a size such as 100M",
    _flag: "1 or 0",
    str: "text",
    _list: "a list",
    str.lower: "text",
}


def _read(variable: str, text: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(text)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"The environment variable {variable} is {text!r}; it must be {_KINDS[read]}."
        ) from None
