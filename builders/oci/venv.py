"""What is laid into an image by hand: the virtual environment's frame and the scoring runtime.

Nothing runs while an image is made, so what ``python -m venv`` would make is written here. Format
of ``pyvenv.cfg``: https://docs.python.org/3/library/site.html
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator

from ..runtime_wheel import runtime_files
from .base_image import BaseFacts
from .layers import LayerEntry

VENV = "opt/venv"
RUNTIME = "opt/mlpack/runtime"
LOCK = "opt/mlpack/lock/requirements.lock"
SBOM = "opt/mlpack/sbom.cdx.json"
MODEL = "opt/ml/model"


def site_packages(facts: BaseFacts) -> str:
    """Where the model's requirements are."""
    return f"{VENV}/lib/python{facts.python_text}/site-packages"


def venv_entries(facts: BaseFacts) -> Iterator[LayerEntry]:
    """A virtual environment over the base's Python that finds the runtime.

    Args:
        facts: of a base image that has a Python.
    """
    assert facts.python is not None
    yield LayerEntry(f"{VENV}/bin/python", None, 0, link=facts.python)
    for name in ("python3", f"python{facts.python_text}"):
        yield LayerEntry(f"{VENV}/bin/{name}", None, 0, link="python")
    settings = {
        "home": posixpath.dirname(facts.python),
        "implementation": "CPython",
        "include-system-site-packages": "false",
        "version_info": facts.python_text,
    }
    text = "".join(f"{name} = {value}\n" for name, value in settings.items())
    yield file_entry(f"{VENV}/pyvenv.cfg", text)
    # the runtime is a layer of its own, so that a new mlpack does not replace the dependencies
    yield file_entry(f"{site_packages(facts)}/mlpack.pth", f"/{RUNTIME}\n")


def runtime_key() -> str:
    """Names what the runtime holds."""
    found = hashlib.sha256()
    for name, content in runtime_files():
        found.update(f"{name}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()


def file_entry(path: str, content: str | bytes) -> LayerEntry:
    """A small file."""
    data = content.encode() if isinstance(content, str) else content
    return LayerEntry(path, data, len(data))
