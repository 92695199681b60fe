"""Reads and checks the requirement lines that a model folder will carry.

A model folder travels: to a colleague, a container build, a cloud. So its lines may only say
*what* is needed (PEP 508: a name, a version, or an https/git address), never where this machine
or this company gets it from:

- options that name an index (``--index-url``, ``--find-links``, …) are left out with a warning;
  an index is given when an image is built, where credentials can be kept out of the result;
- editable installs and paths are refused: nobody else has them (``code_paths`` carries own code);
- credentials in an address are refused, because they would be published with the model;
  ``https://${TOKEN}@host/…`` is allowed, pip and uv fill it in from the environment;
- unencrypted addresses are refused;
- hashes (``--hash``) are left out: a lock with hashes is made when an image is built.

``-r`` and ``-c`` files are read in.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import InvalidInput
from .installed import normalise

# Ours never goes into a folder: the peer must be able to load it alone, and the index's `mlpack`
# is a stranger's package. The peer never does either: we load its folders without it.
EXCLUDED = frozenset({"mlpack", "mlpack-toolkit", "mlflow", "mlflow-skinny", "mlflow-tracing"})

_PLACE_OPTIONS = re.compile(
    r"^(-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host|--no-index|--pre|"
    r"--prefer-binary|--only-binary|--no-binary|--require-hashes|--use-feature)(\s|=|$)"
)
_NESTED = re.compile(r"^(-r|-c|--requirement|--constraint)(?:\s+|=)?(.+)$")
_EDITABLE = re.compile(r"^(-e|--editable)(\s|=|$)")
_PATH = re.compile(r"^(\.|/|~|[A-Za-z]:\\|file:)|\.(whl|tar\.gz|zip)$")
_URL_SCHEMES = frozenset({"https", "git+https", "git+ssh"})
_FROM_ENVIRONMENT = re.compile(r"^\$\{[A-Z_][A-Z0-9_]*\}(:\$\{[A-Z_][A-Z0-9_]*\})?$")
_DEPTH_LIMIT = 10


@dataclass
class Lines:
    """Checked lines, by the distribution they speak of; later ones replace earlier ones."""

    requirements: dict[str, str] = field(default_factory=dict)
    constraints: dict[str, str] = field(default_factory=dict)


def read_lines(source: str | Path | Sequence[str]) -> Lines:
    """Read a requirements file, or a list of lines.

    Args:
        source: a path, or lines as in a requirements file.

    Returns:
        requirements and, from ``-c`` files, constraints.

    Raises:
        InvalidInput: a file is missing, or a line is refused (see this module's docstring).
    """
    lines = Lines()
    if isinstance(source, str | Path):
        _read_file(Path(source), lines, constraint=False, trail=())
    else:
        for item in source:
            if not isinstance(item, str):
                raise InvalidInput(
                    f"A requirement is a string such as 'pandas==2.2.0', got {item!r}."
                )
            # a line break inside one item would smuggle in a second line
            if re.search(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]", item.strip()):
                raise InvalidInput(
                    f"The requirement {item!r} contains a line break or a control character; "
                    "give one requirement an item."
                )
        _read_text(list(source), Path.cwd(), lines, constraint=False, trail=())
    return lines


def _read_file(path: Path, lines: Lines, *, constraint: bool, trail: tuple[Path, ...]) -> None:
    where = path.absolute()
    if where in trail or len(trail) >= _DEPTH_LIMIT:
        raise InvalidInput(f"The requirements file {path} includes itself.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInput(
            f"The requirements file {path} cannot be read ({error.strerror})."
        ) from None
    except UnicodeDecodeError:
        raise InvalidInput(f"The requirements file {path} is not UTF-8 text.") from None
    joined = re.sub(r"\\\r?\n", " ", text)
    _read_text(
        joined.splitlines(), where.parent, lines, constraint=constraint, trail=(*trail, where)
    )


def _read_text(
    texts: Iterable[str], folder: Path, lines: Lines, *, constraint: bool, trail: tuple[Path, ...]
) -> None:
    for text in texts:
        line = re.sub(r"(^|\s)#.*$", "", text).strip()
        if not line:
            continue
        if nested := _NESTED.match(line):
            is_constraint = constraint or nested[1] in ("-c", "--constraint")
            _read_file(folder / nested[2].strip(), lines, constraint=is_constraint, trail=trail)
        elif _PLACE_OPTIONS.match(line):
            shown = without_credentials(line)
            warnings.warn(
                f"{shown!r} is not kept with the model: it says where packages come from, "
                "not which. Give it when you build or install (mlpack build-docker --index-url).",
                stacklevel=4,
            )
        else:
            target = lines.constraints if constraint else lines.requirements
            name, checked = check_line(line)
            if name in EXCLUDED:
                warnings.warn(
                    f"{name!r} is left out of the model's requirements: a model folder loads "
                    "without it, and the scoring runtime is added to an image by itself.",
                    stacklevel=4,
                )
            else:
                target[name] = checked


def check_line(line: str) -> tuple[str, str]:
    """Check one requirement line.

    Returns:
        the distribution's normalised name, and the line without hashes.

    Raises:
        InvalidInput: see this module's docstring.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    shown = without_credentials(line)
    bare = re.sub(r"\s+--hash[=\s]\S+", "", line).strip()
    if _EDITABLE.match(bare) or (_PATH.search(bare) and "@" not in bare):
        raise InvalidInput(
            f"The requirement {shown!r} is a path on this machine; nobody else can install "
            "it. Pass your own code with code_paths=[…], or publish the package."
        )
    if bare.startswith("-"):
        raise InvalidInput(f"The option {shown!r} cannot stand in a model's requirements.")
    try:
        requirement = Requirement(bare)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise InvalidInput(
            f"{shown!r} is not a requirement ({reason}). Write it as 'name==1.2.3'."
        ) from None
    if requirement.url:
        _check_url(requirement.url, shown)
    return normalise(requirement.name), bare


def _check_url(url: str, shown: str) -> None:
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    plain_ssh_user = parts.scheme == "git+ssh" and ":" not in user
    if at and not plain_ssh_user and not _FROM_ENVIRONMENT.match(user):
        raise InvalidInput(
            f"The requirement {shown!r} holds credentials, which would be published with "
            "the model. Write ${TOKEN} in their place; pip and uv fill it in when they install."
        )
    if parts.scheme not in _URL_SCHEMES:
        raise InvalidInput(
            f"The requirement {shown!r} cannot be installed safely elsewhere; "
            f"use an address that starts with {', '.join(sorted(_URL_SCHEMES))}."
        )


def without_credentials(text: str) -> str:
    """A line or an address for a message."""
    return re.sub(r"(//)[^/@\s]+@", r"\1***@", text)[:200]
