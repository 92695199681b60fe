"""The part of mlpack that scores, as a wheel of its own.

Images and fresh environments install this file, never a name from a package index: the
name ``mlpack`` belongs to a stranger there. Only what answers requests goes in; tracking,
command line and builders stay out.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from .. import __version__
from ..errors import InvalidState, StorageFailed

DISTRIBUTION = "mlpack-toolkit"
# Everything that flavors and serve may import from outside the standard library, beside what
# the model itself needs. Their version ranges are those of our own distribution.
REQUIRED = ("cloudpickle", "flask", "gunicorn", "orjson", "pyyaml")

_PACKAGE = Path(__file__).resolve().parent.parent
_FILES = ("__init__.py", "errors.py", "uris.py", "py.typed")
_FOLDERS = ("flavors", "serve")
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file can name


def runtime_requirements() -> list[str]:
    """The requirement lines of the scoring runtime, such as ``flask>=3.0``.

    Raises:
        InvalidState: mlpack runs from a folder that was never installed.
    """
    lines = (line for line in _distribution().requires or () if ";" not in line)
    found = {re.split(r"[^A-Za-z0-9_.-]", line, maxsplit=1)[0].lower(): line for line in lines}
    return [found[name] for name in REQUIRED]


def build_runtime_wheel(dest: Path) -> Path:
    """Write the wheel of the scoring runtime.

    The same sources give the same bytes on any machine and day.

    Args:
        dest: a folder, made if it is missing.

    Returns:
        the wheel's path, ``dest/mlpack_toolkit-<version>-py3-none-any.whl``.

    Raises:
        InvalidState: mlpack runs from a folder that was never installed.
        StorageFailed: ``dest`` cannot be written.
    """
    stem = f"{DISTRIBUTION.replace('-', '_')}-{__version__}"
    wheel = dest / f"{stem}-py3-none-any.whl"
    contents = list(_contents(f"{stem}.dist-info"))
    try:
        dest.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=dest, prefix=".wheel-")
        try:
            with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
                for name, data in contents:
                    _add(archive, name, data)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(wheel)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageFailed(f"Cannot write {wheel}: {error.strerror or error}.") from error
    return wheel


def runtime_files() -> Iterator[tuple[str, bytes]]:
    """The wheel's files as ``(path, content)``, in a fixed order, for unpacking elsewhere."""
    yield from _contents(f"{DISTRIBUTION.replace('-', '_')}-{__version__}.dist-info")


def _contents(dist_info: str) -> Iterator[tuple[str, bytes]]:
    files = {f"mlpack/{name}": path.read_bytes() for name, path in _sources()}
    files[f"{dist_info}/METADATA"] = _metadata().encode()
    files[f"{dist_info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: mlpack\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{dist_info}/entry_points.txt"] = _entry_points().encode()
    record = [
        f"{name},sha256={_urlsafe_sha256(files[name])},{len(files[name])}" for name in sorted(files)
    ]
    record.append(f"{dist_info}/RECORD,,")
    yield from sorted(files.items())
    yield f"{dist_info}/RECORD", ("\n".join(record) + "\n").encode()


def _sources() -> Iterator[tuple[str, Path]]:
    for name in _FILES:
        yield name, _PACKAGE / name
    for folder in _FOLDERS:
        for path in sorted((_PACKAGE / folder).rglob("*")):
            relative = path.relative_to(_PACKAGE)
            unwanted = any(part == "__pycache__" or part.startswith(".") for part in relative.parts)
            if path.is_file() and not unwanted and path.suffix != ".pyc":
                yield relative.as_posix(), path


def _metadata() -> str:
    python = _distribution().metadata["Requires-Python"]
    lines = ["Metadata-Version: 2.1", f"Name: {DISTRIBUTION}", f"Version: {__version__}"]
    lines.append("Summary: The scoring runtime of mlpack.")
    lines.append(f"Requires-Python: {python}")
    lines += [f"Requires-Dist: {line}" for line in runtime_requirements()]
    return "\n".join(lines) + "\n"


def _entry_points() -> str:
    group = "mlpack.flavors"
    ours = sorted((e.name, e.value) for e in _distribution().entry_points if e.group == group)
    return f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in ours)


def _distribution() -> metadata.Distribution:
    try:
        return metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        raise InvalidState(
            f"mlpack is not installed here ({_PACKAGE} was only put on the path). "
            f"Install it first: pip install -e {_PACKAGE}"
        ) from None


def _urlsafe_sha256(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _EARLIEST)
    info.external_attr = 0o100644 << 16
    info.create_system = 3
    # stored, not deflated: compressed bytes differ between versions of zlib
    archive.writestr(info, data, zipfile.ZIP_STORED)
