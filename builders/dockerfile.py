"""The text of the Dockerfile. Pure: no files are read here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import settings

_ROOT = "USER 0:0"  # whoever the base runs as; ours comes below


@dataclass(frozen=True)
class Recipe:
    """Everything that the text depends on.

    Attributes:
        base_image: what to start from.
        platform: as ``FROM --platform`` wants it, or None.
        install_options: options of install.py.
        system_packages: Debian packages to install below everything else.
        locked: there is a lock to install from.
        labels: labels of the finished image.
        environment: what the server is told about this model.
    """

    base_image: str
    platform: str | None = None
    install_options: tuple[str, ...] = ()
    system_packages: tuple[str, ...] = ()
    locked: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def render(recipe: Recipe) -> str:
    """The Dockerfile.

    What changes rarely comes first, so that a new version of a model is one small layer on
    top of what the engine has already. Every command is in exec form: no shell is needed.
    """
    platform = f"--platform={recipe.platform} " if recipe.platform else ""
    install = ["python3", "-B", "/opt/mlpack/install/install.py"]
    lines = [
        "# Written by mlpack. Build it with: docker build -t NAME .",
        "# With a package index of your own (its address does not stay in the image):",
        "#   docker build -t NAME --build-arg "
        'FTP_PROXY=\'{"UV_DEFAULT_INDEX": "https://user:password@host/simple"}\' .',
        f"FROM {platform}{recipe.base_image}",
        "",
        *_system(recipe.system_packages),
        "# dependencies: installed again only when the requirements change",
        "COPY install/ /opt/mlpack/install/",
        *(["COPY lock/ /opt/mlpack/lock/"] if recipe.locked else []),
        _ROOT,
        f"RUN {json.dumps([*install, 'dependencies', *recipe.install_options])}",
        "",
        "# runtime: what answers requests",
        "COPY runtime/ /opt/mlpack/runtime/",
        f"RUN {json.dumps([*install, 'runtime'])}",
        *_settings(),
        "",
        "# model",
        "COPY model/ /opt/ml/model/",
    ]
    for instruction, pairs in (("ENV", recipe.environment), ("LABEL", recipe.labels)):
        if pairs:
            told = [f"{settings.key(k)}={_quoted(v)}" for k, v in sorted(pairs.items())]
            lines.append(f"{instruction} " + " \\\n    ".join(told))
    return "\n".join(lines) + "\n"


def _system(packages: tuple[str, ...]) -> list[str]:
    if not packages:
        return []
    command = ["python3", "-B", "/opt/mlpack/system/system.py", *packages]
    return [
        "# system: packages of the distribution",
        "COPY system/ /opt/mlpack/system/",
        _ROOT,
        f"RUN {json.dumps(command)}",
        "",
    ]


def _settings() -> list[str]:
    """What `settings.ImageSettings` puts into a configuration, as instructions."""
    variables = {"PATH": f"{settings.BINARIES}:$PATH", **settings.RUNTIME_ENVIRONMENT}
    check = settings.HEALTHCHECK
    return [
        "ENV " + " ".join(f"{name}={value}" for name, value in variables.items()),
        f"EXPOSE {settings.PORT}",
        f"STOPSIGNAL {settings.STOP_SIGNAL}",
        f"HEALTHCHECK --interval={check.interval}s --timeout={check.timeout}s"
        f" --start-period={check.start_period}s --retries={check.retries} \\",
        f"    CMD {json.dumps(list(check.command))}",
        f"WORKDIR {settings.FOLDER}",
        f"USER {settings.USER}:{settings.USER}",
        f"ENTRYPOINT {json.dumps(list(settings.ENTRYPOINT))}",
        f"CMD {json.dumps(list(settings.COMMAND))}",
    ]


def _quoted(text: str) -> str:
    """A value that stays a value."""
    return '"' + re.sub(r'(["\\$])', r"\\\1", settings.plain(text)) + '"'
