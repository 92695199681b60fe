"""What an image must install for a model, from whatever its folder says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import BadModel, InvalidInput
from .indexes import without_credentials
from .runtime_wheel import DISTRIBUTION

# Named in every folder that the peer saved; its loaders are ours here.
PEER = frozenset({"mlflow", "mlflow-skinny", "mlflow-tracing"})

_INCLUDE = re.compile(r"^(-r|-c|--requirement|--constraint)(?:\s*=\s*|\s+|(?<=-[rc]))(\S.*)$")
_EDITABLE = re.compile(r"^(-e|--editable)\b")
_LOCATION = re.compile(
    r"^(?:-i|-f|--index-url|--extra-index-url|--find-links)(?:\s*=\s*|\s+|(?<=-[if]))(\S+)$"
)
_PATH = re.compile(r"^(\.|/|~|[A-Za-z]:\\|file:)|@\s*file:")
_CREDENTIALS = re.compile(r"//(?!(?:\$\{\w+\}:?)+@)[^/@\s]+@")
_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")
_DEEPEST = 10


@dataclass
class Requirements:
    """Lines for the installer.

    Attributes:
        lines: requirements and options, as in a requirements file.
        constraints: lines of the files that were included with ``-c``.
        notices: what was left out or added, and why.
    """

    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def read_requirements(
    model: Path, replaced_by: Path | None = None, *, keep_mlflow: bool = False
) -> Requirements:
    """What to install for a model.

    Args:
        model: the model's folder; its requirements.txt, else the pip part of its conda.yaml.
        replaced_by: the user's own file in its place.
        keep_mlflow: leave mlflow in if it is named.

    Raises:
        InvalidInput: a line cannot be installed in an image, or would leave a password there.
        BadModel: a requirements file of the model cannot be read.
    """
    found = Requirements()
    own = model / "requirements.txt"
    if replaced_by is not None:
        if replaced_by.is_fifo():  # which is empty when it is read again
            raise InvalidInput(
                f"{replaced_by} is a pipe, and requirements are read more than once. Write them to "
                "a file."
            )
        _read(replaced_by, found, False, ())
    elif own.is_file():
        _read(own, found, False, (), below=model)
    elif (model / "conda.yaml").is_file():
        for line in _conda(model / "conda.yaml"):
            _take(line, model / "conda.yaml", found, False, (), below=model)
    else:
        found.notices.append(
            "The model names no requirements; the image holds the scoring runtime alone. "
            "--requirements FILE gives it more."
        )
    _drop(found, keep_mlflow)
    return found


def _drop(found: Requirements, keep_mlflow: bool) -> None:
    """Leave out ourselves and, unless asked otherwise, the peer."""
    names = {line: _name(line) for line in found.lines}
    dropped = [line for line in found.lines if names[line] in PEER and not keep_mlflow]
    found.lines = [
        line for line in found.lines if line not in dropped and names[line] != DISTRIBUTION
    ]
    if not dropped:
        return
    found.notices.append(
        f"{', '.join(dropped)} is left out: the image answers without it (--keep-mlflow keeps it)."
    )
    full = any(names[line] == "mlflow" for line in dropped)
    if full and "pandas" not in names.values():
        found.lines.append("pandas")
        found.notices.append(
            "pandas is added: mlflow would have brought it, and the model may expect its tables."
        )


def _read(
    file: Path,
    found: Requirements,
    constraint: bool,
    trail: tuple[Path, ...],
    below: Path | None = None,
) -> None:
    resolved = file.resolve()
    if resolved in trail or len(trail) > _DEEPEST:
        raise InvalidInput(f"The requirements file {file} includes itself.")
    if below is not None and not resolved.is_relative_to(below.resolve()):
        raise BadModel(f"The model's requirements include {file}, which lies outside its folder.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        what = f"The requirements file {file} cannot be read ({error.strerror})."
        raise (BadModel if below else InvalidInput)(what) from None
    except UnicodeDecodeError:
        raise InvalidInput(f"The requirements file {file} is not UTF-8 text.") from None
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        _take(line, file, found, constraint, (*trail, resolved), below)


def _take(
    text: str,
    file: Path,
    found: Requirements,
    constraint: bool,
    trail: tuple[Path, ...],
    below: Path | None,
) -> None:
    line = re.sub(r"(^|\s)#.*$", "", text).strip()
    if not line:
        return
    if include := _INCLUDE.match(line):
        deeper = constraint or include[1] in ("-c", "--constraint")
        _read(file.parent / include[2].strip(), found, deeper, trail, below)
        return
    check_line(line, file)
    (found.constraints if constraint else found.lines).append(line)


def check_line(line: str, file: Path) -> None:
    """Refuse a line that an image build could not use, or that would leave a password in it.

    Raises:
        InvalidInput: says which line of the file, and what to do.
    """
    shown = without_credentials(line)
    if _CREDENTIALS.search(line):
        raise InvalidInput(
            f"{file.name} has credentials in {shown!r}; they would stay in the image. Give the "
            "index with --index-url, or write ${TOKEN} and pass --build-arg TOKEN=…"
        )
    location = _LOCATION.match(line)
    is_local = location and not re.match(r"https?://|\$\{", location[1])
    if is_local or _EDITABLE.match(line) or _PATH.search(line):
        raise InvalidInput(
            f"{file.name} names a place on one machine, {shown!r}, which an image build cannot "
            "see. Publish the package, or save the model with code_paths=[…]."
        )


def _name(line: str) -> str:
    match = _NAME.match(line)
    return re.sub(r"[-_.]+", "-", match[1]).lower() if match else ""


def _conda(file: Path) -> Iterator[str]:
    """The pip requirements of a conda environment, for folders from before requirements.txt."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise BadModel(f"{file} cannot be read; --requirements FILE replaces it.") from None
    items: Any = content.get("dependencies", []) if isinstance(content, Mapping) else []
    for item in items if isinstance(items, list) else []:
        if isinstance(item, Mapping) and isinstance(item.get("pip"), list):
            yield from (str(line) for line in item["pip"])
