"""How a container of a model runs: one source for the Dockerfile and for an image's configuration.

Format: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md. ``Healthcheck`` is not
in that standard; Docker writes it into the same object and reads it there.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

USER = 65532  # "nonroot" by convention of images without a shell; any other number works too
PORT = 8080
FOLDER = "/"  # a base's own may be closed to the user
BINARIES = "/opt/venv/bin"
ENTRYPOINT = ("python", "-m", "mlpack.serve")
COMMAND = ("serve",)
STOP_SIGNAL = "SIGTERM"
RUNTIME_ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 - inside the container, where it is the one writable place
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONSAFEPATH": "1",
}
# of a base image they would speak of another model, or lead Python away from ours
_NOT_INHERITED = frozenset(
    {"MLPACK_MODEL_PATH", "MLPACK_MODEL_DIGEST", "MLPACK_MODEL_NAME", "MLPACK_TRUST_MODEL"}
    | {"MLPACK_MODEL_DIGESTS", "MLPACK_MULTI_MODEL", "SAGEMAKER_MULTI_MODEL", "PYTHONHOME"}
)
_PLACES = ("/opt/venv", "/opt/mlpack", "/opt/ml/model")
# what an engine takes when an image says nothing
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Port and scheme follow the same variables as the server; the client is the standard library's.
_HEALTH = (
    "import http.client as h, os; "
    "p = os.environ.get('MLPACK_PORT') or os.environ.get('SAGEMAKER_BIND_TO_PORT') or 8080; "
    "k = {'context': __import__('ssl')._create_unverified_context()} "
    "if os.environ.get('MLPACK_CERTFILE') else {}; "
    "c = (h.HTTPSConnection if k else h.HTTPConnection)('127.0.0.1', int(p), timeout=2, **k); "
    "c.request('GET', '/ping'); "
    "raise SystemExit(c.getresponse().status != 200)"
)


@dataclass(frozen=True)
class Healthcheck:
    """What an engine runs to see whether a container is well; times in seconds."""

    command: Sequence[str] = ("python", "-S", "-c", _HEALTH)
    interval: int = 30
    timeout: int = 5
    start_period: int = 60
    retries: int = 3


HEALTHCHECK = Healthcheck()


@dataclass(frozen=True)
class ImageSettings:
    """What one model's image says of itself.

    Attributes:
        environment: what the server is told about this model.
        labels: of the image.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def clean_labels(self) -> dict[str, str]:
        """The labels as they stand in the image."""
        return _cleaned(self.labels)

    def configuration(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """The ``config`` object of an image, over the one of its base.

        Entry point, command, user, folder and triggers of the base do not count; its environment,
        ports, volumes and labels stay where ours say nothing, as in a build from a Dockerfile. What
        it says of another model does not, nor does a volume that would hide what is ours.
        """
        environment = dict(_pairs(base.get("Env") or ()))
        labels = dict(base.get("Labels") or {})
        variables, names = not_inherited(base)
        environment = {k: v for k, v in environment.items() if k not in variables}
        labels = {k: v for k, v in labels.items() if k not in names}
        path = environment.get("PATH") or _DEFAULT_PATH
        environment |= {"PATH": f"{BINARIES}:{path}", **RUNTIME_ENVIRONMENT}
        environment |= _cleaned(self.environment)
        check = HEALTHCHECK
        seconds = 1_000_000_000
        found = {
            "Cmd": list(COMMAND),
            "Entrypoint": list(ENTRYPOINT),
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "ExposedPorts": {**(base.get("ExposedPorts") or {}), f"{PORT}/tcp": {}},
            "Healthcheck": {
                "Interval": check.interval * seconds,
                "Retries": check.retries,
                "StartPeriod": check.start_period * seconds,
                "Test": ["CMD", *check.command],
                "Timeout": check.timeout * seconds,
            },
            "Labels": {**labels, **self.clean_labels},
            "StopSignal": STOP_SIGNAL,
            "User": f"{USER}:{USER}",
            "WorkingDir": FOLDER,
        }
        hiding = hiding_volumes(base)
        volumes = {k: v for k, v in (base.get("Volumes") or {}).items() if k not in hiding}
        return found | ({"Volumes": volumes} if volumes else {})


def not_inherited(base: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The variables and labels of a base's ``config`` that must not reach an image on it."""
    variables = [name for name, _ in _pairs(base.get("Env") or ()) if name in _NOT_INHERITED]
    labels = [name for name in base.get("Labels") or () if str(name).startswith("mlpack.")]
    return tuple(variables), tuple(labels)


def hiding_volumes(base: Mapping[str, Any]) -> tuple[str, ...]:
    """The volumes of a base's ``config`` at, above or in places of ours."""
    found = []
    for volume in base.get("Volumes") or ():
        path = posixpath.normpath(f"/{volume}").replace("//", "/").rstrip("/") + "/"
        if any(f"{each}/".startswith(path) or path.startswith(f"{each}/") for each in _PLACES):
            found.append(str(volume))
    return tuple(found)


def plain(text: str) -> str:
    """A value on one line: descriptors are written by strangers, too."""
    return re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+", " ", text)


def key(text: str) -> str:
    """A name of a label or variable, without what a Dockerfile would read as something else."""
    return re.sub(r"[^A-Za-z0-9._/-]", "_", text)


def _cleaned(pairs: Mapping[str, str]) -> dict[str, str]:
    return {key(name): plain(value) for name, value in sorted(pairs.items())}


def _pairs(environment: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (each.partition("=") for each in environment)]
