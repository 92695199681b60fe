"""The text of the Dockerfile. Pure: no files are read here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

USER = 65532  # "nonroot" by convention of images without a shell; any other number works too
PORT = 8080

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
class Recipe:
    """Everything that the text depends on.

    Attributes:
        base_image: what to start from.
        platform: as ``FROM --platform`` wants it, or None.
        install_options: options of install.py.
        labels: labels of the finished image.
        environment: what the server is told about this model.
    """

    base_image: str
    platform: str | None = None
    install_options: tuple[str, ...] = ()
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
        "# dependencies: installed again only when the requirements change",
        "COPY install/ /opt/mlpack/install/",
        f"RUN {json.dumps([*install, 'dependencies', *recipe.install_options])}",
        "",
        "# runtime: what answers requests",
        "COPY runtime/ /opt/mlpack/runtime/",
        f"RUN {json.dumps([*install, 'runtime'])}",
        "ENV PATH=/opt/venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \\",
        "    PYTHONSAFEPATH=1",
        f"EXPOSE {PORT}",
        "STOPSIGNAL SIGTERM",
        "HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \\",
        f"    CMD {json.dumps(['python', '-S', '-c', _HEALTH])}",
        f"USER {USER}:{USER}",
        'ENTRYPOINT ["python", "-m", "mlpack.serve"]',
        'CMD ["serve"]',
        "",
        "# model",
        "COPY model/ /opt/ml/model/",
    ]
    for instruction, pairs in (("ENV", recipe.environment), ("LABEL", recipe.labels)):
        if pairs:
            told = [f"{_name(key)}={_quoted(value)}" for key, value in sorted(pairs.items())]
            lines.append(f"{instruction} " + " \\\n    ".join(told))
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A value that stays a value: descriptors are written by strangers, too."""
    plain = re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+", " ", text)
    return '"' + re.sub(r'(["\\$])', r"\\\1", plain) + '"'


def _name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._/-]", "_", text)
